//! ShellCheck's codes in the shell text of RUNs: where they are found, in which shell, with which
//! variables known, and what turns them off.

use dockwright_lint::{Config, Profile, lint_text};
use dockwright_tests::Sandbox;

/// Lints and returns the `SC` findings as `line:column code`, the column counted in bytes from 1.
fn found(profile: Profile, dockerfile: &str) -> Vec<String> {
    let findings = lint_text(dockerfile, &Config::new(profile));
    let shell = findings.iter().filter(|finding| finding.code.starts_with("SC"));
    shell
        .map(|finding| {
            let before = &dockerfile[..finding.span.start as usize];
            let line = before.matches('\n').count() + 1;
            let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
            format!("{line}:{column} {}", finding.code)
        })
        .collect()
}

#[track_caller]
fn check(dockerfile: &str, expected: &[&str]) {
    assert_eq!(found(Profile::Dockwright, dockerfile), expected, "{dockerfile}");
}

#[test]
fn findings_stand_at_their_true_place() {
    check("FROM a:1\nRUN echo $X\n", &["2:10 SC2086"]);
    check(
        "FROM a:1\nRUN true && \\\n    # why\n    echo $X && \\\n  cd /b; ls\n",
        &["4:10 SC2086", "5:3 SC2164"],
    );
    check("FROM a:1\nRUN <<EOF\nset -u\n  echo $X\nEOF\n", &["4:8 SC2086"]);
    check("FROM a:1\nRUN cat <<EOF > /f && echo $X\nplain\n$Y\nEOF\n", &["2:28 SC2086"]);
    check("FROM a:1\nONBUILD RUN echo $X\n", &["2:18 SC2086"]);
    check("FROM a:1\nRUN --mount=type=cache,target=/c --network=none echo $X\n", &["2:54 SC2086"]);
}

#[test]
fn only_shell_text_of_a_run_is_looked_at() {
    check("FROM a:1\nRUN [\"sh\", \"-c\", \"echo $X\"]\n", &[]);
    check("FROM a:1\nCMD echo $X\nENTRYPOINT echo $X\nHEALTHCHECK CMD echo $X\n", &[]);
    check("FROM a:1\nCOPY <<EOF /f\necho $X\nEOF\n", &[]);
    check("FROM a:1\nRUN <<EOF\n#!/usr/bin/env python3\nprint($X)\nEOF\n", &[]);
    check(
        "FROM a:1\nRUN <<EOF\n#!/bin/bash\n[[ 1 = 1 ]] || echo $X\nEOF\n",
        &["4:6 SC2050", "4:21 SC2086"],
    );
}

#[test]
fn the_shell_in_force_decides() {
    let test = "RUN [[ -f /a ]] || echo $X\n";
    let both = ["2:5 SC3010", "2:25 SC2086"];
    check(&format!("FROM a:1\n{test}"), &both);
    for shell in ["/bin/bash", "bash", "/usr/bin/env\", \"bash", "/bin/ksh"] {
        check(&format!("FROM a:1\nSHELL [\"{shell}\", \"-c\"]\n{test}"), &["3:25 SC2086"]);
    }
    for shell in ["/bin/sh", "/bin/ash", "/busybox/sh", "/bin/dash"] {
        check(
            &format!("FROM a:1\nSHELL [\"{shell}\", \"-c\"]\n{test}"),
            &["3:5 SC3010", "3:25 SC2086"],
        );
    }
    for shell in ["pwsh", "powershell.exe", "cmd", "/usr/bin/fish", "/usr/bin/python3"] {
        check(&format!("FROM a:1\nSHELL [\"{shell}\", \"-c\"]\n{test}"), &[]);
    }
    check(&format!("# hadolint shell=bash\nFROM a:1\n{test}"), &["3:25 SC2086"]);
    check(&format!("FROM a:1\n# hadolint shell=bash\n{test}"), &["3:25 SC2086"]);
    check(&format!("FROM a:1\n# hadolint shell=powershell\n{test}"), &[]);
    check(&format!("# escape=`\nFROM a:1\n{test}"), &[]);
    check(&format!("FROM mcr.microsoft.com/windows/servercore:1\n{test}"), &[]);
}

#[test]
fn a_stage_has_the_shell_of_the_stage_below() {
    let text = "FROM a:1 AS b\nSHELL [\"/bin/bash\", \"-c\"]\nFROM b\nRUN [[ -f /a ]]\nFROM c:1\n\
                RUN [[ -f /a ]]\n";
    check(text, &["6:5 SC3010"]);
}

#[test]
fn variables_of_arg_and_env_are_known() {
    check("FROM a:1\nRUN echo \"$name\"\n", &["2:11 SC2154"]);
    check("FROM a:1\nARG name\nRUN echo \"$name\"\n", &[]);
    check("FROM a:1\nENV name=x\nRUN echo \"$name\"\n", &[]);
    check("FROM a:1 AS b\nARG name\nENV other=1\nFROM b\nRUN echo \"$name$other\"\n", &[]);
    check("ARG name\nFROM a:1\nRUN echo \"$name\"\n", &["3:11 SC2154"]);
    check("FROM a:1\nRUN echo \"$http_proxy\"\n", &[]);
    check("FROM a:1\nRUN echo \"$name\"\nARG name\n", &["2:11 SC2154"]);
}

