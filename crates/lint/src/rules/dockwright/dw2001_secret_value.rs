use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Span;

pub(super) static RULE: Rule = Rule {
    code: "DW2001",
    name: "secret-value",
    aliases: &["secrets-in-code", "DD058"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Error)),
    fix: FixAvailability::None,
    page: include_str!("dw2001_secret_value.md"),
    check,
};

/// A prefix, and how many characters of a token must follow at least.
const PREFIXES: [(&str, usize, &str); 13] = [
    ("AKIA", 16, "an AWS access key"),
    ("ASIA", 16, "an AWS access key"),
    ("ghp_", 36, "a GitHub token"),
    ("gho_", 36, "a GitHub token"),
    ("ghs_", 36, "a GitHub token"),
    ("github_pat_", 40, "a GitHub token"),
    ("glpat-", 20, "a GitLab token"),
    ("xoxb-", 20, "a Slack token"),
    ("xoxp-", 20, "a Slack token"),
    ("AIza", 35, "a Google key"),
    ("sk_live_", 20, "a Stripe key"),
    ("npm_", 36, "an npm token"),
    ("dckr_pat_", 20, "a Docker token"),
];

fn check(linter: &mut Linter<'_>) {
    // Most files hold none, and looking at the whole is faster than at every instruction.
    let source = linter.parse().source;
    let prefixes = PREFIXES.iter().filter(|(prefix, ..)| source.contains(prefix));
    let prefixes: Vec<(&str, usize, &str)> = prefixes.copied().collect();
    if prefixes.is_empty() && !source.contains("-----BEGIN ") {
        return;
    }
    for step in linter.steps() {
        let span = step.instruction.span;
        let text = linter.source(span);
        let mut found: Vec<(usize, usize, &str)> = Vec::new();
        for (at, _) in text.match_indices("-----BEGIN ") {
            let line = text[at..].lines().next().unwrap_or_default();
            if line.contains("PRIVATE KEY-----") {
                found.push((at, line.len(), "a private key"));
            }
        }
        for &(prefix, least, what) in &prefixes {
            for (at, _) in text.match_indices(prefix) {
                let is_start = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                let token = text[at + prefix.len()..]
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
                    .unwrap_or(text.len() - at - prefix.len());
                let exact = !prefix.ends_with(['_', '-']) && token != least;
                let rest = &text[at + prefix.len()..at + prefix.len() + token];
                if is_start && token >= least && !exact && !is_placeholder(rest) {
                    found.push((at, prefix.len() + token, what));
                }
            }
        }
        for (at, len, what) in found {
            let start = span.start + at as u32;
            linter
                .report(
                    step,
                    Span::new(start, start + len as u32),
                    format!("This looks like {what}"),
                )
                .help("revoke it, and use `RUN --mount=type=secret` for a new one");
        }
    }
}

/// Tells whether a token was made up: it says so, or hardly has different letters.
fn is_placeholder(token: &str) -> bool {
    let mut letters: Vec<u8> = token.bytes().collect();
    letters.sort_unstable();
    letters.dedup();
    letters.len() < 6 || token.to_ascii_uppercase().contains("EXAMPLE")
}
