use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::{Kind, Text};

pub(super) static RULE: Rule = Rule {
    code: "DW2006",
    name: "tls-off-by-variable",
    aliases: &[
        "tls-disabled-env",
        "CKV2_DOCKER_5",
        "CKV2_DOCKER_6",
        "CKV2_DOCKER_12",
        "CKV2_DOCKER_14",
        "CKV2_DOCKER_16",
    ],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw2006_tls_off_by_variable.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let pairs: Vec<(&Text<'_>, &str)> = match &step.instruction.kind {
            Kind::Env(env) => {
                env.pairs.iter().map(|pair| (&pair.name, pair.value.as_str())).collect()
            }
            Kind::Arg(arg) => {
                let set = arg.declarations.iter();
                set.filter_map(|arg| Some((&arg.name, arg.default.as_ref()?.as_str()))).collect()
            }
            _ => continue,
        };
        for (name, value) in pairs {
            let value = value.trim_matches(['"', '\'']);
            let is_off = match name.to_uppercase().as_str() {
                "NODE_TLS_REJECT_UNAUTHORIZED" | "PYTHONHTTPSVERIFY" => value == "0",
                "NPM_CONFIG_STRICT_SSL" => value.eq_ignore_ascii_case("false"),
                "GIT_SSL_NO_VERIFY" => !matches!(value, "" | "0" | "false"),
                "PIP_TRUSTED_HOST" => !value.is_empty(),
                _ => false,
            };
            if is_off {
                linter
                    .report(step, name.span(), format!("`{name}` turns certificate checks off"))
                    .help("add the certificate of the host to the image");
            }
        }
    }
}
