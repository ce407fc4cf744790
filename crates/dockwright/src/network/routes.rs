//! Where images are fetched in place of what their names say: podman's `registries.conf`, docker's
//! `daemon.json`, containerd's `hosts.toml`, and a variable of our own.

use std::path::{Path, PathBuf};

use dockwright_builder::registry::Route;
use serde::Deserialize;

use crate::environment::{self, home};

/// What the files say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) routes: Vec<Route>,
    pub(super) insecure: Vec<String>,
}

/// Reads what is there. What comes first goes before what is found later for the same prefix.
pub(super) fn find(certificate_directories: &[PathBuf]) -> Result<Found, String> {
    let mut found = Found::default();
    if let Some(text) = environment::variable("DOCKWRIGHT_MIRRORS") {
        found.add_variable(&text)?;
    }
    let own = environment::path("CONTAINERS_REGISTRIES_CONF");
    if own.is_none() {
        // What is dropped in goes before, the user's first (containers-registries.conf.d(5)).
        let user = home().map(|home| home.join(".config/containers/registries.conf.d"));
        let system = PathBuf::from("/etc/containers/registries.conf.d");
        for directory in user.into_iter().chain([system]) {
            found.add_dropped_in(&directory)?;
        }
    }
    let user = home().map(|home| home.join(".config/containers/registries.conf"));
    let system = PathBuf::from("/etc/containers/registries.conf");
    let registries = own.or(user.filter(|path| path.exists())).unwrap_or(system);
    if let Some(text) = read(&registries)? {
        found.add_registries_conf(&text).map_err(|error| named(&registries, &error))?;
    }
    for directory in certificate_directories {
        found.add_hosts_directory(directory)?;
    }
    let user = home().map(|home| home.join(".config/docker/daemon.json"));
    for path in user.into_iter().chain([PathBuf::from("/etc/docker/daemon.json")]) {
        if let Some(text) = read(&path)? {
            found.add_daemon_json(&text).map_err(|error| named(&path, &error))?;
        }
    }
    Ok(found)
}

impl Found {
    fn add(&mut self, prefix: &str, locations: Vec<String>) {
        if !self.routes.iter().any(|route| route.prefix == prefix) {
            self.routes.push(Route { prefix: prefix.to_owned(), locations });
        }
    }

    /// Takes a mirror as a URL or without a scheme; one of `http:` needs no certificate.
    fn location(&mut self, mirror: &str) -> String {
        let bare = mirror.trim().trim_end_matches('/');
        let (bare, is_plain) = match bare.split_once("://") {
            Some((scheme, rest)) => (rest, scheme == "http"),
            None => (bare, false),
        };
        let bare = match bare.split_once("/v2/") {
            Some((host, path)) => format!("{host}/{path}"),
            None => bare.strip_suffix("/v2").unwrap_or(bare).to_owned(),
        };
        if is_plain {
            self.insecure.push(bare.split('/').next().unwrap_or(&bare).to_owned());
        }
        bare
    }

    /// `docker.io=mirror.example:5000,quay.io=https://other.example`: mirrors by prefix.
    fn add_variable(&mut self, text: &str) -> Result<(), String> {
        let mut routes: Vec<Route> = Vec::new();
        for entry in text.split([',', ' ']).filter(|entry| !entry.is_empty()) {
            let (prefix, mirror) = entry.split_once('=').ok_or_else(|| {
                format!("`DOCKWRIGHT_MIRRORS`: `{entry}` is not `REGISTRY=MIRROR`")
            })?;
            let location = self.location(mirror);
            match routes.iter_mut().find(|route| route.prefix == prefix) {
                Some(route) => route.locations.push(location),
                None => {
                    let (prefix, locations) = (prefix.to_owned(), vec![location]);
                    routes.push(Route { prefix, locations });
                }
            }
        }
        for mut route in routes {
            route.locations.push(route.prefix.clone());
            self.add(&route.prefix, route.locations);
        }
        Ok(())
    }

