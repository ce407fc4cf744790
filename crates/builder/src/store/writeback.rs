//! Large files on their way to the disk.

use std::fs::File;
use std::num::NonZero;

use rustix::fs::Advice;

/// How much is handed to the disk at once.
const WINDOW_BYTES: u64 = 1 << 20;
/// Less than this is not worth a call of its own.
const MIN_BYTES: u64 = 64 << 10;

/// Starts the disk while a file is still being written, so that to sync it is not to wait for all
/// of it.
#[derive(Debug, Default)]
pub(super) struct Writeback {
    size: u64,
    started: u64,
}

impl Writeback {
    /// Takes note of `n` more bytes of `file`.
    pub(super) fn wrote(&mut self, file: &File, n: usize) {
        self.size += n as u64;
        if self.size - self.started >= WINDOW_BYTES {
            self.start(file);
        }
    }

    /// Hands over what is left: something else is to be done before the file is synced.
    pub(super) fn start(&mut self, file: &File) {
        let waiting = self.size - self.started;
        if waiting >= MIN_BYTES {
            // Pages that are not written yet are not dropped by this advice: Linux begins to write
            // them (`mm/fadvise.c`). Where it does not, nothing is lost.
            let _ =
                rustix::fs::fadvise(file, self.started, NonZero::new(waiting), Advice::DontNeed);
            self.started = self.size;
        }
    }
}
