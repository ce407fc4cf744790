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

/// Whether a file of this name is a Dockerfile by custom: `Dockerfile`, `Containerfile`, with
/// anything before or after a dot, in any case of letters.
pub(crate) fn is_dockerfile(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    if name.ends_with(".dockerignore") || name.ends_with(".containerignore") {
        return false;
    }
    ["dockerfile", "containerfile"].iter().any(|word| {
        name.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            || name.strip_suffix(word).is_some_and(|rest| rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_custom() {
        for name in
            ["Dockerfile", "dockerfile", "Dockerfile.dev", "web.Dockerfile", "Containerfile"]
        {
            assert!(is_dockerfile(name), "{name}");
        }
        for name in
            ["Dockerfile.dockerignore", "Dockerfiles", "mydockerfile", "docker", "dockerfile_dev"]
        {
            assert!(!is_dockerfile(name), "{name}");
        }
    }
}
