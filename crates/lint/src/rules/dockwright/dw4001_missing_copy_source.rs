use crate::rules::context::{Context, sources};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW4001",
    name: "missing-copy-source",
    aliases: &["add_src_invalid"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Error)),
    fix: FixAvailability::None,
    page: include_str!("dw4001_missing_copy_source.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let Some(context) = Context::of(linter) else { return };
    for source in sources(linter) {
        let is_there = source.path.is_empty() || !context.named(&source.path).is_empty();
        if !is_there {
            let message = format!("`{}` is not in the build context", source.path);
            linter
                .report(&source.step, source.text.span(), message)
                .help("name a file below the context, or make it before the build");
        }
    }
}
