use crate::image::image_name;
use crate::linter::Step;
use crate::rules::commands::{base_name, copied};
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW1018",
    name: "unknown-user",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dw1018_unknown_user.md"),
    check,
};

/// Bases that are known to have no users but those of the distribution.
const BASES: [&str; 10] = [
    "alpine",
    "almalinux",
    "amazonlinux",
    "busybox",
    "centos",
    "debian",
    "fedora",
    "rockylinux",
    "ubuntu",
    "archlinux",
];

/// The users that one of them has.
const USERS: [&str; 54] = [
    "root",
    "daemon",
    "bin",
    "sys",
    "sync",
    "games",
    "man",
    "lp",
    "mail",
    "news",
    "uucp",
    "proxy",
    "www-data",
    "backup",
    "list",
    "irc",
    "gnats",
    "nobody",
    "_apt",
    "ubuntu",
    "adm",
    "halt",
    "shutdown",
    "operator",
    "ftp",
    "guest",
    "postmaster",
    "cron",
    "ntp",
    "sshd",
    "at",
    "squid",
    "xfs",
    "cyrus",
    "vpopmail",
    "smmsp",
    "svn",
    "postgres",
    "http",
    "dbus",
    "systemd-network",
    "systemd-resolve",
    "systemd-coredump",
    "tss",
    "polkitd",
    "messagebus",
    "utmp",
    "git",
    "uuidd",
    "alpm",
    "avahi",
    "systemd-oom",
    "systemd-timesync",
    "systemd-journal-remote",
];

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let (Kind::User(user), Some(stage)) = (&step.instruction.kind, step.stage) else {
            continue;
        };
        let name = user.split(':').next().unwrap_or_default().trim_matches(['"', '\'']);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && !name.contains('$');
        let lineage: Vec<usize> = linter.facts.lineage(stage).collect();
        let root = lineage.last().copied().unwrap_or(stage);
        let image = linter.model.stages.get(root).and_then(|stage| match &stage.from.kind {
            Kind::From(from) => linter.expand_from(&from.image),
            _ => None,
        });
        let facts = image
            .as_ref()
            .and_then(|image| linter.config.base_images.iter().find(|facts| facts.name == *image));
        let known = facts.and_then(|facts| facts.users.as_ref());
        let is_plain = image.as_ref().is_some_and(|image| {
            let name = image_name(image);
            let base = name.name.strip_prefix("library/").unwrap_or(name.name);
            name.registry.is_none_or(|registry| registry == "docker.io") && BASES.contains(&base)
        });
        let is_there = match known {
            Some(users) => users.iter().any(|user| user == name),
            None => !is_plain || USERS.contains(&name),
        };
        if !is_name || is_there {
            continue;
        }
        let may_add = |other: &&Step<'_>| {
            other.index < step.index
                && other.stage.is_some_and(|stage| lineage.contains(&stage))
                && may_add_user(linter, other, name)
        };
        if linter.steps().iter().any(|other| may_add(&other)) {
            continue;
        }
        linter
            .report(step, user.span(), format!("Nothing makes the user `{name}`"))
            .help(format!("make it in front, by `RUN useradd {name}` say, or write a number"));
    }
}

/// Tells whether a step may make users: it names this one, installs packages, which may bring users,
/// runs a program of the context, or copies into `/etc`.
fn may_add_user(linter: &Linter<'_>, step: &Step<'_>, name: &str) -> bool {
    let Kind::Run(_) = &step.instruction.kind else {
        let target = match &step.instruction.kind {
            Kind::Copy(copy) => Some(&copy.destination),
            _ => copied(step).map(|(_, target)| target),
        };
        let target = target.map(|target| target.trim_matches(['"', '\'']));
        return target.is_some_and(|target| {
            target == "/" || target.starts_with("/etc") || base_name(target) == "passwd"
        });
    };
    const OTHERS: [&str; 9] =
        ["install", "add", "adduser", "useradd", "passwd", "./", ".sh", "$", "sysusers"];
    let text = linter.source(step.instruction.span);
    text.contains(name) || OTHERS.iter().any(|word| text.contains(word))
}
