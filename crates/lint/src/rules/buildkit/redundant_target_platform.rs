use crate::{Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, linter::Linter};
use dockerfile_parser::{Kind, Span};

pub(super) static RULE: Rule = Rule {
    code: "RedundantTargetPlatform",
    name: "redundant-target-platform",
    aliases: &["DL3065"],
    family: Family::Buildkit,
    levels: Levels::buildkit(None),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("redundant_target_platform.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let scopes = linter.scopes;
    for base in &scopes.bases {
        let Kind::From(from) = &base.step.instruction.kind else { continue };
        let (Some(text), Some(platform)) = (&from.platform, &base.platform) else { continue };
        let target = scopes.expand_global("$TARGETPLATFORM", '\\');
        if platform.matched != ["TARGETPLATFORM"] || platform.value != target {
            continue;
        }
        let flags = &base.step.instruction.flags;
        let flag = flags.first().filter(|_| flags.len() == 1);
        let edit =
            flag.map(|flag| Edit::delete(Span::new(flag.span.start, from.image.span().start)));
        let message = format!(
            "Setting platform to predefined {} in FROM is redundant as this is the default behavior",
            text.as_str()
        );
        linter
            .report(&base.step, text.span(), message)
            .help("leave the flag out")
            .fix(edit.map(|edit| Fix::safe("Leave the flag out", vec![edit])));
    }
}
