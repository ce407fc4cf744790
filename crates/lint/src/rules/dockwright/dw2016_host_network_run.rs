use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW2016",
    name: "host-network-run",
    aliases: &["run-network-host", "S6431"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw2016_host_network_run.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for run in linter.runs() {
        if let Some(network) = run.run.network.as_ref().filter(|text| *text == "host") {
            linter
                .report(
                    &run.step,
                    network.span(),
                    "This step is on the network of the build machine",
                )
                .help("leave the flag out");
        }
    }
}
