//! Blobs sent to a registry: mounted if it can be, else in one piece, else in several.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::session::{Scope, failure};
use super::{Endpoint, Registry, wrong};
use crate::http::{Body, Method, Request, Response, may_pass, url};
use crate::{Digest, Error, ErrorKind, Result};

/// The size of the pieces where one piece was not taken, in bytes. Below the 100 MB that some
/// proxies in front of registries take.
const CHUNK_BYTES: u64 = 32 << 20;

/// An upload that was started.
pub(super) struct Upload {
    /// Where the first piece goes.
    pub(super) place: String,
    /// `OCI-Chunk-Min-Length`: how large all pieces but the last must be at least.
    min_chunk_bytes: u64,
}

impl Registry {
    /// Tells whether a repository has a blob.
    pub(super) fn has_blob(&self, endpoint: &Endpoint, digest: &Digest) -> Result<bool> {
        let path = format!("/v2/{}/blobs/{digest}", endpoint.repository);
        let scopes = [Scope::push(&endpoint.repository)];
        let response = self.send(endpoint, Request::new(Method::Head, path), &scopes)?;
        match response.status {
            200..300 => Ok(true),
            404 => Ok(false),
            _ => Err(failure(response, &format!("cannot push to `{}`", endpoint.name()))),
        }
    }

    /// Starts to send a blob, and returns where to. If the registry takes it from another of its
    /// repositories, which is told with its digest, nothing needs to be sent, and nothing is
    /// returned.
    pub(super) fn start_upload(
        &self,
        endpoint: &Endpoint,
        mount: Option<(&Digest, &str)>,
    ) -> Result<Option<Upload>> {
        let repository = &endpoint.repository;
        let mut path = format!("/v2/{repository}/blobs/uploads/");
        let mut scopes = vec![Scope::push(repository)];
        if let Some((digest, from)) = mount {
            path = format!("{path}?mount={digest}&from={}", url::escaped(from));
            scopes.push(Scope::pull(from));
        }
        let response = self.send(endpoint, Request::new(Method::Post, path), &scopes)?;
        match response.status {
            201 if mount.is_some() => Ok(None),
            202 => {
                let least = response.header("oci-chunk-min-length").map(str::trim);
                let min_chunk_bytes = least.and_then(|least| least.parse().ok()).unwrap_or(0);
                Ok(Some(Upload { place: place(&response)?, min_chunk_bytes }))
            }
            // Some registries refuse to mount instead of going on.
            _ if mount.is_some() => self.start_upload(endpoint, None),
            _ => Err(failure(response, &format!("cannot push to `{}`", endpoint.name()))),
        }
    }

    /// Sends a blob to where an upload was started.
    pub(super) fn upload(
        &self,
        endpoint: &Endpoint,
        digest: &Digest,
        size: u64,
        file: &File,
        upload: Upload,
    ) -> Result<()> {
        let Some(chunk_bytes) = self.0.settings.chunk_bytes else {
            let whole = self.finish_upload(endpoint, digest, &upload.place, file, 0, size);
            match whole {
                Ok(response) if response.is_success() => return Ok(()),
                // Too large for something in between, or lost on the way: in pieces.
                Ok(response) if response.status == 413 || may_pass(response.status) => {}
                Ok(response) => return Err(self.not_taken(endpoint, digest, response)),
                Err(_) => {}
            }
            return self.upload_chunks(endpoint, digest, size, file, None, CHUNK_BYTES);
        };
        self.upload_chunks(endpoint, digest, size, file, Some(upload), chunk_bytes.max(1))
    }

    /// Sends a blob in pieces. After a failure the registry says how much it has, and that is gone
    /// on from; if it does not know any more, from the beginning.
    fn upload_chunks(
        &self,
        endpoint: &Endpoint,
        digest: &Digest,
        size: u64,
        file: &File,
        upload: Option<Upload>,
        chunk_bytes: u64,
    ) -> Result<()> {
        let mut least = upload.as_ref().map_or(0, |upload| upload.min_chunk_bytes);
        let mut place = upload.map(|upload| upload.place);
        // Getting on is what gives new attempts, not getting to the same point again.
        let (mut done, mut furthest) = (0, 0);
        let mut attempt = 0;
        loop {
            let sent = match place.take() {
                Some(place) => {
                    let chunk_bytes = chunk_bytes.max(least);
                    self.upload_chunk(endpoint, digest, file, &place, (done, size), chunk_bytes)
                }
                None => match self.start_upload(endpoint, None)? {
                    Some(started) => {
                        (place, done, least) = (Some(started.place), 0, started.min_chunk_bytes);
                        continue;
                    }
                    None => return Ok(()),
                },
            };
            match sent {
                Ok(Sent::All) => return Ok(()),
                Ok(Sent::UpTo(next, end)) => {
                    let is_further = end > furthest;
                    furthest = furthest.max(end);
                    (place, done) = (Some(next), end);
                    if is_further {
                        attempt = 0;
                        continue;
                    }
                    if attempt >= self.0.settings.http.n_retries {
                        let name = endpoint.name();
                        return Err(Error::new(format!(
                            "`{name}` does not take the blob `{digest}`"
                        ))
                        .with_kind(ErrorKind::System)
                        .with_help("try again; if it goes on, look at the registry's log"));
                    }
                }
                Ok(Sent::Lost(_)) | Err(_) if attempt < self.0.settings.http.n_retries => {}
                Ok(Sent::Lost(response)) => return Err(self.not_taken(endpoint, digest, response)),
                Err(error) => return Err(error),
            }
            std::thread::sleep(self.client().delay(attempt));
            attempt += 1;
        }
    }

