//! An ordinary user's build gives the same image as root's.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use dockwright_tests::{Outcome, Sandbox, is_root, needs_root, path_text, run, succeed, workspace};

/// A folder of an ordinary user with the program, base and tomcat fixture in it.
pub(crate) struct User {
    pub(crate) sandbox: Sandbox,
}

impl User {
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::new();
        let program = sandbox.path("dockwright");
        std::fs::copy(dockwright_tests::binary(), &program).expect("copied");
        let fixtures = workspace().join("fixtures");
        succeed(Command::new("cp").arg("-r").arg(fixtures).arg(sandbox.path("fixtures")));
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(sandbox.folder.path(), open).expect("chmod");
        Self { sandbox }
    }

    /// Runs a program as a user who has no entry in /etc/subuid: a single id is all there is.
    #[track_caller]
    fn succeed(&self, program: &str, arguments: &[&str]) -> Outcome {
        let outcome = self.run(program, arguments);
        assert_eq!(outcome.code, 0, "{program} {arguments:?}\n{}", outcome.text());
        outcome
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Outcome {
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=12345", "--regid=12345", "--clear-groups", program]);
            command
        } else {
            Command::new(program)
        };
        command
            .args(arguments)
            .current_dir(self.sandbox.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.sandbox.folder.path())
            .env("DOCKWRIGHT_STORE", self.sandbox.path("store"));
        run(&mut command)
    }

    #[track_caller]
    fn dockwright(&self, arguments: &[&str]) -> Outcome {
        self.succeed(&path_text(&self.sandbox.path("dockwright")), arguments)
    }
}

#[test]
fn the_same_image_as_root_and_as_user() {
    let root = Sandbox::with_base();
    root.fixture("tutorial-tomcat");
    let as_root = root.build("tutorial-tomcat", "diytomcat");

    let user = User::new();
    user.succeed("sh", &["fixtures/base/make.sh", "rootfs"]);
    user.succeed("sh", &["fixtures/build/tutorial-tomcat/make.sh", "tomcat"]);
    user.dockwright(&["import", "rootfs", "centos"]);
    let as_user = user.dockwright(&["build", "--quiet", "-t", "diytomcat", "tomcat"]).stdout;
    assert_eq!(as_user.trim(), as_root);
    let ran = user.dockwright(&["run", "diytomcat"]).stdout;
    assert_eq!(ran, "java version \"1.8.0_11\"\nTomcat started.\n");
    // The store is the user's own and private.
    let mode = std::fs::metadata(user.sandbox.path("store")).expect("a store").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

/// A user may own control groups, and a step has the user's rights: nothing of `/sys` can be written.
#[test]
fn no_file_system_of_the_kernel_is_writable() {
    let user = User::new();
    user.succeed("sh", &["fixtures/base/make.sh", "rootfs"]);
    user.dockwright(&["import", "rootfs", "centos"]);
    let text =
        "FROM centos\nRUN grep ' /sys' /proc/mounts > /all; grep -v ' ro[, ]' /all > /open; true\n";
    user.sandbox.write("context/Dockerfile", text);
    let facts = user.dockwright(&["doctor", "--format=json"]).stdout;
    let facts: serde_json::Value = serde_json::from_str(&facts).expect("JSON");
    for isolation in ["native", "oci:crun", "oci:runc"] {
        let mut facts = facts["facts"].as_array().expect("facts").iter();
        if !facts.any(|fact| fact["subject"] == isolation && fact["state"] == "ok") {
            eprintln!("NOT CHECKED: {isolation}, which does not work here for a user");
            continue;
        }
        let option = format!("--isolation={isolation}");
        user.dockwright(&["build", "--no-cache", "-q", &option, "-t", "app", "context"]);
        let read = |name| user.dockwright(&["run", "app", "cat", name]).stdout;
        assert_eq!(read("/open"), "", "{isolation}");
        assert!(read("/all").contains(" /sys "), "{isolation}");
    }
}

/// Returns a command that runs what follows as an ordinary user to whom `/etc/subuid` gives ids: with
/// the files of this machine replaced for one process. Only root can, and only where `newuidmap` is
/// there.
pub(crate) fn with_ids(user: &User) -> Command {
    let folder = user.sandbox.folder.path();
    let with = |path: &str, line: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let copy = path.trim_start_matches('/').replace('/', "-");
        user.sandbox.write(&copy, format!("{text}{line}\n"));
        format!("mount --bind {} {path}; ", path_text(&folder.join(copy)))
    };
    let mut script = "set -e; ".to_owned();
    script += &with("/etc/passwd", "dockwright-test:x:12345:12345::/:/bin/sh");
    script += &with("/etc/group", "dockwright-test:x:12345:");
    script += &with("/etc/subuid", "dockwright-test:300000:65536");
    script += &with("/etc/subgid", "dockwright-test:300000:65536");
    script += "exec setpriv --reuid=12345 --regid=12345 --clear-groups \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script, "sh"]);
    command
}

