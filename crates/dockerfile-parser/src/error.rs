//! Faults of the text as values.

use crate::Span;

/// Which step of the reference refuses the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorStage {
    /// The line parser: the reference uses no instruction of the file.
    Parse,
    /// The conversion to typed instructions.
    Instruction,
    /// Stages, references and values: the model.
    Graph,
}

/// A fault of the text, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The stable code, for example `unknown-instruction`; `docs/errors.md` has the list.
    pub code: &'static str,
    /// Which step of the reference refuses it.
    pub stage: ErrorStage,
    /// The text at fault.
    pub span: Span,
    /// One sentence without a full stop that says what is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A fault on its way to [`crate::Parse::errors`]: a result that may hold one stays small.
pub(crate) type Fault = Box<SyntaxError>;

impl SyntaxError {
    /// A fault that stops the reference's line parser.
    #[cold]
    pub(crate) fn parse(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { code, stage: ErrorStage::Parse, span, message: message.into(), help: None }
    }

    /// A fault of one instruction.
    #[cold]
    pub(crate) fn instruction(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { code, stage: ErrorStage::Instruction, span, message: message.into(), help: None }
    }

    /// A fault that only the whole file shows.
    #[cold]
    pub(crate) fn graph(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { code, stage: ErrorStage::Graph, span, message: message.into(), help: None }
    }

    /// Says what to do about it.
    #[cold]
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = Some(help.into());
        Box::new(self)
    }
}

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SyntaxError {}

/// Returns the candidate that `word` was probably meant to be: at most two letters differ.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    const MAX_DISTANCE: usize = 2;
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= MAX_DISTANCE)
        .filter_map(|candidate| Some((distance(word, candidate)?, candidate)))
        .filter(|(distance, _)| *distance <= MAX_DISTANCE)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The longest word that is compared, one more than its length in bytes.
const WORD_MAX: usize = 32;

/// Number of letters to change, insert, delete or swap with the next; ASCII case left aside. `None`
/// for long words and for those that differ in too much to be meant.
fn distance(a: &str, b: &str) -> Option<usize> {
    // Letters that only one of the two has need a change each, or one for two of them.
    let letters = |word: &str| word.bytes().fold(0_u32, |letters, byte| letters | 1 << (byte & 31));
    let n_different = (letters(a) ^ letters(b)).count_ones();
    if a.len() >= WORD_MAX || b.len() >= WORD_MAX || n_different > 4 {
        return None;
    }
    let is_same = |i: usize, j: usize| a.as_bytes()[i].eq_ignore_ascii_case(&b.as_bytes()[j]);
    let mut before = [0; WORD_MAX];
    let mut above: [usize; WORD_MAX] = std::array::from_fn(|j| j);
    for i in 0..a.len() {
        let mut row = [i + 1; WORD_MAX];
        for j in 0..b.len() {
            let replaced = above[j] + usize::from(!is_same(i, j));
            row[j + 1] = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && is_same(i, j - 1) && is_same(i - 1, j) {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    Some(above[b.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_at_most_two_letters_away() {
        let keywords = ["ADD", "ARG", "RUN", "WORKDIR"];
        assert_eq!(nearest("WROKDIR", keywords), Some("WORKDIR"));
        assert_eq!(nearest("rnu", ["ENV", "RUN"]), Some("RUN"));
        assert_eq!(nearest("AS", keywords), Some("ADD"));
        assert_eq!(nearest("INCLUDE", keywords), None);
    }
}
