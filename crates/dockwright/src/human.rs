//! Sizes, times and tables as docker prints them; texts cut to their room.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Lays rows out as docker's tables are: cells at least ten wide, three blanks between, the last
/// column as it is.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count() + 3).max().unwrap_or(0).max(10)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            text.push_str(cell);
            if column + 1 < row.len() {
                let blanks = widths[column].saturating_sub(cell.chars().count());
                text.extend(std::iter::repeat_n(' ', blanks));
            }
        }
        text.push('\n');
    }
    text
}

/// Cuts `text` to so many columns.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        kept.push(c);
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// Returns a number of bytes in decimal units with three significant digits: `1.23MB`.
pub(crate) fn size(bytes: u64) -> String {
    size_with(bytes, 3)
}

/// Returns a number of bytes in decimal units with so many significant digits.
pub(crate) fn size_with(bytes: u64, n_digits: usize) -> String {
    let mut value = bytes as f64;
    let mut units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"].iter().peekable();
    let mut unit = "B";
    // What would round to 1000 is 1 of the next unit.
    let half = 0.5 * 0.1_f64.powi(n_digits as i32 - 3);
    while let Some(next) = units.next() {
        unit = next;
        if value < 1000.0 - half || units.peek().is_none() {
            break;
        }
        value /= 1000.0;
    }
    let decimals = match value {
        value if value >= 100.0 - half / 10.0 => n_digits - 3,
        value if value >= 10.0 - half / 100.0 => n_digits - 2,
        _ => n_digits - 1,
    };
    let number = format!("{value:.decimals$}");
    let number =
        if decimals > 0 { number.trim_end_matches('0').trim_end_matches('.') } else { &number };
    format!("{number}{unit}")
}

/// Reads a number of bytes as people write it: `300MB` and `1.5GB` in decimal units, `64MiB` in
/// binary ones, a bare number in bytes.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..at].parse().ok()?;
    let factor = match text[at..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some((number * factor).round() as u64)
}

/// Returns a text from an image on one line, with nothing in it that moves a terminal.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => line.push(' '),
            c if c.is_control() => line.extend(c.escape_debug()),
            c => line.push(c),
        }
    }
    line
}

/// Returns how long ago `then` was at `now`, both in seconds after 1970.
pub(crate) fn ago(then: i64, now: i64) -> String {
    let seconds = (now - then).max(0);
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    let text = match () {
        () if seconds < 1 => "Less than a second".to_owned(),
        () if seconds == 1 => "1 second".to_owned(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", seconds / 3600 / 24 / 365),
    };
    format!("{text} ago")
}

/// Returns an RFC 3339 time in UTC as Go prints times: `1980-01-01 00:00:00 +0000 UTC`.
pub(crate) fn go_time(text: &str) -> String {
    match (text.get(..10), text.get(11..19), text.ends_with('Z')) {
        (Some(day), Some(time), true) => format!("{day} {time} +0000 UTC"),
        _ => text.to_owned(),
    }
}

/// Reads an RFC 3339 time in UTC, as image configs carry it, into seconds after 1970.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    // Days since 1970 in the Gregorian calendar, counting years from March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
        - 719_469;
    let offset = match text.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit())
    {
        "Z" | "z" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let hours = zone.get(1..3)?.parse::<i64>().ok()?;
            let minutes = zone.get(4..6)?.parse::<i64>().ok()?;
            sign * (hours * 3600 + minutes * 60)
        }
    };
    Some(days * 86_400 + hour * 3600 + minute * 60 + second - offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_columns() {
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("abcd", 3), "ab…");
        assert_eq!(fit("界界界", 5), "界界…");
        assert_eq!(fit("abc", 0), "");
    }

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, text) in [
            (0, "0B"),
            (12, "12B"),
            (999, "999B"),
            (1000, "1kB"),
            (1234, "1.23kB"),
            (12_345, "12.3kB"),
            (2_050_000, "2.05MB"),
            (123_456_789, "123MB"),
            (999_999, "1MB"),
            (1_500_000_000, "1.5GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn sizes_are_read() {
        for (text, expected) in [
            ("12", Some(12)),
            ("1.5kB", Some(1500)),
            ("300MB", Some(300_000_000)),
            ("2 GB", Some(2_000_000_000)),
            ("64MiB", Some(64 << 20)),
            ("many", None),
            ("1.2.3", None),
            ("5 apples", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn a_line_stays_one() {
        assert_eq!(one_line("a\tb\nc\u{1b}[2J"), "a b\\nc\\u{1b}[2J");
    }

    #[test]
    fn times_are_told_roughly() {
        for (seconds, text) in [
            (0, "Less than a second ago"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (60, "About a minute ago"),
            (120, "2 minutes ago"),
            (3600, "About an hour ago"),
            (7200, "2 hours ago"),
            (3 * 86_400, "3 days ago"),
            (30 * 86_400, "4 weeks ago"),
            (90 * 86_400, "3 months ago"),
            (1000 * 86_400, "2 years ago"),
        ] {
            assert_eq!(ago(0, seconds), text);
        }
    }

    #[test]
    fn times_are_read() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("1980-01-01T00:00:00Z"), Some(315_532_800));
        assert_eq!(seconds("2024-02-29T12:30:01.123456789Z"), Some(1_709_209_801));
        assert_eq!(seconds("2024-02-29T12:30:01+02:00"), Some(1_709_202_601));
        assert_eq!(seconds("yesterday"), None);
    }

    #[test]
    fn tables_are_laid_out_as_docker_does() {
        let rows = [vec!["NAME".into(), "SIZE".into()], vec!["a-long-name".into(), "1B".into()]];
        assert_eq!(table(&rows), "NAME          SIZE\na-long-name   1B\n");
    }
}
