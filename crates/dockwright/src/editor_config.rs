//! What EditorConfig files say of a file's indent.

use std::path::Path;

use dockerfile_parser::Indent;

/// Returns the indent that the `.editorconfig` files at and above `path` ask for, if any does.
///
/// The nearest file that says something wins, and in it the last section that matches; a file with
/// `root = true` ends the search.
pub(crate) fn indent(path: &Path) -> Option<Indent> {
    let path = path.canonicalize().ok()?;
    let mut style = None;
    let mut size = None;
    for folder in path.ancestors().skip(1) {
        let Ok(text) = std::fs::read_to_string(folder.join(".editorconfig")) else { continue };
        let relative = path.strip_prefix(folder).ok()?.to_string_lossy().into_owned();
        let settings = read(&text, &relative);
        style = style.or(settings.style);
        size = size.or(settings.size);
        if settings.is_root {
            break;
        }
    }
    match (style.as_deref(), size) {
        (Some("tab"), _) => Some(Indent::Tab),
        (_, Some(size)) => Some(Indent::Spaces(size)),
        _ => None,
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Settings {
    style: Option<String>,
    size: Option<u8>,
    is_root: bool,
}

/// Reads one file for the path `relative` below its folder.
fn read(text: &str, relative: &str) -> Settings {
    let mut settings = Settings::default();
    // Outside of every section only `root` counts.
    let mut is_in_section = false;
    let mut is_matching = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(glob) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            is_in_section = true;
            is_matching = matches_path(glob, relative);
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim().to_ascii_lowercase();
        match key.trim().to_ascii_lowercase().as_str() {
            "root" if !is_in_section => settings.is_root = value == "true",
            "indent_style" if is_matching => settings.style = Some(value),
            "indent_size" if is_matching => settings.size = value.parse().ok().or(settings.size),
            _ => {}
        }
    }
    settings
}

/// Tells whether a section's glob matches; one without `/` matches file names in every folder.
fn matches_path(glob: &str, relative: &str) -> bool {
    let glob = match glob.strip_prefix('/') {
        Some(rest) => rest.to_owned(),
        None if glob.contains('/') => glob.to_owned(),
        None => format!("**/{glob}"),
    };
    let is_matching = |glob: &str| matches(glob.as_bytes(), relative.as_bytes(), 0);
    alternatives(&glob)
        .iter()
        .any(|glob| is_matching(glob) || glob.strip_prefix("**/").is_some_and(is_matching))
}

/// Writes out `{a,b}`; at most some thousand forms.
fn alternatives(glob: &str) -> Vec<String> {
    const MAX_FORMS: usize = 4096;
    let mut open = vec![glob.to_owned()];
    let mut done = Vec::new();
    while let Some(form) = open.pop() {
        let close = form.find('}');
        let start = close.and_then(|close| form[..close].rfind('{'));
        let (Some(start), Some(close)) = (start, close) else {
            done.push(form);
            continue;
        };
        if open.len() + done.len() > MAX_FORMS {
            return done;
        }
        for part in form[start + 1..close].split(',') {
            open.push(format!("{}{part}{}", &form[..start], &form[close + 1..]));
        }
    }
    done
}

/// `*`, `**`, `?` and `[…]`.
fn matches(glob: &[u8], text: &[u8], depth: usize) -> bool {
    const MAX_DEPTH: usize = 64;
    if depth > MAX_DEPTH {
        return false;
    }
    match glob {
        [] => text.is_empty(),
        [b'*', b'*', rest @ ..] => (0..=text.len()).any(|at| matches(rest, &text[at..], depth + 1)),
        [b'*', rest @ ..] => {
            let end = text.iter().position(|byte| *byte == b'/').unwrap_or(text.len());
            (0..=end).any(|at| matches(rest, &text[at..], depth + 1))
        }
        [b'?', rest @ ..] => {
            text.first().is_some_and(|byte| *byte != b'/') && matches(rest, &text[1..], depth)
        }
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            let (class, rest) = (&rest[..end], &rest[end + 1..]);
            let (is_negated, class) =
                class.strip_prefix(b"!").map_or((false, class), |class| (true, class));
            text.first().is_some_and(|byte| class.contains(byte) != is_negated)
                && matches(rest, &text[1..], depth)
        }
        [byte, rest @ ..] => text.first() == Some(byte) && matches(rest, &text[1..], depth),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, path: &str, style: Option<&str>, size: Option<u8>) {
        let found = read(text, path);
        assert_eq!((found.style.as_deref(), found.size), (style, size), "{text:?}");
    }

    #[test]
    fn sections_match_by_name() {
        let text = "root = true\n[*]\nindent_size = 2\n[Dockerfile*]\nindent_style = tab\n";
        check(text, "a/Dockerfile.dev", Some("tab"), Some(2));
        check(text, "a/b.sh", None, Some(2));
        check("[*.{sh,Dockerfile}]\nindent_size=8", "x/web.Dockerfile", None, Some(8));
        check("[/Dockerfile]\nindent_size=8", "x/Dockerfile", None, None);
        check("[x/**]\nindent_size=8", "x/y/Dockerfile", None, Some(8));
        check("[[Dd]ockerfile]\nindent_size=3", "dockerfile", None, Some(3));
        check("indent_size=3", "Dockerfile", None, None);
    }
}
