//! Which image of an index is the one for a platform.

use super::{Descriptor, Platform};

/// BuildKit puts attestations into indexes, as images for no platform.
pub(crate) fn is_image(descriptor: &Descriptor) -> bool {
    let is_attestation = descriptor.annotations.contains_key("vnd.docker.reference.type")
        || descriptor.platform.as_ref().is_some_and(|platform| platform.os == "unknown");
    !is_attestation
}

/// Returns how well an image suits a platform: 0 not at all, 2 exactly.
pub(crate) fn rank(platform: Option<&Platform>, wanted: &str) -> u8 {
    let Some(platform) = platform else { return 1 };
    let mut parts = wanted.split('/');
    let (os, architecture) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    // `windows(10.0.1)`: only an image for that very version.
    let (os, version) = os.trim_end_matches(')').split_once('(').unwrap_or((os, ""));
    let is_of_version = version.is_empty() || platform.os_version.as_deref() == Some(version);
    if platform.os != os || platform.architecture != architecture || !is_of_version {
        return 0;
    }
    // `arm64` is `arm64/v8`, `arm` is `arm/v7` (containerd's normal form).
    let variant = |variant: Option<&str>| match (architecture, variant.filter(|it| !it.is_empty()))
    {
        ("arm64", Some("v8")) => None,
        ("arm", None) => Some("v7".to_owned()),
        (_, variant) => variant.map(str::to_owned),
    };
    if variant(platform.variant.as_deref()) == variant(parts.next()) { 2 } else { 1 }
}

/// Returns the platforms of images, for messages.
pub(crate) fn platforms(images: &[Descriptor]) -> String {
    let platforms = images.iter().filter_map(|image| image.platform.as_ref());
    let names: Vec<_> = platforms
        .map(|platform| {
            let variant = platform.variant.as_deref().map(|it| format!("/{it}"));
            let version = platform.os_version.as_deref().map(|it| format!("({it})"));
            let (os, architecture) = (&platform.os, &platform.architecture);
            let (version, variant) = (version.unwrap_or_default(), variant.unwrap_or_default());
            format!("{os}{version}/{architecture}{variant}")
        })
        .collect();
    names.join(", ")
}
