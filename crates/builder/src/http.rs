//! HTTP, as far as registries and downloads need it: a thin edge over `ureq` and rustls.
//!
//! Everything that differs between machines (proxies, certificates, whether there may be a network
//! at all) comes in as [`Settings`]. Every wait is bounded, every body is read with a limit, and no
//! credential follows a redirect to another host or comes up in a message.

mod proxy;
mod tls;
pub(crate) mod url;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ureq::{Agent, SendBody};

pub use self::proxy::ProxySettings;
use crate::{Error, ErrorKind, Result};

/// Stands for all hosts in a list of them.
pub const EVERY_HOST: &str = "*";

/// The most redirects that are followed for one request.
const MAX_REDIRECTS: usize = 10;
/// The longest time that a server may make us wait between two attempts.
const MAX_DELAY: Duration = Duration::from_secs(60);
/// The size of the pieces in which bodies are copied.
const COPY_BYTES: usize = 256 << 10;

/// What the surroundings say about the network.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which proxies are used.
    pub proxy: ProxySettings,
    /// Files with certificate authorities in PEM; the first that is there counts. Without any,
    /// Mozilla's list that is compiled in is trusted.
    pub root_files: Vec<PathBuf>,
    /// Directories in the manner of `/etc/docker/certs.d`: `HOST[:PORT]/*.crt` are authorities,
    /// `*.cert` and `*.key` of one name a client's certificate.
    pub certificate_directories: Vec<PathBuf>,
    /// A directory of such files for every host.
    pub certificates: Option<PathBuf>,
    /// Hosts, with or without a port, or [`EVERY_HOST`], whose certificates are not checked.
    pub unverified_hosts: Vec<String>,
    /// Whether every request fails instead of opening a socket.
    pub is_offline: bool,
    /// How often a request is tried again.
    pub n_retries: u32,
    /// How long to wait before the first of these; each next one waits twice as long, up to eight
    /// times this.
    pub retry_delay_ms: u64,
    /// How long a server may be silent.
    pub idle_timeout_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            proxy: ProxySettings::default(),
            root_files: Vec::new(),
            certificate_directories: Vec::new(),
            certificates: None,
            unverified_hosts: Vec::new(),
            is_offline: false,
            n_retries: 5,
            retry_delay_ms: 1000,
            idle_timeout_ms: 60_000,
        }
    }
}

/// A text that must not be seen: it has no `Display`, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A header field: name and value.
pub type Header = (String, String);

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
}

impl Method {
    const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }
}

/// What is sent along.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    /// Nothing.
    Empty,
    /// These bytes.
    Bytes(&'a [u8]),
    /// So many bytes, from a reader that is opened for each attempt.
    Stream(u64, &'a dyn Fn() -> io::Result<Box<dyn Read + 'a>>),
    /// The same, as many bytes as there will be.
    Chunked(&'a dyn Fn() -> io::Result<Box<dyn Read + 'a>>),
}

impl Body<'_> {
    /// Returns the number of bytes, where it is known before.
    fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Stream(length, _) => Some(*length),
            Self::Chunked(_) => None,
        }
    }
}

/// A request.
#[derive(Clone)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The absolute URL, `http` or `https`.
    pub url: String,
    /// Header fields.
    pub headers: Vec<Header>,
    /// The value of `Authorization`. It is not sent to another host than that of `url`.
    pub authorization: Option<Secret>,
    /// The body.
    pub body: Body<'a>,
    /// Whether failures that may pass are tried again.
    pub may_retry: bool,
}

impl<'a> Request<'a> {
    /// Returns a request without header fields and body, which may be tried again.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            authorization: None,
            body: Body::Empty,
            may_retry: true,
        }
    }

    /// Adds a header field.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: Body<'a>) -> Self {
        self.body = body;
        self
    }
}

/// An answer. Its body is still to be read.
pub struct Response {
    /// The status code. Whoever asked decides what is a failure.
    pub status: u16,
    /// The URL that answered, after redirects.
    pub url: String,
    headers: ureq::http::HeaderMap,
    body: ureq::Body,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = url::shown(&self.url);
        f.debug_struct("Response").field("status", &self.status).field("url", &url).finish()
    }
}

