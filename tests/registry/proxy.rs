//! A proxy in front of a registry that does harm on request, and can want tokens.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is done to a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is answered with this status line and header fields.
    Status(&'static str),
    /// The connection is closed without an answer.
    Reset,
    /// The answer breaks off after so many bytes of its body.
    Truncated(usize),
    /// The answer comes slowly.
    Slow,
    /// The answer stops in the middle and the connection stays.
    Stalled,
    /// A byte of the answer's body is another.
    Wrong,
    /// The answer is a redirect to the same path there.
    Redirect(String),
    /// The answer to the upload's start names this host.
    Elsewhere(String),
    /// The answer lacks this header field.
    Without(&'static str),
    /// The answer has this header field too.
    With(&'static str),
    /// The answer's `Location` is relative.
    Relative,
    /// It is answered with this header field and body.
    Body(&'static str, Vec<u8>),
    /// The registry does not see that a part is asked for.
    Unranged,
}

/// A request as the proxy saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Decides what is done to a request: given the request and how many like it (method and path
/// without query) came before.
type Judge = dyn Fn(&Seen, usize) -> Option<Fault> + Send + Sync;

/// A running proxy, which ends with this value.
pub(crate) struct Proxy {
    /// Host and port.
    pub(crate) address: String,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    judge: Box<Judge>,
    seen: Mutex<Vec<Seen>>,
    has_ended: AtomicBool,
}

impl Proxy {
    /// Starts one. Without an upstream all must be answered by `judge`.
    pub(crate) fn new(
        upstream: &str,
        judge: impl Fn(&Seen, usize) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            judge: Box::new(judge),
            seen: Mutex::default(),
            has_ended: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if own.has_ended.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&own);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// Returns a reference on it.
    pub(crate) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Returns what it has seen.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("not poisoned").clone()
    }

    /// Counts the requests of a method whose path holds a text.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        let seen = self.seen();
        seen.iter().filter(|seen| seen.method == method && seen.path.contains(part)).count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.address);
    }
}

/// Answers one request and hangs up.
fn serve(stream: TcpStream, shared: &Shared) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let mut reader = BufReader::new(stream);
    let Some(seen) = read_request(&mut reader) else { return };
    if seen.method == "CONNECT" {
        let upstream = shared.upstream.clone();
        shared.seen.lock().expect("not poisoned").push(seen);
        return tunnel(reader, &upstream);
    }
    let bare = |path: &str| path.split('?').next().unwrap_or("").to_owned();
    let n_before = {
        let mut all = shared.seen.lock().expect("not poisoned");
        let same = all
            .iter()
            .filter(|old| old.method == seen.method && bare(&old.path) == bare(&seen.path));
        let n_before = same.count();
        all.push(seen.clone());
        // Whoever asks so often does not end.
        if all.len() > 2000 {
            return;
        }
        n_before
    };
    let mut out = reader.into_inner();
    let fault = (shared.judge)(&seen, n_before);
    let answer = match &fault {
        Some(Fault::Status(head)) => {
            let body = head.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            let head = head.split("\r\n\r\n").next().unwrap_or("");
            let length = body.len();
            format!(
                "HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .into_bytes()
        }
        Some(Fault::Reset) => return,
        Some(Fault::Redirect(host)) => {
            let path = &seen.path;
            format!(
                "HTTP/1.1 307 Away\r\nLocation: http://{host}{path}\r\nConnection: close\r\n\
                 Content-Length: 0\r\n\r\n"
            )
            .into_bytes()
        }
        Some(Fault::Body(field, body)) => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\n{field}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
            );
            [head.as_bytes(), body].concat()
        }
        Some(Fault::Unranged) => {
            let lines = seen.head.lines();
            let kept = lines.filter(|line| !line.to_lowercase().starts_with("range:"));
            let head = kept.collect::<Vec<_>>().join("\r\n");
            forward(&Seen { head, ..seen.clone() }, &shared.upstream)
        }
        _ => forward(&seen, &shared.upstream),
    };
    let _ = harm(&mut out, answer, fault, &seen);
}

