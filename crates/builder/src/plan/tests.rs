//! Plans of small Dockerfiles on a base image `base` with a `sh` command and one layer.

use super::*;
use crate::DiffId;
use crate::config::ContainerConfig;
use crate::history::HistoryEntry;
use crate::op::Op;
use crate::request::NamedContext;

fn base(on_build: &[&str]) -> BaseImage {
    let mut config = ImageConfig::scratch("linux", "amd64", None);
    config.config = ContainerConfig {
        env: vec!["PATH=/bin".to_owned(), "LANG=C".to_owned()],
        cmd: Some(vec!["sh".to_owned()]),
        on_build: on_build.iter().map(|&text| text.to_owned()).collect(),
        ..ContainerConfig::default()
    };
    config.rootfs.diff_ids = vec![DiffId(Digest::of(b"layer"))];
    config.history = vec![HistoryEntry::new("base".to_owned(), true, 0)];
    BaseImage { manifest: Digest::of(b"manifest"), config }
}

fn make(request: &Request) -> Result<Plan> {
    let parse = dockerfile_parser::parse(&request.dockerfile);
    let triggers = ["COPY --from=other /a /b", "ENV FROM_TRIGGER=$LANG"];
    let images = BTreeMap::from([
        ("base".to_owned(), base(&[])),
        ("other".to_owned(), base(&[])),
        ("onbuild".to_owned(), base(&triggers)),
    ]);
    match plan(request, &parse, &images)? {
        Planned::Plan(plan) => Ok(*plan),
        Planned::Missing(missing) => Err(Error::new(format!("missing {}", missing.name))),
    }
}

/// The new entries of the history, those without a layer in parentheses.
fn history(plan: &Plan) -> Vec<String> {
    let entries = plan.config.history.iter().filter(|entry| entry.comment.is_some());
    let shown = entries.map(|entry| {
        let text = entry.created_by.clone().unwrap_or_default();
        if entry.empty_layer { format!("({text})") } else { text }
    });
    shown.filter(|text| text != "base").collect()
}

#[track_caller]
fn check(dockerfile: &str, expected: &[&str]) -> Plan {
    check_with(&Request::new(dockerfile), expected)
}

#[track_caller]
fn check_with(request: &Request, expected: &[&str]) -> Plan {
    let plan = make(request).unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(history(&plan), expected, "{}", request.dockerfile);
    plan
}

/// Checks the message and the text that the error's span covers.
#[track_caller]
fn check_error(dockerfile: &str, message: &str, at: &str) {
    let error = make(&Request::new(dockerfile)).expect_err(dockerfile);
    assert_eq!(error.to_string(), message);
    let text = error.span().map_or("", |span| &dockerfile[span.range()]);
    assert_eq!(text, at, "{dockerfile}");
}

#[test]
fn history_is_written_as_buildkit_does() {
    check(
        "FROM base\nARG A=1 B\nENV X=$A Y=\"a b\"\nRUN echo hi\nRUN [\"a\", \"b c\"]\nCMD echo x\nENTRYPOINT [\"e\"]\n",
        &[
            "(ARG A=1 B)",
            "(ENV X=1 Y=a b)",
            "RUN |2 A=1 B= /bin/sh -c echo hi # buildkit",
            "RUN |2 A=1 B= a b c # buildkit",
            "(CMD [\"/bin/sh\" \"-c\" \"echo x\"])",
            "(ENTRYPOINT [\"e\"])",
        ],
    );
    check(
        "FROM base\nCOPY --chown=1:2 --chmod=755 --link a b /c/\nADD --exclude=x d .\nWORKDIR x\nWORKDIR /\nUSER u\nSTOPSIGNAL 9\nMAINTAINER me\nVOLUME /a /b\nSHELL [\"/bin/bash\", \"-c\"]\nONBUILD RUN x\nLABEL a=b c=\"d e\"\nEXPOSE 80 8000-8001 443/TCP\n",
        &[
            "COPY --chown=1:2 --chmod=755 a b /c/ # buildkit",
            "ADD d . # buildkit",
            "WORKDIR /x",
            "(WORKDIR /)",
            "(USER u)",
            "(STOPSIGNAL 9)",
            "(MAINTAINER me)",
            "(VOLUME [/a /b])",
            "(SHELL [/bin/bash -c])",
            "(LABEL a=b c=d e)",
            "(EXPOSE [443/tcp 80/tcp 8000/tcp 8001/tcp])",
        ],
    );
}

