use crate::rules::commands::is_final;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW2022",
    name: "debug-in-image",
    aliases: &["debug-env", "S4507"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw2022_debug_in_image.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        if !is_final(linter, step.stage) {
            continue;
        }
        let Kind::Env(env) = &step.instruction.kind else { continue };
        for pair in &env.pairs {
            let name = pair.name.to_uppercase();
            let value = pair.value.trim_matches(['"', '\'']).to_lowercase();
            let is_debug = (name == "DEBUG" || name.ends_with("_DEBUG"))
                && matches!(value.as_str(), "1" | "true" | "on" | "yes" | "*");
            let is_development = (name.ends_with("_ENV") || name.ends_with("ENVIRONMENT"))
                && value.starts_with("dev");
            let is_php = name == "XDEBUG_MODE" && value.contains("debug");
            if is_debug || is_development || is_php {
                linter
                    .report(step, pair.name.span(), format!("`{}` is for development", pair.name))
                    .help("set it where the image is run for development");
            }
        }
    }
}
