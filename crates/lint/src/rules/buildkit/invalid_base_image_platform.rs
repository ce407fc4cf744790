use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "InvalidBaseImagePlatform",
    name: "base-image-platform",
    aliases: &[],
    family: Family::Buildkit,
    levels: Levels::buildkit(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("invalid_base_image_platform.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let scopes = linter.scopes;
    for base in &scopes.bases {
        let Kind::From(from) = &base.step.instruction.kind else { continue };
        let Some(image) = &base.image else { continue };
        let facts = linter.config.base_images.iter().find(|facts| facts.name == *image);
        let Some(found) = facts.and_then(|facts| facts.platform.as_deref()) else { continue };
        let expected = base.platform.as_ref().and_then(|platform| platform.value.clone());
        let expected = expected.unwrap_or_else(|| linter.config.platform.clone());
        if found != expected {
            let message = format!(
                "Base image {image} was pulled with platform \"{found}\", expected \"{expected}\" \
                 for current build"
            );
            linter.report(&base.step, from.image.span(), message);
        }
    }
}
