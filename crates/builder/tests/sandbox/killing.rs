//! What is left when the builder is interrupted or killed: nothing.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::support::{Image, script};

/// A builder with a step that says something, starts a process in the background, and waits.
pub(crate) fn sleep(seconds: &str) {
    dockwright_builder::enter().unwrap();
    let image = Image::new();
    let sleep = format!("busybox sleep {seconds}");
    let process = script(&format!("{sleep} & echo started; {sleep}"));
    let directory = tempfile::tempdir().unwrap();
    let snapshot = dockwright_builder::Snapshot::at(directory.path(), &[image.root()]).unwrap();
    let result = dockwright_builder::exec::run(&snapshot, &process, &mut |_, bytes| {
        println!("{}", String::from_utf8_lossy(bytes).trim());
    });
    let error = result.unwrap_err();
    assert_eq!(error.kind(), dockwright_builder::ErrorKind::Interrupted);
    println!("{error}");
}

pub(crate) fn run(program: &Path) {
    let mounts = mounts();
    if is_ignored(Signal::INT) {
        println!("NOT TESTED: SIGINT, since it is ignored here");
    } else {
        check(program, 1, Signal::INT, Victim::Front, Some(0));
    }
    check(program, 2, Signal::TERM, Victim::Front, Some(0));
    check(program, 3, Signal::KILL, Victim::Front, None);
    check(program, 4, Signal::KILL, Victim::Builder, Some(137));
    check(program, 5, Signal::KILL, Victim::Step, Some(101));
    assert_eq!(mounts, self::mounts(), "mounts are left");
    println!("ok: killed builders leave nothing");
}

/// Which process gets the signal.
#[derive(Clone, Copy, Debug)]
enum Victim {
    /// The one that was started.
    Front,
    /// Its child, process 1 of the builder's namespace.
    Builder,
    /// Process 1 of the step.
    Step,
}

fn check(program: &Path, n: u32, signal: Signal, victim: Victim, code: Option<i32>) {
    // No other run of this test has processes that sleep for as long.
    let seconds = &format!("{}{n}", std::process::id() + 1_000_000);
    let mut child = Command::new(program)
        .args(["sleep", seconds])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "started");
    let mut start = Instant::now();
    while sleeping(seconds).len() != 2 {
        assert!(start.elapsed() < Duration::from_secs(10), "the step does not start");
    }

    start = Instant::now();
    rustix::process::kill_process(pid_of(&child, victim), signal).unwrap();
    let status = child.wait().unwrap();

    assert_eq!(status.code(), code, "{signal:?} to {victim:?}");
    while !sleeping(seconds).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(2), "{signal:?} to {victim:?} leaves some");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{signal:?} to {victim:?} takes long");
}

fn pid_of(front: &Child, victim: Victim) -> Pid {
    let front = i32::try_from(front.id()).unwrap();
    let pid = match victim {
        Victim::Front => front,
        Victim::Builder => child_of(front),
        Victim::Step => child_of(child_of(front)),
    };
    Pid::from_raw(pid).unwrap()
}

fn child_of(pid: i32) -> i32 {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// The processes on this machine that sleep for so many seconds.
fn sleeping(seconds: &str) -> Vec<String> {
    let wanted = format!("busybox\0sleep\0{seconds}\0");
    let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap());
    let is_wanted = |name: &String| {
        std::fs::read_to_string(format!("/proc/{name}/cmdline")).is_ok_and(|text| text == wanted)
    };
    processes
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(is_wanted)
        .collect()
}

/// Whether programs started from here ignore a signal: so they do in the background of a script.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    let mask = u64::from_str_radix(line.trim(), 16).unwrap();
    mask >> (signal.as_raw() - 1) & 1 == 1
}

fn mounts() -> String {
    std::fs::read_to_string("/proc/self/mounts").unwrap()
}
