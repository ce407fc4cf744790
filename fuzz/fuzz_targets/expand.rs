//! Word expansion ends for any text, and its faults have a place.

#![no_main]

#[path = "../../tests/parser/checks.rs"]
#[expect(dead_code, reason = "each target uses its own check")]
mod checks;

libfuzzer_sys::fuzz_target!(|text: &str| checks::expanding(text));
