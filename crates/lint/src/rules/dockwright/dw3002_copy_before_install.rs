use crate::rules::{commands, packages};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Text;

pub(super) static RULE: Rule = Rule {
    code: "DW3002",
    name: "copy-before-install",
    aliases: &["DD006"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw3002_copy_before_install.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for (run, command) in commands::all(linter) {
        let installs = (command.has("npm", &["ci", "install", "i"])
            && command.plain_arguments().len() == 1)
            || (command.is("yarn")
                && command.plain_arguments().iter().all(|w| w.text == "install"))
            || command.has("pnpm", &["install"])
            || (packages::is_pip_install(command) && command.has_flag(&["r", "requirement"]))
            || command.has("bundle", &["install"])
            || command.has("composer", &["install"])
            || command.has("go", &["download"]);
        if !installs {
            continue;
        }
        let steps = linter.steps().iter().filter(|step| step.stage == run.step.stage);
        let copies: Vec<_> = steps
            .take_while(|step| step.index < run.step.index)
            .filter_map(|step| Some((step, commands::copied(step)?.0)))
            .collect();
        let is_whole = |source: &Text<'_>| matches!(source.as_str(), "." | "./");
        let whole = copies.iter().find(|(_, sources)| sources.iter().any(is_whole));
        let names_manifest = |source: &Text<'_>| {
            let name = commands::base_name(source);
            ["package", "requirements", "yarn", "pnpm", "Gemfile", "composer", "go."]
                .iter()
                .any(|start| name.starts_with(start))
        };
        let has_manifest = copies.iter().any(|(_, sources)| sources.iter().any(names_manifest));
        if let Some((step, sources)) = whole.filter(|_| !has_manifest) {
            let span = sources.first().map_or(step.instruction.span, |source| source.span());
            linter
                .report(step, span, "Any change of a file makes the install below run again")
                .label(packages::name_span(run, command), "the install")
                .help("copy the lock file, install, then copy the rest");
        }
    }
}
