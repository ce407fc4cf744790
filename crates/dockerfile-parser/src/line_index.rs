//! Lines and columns of byte offsets.

/// Turns byte offsets into lines and columns, and back.
///
/// # Examples
///
/// ```
/// use dockerfile_parser::{LineColumn, LineIndex};
///
/// let index = LineIndex::new("FROM a\nRUN é x\n");
/// assert_eq!(index.line_column(14), LineColumn { line: 2, column: 7 });
/// assert_eq!(index.offset(2, 7), Some(14));
/// ```
#[derive(Clone, Debug)]
pub struct LineIndex<'a> {
    text: &'a str,
    /// Offset of each line's first byte.
    starts: Vec<u32>,
}

/// A place in a text as people count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineColumn {
    /// Number of the line, from 1.
    pub line: u32,
    /// Number of the column, from 1, in characters (or UTF-16 units, see
    /// [`LineIndex::line_column_utf16`]).
    pub column: u32,
}

impl<'a> LineIndex<'a> {
    /// Finds the lines of `text`.
    pub fn new(text: &'a str) -> Self {
        let mut starts = vec![0];
        starts.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at as u32 + 1));
        Self { text, starts }
    }

    /// Returns the number of lines; a text that ends in a line feed has an empty last line.
    pub fn n_lines(&self) -> u32 {
        self.starts.len() as u32
    }

    /// Returns line and column of a byte offset, columns in characters.
    pub fn line_column(&self, offset: u32) -> LineColumn {
        self.place(offset, |_| 1)
    }

    /// Returns line and column of a byte offset, columns in UTF-16 units as editors count.
    pub fn line_column_utf16(&self, offset: u32) -> LineColumn {
        self.place(offset, |character| character.len_utf16() as u32)
    }

    /// Returns the byte offset of a line and column counted in characters, if there is one.
    pub fn offset(&self, line: u32, column: u32) -> Option<u32> {
        self.find(line, column, |_| 1)
    }

    /// Returns the byte offset of a line and column counted in UTF-16 units, if there is one.
    pub fn offset_utf16(&self, line: u32, column: u32) -> Option<u32> {
        self.find(line, column, |character| character.len_utf16() as u32)
    }

    /// Returns the text of a line, counted from 1, without its line end.
    pub fn line(&self, line: u32) -> Option<&'a str> {
        let start = *self.starts.get(line.checked_sub(1)? as usize)? as usize;
        let rest = self.text.get(start..)?;
        Some(rest.split('\n').next().unwrap_or_default().trim_end_matches('\r'))
    }

    fn place(&self, offset: u32, width: impl Fn(char) -> u32) -> LineColumn {
        let mut end = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let line = self.starts.partition_point(|start| *start as usize <= end);
        let start = self.starts.get(line.saturating_sub(1)).map_or(0, |start| *start as usize);
        let column = 1 + self.text[start..end].chars().map(width).sum::<u32>();
        LineColumn { line: line as u32, column }
    }

    fn find(&self, line: u32, column: u32, width: impl Fn(char) -> u32) -> Option<u32> {
        let start = *self.starts.get(line.checked_sub(1)? as usize)?;
        let mut left = column.checked_sub(1)?;
        let mut offset = start;
        for character in self.text.get(start as usize..)?.chars() {
            if left == 0 {
                return Some(offset);
            }
            if character == '\n' {
                return None;
            }
            left = left.checked_sub(width(character))?;
            offset += character.len_utf8() as u32;
        }
        (left == 0).then_some(offset)
    }
}
