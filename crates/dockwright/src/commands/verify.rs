//! `dockwright verify`

use dockwright_builder::reproduce::{self, FileLeak, Leak, Reproduction};
use serde_json::{Value, json};

use super::diff::{ConfigDifference, config_differences};
use super::{Format, build, failure, open_store};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::progress::{Progress, harmless};
use crate::report::{self, Level, Report};
use crate::source_file::SourceFile;
use crate::{human, print};

/// How many files of an instruction the text names.
const MAX_SHOWN: usize = 5;

/// Build twice under different circumstances, and name what does not come out the same
///
/// Takes the flags of `build`. Both builds begin with an empty cache; the second has another umask,
/// time zone, number of jobs and processors, other host names and process ids in its steps, and a
/// later clock. Nothing is tagged, written out or kept. Exit codes: 0 both images are the same; 1 they
/// differ, or a build failed; 2 wrong usage.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// How the answer is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    build: build::Arguments,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match verify(arguments, session) {
        Ok(true) => Exit::Success,
        Ok(false) => Exit::Failure,
        Err(exit) => exit,
    }
}

/// Returns whether all images came out the same.
fn verify(arguments: &Arguments, session: &Session) -> Result<bool, Exit> {
    let store = open_store(session)?;
    let prepared = build::request(&arguments.build, session, &store)?;
    let (mut request, file) = (prepared.request, prepared.file);
    let mut is_same = true;
    for platform in arguments.build.platforms() {
        request.platform = platform;
        let style = arguments.build.style();
        let mut shown = [style, style].map(|style| Progress::new(style, &session.environment));
        let mut started = [false; 2];
        let names = ["the first build", "the second build, under other circumstances"];
        let mut show = |n: usize, event| {
            if !started[n] {
                if n == 1 {
                    shown[0].rest();
                }
                started[n] = true;
                shown[n].note(names[n]);
            }
            shown[n].event(&event, &file);
        };
        let done = reproduce::reproduce(&request, &store, &mut show);
        shown.iter_mut().for_each(Progress::rest);
        let done = done.map_err(|error| failure(session, &error, Some(&file)))?;
        is_same &= done.is_same();
        match arguments.format {
            Format::Text => tell(&done, session, &file),
            Format::Json => print::output(&format!("{:#}\n", as_json(&done, &file))),
        }
    }
    Ok(is_same)
}

fn tell(done: &Reproduction, session: &Session, file: &SourceFile) {
    let [first, second] = reproduce::digests(done);
    if done.is_same() {
        print::output(&format!("reproducible: {first}\n"));
        return;
    }
    for leak in &done.leaks {
        let report = Report {
            level: Level::Error,
            code: None,
            message: sentence(leak),
            help: Some(details(leak)),
            place: Some((file, leak.span)),
        };
        report::error(&session.environment, &report);
    }
    let config = config(done);
    if done.leaks.is_empty() {
        for (path, before, after) in &config {
            let value =
                |value: &Option<Value>| value.as_ref().map_or_else(String::new, Value::to_string);
            print::error(&format!("{path}: {} → {}\n", value(before), value(after)));
        }
    }
    print::output(&format!("not reproducible: {first} and {second}\n"));
}

/// What differs between the configurations, but for layers.
fn config(done: &Reproduction) -> Vec<ConfigDifference> {
    config_differences(&done.images[0], &done.images[1])
}

/// What an instruction makes differently, in one sentence.
fn sentence(leak: &Leak) -> String {
    let Some(first) = leak.files.first().filter(|file| !file.path.is_empty()) else {
        return "the layer of this instruction comes out differently".to_owned();
    };
    let (path, fields) = (shown_path(first), first.fields.join(", "));
    let more = match leak.n_files - 1 {
        0 => String::new(),
        1 => ", and another file".to_owned(),
        n => format!(", and {n} other files"),
    };
    format!("this instruction is not reproducible: `{path}` differs ({fields}){more}")
}

/// The files, and where their contents part.
fn details(leak: &Leak) -> String {
    let mut lines = Vec::new();
    let mut said = Vec::new();
    for file in leak.files.iter().take(MAX_SHOWN).filter(|file| !file.path.is_empty()) {
        let mut line = format!("{}: {}", shown_path(file), file.fields.join(", "));
        if let Some(trace) = &file.trace {
            line += &format!(" at byte {}: `{}` → `{}`", trace.offset, trace.first, trace.second);
            said.extend(trace.advice.filter(|advice| !said.contains(advice)));
        }
        lines.push(harmless(line.as_bytes(), false));
    }
    if leak.n_files > lines.len() && !lines.is_empty() {
        lines.push(format!("and {} more (`--format json` lists them)", leak.n_files - lines.len()));
    }
    lines.extend(said.into_iter().map(str::to_owned));
    if lines.is_empty() {
        lines.push("the files are the same, the archive of the layer is not".to_owned());
    }
    lines.join("\n")
}

fn shown_path(file: &FileLeak) -> String {
    format!("/{}", file.path.escape_ascii())
}

fn as_json(done: &Reproduction, file: &SourceFile) -> Value {
    let leaks = done.leaks.iter().map(|leak| {
        let (line, _) = file.position(leak.span.start);
        let files = leak.files.iter().map(|one| {
            json!({
                "path": (!one.path.is_empty()).then(|| shown_path(one)),
                "fields": one.fields,
                "offset": one.trace.as_ref().map(|trace| trace.offset),
                "first": one.trace.as_ref().map(|trace| &trace.first),
                "second": one.trace.as_ref().map(|trace| &trace.second),
                "advice": one.trace.as_ref().and_then(|trace| trace.advice),
            })
        });
        json!({
            "line": line,
            "span": [leak.span.start, leak.span.end],
            "instruction": human::one_line(&leak.title),
            "nFiles": leak.n_files,
            "files": files.collect::<Vec<_>>(),
        })
    });
    let config = if done.is_same() { Vec::new() } else { config(done) };
    let config = config.into_iter();
    let config = config.map(|(path, a, b)| json!({ "path": path, "first": a, "second": b }));
    json!({
        "dockerfile": file.name,
        "reproducible": done.is_same(),
        "images": reproduce::digests(done).map(|digest| digest.to_string()),
        "instructions": leaks.collect::<Vec<_>>(),
        "config": config.collect::<Vec<_>>(),
    })
}
