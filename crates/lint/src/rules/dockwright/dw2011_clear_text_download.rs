use crate::rules::commands;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW2011",
    name: "clear-text-download",
    aliases: &["clear-text-url", "S5332"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw2011_clear_text_download.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let help = "write `https://`, or compare a digest";
    for step in linter.steps() {
        let Kind::Add(add) = &step.instruction.kind else { continue };
        for source in add.sources.iter().filter(|source| is_clear(source)) {
            if add.checksum.is_none() {
                linter.report(step, source.span(), "This download is not encrypted").help(help);
            }
        }
    }
    let message = "This download is not encrypted";
    commands::report_arguments(linter, &["curl", "wget"], message, help, |_, word| {
        is_clear(&word.text)
    });
}

fn is_clear(address: &str) -> bool {
    let rest = address.strip_prefix("http://").or_else(|| address.strip_prefix("ftp://"));
    let is_here = |rest: &str| {
        ["localhost", "127.", "0.0.0.0", "[::1]", "$"].iter().any(|host| rest.starts_with(host))
    };
    rest.is_some_and(|rest| !is_here(rest))
}
