//! Alpine's packages: `lib/apk/db/installed`, paragraphs of one-letter fields.

use super::{Materials, Package, qualifiers};

pub(super) fn read(
    path: &str,
    bytes: &[u8],
    materials: &Materials,
) -> Result<Vec<Package>, String> {
    let text = String::from_utf8_lossy(bytes);
    let distribution = materials.distribution.as_str();
    let namespace = if distribution.is_empty() { "alpine" } else { distribution };
    let mut packages = Vec::new();
    for paragraph in super::dpkg::paragraphs(&text) {
        let field = |wanted: &str| {
            paragraph.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value)
        };
        let (Some(name), Some(version)) = (field("P"), field("V")) else { continue };
        packages.push(Package {
            kind: "apk",
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            qualifiers: qualifiers(field("A").unwrap_or_default(), materials),
            license: field("L").unwrap_or_default().to_owned(),
            source: path.to_owned(),
        });
    }
    Ok(packages)
}
