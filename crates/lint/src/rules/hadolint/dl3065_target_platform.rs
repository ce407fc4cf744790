use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity, linter::Linter,
};
use dockerfile_parser::{Kind, Span};

pub(super) static RULE: Rule = Rule {
    code: "DL3065",
    name: "target-platform",
    aliases: &["RedundantTargetPlatform"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3065_target_platform.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::From(from) = &step.instruction.kind else { continue };
        let Some(platform) = &from.platform else { continue };
        if matches!(platform.as_str(), "$TARGETPLATFORM" | "${TARGETPLATFORM}") {
            // hadolint compares the text with its quotes.
            if linter.is_hadolint() && linter.has_quoted_flag(step, "platform") {
                continue;
            }
            let flag = step.instruction.flags.iter().find(|flag| flag.name == "platform");
            let edit =
                flag.map(|flag| Edit::delete(Span::new(flag.span.start, from.image.span().start)));
            let fix = edit.filter(|_| step.instruction.flags.len() == 1);
            let message = "Setting `FROM --platform` to predefined `$TARGETPLATFORM` in is \
                           redundant as this is the default behavior";
            linter
                .report(step, platform.span(), message)
                .help("leave the flag out")
                .fix(fix.map(|edit| Fix::safe("Leave the flag out", vec![edit])));
        }
    }
}
