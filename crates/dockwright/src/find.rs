//! Finding Dockerfiles below a folder.

use std::path::{Path, PathBuf};

/// What was found below a folder.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The Dockerfiles, sorted by path.
    pub(crate) files: Vec<PathBuf>,
    /// What could not be looked at.
    pub(crate) errors: Vec<String>,
}

/// Returns the Dockerfiles below `folder`, sorted. `.gitignore` and `.ignore` are respected, hidden
/// folders are searched, `.git` is not.
pub(crate) fn dockerfiles(folder: &Path) -> Found {
    let mut found = Found::default();
    let walk = ignore::WalkBuilder::new(folder)
        .hidden(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    for entry in walk {
        match entry {
            Ok(entry) => {
                let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
                if is_file && is_dockerfile(&entry.file_name().to_string_lossy()) {
                    found.files.push(entry.into_path());
                }
            }
            Err(error) => {
                found.errors.push(format!("cannot search `{}`: {error}", folder.display()));
            }
        }
    }
    found.files.sort();
    found
}

/// Returns the files that a pattern with `*`, `?`, `[…]` or `**` means, sorted: for shells that leave
/// it as it is. `.gitignore` is respected.
pub(crate) fn matching(pattern: &str) -> Found {
    let mut found = Found::default();
    let (folder, rest) = match pattern.strip_prefix('/') {
        Some(rest) => ("/", rest),
        None => (".", pattern.trim_start_matches("./")),
    };
    // Without a `/` in front, a pattern of one part would be looked for in every folder.
    let mut overrides = ignore::overrides::OverrideBuilder::new(folder);
    let overrides = overrides.add(&format!("/{rest}")).and_then(|overrides| overrides.build());
    let overrides = match overrides {
        Ok(overrides) => overrides,
        Err(error) => {
            found.errors.push(format!("`{pattern}` is no pattern: {error}"));
            return found;
        }
    };
    let is_git = |entry: &ignore::DirEntry| entry.file_name() == ".git";
    let walk = ignore::WalkBuilder::new(folder)
        .hidden(false)
        .require_git(false)
        .filter_entry(move |entry| !is_git(entry))
        .build();
    for entry in walk.flatten() {
        let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
        if is_file && overrides.matched(entry.path(), false).is_whitelist() {
            let path = entry.into_path();
            found.files.push(path.strip_prefix("./").map(Path::to_path_buf).unwrap_or(path));
        }
    }
    found.files.sort();
    found
}

/// Endings of files that are about Dockerfiles but are none.
const OTHERS: [&str; 24] = [
    "bak", "c", "cs", "go", "h", "html", "java", "js", "json", "kt", "lock", "log", "md", "orig",
    "php", "py", "rb", "rs", "rst", "sh", "swp", "toml", "ts", "yaml",
];

/// Whether a file of this name is a Dockerfile by custom: `Dockerfile`, `Containerfile`, with
/// anything before or after a dot, in any case of letters; after `-` or `_`, with a capital in front.
/// Sources and texts about Dockerfiles are none.
pub(crate) fn is_dockerfile(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let ending = lower.rsplit_once('.').map(|(_, ending)| ending);
    if lower.ends_with(".dockerignore")
        || lower.ends_with(".containerignore")
        || ending.is_some_and(|ending| OTHERS.contains(&ending) || ending == "yml")
    {
        return false;
    }
    let is_named = ["dockerfile", "containerfile"].iter().any(|word| {
        lower.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            || lower.strip_suffix(word).is_some_and(|rest| rest.ends_with('.'))
    });
    let is_variant = ["Dockerfile", "Containerfile"]
        .iter()
        .any(|word| name.strip_prefix(word).is_some_and(|rest| rest.starts_with(['-', '_'])));
    is_named || is_variant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_custom() {
        for name in [
            "Dockerfile",
            "dockerfile",
            "Dockerfile.dev",
            "web.Dockerfile",
            "Containerfile",
            "Dockerfile-a.11",
            "Dockerfile_dev",
        ] {
            assert!(is_dockerfile(name), "{name}");
        }
        for name in [
            "Dockerfile.dockerignore",
            "Dockerfiles",
            "mydockerfile",
            "docker",
            "dockerfile_dev",
            "Dockerfile.md",
            "Dockerfile_test.go",
            "dockerfile.rs",
        ] {
            assert!(!is_dockerfile(name), "{name}");
        }
    }
}
