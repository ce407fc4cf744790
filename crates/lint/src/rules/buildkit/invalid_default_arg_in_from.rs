use crate::{Family, FixAvailability, Levels, Profile, Rule, Severity, linter::Linter};
use dockerfile_parser::{ImageRef, Kind};

pub(super) static RULE: Rule = Rule {
    code: "InvalidDefaultArgInFrom",
    name: "invalid-default-arg",
    aliases: &[],
    family: Family::Buildkit,
    levels: Levels::buildkit(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("invalid_default_arg_in_from.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let scopes = linter.scopes;
    if !scopes.are_globals_valid {
        return;
    }
    let is_buildkit = linter.config.profile == Profile::Buildkit;
    for base in &scopes.bases {
        let Kind::From(from) = &base.step.instruction.kind else { continue };
        let Some(image) = &base.default_image else { return };
        let is_plain = !is_buildkit && !from.image.contains('$');
        if ImageRef::parse(image).is_err() && !is_plain {
            let message = format!(
                "Default value for ARG {} results in empty or invalid base image name",
                from.image.as_str()
            );
            linter
                .report(&base.step, from.image.span(), message)
                .help("give the `ARG` a default that makes a valid name");
        }
    }
}
