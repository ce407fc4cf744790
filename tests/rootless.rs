//! An ordinary user's build gives the same image as root's.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use dockwright_tests::{Outcome, Sandbox, is_root, path_text, succeed, workspace};

/// A folder of an ordinary user with the program, base and tomcat fixture in it.
struct User {
    sandbox: Sandbox,
}

impl User {
    fn new() -> Self {
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
        succeed(&mut command)
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
