use crate::{
    Applicability, Edit, Family, Fix, FixAvailability, Levels, Rule, Severity, linter::Linter,
};

pub(super) static RULE: Rule = Rule {
    code: "DW1003",
    name: "argument-out-of-scope",
    aliases: &["arg-out-of-scope"],
    family: Family::Dockwright,
    levels: Levels::ours(Some(Severity::Warning)),
    fix: FixAvailability::Sometimes(Applicability::Safe),
    page: include_str!("dw1003_argument_out_of_scope.md"),
    check,
};

fn check(linter: &mut Linter<'_>) {
    let scopes = linter.scopes;
    let mut done: Vec<(Option<usize>, &str)> = Vec::new();
    for word in &scopes.words {
        for undefined in word.undefined.iter().filter(|u| scopes.is_global(&u.name)) {
            let name = undefined.name.as_str();
            if done.contains(&(word.step.stage, name)) {
                continue;
            }
            done.push((word.step.stage, name));
            let start = word.step.instruction.span.start;
            let edit = Edit::insert(start, format!("ARG {name}\n"));
            let message = format!("`{name}` is declared only before the first `FROM`");
            linter
                .report(&word.step, word.text.span(), message)
                .help(format!("write `ARG {name}` in this stage"))
                .fix(Fix::safe(format!("Declare `{name}` in the stage"), vec![edit]));
        }
    }
}
