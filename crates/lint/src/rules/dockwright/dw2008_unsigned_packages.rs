use crate::rules::commands;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW2008",
    name: "unsigned-packages",
    aliases: &[
        "CKV2_DOCKER_7",
        "CKV2_DOCKER_8",
        "CKV2_DOCKER_9",
        "CKV2_DOCKER_10",
        "CKV2_DOCKER_11",
    ],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw2008_unsigned_packages.md"),
    check,
};

const FLAGS: [&str; 9] = [
    "--allow-unauthenticated",
    "--force-yes",
    "--allow-untrusted",
    "--nogpgcheck",
    "--nodigest",
    "--nosignature",
    "--noverify",
    "--nofiledigest",
    "--no-gpg-checks",
];

fn check(linter: &mut Linter<'_>) {
    let names = ["apt-get", "apt", "apk", "yum", "dnf", "tdnf", "microdnf", "rpm", "zypper"];
    let message = "Packages without a signature are taken";
    let help = "import the key that signs the packages";
    commands::report_arguments(linter, &names, message, help, |_, word| {
        FLAGS.contains(&word.text.as_str())
    });
}
