//! A small image and how a case runs on it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use dockwright_builder::exec::{self, Exit, Mount, MountSource, Process};
use dockwright_builder::{Isolation, Network, Resources, Result, Snapshot, Stream};
use tempfile::TempDir;

/// A static busybox: the only program in the image.
pub(crate) const BUSYBOX: &str = "/bin/busybox";

/// Unpacked layers and a place for snapshots.
pub(crate) struct Image {
    pub(crate) directory: TempDir,
}

/// What a step has left.
pub(crate) struct Ran {
    pub(crate) result: Result<Exit>,
    pub(crate) output: String,
    pub(crate) snapshot: Snapshot,
    _directory: TempDir,
}

impl Image {
    /// Makes an image that has busybox, a few users, `/dev`, `/etc`, `/tmp`, and lacks `/proc`.
    pub(crate) fn new() -> Self {
        let image = Self { directory: tempfile::tempdir().unwrap() };
        let root = image.root();
        for name in ["bin", "dev", "etc", "tmp", "home/app"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        fs::copy(BUSYBOX, root.join("bin/busybox")).unwrap();
        symlink("busybox", root.join("bin/sh")).unwrap();
        let passwd = "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n";
        fs::write(root.join("etc/passwd"), passwd).unwrap();
        fs::write(root.join("etc/group"), "root:x:0:\napp:x:1001:\nextra:x:77:app\n").unwrap();
        image
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// Runs a process on the image.
    pub(crate) fn run(&self, process: &Process) -> Ran {
        self.run_on(&[self.root()], process)
    }

    pub(crate) fn run_on(&self, lowers: &[PathBuf], process: &Process) -> Ran {
        let directory = tempfile::tempdir_in(self.directory.path()).unwrap();
        let snapshot = Snapshot::at(directory.path(), lowers).unwrap();
        let mut output = Vec::new();
        let result = exec::run(&snapshot, process, &mut |stream, bytes| {
            assert!(matches!(stream, Stream::Stdout | Stream::Stderr));
            output.extend_from_slice(bytes);
        });
        let output = String::from_utf8_lossy(&output).into_owned();
        Ran { result, output, snapshot, _directory: directory }
    }
}

impl Ran {
    /// The files that the step has written, relative to the root.
    pub(crate) fn written(&self) -> Vec<String> {
        let upper = self.snapshot.upper();
        let entries = walkdir::WalkDir::new(upper).min_depth(1).sort_by_file_name();
        let name = |entry: walkdir::DirEntry| {
            entry.path().strip_prefix(upper).unwrap().to_string_lossy().into_owned()
        };
        entries.into_iter().map(|entry| name(entry.unwrap())).collect()
    }
}

/// A script of the image's shell, with busybox's programs on the path.
pub(crate) fn script(text: &str) -> Process {
    Process {
        args: vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()],
        env: vec![("PATH".to_owned(), "/bin".to_owned())],
        cwd: "/".to_owned(),
        user: String::new(),
        hostname: "buildkitsandbox".to_owned(),
        network: Network::Default,
        insecure: false,
        extra_hosts: Vec::new(),
        shm_size_bytes: None,
        ulimits: Vec::new(),
        resources: Resources::default(),
        isolation: Isolation::Native,
        mounts: Vec::new(),
        pid_base: 0,
    }
}

pub(crate) fn bind(source: &Path, target: &str, read_only: bool) -> Mount {
    let source = fs::File::open(source).unwrap().into();
    Mount { target: target.to_owned(), source: MountSource::Bind { source, read_only } }
}

/// Copies the test program to where every user can execute it.
pub(crate) fn public_copy(program: &Path) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = directory.path().join("program");
    fs::copy(program, &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    directory
}
