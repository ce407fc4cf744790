//! A layer compressed and sent at once: what is compressed goes into a file, and from there to the
//! registry as soon as it is there. Its digest is known only at the end.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use super::push::Way;
use super::session::Scope;
use super::upload::place;
use super::{Endpoint, Registry};
use crate::error::Context;
use crate::http::{Body, Method, Request, Response};
use crate::store::{LayerPacking, Store};
use crate::{DiffId, Digest, Error, ErrorKind, Result};

/// A layer that was compressed.
pub(super) struct Streamed {
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// How it came to the registry; nothing if it was not taken in this way.
    pub(super) way: Option<Way>,
}

impl Registry {
    /// Compresses a layer into the file at `path`, and sends it meanwhile `to` where an upload was
    /// started. If it `may_be_there`, the registry is asked as soon as the digest is known.
    ///
    /// # Errors
    ///
    /// When the layer cannot be compressed. That it could not be sent is none.
    pub(super) fn stream_layer(
        &self,
        store: &Store,
        endpoint: &Endpoint,
        (diff_id, packing): (&DiffId, LayerPacking),
        path: &Path,
        to: &str,
        may_be_there: bool,
    ) -> Result<Streamed> {
        let growing = Growing::create(path)?;
        let pack = |mut writer: Writer<'_>| {
            let (digest, size) = store.pack_layer(diff_id, packing, &mut writer)?;
            let is_there = may_be_there && self.has_blob(endpoint, &digest).unwrap_or(false);
            writer.end(is_there);
            Ok(((digest, size), is_there))
        };
        let (packed, sent) = at_once(&growing, pack, || self.send_growing(endpoint, to, &growing));
        let ((digest, size), is_there) = packed?;
        let way = match sent {
            _ if is_there => Some(Way::Present),
            Ok(response) if response.status == 202 => {
                let next = place(&response).unwrap_or_else(|_| to.to_owned());
                self.finish_empty(endpoint, &digest, &next).then_some(Way::Sent)
            }
            _ => None,
        };
        Ok(Streamed { digest, size, way })
    }

    fn send_growing(
        &self,
        endpoint: &Endpoint,
        place: &str,
        growing: &Growing,
    ) -> Result<Response> {
        let open =
            || -> io::Result<Box<dyn Read + '_>> { Ok(Box::new(Follower { growing, done: 0 })) };
        let mut request = Request::new(Method::Patch, place)
            .with_header("content-type", "application/octet-stream")
            .with_body(Body::Chunked(&open));
        request.may_retry = false;
        self.send(endpoint, request, &[Scope::push(&endpoint.repository)])
    }

    /// Ends an upload of which all bytes are there. Tells whether the registry took it.
    fn finish_empty(&self, endpoint: &Endpoint, digest: &Digest, place: &str) -> bool {
        let address = super::upload::finish_address(place, digest);
        let mut request = Request::new(Method::Put, address)
            .with_header("content-type", "application/octet-stream")
            .with_body(Body::Bytes(&[]));
        request.may_retry = false;
        let answer = self.send(endpoint, request, &[Scope::push(&endpoint.repository)]);
        answer.is_ok_and(|response| response.is_success())
    }
}

/// Writes a file in a thread of its own, and does meanwhile what reads it. Returns what both came to.
fn at_once<T: Send, R>(
    growing: &Growing,
    write: impl FnOnce(Writer<'_>) -> Result<T> + Send,
    read: impl FnOnce() -> R,
) -> (Result<T>, R) {
    std::thread::scope(|scope| {
        let writer = Writer { growing };
        let thread = std::thread::Builder::new().spawn_scoped(scope, move || write(writer));
        let read = read();
        let written = match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(written)) => written,
            Ok(Err(_)) => Err(Error::new("the thread that compresses a layer broke down")
                .with_kind(ErrorKind::System)
                .with_help("this is a fault of the program: report it with what stands above")),
            Err(error) => Err(Error::system("cannot start a thread", error)),
        };
        (written, read)
    })
}

/// A file that one thread writes and others read at the same time.
struct Growing {
    file: File,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    n_bytes: u64,
    is_complete: bool,
    is_given_up: bool,
}

impl Growing {
    fn create(path: &Path) -> Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
        let file = file.doing(|| format!("write `{}`", path.display()))?;
        Ok(Self { file, state: Mutex::default(), changed: Condvar::new() })
    }

    /// Nothing more is written. Readers fail if it is given up. Only the first end counts.
    fn end(&self, is_given_up: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_complete {
            (state.is_complete, state.is_given_up) = (true, is_given_up);
            self.changed.notify_all();
        }
    }
}

/// Writes it. Without an end of its own it is given up, whatever its thread died of: those who read
/// would wait for ever.
struct Writer<'g> {
    growing: &'g Growing,
}

impl Writer<'_> {
    fn end(self, is_given_up: bool) {
        self.growing.end(is_given_up);
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.growing.end(true);
    }
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = (&self.growing.file).write(bytes)?;
        let mut state = self.growing.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.n_bytes += n as u64;
        self.growing.changed.notify_all();
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads from the beginning, and waits for what is still to come.
struct Follower<'g> {
    growing: &'g Growing,
    done: u64,
}

impl Read for Follower<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.growing.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.n_bytes == self.done && !state.is_complete {
            state = self.growing.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_given_up {
            return Err(io::Error::other("it need not be sent any more"));
        }
        let n_ready = state.n_bytes - self.done;
        drop(state);
        let n = usize::try_from(n_ready).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.growing.file.read_at(&mut buffer[..n], self.done)?;
        self.done += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What the reader of a file gets whose writer is `write`. Whoever waits for ever fails.
    fn followed(
        write: fn(Writer<'_>) -> Result<u8>,
    ) -> (std::result::Result<u8, String>, std::result::Result<String, String>) {
        let (done, wait) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let folder = tempfile::tempdir().expect("a folder");
            let growing = Growing::create(&folder.path().join("file")).expect("a file");
            let (written, read) = at_once(&growing, write, || {
                let mut text = String::new();
                let mut follower = Follower { growing: &growing, done: 0 };
                follower.read_to_string(&mut text).map(|_| text)
            });
            let written = written.map_err(|error| error.to_string());
            done.send((written, read.map_err(|error| error.to_string())))
                .expect("it is waited for");
        });
        wait.recv_timeout(Duration::from_secs(20)).expect("it comes to an end")
    }

    #[test]
    fn a_file_ends_however_its_writer_does() {
        let whole = followed(|mut writer| {
            writer.write_all(b"ab").doing(String::new)?;
            writer.write_all(b"c").doing(String::new)?;
            writer.end(false);
            Ok(1)
        });
        assert_eq!(whole, (Ok(1), Ok("abc".to_owned())));
        let given_up = Err("it need not be sent any more".to_owned());
        let needless = followed(|writer| {
            writer.end(true);
            Ok(2)
        });
        assert_eq!(needless, (Ok(2), given_up.clone()));
        let failed = followed(|mut writer| {
            writer.write_all(b"ab").doing(String::new)?;
            Err(Error::new("no"))
        });
        assert_eq!(failed, (Err("no".to_owned()), given_up.clone()));
        let forgotten = followed(|_| Ok(3));
        assert_eq!(forgotten, (Ok(3), given_up.clone()));
        let (written, read) = followed(|mut writer| {
            writer.write_all(b"ab").doing(String::new)?;
            std::panic::resume_unwind(Box::new("a panic without a message"))
        });
        assert_eq!(read, given_up);
        assert!(written.is_err_and(|error| error.contains("broke down")));
    }
}
