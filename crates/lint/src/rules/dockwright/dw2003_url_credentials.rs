use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Span;

pub(super) static RULE: Rule = Rule {
    code: "DW2003",
    name: "url-credentials",
    aliases: &["DD057"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Error)),
    fix: FixAvailability::None,
    page: include_str!("dw2003_url_credentials.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let span = step.instruction.span;
        let text = linter.source(span);
        for (at, _) in text.match_indices("://") {
            let rest = &text[at + 3..];
            let end = rest.find(|c: char| c.is_whitespace() || "/\"'<>|&;)".contains(c));
            let host = &rest[..end.unwrap_or(rest.len())];
            let Some((login, _)) = host.rsplit_once('@') else { continue };
            let Some((user, password)) = login.split_once(':') else { continue };
            let is_open = password.contains(['$', '{', '%', '<', '*']) || password.is_empty();
            if !user.is_empty() && !is_open {
                let start = span.start + (at + 3) as u32;
                let place = Span::new(start, start + login.len() as u32);
                linter
                    .report(step, place, "There is a password in this address")
                    .help("give it to the step by `--mount=type=secret`");
            }
        }
    }
}
