use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity, linter::Linter,
};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "ExposeProtoCasing",
    name: "expose-protocol-casing",
    aliases: &["expose-proto-casing"],
    family: Family::Buildkit,
    levels: Levels::buildkit(Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("expose_proto_casing.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::Expose(expose) = &step.instruction.kind else { continue };
        for port in &expose.ports {
            let Some((_, protocol)) = port.split_once('/') else { continue };
            let lower = protocol.to_lowercase();
            if protocol == lower || protocol.contains('$') {
                continue;
            }
            let span = port.span();
            let edit = Edit::replace(span, port.replace(protocol, &lower));
            let message = format!(
                "Defined protocol '{}' in EXPOSE instruction should be lowercase",
                port.as_str()
            );
            linter
                .report(step, span, message)
                .help(format!("write `{lower}`"))
                .fix(port.is_verbatim().then(|| Fix::safe("Write it in lower case", vec![edit])));
        }
    }
}
