//! The image commands: what docker's users type, on images of a real build.

use std::process::Command;

use dockwright_tests::{Outcome, Sandbox, succeed};
use insta::assert_snapshot;
use serde_json::Value;

const DOCKERFILE: &str = "# a comment\nFROM centos AS base\nARG V=1\nENV A=\"x y\"\nWORKDIR /app\n\
    COPY big /app/big\nRUN chmod 755 /app/big && cp /app/big /app/copy\n\
    RUN rm /app/copy && ln -s /app/big /etc/link && mkdir d && echo hi > d/f && echo hi > d/g\n\
    CMD [\"cat\", \"/app/d/f\"]\n";

/// A store with the image `app:1`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/Dockerfile", DOCKERFILE);
    sandbox.write("context/big", vec![b'x'; 300_000]);
    sandbox.succeed(["build", "-q", "-t", "app:1", "context"]);
    sandbox
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).expect("JSON")
}

fn id(sandbox: &Sandbox, name: &str) -> String {
    sandbox.succeed(["inspect", "--format", "{{.Id}}", name]).stdout.trim().to_owned()
}

#[test]
fn names_come_and_go() {
    let sandbox = sandbox();
    let app = id(&sandbox, "app:1");
    sandbox.succeed(["tag", "app:1", "localhost:5000/team/app:2"]);
    sandbox.succeed(["tag", &app[7..19], "third"]);
    let list = |arguments: &[&str]| {
        let all = ["images", "--format", "{{.Repository}}:{{.Tag}}"];
        sandbox.succeed(all.into_iter().chain(arguments.iter().copied())).stdout
    };
    assert_eq!(
        list(&[]),
        "app:1\ncentos:7\ncentos:latest\nlocalhost:5000/team/app:2\nthird:latest\n"
    );
    assert_eq!(list(&["app"]), "app:1\nlocalhost:5000/team/app:2\n");
    assert_eq!(list(&["-f", "reference=*:1"]), "app:1\n");
    assert_eq!(list(&["-f", "label=x"]), "");
    let wrong = sandbox.run(["images", "-f", "colour=red"]);
    assert_eq!(wrong.code, 2, "{}", wrong.text());
    // An id with several names is not removed by mistake.
    let several = sandbox.run(["rmi", &app]);
    assert_eq!(several.code, 1);
    assert!(several.stderr.contains("several names: `app:1`"), "{}", several.stderr);
    assert_eq!(sandbox.succeed(["rmi", "third"]).stdout, "Untagged: third:latest\n");
    let all = sandbox.succeed(["rmi", "-f", &app]).stdout;
    let expected =
        format!("Untagged: app:1\nUntagged: localhost:5000/team/app:2\nDeleted: {app}\n");
    assert_eq!(all, expected);
    let missing = sandbox.run(["rmi", "nothing"]);
    assert!(missing.code == 1 && missing.stderr.contains("there is no image `nothing`"));
    sandbox.succeed(["rmi", "-f", "nothing"]);
}

#[test]
fn an_image_without_a_name_is_had_by_its_id() {
    let sandbox = Sandbox::with_base();
    sandbox.write("context/Dockerfile", "FROM centos\nCMD [\"echo\", \"nameless\"]\n");
    let id = sandbox.succeed(["build", "-q", "context"]).stdout.trim().to_owned();
    assert_eq!(sandbox.succeed(["run", &id]).stdout, "nameless\n");
    let dangling = ["images", "-q", "--no-trunc", "-f", "dangling=true"];
    assert_eq!(sandbox.succeed(dangling).stdout.trim(), id);
    // With a name it is no longer without one.
    sandbox.succeed(["tag", &id, "named"]);
    assert_eq!(sandbox.succeed(dangling).stdout, "");
    // A name that moves on leaves its image behind, as docker has it.
    sandbox.write("context/Dockerfile", "FROM centos\nCMD [\"echo\", \"other\"]\n");
    sandbox.succeed(["build", "-q", "-t", "named", "context"]);
    assert_eq!(sandbox.succeed(dangling).stdout.trim(), id);
    sandbox.succeed(["rmi", &id]);
    assert_eq!(sandbox.succeed(dangling).stdout, "");
}