fn as_user_with_ids(user: &User, arguments: &[&str]) -> Outcome {
    let mut command = with_ids(user);
    command
        .arg(user.sandbox.path("dockwright"))
        .args(arguments)
        .current_dir(user.sandbox.folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DOCKWRIGHT_STORE", user.sandbox.path("range-store"));
    dockwright_tests::run(&mut command)
}

/// Every fixture, and one with files of many owners, as root and as a user with a range of ids; with
/// a single id the same, or an error that names the line and what would do.
#[test]
fn every_fixture_has_one_digest() {
    if !needs_root("builds as another user")
        || run(Command::new("which").arg("newuidmap")).code != 0
    {
        eprintln!("NOT CHECKED: an ordinary user with a range of ids");
        return;
    }
    let root = Sandbox::with_base();
    let user = User::new();
    for file in ["/etc/subuid", "/etc/subgid"] {
        assert!(Path::new(file).exists(), "{file} comes with Debian's `passwd` and `uidmap`");
    }
    let owners = "FROM centos\nRUN mkdir /d && chown 5:6 /d && chmod 2750 /d && touch /d/f && \
                  chown 1000:65534 /d/f && ln /d/f /d/g && ln -s f /d/l && mkfifo /d/p\n\
                  COPY --chown=7:8 --chmod=4755 Dockerfile /owned\nUSER 33:44\nWORKDIR /mine\n\
                  RUN id -u > /tmp/u && id -g >> /tmp/u\n";
    let names = std::fs::read_dir(workspace().join("fixtures/build")).expect("fixtures");
    let mut names: Vec<String> = names
        .map(|entry| entry.expect("read").file_name().into_string().expect("text"))
        .filter(|name| {
            let folder = workspace().join("fixtures/build").join(name);
            folder.join("Dockerfile").exists() || folder.join("make.sh").exists()
        })
        .collect();
    names.sort();
    for name in &names {
        let context = root.fixture(name);
        succeed(Command::new("cp").arg("-r").arg(context).arg(user.sandbox.path(name)));
    }
    for sandbox in [&root, &user.sandbox] {
        sandbox.write("owners/Dockerfile", owners);
    }
    names.push("owners".to_owned());
    succeed(Command::new("chmod").arg("-R").arg("a+rX").arg(user.sandbox.folder.path()));
    user.succeed("sh", &["fixtures/base/make.sh", "rootfs"]);
    for name in ["centos", "centos:7"] {
        let imported = as_user_with_ids(&user, &["import", "rootfs", name]);
        assert_eq!(imported.code, 0, "{}", imported.text());
        user.dockwright(&["import", "rootfs", name]);
    }
    let mut differing = Vec::new();
    for name in &names {
        let as_root = root.run(["build", "--quiet", name]);
        let as_user = as_user_with_ids(&user, &["build", "--quiet", name]);
        if (as_root.code, &as_root.stdout) != (as_user.code, &as_user.stdout) {
            differing.push(format!("{name}: {} {}", as_root.text(), as_user.text()));
        }
        let alone = user.run(&path_text(&user.sandbox.path("dockwright")), &["build", "-q", name]);
        if alone.code == 0 {
            assert_eq!(alone.stdout, as_root.stdout, "{name} with a single id");
        } else if as_root.code == 0 {
            assert!(alone.stderr.contains("/etc/subuid"), "{name}: {}", alone.text());
            assert!(alone.stderr.contains("Dockerfile:"), "{name}: {}", alone.text());
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    let single = user.run(&path_text(&user.sandbox.path("dockwright")), &["build", "-q", "owners"]);
    assert_eq!(single.code, 1, "one id gave files to others: {}", single.text());
}

#[test]
fn every_way_of_calling_gives_the_same_image() {
    let sandbox = Sandbox::with_base();
    let context = sandbox.fixture("tutorial-tomcat");
    let id = sandbox.build("tutorial-tomcat", "diytomcat");
    for (shell, why) in [
        ("umask 077; exec \"$0\" build -q --no-cache tutorial-tomcat", "umask"),
        ("TZ=Asia/Tokyo exec \"$0\" build -q --no-cache tutorial-tomcat", "time zone"),
        ("exec \"$0\" build -q --no-cache -j 1 tutorial-tomcat", "one job"),
        ("cd tutorial-tomcat && exec \"$0\" build -q --no-cache .", "directory"),
    ] {
        let mut command = Command::new("sh");
        let program = sandbox.command();
        command.arg("-c").arg(shell).arg(program.get_program()).current_dir(sandbox.folder.path());
        command.env("DOCKWRIGHT_STORE", sandbox.path("store"));
        assert_eq!(succeed(&mut command).stdout.trim(), id, "{why}");
    }
    // Times of the context's files do not count.
    touch(&context);
    assert_eq!(sandbox.build("tutorial-tomcat", "diytomcat"), id);
}

fn touch(folder: &Path) {
    for entry in walkdir::WalkDir::new(folder) {
        let path = entry.expect("walked").into_path();
        succeed(Command::new("touch").arg("-d").arg("2031-01-01").arg(path));
    }
}
