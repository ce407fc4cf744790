//! Parsing is total and lossless for any bytes, and ends in time linear in their number: a repeated
//! text that takes longer runs into the fuzzer's `-timeout`.

#![no_main]

#[path = "../../tests/parser/checks.rs"]
#[expect(dead_code, reason = "each target uses its own check")]
mod checks;

/// Length to which one text of some is repeated.
const LONG: usize = 1 << 18;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    checks::bytes(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    checks::parsing(text);
    if !text.is_empty() && text.len() % 16 == 0 {
        let long = text.repeat(LONG / text.len() + 1);
        let parsed = dockerfile_parser::parse(&long);
        std::hint::black_box(dockerfile_parser::Model::new(&parsed));
    }
});
