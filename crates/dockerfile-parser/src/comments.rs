//! The comments that belong to an instruction.

use std::fmt;

use crate::{Text, space};

/// The comments between an instruction and the one before, from after the last empty one (`#`) on.
///
/// # Examples
///
/// ```
/// let parsed = dockerfile_parser::parse("# build: makes it\n\nFROM a AS build\n");
/// let comments = &parsed.instructions[0].comments;
/// assert_eq!(comments.iter().next().unwrap(), "build: makes it");
/// assert_eq!(comments.iter().count(), 1);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Comments<'a> {
    /// Comments and blank lines, from the `#` of the first comment on.
    lines: &'a str,
    /// Where they start in the source.
    start: u32,
}

impl<'a> Comments<'a> {
    /// The comments in these lines.
    pub(crate) const fn new(lines: &'a str, start: u32) -> Self {
        Self { lines, start }
    }

    /// Returns the text of each comment, without the `#` and the blanks around.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Text<'a>> + use<'a> {
        let Self { lines, start } = *self;
        let offset =
            move |part: &str| start + (part.as_ptr().addr() - lines.as_ptr().addr()) as u32;
        lines.split('\n').filter_map(move |line| {
            let comment = line[space::trim_start(line)..].strip_prefix('#')?;
            let text = &comment[space::trim(comment)];
            Some(Text::borrowed(text, offset(text)))
        })
    }

    /// Tells whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

impl fmt::Debug for Comments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
