//! Files in the form of docker's `config.json`, which podman's `auth.json` has too.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use dockwright_builder::http::Secret;
use dockwright_builder::registry::Credential;
use serde_json::{Map, Value, json};

/// Under which name Docker Hub's credentials are kept.
pub(super) const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// A file, parsed.
#[derive(Debug, Default)]
pub(super) struct DockerConfig {
    pub(super) path: PathBuf,
    root: Map<String, Value>,
}

impl DockerConfig {
    /// Reads a file; one that is not there holds nothing.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { path: path.to_owned(), root: Map::new() });
            }
            Err(error) => return Err(format!("cannot read `{}`: {error}", path.display())),
        };
        if text.trim_ascii().is_empty() {
            return Ok(Self { path: path.to_owned(), root: Map::new() });
        }
        // What serde says of a fault never quotes the text, which holds passwords.
        match serde_json::from_slice(&text) {
            Ok(Value::Object(root)) => Ok(Self { path: path.to_owned(), root }),
            Ok(_) => Err(format!("`{}` is not a JSON object", path.display())),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                Err(format!("`{}` is not JSON at {line}:{column}", path.display()))
            }
        }
    }

    /// Returns the helper that keeps the credentials of a registry, if there is one.
    pub(super) fn helper(&self, registry: &str) -> Option<&str> {
        let helpers = self.root.get("credHelpers").and_then(Value::as_object);
        let own = helpers.and_then(|helpers| {
            keys_of(registry).iter().find_map(|key| helpers.get(key.as_str())?.as_str())
        });
        let store = self.root.get("credsStore").and_then(Value::as_str);
        own.or(store).filter(|helper| !helper.is_empty())
    }

    /// Returns the credentials that stand in the file itself for `REGISTRY[/REPOSITORY]`. The
    /// longest key counts.
    pub(super) fn credential(&self, name: &str) -> Result<Option<Credential>, String> {
        let auths = self.root.get("auths").and_then(Value::as_object);
        let mut best: Option<(usize, &Value)> = None;
        for (key, entry) in auths.into_iter().flatten() {
            let key = normal_key(key);
            let rest = name.strip_prefix(key.as_str());
            let matches = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            if matches && best.is_none_or(|(length, _)| length < key.len()) {
                best = Some((key.len(), entry));
            }
        }
        let Some((_, entry)) = best else { return Ok(None) };
        let field = |key: &str| {
            entry.get(key).and_then(Value::as_str).filter(|it| !it.is_empty()).map(str::to_owned)
        };
        if let Some(token) = field("identitytoken") {
            return Ok(Some(Credential::IdentityToken(Secret(token))));
        }
        if let Some(token) = field("registrytoken") {
            return Ok(Some(Credential::RegistryToken(Secret(token))));
        }
        if let Some(auth) = field("auth") {
            let wrong =
                || format!("`{}`: the `auth` of `{name}` cannot be read", self.path.display());
            let bytes = BASE64.decode(auth.trim()).map_err(|_| wrong())?;
            let text = String::from_utf8(bytes).map_err(|_| wrong())?;
            let (user, password) = text.split_once(':').ok_or_else(wrong)?;
            let password = Secret(password.trim_end_matches('\0').to_owned());
            return Ok(Some(Credential::Password { user: user.to_owned(), password }));
        }
        Ok(match (field("username"), field("password")) {
            (Some(user), Some(password)) => {
                Some(Credential::Password { user, password: Secret(password) })
            }
            _ => None,
        })
    }

    /// Puts a name and a password in.
    pub(super) fn set(&mut self, registry: &str, user: &str, password: &Secret) {
        let Secret(password) = password;
        let auth = BASE64.encode(format!("{user}:{password}"));
        let auths = self.root.entry("auths").or_insert_with(|| json!({}));
        if !auths.is_object() {
            *auths = json!({});
        }
        if let Some(auths) = auths.as_object_mut() {
            auths.insert(key_of(registry), json!({ "auth": auth }));
        }
    }

    /// Takes the credentials of a registry out, and tells whether there were any.
    pub(super) fn remove(&mut self, registry: &str) -> bool {
        let Some(auths) = self.root.get_mut("auths").and_then(Value::as_object_mut) else {
            return false;
        };
        let n_before = auths.len();
        auths.retain(|key, _| normal_key(key) != registry);
        auths.len() < n_before
    }

    /// Writes the file whole, for its owner only. What a link leads to is replaced, not the link.
    pub(super) fn write(&self) -> Result<(), String> {
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let fail = |error: std::io::Error| format!("cannot write `{}`: {error}", path.display());
        let directory = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(directory).map_err(fail)?;
        let temporary = directory.join(format!(".dockwright-login.{}", std::process::id()));
        let text = serde_json::to_string_pretty(&self.root).map_err(|error| error.to_string())?;
        let write = || {
            let mut options = std::fs::File::options();
            let mut file =
                options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            std::fs::rename(&temporary, &path)
        };
        let written = write();
        if written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        written.map_err(fail)
    }
}

