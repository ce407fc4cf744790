use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Kind, Span};

pub(super) static RULE: Rule = Rule {
    code: "DW2020",
    name: "docker-socket",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw2020_docker_socket.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let found: Vec<Span> = match &step.instruction.kind {
            Kind::Volume(volume) => {
                let paths = volume.paths.iter().filter(|path| path.contains("docker.sock"));
                paths.map(|path| path.span()).collect()
            }
            Kind::Run(run) => {
                let mounts = run.mounts.iter().filter(|m| m.value.contains("docker.sock"));
                mounts.map(|mount| mount.value.span()).collect()
            }
            _ => continue,
        };
        for span in found {
            linter
                .report(step, span, "Docker's socket gives root on the host")
                .help("leave it out");
        }
    }
}
