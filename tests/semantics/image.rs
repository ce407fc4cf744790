//! An image in the form of `docker save`, flattened.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};
use sha2::Digest as _;

/// What a runtime may leave behind.
const STUBS: [&str; 5] = ["dev", "proc", "sys", "etc/hosts", "etc/resolv.conf"];

type Files = BTreeMap<String, String>;

/// Returns config, history and files of the image in an archive, beside those of its base, the
/// first layer.
pub(super) fn answer(archive: &Path) -> Value {
    let members = members(std::fs::File::open(archive).expect("the archive"));
    let manifest: Value = serde_json::from_slice(&members["manifest.json"]).expect("JSON");
    let manifest = &manifest[0];
    let name = |value: &Value| value.as_str().expect("a name").to_owned();
    let config: Value = serde_json::from_slice(&members[&name(&manifest["Config"])]).expect("JSON");
    let layers: Vec<String> =
        manifest["Layers"].as_array().expect("layers").iter().map(name).collect();
    let has_base = config["history"]
        .as_array()
        .and_then(|history| history.first())
        .is_some_and(|first| !is_own(first));
    let mut files = Files::new();
    let mut base = Files::new();
    for (n, layer) in layers.iter().enumerate() {
        apply(&mut files, &unpacked(&members[layer]));
        if n == 0 && has_base {
            base = files.clone();
        }
    }
    let mut lines = Vec::new();
    for path in files.keys().chain(base.keys()).collect::<BTreeSet<_>>() {
        let is_stub = |stub: &&str| {
            path == *stub || path.strip_prefix(*stub).is_some_and(|rest| rest.starts_with('/'))
        };
        match (files.get(path), base.get(path)) {
            _ if STUBS.iter().any(is_stub) => {}
            (Some(file), other) if Some(file) != other => lines.push(format!("{path} {file}")),
            (None, Some(_)) => lines.push(format!("{path} is gone")),
            _ => {}
        }
    }
    json!({"config": settled(&config), "history": history(&config), "files": lines})
}

/// What differs between two answers.
pub(super) fn differences(wanted: &Value, found: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    for key in ["fails", "config", "history", "files"] {
        let (wanted, found) = (&wanted[key], &found[key]);
        if wanted == found {
            continue;
        }
        let (Some(old), Some(new)) = (wanted.as_array(), found.as_array()) else {
            differences.push(format!("{key}: {wanted} is wanted, {found} is there"));
            continue;
        };
        let less = old.iter().filter(|line| !new.contains(line));
        differences.extend(less.map(|line| format!("{key}: {line} is missing")));
        let more = new.iter().filter(|line| !old.contains(line));
        differences.extend(more.map(|line| format!("{key}: {line} is there")));
        if differences.is_empty() {
            differences.push(format!("{key}: the order differs"));
        }
    }
    differences
}

fn members(archive: impl std::io::Read) -> BTreeMap<String, Vec<u8>> {
    let mut members = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a path").to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("read");
        if let Some(target) = entry.link_name().expect("a name") {
            // `docker save` links equal layers to each other.
            let place = Path::new(&name).parent().expect("a folder").join(target);
            let mut parts: Vec<String> = Vec::new();
            for part in place.components() {
                match part.as_os_str().to_string_lossy().as_ref() {
                    ".." => drop(parts.pop()),
                    part => parts.push(part.to_owned()),
                }
            }
            bytes = members.get(&parts.join("/")).cloned().unwrap_or_default();
        }
        members.insert(name, bytes);
    }
    members
}

fn unpacked(layer: &[u8]) -> Vec<u8> {
    if !layer.starts_with(&[0x1f, 0x8b]) {
        return layer.to_vec();
    }
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(layer).read_to_end(&mut bytes).expect("gzip");
    bytes
}

/// Lays a layer on top.
fn apply(files: &mut Files, layer: &[u8]) {
    let mut archive = tar::Archive::new(layer);
    let mut new = Files::new();
    for entry in archive.entries().expect("a layer") {
        let mut entry = entry.expect("an entry");
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_start_matches("./").trim_matches('/').to_owned();
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == ".wh..wh..opq" {
            remove_below(files, parent);
        } else if let Some(name) = name.strip_prefix(".wh.") {
            let gone = if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") };
            files.remove(&gone);
            remove_below(files, &gone);
        } else if !path.is_empty() {
            let file = describe(&mut entry, &new);
            new.insert(path, file);
        }
    }
    for (path, file) in new {
        if !file.starts_with('d') {
            remove_below(files, &path);
        }
        files.insert(path, file);
    }
}

