//! Facts about the build context, for the linter.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use dockwright_lint::{ContextContent, ContextEntry, ContextFacts};

use crate::source_file::{self, display_name, no_context, reason};

/// How much of a file is read, in bytes: the first line of a script, the head of a program.
const HEAD_LENGTH: usize = 512;

/// Looks at the files of the context `folder` of the Dockerfile `dockerfile`.
///
/// The ignore file is the Dockerfile's own, else the `.dockerignore` of the folder. The content of
/// `.git` is not looked at.
pub(super) fn facts(folder: &Path, dockerfile: &Path) -> Result<ContextFacts, String> {
    if !folder.is_dir() {
        return Err(no_context(folder));
    }
    let mut own = dockerfile.as_os_str().to_owned();
    own.push(".dockerignore");
    let places = [PathBuf::from(own), folder.join(".dockerignore")];
    let ignore_path = places.into_iter().find(|path| path.is_file());
    let ignore_file = match &ignore_path {
        Some(path) => Some(String::from_utf8_lossy(&source_file::read(path)?).into_owned()),
        None => None,
    };
    let mut entries = Vec::new();
    let walk = ignore::WalkBuilder::new(folder)
        .standard_filters(false)
        .filter_entry(|entry| {
            entry.path().parent().and_then(Path::file_name).is_none_or(|name| name != ".git")
        })
        .build();
    for entry in walk {
        let entry =
            entry.map_err(|error| format!("cannot look at `{}`: {error}", folder.display()))?;
        let Ok(path) = entry.path().strip_prefix(folder) else { continue };
        let Some(path) = path.to_str().filter(|path| !path.is_empty()) else { continue };
        let kind = entry.file_type();
        let is_file = kind.is_some_and(|kind| kind.is_file());
        entries.push(ContextEntry {
            path: path.to_owned(),
            is_folder: kind.is_some_and(|kind| kind.is_dir()),
            size: if is_file { entry.metadata().map_or(0, |metadata| metadata.len()) } else { 0 },
            content: if is_file { content(entry.path())? } else { ContextContent::Other },
        });
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(ContextFacts {
        ignore_file,
        ignore_file_name: ignore_path.as_deref().map(display_name).unwrap_or_default(),
        entries: Some(entries),
    })
}

fn content(path: &Path) -> Result<ContextContent, String> {
    let mut head = [0; HEAD_LENGTH];
    let said =
        |error: std::io::Error| format!("cannot read `{}`: {}", path.display(), reason(&error));
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        // The build will say so if it needs the file.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return Ok(ContextContent::Other);
        }
        Err(error) => return Err(said(error)),
    };
    let length = file.read(&mut head).map_err(said)?;
    let head = &head[..length];
    if head.starts_with(b"#!") {
        let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let is_windows = line.len() < head.len() && line.ends_with(b"\r");
        return Ok(if is_windows { ContextContent::WindowsScript } else { ContextContent::Other });
    }
    Ok(architecture(head)
        .map_or(ContextContent::Other, |name| ContextContent::Program(name.to_owned())))
}

/// Returns the architecture of an ELF program, by its name in platforms.
///
/// The machine is the half word at 18 in the byte order of the byte at 5; the class, 32 or 64 bits,
/// is the byte at 4 (System V ABI, chapter 4).
fn architecture(head: &[u8]) -> Option<&'static str> {
    if !head.starts_with(b"\x7fELF") {
        return None;
    }
    let (class, order) = (*head.get(4)?, *head.get(5)?);
    let half = [*head.get(18)?, *head.get(19)?];
    let machine = if order == 2 { u16::from_be_bytes(half) } else { u16::from_le_bytes(half) };
    Some(match (machine, class) {
        (62, _) => "amd64",
        (3, _) => "386",
        (183, _) => "arm64",
        (40, _) => "arm",
        (243, 2) => "riscv64",
        (22, 2) => "s390x",
        (21, 2) => {
            if order == 2 {
                "ppc64"
            } else {
                "ppc64le"
            }
        }
        (258, _) => "loong64",
        (8, 2) => {
            if order == 2 {
                "mips64"
            } else {
                "mips64le"
            }
        }
        _ => return None,
    })
}
