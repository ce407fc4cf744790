use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3029",
    name: "constant-platform",
    aliases: &["FromPlatformFlagConstDisallowed"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3029_constant_platform.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::From(from) = &step.instruction.kind else { continue };
        let Some(platform) = &from.platform else { continue };
        let is_found = if linter.is_hadolint() {
            !platform.contains("BUILDPLATFORM") && !platform.contains("TARGETPLATFORM")
        } else {
            let name = from.name.as_ref().map(|name| name.to_lowercase()).unwrap_or_default();
            let mut parts = platform.split('/');
            !platform.contains('$') && !parts.any(|part| !part.is_empty() && name.contains(part))
        };
        if is_found {
            linter
                .report(step, platform.span(), "Do not use --platform flag with FROM")
                .help("leave the flag out, or name the stage after the platform");
        }
    }
}
