//! The five Dockerfiles of the tutorial: the main job, end to end.

use dockwright_tests::{Outcome, Sandbox};
use insta::assert_snapshot;
use serde_json::Value;

/// Builds a fixture with `build -f FILE -t NAME CONTEXT`, twice: the second build is wholly cached.
#[track_caller]
fn build(sandbox: &Sandbox, fixture: &str, name: &str) {
    sandbox.fixture(fixture);
    let file = format!("{fixture}/Dockerfile");
    let arguments = ["build", "-f", &file, "-t", name, "--progress", "json", fixture];
    let first = sandbox.succeed(arguments);
    let second = sandbox.succeed(arguments);
    assert!(outcomes(&second).iter().all(|outcome| outcome == "cached"), "{}", second.stderr);
    assert_eq!(image_id(&first), image_id(&second));
}

/// The objects that `--progress json` prints.
fn events(outcome: &Outcome) -> Vec<Value> {
    outcome.stderr.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

fn outcomes(outcome: &Outcome) -> Vec<String> {
    let events = events(outcome);
    let finished = events.iter().filter(|event| event["event"] == "finished");
    let outcomes: Vec<_> =
        finished.map(|event| event["outcome"].as_str().expect("text").to_owned()).collect();
    assert!(!outcomes.is_empty(), "no step finished: {}", outcome.stderr);
    outcomes
}

fn image_id(outcome: &Outcome) -> String {
    let done =
        events(outcome).into_iter().rfind(|event| event["event"] == "done").expect("it is done");
    done["image_id"].as_str().expect("text").to_owned()
}

/// The `Config` that `inspect` shows.
fn config(sandbox: &Sandbox, name: &str) -> String {
    let inspected: Value =
        serde_json::from_str(&sandbox.succeed(["inspect", name]).stdout).expect("JSON");
    let image = &inspected[0];
    let shown = serde_json::json!({
        "Config": image["Config"], "Author": image["Author"], "Architecture": image["Architecture"],
        "Os": image["Os"], "Layers": image["RootFS"]["Layers"].as_array().map(Vec::len),
    });
    serde_json::to_string_pretty(&shown).expect("JSON")
}

/// What `history --no-trunc` prints, without the image's own id, and without the size of the base,
/// whose busybox differs between machines.
fn history(sandbox: &Sandbox, name: &str) -> String {
    let history = sandbox.succeed(["history", "--no-trunc", "-H=false", name]).stdout;
    let id = sandbox.succeed(["inspect", "--format", "{{.Id}}", name]).stdout;
    let size = sandbox.succeed(["inspect", "--format", "{{.Size}}", "centos"]).stdout;
    history.replace(id.trim(), &"#".repeat(id.trim().len())).replace(size.trim(), "<size>")
}

/// Paths, types, modes, owners and sizes in the image beside the base's.
fn listing(sandbox: &Sandbox, name: &str) -> String {
    let tar = sandbox.path(&format!("{name}.tar"));
    sandbox.succeed([
        "build",
        "-q",
        "-o",
        &format!("type=tar,dest={}", tar.display()),
        name_context(name),
    ]);
    let base = dockwright_tests::base_rootfs();
    let mut archive = tar::Archive::new(std::fs::File::open(tar).expect("the exported tar"));
    let mut lines = Vec::new();
    for entry in archive.entries().expect("a tar") {
        let entry = entry.expect("an entry");
        let path = entry.path().expect("a path").into_owned();
        if base.join(&path).symlink_metadata().is_ok() {
            continue;
        }
        let header = entry.header();
        let kind = match header.entry_type() {
            tar::EntryType::Directory => 'd',
            tar::EntryType::Symlink => 'l',
            tar::EntryType::Link => 'h',
            _ => '-',
        };
        let (mode, uid, gid) =
            (header.mode().expect("mode"), header.uid().expect("uid"), header.gid().expect("gid"));
        let mut line = format!("{kind}{mode:04o} {uid}:{gid} {} {}", entry.size(), path.display());
        if let Some(target) = entry.link_name().expect("a link name") {
            line.push_str(&format!(" -> {}", target.display()));
        }
        lines.push(line);
    }
    lines.sort_by(|a, b| a.rsplit(' ').next().cmp(&b.rsplit(' ').next()));
    lines.join("\n")
}

fn name_context(name: &str) -> &str {
    match name {
        "my_volume" => "tutorial-volume",
        "my_centos" => "tutorial-centos",
        "cmdtest" => "tutorial-cmd",
        "entrypoint_test" => "tutorial-entrypoint",
        _ => "tutorial-tomcat",
    }
}

#[test]
fn volumes_and_the_last_cmd() {
    let sandbox = Sandbox::with_base();
    build(&sandbox, "tutorial-volume", "my_volume");
    assert_snapshot!("volume-config", config(&sandbox, "my_volume"));
    assert_snapshot!("volume-history", history(&sandbox, "my_volume"));
    assert_snapshot!("volume-files", listing(&sandbox, "my_volume"));
    // `CMD /bin/sh` wins over `CMD echo`; with no input the shell ends at once.
    let ran = sandbox.succeed(["run", "my_volume"]);
    assert_eq!(ran.stdout, "");
}

#[test]
fn environment_workdir_tools_and_ports() {
    let sandbox = Sandbox::with_base();
    build(&sandbox, "tutorial-centos", "my_centos");
    assert_snapshot!("centos-config", config(&sandbox, "my_centos"));
    assert_snapshot!("centos-history", history(&sandbox, "my_centos"));
    assert_snapshot!("centos-files", listing(&sandbox, "my_centos"));
    assert_eq!(sandbox.succeed(["run", "my_centos", "pwd"]).stdout, "/usr/local\n");
    assert_eq!(sandbox.succeed(["run", "my_centos", "vim"]).stdout, "vim: stand-in\n");
    let shown =
        sandbox.succeed(["run", "my_centos", "sh", "-c", "echo $MYPATH $HOME; id -u"]).stdout;
    assert_eq!(shown, "/usr/local /root\n0\n");
}

#[test]
fn cmd_is_replaced_by_arguments() {
    let sandbox = Sandbox::with_base();
    build(&sandbox, "tutorial-cmd", "cmdtest");
    assert_snapshot!("cmd-config", config(&sandbox, "cmdtest"));
    assert_snapshot!("cmd-history", history(&sandbox, "cmdtest"));
    assert_eq!(listing(&sandbox, "cmdtest"), "");
    let plain = sandbox.succeed(["run", "cmdtest"]).stdout;
    assert!(
        plain.lines().any(|line| line == ".") && plain.lines().any(|line| line == "etc"),
        "{plain}"
    );
    // As in the tutorial: `-l` is no program.
    let replaced = sandbox.run(["run", "cmdtest", "-l"]);
    assert_eq!(replaced.code, 127, "{}", replaced.stderr);
    assert!(replaced.stderr.contains("\"-l\": executable file not found"), "{}", replaced.stderr);
    let long = sandbox.succeed(["run", "cmdtest", "ls", "-al"]).stdout;
    assert!(long.contains("drwx"), "{long}");
}

#[test]
fn entrypoint_is_appended_to() {
    let sandbox = Sandbox::with_base();
    build(&sandbox, "tutorial-entrypoint", "entrypoint_test");
    assert_snapshot!("entrypoint-config", config(&sandbox, "entrypoint_test"));
    assert_snapshot!("entrypoint-history", history(&sandbox, "entrypoint_test"));
    let plain = sandbox.succeed(["run", "entrypoint_test"]).stdout;
    assert!(plain.lines().any(|line| line == "etc"), "{plain}");
    let appended = sandbox.succeed(["run", "entrypoint_test", "-l"]).stdout;
    assert!(appended.contains("drwx") && appended.contains(" ."), "{appended}");
}

#[test]
fn tomcat() {
    let sandbox = Sandbox::with_base();
    build(&sandbox, "tutorial-tomcat", "diytomcat");
    assert_snapshot!("tomcat-config", config(&sandbox, "diytomcat"));
    assert_snapshot!("tomcat-history", history(&sandbox, "diytomcat"));
    assert_snapshot!("tomcat-files", listing(&sandbox, "diytomcat"));
    assert_eq!(
        sandbox.succeed(["run", "diytomcat"]).stdout,
        "java version \"1.8.0_11\"\nTomcat started.\n"
    );
    assert_eq!(sandbox.succeed(["run", "diytomcat", "pwd"]).stdout, "/usr/local\n");
}
