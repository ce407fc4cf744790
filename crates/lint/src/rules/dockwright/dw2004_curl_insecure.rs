use crate::rules::commands;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW2004",
    name: "curl-insecure",
    aliases: &["CKV2_DOCKER_2", "DD056"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw2004_curl_insecure.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "`curl` does not check certificates";
    let help = "install `ca-certificates`, or name the certificate by `--cacert`";
    commands::report_arguments(linter, &["curl"], message, help, |command, word| {
        let is_short = word.text.starts_with('-')
            && !word.text.starts_with("--")
            && word.text.bytes().all(|b| b == b'-' || b.is_ascii_alphabetic())
            && word.text.contains('k');
        let is_local = command
            .arguments()
            .iter()
            .any(|word| word.text.contains("localhost") || word.text.contains("127.0.0.1"));
        (word.text == "--insecure" || is_short) && !is_local
    });
}
