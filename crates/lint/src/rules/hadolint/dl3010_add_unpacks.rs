use crate::{
    Family, FixAvailability, Levels, Rule, Severity,
    linter::{Linter, Step},
};
use dockerfile_parser::{Kind, Span};

pub(super) static RULE: Rule = Rule {
    code: "DL3010",
    name: "add-unpacks",
    aliases: &[],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Info), Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dl3010_add_unpacks.md"),
    check,
};

const TAR_FLAGS: [&str; 2] = ["--extract", "--get"];
const PROGRAMS: [&str; 8] =
    ["unzip", "gunzip", "bunzip2", "unlzma", "unxz", "zgz", "uncompress", "zcat"];

fn check(linter: &mut Linter<'_>) {
    let mut copies: Vec<(&Step<'_>, Span, &str)> = Vec::new();
    let runs = linter.runs();
    let mut found: Vec<(&Step<'_>, Span)> = Vec::new();
    for step in linter.steps() {
        match &step.instruction.kind {
            Kind::From(_) => copies.clear(),
            Kind::Copy(copy) if copy.from.is_none() => {
                let target = base_name(&copy.destination);
                if crate::files::is_archive_name(target) {
                    copies.push((step, copy.destination.span(), target));
                } else {
                    let sources = copy.sources.iter().map(|source| (source, base_name(source)));
                    let archives = sources.filter(|(_, name)| crate::files::is_archive_name(name));
                    copies.extend(archives.map(|(source, name)| (step, source.span(), name)));
                }
            }
            Kind::Run(_) => {
                let at = runs.partition_point(|run| run.step.index < step.index);
                let commands = runs.get(at).map_or(&[][..], |run| &run.script.commands);
                for command in commands.iter().filter(|command| unpacks(command)) {
                    let words = command.plain_arguments();
                    let unpacked = |name: &str| words.iter().any(|w| base_name(&w.text) == name);
                    let hits = copies.iter().filter(|(_, _, name)| unpacked(name));
                    found.extend(hits.map(|(step, span, _)| (*step, *span)));
                }
            }
            _ => {}
        }
    }
    found.sort_by_key(|(_, span)| *span);
    found.dedup_by_key(|(_, span)| *span);
    for (step, span) in found {
        linter
            .report(step, span, "Use `ADD` for extracting archives into an image")
            .help("`ADD` a local archive, which unpacks it, and drop the `RUN` that does");
    }
}

fn unpacks(command: &crate::shell::Command) -> bool {
    let Some(name) = command.name() else { return false };
    let is_tar = name == "tar"
        && command.arguments().iter().any(|word| {
            let is_short = word.text.starts_with('-') && !word.text.starts_with("--");
            TAR_FLAGS.contains(&word.text.as_str()) || (is_short && word.text.contains('x'))
        });
    is_tar || PROGRAMS.contains(&name) || name == "gzcat"
}

fn base_name(path: &str) -> &str {
    let path = path.trim_matches(['"', '\'']);
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
