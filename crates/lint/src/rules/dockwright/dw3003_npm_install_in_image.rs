use crate::rules::commands;
use crate::{Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW3003",
    name: "npm-install-in-image",
    aliases: &["npm-install-not-ci", "DD010"],
    family: Family::Dockwright,
    levels: Levels::ours(None),
    fix: FixAvailability::Sometimes(Applicability::Unsafe),
    page: include_str!("dw3003_npm_install_in_image.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for (run, command) in commands::all(linter) {
        let words = command.plain_arguments();
        let [order] = words[..] else { continue };
        let is_global = command.has_flag(&["g", "global"]);
        if command.is("npm") && matches!(order.text.as_str(), "install" | "i") && !is_global {
            let span = run.span(order.range.clone());
            let edit = Edit::replace(span, "ci");
            let is_bare = run.is_editable() && order.is_plain;
            linter
                .report(&run.step, span, "`npm install` does not keep to the lock file")
                .help("write `npm ci`")
                .fix(is_bare.then(|| Fix::unsafe_("Use `npm ci`", vec![edit])));
        }
    }
}
