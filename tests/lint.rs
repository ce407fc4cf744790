//! The linter beside the recorded answers of hadolint 2.15.1 and of `docker build --check`, and its
//! fixes on real files.
//!
//! The recordings stand in a folder beside the repository (`DOCKWRIGHT_SHARED`, else `../shared`).
//! Without it these tests say so and check nothing.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use dockwright_lint::{
    Applicability, Config, ContextFacts, Diagnostic, Edit, Profile, Severity, ShellCache,
    apply_edits, fix, lint_text,
};
use dockwright_tests::shared;
use serde_json::Value;

/// Files of the corpus on which the `hadolint` profile differs from hadolint on purpose; see
/// `docs/compatibility-lint.md`.
const N_HADOLINT_DIFFERENT: usize = 25;

/// A finding as the recordings have it: line, code, severity.
type Found = (u64, String, String);

#[test]
fn hadolint_cases_agree() {
    let Some(folder) = shared("corpus/hadolint-cases.jsonl") else { return };
    let cases = lines(&std::fs::read_to_string(folder).expect("the cases can be read"));
    let mut different = Vec::new();
    for case in &cases {
        let mut config = hadolint_config();
        let settings = &case["config"];
        for registry in settings["trusted_registries"].as_array().into_iter().flatten() {
            config.trusted_registries.push(text(registry));
        }
        for (name, kind) in settings["label_schema"].as_object().into_iter().flatten() {
            let kind = text(kind).parse().expect("a kind of label");
            config.label_schema.push((name.clone(), kind));
        }
        config.strict_labels = settings["strict_labels"] == true;
        let findings = lint_text(&text(&case["dockerfile"]), &config);
        let found: Vec<(u64, String)> =
            as_found(&findings).into_iter().map(|(line, code, _)| (line, code)).collect();
        let mut expected: Vec<(u64, String)> = case["hadolint"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|finding| (finding[0].as_u64().expect("a line"), text(&finding[1])))
            .filter(|(_, code)| !code.starts_with("SC"))
            .collect();
        expected.sort();
        if found != expected {
            different.push(format!("{}: {found:?}, hadolint {expected:?}", case["id"]));
        }
    }
    assert_eq!(cases.len(), 507, "the whole recording");
    assert!(different.is_empty(), "{} differ\n{}", different.len(), different.join("\n"));
}

#[test]
fn hadolint_corpus_agrees() {
    let Some(recording) = shared("corpus/expected-hadolint.jsonl.zst") else { return };
    let files = corpus();
    let mut different = Vec::new();
    let mut seen = BTreeMap::new();
    for record in lines(&unpack(&recording)) {
        let name = text(&record["file"]);
        if seen.insert(name.clone(), ()).is_some() {
            continue;
        }
        let findings = lint_text(&files[&name], &hadolint_config());
        let mut expected: Vec<Found> = record["findings"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|f| (f[0].as_u64().expect("a line"), text(&f[1]), text(&f[2])))
            .filter(|(_, code, _)| !code.starts_with("SC"))
            .collect();
        expected.sort();
        let found = as_found(&findings);
        if found != expected {
            different.push(format!("{name}: {found:?}, hadolint {expected:?}"));
        }
    }
    assert_eq!(seen.len(), 3423, "the whole recording");
    assert_eq!(different.len(), N_HADOLINT_DIFFERENT, "{}", different.join("\n"));
}