#[test]
fn heredocs_become_commands() {
    check(
        "FROM base\nRUN <<EOF\necho 1\nEOF\nRUN <<-E cat\n\tx\n\tE\nRUN <<S\n#!/bin/awk\nS\n",
        &[
            "RUN /bin/sh -c echo 1\n # buildkit",
            "RUN /bin/sh -c <<-E cat\n\tx\nE # buildkit",
            "RUN /bin/sh -c /dev/pipes/S # buildkit",
        ],
    );
    check(
        "FROM base\nARG N=x\nCOPY a <<one <<\"two\" /d/\n$N\none\n$N\ntwo\n",
        &["(ARG N=x)", "COPY a <<one <<two /d/ # buildkit"],
    );
}

#[test]
fn the_later_of_arg_and_env_wins() {
    let plan = check(
        "FROM base\nENV A=env\nARG A=arg\nRUN one\nENV A=again\nRUN two\n",
        &[
            "(ENV A=env)",
            "(ARG A=arg)",
            "RUN |1 A=arg /bin/sh -c one # buildkit",
            "(ENV A=again)",
            "RUN |1 A=again /bin/sh -c two # buildkit",
        ],
    );
    assert_eq!(plan.config.config.env, ["PATH=/bin", "LANG=C", "A=again"]);
}

#[test]
fn global_arguments_reach_a_stage_by_name_only() {
    let mut request = Request::new(
        "ARG V=1\nARG IMAGE=ba$E\nFROM ${IMAGE}se\nRUN x\nARG V\nARG TARGETARCH W=2\nRUN y\n",
    );
    request.build_args.insert("W".to_owned(), "given".to_owned());
    request.build_args.insert("UNUSED".to_owned(), String::new());
    request.build_platform = "linux/arm64".to_owned();
    let plan = check_with(
        &request,
        &[
            "RUN /bin/sh -c x # buildkit",
            "(ARG V=1)",
            "(ARG TARGETARCH=arm64 W=given)",
            "RUN |3 V=1 TARGETARCH=arm64 W=given /bin/sh -c y # buildkit",
        ],
    );
    let messages: Vec<&str> = plan.warnings.iter().map(|it| it.message.as_str()).collect();
    let expected = [
        "the base image `base` is for linux/amd64, and this stage is for linux/arm64",
        "no instruction uses the build arguments `UNUSED`",
    ];
    assert_eq!(messages, expected);
}

#[test]
fn entrypoint_drops_a_command_from_below() {
    let cmd = |text: &str| make(&Request::new(text)).unwrap().config.config.cmd;
    assert_eq!(cmd("FROM base\nENTRYPOINT [\"e\"]\n"), None);
    assert_eq!(cmd("FROM base\nCMD [\"c\"]\nENTRYPOINT [\"e\"]\n"), Some(vec!["c".to_owned()]));
    assert_eq!(cmd("FROM base AS a\nCMD [\"c\"]\nFROM a\nENTRYPOINT [\"e\"]\n"), None);
    assert_eq!(cmd("FROM base\nCMD []\n"), None);
}

#[test]
fn triggers_run_first_and_are_spent() {
    let plan = check(
        "FROM onbuild\nRUN $FROM_TRIGGER\n",
        &[
            "COPY /a /b # buildkit",
            "(ENV FROM_TRIGGER=C)",
            "RUN /bin/sh -c $FROM_TRIGGER # buildkit",
        ],
    );
    assert_eq!(plan.config.config.on_build, Vec::<String>::new());
    check("FROM base AS a\nONBUILD USER x\nFROM a\nFROM scratch\nFROM a\n", &["(USER x)"]);
    check_error(
        "FROM base AS a\nONBUILD USER ${x?}\nFROM a\n",
        "cannot expand `${x?}`: `x` must be set",
        "FROM a",
    );
}

/// A Docker engine's BuildKit counts the same; which of the names an equal step has, varies there.
#[test]
fn a_step_that_several_stages_have_counts_in_each() {
    let dockerfile = "FROM base AS a\nRUN 1\nWORKDIR /w\nRUN 2\nFROM base AS b\nRUN 1\nRUN 3\n\
        FROM base\nRUN 1\nCOPY --from=a /x /\nCOPY --from=b /x /\nRUN 4\n";
    let plan = make(&Request::new(dockerfile)).unwrap();
    let names: Vec<&str> = plan.operations.iter().map(|op| op.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "[a 1/4] FROM base",
            "[a 2/4] RUN 1",
            "[a 3/4] WORKDIR /w",
            "[a 4/4] RUN 2",
            "[b 3/3] RUN 3",
            "[stage-2 3/5] COPY --from=a /x /",
            "[stage-2 4/5] COPY --from=b /x /",
            "[stage-2 5/5] RUN 4",
        ]
    );
}

