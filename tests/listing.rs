//! What `history`, `images` and `inspect` say of an image, beside what a Docker engine says of the same
//! one: recorded in `fixtures/images/listing.json` by `cargo xtask peers`.

use std::process::Command;

use dockwright_tests::{Sandbox, succeed, workspace};
use serde_json::{Map, Value, json};

const NAME: &str = "dockwright-listing:1";
/// Formats that both are asked for; times of day and names of columns that differ by version are left
/// out.
const HISTORY: &str = "table {{.ID}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
const IMAGES: &str =
    "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.Digest}}\t{{.CreatedAt}}\t{{.Size}}";
/// Fields of a template, one a line.
const INSPECT: &str = "{{.Id}}\n{{.Size}} {{.Os}}/{{.Architecture}}\n{{.Config.Env}}\n\
    {{json .Config.Cmd}}\n{{json .Config.Entrypoint}}\n\
    {{index .Config.Labels \"org.example.a\"}} {{len .RootFS.Layers}}\n\
    {{range $k, $v := .Config.Volumes}}{{$k}} {{end}}\n\
    {{if .Config.User}}{{println .Config.User}}{{end}}{{with .RepoTags}}{{index . 0}}{{end}}\n\
    {{printf \"%-10s|%q\" .Os .Config.WorkingDir}} {{upper .Os}} {{title .Os}}\n\
    {{range $i, $e := .Config.Env}}{{if gt $i 0}};{{end}}{{$e}}{{end}}\n\
    {{if and (eq .Os \"linux\") (ne .Architecture \"x\")}}yes{{else}}no{{end}}\n\
    {{slice .Os 1 3}} {{(split .Os \"n\") | len}}{{/* nothing */}} {{- \" end\"}}\n\
    {{print 1 2 \"a\" \"b\" 3}} |\n\
    {{with $x := .Os}}{{$x}}{{end}} {{html \"<a>\"}} {{js \"a'b=\"}} {{urlquery \"a b/\"}}\n\
    {{printf \"%05d|%-5s|%x|%T\" 42 \"ab\" \"hi\" .Os}}";
/// Fields that engines had no use for any more and left out by and by (Docker 25 to 29), and those of
/// the engine's own store.
const GONE: [&str; 16] = [
    "/Container",
    "/ContainerConfig",
    "/DockerVersion",
    "/GraphDriver",
    "/Metadata",
    "/VirtualSize",
    "/Config/Hostname",
    "/Config/Domainname",
    "/Config/AttachStdin",
    "/Config/AttachStdout",
    "/Config/AttachStderr",
    "/Config/Tty",
    "/Config/OpenStdin",
    "/Config/StdinOnce",
    "/Config/Image",
    "/Parent",
];

/// A store with the image. Its context is a copy: inside a git work tree, its times would be those of
/// the commit.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["Dockerfile", "large", "small"] {
        let source = workspace().join("fixtures/images/listing").join(name);
        sandbox.write(&format!("listing/{name}"), std::fs::read(source).expect("a fixture"));
    }
    let modes = "--context-mode=git";
    sandbox.succeed(["build", "-q", modes, "--platform", "linux/amd64", "-t", NAME, "listing"]);
    sandbox
}

fn recording() -> std::path::PathBuf {
    workspace().join("fixtures/images/listing.json")
}

/// What a program says of the image. `run` runs it with arguments.
fn answers(run: &dyn Fn(&[&str]) -> String) -> Value {
    let lines = |text: String| Value::from(text.lines().map(str::to_owned).collect::<Vec<_>>());
    let all = |text: String| serde_json::from_str::<Value>(&text).expect("JSON");
    let objects = |text: String| text.lines().map(|line| all(line.to_owned())).collect::<Value>();
    json!({
        "history": lines(run(&["history", "--no-trunc", "--format", HISTORY, NAME])),
        "history cut": lines(run(&["history", "--format", HISTORY, NAME])),
        "history sizes": lines(run(&["history", "--human=false", "--format", "{{.Size}} {{.CreatedAt}}", NAME])),
        "history fields": objects(run(&["history", "--format", "{{json .}}", NAME])),
        "history ids": lines(run(&["history", "-q", NAME])),
        "history times": lines(run(&["history", "--human=false", NAME])),
        "images": lines(run(&["images", "--no-trunc", "--format", IMAGES, "dockwright-listing"])),
        "images fields": objects(run(&["images", "--format", "{{json .}}", "dockwright-listing"])),
        "images digests": lines(run(&["images", "--digests", "--format", "table {{.Repository}}\t{{.Digest}}", "dockwright-listing"])),
        "images ids": lines(run(&["images", "-q", "dockwright-listing"])),
        "inspect": all(run(&["inspect", NAME])),
        "inspect maps": lines(run(&["inspect", "-f", "{{.Config.ExposedPorts}} {{.Config.Volumes}}", NAME])),
        "inspect format": lines(run(&["inspect", "--format", INSPECT, NAME])),
    })
}

/// Ages change every year.
fn without_ages(mut answers: Value) -> Value {
    for list in ["history fields", "images fields"] {
        for row in answers[list].as_array_mut().expect("rows") {
            let row = row.as_object_mut().expect("fields");
            row.remove("CreatedSince").expect("an age");
            // An addition of ours.
            row.remove("Line");
        }
    }
    answers
}

