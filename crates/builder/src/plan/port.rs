//! The ports of EXPOSE: `[address:][host port:]port[/protocol]`.

use std::net::IpAddr;

use super::signal::is_meant;
use crate::{Error, Result};

/// Returns each port of `word` as `number/protocol`.
///
/// An address and a host port may stand in front, as for `docker run --publish`; they are checked
/// and mean nothing.
pub(super) fn parse(word: &str) -> Result<Vec<String>> {
    let wrong = |what: String| {
        Error::new(format!("`{word}` is not a port: {what}"))
            .with_code("invalid-port")
            .with_help("write for example `80`, `53/udp` or `8000-8010/tcp`")
    };
    let (ports, protocol) = match word.split_once('/') {
        Some((ports, protocol)) => (ports, protocol.to_lowercase()),
        None => (word, String::new()),
    };
    let protocol = match protocol.as_str() {
        "" | "tcp" => "tcp",
        "udp" => "udp",
        "sctp" => "sctp",
        other => {
            let what = format!("`{other}` is no protocol of `tcp`, `udp` and `sctp`");
            let help = match ["tcp", "udp", "sctp"].into_iter().find(|known| is_meant(other, known))
            {
                Some(near) => format!("did you mean `{near}`?"),
                _ => "the protocols are `tcp`, `udp` and `sctp`".to_owned(),
            };
            return Err(Error::new(format!("`{word}` is not a port: {what}"))
                .with_code("invalid-port")
                .with_help(help));
        }
    };
    let (front, container) = ports.rsplit_once(':').unwrap_or(("", ports));
    let (address, host) = match front.rsplit_once(':') {
        Some((address, host)) => (address, host),
        None => ("", front),
    };
    if container.is_empty() {
        return Err(wrong("there is no number".to_owned()));
    }
    let plain = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if !address.is_empty() && plain.unwrap_or(address).parse::<IpAddr>().is_err() {
        return Err(wrong(format!("`{address}` is no address")));
    }
    let not_a_range = |text: &str| wrong(format!("`{text}` is no number from 0 to 65535"));
    let (first, last) = range(container).ok_or_else(|| not_a_range(container))?;
    if !host.is_empty() {
        let (host_first, host_last) = range(host).ok_or_else(|| not_a_range(host))?;
        if host_last - host_first != last - first && first != last {
            return Err(wrong("both ranges must be of one length".to_owned()));
        }
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

/// `80` or `80-90`, as Go's `strconv.ParseUint` takes numbers.
fn range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| digits)
    };
    match text.split_once('-') {
        None => number(text).map(|port| (port, port)),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some((first, last))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expected: &[&str]) {
        assert_eq!(parse(word).expect(word), expected, "{word}");
    }

    #[test]
    fn ports_are_read() {
        check("80", &["80/tcp"]);
        check("080", &["80/tcp"]);
        check("53/UDP", &["53/udp"]);
        check("80/", &["80/tcp"]);
        check("8000-8002/sctp", &["8000/sctp", "8001/sctp", "8002/sctp"]);
        check("127.0.0.1:8080:80", &["80/tcp"]);
        check("8080:80", &["80/tcp"]);
        check("[::1]:8080:80/udp", &["80/udp"]);
        check("8000-8001:90-91", &["90/tcp", "91/tcp"]);
        check("8000-8005:90", &["90/tcp"]);
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for word in
            ["", "x", "70000", "80/xyz", "90-80", "-1", "1.2.3:1:80", "80-81:90-95", "1:", "/tcp"]
        {
            assert!(parse(word).is_err(), "{word}");
        }
    }
}
