//! Formatting is stable and changes no meaning.

#![no_main]

#[path = "../../tests/parser/checks.rs"]
#[expect(dead_code, reason = "each target uses its own check")]
mod checks;

libfuzzer_sys::fuzz_target!(|text: &str| assert_eq!(checks::formatting(text), Ok(())));
