//! `dockwright context`

use std::path::PathBuf;

use dockwright_builder::context_files;
use serde_json::{Value, json};

use super::{Format, build, failure, open_store};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::{human, print};

/// Look at a build context as COPY and ADD see it
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Ls(List),
}

/// List the files that the ignore file lets through, with their sizes
#[derive(Debug, clap::Args)]
struct List {
    /// The Dockerfile, which may have an ignore file of its own [default: CONTEXT/Dockerfile]
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Say which line of the ignore file leaves a path out
    #[arg(long, value_name = "PATH")]
    why: Option<String>,
    /// `text`, or `json` for programs
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// The directory
    #[arg(value_name = "CONTEXT", default_value = ".")]
    context: PathBuf,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    let Command::Ls(list) = &arguments.command;
    match tell(list, session) {
        Ok(text) => {
            print::output(&text);
            Exit::Success
        }
        Err(exit) => exit,
    }
}

fn tell(list: &List, session: &Session) -> Result<String, Exit> {
    let store = open_store(session)?;
    let request = build::context_request(list.file.as_deref(), &list.context, session, &store)?;
    let fail = |error| failure(session, &error, None);
    if let Some(path) = &list.why {
        let answer = dockwright_builder::why_ignored(&request, path).map_err(fail)?;
        return Ok(match (list.format, answer) {
            (Format::Json, rule) => format!("{:#}\n", json!({ "path": path, "left_out_by": rule })),
            (Format::Text, Some(rule)) => format!("{path} is left out by {rule}\n"),
            (Format::Text, None) => format!("{path} is in the context\n"),
        });
    }
    let files = context_files(&request).map_err(fail)?;
    let n_bytes: u64 = files.iter().map(|file| file.size_bytes).sum();
    if list.format == Format::Json {
        let files: Vec<Value> = files
            .iter()
            .map(|file| json!({ "path": file.path, "kind": file.kind, "size": file.size_bytes }))
            .collect();
        return Ok(format!("{:#}\n", json!({ "files": files, "size": n_bytes })));
    }
    let mut text = String::new();
    for file in &files {
        let line = format!("{:>10}  {}", file.size_bytes, file.path);
        text += &(crate::progress::harmless(line.as_bytes(), false) + "\n");
    }
    Ok(text + &format!("{} entries, {}\n", files.len(), human::size(n_bytes)))
}
