//! `plan` foretells what the build that follows does.

use std::collections::BTreeMap;
use std::process::Command;

use dockwright_tests::{Sandbox, has_several_ids, succeed};
use serde_json::Value;

/// How many edits are tried unless `DOCKWRIGHT_PLAN_PAIRS` says more.
const N_PAIRS: usize = 40;

/// A small generator of numbers (SplitMix64), so that a failure comes again.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n as u64).expect("it is below n")
    }
}

/// The parts of a Dockerfile that edits change.
#[derive(Clone, Debug)]
struct Project {
    argument: usize,
    environment: usize,
    commands: Vec<usize>,
    last: Vec<usize>,
    link: bool,
}

impl Project {
    fn dockerfile(&self) -> String {
        let mut text = format!("FROM centos AS build\nARG A={}\nCOPY src /src\n", self.argument);
        for command in &self.commands {
            // Some leave files, some do not: their layers are equal.
            let leave = if command % 2 == 0 { format!(" > /out{command}") } else { String::new() };
            text += &format!("RUN echo {command}{leave}\n");
        }
        text += "RUN cp -r /src /result\nFROM centos AS side\nCOPY side.txt /\nRUN echo side\n";
        text += &format!("FROM centos\nENV E={}\nWORKDIR /app\n", self.environment);
        let link = if self.link { "--link " } else { "" };
        text += &format!("COPY {link}--from=build /result .\nCOPY --from=side /side.txt .\n");
        for command in &self.last {
            text +=
                &format!("RUN --mount=type=bind,source=mounted,target=/m echo last {command}\n");
        }
        text
    }

    /// Changes one thing of the Dockerfile or of the context, and says what.
    fn edit(&mut self, random: &mut Random, sandbox: &Sandbox) -> String {
        let n = random.below(4);
        let kind = random.below(12);
        match kind {
            0 => self.argument = n,
            1 => self.environment = n,
            2 => {
                let at = random.below(self.commands.len() + 1);
                self.commands.insert(at, random.below(9));
            }
            3 if self.commands.len() > 1 => {
                let at = random.below(self.commands.len());
                self.commands.remove(at);
            }
            4 => self.commands.reverse(),
            5 => sandbox.write("context/src/a", format!("{n}")),
            6 => sandbox.write(&format!("context/src/b{n}"), "b"),
            7 => sandbox.write("context/side.txt", format!("{n}")),
            8 => sandbox.write("context/mounted/m", format!("{n}")),
            9 => self.last = vec![n],
            10 => self.link = n.is_multiple_of(2),
            _ => {
                let script = if n.is_multiple_of(2) {
                    "chmod 755 src/a"
                } else {
                    "touch src/a; chmod 644 src/a"
                };
                let context = sandbox.path("context");
                succeed(Command::new("sh").args(["-c", script]).current_dir(context));
            }
        }
        format!("edit {kind} with {n}")
    }
}

#[test]
fn plan_foretells_the_build() {
    if !has_several_ids("plan foretells the build") {
        return;
    }
    let pairs = std::env::var("DOCKWRIGHT_PLAN_PAIRS").ok().and_then(|text| text.parse().ok());
    let sandbox = Sandbox::with_base();
    let mut random = Random(7);
    let mut project =
        Project { argument: 1, environment: 1, commands: vec![1, 2], last: vec![1], link: false };
    for file in ["src/a", "src/c/d", "side.txt", "mounted/m"] {
        sandbox.write(&format!("context/{file}"), "1");
    }
    let mut seen = BTreeMap::new();
    for pair in 0..pairs.unwrap_or(N_PAIRS) {
        let edit =
            if pair == 0 { "nothing".to_owned() } else { project.edit(&mut random, &sandbox) };
        sandbox.write("context/Dockerfile", project.dockerfile());
        let arguments: &[&str] = match random.below(8) {
            0 => &["--build-arg", "A=9"],
            1 => &["--target", "build"],
            2 => &["--no-cache-filter", "side"],
            _ => &[],
        };
        let what = format!("pair {pair}: {edit}, {arguments:?}");
        for (forecast, count) in check(&sandbox, arguments, &what) {
            *seen.entry(forecast).or_insert(0) += count;
        }
    }
    let kinds: Vec<&str> = seen.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["hit", "miss", "unknown"], "all kinds were tried: {seen:?}");
}

