//! The filter of system calls, in the kernel's packet filter language.
//!
//! It is Docker's default profile for a process with Docker's default capabilities: what is not
//! allowed fails with `EPERM`, what the profile does not know yet with `ENOSYS`. Programs of the
//! machine's 32-bit architecture, and x32, have their own numbers and work as well.

use libc::sock_filter;
use serde_json::{Value, json};

mod table;

use table::{CONDITIONAL, LAST, NONE, SYSCALLS};

/// The architectures of processes on this machine: the name that the kernel's audit code has for
/// it, and the column of [`SYSCALLS`].
#[cfg(target_arch = "x86_64")]
const ARCHITECTURES: &[(u32, usize)] = &[(X86_64, 0), (I386, 1)];
#[cfg(target_arch = "aarch64")]
const ARCHITECTURES: &[(u32, usize)] = &[(AARCH64, 2), (ARM, 3)];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURES: &[(u32, usize)] = &[];

#[cfg(any(test, target_arch = "x86_64"))]
const X86_64: u32 = 0xc000_003e;
#[cfg(any(test, target_arch = "x86_64"))]
const I386: u32 = 0x4000_0003;
#[cfg(any(test, target_arch = "aarch64"))]
const AARCH64: u32 = 0xc000_00b7;
#[cfg(any(test, target_arch = "aarch64"))]
const ARM: u32 = 0x4000_0028;

/// The column of x86-64, whose kernel also serves x32: the same numbers with this bit set.
const COLUMN_X86_64: usize = 0;
const X32_BIT: u32 = 0x4000_0000;
/// Calls that x32 has numbers of its own for, without `kexec_load` and `move_pages`.
const X32_ALLOWED: [(u32, u32); 3] = [(512, 527), (529, 532), (534, 547)];

/// The flags of `clone` that make namespaces.
const NAMESPACE_FLAGS: u32 = 0x7e02_0000;
/// The personalities that change nothing but what `uname` says and the layout of memory.
const PERSONALITIES: [u32; 5] = [0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];
/// The socket families of the profile: all but those that the kernel does not have any more and
/// those that reach the kernel's cryptography (`AF_ALG`) or the hypervisor (`AF_VSOCK`).
const FAMILIES: [(u32, u32); 8] =
    [(0, 11), (13, 18), (21, 22), (24, 24), (26, 33), (35, 36), (39, 39), (41, 45)];

/// What happens to a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    Allow,
    /// `EPERM`
    Refuse,
    /// `ENOSYS`
    Unknown,
    /// Allowed unless it makes namespaces.
    Clone,
    /// Allowed for [`PERSONALITIES`].
    Personality,
    /// Allowed for [`FAMILIES`].
    Socket,
}

/// Returns the program for this machine, or nothing on a machine whose numbers are not known.
pub(super) fn program() -> Vec<sock_filter> {
    assemble(ARCHITECTURES)
}

/// Returns whether [`program`] knows this machine.
pub(super) const fn is_supported() -> bool {
    !ARCHITECTURES.is_empty()
}

/// Returns the same filter in the form of the OCI runtime specification.
pub(super) fn oci_profile() -> Value {
    let allowed: Vec<&str> = SYSCALLS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| action(name) == Action::Allow)
        .collect();
    let equal = |name: &str, value: u32| {
        let argument = json!({ "index": 0, "value": value, "op": "SCMP_CMP_EQ" });
        json!({ "names": [name], "action": "SCMP_ACT_ALLOW", "args": [argument] })
    };
    let flags = json!({
        "index": 0, "value": NAMESPACE_FLAGS, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ",
    });
    let mut calls = vec![
        json!({ "names": allowed, "action": "SCMP_ACT_ALLOW" }),
        json!({ "names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [flags] }),
        json!({ "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": libc::ENOSYS }),
    ];
    calls.extend(PERSONALITIES.iter().map(|value| equal("personality", *value)));
    let families = FAMILIES.iter().flat_map(|&(first, last)| first..=last);
    calls.extend(families.map(|family| equal("socket", family)));
    let architectures: &[&str] = match std::env::consts::ARCH {
        "x86_64" => &["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "aarch64" => &["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
        _ => &[],
    };
    json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": libc::EPERM,
        "architectures": architectures,
        "syscalls": calls,
    })
}

fn assemble(architectures: &[(u32, usize)]) -> Vec<sock_filter> {
    if architectures.is_empty() {
        return Vec::new();
    }
    let mut program = vec![load(OFFSET_ARCHITECTURE)];
    for &(audit, column) in architectures {
        let mut section = vec![load(OFFSET_NUMBER)];
        if column == COLUMN_X86_64 {
            section.push(statement(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, !X32_BIT));
        }
        section.extend(tree(&intervals(column)));
        // The section may be longer than a conditional jump reaches.
        program.push(jump(libc::BPF_JEQ, audit, 1, 0));
        program.push(statement(libc::BPF_JMP | libc::BPF_JA, length(&section)));
        program.extend(section);
    }
    program.push(answer(Action::Refuse));
    program
}

