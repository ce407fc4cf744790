//! Debian's packages: `var/lib/dpkg/status`, and a file a package in `status.d` (distroless).

use super::{Materials, Package, qualifiers};

pub(super) fn read(
    path: &str,
    bytes: &[u8],
    materials: &Materials,
) -> Result<Vec<Package>, String> {
    let text = String::from_utf8_lossy(bytes);
    let distribution = materials.distribution.as_str();
    let namespace = if distribution.is_empty() { "debian" } else { distribution };
    let mut packages = Vec::new();
    for paragraph in paragraphs(&text) {
        let field = |wanted: &str| {
            paragraph.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, v)| *v)
        };
        let (Some(name), Some(version)) = (field("Package"), field("Version")) else { continue };
        // `deinstall ok config-files` is gone but for its configuration.
        if field("Status").is_some_and(|status| !status.ends_with(" installed")) {
            continue;
        }
        packages.push(Package {
            kind: "deb",
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            qualifiers: qualifiers(field("Architecture").unwrap_or_default(), materials),
            license: String::new(),
            source: path.to_owned(),
        });
    }
    Ok(packages)
}

/// The paragraphs of a control file: names and first lines of their fields.
pub(super) fn paragraphs(text: &str) -> Vec<Vec<(&str, &str)>> {
    let mut paragraphs = vec![Vec::new()];
    for line in text.lines() {
        if line.trim().is_empty() {
            paragraphs.push(Vec::new());
            continue;
        }
        let is_field = !line.starts_with([' ', '\t']);
        if let Some((name, value)) = line.split_once(':').filter(|_| is_field)
            && let Some(paragraph) = paragraphs.last_mut()
        {
            paragraph.push((name, value.trim()));
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}