#[test]
fn lists_are_an_engine_s() {
    let recorded = std::fs::read_to_string(recording()).expect("the recording");
    let mut theirs: Map<String, Value> = serde_json::from_str(&recorded).expect("JSON");
    let sandbox = sandbox();
    let run = |arguments: &[&str]| sandbox.succeed(arguments.iter().copied()).stdout;
    let Value::Object(mut ours) = without_ages(answers(&run)) else { panic!("an object") };
    let (their_inspect, our_inspect) = (theirs.remove("inspect"), ours.remove("inspect"));
    assert_eq!(ours.len(), theirs.len());
    for (name, answer) in &theirs {
        assert_eq!(ours[name], *answer, "{name}");
    }
    let mut faults = Vec::new();
    compare(&their_inspect.expect("it")[0], &our_inspect.expect("it")[0], "", &mut faults);
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Everything that the engine tells is told, with the same value; what is empty may be left out.
fn compare(theirs: &Value, ours: &Value, path: &str, faults: &mut Vec<String>) {
    let (Value::Object(theirs), Value::Object(ours)) = (theirs, ours) else {
        if theirs != ours {
            faults.push(format!("{path}: the engine has {theirs}, we have {ours}"));
        }
        return;
    };
    for (key, value) in theirs {
        let path = format!("{path}/{key}");
        match ours.get(key) {
            _ if GONE.contains(&path.as_str()) => {}
            Some(own) => compare(value, own, &path, faults),
            None if value.is_null() || value == "" => {}
            None => faults.push(format!("{path}: the engine has {value}, we have nothing")),
        }
    }
    for key in ours.keys().filter(|key| !theirs.contains_key(*key)) {
        faults.push(format!("{path}/{key}: the engine does not have it"));
    }
}

/// docker's longer words are the same commands.
#[test]
fn image_commands_have_docker_s_longer_words() {
    let sandbox = Sandbox::new();
    for (name, label) in [("a", "x"), ("b", "y"), ("c", "x")] {
        sandbox.build_text(name, &format!("FROM scratch\nLABEL of={label} {name}={name}\n"));
    }
    let same = |long: &[&str], short: &[&str]| {
        let text = sandbox.succeed(short.iter().copied()).stdout;
        assert!(!text.is_empty());
        assert_eq!(sandbox.succeed(long.iter().copied()).stdout, text, "{long:?}");
    };
    same(&["image", "ls"], &["images"]);
    same(&["image", "list", "-q", "--no-trunc"], &["images", "-q", "--no-trunc"]);
    same(&["image", "ls", "--filter", "label=of=y"], &["images", "--filter", "label=of=y"]);
    same(&["image", "inspect", "a"], &["inspect", "a"]);
    same(&["image", "history", "--no-trunc=true", "a"], &["history", "--no-trunc", "a"]);
    same(&["image", "save", "a"], &["save", "a"]);
    sandbox.succeed(["image", "tag", "a", "d"]);
    sandbox.succeed(["image", "save", "-o", "a.tar", "a"]);
    sandbox.succeed(["image", "rm", "a"]);
    assert_eq!(sandbox.succeed(["image", "remove", "d"]).stdout.lines().count(), 2);
    assert_eq!(
        sandbox.succeed(["image", "load", "-i", "a.tar"]).stdout,
        "Loaded image: a:latest\n"
    );
    let tags = |arguments: &[&str]| {
        let first = ["images", "--format", "{{.Repository}}"];
        let text = sandbox.succeed([&first, arguments].concat()).stdout;
        let mut names: Vec<_> = text.lines().map(str::to_owned).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(tags(&["--filter", "label!=of=x"]), "b");

    // Nameless ones go when the answer is yes; all of them only when asked.
    sandbox.build_text("b", "FROM scratch\nLABEL of=z\n");
    assert_eq!(tags(&[]), "<none> a b c");
    let asked = sandbox.succeed(["image", "prune"]);
    assert!(asked.stdout.starts_with("WARNING! This will remove all dangling images."));
    assert_eq!(tags(&[]), "<none> a b c", "nobody has said yes");
    let kept = sandbox.succeed(["image", "prune", "-f", "--filter", "label=of=x"]).stdout;
    assert!(kept.starts_with("Total reclaimed space: "), "{kept}");
    assert_eq!(tags(&[]), "<none> a b c");
    let pruned = sandbox.succeed(["image", "prune", "--force"]).stdout;
    let lines: Vec<_> = pruned.lines().collect();
    let [head, deleted, "", total] = lines.as_slice() else { panic!("{pruned}") };
    assert_eq!(*head, "Deleted Images:");
    assert!(
        deleted.starts_with("deleted: sha256:") && total.starts_with("Total reclaimed space: ")
    );
    assert!(!total.ends_with(" 0B"), "{pruned}");
    assert_eq!(tags(&[]), "a b c");
    sandbox.succeed(["tag", "a", "a2"]);
    let pruned = sandbox.succeed(["image", "prune", "-af", "--filter", "label=of=x"]).stdout;
    assert_eq!(pruned.matches("untagged: ").count(), 3, "{pruned}");
    assert_eq!(pruned.matches("deleted: ").count(), 2, "{pruned}");
    assert_eq!(tags(&[]), "b");
    assert_eq!(sandbox.run(["image", "prune", "-f", "--filter", "colour=red"]).code, 2);
    assert_eq!(sandbox.run(["image"]).code, 2);
}

#[test]
#[ignore = "needs a Docker engine"]
fn record_the_answers_of_the_reference_about_an_image() {
    let sandbox = sandbox();
    sandbox.succeed(["save", "-o", "image.tar", NAME]);
    let docker = |arguments: &[&str]| {
        succeed(Command::new("docker").current_dir(sandbox.folder.path()).args(arguments)).stdout
    };
    docker(&["load", "-q", "-i", "image.tar"]);
    let mut answers = without_ages(answers(&docker));
    // Where this engine keeps its layers is nobody's business.
    answers["inspect"][0]["GraphDriver"]["Data"] = Value::Null;
    docker(&["rmi", "-f", NAME]);
    let text = format!("{answers:#}\n");
    std::fs::write(recording(), text).expect("written");
}