/// The key under which docker keeps the credentials of a registry.
pub(super) fn key_of(registry: &str) -> String {
    if registry == "docker.io" { DOCKER_HUB_KEY.to_owned() } else { registry.to_owned() }
}

/// The keys that stand for a registry.
fn keys_of(registry: &str) -> Vec<String> {
    let mut keys = vec![key_of(registry), registry.to_owned(), format!("https://{registry}")];
    if registry == "docker.io" {
        keys.push("index.docker.io".to_owned());
        keys.push("registry-1.docker.io".to_owned());
    }
    keys
}

/// Returns the form `REGISTRY[/REPOSITORY]` of a key: old ones are URLs with a version at the end.
fn normal_key(key: &str) -> String {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let (bare, is_url) = (bare.unwrap_or(key), bare.is_some());
    let bare = bare.trim_end_matches('/');
    let bare = bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare);
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    };
    if is_url || path.is_empty() { host.to_owned() } else { format!("{host}/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> DockerConfig {
        let root = serde_json::from_str(text).expect("JSON");
        DockerConfig { path: PathBuf::from("config.json"), root }
    }

    #[test]
    fn credentials_are_found_by_every_form_of_key() {
        let config = config(
            r#"{"auths": {
                "https://index.docker.io/v1/": {"auth": "aHViOnNlY3JldDp3b3Jk"},
                "http://old:5000/v2/": {"username": "u", "password": "p"},
                "r.example/team": {"registrytoken": "t"},
                "r.example": {"identitytoken": "i", "auth": "eDp5"},
                "empty.example": {},
                "bad.example": {"auth": "%%"}
            }}"#,
        );
        let find = |name: &str| config.credential(name);
        let password = |user: &str, password: &str| {
            let password = Secret(password.to_owned());
            Ok(Some(Credential::Password { user: user.to_owned(), password }))
        };
        assert_eq!(find("docker.io/library/busybox"), password("hub", "secret:word"));
        assert_eq!(find("old:5000/a/b"), password("u", "p"));
        let token = Credential::RegistryToken(Secret("t".to_owned()));
        assert_eq!(find("r.example/team/app"), Ok(Some(token)));
        let token = Credential::IdentityToken(Secret("i".to_owned()));
        assert_eq!(find("r.example/teams"), Ok(Some(token)));
        assert_eq!(find("empty.example/x"), Ok(None));
        assert_eq!(find("other/x"), Ok(None));
        assert!(find("bad.example").is_err_and(|error| !error.contains("%%")));
    }

    #[test]
    fn the_helper_of_a_registry_goes_before_the_store() {
        let config = config(r#"{"credHelpers": {"gcr.io": "gcloud"}, "credsStore": "pass"}"#);
        assert_eq!(config.helper("gcr.io"), Some("gcloud"));
        assert_eq!(config.helper("docker.io"), Some("pass"));
    }
}
