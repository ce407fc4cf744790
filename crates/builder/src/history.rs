//! The history of an image: the text of each entry as BuildKit writes it.

use serde::{Deserialize, Serialize};

use crate::config::Healthcheck;

/// The comment of the entries that a Dockerfile build writes.
pub const COMMENT: &str = "buildkit.dockerfile.v0";

/// One entry of an image's history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// What made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Which tool wrote the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether the entry made no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

impl HistoryEntry {
    /// Returns the entry of one instruction of a Dockerfile.
    pub fn new(created_by: String, has_layer: bool, epoch: i64) -> Self {
        Self {
            created: Some(rfc3339(epoch)),
            created_by: Some(created_by),
            author: None,
            comment: Some(COMMENT.to_owned()),
            empty_layer: !has_layer,
        }
    }
}

/// Makes `history` tell of exactly `n_layers` layers, as every reader of an image assumes: surplus
/// entries become entries without a layer, missing ones are added at the end (BuildKit's exporter).
pub fn fit(history: &mut Vec<HistoryEntry>, n_layers: usize, epoch: i64) {
    let mut n = 0;
    for entry in history.iter_mut().filter(|entry| !entry.empty_layer) {
        n += 1;
        entry.empty_layer = n > n_layers;
    }
    for _ in n..n_layers {
        history.push(HistoryEntry {
            comment: Some("buildkit.exporter.image.v0".to_owned()),
            ..HistoryEntry::new(String::new(), true, epoch)
        });
    }
}

/// Returns `RUN …` with the build arguments in force in front, as `|2 A=1 B=2`.
pub fn run(args: &[(String, String)], argv: &[String]) -> String {
    let mut text = "RUN".to_owned();
    if !args.is_empty() {
        text += &format!(" |{}", args.len());
        for (name, value) in args {
            text += &format!(" {name}={value}");
        }
    }
    for word in argv {
        text.push(' ');
        text += word;
    }
    text + " # buildkit"
}

/// Returns a list as Go's `%q` prints it: `["a" "b"]`.
pub fn quoted_list(words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(|word| go_quote(word)).collect();
    format!("[{}]", words.join(" "))
}

/// Returns a list as Go's `%v` prints it: `[a b]`.
pub fn plain_list(words: &[String]) -> String {
    format!("[{}]", words.join(" "))
}

/// Returns a health check as Go's `%+v` prints the structure.
pub fn healthcheck(check: &Healthcheck) -> String {
    format!(
        "HEALTHCHECK {{Test:{} Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
        plain_list(&check.test),
        go_duration(check.interval_ns),
        go_duration(check.timeout_ns),
        go_duration(check.start_period_ns),
        go_duration(check.start_interval_ns),
        check.retries
    )
}

/// Returns the time `epoch` seconds after 1970 in RFC 3339, in UTC.
///
/// # Examples
///
/// ```
/// assert_eq!(dockwright_builder::rfc3339(951_782_400), "2000-02-29T00:00:00Z");
/// ```
pub fn rfc3339(epoch: i64) -> String {
    let (days, seconds) = (epoch.div_euclid(86_400), epoch.rem_euclid(86_400));
    // Days are counted from 0000-03-01, so that a leap day is the last of its year.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Go's `strconv.Quote`.
fn go_quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '\u{7}' => quoted += "\\a",
            '\u{8}' => quoted += "\\b",
            '\u{c}' => quoted += "\\f",
            '\n' => quoted += "\\n",
            '\r' => quoted += "\\r",
            '\t' => quoted += "\\t",
            '\u{b}' => quoted += "\\v",
            c if is_printable(c) => quoted.push(c),
            c if (c as u32) < 0x80 => quoted += &format!("\\x{:02x}", c as u32),
            c if (c as u32) < 0x1_0000 => quoted += &format!("\\u{:04x}", c as u32),
            c => quoted += &format!("\\U{:08x}", c as u32),
        }
    }
    quoted.push('"');
    quoted
}

/// Go's `strconv.IsPrint`, near enough: its tables also leave out unassigned characters.
fn is_printable(c: char) -> bool {
    let other_space = c.is_whitespace() && c != ' ';
    let invisible = matches!(c as u32,
        0xad | 0x600..=0x605 | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f
        | 0xe000..=0xf8ff | 0xfeff | 0xfff9..=0xfffb | 0xfffe..=0xffff | 0xe0000..=0xe0fff
        | 0xf0000..);
    !(c.is_control() || other_space || invisible)
}

/// Writes nanoseconds as Go's `time.Duration.String` does: `1h2m3.5s`, `1.5ms`, `0s`.
pub fn go_duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let decimal = |unit_ns: u64, ns: u64| {
        let (whole, rest) = (ns / unit_ns, ns % unit_ns);
        let digits = unit_ns.ilog10() as usize;
        let rest = format!("{rest:0digits$}");
        let rest = rest.trim_end_matches('0');
        if rest.is_empty() || digits == 0 { whole.to_string() } else { format!("{whole}.{rest}") }
    };
    match ns {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{ns}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(1_000, ns)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(1_000_000, ns)),
        _ => {
            let minutes = ns / 60_000_000_000;
            let seconds = decimal(1_000_000_000, ns % 60_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn run_tells_the_arguments_in_force() {
        let argv = words(&["/bin/sh", "-c", "echo hi"]);
        assert_eq!(run(&[], &argv), "RUN /bin/sh -c echo hi # buildkit");
        let args = [("A".to_owned(), "1".to_owned()), ("B".to_owned(), String::new())];
        assert_eq!(run(&args, &argv), "RUN |2 A=1 B= /bin/sh -c echo hi # buildkit");
    }

    #[test]
    fn lists_are_quoted_as_go_does() {
        assert_eq!(
            quoted_list(&words(&["/bin/sh", "-c", "a \"b\" \\ \t\u{1}é\u{a0}\u{1f600}"])),
            "[\"/bin/sh\" \"-c\" \"a \\\"b\\\" \\\\ \\t\\x01é\\u00a0\u{1f600}\"]"
        );
        assert_eq!(quoted_list(&[]), "[]");
    }

    #[test]
    fn durations_are_those_of_go() {
        for (ns, expected) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (1_000_000, "1ms"),
            (1_050_000_000, "1.05s"),
            (300_000_000_000, "5m0s"),
            (3_723_500_000_000, "1h2m3.5s"),
            (3_600_000_000_000, "1h0m0s"),
            (-2_000_000_000, "-2s"),
        ] {
            assert_eq!(go_duration(ns), expected);
        }
    }

    #[test]
    fn times_are_civil() {
        for (epoch, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (315_532_800, "1980-01-01T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(epoch), expected);
        }
    }

    #[test]
    fn history_fits_the_layers() {
        let entry = |has_layer| HistoryEntry::new("x".to_owned(), has_layer, 0);
        let mut history = vec![entry(true), entry(false), entry(true)];
        fit(&mut history, 1, 0);
        assert_eq!(history.iter().map(|e| e.empty_layer).collect::<Vec<_>>(), [false, true, true]);
        fit(&mut history, 2, 0);
        assert_eq!(history.len(), 4);
        assert_eq!(history[3].comment.as_deref(), Some("buildkit.exporter.image.v0"));
    }
}