#[test]
fn buildkit_cases_agree() {
    let Some(recording) = shared("corpus/buildkit-check-cases.jsonl") else { return };
    let cases = lines(&std::fs::read_to_string(recording).expect("the cases can be read"));
    let mut different = Vec::new();
    for case in &cases {
        let mut config = Config::new(Profile::Buildkit);
        for (name, value) in case["build_args"].as_object().into_iter().flatten() {
            config.build_args.push((name.clone(), text(value)));
        }
        let ignore_file = case["dockerignore"].as_str().map(str::to_owned);
        config.context = Some(ContextFacts { ignore_file, ..ContextFacts::default() });
        let found = as_warnings(&lint_text(&text(&case["dockerfile"]), &config));
        // The recording has no lines for stages that the build does not reach.
        let is_unlined = case["warnings"] != case["warnings_all_targets"];
        let line_of = |line: u64| if is_unlined { 0 } else { line };
        let found =
            found.into_iter().map(|(rule, line, _, message)| (rule, line_of(line), message));
        let found: Vec<_> = found.collect();
        let mut expected: Vec<_> = case["warnings_all_targets"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|w| (text(&w["rule"]), w["line"].as_u64().unwrap_or(0), text(&w["detail"])))
            .collect();
        expected.sort();
        if found != expected {
            different.push(format!("{}: {found:?}, BuildKit {expected:?}", case["id"]));
        }
    }
    assert_eq!(cases.len(), 45, "the whole recording");
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn buildkit_corpus_agrees() {
    let Some(recording) = shared("corpus/expected-check.jsonl.zst") else { return };
    let files = corpus();
    let mut different = Vec::new();
    let records = lines(&unpack(&recording));
    for record in &records {
        let name = text(&record["file"]).rsplit('/').next().unwrap_or_default().to_owned();
        let found = as_warnings(&lint_text(&files[&name], &Config::new(Profile::Buildkit)));
        let mut expected: Vec<_> = record["warnings"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|w| {
                let line = |key: &str| w[key].as_u64().unwrap_or(0);
                (text(&w["rule"]), line("start"), line("end"), text(&w["msg"]))
            })
            .collect();
        expected.sort();
        if found != expected {
            different.push(format!("{name}: {found:?}, BuildKit {expected:?}"));
        }
    }
    assert_eq!(records.len(), 10_052, "the whole recording");
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// Every fix of every rule on every file: the result has no new syntax error, the findings are gone,
/// nothing of error or warning level is new, and no fix is left, so doing it again changes nothing.
#[test]
fn fixes_hold_on_the_corpus() {
    if shared("corpus/dockerfiles.tar.zst").is_none() {
        return;
    }
    let files: Vec<(String, String)> = corpus().into_iter().collect();
    let n_threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut faults = Vec::new();
    let mut n_applied = 0;
    std::thread::scope(|scope| {
        let chunks = files.chunks(files.len().div_ceil(n_threads));
        let threads: Vec<_> = chunks.map(|chunk| scope.spawn(|| try_fixes(chunk))).collect();
        for thread in threads {
            let (n, found) = thread.join().expect("no fix panics");
            n_applied += n;
            faults.extend(found);
        }
    });
    assert!(n_applied > 10_000, "only {n_applied} fixes were tried");
    faults.truncate(100);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Every fix by itself, on every file it applies to: the result has no new syntax error, the finding is
/// gone, and nothing of error or warning level is new. Without the corpus, on the examples of the
/// rules' pages.
#[test]
fn each_fix_holds_alone() {
    let files: Vec<(String, String)> = match shared("corpus/dockerfiles.tar.zst") {
        Some(_) => corpus().into_iter().step_by(10).collect(),
        None => examples(),
    };
    let mut faults = Vec::new();
    let mut n_fixes = 0;
    for (name, source) in &files {
        for profile in [Profile::Hadolint, Profile::Buildkit, Profile::Dockwright] {
            let config = Config::new(profile);
            let before = lint_text(source, &config);
            for found in &before {
                let Some(fix) = &found.fix else { continue };
                n_fixes += 1;
                let fixed = apply_edits(source, fix.edits.clone()).expect("edits do not overlap");
                if !is_edited_only(source, &fix.edits, &fixed) {
                    faults.push(format!("{name} {}: bytes outside the edits differ", found.code));
                }
                let after = lint_text(&fixed, &config);
                let count = |all: &[Diagnostic]| {
                    all.iter().filter(|other| other.code == found.code).count()
                };
                let place = format!("{name}:{} {} {profile:?}", found.lines.0, found.code);
                if count(&after) >= count(&before) {
                    faults.push(format!("{place}: the finding stays"));
                }
                // The fix of a new finding comes in the next round.
                let stays = |code: &&str| after.iter().any(|d| d.code == *code && d.fix.is_none());
                for code in new_findings(&before, &after).into_iter().filter(stays) {
                    faults.push(format!("{place}: new {code}"));
                }
            }
        }
    }
    assert!(n_fixes > 60, "only {n_fixes} fixes were tried");
    faults.truncate(100);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Returns the `bad` examples of the rules' pages.
fn examples() -> Vec<(String, String)> {
    let mut examples = Vec::new();
    for rule in dockwright_lint::rules::all() {
        let blocks = rule.page.split("```dockerfile bad").skip(1);
        for (number, block) in blocks.enumerate() {
            let text = block.split_once('\n').map(|(_, text)| text).unwrap_or_default();
            let text = text.split("```").next().unwrap_or_default();
            examples.push((format!("{} {number}", rule.code), text.to_owned()));
        }
    }
    examples
}

/// Tells whether `fixed` is `source` but for the places of `edits`: taken backwards, the edits give the
/// source again, byte for byte.
fn is_edited_only(source: &str, edits: &[Edit], fixed: &str) -> bool {
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    edits.dedup();
    let (mut restored, mut at) = (String::new(), 0);
    for edit in edits {
        let kept = edit.span.start as usize - restored.len();
        restored.push_str(&fixed[at..at + kept]);
        at += kept;
        if !fixed[at..].starts_with(&edit.replacement) {
            return false;
        }
        at += edit.replacement.len();
        restored.push_str(&source[edit.span.range()]);
    }
    restored.push_str(&fixed[at..]);
    restored == source
}

/// Applies all fixes to `files`; how many there were, and what is wrong with them.
fn try_fixes(files: &[(String, String)]) -> (usize, Vec<String>) {
    let mut faults = Vec::new();
    let mut n_applied = 0;
    let shell_cache = ShellCache::default();
    for (name, source) in files {
        for profile in [Profile::Hadolint, Profile::Buildkit, Profile::Dockwright] {
            for trust in [Applicability::Safe, Applicability::Unsafe] {
                let mut config = Config::new(profile);
                config.shell_cache = shell_cache.clone();
                let before = lint_text(source, &config);
                let fixed = fix(source, &config, trust);
                n_applied += fixed.applied.len();
                let mut say = |what: String| {
                    faults.push(format!("{name} {profile:?} {trust:?}: {what}"));
                };
                for code in new_findings(&before, &fixed.remaining) {
                    say(format!("new {code}"));
                }
                let left = fixed.remaining.iter().find(|diagnostic| {
                    diagnostic.fix.as_ref().is_some_and(|fix| fix.applicability <= trust)
                });
                if let Some(left) = left {
                    say(format!("{} left, after {:?}", left.code, fixed.applied));
                }
            }
        }
    }
    (n_applied, faults)
}

/// Returns the codes of error or warning level that are more frequent afterwards.
fn new_findings(before: &[Diagnostic], after: &[Diagnostic]) -> Vec<&'static str> {
    let count = |diagnostics: &[Diagnostic]| {
        let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
        for diagnostic in diagnostics.iter().filter(|d| d.severity >= Severity::Warning) {
            *counts.entry(diagnostic.code).or_default() += 1;
        }
        counts
    };
    let old = count(before);
    let is_new = |code: &&str, n: usize| n > old.get(code).copied().unwrap_or(0);
    count(after).into_iter().filter(|(code, n)| is_new(code, *n)).map(|(code, _)| code).collect()
}

fn hadolint_config() -> Config {
    let mut config = Config::new(Profile::Hadolint);
    config.severities.push(("DL1001".to_owned(), Severity::Info));
    config.severities.push(("DL3057".to_owned(), Severity::Info));
    config
}

fn as_found(findings: &[Diagnostic]) -> Vec<Found> {
    let mut found: Vec<Found> = findings
        .iter()
        .filter(|finding| !finding.code.starts_with("SC"))
        .map(|finding| {
            (
                u64::from(finding.lines.0),
                finding.code.to_owned(),
                finding.severity.name().to_owned(),
            )
        })
        .collect();
    found.sort();
    found
}

fn as_warnings(findings: &[Diagnostic]) -> Vec<(String, u64, u64, String)> {
    let mut found: Vec<_> = findings
        .iter()
        .filter(|finding| finding.rule.is_some())
        .map(|finding| {
            let (start, end) = finding.lines;
            let message = finding.message.clone();
            (finding.code.to_owned(), u64::from(start), u64::from(end), message)
        })
        .collect();
    found.sort();
    found
}

/// Returns the Dockerfiles of the corpus by name.
pub(crate) fn corpus() -> BTreeMap<String, String> {
    let archive =
        shared("corpus/dockerfiles.tar.zst").expect("the corpus stands by its recordings");
    let file = std::fs::File::open(archive).expect("the corpus can be read");
    let mut archive = tar::Archive::new(zstd::Decoder::new(file).expect("the corpus is zstd"));
    let mut files = BTreeMap::new();
    for entry in archive.entries().expect("the corpus is a tar") {
        let mut entry = entry.expect("the corpus is whole");
        let path = entry.path().expect("a path").into_owned();
        if !path.starts_with("dockerfiles") || !entry.header().entry_type().is_file() {
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("the corpus is whole");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        files.insert(name, String::from_utf8_lossy(&bytes).into_owned());
    }
    assert_eq!(files.len(), 10_052, "the whole corpus");
    files
}

pub(crate) fn unpack(path: &Path) -> String {
    let file = std::fs::File::open(path).expect("the recording can be read");
    let bytes = zstd::decode_all(file).expect("the recording is zstd");
    String::from_utf8(bytes).expect("the recording is UTF-8")
}

pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_loop_behind_cd_is_kept_whole() {
    let config = Config::new(Profile::Hadolint);
    let head =
        "for p in /tmp/*.patch; do [ -f \"$p\" ] && git apply \"$p\" && echo \"$p\"; done; true";
    let source = format!("FROM debian:13\nRUN cd /src && \\\n    {head}\n");
    let fixed = fix(&source, &config, Applicability::Unsafe);
    assert!(fixed.applied.contains(&"DL3003"), "{:?}", fixed.applied);
    assert_eq!(fixed.text, format!("FROM debian:13\nWORKDIR /src\nRUN {head}\n"));
}
