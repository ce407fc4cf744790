//! The output of a step, cut into lines that are safe to show.

/// Longest piece that is held back to wait for a line end, in bytes.
const HELD_MAX: usize = 8 * 1024;

/// Collects pieces of output and gives back whole lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    held: Vec<u8>,
}

impl Lines {
    /// Takes a piece of output and calls `show` with each line that is whole now.
    pub(crate) fn take(&mut self, piece: &[u8], mut show: impl FnMut(&[u8])) {
        for part in piece.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            match part.split_last() {
                Some((b'\n' | b'\r', rest)) => {
                    self.held.extend_from_slice(rest);
                    // A carriage return that only starts a line anew leaves nothing to show.
                    if part.ends_with(b"\n") || !self.held.is_empty() {
                        show(&self.held);
                    }
                    self.held.clear();
                }
                _ => {
                    self.held.extend_from_slice(part);
                    if self.held.len() > HELD_MAX {
                        show(&self.held);
                        self.held.clear();
                    }
                }
            }
        }
    }

    /// Gives back what has no line end.
    pub(crate) fn finish(&mut self, mut show: impl FnMut(&[u8])) {
        if !self.held.is_empty() {
            show(&self.held);
            self.held.clear();
        }
    }
}

/// Returns `line` as text in which no byte acts on a terminal. With `colours`, the sequences that
/// only set colours (SGR) stay.
pub(crate) fn harmless(line: &[u8], colours: bool) -> String {
    let text = String::from_utf8_lossy(line);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(c) = rest.chars().next() {
        if c == '\u{1b}'
            && let Some(length) = colour_sequence(rest)
        {
            if colours {
                shown.push_str(&rest[..length]);
            }
            rest = &rest[length..];
            continue;
        }
        match c {
            '\t' => shown.push(c),
            '\u{0}'..='\u{1f}' => {
                shown.push('^');
                shown.push(char::from(c as u8 + b'@'));
            }
            '\u{7f}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                shown.push('\u{fffd}');
            }
            _ => shown.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    if colours && shown.contains('\u{1b}') {
        shown.push_str("\u{1b}[0m");
    }
    shown
}

/// Length of the SGR sequence at the start of `text`, if there is one.
fn colour_sequence(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].starts_with('m').then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&str], expected: &[&str]) {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for piece in pieces {
            lines.take(piece.as_bytes(), |line| {
                seen.push(String::from_utf8_lossy(line).into_owned());
            });
        }
        lines.finish(|line| seen.push(String::from_utf8_lossy(line).into_owned()));
        assert_eq!(seen, expected);
    }

    #[test]
    fn pieces_become_lines() {
        check(&["a\nb"], &["a", "b"]);
        check(&["a", "b\n", "\n", "c\n"], &["ab", "", "c"]);
        check(&["10%\r20%\r\n"], &["10%", "20%", ""]);
        check(&[], &[]);
    }

    #[test]
    fn an_endless_line_is_not_held_back() {
        let mut lines = Lines::default();
        let mut shown = 0;
        for _ in 0..100 {
            lines.take(&[b'x'; 1024], |line| shown += line.len());
        }
        assert!(shown > 80 * 1024);
    }

    #[test]
    fn nothing_acts_on_the_terminal() {
        assert_eq!(harmless(b"\x1b]0;title\x07", true), "^[]0;title^G");
        assert_eq!(harmless(b"\x1b[2J", true), "^[[2J");
        assert_eq!(harmless(b"\x1b[1;31mred", true), "\x1b[1;31mred\x1b[0m");
        assert_eq!(harmless(b"\x1b[1;31mred", false), "red");
        assert_eq!(harmless("\u{202e}x\u{9b}".as_bytes(), false), "\u{fffd}x\u{fffd}");
        assert_eq!(harmless(b"a\tb\xff", false), "a\tb\u{fffd}");
    }
}
