//! The house rules, as far as a program can check them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use dockwright_tests::workspace;

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
const ARCHITECTURE_LINES_MAX: usize = 200;

/// Normal dependencies (all levels, the crate itself not counted) that each crate may have.
const BUDGETS: [(&str, usize); 4] = [
    ("dockwright-parser", 3),
    ("dockwright-lint", 10),
    ("dockwright-builder", 90),
    ("dockwright", 170),
];
const LOCKED_PACKAGES_MAX: usize = 240;

/// A Rust file of the workspace.
struct Source {
    path: PathBuf,
    /// Path relative to the workspace, with `/`.
    name: String,
    text: String,
}

/// Every Rust file below the given folders.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in folders {
        for entry in walkdir::WalkDir::new(workspace().join(folder)).sort_by_file_name() {
            let entry = entry.expect("the tree can be walked");
            if entry.path().extension().is_some_and(|extension| extension == "rs") {
                let path = entry.into_path();
                let name = path.strip_prefix(workspace()).expect("below").display().to_string();
                let text = std::fs::read_to_string(&path).expect("sources are UTF-8");
                sources.push(Source { path, name, text });
            }
        }
    }
    assert!(!sources.is_empty(), "no sources in {folders:?}");
    sources
}

fn all_sources() -> Vec<Source> {
    sources(&["crates", "tests", "benches", "xtask"])
}

fn library_sources() -> Vec<Source> {
    let mut sources =
        sources(&["crates/dockerfile-parser/src", "crates/lint/src", "crates/builder/src"]);
    sources.retain(|source| !is_test_module(source));
    sources
}

fn no_faults(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// The code of a file: without its `#[cfg(test)]` modules, comments and string contents.
fn code(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.contains("mod ")) {
            let indent = line.len() - line.trim_start().len();
            let one_line = lines.next().is_some_and(|next| next.trim_end().ends_with(';'));
            let end = format!("{}}}", " ".repeat(indent));
            while !one_line && lines.next().is_some_and(|next| next != end) {}
            continue;
        }
        kept.push_str(&without_comment(line));
        kept.push('\n');
    }
    kept
}

/// A line without its `//` comment and with the contents of its string literals blanked.
fn without_comment(line: &str) -> String {
    let mut kept = String::new();
    let mut characters = line.chars().peekable();
    let mut in_string = false;
    while let Some(c) = characters.next() {
        match c {
            '\\' if in_string => {
                characters.next();
            }
            '"' => {
                in_string = !in_string;
                kept.push(c);
            }
            '\'' if !in_string && characters.peek() == Some(&'"') => {
                characters.next();
            }
            '/' if !in_string && characters.peek() == Some(&'/') => break,
            _ if in_string => {}
            _ => kept.push(c),
        }
    }
    kept
}

/// Functions longer than the limit: name and length, on formatted code.
fn long_functions(text: &str) -> Vec<(String, usize)> {
    let mut long = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (start, line) in lines.iter().enumerate() {
        let head = line.trim_start();
        let words: Vec<&str> = head.split([' ', '(', '<']).collect();
        let Some(at) = words.iter().position(|word| *word == "fn") else { continue };
        if head.starts_with("//") || words[..at].iter().any(|w| !is_function_qualifier(w)) {
            continue;
        }
        let end = format!("{}}}", &line[..line.len() - head.len()]);
        let Some(length) = lines[start..].iter().position(|line| **line == end) else { continue };
        if length + 1 > FUNCTION_LINES_MAX {
            long.push((words.get(at + 1).unwrap_or(&"?").to_string(), length + 1));
        }
    }
    long
}

fn is_function_qualifier(word: &str) -> bool {
    matches!(word, "pub" | "const" | "unsafe" | "extern" | "\"C\"" | "crate)" | "super)" | "async")
}

/// Names that a file declares with `mod name;`.
fn declared_modules(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim();
            let rest = line.split_once("mod ").filter(|(before, _)| {
                before.is_empty() || *before == "pub " || before.ends_with(") ")
            })?;
            rest.1.strip_suffix(';').map(ToOwned::to_owned)
        })
        .collect()
}

