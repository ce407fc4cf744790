use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::TokenKind;

pub(super) static RULE: Rule = Rule {
    code: "DW1016",
    name: "late-directive",
    aliases: &["syntax-directive-typo"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw1016_late_directive.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let comments = linter.parse().tokens.iter().filter(|token| token.kind == TokenKind::Comment);
    for token in comments {
        let text = linter.source(token.span).trim_start_matches('#').trim_start();
        let Some((key, value)) = text.split_once('=') else { continue };
        let is_directive = match key.trim().to_ascii_lowercase().as_str() {
            "syntax" => value.trim().starts_with("docker/dockerfile"),
            "escape" => matches!(value.trim(), "`" | "\\"),
            _ => false,
        };
        if is_directive {
            let line = linter.facts.line(token.span.start);
            linter
                .report_lines((line, line), token.span, "This directive comes too late to count")
                .help("move it to the first line of the file");
        }
    }
}
