//! A bill of materials: the packages that an image's own databases and lock files tell of, as an
//! SPDX 2.3 document. Everything is read from the image's files; nothing of it is run.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use serde_json::{Value, json};

use crate::error::Context;
use crate::history::rfc3339;
use crate::layer::{Stack, kind};
use crate::{DiffId, Digest, Image, Result, Store};

mod apk;
mod dpkg;
mod language;
mod rpm;
mod sqlite;

/// The largest database or lock file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// A package in an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its kind in a package URL: `deb`, `apk`, `rpm`, `npm`, `pypi`, `cargo`, `gem`, `composer`,
    /// `golang`.
    pub kind: &'static str,
    /// The distribution or the vendor, where the kind has one.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The qualifiers of its package URL, by name.
    pub qualifiers: BTreeMap<&'static str, String>,
    /// Its licence as the database has it.
    pub license: String,
    /// The file that tells of it, without `/` in front.
    pub source: String,
}

impl Package {
    /// Returns the package URL, for example `pkg:deb/debian/bash@5.2?arch=amd64`.
    pub fn purl(&self) -> String {
        let mut purl = format!("pkg:{}/", self.kind);
        for part in self.namespace.split('/').filter(|part| !part.is_empty()) {
            purl.push_str(&encode(part));
            purl.push('/');
        }
        purl.push_str(&encode(&self.name));
        if !self.version.is_empty() {
            purl.push('@');
            purl.push_str(&encode(&self.version));
        }
        let qualifiers = self.qualifiers.iter().filter(|(_, value)| !value.is_empty());
        for (at, (name, value)) in qualifiers.enumerate() {
            purl.push(if at == 0 { '?' } else { '&' });
            purl.push_str(&format!("{name}={}", encode(value)));
        }
        purl
    }
}

/// What an image is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Materials {
    /// `ID` of the image's `os-release`, empty without one.
    pub distribution: String,
    /// `VERSION_ID` of the same.
    pub distribution_version: String,
    /// The packages, sorted.
    pub packages: Vec<Package>,
    /// Databases and lock files that could not be read, with the reason.
    pub unread: Vec<String>,
}

/// A file that tells of packages: its path and its bytes to the packages.
type Reader = fn(&str, &[u8], &Materials) -> std::result::Result<Vec<Package>, String>;

/// Finds the packages of an image.
///
/// # Errors
///
/// When a layer is not in the store or is damaged. A database that cannot be read is no error but
/// stands in [`Materials::unread`].
pub fn materials(store: &Store, image: &Image) -> Result<Materials> {
    materials_of_layers(store, &image.layers)
}

/// Finds the packages of layers that need not be those of an image.
///
/// # Errors
///
/// As [`materials`].
pub fn materials_of_layers(store: &Store, layers: &[DiffId]) -> Result<Materials> {
    materials_in(&Stack::open(&store.layer_paths(layers)?)?)
}

/// Finds the packages of a directory.
///
/// # Errors
///
/// When the directory cannot be read.
pub fn materials_of_directory(path: &Path) -> Result<Materials> {
    materials_in(&Stack::open(&[path.to_owned()])?)
}

fn materials_in(stack: &Stack) -> Result<Materials> {
    let mut materials = Materials::default();
    for path in ["etc/os-release", "usr/lib/os-release"] {
        let found = stack.look_up(path.as_bytes()).doing(|| format!("read `{path}`"))?;
        let Some((layer, stat)) = found.shown else { continue };
        if kind(&stat) == FileType::RegularFile {
            let text = read(stack, layer, path.as_bytes())?;
            read_os_release(&String::from_utf8_lossy(&text), &mut materials);
        }
    }
    let mut packages = BTreeSet::new();
    let mut unread = Vec::new();
    let all = stack.all();
    stack.walk(b"", &all, &mut |path, found| {
        let Some((layer, stat)) = found.shown else { return Ok(()) };
        let Ok(text) = std::str::from_utf8(path) else { return Ok(()) };
        let Some(reader) = reader_of(text) else { return Ok(()) };
        if kind(&stat) != FileType::RegularFile {
            return Ok(());
        }
        if stat.st_size as u64 > MAX_FILE_BYTES {
            unread.push(format!("/{text}: it is larger than {MAX_FILE_BYTES} bytes"));
            return Ok(());
        }
        match reader(text, &read(stack, layer, path)?, &materials) {
            Ok(found) => packages.extend(found),
            Err(error) => unread.push(format!("/{text}: {error}")),
        }
        Ok(())
    })?;
    materials.packages = packages.into_iter().collect();
    materials.unread = unread;
    Ok(materials)
}

/// The one list of what is read.
fn reader_of(path: &str) -> Option<Reader> {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    match (directory, name) {
        ("var/lib/dpkg", "status") => Some(dpkg::read),
        ("var/lib/dpkg/status.d", name) if !name.ends_with(".md5sums") => Some(dpkg::read),
        ("lib/apk/db" | "usr/lib/apk/db", "installed") => Some(apk::read),
        ("var/lib/rpm" | "usr/lib/sysimage/rpm" | "usr/share/rpm", "rpmdb.sqlite") => {
            Some(rpm::read)
        }
        (directory, "METADATA") if directory.ends_with(".dist-info") => {
            Some(language::python_metadata)
        }
        (directory, "PKG-INFO") if directory.ends_with(".egg-info") => {
            Some(language::python_metadata)
        }
        (directory, "package.json") if is_node_module(directory) => Some(language::node_package),
        (_, "package-lock.json" | "npm-shrinkwrap.json") => Some(language::node_lock),
        (_, "Cargo.lock" | "poetry.lock" | "uv.lock") => Some(language::toml_lock),
        (_, "composer.lock") => Some(language::composer_lock),
        (_, "Gemfile.lock") => Some(language::gem_lock),
        (_, "go.mod") => Some(language::go_module),
        _ => None,
    }
}