#[test]
fn the_hadolint_profile_keeps_one_finding_of_a_run() {
    let text = "FROM a:1\nRUN cd /a; \\\n  echo $X `ls`\n";
    check(text, &["2:5 SC2164", "3:8 SC2086", "3:11 SC2006", "3:11 SC2046"]);
    let findings = lint_text(text, &Config::new(Profile::Hadolint));
    let shell: Vec<_> = findings.iter().filter(|finding| finding.code.starts_with("SC")).collect();
    assert_eq!(shell.len(), 1);
    assert_eq!((shell[0].code, shell[0].lines.0), ("SC2006", 2));
    assert!(found(Profile::Buildkit, text).is_empty());
}

#[test]
fn codes_are_ignored_and_levels_changed() {
    check("FROM a:1\n# hadolint ignore=SC2086\nRUN echo $X\n", &[]);
    check("# hadolint global ignore=SC2086\nFROM a:1\nRUN echo $X\nRUN echo $Y\n", &[]);
    check("# check=skip=SC2086\nFROM a:1\nRUN echo $X\n", &[]);
    let mut config = Config::new(Profile::Dockwright);
    config.severities.push(("sc2086".to_owned(), dockwright_lint::Severity::Error));
    let findings = lint_text("FROM a:1\nRUN echo $X\n", &config);
    let finding = findings.iter().find(|finding| finding.code == "SC2086").expect("it is found");
    assert_eq!(finding.severity, dockwright_lint::Severity::Error);
    config.ignore.push("unquoted-variable".to_owned());
    assert!(lint_text("FROM a:1\nRUN echo $X\n", &config).iter().all(|f| f.code != "SC2086"));
}

