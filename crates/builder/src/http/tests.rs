//! The client against a server of our own, which says exactly what it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;

/// A server that answers each request with the next of its texts, and hangs up after each.
struct Server {
    url: String,
    thread: JoinHandle<Vec<String>>,
}

impl Server {
    fn new(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let thread = std::thread::spawn(move || {
            let mut heads = Vec::new();
            for answer in answers {
                let (stream, _) = listener.accept().expect("a client");
                let mut reader = BufReader::new(stream);
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).expect("a line");
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a length");
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                    head.push_str(&line);
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("the body");
                head.push_str(&String::from_utf8_lossy(&body));
                heads.push(head);
                reader.get_mut().write_all(&answer).expect("written");
            }
            heads
        });
        Self { url, thread }
    }

    fn heads(self) -> Vec<String> {
        self.thread.join().expect("the server")
    }
}

fn answer(head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").into()
}

fn client() -> Client {
    Client::new(Settings { retry_delay_ms: 1, idle_timeout_ms: 5000, ..Settings::default() })
}

#[test]
fn failures_that_pass_are_tried_again() {
    let server = Server::new(vec![
        answer("429 Too Many\r\nRetry-After: 0", ""),
        answer("503 Away", ""),
        Vec::new(),
        answer("200 OK", "done"),
    ]);
    let open = || Ok(Box::new(&b"sent"[..]) as Box<dyn Read>);
    let request = Request::new(Method::Put, format!("{}/x", server.url));
    let response = client().send(&request.with_body(Body::Stream(4, &open))).expect("an answer");
    assert_eq!(response.read(10).expect("a body"), b"done");
    let heads = server.heads();
    assert_eq!(heads.len(), 4);
    assert!(heads.iter().all(|head| head.ends_with("sent")), "{heads:?}");
}

#[test]
fn the_last_answer_is_returned_and_refusals_are_not_tried_again() {
    let server = Server::new(vec![answer("404 Not Found", ""), answer("500 No", "why")]);
    let get = |path: &str| Request::new(Method::Get, format!("{}/{path}", server.url));
    assert_eq!(client().send(&get("a")).expect("an answer").status, 404);
    let once = Client::new(Settings { n_retries: 0, ..Settings::default() });
    let response = once.send(&get("b")).expect("an answer");
    assert_eq!((response.status, response.read(3).expect("a body")), (500, b"why".to_vec()));
    assert_eq!(server.heads().len(), 2);
}

#[test]
fn no_authorization_goes_to_another_host() {
    let other = Server::new(vec![answer("200 OK", "blob")]);
    let same = "302 Found\r\nLocation: /second?sig=1";
    let away = format!("307 Away\r\nLocation: {}/third", other.url);
    let server = Server::new(vec![answer(same, ""), answer(&away, "")]);
    let mut request = Request::new(Method::Get, format!("{}/first", server.url));
    request.authorization = Some(Secret("Bearer hidden".to_owned()));
    let response = client().send(&request).expect("an answer");
    assert_eq!(response.url, format!("{}/third", other.url));
    let heads = server.heads();
    assert!(heads[1].starts_with("GET /second?sig=1 "), "{heads:?}");
    assert!(heads.iter().all(|head| head.contains("Bearer hidden")), "{heads:?}");
    assert!(!other.heads()[0].to_lowercase().contains("authorization"));
}

#[test]
fn a_download_goes_on_where_it_broke_off() {
    let broken = b"HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 10\r\n\r\n0123".to_vec();
    let partial = "206 Partial\r\nETag: \"1\"\r\nContent-Range: bytes 4-9/10";
    for (second, expected) in [
        (answer(partial, "456789"), Ok("0123456789")),
        (answer("200 OK\r\nETag: \"1\"", "0123456789"), Ok("0123456789")),
        (answer("200 OK\r\nETag: \"2\"", "abcdefghij"), Err("changed while it was downloaded")),
        (answer("206 Partial\r\nContent-Range: bytes 3-9/10", "3456789"), Err("changed")),
    ] {
        let server = Server::new(vec![broken.clone(), second]);
        let (client, mut out) = (client(), Vec::new());
        let got = client.download(&mut out, 10, &mut |headers| {
            let mut request = Request::new(Method::Get, format!("{}/x?key=hidden", server.url));
            request.headers.extend_from_slice(headers);
            client.send(&request)
        });
        match expected {
            Ok(bytes) => {
                assert_eq!(got.expect("downloaded").1, 10);
                assert_eq!(out, bytes.as_bytes());
            }
            Err(message) => {
                let error = got.expect_err(message).to_string();
                assert!(error.contains(message) && !error.contains("hidden"), "{error}");
            }
        }
        let heads = server.heads();
        assert!(heads[1].contains("range: bytes=4-"), "{heads:?}");
        assert!(heads[1].contains("if-range: \"1\""), "{heads:?}");
    }
}

#[test]
fn what_is_too_large_or_offline_is_refused() {
    let server = Server::new(vec![answer("200 OK", "12345"), answer("200 OK", "12345")]);
    let request = Request::new(Method::Get, format!("{}/x", server.url));
    let response = client().send(&request).expect("an answer");
    assert!(response.read(4).is_err());
    let mut open = |_: &[Header]| client().send(&request);
    assert!(client().download(&mut Vec::new(), 4, &mut open).is_err());
    server.heads();
    let offline = Client::new(Settings { is_offline: true, ..Settings::default() });
    let error = offline.send(&request).expect_err("no network");
    assert_eq!(error.help(), Some("leave `--offline` out"));
}

#[test]
fn a_date_to_wait_for_counts_from_the_server_s_own() {
    assert_eq!(super::date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
    assert_eq!(super::date("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
    assert_eq!(super::date("Sunday, 06-Nov-94 08:49:37 GMT"), None);
    let now = Some("Sun, 06 Nov 1994 08:49:37 GMT");
    let wait = |value| super::retry_after(Some(value), now).map(|wait| wait.as_secs());
    assert_eq!(wait("Sun, 06 Nov 1994 08:50:00 GMT"), Some(23));
    assert_eq!(wait("Sun, 06 Nov 1994 08:40:00 GMT"), Some(0));
    assert_eq!((wait("7"), wait("soon")), (Some(7), None));
    assert_eq!(super::retry_after(now, None), None);
}