/// `node_modules/NAME` or `node_modules/@SCOPE/NAME`: a package, not a part of one.
fn is_node_module(directory: &str) -> bool {
    let mut parts = directory.rsplit('/').skip(1);
    match parts.next() {
        Some("node_modules") => true,
        Some(scope) if scope.starts_with('@') => parts.next() == Some("node_modules"),
        _ => false,
    }
}

fn read(stack: &Stack, layer: usize, path: &[u8]) -> Result<Vec<u8>> {
    let doing = || format!("read `/{}` in the image", path.escape_ascii());
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::openat(stack.layer(layer), path, flags, Mode::empty()).doing(doing)?;
    let mut bytes = Vec::new();
    std::fs::File::from(file).take(MAX_FILE_BYTES).read_to_end(&mut bytes).doing(doing)?;
    Ok(bytes)
}

fn read_os_release(text: &str, materials: &mut Materials) {
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else { continue };
        let value = value.trim().trim_matches(['"', '\'']).to_owned();
        match name.trim() {
            "ID" => materials.distribution = value,
            "VERSION_ID" => materials.distribution_version = value,
            _ => {}
        }
    }
}

/// Returns the qualifiers `arch` and `distro` of a distribution's package.
fn qualifiers(architecture: &str, materials: &Materials) -> BTreeMap<&'static str, String> {
    let Materials { distribution, distribution_version, .. } = materials;
    let distro = match (distribution.is_empty(), distribution_version.is_empty()) {
        (true, _) => String::new(),
        (false, true) => distribution.clone(),
        _ => format!("{distribution}-{distribution_version}"),
    };
    BTreeMap::from([("arch", architecture.to_owned()), ("distro", distro)])
}

/// Percent encoding of package URLs: letters, digits and `-._~` stay, and so does the colon.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                encoded.push(char::from(byte));
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Returns an SPDX 2.3 document of an image. Equal images of equal names give equal documents.
pub fn spdx(materials: &Materials, image: &Image, name: &str) -> Value {
    document(materials, image, name, Some(&image.manifest))
}

/// Writes what an image was made with but does not hold, a stage or the context, as SPDX 2.3.
pub fn spdx_beside(materials: &Materials, image: &Image, name: &str) -> Value {
    document(materials, image, name, None)
}

/// Writes what is described as SPDX 2.3; `digest` is that of an image.
fn document(materials: &Materials, image: &Image, name: &str, digest: Option<&Digest>) -> Value {
    let id = |package: &Package| {
        let digest = Digest::of(format!("{} {}", package.purl(), package.source).as_bytes());
        format!("SPDXRef-Package-{}-{}", package.kind, &digest.hex()[..16])
    };
    let root = "SPDXRef-DocumentRoot-Image";
    let checksum =
        |digest: &Digest| json!([{ "algorithm": "SHA256", "checksumValue": digest.hex() }]);
    let namespace = match digest {
        Some(digest) => digest.hex(),
        None => Digest::of(format!("{} {name}", image.manifest).as_bytes()).hex(),
    };
    let mut packages = vec![json!({
        "SPDXID": root, "name": name, "versionInfo": digest.map(Digest::to_string),
        "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
        "checksums": digest.map(checksum),
        "primaryPackagePurpose": if digest.is_some() { "CONTAINER" } else { "OTHER" },
    })];
    let mut relationships = vec![json!({
        "spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
        "relatedSpdxElement": root,
    })];
    for package in &materials.packages {
        let license = Some(package.license.as_str()).filter(|license| !license.is_empty());
        packages.push(json!({
            "SPDXID": id(package), "name": package.name, "versionInfo": package.version,
            "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
            "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION",
            "licenseComments": license, "copyrightText": "NOASSERTION",
            "sourceInfo": format!("acquired package info from /{}", package.source),
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                "referenceLocator": package.purl(),
            }],
        }));
        relationships.push(json!({
            "spdxElementId": root, "relationshipType": "CONTAINS",
            "relatedSpdxElement": id(package),
        }));
    }
    for package in &mut packages {
        if let Some(fields) = package.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
    }
    let created = image.config.created.clone().unwrap_or_else(|| rfc3339(0));
    json!({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": format!("https://spdx.org/spdxdocs/{namespace}"),
        "creationInfo": {
            "created": created,
            "creators": [format!("Tool: dockwright-{}", env!("CARGO_PKG_VERSION"))],
        },
        "comment": unread_comment(materials),
        "packages": packages, "relationships": relationships,
    })
}

fn unread_comment(materials: &Materials) -> String {
    if materials.unread.is_empty() {
        return "Made of the package databases and lock files in the image.".to_owned();
    }
    format!("These could not be read: {}", materials.unread.join("; "))
}

#[cfg(test)]
mod tests;
