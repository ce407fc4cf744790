//! Parser speed beside its peers: `bench-parse FOLDER [NAME]`, a folder of Dockerfiles and perhaps the
//! one parser to run.
//!
//! Every peer reads the files that it accepts in turn on one thread, and dockwright the same files;
//! the time is that of the processor, the best of some rounds. Files that are not UTF-8 are left out.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 15;

/// A parser by its name: tells how many things it found, so that nothing is optimised away, or that
/// it refuses the text.
type Peer = (&'static str, fn(&str) -> Option<usize>);

const OWN: Peer = ("dockwright", dockwright);

const PEERS: &[Peer] = &[
    ("dockwright, with model", dockwright_model),
    ("parse-dockerfile 0.1.9", parse_dockerfile_peer),
    ("dockerfile-parser 0.9", dockerfile_parser_peer),
];

/// A name, and a text of that shape with so many parts.
type Shape = (&'static str, fn(usize) -> String);

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
fn main() {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: bench-parse FOLDER");
        return;
    };
    let only = std::env::args().nth(2);
    let files = files(std::path::Path::new(&folder));
    for peer in PEERS.iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name)) {
        let accepted: Vec<&str> =
            files.iter().map(String::as_str).filter(|text| peer.1(text).is_some()).collect();
        let n_bytes: usize = accepted.iter().map(|text| text.len()).sum();
        println!("{} files, {n_bytes} bytes", accepted.len());
        let [own, other] = best_times(&[OWN, *peer], &accepted);
        let rate = |time: Duration| n_bytes as f64 / time.as_secs_f64() / 1e6;
        println!("  {:26} {:8.1} MB/s  {own:10.2?}", OWN.0, rate(own));
        let times = rate(own) / rate(other);
        println!("  {:26} {:8.1} MB/s  {other:10.2?}  1 : {times:.2}", peer.0, rate(other));
    }
    if only.is_none() {
        memory(&files);
        scaling();
    }
}

/// The best time of each parser over all texts; the parsers take turns.
fn best_times(parsers: &[Peer; 2], texts: &[&str]) -> [Duration; 2] {
    let mut best = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        for (best, (_, parse)) in best.iter_mut().zip(parsers) {
            let start = cpu_time();
            std::hint::black_box(texts.iter().filter_map(|text| parse(text)).sum::<usize>());
            *best = (*best).min(cpu_time().saturating_sub(start));
        }
    }
    best
}

fn files(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().collect());
    let mut paths: Vec<_> =
        entries.unwrap_or_else(|_| Vec::new()).iter().map(std::fs::DirEntry::path).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
}

/// Time of the processor that this thread took so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Says how much memory all files take while they are parsed at once, beside their text.
#[expect(clippy::print_stdout, reason = "a program for the terminal")]
fn memory(files: &[String]) {
    let before = resident();
    let parses: Vec<_> = files.iter().map(|text| dockerfile_parser::parse(text)).collect();
    let taken = resident().saturating_sub(before);
    let n_bytes: usize = files.iter().map(String::len).sum();
    let times = taken as f64 / n_bytes.max(1) as f64;
    println!("memory of {} parses: {times:.1} times the text", parses.len());
}

/// Bytes of memory that the process holds.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or_default() * rustix::param::page_size()
}

/// Shapes that make a parser slow when it is not linear; each at two sizes.
#[expect(clippy::print_stdout, reason = "a program for the terminal")]
fn scaling() {
    let shapes: &[Shape] = &[
        ("one long line", |n| format!("FROM a\nRUN {}\n", "x".repeat(n))),
        ("one long continued line", |n| format!("FROM a\nRUN {}\n", "x \\\n ".repeat(n / 5))),
        ("many instructions", |n| "RUN x\n".repeat(n / 6)),
        ("many heredocs", |n| "RUN <<E\nx\nE\n".repeat(n / 12)),
        ("unterminated heredocs", |n| (0..n / 12).map(|i| format!("RUN <<E{i}\n")).collect()),
        ("nested defaults", |n| format!("ENV a={}", "${a:-".repeat(n / 5))),
        ("many flags", |n| format!("RUN {}", "--mount=a ".repeat(n / 10))),
        ("long JSON", |n| format!("CMD [{}\"x\"]", "\"a\", ".repeat(n / 5))),
        ("deep JSON", |n| format!("CMD {}", "[".repeat(n))),
        ("quotes", |n| format!("RUN <<E {}", "\"a ".repeat(n / 3))),
        ("many ARG", |n| (0..n / 16).map(|i| format!("ARG a{i}=$a{}\n", i / 2)).collect()),
        ("many ENV", |n| {
            (0..n / 16).fold("FROM a\n".into(), |text, i| text + &format!("ENV a{i}=1\n"))
        }),
        ("many stages", |n| (0..n / 16).map(|i| format!("FROM a AS s{i}\n")).collect()),
    ];
    for (name, make) in shapes {
        let times: Vec<Duration> = [1_000_000, 10_000_000]
            .into_iter()
            .map(|n| {
                let text = make(n);
                let start = cpu_time();
                std::hint::black_box(dockwright_scope(&text));
                cpu_time().saturating_sub(start)
            })
            .collect();
        println!("{name:26} 1 MB {:10.2?}   10 MB {:10.2?}", times[0], times[1]);
    }
}

fn dockwright(text: &str) -> Option<usize> {
    let parsed = dockerfile_parser::parse(text);
    Some(parsed.instructions.len() + usize::from(!parsed.tokens.is_empty()))
}

fn dockwright_model(text: &str) -> Option<usize> {
    let parsed = dockerfile_parser::parse(text);
    Some(dockerfile_parser::Model::new(&parsed).stages.len())
}

/// The variables that the last instruction sees, too.
fn dockwright_scope(text: &str) -> usize {
    let parsed = dockerfile_parser::parse(text);
    let model = dockerfile_parser::Model::new(&parsed);
    let last = parsed.instructions.len().saturating_sub(1);
    model.scope_at(last, &dockerfile_parser::Inputs::default()).values.len()
}

fn parse_dockerfile_peer(text: &str) -> Option<usize> {
    parse_dockerfile::parse(text).ok().map(|parsed| parsed.instructions.len())
}

fn dockerfile_parser_peer(text: &str) -> Option<usize> {
    archived_parser::Dockerfile::parse(text).ok().map(|parsed| parsed.instructions.len())
}
