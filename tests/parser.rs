//! The parser beside recorded answers of the reference.

mod categories;
mod checks;
pub(crate) mod corpus;
mod differential;
mod expected;
mod fixtures;
mod format;
mod invariants;
mod vectors;

use std::path::PathBuf;

/// Folder with the reference's answers: `DOCKWRIGHT_SHARED`, else `shared` beside the repository.
///
/// The project builds and passes without it; then it is said aloud that nothing was compared.
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "a test's own setting")]
pub(crate) fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKWRIGHT_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    if folder.join("corpus").is_dir() {
        return Some(folder);
    }
    eprintln!("NOT COMPARED with the reference: {} holds no corpus", folder.display());
    None
}

/// Fails with the first differences, if there are any.
#[track_caller]
fn assert_none(what: &str, n_compared: usize, differences: &[String]) {
    assert!(n_compared > 0, "{what}: nothing was compared");
    let shown: Vec<String> = differences.iter().take(40).cloned().collect();
    assert!(
        differences.is_empty(),
        "{what}: {} of {n_compared} differ\n{}",
        differences.len(),
        shown.join("\n")
    );
}