/// Returns which action starts at which number, in order.
fn intervals(column: usize) -> Vec<(u32, Action)> {
    let mut known: Vec<(u32, Action)> = SYSCALLS
        .iter()
        .filter(|(_, numbers)| numbers[column] != NONE)
        .map(|(name, numbers)| (numbers[column].unsigned_abs(), action(name)))
        .collect();
    if column == COLUMN_X86_64 {
        let numbers = X32_ALLOWED.iter().flat_map(|&(first, last)| first..=last);
        known.extend(numbers.map(|number| (number, Action::Allow)));
    }
    known.sort_by_key(|&(number, _)| number);
    let other = |number: u32| if number <= LAST { Action::Refuse } else { Action::Unknown };
    let mut starts = vec![(0, Action::Refuse)];
    let mut next = 0;
    for (number, action) in known {
        if number > next {
            starts.push((next, other(next)));
            if next <= LAST && number > LAST {
                starts.push((LAST + 1, Action::Unknown));
            }
        }
        starts.push((number, action));
        next = number + 1;
    }
    starts.push((next, other(next)));
    if next <= LAST {
        starts.push((LAST + 1, Action::Unknown));
    }
    // Of two at the same number the later counts; equal neighbours are one.
    let mut merged: Vec<(u32, Action)> = Vec::new();
    for (number, action) in starts {
        if merged.last().is_some_and(|last| last.0 == number) {
            merged.pop();
        }
        if merged.last().is_none_or(|last| last.1 != action) {
            merged.push((number, action));
        }
    }
    merged
}

fn action(name: &str) -> Action {
    match CONDITIONAL.iter().position(|conditional| *conditional == name) {
        None => Action::Allow,
        Some(0) => Action::Clone,
        // Its flags stand behind a pointer: without it libraries use `clone`.
        Some(1) => Action::Unknown,
        Some(2) => Action::Personality,
        Some(_) => Action::Socket,
    }
}

/// Returns code that finds the interval of the number in the accumulator, and acts.
fn tree(intervals: &[(u32, Action)]) -> Vec<sock_filter> {
    let [(_, action)] = intervals else {
        let (left, right) = intervals.split_at(intervals.len() / 2);
        let boundary = right.first().map_or(u32::MAX, |(number, _)| *number);
        let (left, right) = (tree(left), tree(right));
        let mut code = match u8::try_from(left.len()) {
            Ok(distance) => vec![jump(libc::BPF_JGE, boundary, distance, 0)],
            Err(_) => vec![
                jump(libc::BPF_JGE, boundary, 0, 1),
                statement(libc::BPF_JMP | libc::BPF_JA, length(&left)),
            ],
        };
        code.extend(left);
        code.extend(right);
        return code;
    };
    leaf(*action)
}

fn leaf(action: Action) -> Vec<sock_filter> {
    match action {
        Action::Allow | Action::Refuse | Action::Unknown => vec![answer(action)],
        Action::Clone => vec![
            load(OFFSET_ARGUMENT),
            jump(libc::BPF_JSET, NAMESPACE_FLAGS, 0, 1),
            answer(Action::Refuse),
            answer(Action::Allow),
        ],
        Action::Personality => one_of(&PERSONALITIES.map(|value| (value, value))),
        Action::Socket => one_of(&FAMILIES),
    }
}

/// Returns code that allows the call if the low half of its first argument is in a range.
fn one_of(ranges: &[(u32, u32)]) -> Vec<sock_filter> {
    let mut code = vec![load(OFFSET_ARGUMENT)];
    for &(first, last) in ranges {
        code.push(jump(libc::BPF_JGE, first, 0, 2));
        code.push(jump(libc::BPF_JGT, last, 1, 0));
        code.push(answer(Action::Allow));
    }
    code.push(answer(Action::Refuse));
    code
}

const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCHITECTURE: u32 = 4;
/// The low half of the first argument on little-endian machines.
const OFFSET_ARGUMENT: u32 = 16;

