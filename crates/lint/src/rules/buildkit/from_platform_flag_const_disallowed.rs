use crate::{Family, FixAvailability, Levels, Rule, linter::Linter};
use dockerfile_parser::{Kind, Platform};

pub(super) static RULE: Rule = Rule {
    code: "FromPlatformFlagConstDisallowed",
    name: "constant-platform-flag",
    aliases: &["DL3029"],
    family: Family::Buildkit,
    levels: Levels::buildkit(None),
    fix: FixAvailability::None,
    page: include_str!("from_platform_flag_const_disallowed.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let scopes = linter.scopes;
    for base in &scopes.bases {
        let Kind::From(from) = &base.step.instruction.kind else { continue };
        let (Some(text), Some(platform)) = (&from.platform, &base.platform) else { continue };
        let Some(value) = &platform.value else { continue };
        if !platform.matched.is_empty() || !platform.unset.is_empty() {
            continue;
        }
        let name = from.name.as_ref().map(|name| name.to_lowercase());
        let Ok(parsed) = value.parse::<Platform>() else { continue };
        let is_named =
            |name: String| name.contains(&parsed.os) || name.contains(&parsed.architecture);
        if name.is_some_and(is_named) {
            continue;
        }
        let message = format!("FROM --platform flag should not use constant value \"{value}\"");
        linter
            .report(&base.step, text.span(), message)
            .help("leave the flag out, or name the stage after the platform");
    }
}