#[test]
fn history_and_size_name_the_lines() {
    let sandbox = sandbox();
    let history = sandbox.succeed(["history", "--format", "{{.Line}} {{.Size}}", "app:1"]).stdout;
    let lines: Vec<_> = history.lines().collect();
    assert_eq!(lines[0], "context/Dockerfile:9 0B");
    assert_eq!(lines[2], "context/Dockerfile:7 600kB");
    let table = sandbox.succeed(["history", "--lines", "app:1"]).stdout;
    assert!(table.lines().next().is_some_and(|head| head.contains("LINE")), "{table}");

    let size = json(&sandbox.succeed(["size", "--format", "json", "app:1"]));
    assert_eq!(size["wasted"], 600_000);
    let copy = &size["rows"][2];
    assert_eq!(copy["line"], "context/Dockerfile:6");
    assert_eq!(copy["wasted"][0]["how"], "written again unchanged");
    let run = &size["rows"][3];
    assert_eq!((&run["size"], &run["deleted"]), (&600_000.into(), &300_000.into()));
    assert_eq!(size["duplicates"][0]["paths"][1], "/app/d/g");
    let total = sandbox.succeed(["inspect", "--format", "{{.Size}}", "app:1"]).stdout;
    assert_eq!(total.trim(), size["size"].to_string());

    sandbox.succeed(["size", "--max-size", "1GB", "--max-wasted", "99%", "app:1"]);
    let over = sandbox.run(["size", "--max-size", "100kB", "--max-wasted", "1kB", "app:1"]);
    assert_eq!(over.code, 1);
    assert!(over.stderr.contains("600kB are wasted, more than 1kB"), "{}", over.stderr);
    assert_eq!(sandbox.run(["size", "--max-size", "much", "app:1"]).code, 2);
    sandbox.succeed(["size", "--html", "size.html", "app:1"]);
    let page = std::fs::read_to_string(sandbox.path("size.html")).expect("the page");
    assert!(page.contains("context/Dockerfile:7") && page.contains("hsl(0 75% 72%)"));
}

#[test]
fn copies_follow_docker_s_table() {
    let sandbox = sandbox();
    let copy = |from: &str, to: &str| sandbox.run(["cp", from, to]);
    let read = |path: &str| std::fs::read_to_string(sandbox.path(path)).unwrap_or_default();
    // A new name becomes the directory, an existing one takes it.
    assert_eq!(copy("app:1:/app/d", "new").code, 0);
    assert_eq!(copy("app:1:/app/d", "new").code, 0);
    assert_eq!((read("new/f"), read("new/d/f")), ("hi\n".to_owned(), "hi\n".to_owned()));
    std::fs::create_dir(sandbox.path("flat")).expect("made");
    assert_eq!(copy("app:1:/app/d/.", "flat").code, 0);
    assert_eq!(read("flat/f"), "hi\n");
    assert_eq!(copy("app:1:/app/d/f", "renamed").code, 0);
    assert_eq!(read("renamed"), "hi\n");
    // A link is copied as one, unless asked otherwise, and is followed inside the image.
    assert_eq!(copy("app:1:/etc/link", "flat").code, 0);
    let link = std::fs::read_link(sandbox.path("flat/link")).expect("a link");
    assert_eq!(link.to_string_lossy(), "/app/big");
    sandbox.succeed(["cp", "-L", "app:1:/etc/link", "followed"]);
    assert_eq!(read("followed").len(), 300_000);
    for (from, to, code, told) in [
        ("app:1:/nope", "x", 1, "there is no `/nope` in the image"),
        ("app:1:/app/d/f/", "x", 1, "there is no `/app/d/f` in the image"),
        ("app:1:/app/d", "renamed", 2, "a directory cannot be copied onto the file"),
        ("app:1:/app/d/f", "nodir/x", 2, "does not exist"),
        ("app:1:/app/d/f", "nodir/", 2, "does not exist"),
        ("app", "x", 2, "does not name a file of an image"),
        ("none:/x", "x", 1, "there is no image `none`"),
    ] {
        let outcome = copy(from, to);
        assert_eq!(outcome.code, code, "{from}: {}", outcome.text());
        assert!(outcome.stderr.contains(told), "{from}: {}", outcome.stderr);
    }
}

