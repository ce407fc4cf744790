//! How the command line and the surroundings say what may be done on the network: registries,
//! mirrors, proxies, certificates, credentials.

mod credentials;
mod docker_config;
mod routes;

use std::path::PathBuf;

use dockwright_builder::http;
use dockwright_builder::http::Secret;
use dockwright_builder::registry::{Credential, Credentials, Registry, Settings};

pub(crate) use self::credentials::{forget, keep};
use crate::environment::{self, home};

/// Options of every command that may use the network
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct NetworkOptions {
    /// Open no socket: everything must be in the store
    #[arg(long)]
    offline: bool,
    /// Registry that may have any certificate, or none; may be repeated
    #[arg(long = "insecure-registry", value_name = "HOST[:PORT]")]
    insecure: Vec<String>,
    /// Whether certificates of registries are checked, and http is refused
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set,
        num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    tls_verify: bool,
    /// Directory with `*.crt`, and `*.cert` with `*.key`, for every registry
    #[arg(long, value_name = "DIR")]
    cert_dir: Option<PathBuf>,
    /// Name and password for every registry, in place of what is kept; others can see it
    #[arg(long, value_name = "NAME:PASSWORD", value_parser = credential)]
    creds: Option<Credential>,
    /// File with credentials, in the form of docker's `config.json`
    #[arg(long, value_name = "FILE")]
    authfile: Option<PathBuf>,
    /// How often what failed on the network is tried again
    #[arg(long, value_name = "N", default_value_t = 5)]
    retry: u32,
    /// How long to wait before that, `500ms` or `2s`; doubled each time, up to eightfold
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration_ms)]
    retry_delay: u64,
    /// How long a server may be silent
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration_ms)]
    timeout: u64,
    /// Send blobs in pieces of this size, `32m` for example
    #[arg(long, value_name = "SIZE", value_parser = chunk)]
    upload_chunk: Option<u64>,
}

impl NetworkOptions {
    /// What a command has that was given none of them.
    pub(crate) fn usual() -> Self {
        Self { retry: 5, retry_delay: 1000, timeout: 60_000, tls_verify: true, ..Self::default() }
    }

    /// Returns these with more registries that may have any certificate, or none.
    pub(crate) fn with_insecure(&self, hosts: Vec<String>) -> Self {
        let mut options = self.clone();
        options.insecure.extend(hosts);
        options
    }

    /// The file with credentials that was asked for.
    pub(crate) fn authfile(&self) -> Option<PathBuf> {
        self.authfile.clone().or_else(|| environment::path("REGISTRY_AUTH_FILE"))
    }

    /// Returns a client of registries. Nothing is opened yet.
    pub(crate) fn registry(&self) -> Result<Registry, String> {
        if let Some(credential) = self.creds.clone() {
            return self.registry_with(Credentials::new(move |_| Ok(Some(credential.clone()))));
        }
        let authfile = self.authfile();
        let find = move |name: &str| credentials::find(authfile.as_deref(), name);
        self.registry_with(Credentials::new(find))
    }

    /// Returns a client that is somebody certain.
    pub(crate) fn registry_with(&self, credentials: Credentials) -> Result<Registry, String> {
        let directories = certificate_directories();
        let mut found = routes::find(&directories)?;
        found.insecure.extend(self.insecure.iter().map(|host| {
            host.trim_start_matches("https://").trim_start_matches("http://").to_owned()
        }));
        if !self.tls_verify {
            found.insecure.push(dockwright_builder::http::EVERY_HOST.to_owned());
        }
        let defaults = Settings::default();
        Ok(Registry::new(Settings {
            http: http::Settings {
                certificate_directories: directories,
                certificates: self.cert_dir.clone(),
                is_offline: self.offline,
                n_retries: self.retry,
                retry_delay_ms: self.retry_delay,
                idle_timeout_ms: self.timeout,
                ..environment::http_settings()
            },
            insecure: found.insecure,
            routes: found.routes,
            credentials,
            chunk_bytes: self.upload_chunk,
            ..defaults
        }))
    }
}

/// Where docker, podman and containerd look for what belongs to one registry.
fn certificate_directories() -> Vec<PathBuf> {
    let user = [".config/containers/certs.d", ".config/docker/certs.d"];
    let user = user.iter().filter_map(|place| Some(home()?.join(place)));
    let system = ["/etc/containers/certs.d", "/etc/docker/certs.d", "/etc/containerd/certs.d"];
    let own = environment::path("DOCKWRIGHT_CERTS");
    own.into_iter().chain(user).chain(system.map(PathBuf::from)).collect()
}

/// `500ms`, `2s`, `1m`; a number alone are seconds.
fn duration_ms(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        _ => return Err("write it as `500ms`, `2s` or `1m`".to_owned()),
    };
    let number: Option<u64> = number.parse().ok();
    let duration = number.and_then(|number| number.checked_mul(factor));
    duration.ok_or_else(|| "write it as `500ms`, `2s` or `1m`".to_owned())
}

fn chunk(text: &str) -> Result<u64, String> {
    let size = dockwright_builder::size_bytes(text).filter(|size| *size > 0);
    size.ok_or_else(|| "write it as `32m`".to_owned())
}

/// `NAME:PASSWORD`.
fn credential(text: &str) -> Result<Credential, String> {
    let (user, password) = text.split_once(':').ok_or("write it as `NAME:PASSWORD`")?;
    let password = Secret(password.to_owned());
    Ok(Credential::Password { user: user.to_owned(), password })
}
