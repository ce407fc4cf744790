//! `dockwright lint` as users meet it: configuration, baselines, comments, the context, reports, and
//! what is said of bad input.

use std::process::{Command, Stdio};

use dockwright_tests::{Outcome, Sandbox, run, workspace};
use serde_json::Value;

const DOCKERFILE: &str = "FROM debian\nMAINTAINER x\n";

/// Runs `dockwright lint --format json` and returns the outcome with `FILE:LINE CODE LEVEL` lines.
fn lint(sandbox: &Sandbox, arguments: &[&str]) -> (Outcome, Vec<String>) {
    let mut all = vec!["lint", "--format", "json"];
    all.extend(arguments);
    let outcome = sandbox.run(all);
    let found: Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
    let lines = found.as_array().into_iter().flatten().map(|finding| {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        format!("{}:{} {} {}", text("file"), finding["line"], text("code"), text("level"))
    });
    let lines = lines.collect();
    (outcome, lines)
}

#[track_caller]
fn check(sandbox: &Sandbox, arguments: &[&str], code: i32, expected: &[&str]) {
    let (outcome, lines) = lint(sandbox, arguments);
    assert_eq!(lines, expected, "{}", outcome.stderr);
    assert_eq!(outcome.code, code, "{}", outcome.stderr);
}

#[test]
fn the_nearest_project_file_holds_alone() {
    let sandbox = Sandbox::new();
    for folder in ["a", "a/b", "c"] {
        sandbox.write(&format!("{folder}/Dockerfile"), DOCKERFILE);
    }
    sandbox.write("dockwright.toml", "ignore = [\"DL4000\"]\n");
    sandbox.write("a/dockwright.toml", "ignore = [\"untagged-base\"]\n");
    sandbox.write(".hadolint.yaml", "ignored: [DL3006, DL4000]\n");
    check(
        &sandbox,
        &[],
        1,
        &[
            "a/Dockerfile:2 DL4000 warning",
            "a/b/Dockerfile:2 DL4000 warning",
            "c/Dockerfile:1 DL3006 warning",
        ],
    );
    check(&sandbox, &["--ignore", "DS-0001", "c"], 0, &[]);
}

#[test]
fn project_files_set_severities_profiles_and_overrides() {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", DOCKERFILE);
    sandbox.write("examples/Dockerfile", DOCKERFILE);
    sandbox.write(
        "dockwright.toml",
        "profile = \"hadolint\"\nfailure-threshold = \"error\"\n[severity]\nDL4000 = \"style\"\n\
         [[overrides]]\nfiles = [\"examples/**\"]\nignore = [\"DL3006\"]\nseverity = { DL4000 = \"error\" }\n",
    );
    check(
        &sandbox,
        &["Dockerfile"],
        0,
        &["Dockerfile:1 DL3006 warning", "Dockerfile:2 DL4000 style"],
    );
    check(&sandbox, &["examples"], 1, &["examples/Dockerfile:2 DL4000 error"]);
    check(
        &sandbox,
        &["--config", "dockwright.toml", "--error", "DL3006", "Dockerfile"],
        1,
        &["Dockerfile:1 DL3006 error", "Dockerfile:2 DL4000 style"],
    );
}