/// Whether a file is a test module of its own: `#[cfg(test)] mod name;` in its parent.
fn is_test_module(source: &Source) -> bool {
    let stem = source.path.file_stem().expect("a name").to_string_lossy();
    let folder = source.path.parent().expect("a folder");
    let parents = [folder.with_extension("rs"), folder.join("lib.rs"), folder.join("main.rs")];
    parents.iter().filter_map(|parent| std::fs::read_to_string(parent).ok()).any(|text| {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines.windows(2).any(|pair| pair[0] == "#[cfg(test)]" && pair[1] == format!("mod {stem};"))
    })
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(workspace())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// Names of all normal dependencies of `package`, the package itself not among them.
fn dependencies(package: &str) -> BTreeSet<String> {
    let tree = cargo(&["tree", "--edges", "normal", "--prefix", "none", "--package", package]);
    tree.lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| *name != package && !name.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn lint_and_builder_do_not_know_each_other() {
    assert!(!dependencies("dockwright-lint").contains("dockwright-builder"));
    assert!(!dependencies("dockwright-builder").contains("dockwright-lint"));
    let mut faults = Vec::new();
    for source in library_sources() {
        let forbidden: &[&str] = match source.name.split('/').nth(1) {
            Some("lint") => &["dockwright_builder"],
            Some("builder") => &["dockwright_lint"],
            _ => &["dockwright_builder", "dockwright_lint"],
        };
        let code = code(&source.text);
        for name in forbidden {
            if code.contains(name) {
                faults.push(format!("{} names {name}", source.name));
            }
        }
    }
    no_faults(&faults);
}

#[test]
fn parser_stays_tiny() {
    let names = dependencies("dockwright-parser");
    for forbidden in
        ["dockwright-lint", "dockwright-builder", "dockwright", "miette", "clap", "serde"]
    {
        assert!(!names.contains(forbidden), "the parser depends on {forbidden}");
    }
    assert!(names.len() <= 3, "the parser depends on {names:?}");
}

#[test]
fn lint_and_builder_leave_the_terminal_to_the_command_line() {
    for package in ["dockwright-lint", "dockwright-builder"] {
        let names = dependencies(package);
        for forbidden in ["miette", "clap", "anstream"] {
            assert!(!names.contains(forbidden), "{package} depends on {forbidden}");
        }
    }
}

#[test]
fn nom_does_not_show() {
    let mut faults = Vec::new();
    for source in sources(&["crates/dockerfile-parser/src"]) {
        let code = code(&source.text);
        let mut rest = code.as_str();
        while let Some(at) = rest.find("pub ") {
            let item = &rest[at..];
            let signature = &item[..item.find(['{', ';']).unwrap_or(item.len())];
            if ["nom::", "IResult", "nom;"].iter().any(|name| signature.contains(name)) {
                faults.push(format!("{}: {signature}", source.name));
            }
            rest = &item[4..];
        }
    }
    no_faults(&faults);
}

#[test]
fn files_and_functions_are_short() {
    let mut faults = Vec::new();
    for source in all_sources() {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            faults.push(format!("{}: {lines} lines", source.name));
        }
        for (name, length) in long_functions(&source.text) {
            faults.push(format!("{}: fn {name} has {length} lines", source.name));
        }
    }
    no_faults(&faults);
}

#[test]
fn every_module_is_declared() {
    let mut faults = Vec::new();
    for source in sources(&["crates"]) {
        let stem = source.path.file_stem().expect("a name").to_string_lossy().into_owned();
        let folder = source.path.parent().expect("a folder");
        assert_ne!(stem, "mod", "{}: use foo.rs and foo/", source.name);
        let in_src = folder.file_name().is_some_and(|name| name == "src");
        if (in_src && matches!(stem.as_str(), "lib" | "main")) || !source.name.contains("/src/") {
            continue;
        }
        let parents: Vec<PathBuf> = if in_src {
            vec![folder.join("lib.rs"), folder.join("main.rs")]
        } else {
            vec![folder.with_extension("rs")]
        };
        let declared = parents.iter().any(|parent| {
            std::fs::read_to_string(parent)
                .is_ok_and(|text| declared_modules(&text).contains(&stem))
        });
        if !declared {
            faults.push(format!("{}: no `mod {stem};` in {}", source.name, parents[0].display()));
        }
    }
    no_faults(&faults);
}

#[test]
fn surroundings_are_read_by_the_command_line_only() {
    let forbidden = [
        "env::var",
        "env::current_dir",
        "env::temp_dir",
        "env::args",
        "SystemTime::now",
        "Instant::now",
        "temp_dir()",
        "set_current_dir",
    ];
    let mut faults = Vec::new();
    for source in library_sources() {
        for (number, line) in code(&source.text).lines().enumerate() {
            // A step's init process has its argument vector from the builder itself.
            let own_init =
                source.name.starts_with("crates/builder/src/exec") && line.contains("env::args");
            if forbidden.iter().any(|name| line.contains(name)) && !own_init {
                faults.push(format!("{}:{}: {}", source.name, number + 1, line.trim()));
            }
        }
    }
    no_faults(&faults);
}

#[test]
fn pure_crates_do_not_touch_files() {
    let mut faults = Vec::new();
    for source in sources(&["crates/dockerfile-parser/src", "crates/lint/src"]) {
        let code = code(&source.text);
        for name in ["std::fs", "std::process", "std::net", "std::thread", "println!", "eprintln!"]
        {
            if code.contains(name) && !is_test_module(&source) {
                faults.push(format!("{} uses {name}", source.name));
            }
        }
    }
    no_faults(&faults);
}

#[test]
fn library_code_does_not_panic() {
    let forbidden =
        [".unwrap()", "panic!(", "todo!(", "unimplemented!(", "unreachable!(", ".unwrap_err()"];
    let mut faults = Vec::new();
    for source in library_sources() {
        for (number, line) in code(&source.text).lines().enumerate() {
            if forbidden.iter().any(|name| line.contains(name)) {
                faults.push(format!("{}:~{}: {}", source.name, number + 1, line.trim()));
            }
        }
    }
    no_faults(&faults);
}

#[test]
fn unsafe_stays_in_one_file() {
    let mut faults = Vec::new();
    for source in all_sources() {
        let allowed = source.name == "crates/builder/src/sys.rs";
        let found = code(&source.text)
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|w| w == "unsafe");
        if found && !allowed {
            faults.push(source.name);
        }
    }
    no_faults(&faults);
}

