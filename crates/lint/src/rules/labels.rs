//! The label schema: which labels must be there, and what their values must be.

use dockerfile_parser::{Kind, Pair};

use crate::{
    LabelKind,
    linter::{Linter, Step},
};

/// Returns every pair of every LABEL.
pub(super) fn pairs<'m>(linter: &Linter<'m>) -> Vec<(&'m Step<'m>, &'m Pair<'m>)> {
    let mut pairs = Vec::new();
    for step in linter.steps() {
        if let Kind::Label(label) = &step.instruction.kind {
            pairs.extend(label.pairs.iter().map(|pair| (step, pair)));
        }
    }
    pairs
}

/// Reports the labels of `kind` whose value `is_valid` refuses.
pub(super) fn check(
    linter: &mut Linter<'_>,
    kind: LabelKind,
    is_valid: fn(&str) -> bool,
    what: &str,
) {
    for (step, pair) in pairs(linter) {
        let name = unquoted(&pair.name);
        let schema = &linter.config.label_schema;
        let is_meant = schema.iter().any(|(known, of)| *known == name && *of == kind);
        if is_meant && !is_valid(&unquoted(&pair.value)) {
            let message = if kind == LabelKind::Semver {
                format!("Label `{name}` does not conform to semantic versioning.")
            } else {
                format!("Label `{name}` is not a valid {what}.")
            };
            linter.report(step, pair.value.span(), message);
        }
    }
}

/// Returns the stages that have the label `name`, and those whose content goes into one that has
/// it.
pub(super) fn stages_with(linter: &Linter<'_>, name: &str) -> Vec<usize> {
    if linter.is_hadolint() {
        return hadolint_stages_with(linter, name);
    }
    let mut stages: Vec<usize> = pairs(linter)
        .into_iter()
        .filter(|(_, pair)| unquoted(&pair.name) == name)
        .filter_map(|(step, _)| step.stage)
        .collect();
    let n_stages = linter.model.stages.len();
    let own = stages.clone();
    stages.extend(
        (0..n_stages).filter(|stage| linter.facts.lineage(*stage).any(|up| own.contains(&up))),
    );
    // A used stage comes before its user, so one pass from the end is enough.
    for stage in linter.model.stages.iter().rev() {
        if stages.contains(&stage.index) {
            stages.extend(linter.facts.parents.get(stage.index).copied().flatten());
            let copied = stage.references.iter().filter(|reference| {
                linter
                    .steps()
                    .get(reference.instruction)
                    .is_some_and(|step| matches!(step.instruction.kind, Kind::Copy(_)))
            });
            stages.extend(copied.map(|reference| reference.stage));
        }
    }
    stages
}

/// Returns the stages that hadolint excuses: with the label, based on one that has it, the base of one
/// that sets it, or named by the `--from` of a COPY.
fn hadolint_stages_with(linter: &Linter<'_>, name: &str) -> Vec<usize> {
    let mut labelled: Vec<usize> = Vec::new();
    let mut excused: Vec<usize> = Vec::new();
    for step in linter.steps() {
        let Some(stage) = step.stage else { continue };
        let parent = linter.facts.parents.get(stage).copied().flatten();
        match &step.instruction.kind {
            Kind::From(_) if parent.is_some_and(|parent| labelled.contains(&parent)) => {
                labelled.push(stage);
            }
            Kind::Label(pairs) if pairs.pairs.iter().any(|pair| unquoted(&pair.name) == name) => {
                labelled.push(stage);
                excused.extend(parent);
            }
            Kind::Copy(copy) => {
                let from = copy.from.as_ref().map(|from| from.as_str());
                let named = linter.model.stages.iter().filter(|stage| match &stage.from.kind {
                    Kind::From(stage) => {
                        from.is_some() && stage.name.as_ref().map(|name| name.as_str()) == from
                    }
                    _ => false,
                });
                excused.extend(named.map(|stage| stage.index));
            }
            _ => {}
        }
    }
    labelled.extend(excused);
    labelled
}

/// Returns `text` without the quotes around it.
pub(super) fn unquoted(text: &str) -> String {
    for quote in ['"', '\''] {
        let inner = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner.to_owned();
        }
    }
    text.to_owned()
}

/// Tells whether `text` is an absolute URI (RFC 3986).
pub(super) fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let is_url_char = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(is_scheme_char)
        && rest.chars().all(is_url_char)
        && rest.split('%').skip(1).all(|part| {
            part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit())
        })
}

