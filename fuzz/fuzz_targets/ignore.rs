//! Ignore files: the first line is a path, the rest the file.

#![no_main]

#[path = "../../tests/parser/checks.rs"]
#[expect(dead_code, reason = "each target uses its own check")]
mod checks;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (path, rules) = text.split_once('\n').unwrap_or((text, ""));
    checks::ignoring(rules, path);
});