    /// Sends the next piece from `done` on, or after the last the end.
    fn upload_chunk(
        &self,
        endpoint: &Endpoint,
        digest: &Digest,
        file: &File,
        place: &str,
        (done, size): (u64, u64),
        chunk_bytes: u64,
    ) -> Result<Sent> {
        let scopes = [Scope::push(&endpoint.repository)];
        let end = size.min(done.saturating_add(chunk_bytes));
        let answer = if done >= size {
            self.finish_upload(endpoint, digest, place, file, size, size)
        } else {
            let open = || section(file, done, end);
            let mut request = Request::new(Method::Patch, place)
                .with_header("content-type", "application/octet-stream")
                .with_header("content-range", format!("{done}-{}", end - 1))
                .with_body(Body::Stream(end - done, &open));
            request.may_retry = false;
            self.send(endpoint, request, &scopes)
        };
        match answer {
            Ok(response) if response.is_success() && done >= size => return Ok(Sent::All),
            Ok(response) if response.status == 202 => {
                let next = self::place(&response)?;
                return Ok(Sent::UpTo(next, received(&response).unwrap_or(end)));
            }
            _ => {}
        }
        // How much has arrived? If that cannot be told, the answer stands.
        match self.send(endpoint, Request::new(Method::Get, place), &scopes) {
            Ok(status) if status.status == 204 => {
                let next = self::place(&status).unwrap_or_else(|_| place.to_owned());
                Ok(Sent::UpTo(next, received(&status).unwrap_or(0)))
            }
            // The last piece may have arrived, and only the answer got lost.
            _ if done >= size && self.has_blob(endpoint, digest)? => Ok(Sent::All),
            _ => answer.map(Sent::Lost),
        }
    }

    /// Sends the bytes from `start` on as the last ones.
    fn finish_upload(
        &self,
        endpoint: &Endpoint,
        digest: &Digest,
        place: &str,
        file: &File,
        start: u64,
        size: u64,
    ) -> Result<Response> {
        let address = finish_address(place, digest);
        let open = || section(file, start, size);
        let mut request = Request::new(Method::Put, address)
            .with_header("content-type", "application/octet-stream")
            .with_body(Body::Stream(size - start, &open));
        request.may_retry = false;
        self.send(endpoint, request, &[Scope::push(&endpoint.repository)])
    }

    fn not_taken(&self, endpoint: &Endpoint, digest: &Digest, response: Response) -> Error {
        failure(response, &format!("cannot push the blob `{digest}` to `{}`", endpoint.name()))
    }
}

/// How far a piece got.
enum Sent {
    /// All is there.
    All,
    /// The registry has the bytes before this, and the rest goes there.
    UpTo(String, u64),
    /// It was not taken.
    Lost(Response),
}

/// Returns the address that ends an upload.
pub(super) fn finish_address(place: &str, digest: &Digest) -> String {
    let separator = if place.contains('?') { '&' } else { '?' };
    format!("{place}{separator}digest={}", url::escaped(&digest.to_string()))
}

/// Returns where the next request of an upload goes.
pub(super) fn place(response: &Response) -> Result<String> {
    let location = response.header("location").and_then(|to| url::join(&response.url, to));
    location.ok_or_else(|| {
        wrong(format!("`{}` does not say where a blob may be sent", url::host(&response.url)))
    })
}

/// Returns how many bytes an upload has come to: `Range: 0-99` are a hundred.
fn received(response: &Response) -> Option<u64> {
    let range = response.header("range")?.trim_start_matches("bytes=");
    let last: u64 = range.split_once('-')?.1.trim().parse().ok()?;
    // Nothing at all is `0-0` as well, for which the distribution project's server is known.
    Some(if last == 0 { 0 } else { last + 1 })
}

/// Opens a part of a file for reading.
fn section<'f>(file: &'f File, start: u64, end: u64) -> io::Result<Box<dyn Read + 'f>> {
    // A descriptor of its own has a position of its own.
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
    let mut own = File::open(path)?;
    own.seek(SeekFrom::Start(start))?;
    Ok(Box::new(own.take(end - start)))
}