fn load(offset: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn answer(action: Action) -> sock_filter {
    let errno = |errno: i32| libc::SECCOMP_RET_ERRNO | errno.unsigned_abs();
    let value = match action {
        Action::Allow => libc::SECCOMP_RET_ALLOW,
        Action::Unknown => errno(libc::ENOSYS),
        _ => errno(libc::EPERM),
    };
    statement(libc::BPF_RET | libc::BPF_K, value)
}

fn jump(condition: u32, value: u32, then: u8, otherwise: u8) -> sock_filter {
    let code = code(libc::BPF_JMP | condition | libc::BPF_K);
    sock_filter { code, jt: then, jf: otherwise, k: value }
}

fn statement(operation: u32, value: u32) -> sock_filter {
    sock_filter { code: code(operation), jt: 0, jf: 0, k: value }
}

fn code(operation: u32) -> u16 {
    u16::try_from(operation).unwrap_or_default()
}

fn length(code: &[sock_filter]) -> u32 {
    u32::try_from(code.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [(u32, usize); 4] = [(X86_64, 0), (I386, 1), (AARCH64, 2), (ARM, 3)];

    /// Runs the program as the kernel would, and returns the errno or 0.
    fn run(program: &[sock_filter], audit: u32, number: u32, argument: u32) -> u32 {
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let instruction = program[at];
            at += 1;
            let value = instruction.k;
            let mut branch = |is: bool| {
                at += usize::from(if is { instruction.jt } else { instruction.jf });
            };
            match u32::from(instruction.code) {
                0x20 => {
                    accumulator = match value {
                        0 => number,
                        4 => audit,
                        16 => argument,
                        other => panic!("reads at {other}"),
                    };
                }
                0x54 => accumulator &= value,
                0x05 => at += value as usize,
                0x15 => branch(accumulator == value),
                0x25 => branch(accumulator > value),
                0x35 => branch(accumulator >= value),
                0x45 => branch(accumulator & value != 0),
                0x06 if value == libc::SECCOMP_RET_ALLOW => return 0,
                0x06 => return value & 0xffff,
                other => panic!("no such operation {other:#x}"),
            }
        }
    }

    fn check(audit: u32, number: u32, argument: u32, expected: i32) {
        let program = assemble(&COLUMNS);
        let answer = run(&program, audit, number, argument);
        assert_eq!(answer, expected.unsigned_abs(), "{audit:#x} {number} {argument:#x}");
    }

    #[test]
    fn every_number_gets_what_the_table_says() {
        let program = assemble(&COLUMNS);
        for (audit, column) in COLUMNS {
            for number in (0..1000).chain(0xf_0000..0xf_0010) {
                let name = SYSCALLS.iter().find(|(_, numbers)| numbers[column] == number as i32);
                let is_x32 = column == 0
                    && X32_ALLOWED.iter().any(|(first, last)| (*first..=*last).contains(&number));
                let expected = match name {
                    Some(("clone3", _)) => libc::ENOSYS,
                    // With an argument of 0 the conditional ones are allowed.
                    Some(_) => 0,
                    None if is_x32 => 0,
                    None if number <= LAST => libc::EPERM,
                    None => libc::ENOSYS,
                };
                let answer = run(&program, audit, number, 0);
                assert_eq!(answer, expected.unsigned_abs(), "{audit:#x} {number}");
            }
        }
    }

    #[test]
    fn the_table_agrees_with_this_machine() {
        let known = [
            ("read", libc::SYS_read),
            ("openat2", libc::SYS_openat2),
            ("clone3", libc::SYS_clone3),
            ("execve", libc::SYS_execve),
            ("fchmodat2", libc::SYS_fchmodat2),
        ];
        for (name, number) in known {
            let row = SYSCALLS.iter().find(|row| row.0 == name).map(|row| row.1);
            let column = ARCHITECTURES[0].1;
            assert_eq!(row.map(|row| i64::from(row[column])), Some(number), "{name}");
        }
    }

    #[test]
    fn arguments_are_looked_at() {
        check(X86_64, 56, 0x0120_0011, 0);
        check(X86_64, 56, 0x1000_0000, libc::EPERM);
        check(I386, 120, 0x0002_0000, libc::EPERM);
        check(X86_64, 135, 0xffff_ffff, 0);
        check(X86_64, 135, 0x20_0000, libc::EPERM);
        for (family, expected) in [(1, 0), (2, 0), (16, 0), (38, libc::EPERM), (40, libc::EPERM)] {
            check(X86_64, 41, family, expected);
            check(AARCH64, 198, family, expected);
        }
        check(X86_64, 41, 12, libc::EPERM);
        check(X86_64, 41, 45, 0);
        check(X86_64, 41, 46, libc::EPERM);
    }

    #[test]
    fn other_numberings_work() {
        // x32: `read`, `execve`, `kexec_load`.
        check(X86_64, X32_BIT, 0, 0);
        check(X86_64, X32_BIT | 520, 0, 0);
        check(X86_64, X32_BIT | 528, 0, libc::ENOSYS);
        // i386: `socketcall`, `mount`.
        check(I386, 102, 0, 0);
        check(I386, 21, 0, libc::EPERM);
        // Arm's own: `cacheflush`.
        check(ARM, 0xf_0002, 0, 0);
        // An architecture that this kernel does not have.
        check(0x8000_0016, 0, 0, libc::EPERM);
    }
}
