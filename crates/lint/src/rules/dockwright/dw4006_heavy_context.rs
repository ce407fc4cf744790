use crate::rules::context::{Context, sources};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW4006",
    name: "heavy-context",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw4006_heavy_context.md"),
    check,
};

/// Files of this size and more are named, in bytes.
const HUGE: u64 = 100 * 1000 * 1000;

/// So many are named at one source.
const NAMED_MAX: usize = 4;

fn check(linter: &mut Linter<'_>) {
    let Some(context) = Context::of(linter) else { return };
    for source in sources(linter) {
        let is_folder = |path: &str, name: &str| {
            path == name || path.strip_suffix(name).is_some_and(|rest| rest.ends_with('/'))
        };
        let heavy = context.taken(&source.path).filter(|entry| entry.path != source.path);
        let found: Vec<String> = heavy
            .filter_map(|entry| {
                let is_kept = [".git", "node_modules"].iter().any(|n| is_folder(&entry.path, n));
                if entry.is_folder && is_kept {
                    return Some(format!("the folder `{}`", entry.path));
                }
                let n_megabytes = entry.size / 1_000_000;
                let is_huge = entry.size >= HUGE;
                is_huge.then(|| format!("`{}` of {n_megabytes} MB", entry.path))
            })
            .take(NAMED_MAX)
            .collect();
        if !found.is_empty() {
            let message = format!("`{}` takes in {}", source.text, found.join(", "));
            linter
                .report(&source.step, source.text.span(), message)
                .help("leave it out by a line in `.dockerignore`");
        }
    }
}
