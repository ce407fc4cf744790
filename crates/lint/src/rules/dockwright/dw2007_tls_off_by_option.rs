use crate::rules::{commands, packages};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW2007",
    name: "tls-off-by-option",
    aliases: &["tls-disabled-option", "CKV2_DOCKER_4", "CKV2_DOCKER_13", "CKV2_DOCKER_15"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw2007_tls_off_by_option.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for (run, command) in commands::all(linter) {
        let texts: Vec<&str> = command.arguments().iter().map(|word| word.text.as_str()).collect();
        let follows = |first: &str, second: &str| {
            texts.windows(2).any(|two| two[0].eq_ignore_ascii_case(first) && two[1] == second)
        };
        let is_off = match command.name() {
            Some(name) if name.starts_with("pip") => command.has_flag(&["trusted-host"]),
            Some("npm" | "yarn" | "pnpm") => {
                follows("strict-ssl", "false") || texts.contains(&"--strict-ssl=false")
            }
            Some("git") => {
                follows("http.sslverify", "false") || texts.contains(&"http.sslVerify=false")
            }
            Some("yum" | "dnf") => texts.iter().any(|text| {
                ["sslverify=0", "sslverify=false", "sslverify=no"]
                    .iter()
                    .any(|off| text.ends_with(off))
            }),
            _ => false,
        };
        if is_off {
            let span = packages::name_span(run, command);
            linter
                .report(&run.step, span, "Certificates are not checked")
                .help("add the certificate of the host to the image");
        }
    }
}
