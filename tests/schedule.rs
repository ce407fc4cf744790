//! Steps that run side by side: whatever the schedule, the same comes of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dockwright_tests::Sandbox;
use serde_json::Value;

const JOBS: [&str; 4] = ["1", "2", "3", "8"];

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

/// A Dockerfile of stages that stand on and copy from earlier ones. Each step takes a time of its
/// own; about one in `failing` fails, if any do.
fn dockerfile(random: &mut Random, failing: Option<u64>) -> String {
    let mut text = String::new();
    for stage in 0..6_u64 {
        let below = match random.below(3) {
            0 if stage > 0 => format!("s{}", random.below(stage)),
            _ => "centos".to_owned(),
        };
        let _ = writeln!(text, "FROM {below} AS s{stage}");
        for step in 0..3 {
            let pause = random.below(12);
            let end = match failing {
                Some(n) if random.below(n) == 0 => format!("; exit {}", 1 + stage * 3 + step),
                _ => String::new(),
            };
            let said = format!("echo {stage}.{step}; echo {stage}.{step} >> /said");
            let _ = writeln!(text, "RUN sleep 0.{pause:02}; {said}{end}");
        }
        if stage > 0 {
            let from = random.below(stage);
            let _ = writeln!(text, "COPY --from=s{from} /said /from-{from}");
        }
    }
    text.push_str("FROM centos\n");
    for stage in 0..6 {
        let _ = writeln!(text, "COPY --from=s{stage} /said /s{stage}");
    }
    text
}

/// What each step wrote and how it ended, by its number.
fn log(stderr: &str) -> BTreeMap<u64, String> {
    let mut log = BTreeMap::new();
    for line in stderr.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{stderr}"));
        let Some(step) = event["step"].as_u64() else { continue };
        let text: &mut String = log.entry(step).or_default();
        text.push_str(event["data"].as_str().unwrap_or_default());
        text.push_str(event["outcome"].as_str().unwrap_or_default());
    }
    log
}

#[test]
fn any_number_of_jobs_gives_the_same_image_and_log() {
    let sandbox = Sandbox::with_base();
    let mut random = Random(7);
    for round in 0..2 {
        let text = dockerfile(&mut random, None);
        sandbox.write("context/Dockerfile", &text);
        let build = |jobs: &str| {
            let arguments = ["build", "--no-cache", "--progress=json", "--jobs", jobs, "context"];
            let outcome = sandbox.succeed(arguments);
            let last = outcome.stderr.lines().last().unwrap_or_default().to_owned();
            (log(&outcome.stderr), last)
        };
        let expected = build("1");
        assert!(expected.0.values().any(|text| text == "5.2\ndone"), "{text}\n{expected:?}");
        for jobs in &JOBS[1..] {
            assert_eq!(build(jobs), expected, "round {round}, {jobs} jobs:\n{text}");
        }
    }
}

#[test]
fn any_number_of_jobs_gives_the_same_failure() {
    let sandbox = Sandbox::with_base();
    let mut random = Random(11);
    let mut n_failed = 0;
    for round in 0..5 {
        let text = dockerfile(&mut random, Some(6));
        sandbox.write("context/Dockerfile", &text);
        let build = |jobs: &str| {
            sandbox.run(["build", "--no-cache", "--quiet", "--jobs", jobs, "context"]).text()
        };
        let expected = build("1");
        n_failed += u32::from(expected.contains("exit code"));
        for jobs in &JOBS[1..] {
            assert_eq!(build(jobs), expected, "round {round}, {jobs} jobs:\n{text}");
        }
    }
    assert!(n_failed >= 4, "{n_failed}");
}