    /// Reads the `*.conf` of a directory. Of several for one prefix the last counts.
    fn add_dropped_in(&mut self, directory: &Path) -> Result<(), String> {
        let Ok(entries) = std::fs::read_dir(directory) else { return Ok(()) };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|it| it == "conf"));
        paths.sort();
        for path in paths.iter().rev() {
            if let Some(text) = read(path)? {
                self.add_registries_conf(&text).map_err(|error| named(path, &error))?;
            }
        }
        Ok(())
    }

    fn add_registries_conf(&mut self, text: &str) -> Result<(), String> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct File {
            registry: Vec<Entry>,
        }
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "kebab-case")]
        struct Entry {
            prefix: Option<String>,
            location: Option<String>,
            insecure: bool,
            blocked: bool,
            mirror: Vec<Mirror>,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Mirror {
            location: String,
            insecure: bool,
        }
        let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        for entry in file.registry {
            let prefix = entry.prefix.clone().or_else(|| entry.location.clone());
            let Some(prefix) = prefix.filter(|prefix| !prefix.starts_with("*.")) else { continue };
            let location = entry.location.unwrap_or_else(|| prefix.clone());
            let host = |location: &str| location.split('/').next().unwrap_or("").to_owned();
            if entry.insecure {
                self.insecure.push(host(&location));
            }
            if entry.blocked {
                self.add(&prefix, Vec::new());
                continue;
            }
            let insecure = entry.mirror.iter().filter(|mirror| mirror.insecure);
            self.insecure.extend(insecure.map(|mirror| host(&mirror.location)));
            let mirrors = entry.mirror.into_iter().map(|mirror| mirror.location);
            self.add(&prefix, mirrors.chain([location]).collect());
        }
        Ok(())
    }

    fn add_daemon_json(&mut self, text: &str) -> Result<(), String> {
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "kebab-case")]
        struct File {
            registry_mirrors: Vec<String>,
            insecure_registries: Vec<String>,
        }
        let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        self.insecure.extend(file.insecure_registries);
        if !file.registry_mirrors.is_empty() {
            let mirrors = file.registry_mirrors.iter();
            let mut locations: Vec<_> = mirrors.map(|mirror| self.location(mirror)).collect();
            locations.push("docker.io".to_owned());
            self.add("docker.io", locations);
        }
        Ok(())
    }

    /// Reads `HOST/hosts.toml` of every host in a directory.
    fn add_hosts_directory(&mut self, directory: &Path) -> Result<(), String> {
        let Ok(entries) = std::fs::read_dir(directory) else { return Ok(()) };
        let mut hosts: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        hosts.sort();
        for host in hosts.iter().filter_map(|host| host.to_str()) {
            let path = directory.join(host).join("hosts.toml");
            if let Some(text) = read(&path)? {
                self.add_hosts(host, &text).map_err(|error| named(&path, &error))?;
            }
        }
        Ok(())
    }

    fn add_hosts(&mut self, host: &str, text: &str) -> Result<(), String> {
        let table: toml::Table =
            toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let server = table.get("server").and_then(toml::Value::as_str).unwrap_or(host);
        let hosts = table.get("host").and_then(toml::Value::as_table);
        let mut locations = Vec::new();
        // In the order of the file, which the table has lost.
        let mut mirrors: Vec<_> = hosts.into_iter().flatten().collect();
        mirrors.sort_by_key(|(mirror, _)| text.find(mirror.as_str()));
        for (mirror, settings) in mirrors {
            let capabilities = settings.get("capabilities").and_then(toml::Value::as_array);
            let may_pull = capabilities.is_none_or(|capabilities| {
                capabilities.iter().any(|capability| capability.as_str() == Some("pull"))
            });
            let location = self.location(mirror);
            if settings.get("skip_verify").and_then(toml::Value::as_bool) == Some(true) {
                self.insecure.push(location.split('/').next().unwrap_or("").to_owned());
            }
            if may_pull {
                locations.push(location);
            }
        }
        let server = match self.location(server).as_str() {
            "registry-1.docker.io" | "index.docker.io" => "docker.io".to_owned(),
            server => server.to_owned(),
        };
        locations.push(server);
        self.add(host, locations);
        Ok(())
    }
}

fn read(path: &Path) -> Result<Option<String>, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(named(path, &error.to_string())),
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    matches!(error.kind(), Kind::NotFound | Kind::NotADirectory | Kind::PermissionDenied)
}

fn named(path: &Path, error: &str) -> String {
    format!("cannot read `{}`: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(prefix: &str, locations: &[&str]) -> Route {
        let locations = locations.iter().map(|location| (*location).to_owned()).collect();
        Route { prefix: prefix.to_owned(), locations }
    }

    #[test]
    fn registries_conf_is_read() {
        let mut found = Found::default();
        let text = r#"
            unqualified-search-registries = ["docker.io"]
            [[registry]]
            prefix = "docker.io/team"
            location = "r.example/mirrored"
            [[registry.mirror]]
            location = "m.example:5000/hub"
            insecure = true
            [[registry]]
            location = "bad.example"
            blocked = true
        "#;
        found.add_registries_conf(text).expect("read");
        let expected = [
            route("docker.io/team", &["m.example:5000/hub", "r.example/mirrored"]),
            route("bad.example", &[]),
        ];
        assert_eq!(found.routes, expected);
        assert_eq!(found.insecure, ["m.example:5000"]);
        assert!(found.add_registries_conf("[[registry]").is_err());
    }

    #[test]
    fn daemon_json_hosts_toml_and_the_variable_are_read() {
        let mut found = Found::default();
        found.add_variable("quay.io=http://q:1,quay.io=q2").expect("read");
        let text = r#"{"registry-mirrors": ["https://a/"], "insecure-registries": ["i:5"]}"#;
        found.add_daemon_json(text).expect("read");
        let text = r#"
            server = "https://ghcr.io"
            [host."https://z.example/v2"]
            capabilities = ["pull", "resolve"]
            [host."http://a.example"]
            [host."https://push.example"]
            capabilities = ["push"]
        "#;
        found.add_hosts("ghcr.io", text).expect("read");
        let expected = [
            route("quay.io", &["q:1", "q2", "quay.io"]),
            route("docker.io", &["a", "docker.io"]),
            route("ghcr.io", &["z.example", "a.example", "ghcr.io"]),
        ];
        assert_eq!(found.routes, expected);
        assert_eq!(found.insecure, ["q:1", "i:5", "a.example"]);
    }
}