fn remove_below(files: &mut Files, path: &str) {
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    files.retain(|name, _| !name.starts_with(&prefix));
}

/// `KIND MODE UID:GID SIZE DIGEST` of a file, what it links to, and its capabilities.
fn describe(entry: &mut tar::Entry<'_, &[u8]>, before: &Files) -> String {
    let extensions: Vec<(String, Vec<u8>)> = entry
        .pax_extensions()
        .ok()
        .flatten()
        .into_iter()
        .flatten()
        .filter_map(|it| it.ok())
        .map(|it| (it.key().unwrap_or("?").to_owned(), it.value_bytes().to_vec()))
        .collect();
    let header = entry.header().clone();
    let target = entry.link_name_bytes().map(|it| String::from_utf8_lossy(&it).into_owned());
    let target = target.unwrap_or_default();
    if header.entry_type() == tar::EntryType::Link {
        let target = target.trim_start_matches("./").trim_matches('/').to_owned();
        let file = before.get(&target).cloned().unwrap_or_default();
        let file = file.split(" = ").next().unwrap_or_default().to_owned();
        return format!("{file} = {target}");
    }
    let (uid, gid) = (header.uid().expect("uid"), header.gid().expect("gid"));
    let mode = header.mode().expect("mode") & 0o7777;
    let mut text = match header.entry_type() {
        tar::EntryType::Directory => format!("d {mode:04o} {uid}:{gid}"),
        tar::EntryType::Symlink => format!("l {uid}:{gid} -> {target}"),
        tar::EntryType::Fifo => format!("p {mode:04o} {uid}:{gid}"),
        tar::EntryType::Char | tar::EntryType::Block => {
            let number = |it: std::io::Result<Option<u32>>| it.ok().flatten().unwrap_or(0);
            let (major, minor) = (number(header.device_major()), number(header.device_minor()));
            format!("c {mode:04o} {uid}:{gid} {major}:{minor}")
        }
        _ => {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("read");
            let digest = sha2::Sha256::digest(&bytes);
            let hex: Vec<String> = digest.iter().take(6).map(|b| format!("{b:02x}")).collect();
            format!("f {mode:04o} {uid}:{gid} {} {}", bytes.len(), hex.concat())
        }
    };
    for (key, value) in extensions.iter().filter(|(key, _)| key.starts_with("SCHILY.xattr.")) {
        text += &format!(" {key}={}", value.escape_ascii());
    }
    text
}

/// The config without what is empty.
fn settled(config: &Value) -> Value {
    let mut all = serde_json::Map::new();
    for (key, value) in config["config"].as_object().into_iter().flatten() {
        let is_empty = match value {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Number(_) => false,
        };
        if !is_empty {
            all.insert(key.clone(), value.clone());
        }
    }
    for key in ["author", "architecture", "os"] {
        if let Some(text) = config[key].as_str().filter(|text| !text.is_empty()) {
            all.insert(key.to_owned(), json!(text));
        }
    }
    Value::Object(all)
}

fn is_own(entry: &Value) -> bool {
    entry["comment"] == "buildkit.dockerfile.v0"
}

/// The texts of the build's own entries, with a `+` in front of those with a layer.
fn history(config: &Value) -> Vec<String> {
    let entries = config["history"].as_array().into_iter().flatten();
    entries
        .filter(|entry| is_own(entry))
        .map(|entry| {
            let text = entry["created_by"].as_str().unwrap_or_default();
            let is_empty = entry["empty_layer"] == true;
            format!("{} {}", if is_empty { "-" } else { "+" }, as_of_today(text))
        })
        .collect()
}

/// Engines of 2020 print the ports of EXPOSE as Go prints a map.
fn as_of_today(text: &str) -> String {
    match text.strip_prefix("EXPOSE map[").and_then(|rest| rest.strip_suffix(']')) {
        Some(ports) => format!("EXPOSE [{}]", ports.replace(":{}", "")),
        None => text.to_owned(),
    }
}