impl Response {
    /// Returns a header field, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns all header fields of a name.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    /// Returns the size that the answer gives for its body.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length").and_then(|length| length.trim().parse().ok())
    }

    /// Tells whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Reads the whole body.
    ///
    /// # Errors
    ///
    /// When it has more than `limit` bytes, or breaks off.
    pub fn read(mut self, limit: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut reader = self.body.as_reader().take(limit.saturating_add(1));
        reader.read_to_end(&mut bytes).map_err(|error| broken(&self.url, error))?;
        if bytes.len() as u64 > limit {
            return Err(too_large(&self.url, limit));
        }
        Ok(bytes)
    }

    /// Reads the body piece by piece. It ends early, without an error, where the server does not
    /// say how long it is and hangs up.
    pub fn reader(&mut self) -> impl Read + '_ {
        self.body.as_reader()
    }
}

/// Sends requests and keeps connections. Cheap to clone; may be shared between threads.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    settings: Settings,
    /// By host and port, and whether by TLS: certificates and proxies depend on them.
    agents: Mutex<BTreeMap<String, Agent>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("settings", &self.0.settings).finish()
    }
}

/// Why an attempt failed.
struct Failure {
    error: Error,
    /// Whether it may work next time.
    may_pass: bool,
}

impl Client {
    /// Returns a client. Nothing is opened yet.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner { settings, agents: Mutex::default() }))
    }

    /// Returns what it was made with.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Sends a request, follows redirects, and tries again after failures that may pass: lost
    /// connections, silence, the status codes 408, 429 and 500 and above (but 501). If the last
    /// attempt had an answer, that is returned, whatever its status.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub fn send(&self, request: &Request<'_>) -> Result<Response> {
        let mut attempt = 0;
        loop {
            let answer = self.follow(request);
            let is_last = !request.may_retry || attempt >= self.0.settings.n_retries;
            let delay = match answer {
                Ok(response) if is_last || !may_pass(response.status) => return Ok(response),
                Err(failure) if is_last || !failure.may_pass => return Err(failure.error),
                Ok(response) => {
                    retry_after(response.header("retry-after"), response.header("date"))
                }
                Err(_) => None,
            };
            std::thread::sleep(delay.unwrap_or_else(|| self.delay(attempt)).min(MAX_DELAY));
            attempt += 1;
        }
    }

    /// Returns how long to wait after an attempt, the first of which is 0.
    pub fn delay(&self, attempt: u32) -> Duration {
        Duration::from_millis(self.0.settings.retry_delay_ms.saturating_mul(1 << attempt.min(3)))
    }

    /// Copies a body of at most `limit` bytes to `out`. Where it breaks off, `open` is called for
    /// the rest, with the header fields to be sent; a server that sends all of it again is heard
    /// out. `open` gives the answer to a GET, and an error for a status that is not success.
    ///
    /// Returns the first answer, whose body is read, and the number of bytes.
    ///
    /// # Errors
    ///
    /// When it is larger, changes in between, or breaks off again and again without getting on.
    pub fn download(
        &self,
        out: &mut dyn Write,
        limit: u64,
        open: &mut dyn FnMut(&[Header]) -> Result<Response>,
    ) -> Result<(Response, u64)> {
        let mut first = open(&[])?;
        let total = first.content_length();
        if total.is_some_and(|total| total > limit) {
            return Err(too_large(&first.url, limit));
        }
        let address = first.url.clone();
        let mut done = 0;
        let mut copied = copy(&mut first.reader(), out, 0, limit, &mut done);
        let mut attempt = 0;
        loop {
            let is_short = total.is_some_and(|total| done < total);
            let failure = match copied {
                Ok(()) if !is_short => return Ok((first, done)),
                Ok(()) => io::Error::from(io::ErrorKind::UnexpectedEof),
                Err(Stop::Limit) => return Err(too_large(&address, limit)),
                Err(Stop::Out(error)) => {
                    return Err(Error::system("cannot write what is downloaded", error));
                }
                Err(Stop::In(error)) => error,
            };
            if attempt >= self.0.settings.n_retries {
                return Err(broken(&address, failure));
            }
            std::thread::sleep(self.delay(attempt));
            let mut headers = vec![("range".to_owned(), format!("bytes={done}-"))];
            let validator = first.header("etag").filter(|tag| !tag.starts_with("W/"));
            if let Some(validator) = validator.or_else(|| first.header("last-modified")) {
                headers.push(("if-range".to_owned(), validator.to_owned()));
            }
            let mut rest = open(&headers)?;
            let skipped = skipped(&first, &rest, done)?;
            let before = done;
            copied = copy(&mut rest.reader(), out, skipped, limit, &mut done);
            attempt = if done > before { 0 } else { attempt + 1 };
        }
    }

    /// Sends a request and follows redirects.
    fn follow(&self, request: &Request<'_>) -> std::result::Result<Response, Failure> {
        let mut address = request.url.clone();
        let fatal = |error| Failure { error, may_pass: false };
        for _ in 0..=MAX_REDIRECTS {
            let is_same_origin = url::origin(&address) == url::origin(&request.url);
            let authorization = request.authorization.as_ref().filter(|_| is_same_origin);
            let response = self.attempt(request, &address, authorization)?;
            let is_read = matches!(request.method, Method::Get | Method::Head);
            let is_redirect = match response.status {
                301..=303 => is_read,
                307 | 308 => true,
                _ => false,
            };
            let Some(target) = response.header("location").filter(|_| is_redirect) else {
                return Ok(response);
            };
            address = url::join(&address, target).ok_or_else(|| {
                let host = url::host(&address);
                fatal(Error::new(format!("`{host}` redirects to what is no http or https URL")))
            })?;
        }
        Err(fatal(
            Error::new(format!(
                "`{}` redirects more than {MAX_REDIRECTS} times",
                url::host(&request.url)
            ))
            .with_help("check the address; it may lead in a circle without a login"),
        ))
    }

    /// Sends a request to an address once.
    fn attempt(
        &self,
        request: &Request<'_>,
        address: &str,
        authorization: Option<&Secret>,
    ) -> std::result::Result<Response, Failure> {
        let fatal = |error| Failure { error, may_pass: false };
        let agent = self.agent(address).map_err(fatal)?;
        let mut builder = ureq::http::Request::builder().uri(address).method(request.method.name());
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(Secret(value)) = authorization {
            builder = builder.header("authorization", value);
        }
        let doing = || format!("cannot reach `{}`", url::host(address));
        let mut reader: Box<dyn Read + '_> = match request.body {
            Body::Empty => Box::new(io::empty()),
            Body::Bytes(bytes) => Box::new(bytes),
            Body::Stream(_, open) | Body::Chunked(open) => {
                open().map_err(|error| fatal(Error::system("cannot read what is sent", error)))?
            }
        };
        let unusable = |error| fatal(Error::system(doing(), error));
        let answer = match request.method {
            Method::Get | Method::Head => agent.run(builder.body(()).map_err(unusable)?),
            Method::Post | Method::Put | Method::Patch => {
                builder = match request.body.length() {
                    Some(length) => builder.header("content-length", length.to_string()),
                    None => builder.header("transfer-encoding", "chunked"),
                };
                let body = SendBody::from_reader(&mut *reader);
                agent.run(builder.body(body).map_err(unusable)?)
            }
        };
        match answer {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                Ok(Response {
                    status: parts.status.as_u16(),
                    url: address.to_owned(),
                    headers: parts.headers,
                    body,
                })
            }
            Err(error) => Err(explain(error, address)),
        }
    }

    /// Returns the agent for an address, which is made when it is first needed.
    fn agent(&self, address: &str) -> Result<Agent> {
        let host = url::host(address);
        if self.0.settings.is_offline {
            return Err(Error::new(format!("`{host}` cannot be asked: the network is not used"))
                .with_help("leave `--offline` out"));
        }
        if !url::is_http(address) {
            return Err(Error::new(format!("`{}` is no URL of HTTP", url::shown(address))));
        }
        let origin = url::origin(address);
        let mut agents = self.0.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&origin) {
            return Ok(agent.clone());
        }
        let settings = &self.0.settings;
        let idle = Some(Duration::from_millis(settings.idle_timeout_ms));
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(settings.proxy.of(address)?)
            .user_agent(concat!("dockwright/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(Duration::from_secs(30)))
            .timeout_connect(Some(Duration::from_secs(30)))
            .timeout_per_read(idle)
            .timeout_per_write(idle)
            .max_idle_connections(64)
            .max_idle_connections_per_host(16);
        if address.starts_with("https:") {
            config = config.tls_config(tls::config(settings, host)?);
        }
        let agent = config.build().new_agent();
        agents.insert(origin, agent.clone());
        Ok(agent)
    }
}

