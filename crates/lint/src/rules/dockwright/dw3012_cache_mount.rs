use crate::rules::{commands, packages};
use crate::{Family, FixAvailability, Levels, Rule, linter::Linter};

pub(super) static RULE: Rule = Rule {
    code: "DW3012",
    name: "cache-mount",
    aliases: &["prefer-cache-mount"],
    family: Family::Dockwright,
    levels: Levels::ours(None),
    fix: FixAvailability::None,
    page: include_str!("dw3012_cache_mount.md"),
    check,
};

/// Programs, the words that make them fetch, and the place that a cache mount keeps.
const MANAGERS: [(&str, &[&str], &str); 12] = [
    ("npm", &["install", "ci", "i"], "/root/.npm"),
    ("pnpm", &["install", "i"], "/root/.local/share/pnpm/store"),
    ("yarn", &["install"], "/usr/local/share/.cache/yarn"),
    ("pip", &["install"], "/root/.cache/pip"),
    ("pip3", &["install"], "/root/.cache/pip"),
    ("uv", &["sync", "pip"], "/root/.cache/uv"),
    ("poetry", &["install"], "/root/.cache/pypoetry"),
    ("go", &["build", "install", "mod"], "/go/pkg/mod"),
    ("cargo", &["build", "install", "fetch"], "/usr/local/cargo/registry"),
    ("bundle", &["install"], "/usr/local/bundle/cache"),
    ("composer", &["install"], "/root/.composer/cache"),
    ("dotnet", &["restore", "publish", "build"], "/root/.nuget/packages"),
];

fn check(linter: &mut Linter<'_>) {
    for (run, command) in commands::all(linter) {
        let manager = MANAGERS.iter().find(|(name, words, _)| command.has(name, words));
        let Some((name, _, place)) = manager else { continue };
        let has_cache = run.run.mounts.iter().any(|mount| {
            packages::mount_field(mount, &["type"]).is_some_and(|kind| kind == "cache")
        });
        if !has_cache {
            let message = format!("`{name}` fetches everything again whenever this step runs");
            linter
                .report(&run.step, packages::name_span(run, command), message)
                .help(format!("keep what it fetched: `RUN --mount=type=cache,target={place}`"));
        }
    }
}
