//! The time that something elsewhere carries, for `SOURCE_DATE_EPOCH`.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;

use dockerfile_parser::Parse;

use super::{Fetcher, Remote};
use crate::archive::{self, Reader};
use crate::error::Context as _;
use crate::plan::{TimeSource, time_source};
use crate::{Request, Result, Store};

/// Returns the request with the seconds that `SOURCE_DATE_EPOCH` stands for, where it names the
/// build context, a stage with a single download or a named context: the time of the commit, the
/// server's `Last-Modified`, or the newest time in the archive. What has no time sets none.
///
/// # Errors
///
/// When what is named gives no time, or cannot be fetched.
pub(crate) fn timed<'r>(
    request: &'r Request,
    parse: &Parse<'_>,
    store: &Store,
) -> Result<Cow<'r, Request>> {
    let Some((source, span)) = time_source(request, parse)? else {
        return Ok(Cow::Borrowed(request));
    };
    let time = match source {
        TimeSource::Context => request.context_time,
        TimeSource::Remote(remote) => {
            let time = Fetcher::new(request, store).time(&remote);
            time.map_err(|error| span.into_iter().fold(error, crate::Error::with_span))?
        }
    };
    let mut request = request.clone();
    let name = "SOURCE_DATE_EPOCH".to_owned();
    match time {
        Some(time) => request.build_args.insert(name, time.to_string()),
        None => request.build_args.insert(name, "context".to_owned()),
    };
    Ok(Cow::Owned(request))
}

impl Fetcher<'_> {
    fn time(&self, remote: &Remote) -> Result<Option<i64>> {
        let fetched = self.fetch(remote)?;
        match (remote, fetched.time) {
            (Remote::Http(_), None) => {
                let doing = || format!("read `{remote}`");
                let file = File::open(fetched.path.join(super::FILE)).doing(doing)?;
                archive::open(file)?.map_or(Ok(None), newest)
            }
            (_, time) => Ok(time),
        }
    }
}

/// The newest time in an archive, in seconds after 1970.
pub(super) fn newest(archive: impl Read) -> Result<Option<i64>> {
    let mut reader = Reader::new(archive);
    let mut newest = None;
    while let Some(entry) = reader.next()? {
        newest = newest.max(Some(entry.mtime));
    }
    Ok(newest)
}