#[test]
fn a_hostile_link_leads_nowhere() {
    let sandbox = Sandbox::with_base();
    sandbox.write("secret", "outside");
    let outside = sandbox.path("");
    sandbox.build_text(
        "hostile",
        &format!(
            "FROM centos\nRUN ln -s {} /out && ln -s loop /loop && mkdir /d && echo in > /d/f\n",
            outside.display()
        ),
    );
    // The link leads to a path of the image, where nothing is.
    let outcome = sandbox.run(["cp", "hostile:/out/secret", "got"]);
    assert!(outcome.code == 1 && !sandbox.path("got").exists(), "{}", outcome.text());
    let outcome = sandbox.run(["cp", "-L", "hostile:/loop", "got"]);
    assert!(outcome.stderr.contains("links go round in a circle"), "{}", outcome.text());
    assert_eq!(sandbox.succeed(["cp", "hostile:/d/f", "got"]).code, 0);
    // A link in the destination is not followed out of it.
    std::fs::create_dir(sandbox.path("to")).expect("made");
    std::os::unix::fs::symlink(sandbox.path("secret"), sandbox.path("to/f")).expect("made");
    sandbox.run(["cp", "hostile:/d/f", "to"]);
    let secret = std::fs::read_to_string(sandbox.path("secret")).expect("read");
    assert_eq!(secret, "outside");
}

#[test]
fn several_images_make_one_archive() {
    let sandbox = sandbox();
    sandbox.succeed(["save", "-o", "both.tar", "app:1", "centos"]);
    sandbox.succeed(["save", "--format", "oci-archive", "-o", "app.tar", "app:1"]);
    let skopeo = |place: &str| {
        let mut command = Command::new("skopeo");
        let arguments = ["--insecure-policy", "inspect", "--config", "--raw", place];
        let read = succeed(command.current_dir(sandbox.folder.path()).args(arguments)).stdout;
        let config: Value = serde_json::from_str(&read).expect("JSON");
        config["rootfs"]["diff_ids"].clone()
    };
    let layers =
        |name: &str| json(&sandbox.succeed(["inspect", name]))[0]["RootFS"]["Layers"].clone();
    for (place, name) in [
        ("docker-archive:both.tar:docker.io/library/app:1", "app:1"),
        ("docker-archive:both.tar:docker.io/library/centos:latest", "centos"),
        ("oci-archive:app.tar", "app:1"),
    ] {
        assert_eq!(skopeo(place), layers(name), "{place}");
    }
    let other = sandbox.path("other");
    let other = other.to_string_lossy();
    let loaded = sandbox.succeed(["--store", &other, "load", "-i", "both.tar"]).stdout;
    assert_eq!(loaded, "Loaded image: app:1\nLoaded image: centos:latest\n");
    let (here, there) =
        (id(&sandbox, "app:1"), ["--store", &other, "images", "-q", "--no-trunc", "app"]);
    assert_eq!(sandbox.succeed(there).stdout.trim(), here);
    sandbox.succeed(["export", "-o", "files.tar", "app:1"]);
    let tar = succeed(Command::new("tar").arg("tf").arg(sandbox.path("files.tar"))).stdout;
    assert!(tar.lines().any(|line| line == "app/d/f"), "{tar}");
}

