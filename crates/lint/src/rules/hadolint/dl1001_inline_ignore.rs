use crate::suppress::{self, Comment};
use crate::{Family, FixAvailability, Levels, Rule, linter::Linter};
use dockerfile_parser::TokenKind;

pub(super) static RULE: Rule = Rule {
    code: "DL1001",
    name: "inline-ignore",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(None, None),
    fix: FixAvailability::None,
    page: include_str!("dl1001_inline_ignore.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let parse = linter.parse();
    let comments = parse.tokens.iter().filter(|token| token.kind == TokenKind::Comment);
    for token in comments {
        let text = linter.source(token.span);
        if matches!(suppress::hadolint_comment(text), Some(Comment::Ignore(_))) {
            // hadolint does not see comments inside an instruction.
            let around = linter.steps().iter().any(|step| {
                let span = step.instruction.span;
                span.start < token.span.start && token.span.start < span.end
            });
            if around && linter.is_hadolint() {
                continue;
            }
            let line = linter.facts.line(token.span.start);
            let message =
                "Please refrain from using inline ignore pragmas  `# hadolint ignore=DLxxxx`.";
            linter.report_lines((line, line), token.span, message);
        }
    }
}
