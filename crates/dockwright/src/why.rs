//! How causes are told: by `why`, by `plan`, and in the log of a build.

use std::fmt::Write as _;

use dockerfile_parser::Span;
use dockwright_builder::{Cause, Step};
use serde_json::{Value, json};

use crate::progress::harmless;
use crate::source_file::SourceFile;

/// The longest part of an instruction that is shown, in characters.
const MAX_TITLE: usize = 72;

/// Says in one line why a step is executed: `line 14 COPY . /app: src/main.rs changed`. A step that
/// only follows from another names that one.
pub(crate) fn sentence(step: Option<&Step>, cause: &Cause, file: &SourceFile) -> String {
    let place = step.map(|step| (step.title.as_str(), step.span));
    let (title, span) = place.unwrap_or((&cause.title, cause.instruction));
    sentence_of(title, span, cause, file)
}

/// As [`sentence`], of a step with this title and place.
pub(crate) fn sentence_of(title: &str, span: Span, cause: &Cause, file: &SourceFile) -> String {
    let own = head(title, span, file);
    let source = head(&cause.title, cause.instruction, file);
    let text = if own == source {
        format!("{own}: {}", cause.message)
    } else {
        format!("{own}: follows from {source}: {}", cause.message)
    };
    harmless(text.as_bytes(), false)
}

/// `line 14 COPY . /app`
pub(crate) fn head(title: &str, span: Span, file: &SourceFile) -> String {
    let (line, _) = file.position(span.start);
    let mut shown: String = title.chars().take(MAX_TITLE).collect();
    if shown.len() < title.len() {
        shown.push('…');
    }
    format!("line {line} {shown}")
}

/// A cause as JSON.
pub(crate) fn cause(cause: &Cause, file: &SourceFile) -> Value {
    let (line, _) = file.position(cause.instruction.start);
    let (caret_line, column) = file.position(cause.span.start);
    json!({
        "kind": cause.kind,
        "message": cause.message,
        "details": cause.details,
        "instruction": cause.title,
        "line": line,
        "caret": { "line": caret_line, "column": column,
            "span": [cause.span.start, cause.span.end] },
    })
}

/// The line of `span` with a caret under it.
pub(crate) fn snippet(span: Span, file: &SourceFile) -> String {
    let (line, column) = file.position(span.start);
    let number = line.to_string();
    let text = file.line(line);
    let gutter = " ".repeat(number.len());
    // Tabs stay tabs, so that the caret stands where the text is.
    let before = text.chars().take(column - 1);
    let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let rest = text.chars().skip(column - 1).collect::<String>();
    let length = file.span_text(span).lines().next().unwrap_or_default().chars().count();
    let carets = "^".repeat(length.clamp(1, rest.trim_end().chars().count().max(1)));
    let mut shown = String::new();
    let _ = writeln!(shown, "{gutter} |");
    let _ = writeln!(shown, "{number} | {text}");
    let _ = writeln!(shown, "{gutter} | {indent}{carets}");
    shown
}
