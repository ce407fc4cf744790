//! `dockwright why`

use std::path::{Path, PathBuf};

use dockerfile_parser::{Instruction, Kind};
use dockwright_builder::{BuiltStep, Ended, LastBuild, Store};
use serde_json::{Value, json};

use super::{Format, build, cannot_start, open_store, usage};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::print;
use crate::source_file::{SourceFile, display_name};
use crate::why::{cause, head, sentence_of, snippet};

/// Say why the steps of the last build were executed
///
/// Each step that was executed is named with the first thing that made it so: a file, a variable, a
/// base image, a step above it. With LINE, the step of that line, also if it was in the cache.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The Dockerfile [default: CONTEXT/Dockerfile]
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// `text`, or `json` for programs
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// A line of the Dockerfile, and the build context [default: ., else that of the last build]
    #[arg(value_name = "LINE] [CONTEXT", num_args = 0..=2)]
    places: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match tell(arguments, session) {
        Ok(text) => {
            print::output(&text);
            Exit::Success
        }
        Err(exit) => exit,
    }
}

fn tell(arguments: &Arguments, session: &Session) -> Result<String, Exit> {
    let (line, context) = places(arguments, session)?;
    let store = open_store(session)?;
    let last = last_build(arguments.file.as_deref(), context.as_deref(), &store, session)?;
    let file = SourceFile::new(last.file.clone(), &last.dockerfile);
    let all = last.steps.iter().filter(|step| step.ended != Ended::NotNeeded);
    let steps: Vec<&BuiltStep> = match line {
        None => all.collect(),
        Some(line) => {
            let instruction = instruction_at(line, &last.dockerfile, &file, session)?;
            let steps: Vec<_> = all.filter(|step| step.span == instruction.0).collect();
            if steps.is_empty() && arguments.format == Format::Text {
                let head = head(&instruction.1, instruction.0, &file);
                let how = if instruction.2 {
                    "the last build did not need it"
                } else {
                    "it runs nothing by itself; what it sets counts in the steps below it"
                };
                return Ok(format!("{head}: {how}\n"));
            }
            steps
        }
    };
    Ok(match arguments.format {
        Format::Json => {
            let steps: Vec<Value> = steps.iter().map(|step| as_json(step, &file)).collect();
            format!("{:#}\n", json!({ "dockerfile": file.name, "steps": steps }))
        }
        Format::Text if line.is_some() => steps.iter().map(|step| as_text(step, &file)).collect(),
        Format::Text => {
            let executed = steps.iter().filter(|step| step.cause.is_some());
            let text: String = executed.map(|step| as_text(step, &file)).collect();
            if text.is_empty() { "every step was in the cache\n".to_owned() } else { text }
        }
    })
}

/// Finds the last build of the Dockerfile that is named. Where no context is, and the Dockerfile was
/// never built with the current directory, the last build with any: who has just built wants that.
fn last_build(
    file: Option<&Path>,
    context: Option<&Path>,
    store: &Store,
    session: &Session,
) -> Result<LastBuild, Exit> {
    let place = context.unwrap_or(Path::new("."));
    let path = build::context::dockerfile_path(file, place);
    let called = file.map(|_| display_name(&path));
    if let Some(found) = LastBuild::load(store, &build::history_name(file, place)) {
        return Ok(LastBuild { file: display_name(&path), ..found });
    }
    let newest = || LastBuild::newest(store, called.as_deref());
    let Some(found) = context.is_none().then(newest).flatten() else {
        let message = format!("no build of `{}` is known", display_name(&path));
        let help = "build it first, with this store and this context";
        return Err(cannot_start(session, &message, help));
    };
    print::error(&format!("of the last build, of {}:\n", found.file.escape_debug()));
    Ok(found)
}

/// Sorts out `[LINE] [CONTEXT]`.
fn places(
    arguments: &Arguments,
    session: &Session,
) -> Result<(Option<usize>, Option<PathBuf>), Exit> {
    let is_number = |text: &&String| text.bytes().all(|byte| byte.is_ascii_digit());
    let (line, context) = match arguments.places.as_slice() {
        [] => (None, None),
        [one] if is_number(&one) => (Some(one), None),
        [one] => (None, Some(one)),
        [line, context] if is_number(&line) => (Some(line), Some(context)),
        [line, ..] => {
            let message = format!("`{line}` is not the number of a line");
            return Err(usage(session, &message, "write it as `dockwright why 14 .`"));
        }
    };
    let line = line.map(|line| line.parse::<usize>()).transpose();
    let line = line.map_err(|_| usage(session, "the line number is too large", "see `wc -l`"))?;
    Ok((line, context.map(PathBuf::from)))
}

/// The place and the text of the instruction that a line belongs to, and whether it is a step.
fn instruction_at(
    line: usize,
    text: &str,
    file: &SourceFile,
    session: &Session,
) -> Result<(dockerfile_parser::Span, String, bool), Exit> {
    let parse = dockerfile_parser::parse(text);
    let holds =
        |one: &&Instruction<'_>| (one.lines.0 as usize..=one.lines.1 as usize).contains(&line);
    let Some(found) = parse.instructions.iter().find(holds) else {
        let message = format!("line {line} of `{}` holds no instruction", file.name);
        return Err(usage(session, &message, "name a line of an instruction, as it was built"));
    };
    let words: Vec<&str> = file.span_text(found.span).split_whitespace().collect();
    let is_step =
        matches!(found.kind, Kind::Add(_) | Kind::Copy(_) | Kind::Run(_) | Kind::Workdir(_));
    Ok((found.span, words.join(" "), is_step))
}

fn as_text(step: &BuiltStep, file: &SourceFile) -> String {
    let head = head(&step.title, step.span, file);
    let Some(cause) = &step.cause else {
        let how = match step.ended {
            Ended::Cached if step.kind == "image" => "the base image has not moved",
            Ended::Cached => {
                "cached: nothing that counts changed (times of files, owners in the context, and \
                 values of secrets never count)"
            }
            Ended::Executed => "it was executed",
            Ended::Failed => "it failed before it was looked up",
            Ended::NotReached => "the build ended before it",
            Ended::NotNeeded => "the build did not need it",
        };
        return format!("{head}: {how}\n");
    };
    let mut text = sentence_of(&step.title, step.span, cause, file) + "\n";
    text += &snippet(cause.span, file);
    for detail in &cause.details {
        let detail = crate::progress::harmless(detail.as_bytes(), false);
        text += &format!("  {detail}\n");
    }
    text
}

fn as_json(step: &BuiltStep, file: &SourceFile) -> Value {
    let (line, _) = file.position(step.span.start);
    json!({
        "line": line,
        "instruction": step.title,
        "stage": step.stage,
        "kind": step.kind,
        "outcome": step.ended,
        "key": step.key,
        "cause": step.cause.as_ref().map(|one| cause(one, file)),
    })
}
