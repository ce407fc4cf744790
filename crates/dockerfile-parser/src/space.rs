//! The sets of white space, which differ by place.
//!
//! BuildKit uses Unicode's white space where it trims and splits words, and five ASCII characters
//! where it splits an instruction into keyword and arguments. Both must be kept apart:
//! `RUN<NBSP>x` is one unknown keyword, `ENV a=b<NBSP>c=d` is two pairs.

use std::ops::Range;

/// Tells whether `byte` is a tab, vertical tab, form feed, carriage return or space.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x0B | 0x0C | b'\r' | b' ')
}

/// Returns the range of `text` without Unicode white space at both ends.
pub(crate) fn trim(text: &str) -> Range<usize> {
    let start = trim_start(text);
    start..start + trim_end_len(&text[start..])
}

/// Returns the number of bytes of Unicode white space that `text` starts with.
#[inline]
pub(crate) fn trim_start(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        match bytes.get(at) {
            Some(b' ' | b'\t') => at += 1,
            Some(b'!'..0x80) | None => return at,
            Some(_) => return text.len() - text.trim_start().len(),
        }
    }
}

/// Returns the length of `text` without the Unicode white space at its end.
#[inline]
pub(crate) fn trim_end_len(text: &str) -> usize {
    match text.as_bytes() {
        [.., b'!'..0x80] => text.len(),
        _ => text.trim_end().len(),
    }
}

/// Returns the words of `text` between runs of the five ASCII blanks.
#[inline]
pub(crate) fn split(text: &str) -> Split<'_> {
    Split { bytes: text.as_bytes(), at: 0 }
}

/// The words of a text.
pub(crate) struct Split<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Iterator for Split<'_> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Range<usize>> {
        let mut start = self.at;
        while is_space(*self.bytes.get(start)?) {
            start += 1;
        }
        self.at = next_space(self.bytes, start);
        Some(start..self.at)
    }
}

/// Offset of the first of the five ASCII blanks at or after `from`, or the end.
#[inline]
pub(crate) fn next_space(bytes: &[u8], from: usize) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let mut at = from;
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let eight = u64::from_le_bytes(*eight);
        // The lowest high bit that is set stands at the first byte up to a space.
        let low = eight.wrapping_sub(ONES * (b' ' + 1) as u64) & !eight & (ONES << 7);
        if low == 0 {
            at += 8;
            continue;
        }
        at += low.trailing_zeros() as usize / 8;
        if is_space(bytes[at]) {
            return at;
        }
        at += 1;
    }
    while bytes.get(at).is_some_and(|byte| !is_space(*byte)) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, words: &[&str]) {
        let found: Vec<&str> = split(text).map(|range| &text[range]).collect();
        assert_eq!(found, words, "{text:?}");
    }

    #[test]
    fn words_end_at_ascii_blanks_only() {
        check("", &[]);
        check("  a\tb\u{b}c  ", &["a", "b", "c"]);
        check("80\u{2003}81 82", &["80\u{2003}81", "82"]);
        check(
            "a\u{1}\nb123456789\u{2}0 x\u{e9}\u{1f}yyyyyyy",
            &["a\u{1}\nb123456789\u{2}0", "x\u{e9}\u{1f}yyyyyyy"],
        );
    }

    #[test]
    fn trim_takes_unicode_blanks() {
        assert_eq!(trim("\u{a0} a b\u{2003}\n"), 3..6);
        assert_eq!(trim(" \t"), 2..2);
    }
}
