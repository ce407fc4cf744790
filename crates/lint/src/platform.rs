//! Platforms, `os[/architecture[/variant]]`, as far as rules ask for them.

/// A platform with the usual names of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    pub(crate) system: String,
    pub(crate) architecture: String,
}

const SYSTEMS: [&str; 14] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "netbsd",
    "openbsd",
    "solaris",
    "windows",
];

const ARCHITECTURES: [&str; 16] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64",
    "ppc64le", "riscv64", "s390x", "wasm", "sparc64", "riscv",
];

impl Platform {
    /// Reads `text`; `None` when it names no system and no architecture.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let lower = text.to_lowercase();
        let mut parts = lower.split('/');
        let first = parts.next().unwrap_or_default();
        match parts.next() {
            Some(second) => Some(Self {
                system: first.split('(').next().unwrap_or(first).to_owned(),
                architecture: usual_architecture(second).to_owned(),
            }),
            None if SYSTEMS.contains(&first) || first == "macos" => {
                Some(Self { system: first.to_owned(), architecture: "amd64".to_owned() })
            }
            None => {
                let architecture = usual_architecture(first);
                let is_known = ARCHITECTURES.contains(&architecture);
                is_known.then(|| Self {
                    system: "linux".to_owned(),
                    architecture: architecture.to_owned(),
                })
            }
        }
    }
}

fn usual_architecture(name: &str) -> &str {
    match name {
        "i386" => "386",
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        "armhf" | "armel" => "arm",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms() {
        for (text, expected) in [
            ("linux/amd64", Some(("linux", "amd64"))),
            ("linux/arm/v7", Some(("linux", "arm"))),
            ("x86_64", Some(("linux", "amd64"))),
            ("Windows", Some(("windows", "amd64"))),
            ("x86", None),
        ] {
            let parsed = Platform::parse(text);
            let parts = parsed.as_ref().map(|p| (p.system.as_str(), p.architecture.as_str()));
            assert_eq!(parts, expected, "{text}");
        }
    }
}
