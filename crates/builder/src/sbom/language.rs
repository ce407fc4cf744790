//! Packages of programming languages: what is installed, and lock files.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Materials, Package};

type Packages = Result<Vec<Package>, String>;

fn package(kind: &'static str, name: &str, version: &str, source: &str) -> Package {
    let (namespace, name) = match name.rsplit_once('/') {
        Some((namespace, name)) => (namespace, name),
        None => ("", name),
    };
    Package {
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        qualifiers: BTreeMap::new(),
        license: String::new(),
        source: source.to_owned(),
    }
}

/// The head of a mail: `Name: x`, `Version: y`, up to the first empty line.
pub(super) fn python_metadata(path: &str, bytes: &[u8], _: &Materials) -> Packages {
    let text = String::from_utf8_lossy(bytes);
    let head: Vec<_> = text
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .collect();
    let field = |wanted: &str| {
        let found = head.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.trim())
    };
    let name = field("Name").ok_or("it has no `Name`")?;
    // Package URLs of PyPI are in lower case, with `-` for `_`.
    let name = name.to_lowercase().replace('_', "-");
    let mut found = package("pypi", &name, field("Version").unwrap_or_default(), path);
    let license = field("License-Expression").or_else(|| field("License"));
    found.license = license.filter(|text| text.len() < 100).unwrap_or_default().to_owned();
    Ok(vec![found])
}

pub(super) fn node_package(path: &str, bytes: &[u8], _: &Materials) -> Packages {
    let json = json(bytes)?;
    // A part of a package may have a `package.json` without a name.
    let (Some(name), Some(version)) = (json["name"].as_str(), json["version"].as_str()) else {
        return Ok(Vec::new());
    };
    let mut found = package("npm", name, version, path);
    found.license = json["license"].as_str().unwrap_or_default().to_owned();
    Ok(vec![found])
}

/// `packages` by path since lock version 2, nested `dependencies` before.
pub(super) fn node_lock(path: &str, bytes: &[u8], _: &Materials) -> Packages {
    let json = json(bytes)?;
    let mut found = Vec::new();
    if let Some(packages) = json["packages"].as_object() {
        for (place, entry) in packages {
            let name = place.rsplit_once("node_modules/").map(|(_, name)| name);
            let name = entry["name"].as_str().or(name);
            if let (Some(name), Some(version)) = (name, entry["version"].as_str())
                && place.contains("node_modules/")
            {
                let mut package = package("npm", name, version, path);
                package.license = entry["license"].as_str().unwrap_or_default().to_owned();
                found.push(package);
            }
        }
        return Ok(found);
    }
    let mut pending = vec![&json["dependencies"]];
    while let Some(dependencies) = pending.pop() {
        for (name, entry) in dependencies.as_object().into_iter().flatten() {
            if let Some(version) = entry["version"].as_str() {
                found.push(package("npm", name, version, path));
            }
            pending.push(&entry["dependencies"]);
        }
    }
    Ok(found)
}

/// `[[package]]` with `name` and `version`: Cargo, Poetry and uv agree on this much, and the tables
/// are written by machines, one `key = "value"` a line.
pub(super) fn toml_lock(path: &str, bytes: &[u8], _: &Materials) -> Packages {
    let kind = if path.ends_with("Cargo.lock") { "cargo" } else { "pypi" };
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    let mut found = Vec::new();
    let mut current: Option<(String, String)> = None;
    let mut finish = |current: Option<(String, String)>| {
        if let Some((name, version)) = current.filter(|(name, _)| !name.is_empty()) {
            found.push(package(kind, &name, &version, path));
        }
    };
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            finish(current.take());
            current = (line == "[[package]]").then(Default::default);
        }
        let Some((name, version)) = &mut current else { continue };
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim().trim_matches('"').to_owned();
        match key.trim() {
            "name" => *name = value,
            "version" => *version = value,
            _ => {}
        }
    }
    finish(current);
    Ok(found)
}

pub(super) fn composer_lock(path: &str, bytes: &[u8], _: &Materials) -> Packages {
    let json = json(bytes)?;
    let mut found = Vec::new();
    for entry in json["packages"].as_array().into_iter().flatten() {
        if let (Some(name), Some(version)) = (entry["name"].as_str(), entry["version"].as_str()) {
            found.push(package("composer", name, version, path));
        }
    }
    Ok(found)
}

/// Below `specs:` each gem stands as `    name (version)`, its needs two blanks deeper.
pub(super) fn gem_lock(path: &str, bytes: &[u8], _: &Materials) -> Packages {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    let mut in_specs = false;
    for line in text.lines() {
        if !line.starts_with("    ") {
            in_specs = line.trim() == "specs:";
            continue;
        }
        let is_gem = in_specs && !line.starts_with("     ");
        let Some((name, version)) = line.trim().split_once(" (").filter(|_| is_gem) else {
            continue;
        };
        found.push(package("gem", name, version.trim_end_matches(')'), path));
    }
    Ok(found)
}

/// `require path version`, one by one or in parentheses.
pub(super) fn go_module(path: &str, bytes: &[u8], _: &Materials) -> Packages {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    let mut in_list = false;
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let entry = match line.strip_prefix("require") {
            Some(rest) if rest.trim() == "(" => {
                in_list = true;
                continue;
            }
            Some(rest) if rest.starts_with([' ', '\t']) => Some(rest),
            _ if line == ")" => {
                in_list = false;
                None
            }
            _ => in_list.then_some(line),
        };
        let Some((name, version)) = entry.and_then(|entry| entry.trim().split_once(' ')) else {
            continue;
        };
        found.push(package("golang", name.trim_matches('"'), version.trim(), path));
    }
    Ok(found)
}

fn json(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON: {error}"))
}
