//! What the tests of this crate share.

/// Tells whether the machine's own root runs the tests, who alone can give files to anybody and make
/// trusted attributes. Says loudly what is not checked when it is not so.
#[expect(clippy::print_stderr, reason = "what is not checked is said loudly")]
pub(crate) fn is_machine_root(what: &str) -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let is_whole = map.split_whitespace().eq(["0", "0", "4294967295"]);
    let user = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap());
    if !is_whole || user != 0 {
        eprintln!("NOT CHECKED: {what}: only the machine's root can");
    }
    is_whole && user == 0
}
