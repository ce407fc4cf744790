use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity, linter::Linter,
};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "ExposeInvalidFormat",
    name: "expose-format",
    aliases: &["expose-invalid-format"],
    family: Family::Buildkit,
    levels: Levels::buildkit(Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("expose_invalid_format.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::Expose(expose) = &step.instruction.kind else { continue };
        for port in &expose.ports {
            let Some((host, container)) = port.rsplit_once(':') else { continue };
            if host.is_empty() || inside_braces(port) {
                continue;
            }
            let edit = Edit::replace(port.span(), container);
            let message = format!(
                "EXPOSE instruction should not define an IP address or host-port mapping, found \
                 '{}'",
                port.as_str()
            );
            let is_plain = port.is_verbatim() && !port.contains(['$', '"', '\'', '[']);
            linter
                .report(step, port.span(), message)
                .help(format!("write `{container}`"))
                .fix(is_plain.then(|| Fix::safe("Name only the container's port", vec![edit])));
        }
    }
}

/// Tells whether the last `:` stands inside `${…}`.
fn inside_braces(text: &str) -> bool {
    let colon = text.rfind(':').unwrap_or(0);
    let (before, after) = text.split_at(colon);
    before.rfind("${").is_some_and(|open| !before[open..].contains('}')) && after.contains('}')
}
