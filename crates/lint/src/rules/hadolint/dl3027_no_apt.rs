use crate::rules::packages;
use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity, linter::Linter,
};

pub(super) static RULE: Rule = Rule {
    code: "DL3027",
    name: "no-apt",
    aliases: &["CKV_DOCKER_9", "DD024"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dl3027_no_apt.md"),
    check,
};

/// Orders that mean the same to `apt-get`.
const ORDERS: [&str; 11] = [
    "update",
    "upgrade",
    "install",
    "remove",
    "purge",
    "autoremove",
    "clean",
    "autoclean",
    "full-upgrade",
    "source",
    "build-dep",
];

fn check(linter: &mut Linter<'_>) {
    let message = "Do not use apt as it is meant to be an end-user tool, use apt-get or apt-cache \
                   instead";
    for run in linter.runs() {
        for command in run.script.commands.iter().filter(|command| command.is("apt")) {
            let span = packages::name_span(run, command);
            let order = command.plain_arguments().first().map(|word| word.text.as_str());
            let is_same = order.is_some_and(|order| ORDERS.contains(&order))
                && order != Some("full-upgrade")
                && run.is_editable()
                // hadolint would ask for versions then, which it does not of `apt`.
                && !(linter.is_hadolint() && command.has_any(&["install"]));
            let edit = Edit::replace(span, "apt-get");
            linter
                .report(&run.step, span, message)
                .help("write `apt-get`")
                .fix(is_same.then(|| Fix::safe("Use `apt-get`", vec![edit])));
        }
    }
}
