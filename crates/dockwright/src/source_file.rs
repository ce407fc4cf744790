//! A text file that diagnostics point into.

use std::path::{Path, PathBuf};

use dockerfile_parser::Span;
use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

/// A line longer than this is shown only around the place that matters.
const LINE_LENGTH_MAX: usize = 400;

/// A file's name, its text, and where its lines start.
///
/// miette's own sources count lines from the start of the text for every label; this one looks the
/// line up, so that a report of many findings stays linear in the file's size.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// The name as the user gave it; `-` for standard input.
    pub(crate) name: String,
    /// The text with control characters made visible, byte for byte as long as the original.
    shown: String,
    /// Offsets of the first byte of each line.
    line_starts: Vec<usize>,
}

impl SourceFile {
    /// Prepares `text`, read from `name`, for diagnostics.
    pub(crate) fn new(name: impl Into<String>, text: &str) -> Self {
        let mut line_starts = vec![0];
        line_starts
            .extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1));
        Self { name: name.into(), shown: visible(text), line_starts }
    }

    /// Returns line and column, both from 1, the column in characters.
    pub(crate) fn position(&self, offset: u32) -> (usize, usize) {
        let offset = (offset as usize).min(self.shown.len());
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts[line - 1];
        let column =
            self.shown.get(start..offset).map_or(offset - start, |text| text.chars().count());
        (line, column + 1)
    }

    /// Returns the text, control characters made visible.
    pub(crate) fn text(&self) -> &str {
        &self.shown
    }

    /// Returns the line that `offset` stands in, control characters made visible.
    pub(crate) fn line_text(&self, offset: u32) -> &str {
        let (start, end) = self.line_range(self.position(offset).0 - 1);
        self.shown.get(start..end).unwrap_or_default()
    }

    /// Returns the text of a line, counted from 1, as it is safe to show.
    pub(crate) fn line(&self, line: usize) -> &str {
        let (start, end) = match line.checked_sub(1) {
            Some(index) if index < self.line_starts.len() => self.line_range(index),
            _ => (0, 0),
        };
        self.shown.get(start..end).unwrap_or_default()
    }

    /// Returns the text of a span, as it is safe to show.
    pub(crate) fn span_text(&self, span: Span) -> &str {
        self.shown.get(span.range()).unwrap_or_default()
    }

    /// Returns `span`, cut to its first line: what a caret can stand under.
    pub(crate) fn caret(&self, span: Span) -> SourceSpan {
        let start = (span.start as usize).min(self.shown.len());
        let end = (span.end as usize).clamp(start, self.shown.len());
        let line = self.shown[start..end].find('\n').map_or(end, |at| start + at);
        let mut end = line.min(start + LINE_LENGTH_MAX / 2);
        while !self.shown.is_char_boundary(end) {
            end -= 1;
        }
        SourceSpan::new(start.into(), end - start)
    }

    fn line_range(&self, line: usize) -> (usize, usize) {
        let end = self.line_starts.get(line + 1).map_or(self.shown.len(), |next| next - 1);
        (self.line_starts[line], end.max(self.line_starts[line]))
    }
}

impl SourceCode for SourceFile {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let offset = span.offset().min(self.shown.len());
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1) - 1;
        let last =
            self.line_starts.partition_point(|start| *start <= offset + span.len()).max(1) - 1;
        let mut first = line.saturating_sub(lines_before);
        let mut final_line = (last + lines_after).min(self.line_starts.len() - 1);
        let (mut start, mut end) = (self.line_starts[first], self.line_range(final_line).1);
        // Asked for no line around it, miette wants the place itself, for the headline.
        let is_place = lines_before == 0 && lines_after == 0;
        let mut column = if is_place {
            self.position(u32::try_from(offset).unwrap_or(u32::MAX)).1 - 1
        } else {
            0
        };
        if end - start > LINE_LENGTH_MAX * (lines_before + lines_after + 1) {
            // A monstrous line: show the surroundings of the fault, on that line alone.
            let (line_start, line_end) = self.line_range(line);
            (first, final_line) = (line, line);
            start = floor(&self.shown, offset.saturating_sub(LINE_LENGTH_MAX / 4).max(line_start));
            end = floor(&self.shown, (offset + LINE_LENGTH_MAX).min(line_end)).max(start);
            if !is_place {
                column = start - line_start;
            }
        }
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            &self.shown.as_bytes()[start..end],
            SourceSpan::new(start.into(), end - start),
            first,
            column,
            final_line - first + 1,
        )))
    }
}

