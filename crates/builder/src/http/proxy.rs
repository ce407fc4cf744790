//! Which proxy a request goes through, as curl and Go decide it.

use std::net::IpAddr;

use super::url;
use crate::{Error, Result};

/// What `HTTP_PROXY` and its like say.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// `HTTP_PROXY`: the proxy for `http` URLs.
    pub http: Option<String>,
    /// `HTTPS_PROXY`: the proxy for `https` URLs.
    pub https: Option<String>,
    /// `NO_PROXY`: hosts, domains, addresses and networks that are reached without, separated by
    /// commas. `*` is all of them.
    pub no_proxy: String,
}

impl std::fmt::Debug for ProxySettings {
    /// The URL of a proxy may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxySettings")
            .field("http", &self.http.as_deref().map(url::shown))
            .field("https", &self.https.as_deref().map(url::shown))
            .field("no_proxy", &self.no_proxy)
            .finish()
    }
}

impl ProxySettings {
    /// Returns the proxy for a URL, if there is one. Loopback never goes through a proxy.
    pub(super) fn of(&self, address: &str) -> Result<Option<ureq::Proxy>> {
        let proxy = if address.starts_with("https:") { &self.https } else { &self.http };
        let Some(proxy) = proxy.as_deref().filter(|proxy| !proxy.is_empty()) else {
            return Ok(None);
        };
        if self.is_direct(url::host(address)) {
            return Ok(None);
        }
        let proxy =
            if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
        ureq::Proxy::new(&proxy).map(Some).map_err(|_| {
            Error::new(format!("the proxy `{}` cannot be used", url::shown(&proxy)))
                .with_help("write `HTTP_PROXY` and `HTTPS_PROXY` as `http://HOST:PORT`")
        })
    }

    fn is_direct(&self, host: &str) -> bool {
        let name = url::host_name(host).trim_end_matches('.').to_ascii_lowercase();
        let ip: Option<IpAddr> = name.parse().ok();
        if name == "localhost" || ip.is_some_and(|ip| ip.is_loopback()) {
            return true;
        }
        self.no_proxy.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(
            |entry| {
                let entry = entry.to_ascii_lowercase();
                if entry == "*" || entry == host.to_ascii_lowercase() {
                    return true;
                }
                if let (Some(ip), Some((network, length))) = (ip, entry.split_once('/')) {
                    return is_in(ip, network, length);
                }
                let domain = url::host_name(&entry);
                let has_port = domain.len() != entry.trim_matches(['[', ']']).len();
                let domain = domain.trim_start_matches("*.").trim_start_matches('.');
                let parent = name.strip_suffix(domain);
                !has_port
                    && !domain.is_empty()
                    && parent.is_some_and(|parent| parent.is_empty() || parent.ends_with('.'))
            },
        )
    }
}

/// Tells whether an address is in a network such as `10.0.0.0/8`.
fn is_in(ip: IpAddr, network: &str, length: &str) -> bool {
    let Ok(length) = length.parse::<u32>() else { return false };
    match (ip, network.parse()) {
        (IpAddr::V4(ip), Ok(IpAddr::V4(network))) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length)).unwrap_or(0);
            u32::from(ip) & mask == u32::from(network) & mask
        }
        (IpAddr::V6(ip), Ok(IpAddr::V6(network))) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(length)).unwrap_or(0);
            u128::from(ip) & mask == u128::from(network) & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_is_read_as_curl_and_go_read_it() {
        let settings = ProxySettings {
            no_proxy: "a.b, .c.d,*.e.f 10.1.0.0/16,fd00::/8,g.h:5000,192.0.2.7".to_owned(),
            ..ProxySettings::default()
        };
        for host in [
            "a.b",
            "x.a.b:80",
            "c.d",
            "x.c.d",
            "x.e.f",
            "10.1.9.9:5000",
            "[fd12::1]",
            "g.h:5000",
            "192.0.2.7:1",
            "localhost:5000",
            "127.0.0.9",
            "[::1]:5000",
            "A.B.",
        ] {
            assert!(settings.is_direct(host), "{host}");
        }
        for host in ["xa.b", "d", "10.2.0.1", "g.h", "g.h:80", "192.0.2.8", "[fe80::1]"] {
            assert!(!settings.is_direct(host), "{host}");
        }
        assert!(ProxySettings { no_proxy: "*".into(), ..settings }.is_direct("x.y"));
    }

    #[test]
    fn each_scheme_has_its_proxy_and_no_password_shows() {
        let settings = ProxySettings {
            http: Some("plain:3128".to_owned()),
            https: Some("http://user:word@secure:3128".to_owned()),
            no_proxy: String::new(),
        };
        let of = |url| settings.of(url).expect("a proxy").map(|proxy| proxy.host().to_owned());
        assert_eq!(of("http://x/").as_deref(), Some("plain"));
        assert_eq!(of("https://x/").as_deref(), Some("secure"));
        assert_eq!(of("http://127.0.0.1:5000/"), None);
        assert!(!format!("{settings:?}").contains("word"));
    }
}
