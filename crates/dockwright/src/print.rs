//! The only place that writes to standard output and standard error.

use std::io::Write;

/// Writes `text` to standard output. A closed pipe ends the output quietly, as with other tools.
pub(crate) fn output(text: &str) {
    bytes(text.as_bytes());
}

/// Writes bytes to standard output.
pub(crate) fn bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// Writes `text` to standard error.
pub(crate) fn error(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
