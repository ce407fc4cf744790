use crate::rules::commands;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW2005",
    name: "wget-insecure",
    aliases: &["CKV2_DOCKER_3", "DD055"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw2005_wget_insecure.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let message = "`wget` does not check certificates";
    let help = "install `ca-certificates`, or name the certificate by `--ca-certificate`";
    commands::report_arguments(linter, &["wget"], message, help, |_, word| {
        word.text == "--no-check-certificate"
    });
}