/// Sends an answer, or what becomes of it.
fn harm(
    out: &mut TcpStream,
    mut answer: Vec<u8>,
    fault: Option<Fault>,
    seen: &Seen,
) -> std::io::Result<()> {
    match fault {
        Some(Fault::Truncated(n)) => {
            let end = body_start(&answer) + n;
            out.write_all(&answer[..end.min(answer.len())])
        }
        Some(Fault::Wrong) => {
            let at = body_start(&answer);
            if let Some(byte) = answer.get_mut(at) {
                *byte ^= 1;
            }
            out.write_all(&answer)
        }
        Some(Fault::Elsewhere(host)) => {
            let text = String::from_utf8_lossy(&answer).into_owned();
            let (address, to) =
                (format!("http://{}", header(&seen.head, "host")), format!("http://{host}"));
            out.write_all(text.replace(&address, &to).as_bytes())
        }
        Some(Fault::Without(name)) => out.write_all(&rewritten(&answer, |line| {
            let field = line.split(':').next().unwrap_or("");
            (!field.eq_ignore_ascii_case(name)).then(|| line.to_owned())
        })),
        Some(Fault::With(field)) => {
            let mut is_first = true;
            out.write_all(&rewritten(&answer, |line| match std::mem::take(&mut is_first) {
                true => Some(format!("{line}\r\n{field}")),
                false => Some(line.to_owned()),
            }))
        }
        Some(Fault::Relative) => {
            let address = format!("http://{}", header(&seen.head, "host"));
            out.write_all(&rewritten(&answer, |line| Some(line.replace(&address, ""))))
        }
        Some(Fault::Stalled) => {
            let middle = body_start(&answer) + answer.len().saturating_sub(body_start(&answer)) / 2;
            let half = out.write_all(&answer[..middle]);
            std::thread::sleep(Duration::from_secs(3));
            half
        }
        Some(Fault::Slow) => answer.chunks(answer.len() / 20 + 1).try_for_each(|piece| {
            std::thread::sleep(Duration::from_millis(20));
            out.write_all(piece)
        }),
        _ => out.write_all(&answer),
    }
}

/// An answer with other lines in its head; a line that becomes nothing is left out.
fn rewritten(answer: &[u8], mut line: impl FnMut(&str) -> Option<String>) -> Vec<u8> {
    let (head, body) = answer.split_at(body_start(answer));
    let head = String::from_utf8_lossy(head);
    let lines = head.trim_end().lines().filter_map(&mut line);
    let mut rewritten = lines.collect::<Vec<_>>().join("\r\n").into_bytes();
    rewritten.extend_from_slice(b"\r\n\r\n");
    rewritten.extend_from_slice(body);
    rewritten
}

/// Passes bytes on in both directions, wherever the client wanted to go.
fn tunnel(client: BufReader<TcpStream>, upstream: &str) {
    let server = TcpStream::connect(upstream).expect("the registry is there");
    let mut client = client.into_inner();
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").expect("written");
    let (mut from_client, mut to_server) =
        (client.try_clone().expect("a stream"), server.try_clone().expect("a stream"));
    let up = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(std::net::Shutdown::Write);
    });
    let mut server = server;
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = up.join();
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    // A client that would speak TLS.
    if reader.fill_buf().ok()?.first() == Some(&0x16) {
        return None;
    }
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let length: usize = header(&head, "content-length").parse().unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if header(&head, "transfer-encoding") == "chunked" {
        read_chunks(reader, &mut body)?;
    }
    let mut words = head.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    Some(Seen { method, path, head, body })
}

/// Reads a body of chunks with their sizes, to be passed on as it is.
fn read_chunks(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Option<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        body.extend_from_slice(line.as_bytes());
        let start = body.len();
        body.resize(start + size + 2, 0);
        reader.read_exact(body.get_mut(start..)?).ok()?;
        if size == 0 {
            return Some(());
        }
    }
}

/// Asks the registry, as the client asked.
fn forward(seen: &Seen, upstream: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(upstream).expect("the registry is there");
    let kept = seen.head.lines().filter(|line| {
        let line = line.to_lowercase();
        !line.starts_with("connection:") && !line.starts_with("authorization: bearer")
    });
    let head = kept.collect::<Vec<_>>().join("\r\n");
    let sent = stream
        .write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes())
        .and_then(|()| stream.write_all(&seen.body));
    sent.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("read");
    answer
}

/// Returns a field of a head; empty if it is not there.
pub(crate) fn header<'h>(head: &'h str, name: &str) -> &'h str {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut found = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
    found.next().map_or("", |(_, value)| value.trim())
}

fn body_start(answer: &[u8]) -> usize {
    answer.windows(4).position(|window| window == b"\r\n\r\n").map_or(answer.len(), |at| at + 4)
}