#[test]
fn dependency_budgets_hold() {
    for (package, budget) in BUDGETS {
        let names = dependencies(package);
        assert!(names.len() <= budget, "{package}: {} dependencies, budget {budget}", names.len());
    }
    let lock = std::fs::read_to_string(workspace().join("Cargo.lock")).expect("a lock file");
    let names: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
    assert!(names.len() <= LOCKED_PACKAGES_MAX, "{} locked packages", names.len());
    let product: BTreeSet<String> =
        BUDGETS.iter().flat_map(|(package, _)| dependencies(package)).collect();
    for forbidden in
        ["openssl", "openssl-sys", "aws-lc-sys", "aws-lc-rs", "tokio", "async-std", "libgit2-sys"]
    {
        assert!(!names.contains(&format!("\"{forbidden}\"").as_str()), "{forbidden} came in");
        assert!(!product.contains(forbidden), "{forbidden} came in");
    }
}

#[test]
fn every_rule_has_its_page() {
    let mut faults = Vec::new();
    let rules = workspace().join("crates/lint/src/rules");
    let mut pages = 0;
    for entry in walkdir::WalkDir::new(&rules).min_depth(2) {
        let path = entry.expect("the tree can be walked").into_path();
        let other = match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => path.with_extension("md"),
            Some("md") => path.with_extension("rs"),
            _ => continue,
        };
        pages += 1;
        if !other.is_file() && path.file_stem().is_some_and(|stem| stem != "support") {
            faults.push(format!("{} is missing", other.display()));
        }
    }
    assert!(pages >= 28, "only {pages} rule files");
    no_faults(&faults);
}

#[test]
fn architecture_is_short_and_names_what_exists() {
    let text = std::fs::read_to_string(workspace().join("ARCHITECTURE.md")).expect("it exists");
    assert!(text.lines().count() <= ARCHITECTURE_LINES_MAX);
    let mut faults = Vec::new();
    let builder = workspace().join("crates/builder/src");
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|r| r.split_once(" | "));
    for module in
        rows.flat_map(|(names, _)| names.split(['`', ',', ' ']).filter(|name| !name.is_empty()))
    {
        if !builder.join(module).with_extension("rs").is_file() {
            faults.push(format!(
                "ARCHITECTURE.md names the builder's `{module}`, which does not exist"
            ));
        }
    }
    no_faults(&faults);
}

#[test]
fn changelog_speaks_of_what_is_unreleased() {
    let text = std::fs::read_to_string(workspace().join("CHANGELOG.md")).expect("it exists");
    assert!(text.contains("## [Unreleased]"));
}

#[test]
fn the_checks_themselves_find_faults() {
    let long =
        format!("    pub(crate) fn long(x: u8) -> u8 {{\n{}    }}\n", "        x;\n".repeat(70));
    assert_eq!(long_functions(&long), [("long".to_owned(), 72)]);
    assert!(long_functions("fn short() {\n}\n").is_empty());
    let modules = declared_modules("mod a;\npub mod b;\npub(crate) mod c;\nmod d {\n");
    assert_eq!(modules.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    let text = "let a = b.unwrap(); // x.unwrap()\nlet s = \".unwrap()\";\n#[cfg(test)]\nmod tests {\n    c.unwrap();\n}\nd();\n";
    assert_eq!(code(text).matches(".unwrap()").count(), 1);
    assert!(code(text).contains("d();"));
    assert!(Path::new(env!("CARGO")).is_absolute());
}