#[test]
fn only_what_the_target_needs_is_planned() {
    let dockerfile = "FROM base AS One\nRUN 1\nFROM base\nRUN 2\nFROM scratch\nCOPY --from=ONE /x /\nCOPY --from=0 /y /\n";
    let plan = check(dockerfile, &["COPY /x / # buildkit", "COPY /y / # buildkit"]);
    let names: Vec<&str> = plan.operations.iter().map(|op| op.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "[one 1/2] FROM base",
            "[one 2/2] RUN 1",
            "scratch",
            "[stage-2 1/2] COPY --from=ONE /x /",
            "[stage-2 2/2] COPY --from=0 /y /",
        ]
    );
    let mut request = Request::new(dockerfile);
    request.target = Some("oNe".to_owned());
    check_with(&request, &["RUN /bin/sh -c 1 # buildkit"]);
    request.target = Some("two".to_owned());
    let error = make(&request).unwrap_err();
    assert_eq!(error.to_string(), "the target stage `two` could not be found");
    assert_eq!(error.help(), Some("the stages are `one`"));
}

#[test]
fn a_named_context_stands_for_all_of_a_stage() {
    let text = "FROM nothing AS low\nFROM low AS tools\nRUN 1\nENV A=b\nFROM tools\nRUN 2\n";
    let mut request = Request::new(text);
    let context = NamedContext::Image("onbuild".to_owned());
    request.named_contexts.insert("tools".to_owned(), context);
    let below = ["COPY /a /b # buildkit", "(ENV FROM_TRIGGER=C)"];
    let history = [below.as_slice(), &["RUN /bin/sh -c 2 # buildkit"]].concat();
    let plan = check_with(&request, &history);
    assert!(!plan.config.config.env.contains(&"A=b".to_owned()));
    // As the target it is that image, whose triggers are not spent.
    request.target = Some("tools".to_owned());
    let plan = check_with(&request, &[]);
    assert!(!plan.config.config.on_build.is_empty());
    request.named_contexts.clear();
    let context = NamedContext::Image("scratch".to_owned());
    request.named_contexts.insert("tools".to_owned(), context);
    request.target = None;
    let plan = check_with(&request, &["RUN /bin/sh -c 2 # buildkit"]);
    assert!(!plan.operations.iter().any(|op| matches!(op.op, Op::Image(_))));
}

#[test]
fn windows_has_its_own_shell_and_path() {
    let mut request = Request::new("FROM scratch\nARG TARGETOSVERSION\nENTRYPOINT a b\n");
    request.platform = Some("windows(10.0.1)/amd64".to_owned());
    let entry = "(ENTRYPOINT [\"cmd\" \"/S\" \"/C\" \"a b\"])";
    let plan = check_with(&request, &["(ARG TARGETOSVERSION=10.0.1)", entry]);
    assert_eq!(plan.config.os_version(), Some("10.0.1"));
    assert_eq!(plan.config.config.env, Vec::<String>::new());
}

#[test]
fn a_dockerfile_of_more_than_16_mebibytes_is_none() {
    let line = format!("# {}\n", "x".repeat(4093));
    let mut text = "FROM base\n".to_owned() + &line.repeat(4095);
    check(&text, &[]);
    text += &line.repeat(2);
    let error = make(&Request::new(text)).expect_err("it is too large");
    assert!(error.to_string().ends_with("more than 16777216"), "{error}");
}

#[test]
fn a_stage_of_nearly_that_name_is_remembered() {
    let text = "FROM base AS build\nFROM base\nCOPY --from=biuld /a /b\n";
    let parse = dockerfile_parser::parse(text);
    let images = BTreeMap::from([("base".to_owned(), base(&[]))]);
    let Ok(Planned::Missing(missing)) = plan(&Request::new(text), &parse, &images) else {
        panic!("nothing is missing")
    };
    assert_eq!((missing.name.as_str(), missing.near_stage.as_deref()), ("biuld", Some("build")));
    assert_eq!(&text[missing.span.range()], "biuld");
}

