use crate::rules::commands::{base_name, copied, is_secret_file};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW2002",
    name: "secret-file-copied",
    aliases: &["DD052", "DD053"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Error)),
    fix: FixAvailability::None,
    page: include_str!("dw2002_secret_file_copied.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Some((sources, _)) = copied(step) else { continue };
        for source in sources {
            let name = base_name(source);
            if is_secret_file(name) {
                linter
                    .report(step, source.span(), format!("`{name}` usually holds secrets"))
                    .help("mount it for the step that needs it by `--mount=type=secret`");
            }
        }
    }
}
