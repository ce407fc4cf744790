//! Which line of which Dockerfile each entry of an image's history comes from. The image cannot
//! carry this, or it would differ from what other builders make: it is kept beside it in the store.

use dockerfile_parser::{LineIndex, Span};
use serde::{Deserialize, Serialize};

use crate::error::Context;
use crate::{Digest, Image, Plan, Result, Store};

/// The lines of a Dockerfile that made an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLines {
    /// How the build called the Dockerfile.
    pub file: String,
    /// For each entry of the history, oldest first, the line, counted from 1; nothing for the
    /// entries of a base image.
    pub lines: Vec<Option<usize>>,
}

impl SourceLines {
    /// Returns the lines of a plan that was made from the Dockerfile `text`, called `file`.
    pub fn of(plan: &Plan, file: &str, text: &str) -> Self {
        let index = LineIndex::new(text);
        let line = |span: &Span| index.line_column(span.start).line as usize;
        let lines = plan.origins.iter().map(|origin| origin.as_ref().map(line)).collect();
        Self { file: file.to_owned(), lines }
    }

    /// Returns what is known of an image; of one that was pulled or loaded nothing is.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn load(store: &Store, image: &Image) -> Result<Option<Self>> {
        let record = store.get_record(&key(&image.config_digest))?;
        let lines: Option<Self> = record.and_then(|json| serde_json::from_slice(&json).ok());
        Ok(lines.filter(|lines| lines.lines.len() == image.config.history.len()))
    }

    /// Keeps the lines of an image; those of a later build of the same image take their place.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub fn save(&self, store: &Store, image: &Image) -> Result<()> {
        if Self::load(store, image)?.as_ref() == Some(self) {
            return Ok(());
        }
        let json = serde_json::to_vec(self).doing(|| "encode the lines of the image".to_owned())?;
        store.put_record(&key(&image.config_digest), &json)
    }

    /// Returns `Dockerfile:12` for an entry of the history.
    pub fn place(&self, entry: usize) -> Option<String> {
        let line = self.lines.get(entry).copied().flatten()?;
        Some(format!("{}:{line}", self.file))
    }
}

/// The name of the record that tells the lines of the image with this configuration.
pub(crate) fn key(config: &Digest) -> Digest {
    Digest::of(format!("source lines 1 {config}").as_bytes())
}
