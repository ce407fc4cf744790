use crate::rules::context::{Context, sources};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW4002",
    name: "ignored-copy-source",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Error)),
    fix: FixAvailability::None,
    page: include_str!("dw4002_ignored_copy_source.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let Some(context) = Context::of(linter) else { return };
    // Without exceptions CopyIgnoredFile speaks of plain names.
    let has_exceptions = context.ignored.has_exceptions();
    for source in sources(linter) {
        let is_plain = !source.path.contains(['*', '?', '[']);
        let named = context.named(&source.path);
        if source.path.is_empty() || named.is_empty() || (is_plain && !has_exceptions) {
            continue;
        }
        let first = named.first().map(|entry| entry.path.as_str()).unwrap_or_default();
        if context.taken(&source.path).next().is_none()
            && let Some((line, pattern)) = context.ignored.rule_for(first)
        {
            let file = context.ignore_file_name;
            let message =
                format!("`{}` is left out by line {line} of `{file}`: `{pattern}`", source.path);
            linter
                .report(&source.step, source.text.span(), message)
                .help("take the pattern out, or except the file by a line that starts with `!`");
        }
    }
}
