//! Texts that may not be UTF-8.

use std::borrow::Cow;

use crate::{FormatOptions, Parse, Span, Text};

/// The bytes of a file, and a `str` of the same length to parse.
///
/// A Dockerfile need not be UTF-8. Every byte that is not is replaced by U+001A, which is one byte
/// too: so all offsets are those of the file, and tokens tile its bytes.
///
/// # Examples
///
/// ```
/// use dockerfile_parser::SourceText;
///
/// let source = SourceText::new(b"FROM a\nLABEL name=caf\xE9\n".to_vec());
/// let parsed = source.parse();
///
/// assert!(!source.is_utf8());
/// assert_eq!(source.bytes(parsed.instructions[1].span), b"LABEL name=caf\xE9");
/// assert_eq!(source.lossy(&parsed.instructions[1].arguments), "name=caf\u{FFFD}");
/// ```
#[derive(Clone, Debug)]
pub struct SourceText {
    text: String,
    /// The bytes as they were, if they are not UTF-8.
    original: Option<Vec<u8>>,
}

impl SourceText {
    /// Takes the bytes of a file.
    pub fn new(bytes: Vec<u8>) -> Self {
        let original = match String::from_utf8(bytes) {
            Ok(text) => return Self { text, original: None },
            Err(error) => error.into_bytes(),
        };
        let mut text = String::with_capacity(original.len());
        for chunk in original.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(std::iter::repeat_n(PLACEHOLDER, chunk.invalid().len()));
        }
        Self { text, original: Some(original) }
    }

    /// Returns the text to parse.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Tells whether the bytes are UTF-8.
    pub fn is_utf8(&self) -> bool {
        self.original.is_none()
    }

    /// Parses the text as [`crate::parse`] does; bytes that are not UTF-8 are let pass in JSON
    /// strings, as the reference does.
    pub fn parse(&self) -> Parse<'_> {
        crate::parse::parse(&self.text, self.original.is_some())
    }

    /// Returns the bytes of the file at `span`; empty for a range that is not in the file.
    pub fn bytes(&self, span: Span) -> &[u8] {
        let bytes = self.original.as_deref().unwrap_or(self.text.as_bytes());
        bytes.get(span.range()).unwrap_or_default()
    }

    /// Returns a value with U+FFFD in place of bytes that are not UTF-8.
    pub fn lossy<'t>(&self, text: &'t Text<'_>) -> Cow<'t, str> {
        let Some(original) = &self.original else { return text.as_str().into() };
        if !text.contains(PLACEHOLDER) {
            return text.as_str().into();
        }
        let is_placed = |at: usize| {
            let start = text.source_span(at..at + 1).start as usize;
            original.get(start).is_some_and(|byte| *byte != PLACEHOLDER as u8)
        };
        text.char_indices()
            .map(|(at, character)| {
                if character == PLACEHOLDER && is_placed(at) {
                    char::REPLACEMENT_CHARACTER
                } else {
                    character
                }
            })
            .collect::<String>()
            .into()
    }

    /// Returns the file in its canonical spelling, see [`crate::format()`]; bytes that are not UTF-8
    /// stay as they are.
    ///
    /// # Examples
    ///
    /// ```
    /// use dockerfile_parser::{FormatOptions, SourceText};
    ///
    /// let source = SourceText::new(b"from  a\nLABEL  name=caf\xE9\n".to_vec());
    /// assert_eq!(source.format(&FormatOptions::default()), b"FROM a\nLABEL name=caf\xE9\n");
    /// ```
    pub fn format(&self, options: &FormatOptions) -> Vec<u8> {
        let mut formatted = crate::format(&self.parse(), options).into_bytes();
        let Some(original) = &self.original else { return formatted };
        // Formatting neither adds words nor drops or moves them, so the bytes come in their order.
        let is_placed = |byte: u8| byte == PLACEHOLDER as u8;
        let mut placed = original.iter().zip(self.text.bytes()).filter(|(_, one)| is_placed(*one));
        for byte in formatted.iter_mut().filter(|byte| is_placed(**byte)) {
            let Some((was, _)) = placed.next() else { return original.clone() };
            *byte = *was;
        }
        if placed.next().is_none() { formatted } else { original.clone() }
    }

    /// Returns a value's bytes as they stand in the file.
    pub fn raw(&self, text: &Text<'_>) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        if let Some(original) = &self.original {
            for (at, byte) in bytes.iter_mut().enumerate() {
                let start = text.source_span(at..at + 1).start as usize;
                if *byte == PLACEHOLDER as u8
                    && let Some(was) = original.get(start)
                {
                    *byte = *was;
                }
            }
        }
        bytes
    }
}

/// What stands for a byte that is not UTF-8.
const PLACEHOLDER: char = '\u{1A}';
