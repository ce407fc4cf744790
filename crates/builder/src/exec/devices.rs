//! Which devices a step may open. Its root may make nodes of every device, as Docker lets it, and an
//! image may hold some: opening one of a disk would be all that it takes to leave the sandbox.
//!
//! A user namespace keeps every such node shut. Elsewhere a filter of the step's control group does,
//! which lets those through that Docker does, whatever their place; and where there can be none,
//! all that a step sees is mounted so that nodes are dead, but for those of `/dev`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;

use crate::sys;

/// Character devices by major and minor number: `null`, `zero`, `full`, `random`, `urandom`, `tty`,
/// `console`, `ptmx`; and the terminals of [`PTS_MAJOR`].
const ALLOWED: [(u32, u32); 8] = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)];
const PTS_MAJOR: u32 = 136;

/// The machine's own user namespace has this number in every kernel (`PROC_USER_INIT_INO`).
const INITIAL_USER_NAMESPACE: &str = "user:[4026531837]";

/// Whether the builder is root of the whole machine, not of a user namespace.
pub(super) fn is_machine_root() -> bool {
    let namespace = std::fs::read_link("/proc/self/ns/user");
    namespace.is_ok_and(|namespace| namespace == Path::new(INITIAL_USER_NAMESPACE))
}

/// Returns the filter, which is loaded once, or nothing where the kernel does not take it.
pub(super) fn filter() -> Option<BorrowedFd<'static>> {
    static FILTER: OnceLock<Option<OwnedFd>> = OnceLock::new();
    FILTER.get_or_init(|| sys::load_device_filter(&program()).ok()).as_ref().map(AsFd::as_fd)
}

/// The registers that the program uses, by the kernel's numbers.
const ANSWER: u8 = 0;
const REQUEST: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

const KIND_CHARACTER: i32 = 2;
const ACCESS_MAKE: i32 = 1;

const LOAD_WORD: u8 = 0x61;
const AND: u8 = 0x57;
const SHIFT_RIGHT: u8 = 0x77;
const COPY: u8 = 0xbf;
const SET: u8 = 0xb7;
const JUMP_IF_EQUAL: u8 = 0x15;
const JUMP_IF_NOT_EQUAL: u8 = 0x55;
const EXIT: u8 = 0x95;

/// Instructions that end the program with an answer.
const LENGTH_OF_ANSWER: i16 = 2;

/// Returns the program. The request has the access above the kind in its first word, then the major
/// and the minor number (`bpf_cgroup_dev_ctx`).
fn program() -> Vec<u64> {
    let mut code = vec![
        instruction(LOAD_WORD, KIND, REQUEST, 0, 0),
        instruction(LOAD_WORD, MAJOR, REQUEST, 4, 0),
        instruction(LOAD_WORD, MINOR, REQUEST, 8, 0),
        instruction(COPY, ACCESS, KIND, 0, 0),
        instruction(SHIFT_RIGHT, ACCESS, 0, 0, 16),
        instruction(AND, KIND, 0, 0, 0xffff),
    ];
    // A node may be made, of whatever device.
    code.push(instruction(JUMP_IF_NOT_EQUAL, ACCESS, 0, LENGTH_OF_ANSWER, ACCESS_MAKE));
    code.extend(answer(true));
    code.push(instruction(JUMP_IF_EQUAL, KIND, 0, LENGTH_OF_ANSWER, KIND_CHARACTER));
    code.extend(answer(false));
    code.push(instruction(JUMP_IF_NOT_EQUAL, MAJOR, 0, LENGTH_OF_ANSWER, PTS_MAJOR.cast_signed()));
    code.extend(answer(true));
    for (major, minor) in ALLOWED {
        let next = LENGTH_OF_ANSWER;
        code.push(instruction(JUMP_IF_NOT_EQUAL, MAJOR, 0, next + 1, major.cast_signed()));
        code.push(instruction(JUMP_IF_NOT_EQUAL, MINOR, 0, next, minor.cast_signed()));
        code.extend(answer(true));
    }
    code.extend(answer(false));
    code
}

fn answer(is_allowed: bool) -> [u64; LENGTH_OF_ANSWER as usize] {
    [instruction(SET, ANSWER, 0, 0, i32::from(is_allowed)), instruction(EXIT, 0, 0, 0, 0)]
}

/// Encodes an instruction as the kernel's `bpf_insn`: code, two registers of four bits, offset, value.
fn instruction(code: u8, target: u8, source: u8, offset: i16, value: i32) -> u64 {
    let registers =
        if cfg!(target_endian = "little") { source << 4 | target } else { target << 4 | source };
    let mut bytes = [code, registers, 0, 0, 0, 0, 0, 0];
    bytes[2..4].copy_from_slice(&offset.to_ne_bytes());
    bytes[4..].copy_from_slice(&value.to_ne_bytes());
    u64::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u32 = 1;
    const CHARACTER: u32 = 2;
    const MAKE: u32 = 1;
    const READ: u32 = 2;
    const WRITE: u32 = 4;

    /// Runs the program as the kernel does.
    fn is_allowed(kind: u32, access: u32, major: u32, minor: u32) -> bool {
        let code = program();
        let request = [access << 16 | kind, major, minor];
        let mut registers = [0_u64; 8];
        let mut at = 0;
        loop {
            let bytes = code[at].to_ne_bytes();
            let (target, source) = if cfg!(target_endian = "little") {
                (usize::from(bytes[1] & 15), usize::from(bytes[1] >> 4))
            } else {
                (usize::from(bytes[1] >> 4), usize::from(bytes[1] & 15))
            };
            let offset = i16::from_ne_bytes([bytes[2], bytes[3]]);
            let value = i32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as u64;
            at += 1;
            let jumps = match bytes[0] {
                LOAD_WORD => {
                    registers[target] = u64::from(request[usize::try_from(offset).unwrap() / 4]);
                    false
                }
                COPY => {
                    registers[target] = registers[source];
                    false
                }
                SET => {
                    registers[target] = value;
                    false
                }
                AND => {
                    registers[target] &= value;
                    false
                }
                SHIFT_RIGHT => {
                    registers[target] >>= value;
                    false
                }
                JUMP_IF_EQUAL => registers[target] == value,
                JUMP_IF_NOT_EQUAL => registers[target] != value,
                EXIT => return registers[usize::from(ANSWER)] == 1,
                other => panic!("{other:#x}"),
            };
            if jumps {
                at += usize::try_from(offset).unwrap();
            }
        }
    }

    #[test]
    fn only_the_devices_of_every_container_are_opened() {
        for access in [READ, WRITE, READ | WRITE] {
            for (major, minor) in ALLOWED {
                assert!(is_allowed(CHARACTER, access, major, minor), "{major}:{minor}");
                assert!(!is_allowed(BLOCK, access, major, minor), "{major}:{minor}");
            }
            assert!(is_allowed(CHARACTER, access, PTS_MAJOR, 7));
            // Memory, ports, the kernel's log, disks, a loop device, FUSE, the machine's terminals.
            for (major, minor) in [(1, 1), (1, 4), (1, 11), (10, 229), (4, 1), (5, 3), (2, 3)] {
                assert!(!is_allowed(CHARACTER, access, major, minor), "{major}:{minor}");
            }
            for (major, minor) in [(8, 0), (254, 0), (259, 1), (7, 0), (136, 0)] {
                assert!(!is_allowed(BLOCK, access, major, minor), "{major}:{minor}");
            }
        }
        assert!(is_allowed(BLOCK, MAKE, 8, 0) && is_allowed(CHARACTER, MAKE, 1, 1));
    }
}
