//! Which architectures' programs this machine runs: its own, and those for which the kernel knows
//! an interpreter (kernel: admin-guide/binfmt-misc.rst).

use std::collections::BTreeSet;
use std::path::Path;

/// Where the kernel lists interpreters.
const REGISTERED: &str = "/proc/sys/fs/binfmt_misc";

/// `e_machine` of ELF headers (elf.h), by Go's name of the architecture; those that come in two
/// byte orders with the byte that says which (1 little, 2 big).
const MACHINES: [(u16, u8, &str); 12] = [
    (3, 1, "386"),
    (8, 2, "mips"),
    (8, 1, "mipsle"),
    (8, 2, "mips64"),
    (8, 1, "mips64le"),
    (20, 2, "ppc"),
    (21, 1, "ppc64le"),
    (22, 2, "s390x"),
    (40, 1, "arm"),
    (62, 1, "amd64"),
    (183, 1, "arm64"),
    (243, 1, "riscv64"),
];

/// `e_machine` of LoongArch.
const LOONGARCH: (u16, u8, &str) = (258, 1, "loong64");

/// Returns Go's names of the architectures whose programs run on this machine. `native` is its own.
pub fn architectures(native: &str) -> BTreeSet<String> {
    let mut known = BTreeSet::from([native.to_owned()]);
    match native {
        "amd64" => known.extend(["386".to_owned()]),
        "arm64" => known.extend(["arm".to_owned()]),
        _ => {}
    }
    for entry in std::fs::read_dir(Path::new(REGISTERED)).into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        known.extend(interpreted(&text).map(str::to_owned));
    }
    known
}

/// Returns what an entry of the kernel's list is for.
fn interpreted(entry: &str) -> impl Iterator<Item = &'static str> {
    let is_enabled = entry.lines().next() == Some("enabled");
    let magic = entry.lines().find_map(|line| line.strip_prefix("magic "));
    let magic = magic.filter(|it| is_enabled && it.starts_with("7f454c46")).unwrap_or_default();
    let byte = |at: usize| u8::from_str_radix(magic.get(at * 2..at * 2 + 2)?, 16).ok();
    let (class, order) = (byte(4), byte(5));
    let machine = match (byte(18), byte(19)) {
        (Some(a), Some(b)) if order == Some(2) => Some(u16::from_be_bytes([a, b])),
        (Some(a), Some(b)) => Some(u16::from_le_bytes([a, b])),
        _ => None,
    };
    let matches = move |(number, endian, name): &(u16, u8, &str)| {
        let is_64_bit = name.contains("64") || *name == "s390x";
        let is_class = class == Some(if is_64_bit { 2 } else { 1 });
        machine == Some(*number) && order == Some(*endian) && is_class
    };
    MACHINES.into_iter().chain([LOONGARCH]).filter(matches).map(|(_, _, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_is_read() {
        let entry = |magic: &str| {
            format!("enabled\ninterpreter /usr/bin/qemu\nflags: OCF\noffset 0\nmagic {magic}\n")
        };
        let names = |text: &str| interpreted(text).collect::<Vec<_>>();
        let arm64 = "7f454c460201010000000000000000000200b700";
        assert_eq!(names(&entry(arm64)), ["arm64"]);
        assert_eq!(names(&entry(arm64).replace("enabled", "disabled")), [""; 0]);
        assert_eq!(names(&entry("7f454c4602020100000000000000000000020016")), ["s390x"]);
        assert_eq!(names(&entry("7f454c4601010100000000000000000002002800")), ["arm"]);
        assert_eq!(names(&entry("7f454c4602010100000000000000000002000201")), ["loong64"]);
        assert_eq!(names(&entry("cafebabe")), [""; 0]);
        assert_eq!(names("enabled\n"), [""; 0]);
    }
}