/// Compares a plan with the build that follows.
#[track_caller]
fn check(sandbox: &Sandbox, arguments: &[&str], what: &str) -> BTreeMap<String, usize> {
    let with = |first: &[&'static str]| -> Vec<String> {
        let all = first.iter().chain(arguments).chain(&["context"]);
        all.map(|text| (*text).to_owned()).collect()
    };
    let planned =
        dockwright_tests::run(sandbox.command().args(with(&["plan", "--format", "json"])));
    assert!([0, 3].contains(&planned.code), "{what}: {}", planned.stderr);
    let plan: Value = serde_json::from_str(&planned.stdout).expect("JSON");
    let built = succeed(sandbox.command().args(with(&["build", "--progress", "json"])));
    let mut outcomes = BTreeMap::new();
    for line in built.stderr.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        if event["event"] == "finished" {
            outcomes.insert(event["step"].as_u64(), event["outcome"].clone());
        }
    }
    let mut seen = BTreeMap::new();
    let mut executed = Vec::new();
    for step in plan["steps"].as_array().expect("a list") {
        let id = step["id"].as_u64();
        let outcome = outcomes.get(&id).unwrap_or(&Value::Null);
        if outcome == "done" {
            executed.push(id);
        }
        let forecast = step["forecast"].as_str().expect("text").to_owned();
        match forecast.as_str() {
            "hit" => assert_eq!(outcome, "cached", "{what}: {step}"),
            "miss" => {
                assert_eq!(outcome, "done", "{what}: {step}");
                assert!(step["reason"].is_string(), "{what}: {step}");
            }
            "unknown" => {
                let waits = step["waits_for"].as_array().expect("a list");
                let is_executed = waits.iter().all(|id| executed.contains(&id.as_u64()));
                assert!(!waits.is_empty() && is_executed, "{what}: {step}");
                assert!(outcome == "cached" || outcome == "done", "{what}: {step}");
            }
            other => panic!("{what}: `{other}`"),
        }
        *seen.entry(forecast).or_insert(0) += 1;
    }
    assert_eq!(planned.code == 0, executed.is_empty(), "{what}: the exit code");
    assert_eq!(plan["cached"] == true, executed.is_empty(), "{what}");
    seen
}

#[test]
fn a_plan_is_written_in_every_format() {
    let sandbox = Sandbox::with_base();
    sandbox.write(
        "context/Dockerfile",
        "FROM centos AS a\nRUN echo '<a> \"b\" & [c]'\nFROM centos\nCOPY --from=a /bin/sh /x\n",
    );
    let plan = |format: &str| sandbox.run(["plan", "--format", format, "context"]);
    let text = plan("text");
    assert_eq!(text.code, 3, "{}", text.stderr);
    assert!(
        text.stdout.contains("miss    line 2 RUN echo '<a> \"b\" & [c]': never built"),
        "{}",
        text.stdout
    );
    assert!(
        text.stdout.contains("unknown line 4 COPY --from=a /bin/sh /x: waits for line 2 RUN"),
        "{}",
        text.stdout
    );
    assert!(text.stdout.ends_with("1 hit, 1 miss, 1 unknown\n"), "{}", text.stdout);
    let dot = plan("dot").stdout;
    assert!(dot.starts_with("digraph plan {\n") && dot.contains("n0 -> n1;"), "{dot}");
    let mermaid = plan("mermaid").stdout;
    assert!(mermaid.starts_with("flowchart TB\n") && mermaid.contains("n0 --> n1"), "{mermaid}");
    let svg = plan("svg").stdout;
    assert!(
        svg.contains("&lt;a&gt; &quot;b&quot; &amp; [c]") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
    // Nothing was run, and nothing is different afterwards.
    assert_eq!(plan("text").stdout, text.stdout);
    sandbox.succeed(["build", "context"]);
    assert_eq!(plan("text").code, 0);
    let unknown = sandbox.run(["plan", "--format", "png", "context"]);
    assert_eq!(unknown.code, 2, "{}", unknown.stderr);
    sandbox.write("context/Dockerfile", "FROM centos\nCOPY missing /\n");
    assert_eq!(plan("text").code, 1);
}