#[test]
fn a_container_is_kept_as_docker_commit_keeps_it() {
    let sandbox = sandbox();
    let outcome = sandbox.succeed([
        "run",
        "--commit",
        "kept",
        "-m",
        "note",
        "-a",
        "me",
        "-c",
        "CMD [\"cat\", \"/new\"]",
        "-c",
        "EXPOSE 80",
        "-e",
        "Z=3",
        "app:1",
        "sh",
        "-c",
        "echo \"$A$Z\" > /new",
    ]);
    assert!(outcome.stderr.contains("  FROM app:1\n"), "{}", outcome.stderr);
    assert_eq!(sandbox.succeed(["run", "kept"]).stdout, "x y3\n");
    let inspected = &json(&sandbox.succeed(["inspect", "kept"]))[0];
    assert_eq!((&inspected["Author"], &inspected["Comment"]), (&"me".into(), &"note".into()));
    let config = &inspected["Config"];
    assert_eq!(config["Cmd"], serde_json::json!(["cat", "/new"]));
    assert!(config["ExposedPorts"]["80/tcp"].is_object());
    let diff = sandbox.run(["diff", "--exit-code", "app:1", "kept"]);
    assert_eq!(diff.code, 1);
    let text = diff
        .stdout
        .replace(&inspected["RootFS"]["Layers"][5].as_str().unwrap_or("-")[..19], "<layer>");
    assert_snapshot!("diff", text);
    assert_eq!(sandbox.succeed(["diff", "--exit-code", "kept", "kept"]).stdout, "");
    let wrong = sandbox.run(["run", "--commit", "x", "-c", "RUN id", "app:1"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("RUN is not allowed here"));
}

#[test]
fn the_twelve_ways_of_entrypoint_and_cmd() {
    let sandbox = Sandbox::with_base();
    // Docker's table: what runs for each pair. Every program here prints its arguments.
    let entrypoints = [
        ("", None),
        ("ENTRYPOINT echo E\n", Some("shell")),
        ("ENTRYPOINT [\"echo\", \"E\"]\n", Some("exec")),
    ];
    let commands = [
        ("", ""),
        ("CMD [\"echo\", \"C\"]\n", "echo C"),
        ("CMD [\"C1\", \"C2\"]\n", "C1 C2"),
        ("CMD echo C\n", "/bin/sh -c echo C"),
    ];
    for (entrypoint, form) in entrypoints {
        for (command, words) in commands {
            sandbox.build_text("table", &format!("FROM centos\n{entrypoint}{command}"));
            let outcome = sandbox.run(["run", "table"]);
            let expected = match (form, words) {
                // Nothing to run: the base's own configuration has none.
                (None, "") => (1, String::new()),
                (None, "C1 C2") => (127, String::new()),
                (None, _) => (0, "C\n".to_owned()),
                (Some("shell"), _) => (0, "E\n".to_owned()),
                (_, words) => (0, format!("{}\n", format!("E {words}").trim_end())),
            };
            assert_eq!((outcome.code, outcome.stdout), expected, "{entrypoint}{command}");
        }
    }
}

#[test]
fn no_flag_is_looked_for_behind_the_image() {
    let sandbox = sandbox();
    for flags in [["-c", "echo $0"], ["-a", "-m"], ["-v", "--commit"], ["-i", "--help"]] {
        let all = ["run", "--rm", "--entrypoint", "echo", "app:1"];
        let outcome = sandbox.succeed(all.into_iter().chain(flags));
        assert_eq!(outcome.stdout, format!("{} {}\n", flags[0], flags[1]));
    }
    let outcome = sandbox.run(["run", "--no-such-flag", "app:1"]);
    assert!(outcome.code == 2 && outcome.stderr.contains("`--no-such-flag` is not known"));
    assert_eq!(sandbox.run(["run"]).code, 2);
}

#[test]
fn what_takes_an_engine_is_handed_on() {
    let sandbox = sandbox();
    for arguments in [
        ["run", "-p", "80:80", "app:1"].as_slice(),
        &["run", "-d", "app:1"],
        &["run", "--network", "bridge", "app:1"],
        &["run", "--privileged", "app:1"],
        &["run", "--cpus=2", "app:1"],
        &["run", "--restart", "always", "app:1"],
        &["run", "-v", "volume:/x", "app:1"],
        &["run", "-v", "/nowhere:/x", "app:1"],
    ] {
        let outcome = sandbox.run(arguments.iter().copied());
        assert_eq!(outcome.code, 2, "{}", outcome.text());
        assert!(outcome.stderr.contains("help:"), "{}", outcome.stderr);
    }
    sandbox.write("shared/file", "from outside\n");
    let volume = format!("{}:/mnt:ro", sandbox.path("shared").display());
    let read = ["run", "-it", "--rm", "-v", &volume, "app:1", "cat", "/mnt/file"];
    assert_eq!(sandbox.succeed(read).stdout, "from outside\n");
    let write = ["run", "-v", &volume, "app:1", "sh", "-c", "echo x > /mnt/file"];
    assert_ne!(sandbox.run(write).code, 0);
    sandbox.write("env", "# comment\nA=file\nB=2\n");
    let env = ["run", "--env-file", "env", "-e", "B=3", "app:1", "sh", "-c", "echo $A $B"];
    assert_eq!(sandbox.succeed(env).stdout, "file 3\n");
}

#[test]
fn a_dockerfile_of_an_image_makes_it_again() {
    let sandbox = sandbox();
    let made = sandbox.succeed(["from-image", "app:1"]).stdout;
    assert_snapshot!("from-image", made);
    sandbox.write("context/Dockerfile", &made);
    sandbox.succeed(["build", "-q", "-t", "again", "context"]);
    let config = |name: &str| json(&sandbox.succeed(["inspect", name]))[0]["Config"].clone();
    assert_eq!(config("again"), config("app:1"));
    let diff = sandbox.succeed(["diff", "app:1", "again"]).stdout;
    assert!(!diff.contains("files"), "{diff}");
    let wrong = sandbox.run(["from-image", "--base", "app:1", "centos"]);
    assert!(wrong.code == 1 && wrong.stderr.contains("does not begin with"));
}

#[test]
fn a_bill_of_materials_is_read_from_the_files() {
    let sandbox = Sandbox::with_base();
    sandbox.write(
        "context/Dockerfile",
        "FROM centos\nCOPY os-release /etc/\nCOPY status /var/lib/dpkg/status\n\
         COPY package-lock.json /app/\nCOPY broken /app/composer.lock\n\
         RUN mkdir -p /gone && cp /app/package-lock.json /gone/\nRUN rm -r /gone\n",
    );
    sandbox.write("context/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    sandbox.write(
        "context/status",
        "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n",
    );
    sandbox.write(
        "context/package-lock.json",
        r#"{"packages":{"node_modules/left-pad":{"version":"1.3.0"}}}"#,
    );
    sandbox.write("context/broken", "{");
    sandbox.succeed(["build", "-q", "-t", "app", "context"]);
    let outcome = sandbox.succeed(["sbom", "app"]);
    assert!(outcome.stderr.contains("/app/composer.lock: it is no JSON"), "{}", outcome.stderr);
    let document = json(&outcome);
    assert_eq!(document["spdxVersion"], "SPDX-2.3");
    let packages = document["packages"].as_array().expect("packages");
    let purls: Vec<_> = packages
        .iter()
        .filter_map(|package| package["externalRefs"][0]["referenceLocator"].as_str())
        .collect();
    let expected =
        ["pkg:deb/debian/bash@5.2?arch=amd64&distro=debian-12", "pkg:npm/left-pad@1.3.0"];
    assert_eq!(purls, expected);
    let relationships = document["relationships"].as_array().expect("relationships");
    assert_eq!(relationships.len(), packages.len());
    assert_eq!(sandbox.succeed(["sbom", "app"]).stdout, outcome.stdout);
    let table = sandbox.succeed(["sbom", "--format", "table", "app"]).stdout;
    assert_eq!(table.lines().count(), 3, "{table}");
}
