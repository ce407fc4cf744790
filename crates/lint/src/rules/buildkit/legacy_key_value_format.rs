use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Profile, Rule, Severity,
    linter::Linter,
};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "LegacyKeyValueFormat",
    name: "legacy-key-value",
    aliases: &["legacy-key-value-format"],
    family: Family::Buildkit,
    levels: Levels::buildkit(Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("legacy_key_value_format.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    for step in linter.steps() {
        let (Kind::Env(pairs) | Kind::Label(pairs)) = &step.instruction.kind else { continue };
        if !pairs.legacy {
            continue;
        }
        let keyword = step.instruction.keyword.as_str();
        let message = format!(
            "\"{keyword} key=value\" should be used instead of legacy \"{keyword} key value\" format"
        );
        let Some(pair) = pairs.pairs.first() else { continue };
        // Elsewhere DW1002 tells of a blank before the `=`.
        if linter.config.profile != Profile::Buildkit && pair.value.starts_with('=') {
            continue;
        }
        let span = pair.name.span().cover(pair.value.span());
        let value = modern_value(pair.value.as_str(), linter.parse().escape);
        let is_bare = pair.name.is_verbatim() && !pair.name.contains(['"', '\'', '$']);
        let fix = value.filter(|_| is_bare).map(|value| {
            let edit = Edit::replace(span, format!("{}={value}", pair.name.as_str()));
            Fix::safe("Write it with `=`", vec![edit])
        });
        linter
            .report(step, span, message)
            .help(format!("write `{keyword} key=\"value\"`"))
            .fix(fix);
    }
}

/// Returns how `value` of the old form is written after a `=`; `None` when that is not plain.
fn modern_value(value: &str, escape: char) -> Option<String> {
    let is_safe = |c: char| c.is_alphanumeric() || "_-./:,@%+=~${}*?#!^&;<>|()[]".contains(c);
    if !value.is_empty() && value.chars().all(is_safe) {
        return Some(value.to_owned());
    }
    let is_one_quoted = |quote: char| {
        let inner = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        value.len() > 1 && inner.is_some_and(|inner| !inner.contains([quote, escape, '\n']))
    };
    if is_one_quoted('"') || is_one_quoted('\'') {
        return Some(value.to_owned());
    }
    let is_quotable = !value.contains(['"', '\'', escape, '\n', '`']);
    is_quotable.then(|| format!("\"{value}\""))
}
