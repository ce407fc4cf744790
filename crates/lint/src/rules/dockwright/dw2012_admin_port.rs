use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW2012",
    name: "admin-port",
    aliases: &["DS-0004", "CKV_DOCKER_1", "S6473", "DD014"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw2012_admin_port.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Kind::Expose(expose) = &step.instruction.kind else { continue };
        for port in &expose.ports {
            let (range, protocol) = port.split_once('/').unwrap_or((port.as_str(), "tcp"));
            let range = range.rsplit(':').next().unwrap_or(range);
            let (low, high) = range.split_once('-').unwrap_or((range, range));
            let (Ok(low), Ok(high)) = (low.parse::<u16>(), high.parse::<u16>()) else { continue };
            let admin = [22, 23, 3389, 5800, 5900].into_iter().find(|p| (low..=high).contains(p));
            if let Some(number) = admin.filter(|_| protocol.eq_ignore_ascii_case("tcp")) {
                linter
                    .report(step, port.span(), format!("Port {number} is for logging in"))
                    .help("leave the server out of the image and use `docker exec`");
            }
        }
    }
}
