use crate::rules::packages;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW3008",
    name: "apk-update-for-nothing",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw3008_apk_update_for_nothing.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs() {
        let commands = &run.script.commands;
        let update = commands.iter().find(|command| command.has("apk", &["update"]));
        let mut adds = commands.iter().filter(|command| command.has("apk", &["add"])).peekable();
        let Some(update) = update.filter(|_| adds.peek().is_some()) else { continue };
        // Others read the lists: `apk upgrade`, `apk version`.
        let mut others = commands.iter().filter(|command| {
            command.is("apk")
                && !command.has_any(&["add", "update", "del"])
                && !command.has_flag(&["no-cache", "U", "update-cache"])
        });
        if others.next().is_none() && adds.all(|command| command.has_flag(&["no-cache"])) {
            let span = packages::name_span(run, update).cover(run.span(update.range.clone()));
            linter
                .report(&run.step, span, "`apk add --no-cache` needs no `apk update`")
                .help("leave `apk update` out");
        }
    }
}
