//! Differences between two texts.

/// Returns the change from `old` to `new` as a unified diff, empty when they are equal.
pub(crate) fn unified(name: &str, old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    // Names end at a blank unless a tab follows, as git writes it.
    let end = if name.contains(' ') { "\t" } else { "" };
    similar::TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{name}{end}"), &format!("b/{name}{end}"))
        .to_string()
}
