use crate::image::{hadolint_image_name, image_name};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Base, Kind};

pub(super) static RULE: Rule = Rule {
    code: "DL3006",
    name: "untagged-base",
    aliases: &["DS-0001", "CKV_DOCKER_7", "S6596"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3006_untagged_base.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut names: Vec<&str> = Vec::new();
    for step in linter.steps() {
        let Kind::From(from) = &step.instruction.kind else { continue };
        let expanded = linter.expand_from(&from.image);
        let is_untagged = if linter.is_hadolint() {
            is_untagged_for_hadolint(&from.image, &names)
        } else {
            let stage = step.stage.and_then(|stage| linter.model.stages.get(stage));
            let is_image = stage.is_some_and(|stage| matches!(stage.base, Base::Image(_)));
            is_image && expanded.as_deref().is_some_and(is_untagged)
        };
        if is_untagged {
            linter
                .report(step, from.image.span(), "Always tag the version of an image explicitly")
                .help("add the tag of the version that you tested, `image:1.2` for example");
        }
        names.extend(from.name.as_ref().map(|name| name.as_str()));
    }
}

fn is_untagged(image: &str) -> bool {
    let name = image_name(image);
    !image.is_empty() && name.tag.is_none() && name.digest.is_none() && image != "scratch"
}

fn is_untagged_for_hadolint(image: &str, earlier: &[&str]) -> bool {
    let name = hadolint_image_name(image);
    let is_named = image == "scratch" || name.name.starts_with('$') || earlier.contains(&image);
    !is_named && name.tag.is_none() && name.digest.is_none()
}