/// Reads a file as bytes; `-` is standard input.
///
/// Only regular files and pipes that a shell makes are read, so that a device or an endless FIFO
/// named in a build does not hang it.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let said =
        |error: std::io::Error| format!("cannot read `{}`: {}", path.display(), reason(&error));
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(said)?;
        return Ok(bytes);
    }
    let metadata = std::fs::metadata(path).map_err(said)?;
    if metadata.is_dir() {
        return Err(format!("cannot read `{}`: it is a directory", path.display()));
    }
    let is_stream = ["/dev/stdin", "/dev/fd", "/proc/self/fd"].iter().any(|p| path.starts_with(p));
    if !metadata.is_file() && !is_stream {
        return Err(format!("cannot read `{}`: it is not a regular file", path.display()));
    }
    std::fs::read(path).map_err(said)
}

/// Replaces the content of a file: written beside it first, so that nothing is lost half-way.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let said =
        |error: std::io::Error| format!("cannot write `{}`: {}", path.display(), reason(&error));
    let place = path.canonicalize().map_err(said)?;
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(".dockwright-new");
    let beside = place.with_file_name(name);
    let permissions = std::fs::metadata(&place).map_err(said)?.permissions();
    let written = std::fs::write(&beside, bytes)
        .and_then(|()| std::fs::set_permissions(&beside, permissions))
        .and_then(|()| std::fs::rename(&beside, &place));
    written.map_err(|error| {
        // The new file is of no use to anybody.
        let _ = std::fs::remove_file(&beside);
        said(error)
    })
}

/// Says why an operation on a file failed, without the operating system's error number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or directory".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}

/// Says what is wrong with a build context that is no directory.
pub(crate) fn no_context(path: &Path) -> String {
    let shown = path.display();
    if path.symlink_metadata().is_err() {
        return format!("there is no build context `{shown}`");
    }
    format!("the build context `{shown}` is not a directory")
}

/// Returns the shortest honest name of `path` for messages.
pub(crate) fn display_name(path: &Path) -> String {
    let path: PathBuf = path.components().filter(|c| c.as_os_str() != ".").collect();
    path.display().to_string()
}

/// Makes control characters and direction marks visible without moving any byte.
fn visible(text: &str) -> String {
    let is_plain = |b: u8| matches!(b, b' '..=b'~' | b'\n' | b'\t');
    if text.bytes().all(is_plain) {
        return text.to_owned();
    }
    text.chars()
        .flat_map(|c| {
            let (shown, count) = match c {
                '\n' | '\t' => (c, 1),
                '\r' => (' ', 1),
                '\u{0}'..='\u{1f}' | '\u{7f}' => ('?', 1),
                '\u{80}'..='\u{9f}' => ('?', 2),
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ('\u{fffd}', 1),
                _ => (c, 1),
            };
            std::iter::repeat_n(shown, count)
        })
        .collect()
}

fn floor(text: &str, mut offset: usize) -> usize {
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_one_in_characters() {
        let file = SourceFile::new("Dockerfile", "FROM a\nRUN \u{e9}x\n");
        assert_eq!(file.position(0), (1, 1));
        assert_eq!(file.position(7), (2, 1));
        assert_eq!(file.position(13), (2, 6));
        assert_eq!(file.position(999), (3, 1));
    }

    #[test]
    fn nothing_that_moves_a_terminal_is_shown_and_no_byte_moves() {
        let text = "RUN \u{1b}[31m\u{9b}x\u{202e}\r\n\0";
        let shown = visible(text);
        assert_eq!(shown.len(), text.len());
        assert_eq!(shown, "RUN ?[31m??x\u{fffd} \n?");
    }

    #[test]
    fn a_long_line_is_shown_around_the_fault() {
        let text = format!("FROM a\nRUN {}!{}\n", "x".repeat(100_000), "y".repeat(100_000));
        let file = SourceFile::new("Dockerfile", &text);
        let at = text.find('!').expect("it is there");
        let contents = file.read_span(&SourceSpan::new(at.into(), 1), 1, 1).expect("in range");
        assert!(contents.data().len() < 1000 && contents.data().contains(&b'!'));
        assert_eq!(contents.line(), 1);
        let place = file.read_span(&SourceSpan::new(at.into(), 1), 0, 0).expect("in range");
        assert_eq!((place.line(), place.column()), (1, 100_004));
    }

    #[test]
    fn the_place_of_a_fault_is_its_column_in_characters() {
        let text = "FROM a\nRUN \u{e9}\u{e9} x\n";
        let file = SourceFile::new("Dockerfile", text);
        let at = text.find('x').expect("it is there");
        let place = file.read_span(&SourceSpan::new(at.into(), 1), 0, 0).expect("in range");
        assert_eq!((place.line(), place.column()), (1, 7));
    }
}
