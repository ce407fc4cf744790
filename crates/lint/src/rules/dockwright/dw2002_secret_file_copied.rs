use crate::rules::commands::{base_name, copied};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW2002",
    name: "secret-file-copied",
    aliases: &["DD052", "DD053"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Error)),
    fix: FixAvailability::None,
    page: include_str!("dw2002_secret_file_copied.md"),
    check,
};

const NAMES: [&str; 16] = [
    ".env",
    ".npmrc",
    ".netrc",
    ".pypirc",
    ".git-credentials",
    ".htpasswd",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    ".aws",
    ".ssh",
    ".dockercfg",
    ".docker",
    "kubeconfig",
    "credentials.json",
];
const ENDS: [&str; 5] = [".key", ".pfx", ".p12", ".keystore", ".jks"];

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Some((sources, _)) = copied(step) else { continue };
        for source in sources {
            let name = base_name(source);
            let is_secret = NAMES.contains(&name) || ENDS.iter().any(|end| name.ends_with(end));
            if is_secret {
                linter
                    .report(step, source.span(), format!("`{name}` usually holds secrets"))
                    .help("mount it for the step that needs it by `--mount=type=secret`");
            }
        }
    }
}