/// Why copying a body ended early.
enum Stop {
    In(io::Error),
    Out(io::Error),
    Limit,
}

/// Copies a body without its first `skip` bytes, and counts in `done`.
fn copy(
    reader: &mut dyn Read,
    out: &mut dyn Write,
    skip: u64,
    limit: u64,
    done: &mut u64,
) -> std::result::Result<(), Stop> {
    let mut skip = skip;
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(0) if skip > 0 => return Err(Stop::In(io::ErrorKind::UnexpectedEof.into())),
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Stop::In(error)),
        };
        let n_skipped = skip.min(n as u64);
        skip -= n_skipped;
        let piece = buffer.get(n_skipped as usize..n).unwrap_or_default();
        if *done + piece.len() as u64 > limit {
            return Err(Stop::Limit);
        }
        out.write_all(piece).map_err(Stop::Out)?;
        *done += piece.len() as u64;
    }
}

/// Returns how many bytes of a second answer are known already.
fn skipped(first: &Response, rest: &Response, done: u64) -> Result<u64> {
    let changed = || {
        Error::new(format!("`{}` changed while it was downloaded", url::shown(&first.url)))
            .with_kind(ErrorKind::System)
            .with_help("try again")
    };
    if rest.status == 206 {
        let range = rest.header("content-range").unwrap_or("").trim_start_matches("bytes").trim();
        let start = range.split('-').next().and_then(|start| start.trim().parse().ok());
        return if start == Some(done) { Ok(0) } else { Err(changed()) };
    }
    for name in ["etag", "last-modified", "content-length"] {
        if first.header(name) != rest.header(name) {
            return Err(changed());
        }
    }
    Ok(done)
}

