//! Steps as they really run: in namespaces, on overlayfs, as root and as an ordinary user.
//!
//! The cases run in a child that has entered namespaces of its own (`inner`), once as the user who
//! runs the test, and when that is root again as a user with a single id, as root that may not mount,
//! and as root without control groups. They need `busybox`.
#![expect(clippy::print_stdout, reason = "a test program")]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::thread::CapabilitySet;

mod cases;
mod killing;
mod support;

/// An id that no user of a machine has, and that no file gives further ids to.
const SINGLE_ID: u32 = 54_321;

fn main() {
    dockwright_builder::exec::init_if_requested();
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("inner") => return cases::run(),
        Some("without-mounting") => {
            give_up_mounting();
            return cases::run();
        }
        Some("without-groups") => {
            hide_groups();
            return cases::run();
        }
        Some("connect") => return cases::connect(&args[1]),
        Some("sleep") => return killing::sleep(&args[1]),
        // `cargo test` asks harnesses for a list; a filter has no meaning here.
        Some("--list") => return,
        _ => {}
    }
    if !Path::new(support::BUSYBOX).exists() {
        println!("NOT TESTED: the sandbox, since {} is not installed", support::BUSYBOX);
        return;
    }
    let program = std::env::current_exe().unwrap();
    let mut is_good = inner(Command::new(&program), "inner");
    if rustix::process::geteuid().is_root() {
        let copy = support::public_copy(&program);
        let mut command = Command::new(copy.path().join("program"));
        command.uid(SINGLE_ID).gid(SINGLE_ID).current_dir("/");
        is_good &= inner(command, "inner");
        is_good &= inner(Command::new(&program), "without-mounting");
        let with_mounts = || {
            let mut command = Command::new("unshare");
            command.arg("--mount");
            command
        };
        // Root in a container may not change mounts.
        if with_mounts().arg("true").status().is_ok_and(|status| status.success()) {
            let mut command = with_mounts();
            command.arg(&program);
            is_good &= inner(command, "without-groups");
        } else {
            println!("NOT TESTED: steps without control groups, which cannot be hidden here");
        }
    }
    killing::run(&program);
    std::process::exit(i32::from(!is_good));
}

/// Root in a container has no right to mount.
fn give_up_mounting() {
    let mut sets = rustix::thread::capabilities(None).unwrap();
    sets.effective.remove(CapabilitySet::SYS_ADMIN);
    sets.permitted.remove(CapabilitySet::SYS_ADMIN);
    rustix::thread::set_capabilities(None, sets).unwrap();
}

/// A container, and a machine of long ago, has no control groups that one could make others in. The
/// mounts are this process's own.
fn hide_groups() {
    let detach = rustix::mount::UnmountFlags::DETACH;
    while rustix::mount::unmount("/sys/fs/cgroup", detach).is_ok() {}
}

fn inner(mut command: Command, mode: &str) -> bool {
    command.arg(mode).stdin(Stdio::null());
    command.status().unwrap().success()
}
