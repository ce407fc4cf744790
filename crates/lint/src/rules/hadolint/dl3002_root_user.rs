use crate::{
    Family, FixAvailability, Levels, Rule, Severity,
    linter::{Linter, Step},
};
use dockerfile_parser::{Kind, Text};

pub(super) static RULE: Rule = Rule {
    code: "DL3002",
    name: "root-user",
    aliases: &["DS-0002", "CKV_DOCKER_8", "S6471"],
    family: Family::Hadolint,
    levels: Levels::hadolint(Some(Severity::Warning), Some(Severity::Warning)),
    fix: FixAvailability::None,
    page: include_str!("dl3002_root_user.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let mut last: Option<(&Step<'_>, &Text<'_>)> = None;
    let mut found = Vec::new();
    for step in linter.steps() {
        match &step.instruction.kind {
            Kind::From(_) => found.extend(last.take()),
            // hadolint looks at stages alone.
            Kind::User(_) if step.stage.is_none() && linter.is_hadolint() => {}
            Kind::User(user) => last = Some((step, user)),
            _ => {}
        }
    }
    found.extend(last);
    for (step, user) in found {
        if linter.is_hadolint() && linter.has_blanks_behind(step) && !user.contains(':') {
            continue;
        }
        let is_root = ["root", "0"].iter().any(|name| {
            user.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        });
        if is_root {
            linter
                .report(step, user.span(), "Last USER should not be root")
                .help("set a `USER` with fewer rights after the steps that need root");
        }
    }
}
