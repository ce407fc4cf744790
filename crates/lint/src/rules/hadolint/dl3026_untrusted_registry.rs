use crate::image::hadolint_image_name;
use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DL3026",
    name: "untrusted-registry",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Error), Some(Severity::Error)),
    fix: FixAvailability::None,
    page: include_str!("dl3026_untrusted_registry.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    if linter.config.trusted_registries.is_empty() {
        return;
    }
    let message = "Use only an allowed registry in the FROM image";
    let mut names: Vec<&str> = Vec::new();
    for step in linter.steps() {
        match &step.instruction.kind {
            Kind::From(from) => {
                let is_stage = names.contains(&from.image.as_str());
                if !is_stage && !is_trusted(&linter.config.trusted_registries, &from.image) {
                    linter.report(step, from.image.span(), message);
                }
                names.extend(from.name.as_ref().map(|name| name.as_str()));
            }
            Kind::Copy(copy) => {
                let Some(from) = &copy.from else { continue };
                let is_stage = names.contains(&from.as_str()) || from.parse::<usize>().is_ok();
                if !is_stage && !is_trusted(&linter.config.trusted_registries, from) {
                    linter.report(step, from.span(), message);
                }
            }
            Kind::Run(run) => {
                for mount in &run.mounts {
                    let kind = packages::mount_field(mount, &["type"]).unwrap_or("bind");
                    let Some(from) = packages::mount_field(mount, &["from"]) else { continue };
                    let is_source = matches!(kind, "bind" | "cache");
                    let is_stage = names.contains(&from) || from.parse::<usize>().is_ok();
                    if is_source
                        && !is_stage
                        && !is_trusted(&linter.config.trusted_registries, from)
                    {
                        linter.report(step, mount.value.span(), message);
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_trusted(registries: &[String], image: &str) -> bool {
    match hadolint_image_name(image).registry {
        Some(registry) => registries.iter().any(|pattern| matches(pattern, registry)),
        None => {
            image == "scratch"
                || registries.iter().any(|pattern| {
                    matches(pattern, "docker.io") || matches(pattern, "hub.docker.com")
                })
        }
    }
}

/// `*` is any, `*.x` any that ends so, `x*` any that starts so.
fn matches(pattern: &str, registry: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => registry.ends_with(end),
        (None, Some(start)) => registry.starts_with(start),
        (None, None) => registry == pattern,
    }
}
