//! References between stages.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{Model, Stage, StageRef, lower_case};
use crate::error::Fault;
use crate::{Instruction, Kind, SyntaxError, Text};

/// Finds what COPY --from and RUN --mount refer to, and the faults of it.
pub(super) fn find(model: &mut Model<'_, '_>) {
    let n_stages = model.stages.len();
    // The last stage of each name that something refers to.
    let mut last: HashMap<Cow<'_, str>, Option<usize>> = model
        .parse
        .instructions
        .iter()
        .flat_map(texts)
        .map(|(text, _)| (lower_case(text), None))
        .collect();
    if last.is_empty() {
        return;
    }
    for stage in &model.stages {
        if let Some(last) = stage.name.as_deref().and_then(|name| last.get_mut(name)) {
            *last = Some(stage.index);
        }
    }
    let mut references = Vec::new();
    for stage in &model.stages {
        for index in stage.instructions.clone() {
            let Some(instruction) = model.parse.instructions.get(index) else { continue };
            for (text, takes_number) in texts(instruction) {
                let found = match stage_number(text) {
                    Some(number) if takes_number => {
                        if number >= n_stages {
                            model.errors.push(*bad_number(text, n_stages));
                            continue;
                        }
                        Some(number)
                    }
                    _ => last.get(&*lower_case(text)).copied().flatten(),
                };
                let Some(found) = found else { continue };
                let reference = StageRef { instruction: index, stage: found, span: text.span() };
                references.push((stage.index, reference));
            }
        }
    }
    for (stage, reference) in references {
        if let Some(stage) = model.stages.get_mut(stage) {
            stage.references.push(reference);
        }
    }
    let cycles = cycles(&model.stages);
    for stage in &model.stages {
        let order = stage.references.iter().filter(|one| one.stage >= stage.index);
        for reference in order {
            let error = out_of_order(model, stage, reference, &cycles);
            model.errors.push(*error);
        }
    }
}

/// The texts of an instruction that name a stage, and whether a number is taken for one.
fn texts<'i, 'a>(
    instruction: &'i Instruction<'a>,
) -> impl Iterator<Item = (&'i Text<'a>, bool)> + use<'i, 'a> {
    let (from, mounts) = match &instruction.kind {
        Kind::Copy(copy) => (copy.from.as_ref(), [].as_slice()),
        Kind::Run(run) => (None, run.mounts.as_slice()),
        _ => (None, [].as_slice()),
    };
    let of_mounts = mounts
        .iter()
        .flat_map(|mount| mount.fields.iter().rev())
        .filter(|(key, _)| key.eq_ignore_ascii_case("from"))
        .filter_map(|(_, value)| Some((value.as_ref()?, false)))
        .filter(|(value, _)| !value.is_empty());
    from.map(|from| (from, true)).into_iter().chain(of_mounts)
}

/// A reference that is nothing but digits.
fn stage_number(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(usize::MAX))
}

fn bad_number(text: &Text<'_>, n_stages: usize) -> Fault {
    let message = format!("there is no stage number {text}");
    SyntaxError::graph("invalid-stage-number", text.span(), message)
        .help(format!("stages are counted from 0 to {}", n_stages.saturating_sub(1)))
}

fn out_of_order(
    model: &Model<'_, '_>,
    stage: &Stage<'_, '_>,
    reference: &StageRef,
    cycles: &[bool],
) -> Fault {
    let name = model.stages.get(reference.stage).map(Stage::display_name).unwrap_or_default();
    let is_cycle = reference.stage == stage.index
        || (cycles.get(stage.index) == Some(&true) && cycles.get(reference.stage) == Some(&true));
    if is_cycle {
        let message = format!("the stage `{name}` needs itself");
        return SyntaxError::graph("stage-cycle", reference.span, message)
            .help("take the files from another stage, or split the stage in two");
    }
    let message = format!("the stage `{name}` is defined only after this one");
    SyntaxError::graph("stage-order", reference.span, message)
        .help("move that stage above this one")
}

/// For every stage, whether it needs itself by any way.
fn cycles(stages: &[Stage<'_, '_>]) -> Vec<bool> {
    // Stages that need nothing which is left are taken away again and again; then the same along
    // the other direction. What stays stands on a cycle, or between two.
    let n_stages = stages.len();
    let needs: Vec<Vec<usize>> = stages.iter().map(|stage| stage.needs().collect()).collect();
    let mut needed_by = vec![Vec::new(); n_stages];
    for (index, needs) in needs.iter().enumerate() {
        for need in needs {
            needed_by[*need].push(index);
        }
    }
    let mut left = vec![true; n_stages];
    for (from, to) in [(&needs, &needed_by), (&needed_by, &needs)] {
        let count = |one: &Vec<usize>| one.iter().filter(|other| left[**other]).count();
        let mut counts: Vec<usize> = from.iter().map(count).collect();
        let mut open: Vec<usize> =
            (0..n_stages).filter(|index| left[*index] && counts[*index] == 0).collect();
        while let Some(index) = open.pop() {
            left[index] = false;
            for other in &to[index] {
                counts[*other] = counts[*other].saturating_sub(1);
                if counts[*other] == 0 && left[*other] {
                    open.push(*other);
                }
            }
        }
    }
    left
}
