use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW1006",
    name: "invalid-stopsignal",
    aliases: &["DD079"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Error)),
    fix: FixAvailability::None,
    page: include_str!("dw1006_invalid_stopsignal.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let scopes = linter.scopes;
    for word in &scopes.words {
        if !matches!(word.step.instruction.kind, Kind::Stopsignal(_)) {
            continue;
        }
        let Some(value) = word.value.as_ref().filter(|_| word.undefined.is_empty()) else {
            continue;
        };
        if !crate::reach::is_signal(value) {
            linter
                .report(&word.step, word.text.span(), format!("`{value}` is no signal"))
                .help("write a name such as `SIGTERM`, or a number");
        }
    }
}
