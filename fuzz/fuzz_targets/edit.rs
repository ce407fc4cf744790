//! Edits: the first byte counts an instruction, the rest of the first line is the new value, the
//! other lines are the Dockerfile.

#![no_main]

#[path = "../../tests/parser/checks.rs"]
#[expect(dead_code, reason = "each target uses its own check")]
mod checks;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (head, text) = text.split_once('\n').unwrap_or(("", text));
    let mut value = head.chars();
    let index = value.next().map_or(0, |first| first as usize % 8);
    checks::editing(text, index, value.as_str());
});
