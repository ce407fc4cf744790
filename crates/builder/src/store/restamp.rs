//! Layers with other times.

use std::io::Write as _;

use super::{LayerBlob, Store};
use crate::archive::{self, Reader, Writer};
use crate::compress::Compression;
use crate::error::Context;
use crate::{DiffId, Digest, Result};

impl Store {
    /// Returns the layer that `diff_id` would be, had newer times become `to` and not `from` when it
    /// was made. What that is is remembered.
    ///
    /// # Errors
    ///
    /// When the layer is not here or is damaged, and when the disk does not take another.
    pub(crate) fn restamped_layer(&self, diff_id: &DiffId, from: i64, to: i64) -> Result<DiffId> {
        let key = Digest::of(format!("restamped layer 1 {diff_id} {from} {to}").as_bytes());
        let known = self.get_record(&key)?.and_then(|bytes| String::from_utf8(bytes).ok());
        let known = known.and_then(|text| text.parse().ok()).map(DiffId);
        if let Some(known) = known.filter(|known| self.has_layer(known)) {
            return Ok(known);
        }
        let doing = || format!("give the layer `{diff_id}` other times");
        let layer = self.layer_blob(diff_id)?;
        let plain = archive::decompress(self.open_blob(&layer.blob)?, layer.compression)?;
        let mut reader = Reader::new(plain);
        let mut writer = Writer::new(self.blob_writer()?);
        while let Some(mut entry) = reader.next()? {
            if entry.mtime >= from || entry.mtime > to {
                entry.mtime = to;
                entry.mtime_ns = 0;
            }
            // The writer puts the slash behind a directory's name itself.
            while entry.path.last() == Some(&b'/') {
                entry.path.pop();
            }
            let size = entry.size;
            writer.header(&entry).doing(doing)?;
            if size > 0 {
                writer.data(&mut reader, size).doing(doing)?;
            }
        }
        let mut blob = writer.finish().doing(doing)?;
        blob.flush().doing(doing)?;
        let (blob, _) = blob.finish()?;
        let stamped = DiffId(blob);
        let compression = Compression::None;
        self.put_layer_blob(&stamped, &LayerBlob { blob, compression, size: layer.size })?;
        self.put_record(&key, stamped.0.to_string().as_bytes())?;
        Ok(stamped)
    }
}
