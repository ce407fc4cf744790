use crate::linter::Step;
use crate::{Family, FixAvailability, Levels, Rule, Severity, linter::Linter};
use dockerfile_parser::Kind;

pub(super) static RULE: Rule = Rule {
    code: "DW3011",
    name: "early-argument",
    aliases: &[],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Info)),
    fix: FixAvailability::None,
    page: include_str!("dw3011_early_argument.md"),
    check,
};

/// Words that make an ARG one that is another in every build.
const WORDS: [&str; 10] = [
    "commit",
    "sha",
    "revision",
    "date",
    "timestamp",
    "buildnumber",
    "cachebust",
    "created",
    "githash",
    "nonce",
];

/// Two words that do.
const PAIRS: [&str; 5] = ["build_number", "build_id", "vcs_ref", "git_ref", "build_time"];

fn check(linter: &mut Linter<'_>) {
    let steps = linter.steps();
    for (at, step) in steps.iter().enumerate() {
        let Kind::Arg(arg) = &step.instruction.kind else { continue };
        for declaration in &arg.declarations {
            let name = declaration.name.as_str();
            let is_fixed = declaration.default.as_ref().is_some_and(|text| is_pinned(text));
            if step.stage.is_none() || is_fixed || !is_volatile(name) {
                continue;
            }
            let later = steps.iter().skip(at + 1).take_while(|later| later.stage == step.stage);
            let mut runs = later.filter(|later| matches!(later.instruction.kind, Kind::Run(_)));
            let mentions = |step: &Step<'_>| linter.source(step.instruction.span).contains(name);
            let Some(first) = runs.next().filter(|first| !mentions(first)) else { continue };
            let span = first.instruction.keyword.span();
            let message = format!("Each value of `{name}` makes the steps below run again");
            linter
                .report(step, declaration.name.span(), message)
                .label(span, "does not use it")
                .help(format!("declare `{name}` just in front of the step that uses it"));
        }
    }
}

fn is_volatile(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_word = |word: &str| lower.split(['_', '-']).any(|part| part == word);
    WORDS.iter().any(|word| is_word(word)) || PAIRS.iter().any(|pair| lower.contains(pair))
}

/// Tells whether a default is a digest or a commit: it changes with the file alone.
fn is_pinned(default: &str) -> bool {
    default.len() >= 7 && default.bytes().all(|byte| byte.is_ascii_hexdigit())
}
