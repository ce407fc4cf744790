//! The cases as an ordinary user: the same images as root's.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use dockwright_tests::{base_rootfs, needs_root, path_text, run, succeed};

use super::case::Case;
use crate::rootless::{User, with_ids};

/// Who builds.
#[derive(Clone, Copy)]
enum Who {
    Root,
    /// A user with a range of ids.
    Range,
    /// A user with one id.
    Single,
}

const ALL: [(Who, &str); 3] = [(Who::Root, "root"), (Who::Range, "range"), (Who::Single, "single")];

/// How a build ended.
#[derive(Debug, PartialEq, Eq)]
struct Ended {
    is_built: bool,
    /// The image id.
    id: String,
    error: String,
}

#[test]
fn the_cases_have_one_digest_whoever_builds_them() {
    let has_newuidmap = run(Command::new("which").arg("newuidmap")).code == 0;
    if !needs_root("the cases as another user") || !has_newuidmap {
        eprintln!("NOT CHECKED: the cases as an ordinary user with a range of ids");
        return;
    }
    let only = std::env::var("DOCKWRIGHT_CASES").unwrap_or_default();
    let all = super::sections().into_iter().flat_map(|section| super::cases(&section));
    let all: Vec<Case> = all.filter(|case| case.name.contains(&only)).collect();
    let user = User::new();
    succeed(Command::new("cp").arg("-a").arg(base_rootfs()).arg(user.sandbox.path("rootfs")));
    for case in &all {
        case.make(&user.sandbox.path(&format!("cases/{}", case.name)));
        if let Some(before) = &case.before {
            user.sandbox.write(&format!("cases/{}.before", case.name), before);
        }
    }
    succeed(Command::new("chown").args(["-hR", "12345:12345"]).arg(user.sandbox.folder.path()));
    let bases = std::thread::scope(|scope| {
        let start = |(who, name)| {
            let (user, all) = (&user, &all);
            scope.spawn(move || build_all(user, who, name, all))
        };
        ALL.map(start).map(|thread| thread.join().expect("no panic"))
    });
    assert!(bases[0].starts_with("sha256:"), "{bases:?}");
    assert_eq!((&bases[1], &bases[2]), (&bases[0], &bases[0]), "the base images");
    let mut faults = Vec::new();
    let mut needs = Vec::new();
    for case in &all {
        let [root, range, single] = ALL.map(|(_, who)| ended(&user, case, who));
        let is_same = |other: &Ended| (root.is_built, &root.id) == (other.is_built, &other.id);
        if is_same(&range) && is_same(&single) {
            continue;
        }
        // What is of others than root needs a range of ids; devices, and ids beyond any range, need
        // root. The error names the line.
        let is_clear = ["Dockerfile:", ".before:"].iter().any(|it| single.error.contains(it));
        let needs_ids = is_same(&range) && single.error.contains("/etc/subuid");
        let needs_root = !range.is_built && !range.error.is_empty();
        if !single.is_built && is_clear && (needs_ids || needs_root) {
            needs.push(case.name.as_str());
        } else {
            faults.push(format!("{}: {root:?}\n{range:?}\n{single:?}", case.name));
        }
    }
    assert!(faults.is_empty(), "{} cases\n{}", faults.len(), faults.join("\n"));
    println!("{} cases need more than a single id: {}", needs.len(), needs.join(" "));
    assert!(needs.len() < all.len() / 2 || !only.is_empty(), "refusing most is no answer");
}

/// Builds all cases in one shell, and returns the id of the base image.
fn build_all(user: &User, who: Who, name: &str, cases: &[Case]) -> String {
    let folder = user.sandbox.folder.path();
    let program = path_text(&user.sandbox.path("dockwright"));
    // Its files are the builder's own, as those of a base image would be.
    let rootfs = match who {
        Who::Root => path_text(base_rootfs()),
        Who::Range | Who::Single => "rootfs".to_owned(),
    };
    let mut script = format!("{program} import {rootfs} {} || exit 1\n", super::BASE);
    for case in cases {
        let context = format!("cases/{}", case.name);
        let before = match case.before {
            Some(_) => {
                let build = format!("{program} build -q -t before --network=none");
                format!("{build} -f {context}.before {context} > /dev/null && ")
            }
            None => String::new(),
        };
        let arguments: Vec<String> = case.arguments.iter().map(|text| quoted(text)).collect();
        let arguments = arguments.join(" ");
        // What an earlier case left in a cache mount would show.
        let fresh = if case.mounts_a_cache() { "--no-cache" } else { "" };
        let _ = writeln!(
            script,
            "({before}cd {context} && {program} build -q {fresh} --network=none {arguments} .) \
             > {context}.{name} 2> {context}.{name}.error || echo failed > {context}.{name}"
        );
    }
    let file = format!("{name}.sh");
    user.sandbox.write(&file, script);
    let shell = ["sh".to_owned(), file];
    let mut command = match who {
        Who::Root => Command::new("env"),
        Who::Single => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=12345", "--regid=12345", "--clear-groups"]);
            command
        }
        Who::Range => with_ids(user),
    };
    command.args(shell).current_dir(folder).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("DOCKWRIGHT_STORE", folder.join(format!("{name}-store")));
    let said = run(&mut command).stdout;
    said.lines().next().unwrap_or_default().to_owned()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn ended(user: &User, case: &Case, who: &str) -> Ended {
    let path = user.sandbox.path(&format!("cases/{}.{who}", case.name));
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let text = read(&path);
    let id = text.trim().strip_prefix("sha256:").unwrap_or_default().to_owned();
    Ended {
        is_built: !id.is_empty(),
        id,
        error: read(&path.with_extension(format!("{who}.error"))),
    }
}