#[test]
fn a_wrong_project_file_is_pointed_at_and_hides_no_other() {
    for (text, line, needle) in [
        ("ignor = []\n", 1, "unknown field `ignor`"),
        ("\nignore = [\"NOPE1\"]\n", 2, "no rule is called `NOPE1` in `ignore`"),
        ("[severity]\nDL3006 = \"loud\"\n", 2, "`severity` of `DL3006` is `loud`"),
        ("profile = \"mine\"\n", 1, "`profile` is `mine`"),
        ("strict-labels = \"yes\"\n", 1, "invalid type"),
        ("[labels]\na = \"colour\"\n", 2, "the label `a` has the kind `colour`"),
        ("ignore = [\n", 1, "dockwright.toml"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("bad/Dockerfile", DOCKERFILE);
        sandbox.write("bad/dockwright.toml", text);
        sandbox.write("good/Dockerfile", DOCKERFILE);
        let (outcome, lines) = lint(&sandbox, &[]);
        assert_eq!(outcome.code, 2, "{text}");
        // Files are looked at without it.
        let expected = ["bad", "good"].map(|folder| {
            [
                format!("{folder}/Dockerfile:1 DL3006 warning"),
                format!("{folder}/Dockerfile:2 DL4000 warning"),
            ]
        });
        assert_eq!(lines, expected.concat(), "{text}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(needle), "{text}: {}", outcome.stderr);
        let place = format!("bad/dockwright.toml:{line}:");
        assert!(outcome.stderr.contains(&place), "{text}: {}", outcome.stderr);
    }
}

/// A fault in the file of the whole run hides nothing.
#[test]
fn a_wrong_file_of_the_run_hides_no_other() {
    for (name, text, needle) in [
        ("dockwright.toml", "ignor = []\n", "unknown field"),
        (".hadolint.yaml", "ignored: [DL3006\n", ".hadolint.yaml"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write(name, text);
        sandbox.write("Dockerfile", DOCKERFILE);
        sandbox.write("good/Dockerfile", DOCKERFILE);
        sandbox.write("good/dockwright.toml", "ignore = [\"DL4000\"]\n");
        let (outcome, lines) = lint(&sandbox, &[]);
        assert_eq!(outcome.code, 2, "{name}");
        let expected = [
            "Dockerfile:1 DL3006 warning",
            "Dockerfile:2 DL4000 warning",
            "good/Dockerfile:1 DL3006 warning",
        ];
        assert_eq!(lines, expected, "{name}: {}", outcome.stderr);
        assert_eq!(outcome.stderr.matches(needle).count(), 1, "{}", outcome.stderr);
    }
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", DOCKERFILE);
    let (outcome, _) = lint(&sandbox, &["--ignore", "NOPE1"]);
    assert_eq!(outcome.code, 2);
    assert_eq!(outcome.stderr.matches("no rule is called `NOPE1`").count(), 1);
}

/// What a fix does not name stays as it is: line ends, blanks, a mark at the start, no end of line.
#[test]
fn bytes_outside_of_the_edits_stay() {
    let sandbox = Sandbox::new();
    let text = "\u{feff}# a \u{e9}\t\r\nFROM debian:13   as Base \r\n\r\n\tRUN  apt-get install  -y\\\n  x   \r\n\
                COPY --from=Base a b /c\r\nUSER 1000\t\r\nCMD  /bin/true";
    let expected = text
        .replace("as Base", "AS base")
        .replace("=Base", "=base")
        .replace(" /c", " /c/")
        .replace("/bin/true", "[\"/bin/true\"]");
    sandbox.write("Dockerfile", text);
    let outcome = sandbox.run(["lint", "--fix", "Dockerfile"]);
    let fixed = std::fs::read_to_string(sandbox.path("Dockerfile")).expect("a file");
    assert_eq!(fixed, expected, "{}", outcome.stderr);
    let again = sandbox.run(["lint", "--fix", "Dockerfile"]);
    let twice = std::fs::read_to_string(sandbox.path("Dockerfile")).expect("a file");
    assert_eq!(twice, expected, "{}", again.stderr);
}

/// The schema and the program know the same keys.
#[test]
fn the_schema_has_every_key() {
    let text = std::fs::read_to_string(workspace().join("docs/dockwright.schema.json"));
    let schema: Value = serde_json::from_str(&text.expect("the schema is there")).expect("JSON");
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", "FROM debian:13\n");
    sandbox.write("dockwright.toml", "no-such-key = 1\n");
    // Wide enough that no name is broken.
    let mut command = sandbox.command();
    let outcome = run(command.env("COLUMNS", "2000").args(["lint", "Dockerfile"]));
    let known: Vec<&str> = outcome.stderr.split('`').collect();
    let properties = schema["properties"].as_object().expect("an object");
    for key in properties.keys() {
        assert!(known.contains(&key.as_str()), "the program lacks `{key}`: {}", outcome.stderr);
    }
    let start = known.iter().position(|word| word.contains("expected")).expect("a list of keys");
    for key in known[start..].iter().skip(1).step_by(2) {
        let is_key = key.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == '$');
        assert!(!is_key || properties.contains_key(*key), "the schema lacks `{key}`");
    }
    // What the documentation shows is right.
    let page = std::fs::read_to_string(workspace().join("docs/configuration.md")).expect("a page");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    sandbox.write("baseline.json", "{\"version\":1,\"findings\":[]}");
    sandbox.write("dockwright.toml", example.expect("an example"));
    let (outcome, _) = lint(&sandbox, &["Dockerfile"]);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert_eq!(outcome.stderr, "");
}

#[test]
fn a_baseline_hides_what_was_there_though_lines_move() {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", DOCKERFILE);
    let (outcome, _) = lint(&sandbox, &["--write-baseline", "--baseline", "known.json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("2 findings"), "{}", outcome.stderr);
    check(&sandbox, &["--baseline", "known.json"], 0, &[]);
    sandbox.write("Dockerfile", "# moved\n\nFROM debian\n\nMAINTAINER x\nMAINTAINER x\n");
    check(&sandbox, &["--baseline", "known.json"], 1, &["Dockerfile:6 DL4000 warning"]);
    sandbox.write("dockwright.toml", "baseline = \"known.json\"\n");
    check(&sandbox, &[], 1, &["Dockerfile:6 DL4000 warning"]);
    sandbox.write("known.json", "{}");
    let (outcome, _) = lint(&sandbox, &["Dockerfile"]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("`known.json` is no baseline"), "{}", outcome.stderr);
}

#[test]
fn comments_cover_what_they_stand_above() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "Dockerfile",
        "FROM debian:13\n# hadolint ignore=DL3004 # asked for\nRUN sudo a\n\
         # check=skip=DL3004 // why\nRUN sudo b\nRUN x \\\n# hadolint ignore=DL3004\n  && sudo c \\\n  && sudo d\n\
         # hadolint ignore=DL3004\nRUN e\n",
    );
    check(&sandbox, &[], 1, &["Dockerfile:9 DL3004 warning", "Dockerfile:10 DW5001 style"]);
    check(
        &sandbox,
        &["--select", "ignore-without-reason"],
        1,
        &[
            "Dockerfile:7 DW5002 info",
            "Dockerfile:9 DL3004 warning",
            "Dockerfile:10 DW5001 style",
            "Dockerfile:10 DW5002 info",
        ],
    );
    let (_, lines) = lint(&sandbox, &["--disable-ignore-pragma"]);
    assert_eq!(lines.len(), 4, "{lines:?}");
}

#[test]
fn the_context_is_looked_at() {
    let sandbox = Sandbox::new();
    sandbox.write("app/start.sh", "#!/bin/sh\r\necho\r\n");
    sandbox.write("app/.env", "KEY=x\n");
    sandbox.write("app/.git/HEAD", "ref\n");
    let mut program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0".to_vec();
    program.resize(64, 0);
    sandbox.write("app/server", &program);
    sandbox.write("app/docs/a.md", "x");
    sandbox.write("app/.dockerignore", "docs\n!docs/b.md\n");
    sandbox.write(
        "app/Dockerfile",
        "FROM debian:13\nCOPY start.sh /\nCOPY server /bin/\nCOPY nothing /\nCOPY docs/a.md /\n\
         COPY . /app\nENTRYPOINT [\"/start.sh\"]\nCMD [\"/bin/server\"]\n",
    );
    let file = |rest: &str| format!("app/Dockerfile:{rest}");
    let expected = [
        file("2 DW4003 error"),
        file("3 DW4004 error"),
        file("4 DW4001 error"),
        file("5 DW4002 error"),
        file("6 DW4003 error"),
        file("6 DW4004 error"),
        file("6 DW4005 warning"),
        file("6 DW4006 info"),
    ];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check(&sandbox, &["--context", "app", "app/Dockerfile"], 1, &expected);
    check(&sandbox, &["app/Dockerfile"], 0, &[]);
    let arm = ["--context", "app", "--platform", "linux/arm64", "app/Dockerfile"];
    let (_, lines) = lint(&sandbox, &arm);
    assert!(lines.iter().all(|line| !line.contains("DW4004")), "{lines:?}");
    let (outcome, _) = lint(&sandbox, &["--context", "nowhere", "app/Dockerfile"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("there is no build context `nowhere`"), "{}", outcome.stderr);
}

#[test]
fn the_check_of_a_build_is_buildkits() {
    let sandbox = Sandbox::new();
    sandbox.write("app/Dockerfile", "FROM debian:13 as Base\nMAINTAINER x\nCOPY a /\n");
    sandbox.write("app/.dockerignore", "a\n");
    let outcome = sandbox.run(["build", "--call=check,format=json", "app"]);
    let report: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let names: Vec<&str> = report["warnings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|warning| warning["ruleName"].as_str())
        .collect();
    assert_eq!(
        names,
        ["FromAsCasing", "StageNameCasing", "MaintainerDeprecated", "CopyIgnoredFile"]
    );
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    let first = &report["warnings"][0];
    assert_eq!(
        first["description"],
        "The 'as' keyword should match the case of the 'from' keyword"
    );
    assert_eq!(first["url"], "https://docs.docker.com/go/dockerfile/rule/from-as-casing/");
    assert_eq!(first["location"]["ranges"][0]["start"]["line"], 1);
    let outcome = sandbox.run(["build", "--check", "app"]);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert!(outcome.stdout.starts_with("Check complete, 4 warnings have been found!\n"));
    assert!(outcome.stdout.contains("   1 | >>> FROM debian:13 as Base\n"), "{}", outcome.stdout);
    sandbox.write("app/Dockerfile", "FROM debian:13\n");
    let outcome = sandbox.run(["build", "--check", "app"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (0, "Check complete, no warnings found.\n")
    );
}

#[test]
fn error_true_makes_checks_errors() {
    let sandbox = Sandbox::new();
    let text = "FROM debian:13 AS Base\n";
    sandbox.write("Dockerfile", format!("# check=error=true\n{text}"));
    check(&sandbox, &["-t", "error"], 1, &["Dockerfile:2 StageNameCasing error"]);
    sandbox.write("Dockerfile", format!("# check=skip=StageNameCasing;error=true\n{text}"));
    check(&sandbox, &["-t", "error"], 0, &[]);
}

#[test]
fn sarif_has_rules_places_and_fixes() {
    let sandbox = Sandbox::new();
    sandbox.write("my app/Dockerfile", "FROM debian:13 as x\nCMD a\nCMD [\"b\"]\n");
    let outcome = sandbox.run(["lint", "--format", "sarif", "my app"]);
    let report: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let run = &report["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let results = run["results"].as_array().expect("results");
    assert!(!results.is_empty());
    for result in results {
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(
            rules[index]["help"]["markdown"].as_str().is_some_and(|page| page.starts_with('#'))
        );
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "my%20app/Dockerfile");
        assert!(place["region"]["startColumn"].as_u64() >= Some(1));
    }
    let fix = &results[0]["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(fix["insertedContent"]["text"], "AS");
    assert_eq!(fix["deletedRegion"]["startColumn"], 16);
}

#[test]
fn bad_input_is_named_and_the_rest_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("good/Dockerfile", DOCKERFILE);
    sandbox.write("binary/Dockerfile", b"\0\x01\xff\xfe\x80RUN\n\0");
    let all = ["good/Dockerfile:1 DL3006 warning", "good/Dockerfile:2 DL4000 warning"];
    let (outcome, lines) =
        lint(&sandbox, &["good/Dockerfile", "nowhere", "binary/Dockerfile", "good"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("`nowhere`"), "{}", outcome.stderr);
    assert!(lines.iter().filter(|line| all.contains(&line.as_str())).count() >= 2, "{lines:?}");
    assert!(
        outcome.stderr.contains("`binary/Dockerfile`: it is a binary file"),
        "{}",
        outcome.stderr
    );
    let outcome = sandbox.run(["lint", "--format", "xml", "good"]);
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.stderr.contains("xml") && outcome.stderr.contains("sarif"),
        "{}",
        outcome.stderr
    );
    sandbox.write(".hadolint.yaml", "ignored: [DL3006\n");
    let (outcome, lines) = lint(&sandbox, &["good"]);
    assert_eq!((outcome.code, lines), (2, all.map(String::from).to_vec()));
    assert!(outcome.stderr.contains(".hadolint.yaml"), "{}", outcome.stderr);
    sandbox.write(".hadolint.yaml", "ignored: [NOPE1]\n");
    let (outcome, lines) = lint(&sandbox, &["good"]);
    assert_eq!((outcome.code, lines), (2, all.map(String::from).to_vec()));
    let said = "`.hadolint.yaml`: `ignored`: no rule is called `NOPE1`";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    sandbox.write(".hadolint.yaml", "format: xml\n");
    let (outcome, lines) = lint(&sandbox, &["good"]);
    assert_eq!((outcome.code, lines), (2, all.map(String::from).to_vec()));
    assert!(outcome.stderr.contains("`format`"), "{}", outcome.stderr);
    // Nothing is changed by settings that nobody chose, and a wrong command line does nothing.
    let (outcome, lines) = lint(&sandbox, &["--fix", "good"]);
    assert_eq!((outcome.code, lines), (2, Vec::new()));
    let kept = std::fs::read_to_string(sandbox.path("good/Dockerfile")).expect("it is there");
    assert_eq!(kept, DOCKERFILE);
    let (outcome, lines) = lint(&sandbox, &["--ignore", "NOPE2", "good"]);
    assert_eq!((outcome.code, lines), (2, Vec::new()));
}

#[test]
fn rules_are_listed_and_explained_by_any_name() {
    let sandbox = Sandbox::new();
    let index = sandbox.succeed(["rules", "--format", "markdown"]).stdout;
    let page = std::fs::read_to_string(workspace().join("docs/rules.md")).unwrap_or_default();
    assert!(index == page, "run `dockwright rules --format markdown > docs/rules.md`");
    for line in index.lines().filter(|line| line.contains("](../")) {
        let path = line.split("](../").nth(1).and_then(|rest| rest.split(')').next());
        let path = workspace().join(path.expect("a link"));
        assert!(path.is_file(), "{} is not there", path.display());
    }
    for name in ["DS-0002", "AVD-DS-0002", "DS002", "CKV_DOCKER_8", "docker:S6471", "root-user"] {
        let page = sandbox.succeed(["explain", name]).stdout;
        assert!(page.starts_with("# DL3002: "), "{name}: {page}");
    }
    let listed = sandbox.succeed(["rules", "--level", "error", "--family", "dockwright"]).stdout;
    assert!(listed.lines().count() > 5 && listed.contains("DW4001"), "{listed}");
    let listed = sandbox.succeed(["rules", "StageNameCasing", "--fixable"]).stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let page = sandbox.succeed(["explain", "unknown-instruction"]).stdout;
    assert!(page.starts_with("# unknown-instruction: a line does not start"), "{page}");
    assert!(page.contains("## How to fix\n\nspell it right"), "{page}");
    assert!(sandbox.succeed(["explain", "dl1000"]).stdout.contains("`unknown-flag`"));
}

#[test]
fn folders_and_patterns_are_searched() {
    let sandbox = Sandbox::new();
    for name in [
        "Dockerfile",
        "a/web.Dockerfile",
        "a/Dockerfile-dev",
        ".devcontainer/Dockerfile",
        "a/Dockerfile.md",
        "vendor/Dockerfile",
        "b/build.docker",
    ] {
        sandbox.write(name, "FROM debian\n");
    }
    sandbox.write(".gitignore", "vendor/\n");
    let files = |arguments: &[&str]| {
        let (outcome, lines) = lint(&sandbox, arguments);
        let files = lines.iter().filter_map(|line| line.split(':').next().map(str::to_owned));
        (outcome.code, files.collect::<Vec<_>>())
    };
    let all = [".devcontainer/Dockerfile", "Dockerfile", "a/Dockerfile-dev", "a/web.Dockerfile"];
    assert_eq!(files(&[]), (1, all.map(str::to_owned).to_vec()));
    assert_eq!(files(&["**/*.docker"]), (1, vec!["b/build.docker".to_owned()]));
    assert_eq!(files(&["*file"]), (1, vec!["Dockerfile".to_owned()]));
    assert_eq!(files(&["vendor/Dockerfile"]), (1, vec!["vendor/Dockerfile".to_owned()]));
    assert_eq!(files(&["*.nothing"]).0, 2);
}

/// With a context the base image of the store is known: its users and its platform.
#[test]
fn users_of_a_base_in_the_store_are_known() {
    let sandbox = Sandbox::new();
    sandbox.write("base/Dockerfile", "FROM scratch\nCOPY passwd /etc/passwd\n");
    sandbox
        .write("base/passwd", "root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n");
    sandbox.build("base", "registry.test/node:24");
    sandbox.write("app/Dockerfile", "FROM registry.test/node:24\nUSER node\nUSER app\n");
    let lint = |arguments: &[&str]| {
        sandbox.run(["lint", "--format", "gnu"].iter().chain(arguments).copied()).stdout
    };
    let told = lint(&["--context", "app", "app/Dockerfile"]);
    assert!(told.contains(":3:") && told.contains("DW1018"), "{told}");
    assert_eq!(told.matches("DW1018").count(), 1, "{told}");
    let told = lint(&["app/Dockerfile"]);
    assert!(!told.contains("DW1018"), "without a context the store is not asked: {told}");
    let told = lint(&["--context", "app", "--platform", "linux/s390x", "app/Dockerfile"]);
    assert!(told.contains("InvalidBaseImagePlatform"), "{told}");
}

/// The diff is one that git applies, and gives what the fixes write.
#[test]
fn the_diff_can_be_applied() {
    let (patched, fixed) = (Sandbox::new(), Sandbox::new());
    let files = [
        ("Dockerfile", "FROM debian:13\nMAINTAINER a\nRUN apt-get install -y curl\nCMD echo a\n"),
        ("a b/Dockerfile", "FROM debian:13 as Base\nRUN cd /a && make\n\n\n\nWORKDIR b"),
        ("c/Dockerfile", "from debian:13\r\nADD a /a\r\nEXPOSE 80/TCP\r\n"),
        ("clean/Dockerfile", "FROM debian:13\nUSER 1000\n"),
    ];
    for (name, text) in files {
        patched.write(name, text);
        fixed.write(name, text);
    }
    let outcome = patched.run(["lint", "--select", "all", "--unsafe-fixes", "--diff"]);
    let mut apply = Command::new("git");
    apply.args(["apply", "--whitespace=nowarn", "-"]).current_dir(patched.folder.path());
    let mut child = apply.stdin(Stdio::piped()).spawn().expect("git is there");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, outcome.stdout.as_bytes()).expect("git reads it");
    drop(stdin);
    assert!(child.wait().expect("it ends").success(), "{}", outcome.stdout);
    fixed.run(["lint", "--select", "all", "--unsafe-fixes"]);
    let mut n_changed = 0;
    for (name, text) in files {
        let read = |sandbox: &Sandbox| std::fs::read_to_string(sandbox.path(name)).expect("text");
        assert_eq!(read(&patched), read(&fixed), "{name}\n{}", outcome.stdout);
        n_changed += usize::from(read(&fixed) != text);
    }
    assert_eq!(n_changed, 3);
}
