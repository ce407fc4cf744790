use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Kind, Text};

pub(super) static RULE: Rule = Rule {
    code: "DW2021",
    name: "system-folder",
    aliases: &["sys-workdir", "DS-0030", "DKL-DI-0002"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw2021_system_folder.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let paths: Vec<&Text<'_>> = match &step.instruction.kind {
            Kind::Workdir(path) => vec![path],
            Kind::Volume(volume) => volume.paths.iter().collect(),
            _ => continue,
        };
        for path in paths {
            let text = path.trim_matches(['"', '\'']);
            let folder = ["/proc", "/sys", "/dev", "/boot"].into_iter().find(|folder| {
                text.strip_prefix(folder)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            // systemd in a container asks for a volume at the control groups.
            let is_asked = ["/dev/shm", "/sys/fs/cgroup"].iter().any(|it| text.starts_with(it));
            if let Some(folder) = folder.filter(|_| !is_asked) {
                linter
                    .report(step, path.span(), format!("`{folder}` belongs to the system"))
                    .help("take another folder");
            }
        }
    }
}
