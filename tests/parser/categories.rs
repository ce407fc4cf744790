//! Every category of error: a code of its own, the text at fault, and what to do.

use std::collections::BTreeSet;

use dockerfile_parser::{Model, parse};

/// A text that is wrong in one way, the code, the text at fault, and a part of the help.
type Case = (&'static str, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    ("# a comment\n", "no-instructions", "", "start with `FROM`"),
    ("# escape=x\nFROM a\n", "invalid-escape", "x", "write `\\`"),
    (
        "# check=skip=all\n# check=skip=all\nFROM a\n",
        "duplicate-directive",
        "# check=skip=all",
        "keep one",
    ),
    ("FROM a\nCMD [\"a\", 1]\n", "json-not-strings", "1", "quote"),
    ("FROM a\nENV a=b c\n", "pair-without-equals", "c", "quote"),
    ("FROM a\nLABEL a=b # c\n", "pair-without-equals", "#", "quote"),
    ("FROM a\nENV a\n", "missing-value", "a", "a=value"),
    ("FROM a\nLABEL a\n", "missing-value", "a", "a=value"),
    ("FROM a\nRUN cat <<EOF\nx\n", "unterminated-heredoc", "<<EOF", "`EOF`"),
    ("FROM a\nRUN cat <<EOF|sh\nEOF\n", "unterminated-heredoc", "<<EOF|sh", "`EOF |sh`"),
    ("FROM a\nRUN echo $((1 << 2))\n", "unterminated-heredoc", "<< 2))", "`1<<2`"),
    ("FROM a\nRNU x\n", "unknown-instruction", "RNU", "did you mean `RUN`?"),
    ("FROM a\nWORKDIRECTORY x\n", "unknown-instruction", "WORKDIRECTORY", "keyword"),
    ("FROM a\nCOPY --form=b c d\n", "unknown-flag", "--form=b", "did you mean `--from`?"),
    ("FROM a\nADD --from=b c d\n", "unknown-flag", "--from=b", "the flags here are `--chown`"),
    ("FROM a\nCMD --x\n", "unknown-flag", "--x", "--"),
    ("FROM a\nCOPY --from=b --from=c d e\n", "duplicate-flag", "--from=c", "keep one"),
    ("FROM a\nCOPY --from b c\n", "flag-without-value", "--from", "`--from=VALUE`"),
    ("FROM a\nCOPY --link= b c\n", "flag-without-value", "--link=", "--link"),
    ("FROM a\nCOPY --link=yes b c\n", "invalid-boolean", "yes", "`--link=true`"),
    ("FROM a\nUSER\n", "argument-count", "USER", "USER"),
    ("FROM a\nARG\n", "argument-count", "ARG", "ARG"),
    ("FROM a\nCOPY a\n", "argument-count", "COPY a", "destination"),
    ("FROM a b\n", "argument-count", "b", "AS"),
    ("FROM a\nARG a = b\n", "blank-name", "=", "blanks"),
    ("FROM a\nENV a=1 =b\n", "blank-name", "=b", "blanks"),
    ("FROM a AS 1b\n", "invalid-stage-name", "1b", "letter"),
    ("FROM a AS $b\n", "invalid-stage-name", "$b", "variable"),
    ("FROM a\nSHELL sh -c\n", "shell-not-json", "sh -c", "SHELL [\""),
    ("FROM a\nCOPY a <<E\nx\nE\n", "heredoc-destination", "<<E", "path"),
    ("FROM a\nONBUILD ONBUILD RUN x\n", "onbuild-chained", "ONBUILD", "once"),
    ("FROM a\nONBUILD FROM b\n", "onbuild-forbidden", "FROM", "remove"),
    ("FROM a\nONBUILD MAINTAINER b\n", "onbuild-forbidden", "MAINTAINER", "remove"),
    ("FROM a\nHEALTHCHECK curl x\n", "healthcheck-type", "curl", "HEALTHCHECK CMD"),
    ("FROM a\nHEALTHCHECK NONE x\n", "healthcheck-none-arguments", "x", "remove"),
    ("FROM a\nHEALTHCHECK CMD\n", "healthcheck-without-command", "CMD", "command"),
    ("FROM a\nHEALTHCHECK --interval=30 CMD x\n", "invalid-duration", "30", "`30s`"),
    ("FROM a\nHEALTHCHECK --retries=-1 CMD x\n", "invalid-retries", "-1", "number"),
    ("FROM a\nVOLUME [\"\"]\n", "empty-volume", "", "path"),
    ("FROM a\nRUN --network=hots x\n", "invalid-network", "hots", "did you mean `host`?"),
    (
        "FROM a\nRUN --security=insecur x\n",
        "invalid-security",
        "insecur",
        "did you mean `insecure`?",
    ),
    ("FROM a\nRUN --mount=from=$x,target=/y z\n", "mount-from-variable", "$x", "stage"),
    ("FROM a\nRUN --mount=target=a\\\"b x\n", "invalid-mount-csv", "target=a\\\"b", "commas"),
    ("FROM a\nRUN --device=a,b=c x\n", "invalid-device", "a,b=c", "required"),
    ("RUN x\nFROM a\n", "before-from", "RUN", "move it"),
    ("ARG a\n", "no-stage", "", "add `FROM`"),
    ("FROM a\nCOPY --from=7 b c\n", "invalid-stage-number", "7", "from 0 to 0"),
    ("FROM a\nCOPY --from=c d e\nFROM a AS c\n", "stage-order", "c", "above"),
    ("FROM a AS c\nCOPY --from=c d e\n", "stage-cycle", "c", "another stage"),
];

#[test]
fn every_category_has_a_code_a_place_and_a_help() {
    let long = format!("FROM a\nRUN {}\n", "x".repeat(65_536));
    let long_line = (long.as_str(), "line-too-long", long.lines().nth(1).unwrap(), "break it");
    let mut differences = Vec::new();
    let mut codes = BTreeSet::new();
    for (text, code, at_fault, help) in CASES.iter().copied().chain([long_line]) {
        let parsed = parse(text);
        let model = Model::new(&parsed);
        let errors: Vec<_> = parsed.errors.iter().chain(&model.errors).collect();
        codes.insert(code);
        let [error] = errors.as_slice() else {
            differences.push(format!("{text:?}: {errors:?}"));
            continue;
        };
        let found_help = error.help.as_deref().unwrap_or_default();
        let found = &text[error.span.range()];
        if error.code != code || found != at_fault || !found_help.contains(help) {
            differences.push(format!("{text:?}: {} at {found:?}, help {found_help:?}", error.code));
        }
    }
    super::assert_none("categories", CASES.len(), &differences);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
    let page = std::fs::read_to_string(page).unwrap();
    let page = page.split("\n# Errors of values").next().unwrap_or_default();
    let listed = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(listed.collect::<BTreeSet<_>>(), codes, "docs/errors.md lists other codes");
}
