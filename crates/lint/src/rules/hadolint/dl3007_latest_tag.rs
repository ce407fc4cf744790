use crate::image::{hadolint_image_name, image_name};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3007",
    name: "latest-tag",
    aliases: &["DS-0001", "CKV_DOCKER_7", "S6596"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3007_latest_tag.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::From(from) = &step.instruction.kind else { continue };
        let expanded = linter.expand_from(&from.image);
        let name = match &expanded {
            Some(image) if !linter.is_hadolint() => image_name(image),
            _ => hadolint_image_name(&from.image),
        };
        if name.tag == Some("latest") && name.digest.is_none() {
            let message = "Using latest is prone to errors if the image will ever update. \
                           Pin the version explicitly to a release tag";
            linter
                .report(step, from.image.span(), message)
                .help("name the version that you tested instead of `latest`");
        }
    }
}
