use crate::rules::commands::{base_name, copied, is_secret_file};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW2002",
    name: "secret-file-copied",
    aliases: &["DD052", "DD053"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw2002_secret_file_copied.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let Some((sources, target)) = copied(step) else { continue };
        for source in sources {
            let name = base_name(source);
            let is_address = source.contains("://");
            if !is_address && is_secret_file(source) && !is_public_key(linter, name, target) {
                linter
                    .report(step, source.span(), format!("`{name}` usually holds secrets"))
                    .help("mount it for the step that needs it by `--mount=type=secret`");
            }
        }
    }
}

/// Words in the names of keys that packages are checked with, and in what takes them in.
const PUBLIC_NAMES: [&str; 8] =
    ["gpg", "pub", "repo", "apt", "rpm", "signing", "archive", "release"];
const KEY_PROGRAMS: [&str; 4] = ["apt-key", "gpg", "rpm", "keyring"];

/// Tells whether `NAME.key` is a public key of a package archive: by its name, its target, or a `RUN`
/// that takes it in.
fn is_public_key(linter: &Linter<'_>, name: &str, target: &str) -> bool {
    if !name.ends_with(".key") {
        return false;
    }
    let is_public = |text: &str| PUBLIC_NAMES.iter().any(|word| text.contains(word));
    let place = base_name(target);
    is_public(&name.to_ascii_lowercase())
        || is_public(&target.to_ascii_lowercase())
        || linter.runs().iter().any(|run| {
            (run.text.contains(name) || (!place.is_empty() && run.text.contains(place)))
                && KEY_PROGRAMS.iter().any(|program| run.text.contains(program))
        })
}