#[test]
fn the_command_line_knows_the_codes() {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", "FROM debian:13\nUSER 1000\nRUN echo $X\n");
    let outcome = sandbox.run(["lint", "--format", "gnu", "Dockerfile"]);
    assert!(outcome.stdout.contains("Dockerfile:3:10"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("SC2086"), "{}", outcome.stdout);
    assert_eq!(sandbox.run(["lint", "--ignore", "SC2086", "Dockerfile"]).code, 0);
    let page = sandbox.succeed(["explain", "sc2086"]).stdout;
    assert!(page.starts_with("# SC2086: "), "{page}");
    let rules = sandbox.succeed(["rules", "--family", "shellcheck"]).stdout;
    assert!(rules.contains("SC2086"), "{rules}");
}

#[test]
fn a_fault_of_syntax_is_told_as_shellcheck_tells_it() {
    check("FROM a:1\nRUN echo \"a\n", &["2:5 SC1009", "2:10 SC1073", "2:11 SC1072"]);
    check(
        "FROM a:1\nRUN if true; echo $X; fi\n",
        &["2:5 SC1049", "2:5 SC1073", "2:23 SC1050", "2:23 SC1072"],
    );
    check(
        "FROM a:1\nRUN while true; do echo $X\n",
        &["2:5 SC1061", "2:5 SC1073", "2:26 SC1062", "2:26 SC1072"],
    );
    check(
        "FROM a:1\nRUN true && {{name}} $X\n",
        &[
            "2:13 SC1009",
            "2:14 SC1054",
            "2:14 SC1073",
            "2:15 SC1054",
            "2:19 SC1083",
            "2:20 SC1083",
            "2:23 SC1056",
            "2:23 SC1072",
        ],
    );
}

#[test]
fn codes_of_our_own_reader() {
    let one = |run: &str, expected: &[&str]| check(&format!("FROM a:1\nRUN {run}\n"), expected);
    one("find -name x", &["2:5 SC2185"]);
    one("find -L -name x", &["2:5 SC2185"]);
    one("find . -name x", &[]);
    one("find -D tree . -name x", &[]);
    one("ln -s /a", &["2:5 SC2226"]);
    one("mv a && cp -r \"$X\"", &["2:5 SC2224", "2:13 SC2225"]);
    one("ln -t d a && cp ./*.c", &[]);
    one("mkdir -pm 700 /a/b", &["2:11 SC2174"]);
    one("mkdir -p -m 700 a ../b", &[]);
    one("rm -rf /usr/local/", &["2:12 SC2114"]);
    one("rm -rf /usr/src /opt", &[]);
    one("exit 1 2", &["2:10 SC2241"]);
    one("echo \"a\"    b", &["2:5 SC2291"]);
    one("echo a\t\tb", &["2:5 SC2291"]);
    one("echo a   b; echo    a; echo a \\\n     b", &[]);
    one("echo \"$RANDOM\" '$A'", &["2:11 SC3028", "2:20 SC2016"]);
    one("X=\"$X\"", &["2:5 SC2269"]);
    one("%%CMD%% --version", &["2:5 SC2288"]);
    check("FROM a:1\nSHELL [\"/bin/bash\", \"-c\"]\nRUN echo \"$RANDOM\"\n", &[]);
    check("FROM a:1\nARG HOSTNAME\nRUN echo \"$HOSTNAME\"\n", &[]);
}

/// Nothing that stands in a RUN brings the linter down, or takes it long.
#[test]
fn hostile_texts_are_survived() {
    let n = 2_000;
    for text in [
        "(".repeat(n),
        "{ ".repeat(n),
        "$(".repeat(n),
        "`".repeat(n),
        "\"$(".repeat(n),
        "${a:-".repeat(n),
        "$((".repeat(n),
        "if true; then ".repeat(n),
        "case a in a) ".repeat(n),
        "[[ ( ".repeat(n),
        "a && ".repeat(n),
        "a | ".repeat(n),
        "<(".repeat(n),
        "a=(".repeat(n),
        "{a,".repeat(n),
        "! ".repeat(n),
        "echo $A; ".repeat(n),
        "echo $A; ".repeat(10 * n),
        "\u{e9}\u{1f600}'\\".repeat(n / 4),
    ] {
        let found = found(Profile::Dockwright, &format!("FROM a:1\nRUN {text}\nRUN echo $X\n"));
        assert!(found.contains(&"3:10 SC2086".to_owned()), "{}", &text[..20]);
    }
}

/// What the ShellCheck 0.11 program says of the same texts.
#[test]
fn codes_about_assignments_groups_and_negations() {
    let one = |run: &str, expected: &[&str]| check(&format!("FROM a:1\nRUN {run}\n"), expected);
    one("x = y", &["2:7 SC2283"]);
    one("=1.0 x", &["2:5 SC2275"]);
    one("= x y", &["2:5 SC2275"]);
    one("apk add )  b", &["2:13 SC1089"]);
    one("(a) ) b", &["2:9 SC1089"]);
    one("a b (c)", &["2:9 SC1036", "2:9 SC1088"]);
    one("HOME == y", &["2:5 SC2284"]);
    one("HOME += y", &["2:5 SC2285"]);
    one("${HOME}=y", &["2:5 SC2281"]);
    one("$1=y", &["2:5 SC2270"]);
    one("a$HOME=y", &["2:5 SC2271"]);
    one("set x=1", &["2:9 SC2121"]);
    one("set -- x=1", &[]);
    one("set -e; ! a; b", &["2:13 SC2251"]);
    one("set -e; if a; then ! b; fi", &["2:24 SC2251"]);
    one("set -e; ! a", &[]);
    one("set -e; ! a || b; c", &[]);
    one("([ -f /a ]) && b", &["2:5 SC2234"]);
    one("if ! ([ -f /a ]); then b; fi", &["2:10 SC2234"]);
    one("((cd /a && make) || true)", &["2:5 SC1105"]);
    one("(( 1 + 1 )) || true", &["2:5 SC3006"]);
    one("> /var/log/a && b", &["2:5 SC2188"]);
    one("a\\b c", &["2:6 SC1001"]);
    one("{a; } && b", &["2:6 SC1054"]);
}

/// `dash` has less than bash and more than POSIX; what it lacks is an error.
#[test]
fn dash_is_not_posix() {
    let text = "FROM a:1\nSHELL [\"/bin/ash\", \"-c\"]\nRUN echo -n a; echo -e b; read -p c HOME; [[ -f /e ]]\n";
    check(text, &["3:21 SC3036", "3:27 SC2162", "3:43 SC3010"]);
    let findings = lint_text(text, &Config::new(Profile::Dockwright));
    let levels: Vec<_> = findings
        .iter()
        .filter(|finding| finding.code.starts_with("SC3"))
        .map(|finding| finding.severity)
        .collect();
    assert_eq!(levels, [dockwright_lint::Severity::Error; 2]);
}

/// hadolint takes the first word of SHELL for the shebang of every script.
#[test]
fn shells_that_shellcheck_does_not_know() {
    for (shell, run, expected) in [
        ("bash", "true", "SC2239"),
        ("bash", "echo $X", "SC2086"),
        ("fish", "echo $X", "SC2239"),
        ("/usr/bin/fish", "echo $X", "SC1071"),
        ("/bin/yash", "true", "SC1008"),
        ("/bin/yash", "[[ -f /a ]] && echo $X", "SC2086"),
        ("/bin/bash", "true", ""),
        ("pwsh", "echo $X", ""),
    ] {
        let text = format!("FROM a:1\nSHELL [\"{shell}\", \"-c\"]\nRUN {run}\n");
        let codes = found(Profile::Hadolint, &text);
        assert_eq!(
            codes.iter().filter_map(|code| code.split(' ').nth(1)).collect::<String>(),
            expected,
            "{text}"
        );
    }
}
