//! The signals of STOPSIGNAL.

use crate::context::distance;
use crate::{Error, Result};

/// The names of Linux's signals without `SIG`, as Docker knows them.
const NAMES: [&str; 36] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
    "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP",
    "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
];

/// Checks that `text` is a signal: a number but 0, or a name with or without `SIG`, in any case.
pub(super) fn check(text: &str) -> Result<()> {
    let is_signal = match text.parse::<i64>() {
        Ok(number) => number != 0,
        Err(_) => is_name(text),
    };
    if is_signal {
        return Ok(());
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let help = match NAMES.iter().find(|known| is_meant(name, known)) {
        Some(known) => format!("did you mean `SIG{known}`?"),
        None => "write a name such as `SIGTERM`, or a number".to_owned(),
    };
    Err(Error::new(format!("`{text}` is not a signal")).with_code("invalid-signal").with_help(help))
}

/// Tells whether a short word was probably meant to be the known one: it has the same letters, or all
/// but one.
pub(super) fn is_meant(word: &str, known: &str) -> bool {
    const MAX_LEN: usize = 16;
    let letters = |word: &str| {
        let mut letters = word.as_bytes().to_vec();
        letters.sort_unstable();
        letters
    };
    (2..=MAX_LEN).contains(&word.len())
        && (distance(word, known) <= 1 || letters(word) == letters(known))
}

fn is_name(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let offset = |rest: &str, most: u32| {
        let is_plain = !rest.starts_with('0') && rest.bytes().all(|byte| byte.is_ascii_digit());
        is_plain && rest.parse::<u32>().is_ok_and(|n| (1..=most).contains(&n))
    };
    match name {
        name if NAMES.contains(&name) => true,
        name => match (name.strip_prefix("RTMIN+"), name.strip_prefix("RTMAX-")) {
            (Some(rest), _) => offset(rest, 15),
            (_, Some(rest)) => offset(rest, 14),
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_known_by_name_and_number() {
        for text in ["SIGTERM", "term", "Kill", "9", "-1", "9999", "RTMIN+15", "SIGRTMAX-14"] {
            assert!(check(text).is_ok(), "{text}");
        }
        for text in ["", "0", "SIGFOO", "RTMIN+16", "RTMAX-15", "RTMAX-0", "SIG", "UNUSED"] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