#[test]
fn equal_operations_are_planned_once() {
    let plan = make(&Request::new(
        "FROM base AS a\nRUN 1\nFROM base AS b\nRUN 1\nFROM scratch\nCOPY --from=a x .\nCOPY --from=b x .\n",
    ));
    let plan = plan.unwrap();
    let n_runs = plan.operations.iter().filter(|op| matches!(op.op, Op::Exec(_))).count();
    assert_eq!(n_runs, 1);
}

#[test]
fn mounts_are_read() {
    let plan = make(&Request::new(
        "FROM base\nARG T=tmp\nWORKDIR /w\nRUN --mount=type=cache,target=c,id=i,sharing=locked --mount=type=tmpfs,size=1m,target=/$T --mount=type=secret,id=s,env=S --mount=src=f,dst=/f,rw x\n",
    ))
    .unwrap();
    let Some(Op::Exec(exec)) = plan.operations.last().map(|op| &op.op) else { panic!("no RUN") };
    let targets: Vec<_> = exec.mounts.iter().map(|mount| mount.target.as_deref()).collect();
    // One below another comes after it; a secret that is only a variable has no target.
    assert_eq!(targets, [Some("/f"), Some("/tmp"), Some("/w/c"), None]);
    insta::assert_debug_snapshot!(exec.mounts);
}

#[test]
fn errors_point_at_what_is_wrong() {
    check_error("FROM base\nSTOPSIGNAL SIGFOO\n", "`SIGFOO` is not a signal", "SIGFOO");
    check_error(
        "FROM base\nEXPOSE 80 90-80\n",
        "`90-80` is not a port: `90-80` is no number from 0 to 65535",
        "90-80",
    );
    check_error(
        "FROM base\nCOPY --chmod=64a a b\n",
        "`--chmod=64a` is not an octal number between 0 and 07777",
        "64a",
    );
    check_error("FROM $X\n", "the name of the base image, `$X`, comes to nothing", "$X");
    check_error("FROM base\nCOPY --from=7 a b\n", "there is no stage number 7", "7");
    check_error(
        "FROM base AS a\nRUN --mount=type=cache x\n",
        "a mount cannot have the target `/`",
        "type=cache",
    );
    check_error(
        "FROM base\nRUN --network=host x\n",
        "this RUN needs `network.host`, which is not allowed",
        "host",
    );
    check_error(
        "FROM base\nENV A=a${B?none}\n",
        "cannot expand `a${B?none}`: B: none",
        "${B?none}",
    );
    check_error("FROM nothing\n", "missing nothing", "");
}

#[test]
fn faults_of_the_text_alone_come_before_missing_images() {
    check_error("FROM nothing\nSTOPSIGNAL SIGTREM\n", "`SIGTREM` is not a signal", "SIGTREM");
    check_error(
        "FROM nothing\nUSER ${x:=1}\n",
        "cannot expand `${x:=1}`: `:=` is not supported in a substitution",
        "${x:=1}",
    );
    // The image may set the variable.
    check_error("FROM nothing\nUSER ${x?m}\n", "missing nothing", "");
    check_error("FROM nothing\nSTOPSIGNAL $S\n", "missing nothing", "");
    // Only what is built counts.
    check_error("FROM nothing AS a\nEXPOSE x\nFROM nothing\n", "missing nothing", "");
}

#[test]
fn faults_of_values_say_what_to_do() {
    let check = |instruction: &str, expected: &str| {
        let dockerfile = format!("FROM base\n{instruction}\n");
        let error = make(&Request::new(&dockerfile)).expect_err(instruction);
        let help = error.help().unwrap_or_default();
        assert!(help.contains(expected), "{instruction}: {error}: {help:?}");
    };
    check("STOPSIGNAL SIGTREM", "did you mean `SIGTERM`?");
    check("STOPSIGNAL kil", "did you mean `SIGKILL`?");
    check("STOPSIGNAL nothing", "a name such as `SIGTERM`");
    check("EXPOSE 80/tpc", "did you mean `tcp`?");
    check("EXPOSE 80/http", "the protocols are");
    check("EXPOSE http", "for example `80`");
    check("USER ${x?m}", "--build-arg x=value");
    check("USER ${x:=1}", "${name:-value}");
    check("USER ${x^^}", "what may follow the name");
    check("USER ${x", "write `}`");
    check("USER ${x/a}", "${name/pattern/replacement}");
    check("USER ${}", "write `${name}`");
    check("USER 'x", "close it");
    check("USER \"x", "close it");
    check("ENV A=1 B=${A#\\a}", "remove the `\\`");
}
