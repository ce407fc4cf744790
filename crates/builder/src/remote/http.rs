//! Downloads.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{Timespec, Timestamps};
use sha2::Digest as _;

use super::fetch::Fetcher;
use crate::error::Context as _;
use crate::http::{Client, Method, Request, Secret, url};
use crate::{Digest, Error, ErrorKind, Result};

/// The most bytes that one download may have.
const MAX_BYTES: u64 = 1 << 40;

/// Downloads `address` to the new file `path`, with mode 0600 and the time that the server gives,
/// and returns what is known of it.
pub(super) fn fetch(fetcher: &Fetcher<'_>, address: &str, path: &Path) -> Result<Download> {
    let client = Client::new(fetcher.http.clone());
    let doing = || format!("write `{}`", path.display());
    let options = &mut File::options();
    let file = options.write(true).create_new(true).mode(0o600).open(path).doing(doing)?;
    let mut out = Hashing { file, hasher: sha2::Sha256::new() };
    let mut open = |headers: &[(String, String)]| {
        let mut request = request(fetcher, Method::Get, address);
        request.headers = headers.to_vec();
        let response = client.send(&request)?;
        if response.is_success() {
            return Ok(response);
        }
        Err(refused(address, response.status))
    };
    let (response, _) = client.download(&mut out, MAX_BYTES, &mut open)?;
    // A server that tells no time leaves the first second of 1970, as in BuildKit.
    let said = response.header("last-modified").and_then(http_time);
    let time = Timespec { tv_sec: said.unwrap_or(0), tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::futimens(&out.file, &times).doing(doing)?;
    // A weak tag stays the same where bytes differ.
    let tag = response.header("etag").filter(|tag| !tag.starts_with("W/"));
    Ok(Download { digest: Digest::finish(out.hasher), time: said, tag: tag.map(str::to_owned) })
}

/// Asks the server whether what it gave under `tag` is what it would give now. No answer is a no: the
/// download tells what is wrong.
pub(super) fn is_unchanged(fetcher: &Fetcher<'_>, address: &str, tag: &str) -> bool {
    let mut request = request(fetcher, Method::Head, address).with_header("If-None-Match", tag);
    request.may_retry = false;
    let answer = Client::new(fetcher.http.clone()).send(&request);
    answer.is_ok_and(|answer| {
        answer.status == 304 || answer.is_success() && answer.header("etag") == Some(tag)
    })
}

fn request(fetcher: &Fetcher<'_>, method: Method, address: &str) -> Request<'static> {
    // The scheme in lower case, as BuildKit's URL parser gives it.
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let mut request = Request::new(method, scheme.to_lowercase() + "://" + rest);
    request.authorization = authorization(fetcher, url::host(address));
    request
}

/// What is known of a download.
pub(super) struct Download {
    /// The digest of its bytes.
    pub(super) digest: Digest,
    /// The time that the server gives, in seconds after 1970.
    pub(super) time: Option<i64>,
    /// The tag by which the server knows these bytes.
    pub(super) tag: Option<String>,
}

/// A file that is hashed while it is written.
struct Hashing {
    file: File,
    hasher: sha2::Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// What the secrets `HTTP_AUTH_HEADER_HOST` and `HTTP_AUTH_TOKEN_HOST` say of a server.
fn authorization(fetcher: &Fetcher<'_>, host: &str) -> Option<Secret> {
    let text = |name| {
        let bytes = fetcher.secret(name, host)?;
        std::str::from_utf8(bytes).ok().map(|text| text.trim().to_owned())
    };
    let token = || text("HTTP_AUTH_TOKEN").map(|token| format!("Bearer {token}"));
    text("HTTP_AUTH_HEADER").or_else(token).map(Secret)
}

fn refused(address: &str, status: u16) -> Error {
    let help = match status {
        401 | 403 => {
            "give a secret `HTTP_AUTH_TOKEN_HOST` or `HTTP_AUTH_HEADER_HOST` with `--secret`"
        }
        404 | 410 => "check the address",
        _ => "try again later",
    };
    Error::new(format!(
        "`{}` cannot be downloaded: the server answers {status}",
        url::shown(address)
    ))
    .with_kind(ErrorKind::System)
    .with_help(help)
}

/// Reads a date of HTTP, `Sun, 06 Nov 1994 08:49:37 GMT`, as seconds after 1970.
fn http_time(text: &str) -> Option<i64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let (_, date) = text.split_once(", ")?;
    let fields: Vec<&str> = date.split_whitespace().collect();
    let [day, month, year, time, "GMT"] = fields.as_slice() else { return None };
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= 0);
    let month = MONTHS.find(month).filter(|at| at % 3 == 0 && month.len() == 3)? as i64 / 3 + 1;
    let (day, year) = (number(day)?, number(year).filter(|year| (1..9999).contains(year))?);
    let clock: Vec<i64> = time.split(':').map(number).collect::<Option<_>>()?;
    let [hour, minute, second] = clock.as_slice() else { return None };
    // Years begin in March, so that a leap day is the last of its year.
    let (shifted, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400;
    let days = days + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::http_time;

    #[test]
    fn dates_of_http() {
        assert_eq!(http_time("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_time("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_time("Tue, 29 Feb 2000 12:00:00 GMT"), Some(951_825_600));
        for text in
            ["", "yesterday", "Sun, 06 Nov 1994 08:49:37 EST", "Sun, 06 Xxx 1994 08:49:37 GMT"]
        {
            assert_eq!(http_time(text), None, "{text}");
        }
    }
}
