//! Programs of the kernel's own machine (BPF) that filter which devices the processes of a control
//! group open.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;

const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_TYPE_CGROUP_DEVICE: u32 = 6;
/// Those of the groups above hold too.
const ALLOW_MULTI: u32 = 2;

/// Loads a program that decides about devices. The kernel checks it.
pub(crate) fn load_device_filter(program: &[u64]) -> io::Result<OwnedFd> {
    /// The first fields of what the kernel calls `bpf_attr`.
    #[repr(C)]
    struct Load {
        program_type: u32,
        length: u32,
        instructions: u64,
        license: u64,
        log_level: u32,
        log_bytes: u32,
        log: u64,
        kernel_version: u32,
        flags: u32,
    }
    let load = Load {
        program_type: PROG_TYPE_CGROUP_DEVICE,
        length: u32::try_from(program.len()).map_err(io::Error::other)?,
        instructions: program.as_ptr() as u64,
        license: c"".as_ptr() as u64,
        log_level: 0,
        log_bytes: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
    };
    // SAFETY: the structure has the size that is given, and its pointers live meanwhile.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const load, size_of::<Load>()) };
    check(fd)?;
    // SAFETY: the kernel has just made it, and nothing else owns it. The program is closed when
    // another is executed.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}

/// Lets a program decide about devices for a control group of version 2, by its directory.
pub(crate) fn attach_device_filter(
    group: BorrowedFd<'_>,
    program: BorrowedFd<'_>,
) -> io::Result<()> {
    #[repr(C)]
    struct Attach {
        group: u32,
        program: u32,
        kind: u32,
        flags: u32,
    }
    let attach = Attach {
        group: group.as_raw_fd().cast_unsigned(),
        program: program.as_raw_fd().cast_unsigned(),
        kind: ATTACH_TYPE_CGROUP_DEVICE,
        flags: ALLOW_MULTI,
    };
    // SAFETY: the structure has the size that is given.
    check(unsafe {
        libc::syscall(libc::SYS_bpf, PROG_ATTACH, &raw const attach, size_of::<Attach>())
    })
}
