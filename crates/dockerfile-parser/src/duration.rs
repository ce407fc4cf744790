//! Durations as Go's `time.ParseDuration` reads them.

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while};
use nom::combinator::{opt, value};
use nom::{AsChar, IResult};

/// Returns the duration in nanoseconds: `1h2m3.5s`, units ns, us, µs, ms, s, m, h, an optional sign.
pub(crate) fn parse_ns(text: &str) -> Option<i64> {
    let (is_negative, text) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if text == "0" {
        return Some(0);
    }
    let mut total: u64 = 0;
    let mut rest = text;
    loop {
        let (after, ns) = part(rest).ok()?;
        total = total.checked_add(ns?)?;
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    if is_negative {
        return 0_i64.checked_sub_unsigned(total);
    }
    i64::try_from(total).ok()
}

/// A number and its unit, in nanoseconds.
fn part(input: &str) -> IResult<&str, Option<u64>> {
    let digits = || take_while(|character: char| character.is_dec_digit());
    let unit = alt((
        value(1_u64, tag("ns")),
        value(1_000, alt((tag("us"), tag("µs"), tag("μs")))),
        value(1_000_000, tag("ms")),
        value(1_000_000_000, tag("s")),
        value(60_000_000_000, tag("m")),
        value(3_600_000_000_000, tag("h")),
    ));
    let (rest, (whole, fraction, unit)) =
        (digits(), opt((tag("."), digits())), unit).parse(input)?;
    Ok((rest, amount_ns(whole, fraction.map(|(_, digits)| digits), unit)))
}

fn amount_ns(whole: &str, fraction: Option<&str>, unit: u64) -> Option<u64> {
    if whole.is_empty() && fraction.is_none_or(str::is_empty) {
        return None;
    }
    let number = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let mut ns = number.checked_mul(unit)?;
    let mut scale = unit;
    let mut remainder = 0_u64;
    for digit in fraction.unwrap_or_default().bytes() {
        // Nanoseconds are whole: digits below one are cut.
        if scale < 10 {
            break;
        }
        remainder += u64::from(digit - b'0') * scale;
        scale /= 10;
    }
    ns = ns.checked_add(remainder / 10)?;
    (ns <= 1 << 63).then_some(ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("30s", Some(30_000_000_000)),
            ("1h2m3.5s", Some(3_723_500_000_000)),
            ("1.5ms", Some(1_500_000)),
            (".5s", Some(500_000_000)),
            ("-1s", Some(-1_000_000_000)),
            ("10us", Some(10_000)),
            ("0", Some(0)),
            ("30", None),
            ("x", None),
            ("", None),
            ("s", None),
            ("1s ", None),
            ("9223372036854775808ns", None),
        ] {
            assert_eq!(parse_ns(text), expected, "{text:?}");
        }
    }
}