/// Tells whether `text` is a time of RFC 3339, as hadolint reads it: the year has any number of digits,
/// and the offset may lack its colon.
pub(super) fn is_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else { return false };
    let number = |text: &str, length: usize| {
        let is_number = text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse::<u32>().ok()).flatten()
    };
    let Some((year, (month, day))) =
        date.split_once('-').and_then(|(year, rest)| Some((year, rest.split_once('-')?)))
    else {
        return false;
    };
    let Some(year) = number(year, year.len()) else { return false };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match number(month, 2) {
        Some(2) if is_leap => 29,
        Some(2) => 28,
        Some(4 | 6 | 9 | 11) => 30,
        Some(1..=12) => 31,
        _ => return false,
    };
    let is_day = number(day, 2).is_some_and(|day| (1..=days).contains(&day));
    let (clock, rest) = time.split_at_checked(8).unwrap_or_default();
    let parts: Vec<Option<u32>> = clock.split(':').map(|part| number(part, 2)).collect();
    let is_clock = matches!(parts[..], [Some(0..=23), Some(0..=59), Some(0..=60)]);
    let rest = rest
        .strip_prefix('.')
        .map_or(rest, |fraction| fraction.trim_start_matches(|c: char| c.is_ascii_digit()));
    let offset = rest.strip_prefix(['+', '-']).unwrap_or_default();
    let digits = match offset.split_once(':') {
        Some((hours, minutes)) if hours.len() == 2 => format!("{hours}{minutes}"),
        _ => offset.to_owned(),
    };
    let is_zone = matches!(rest, "Z" | "z") || number(&digits, 4).is_some();
    is_day && is_clock && is_zone
}

/// Ids of SPDX licences without the family of versions, which is matched by rule.
const LICENCES: &str = include_str!("spdx.txt");

/// Tells whether `text` is the id of an SPDX licence.
pub(super) fn is_licence(text: &str) -> bool {
    LICENCES.lines().any(|line| line == text.trim_end())
}

/// Tells whether `text` is 7 or 40 lower-case hexadecimal digits.
pub(super) fn is_hash(text: &str) -> bool {
    matches!(text.len(), 7 | 40)
        && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Tells whether `text` is a version as hadolint reads it: three numbers, and words behind `-` and `+`.
pub(super) fn is_version(text: &str) -> bool {
    let (text, build) = text.split_once('+').map_or((text, ""), |(text, build)| (text, build));
    let (core, pre) = text.split_once('-').map_or((text, ""), |(core, pre)| (core, pre));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let are_words = |text: &str| text.is_empty() || text.split('.').all(is_word);
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && are_words(pre)
        && are_words(build)
}

/// Tells whether `text` is a mail address as hadolint reads RFC 5322: a domain of letters, digits and
/// dashes, and comments in parentheses.
pub(super) fn is_mail(text: &str) -> bool {
    let mut text = text.trim_end().to_owned();
    while let Some((start, end)) = text.find('(').zip(text.find(')')).filter(|(a, b)| a < b) {
        text.replace_range(start..=end, "");
    }
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_atom_char = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
    let is_dot_atom =
        |text: &str| text.split('.').all(|part| !part.is_empty() && part.chars().all(is_atom_char));
    let is_quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    let is_literal = domain.starts_with('[') && domain.ends_with(']');
    let is_part = |part: &str| {
        let is_inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(is_inner)
    };
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    (is_dot_atom(local) || is_quoted) && (domain.split('.').all(is_part) || is_literal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(is_valid: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(is_valid(text), "{text}");
        }
        for text in bad {
            assert!(!is_valid(text), "{text}");
        }
    }

    #[test]
    fn values() {
        check(is_url, &["https://a.b/c?d#e", "mailto:a@b"], &["a.b", "not a url", "://x"]);
        check(
            is_time,
            &["2026-08-01T12:00:00Z", "2026-08-01T12:00:00.5+01:00"],
            &["2026-08-01", "2026-13-01T12:00:00Z", "2026-08-01T12:00:00", "2026-02-29T12:00:00Z"],
        );
        check(is_licence, &["MIT", "BSD-3-Clause"], &["free", "MIT OR Apache-2.0", ""]);
        check(is_hash, &["43c572f", &"0".repeat(40)], &["43C572F", "43c572", ""]);
        check(is_version, &["1.2.3", "1.0.0-rc.1+b", "01.2.3"], &["1.2", "v1.2.3", "1.2.3-a..b"]);
        check(is_mail, &["a@b.c", "a.b+c@d", "a(c)@b."], &["a", "a@", "@b", "a b@c", "a@b_c"]);
    }
}