/// Tells whether an answer of this status may be another one next time.
pub(crate) fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 429) || status >= 500 && status != 501
}

/// Reads `Retry-After`: seconds, or a date, which counts from the server's own `Date`, so that no
/// clock of this machine has to agree with the server's.
fn retry_after(value: Option<&str>, now: Option<&str>) -> Option<Duration> {
    let value = value?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let seconds = date(value)?.saturating_sub(date(now?.trim())?);
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// Reads a date such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7) into seconds after
/// 1970.
fn date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
    let words: Vec<&str> = text.split([' ', ',', ':']).filter(|word| !word.is_empty()).collect();
    let [_, day, month, year, hours, minutes, seconds, "GMT"] = words.as_slice() else {
        return None;
    };
    let number = |text: &str| text.parse::<i64>().ok();
    // The year begins in March, so that the day that comes and goes is its last.
    let month = i64::try_from(MONTHS.iter().position(|name| name == month)?).ok()?;
    let year = number(year)?.checked_sub(i64::from(month >= 10)).filter(|it| *it < 10_000)?;
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + number(day)?
        - 719_469;
    Some(((days * 24 + number(hours)?) * 60 + number(minutes)?) * 60 + number(seconds)?)
}

fn too_large(address: &str, limit: u64) -> Error {
    Error::new(format!("`{}` has more than {limit} bytes", url::shown(address)))
        .with_kind(ErrorKind::Corrupt)
        .with_help("what is there is not what it should be: check the name, or push it again")
}

fn broken(address: &str, error: io::Error) -> Error {
    Error::system(format!("`{}` broke off", url::shown(address)), error)
        .with_help("try again; if it goes on, look at the network and the server")
}

/// Turns what `ureq` says into an error that names the host and what to do.
fn explain(error: ureq::Error, address: &str) -> Failure {
    let host = url::host(address);
    let message = format!("cannot reach `{host}`");
    let (help, may_pass) = match &error {
        ureq::Error::HostNotFound => ("check how the host is written, and the network", false),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => (TLS_HELP, false),
        ureq::Error::Io(io) => {
            match io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
                true => (TLS_HELP, false),
                // The resolver's own words: its errors have no kind.
                false if io.to_string().contains("lookup address") => {
                    ("check how the host is written, and the network", false)
                }
                false => {
                    ("check the address, the network and the proxy settings", is_lost(io.kind()))
                }
            }
        }
        ureq::Error::Protocol(_) => ("is this a server of HTTP?", true),
        ureq::Error::Timeout(_) => ("the server did not answer in time; try again later", true),
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => {
            ("check `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`", false)
        }
        _ => ("check the address, the network and the proxy settings", true),
    };
    // Its own text may hold the URL with what is secret in it.
    let cause = match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "the URL cannot be used".to_owned(),
        error => error.to_string(),
    };
    Failure { error: Error::system(message, cause).with_help(help), may_pass }
}

const TLS_HELP: &str = "if its certificate authority is your own, put that into \
    `/etc/docker/certs.d/HOST:PORT/ca.crt`; to talk to it without any check, name it with \
    `--insecure-registry`";

/// Tells whether a connection was lost in a way that may not happen again.
fn is_lost(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;
    !matches!(
        kind,
        Kind::InvalidInput | Kind::InvalidData | Kind::PermissionDenied | Kind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests;
