use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Kind, Span};

pub(super) static RULE: Rule = Rule {
    code: "DW1017",
    name: "copy-into-volume",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw1017_copy_into_volume.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut volumes: Vec<(Option<usize>, &str, Span)> = Vec::new();
    for step in linter.steps() {
        let target = match &step.instruction.kind {
            Kind::Volume(volume) => {
                let paths = volume.paths.iter();
                volumes.extend(paths.map(|path| {
                    let text = path.trim_matches(['"', '\'']).trim_end_matches('/');
                    (step.stage, text, path.span())
                }));
                continue;
            }
            Kind::Copy(copy) => &copy.destination,
            Kind::Add(add) => &add.destination,
            _ => continue,
        };
        let path = target.trim_matches(['"', '\'']);
        let is_below = |volume: &str| {
            !volume.is_empty()
                && path
                    .strip_prefix(volume)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let hit =
            volumes.iter().find(|(stage, volume, _)| *stage == step.stage && is_below(volume));
        if let Some((_, volume, span)) = hit {
            linter
                .report(step, target.span(), format!("`{volume}` is a volume already"))
                .label(*span, "declared here")
                .help("put the `VOLUME` after the files");
        }
    }
}
