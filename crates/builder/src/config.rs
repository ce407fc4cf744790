//! The configuration of an image: what `docker inspect` shows and a runtime obeys.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::history::HistoryEntry;
use crate::{DiffId, Digest};

/// The `PATH` of a container whose image names none (BuildKit's `system.DefaultPathEnvUnix`).
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An image configuration as the OCI image specification defines it, with Docker's extensions.
///
/// Keys which dockwright does not know are kept in `extra`, so that a base image's own come through
/// a build, as they do in BuildKit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When the image was made, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it; the last MAINTAINER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The processor's name in Go's terms, for example `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// The operating system's name in Go's terms, for example `linux`.
    #[serde(default)]
    pub os: String,
    /// The processor's variant, for example `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What a container gets.
    #[serde(default, deserialize_with = "null_as_default")]
    pub config: ContainerConfig,
    /// The layers, by the digest of their uncompressed tar.
    #[serde(default)]
    pub rootfs: RootFs,
    /// How the image came about, oldest first.
    #[serde(default, deserialize_with = "null_as_default")]
    pub history: Vec<HistoryEntry>,
    /// Keys that are not known here.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// The defaults that an image gives to a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// `USER` as written.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// `port/protocol` of each EXPOSE.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_empty")]
    pub exposed_ports: BTreeMap<String, Value>,
    /// `NAME=value` in order of first definition.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// The program that always runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// The program, or the arguments of the entry point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// The paths of VOLUME as written.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_empty")]
    pub volumes: BTreeMap<String, Value>,
    /// The directory in which the program starts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// The labels.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The signal that stops the container, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// Set by CMD. It means something on Windows only, but BuildKit writes it everywhere.
    #[serde(default, skip_serializing_if = "is_false")]
    pub args_escaped: bool,
    /// The instructions that a build upon this image runs first.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub on_build: Vec<String>,
    /// How to tell whether the container is well. Docker's extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// The SHELL. Docker's extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
    /// Keys that are not known here.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// `Healthcheck` of Docker's image configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", text]`.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// Nanoseconds between two checks; 0 leaves it to the runtime.
    #[serde(default, rename = "Interval", skip_serializing_if = "is_zero")]
    pub interval_ns: i64,
    /// Nanoseconds after which a check has failed; 0 leaves it to the runtime.
    #[serde(default, rename = "Timeout", skip_serializing_if = "is_zero")]
    pub timeout_ns: i64,
    /// Nanoseconds in which failures do not count; 0 leaves it to the runtime.
    #[serde(default, rename = "StartPeriod", skip_serializing_if = "is_zero")]
    pub start_period_ns: i64,
    /// Nanoseconds between two checks in the start period; 0 leaves it to the runtime.
    #[serde(default, rename = "StartInterval", skip_serializing_if = "is_zero")]
    pub start_interval_ns: i64,
    /// Failures in a row that make the container unwell; 0 leaves it to the runtime.
    #[serde(default, skip_serializing_if = "is_zero_retries")]
    pub retries: i32,
    /// Keys that are not known here.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// `rootfs` of the image configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type", default = "layers")]
    pub kind: String,
    /// The digests of the uncompressed layers, bottom first.
    #[serde(default, deserialize_with = "null_as_default")]
    pub diff_ids: Vec<DiffId>,
}

impl Default for RootFs {
    fn default() -> Self {
        Self { kind: layers(), diff_ids: Vec::new() }
    }
}

/// The key of the version of the operating system.
const OS_VERSION: &str = "os.version";

impl ImageConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    ///
    /// When `json` is not an image configuration.
    pub fn from_json(json: &[u8]) -> crate::Result<Self> {
        serde_json::from_slice(json).map_err(|error| {
            crate::Error::new(format!("the image configuration cannot be read: {error}"))
                .with_kind(crate::ErrorKind::Corrupt)
        })
    }

    /// Returns the JSON text. Equal configurations give equal bytes.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("string keys and plain values always serialise")
    }

    /// The version of the operating system, for example `10.0.20348.1006`: Windows has one.
    pub fn os_version(&self) -> Option<&str> {
        self.extra.get(OS_VERSION)?.as_str()
    }

    /// Returns the same for a version of the operating system, if there is one.
    #[must_use]
    pub fn with_os_version(mut self, version: Option<&str>) -> Self {
        if let Some(version) = version {
            self.extra.insert(OS_VERSION.to_owned(), Value::from(version));
        }
        self
    }

    /// Returns the configuration that `FROM scratch` starts with. Windows sets its own `PATH`.
    pub fn scratch(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let path = (os != "windows").then(|| format!("PATH={DEFAULT_PATH}"));
        Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
            config: ContainerConfig {
                env: path.into_iter().collect(),
                working_dir: "/".to_owned(),
                ..ContainerConfig::default()
            },
            ..Self::default()
        }
    }
}

impl ContainerConfig {
    /// Sets `NAME=value`: a name that is there keeps its place.
    pub fn set_env(&mut self, name: &str, value: &str) {
        let line = format!("{name}={value}");
        let same = |old: &&mut String| old.split('=').next() == Some(name);
        match self.env.iter_mut().find(same) {
            Some(old) => *old = line,
            None => self.env.push(line),
        }
    }
}

impl Serialize for DiffId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DiffId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse::<Digest>().map(Self).map_err(serde::de::Error::custom)
    }
}

fn layers() -> String {
    "layers".to_owned()
}

/// Go writes an empty list or map as `null`.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn is_empty<T>(map: &BTreeMap<String, T>) -> bool {
    map.is_empty()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero_retries(value: &i32) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: &str) {
        let config = ImageConfig::from_json(json.as_bytes()).expect("readable");
        assert_eq!(String::from_utf8(config.to_json()).expect("UTF-8"), expected);
    }

    #[test]
    fn unknown_keys_and_docker_extensions_come_through() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let json = format!(
            r#"{{"created":"2017-01-26T16:59:13Z","architecture":"amd64","os":"linux","config":{{"Env":["A=1"],"Cmd":["sh"],"ArgsEscaped":true,"OnBuild":["RUN x"],"Healthcheck":{{"Test":["NONE"],"Interval":1000000}},"Shell":["/bin/ash","-c"],"Hostname":"h"}},"rootfs":{{"type":"layers","diff_ids":["{digest}"]}},"history":[],"os.version":"1"}}"#
        );
        check(&json, &json);
    }

    #[test]
    fn null_is_absence() {
        check(
            r#"{"architecture":"amd64","os":"linux","config":{"Cmd":null,"Env":null,"Labels":null,"Volumes":null},"history":null,"rootfs":{"type":"layers","diff_ids":null}}"#,
            r#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]},"history":[]}"#,
        );
        check(
            r#"{"architecture":"amd64","os":"linux","config":null}"#,
            r#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]},"history":[]}"#,
        );
    }

    #[test]
    fn a_redefined_variable_keeps_its_place() {
        let mut config = ContainerConfig::default();
        for (name, value) in [("A", "1"), ("AB", "2"), ("A", "3=4")] {
            config.set_env(name, value);
        }
        assert_eq!(config.env, ["A=3=4", "AB=2"]);
    }

    #[test]
    fn a_bad_digest_is_an_error() {
        let json = r#"{"rootfs":{"type":"layers","diff_ids":["sha256:../../etc/passwd"]}}"#;
        let error = ImageConfig::from_json(json.as_bytes()).expect_err("not a digest");
        assert!(error.to_string().contains("is not a digest"), "{error}");
    }
}
