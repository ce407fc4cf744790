//! `dockwright parse`

use std::path::{Path, PathBuf};

use dockerfile_parser::SourceText;
use serde_json::Value;

use super::usage;
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::print;
use crate::source_file::{self, display_name};

mod json;

/// Show what a Dockerfile says, as JSON or as a tree
///
/// One object a file on a line of its own; `docs/parse-output.md` describes it. The exit code is 1 if
/// a file is wrong; what is right in it is shown all the same.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Dockerfiles; `-` reads standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How the result is shown
    #[arg(short, long, value_enum, default_value = "json")]
    format: Format,
}

/// `--format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One JSON object a file, each on a line of its own
    Json,
    /// Indented lines for people
    Tree,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    let mut exit = Exit::Success;
    for path in &arguments.files {
        let bytes = match source_file::read(path) {
            Ok(bytes) => bytes,
            Err(message) => {
                exit = usage(session, &message, "the other files were read");
                continue;
            }
        };
        let name = if path == Path::new("-") { "-".to_owned() } else { display_name(path) };
        let source = SourceText::new(bytes);
        let value = json::file(&name, &source);
        let is_wrong = value["errors"].as_array().is_some_and(|errors| !errors.is_empty());
        if is_wrong && exit == Exit::Success {
            exit = Exit::Failure;
        }
        match arguments.format {
            Format::Json => print::output(&format!("{value}\n")),
            Format::Tree => {
                let mut text = String::new();
                tree(&mut text, &value, 0);
                print::output(&text);
            }
        }
    }
    exit
}

/// Writes a value as indented lines; empty parts and byte spans are left out.
fn tree(out: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter().filter(|(key, value)| is_shown(key, value)) {
                match value {
                    Value::Object(_) | Value::Array(_) => {
                        out.push_str(&format!("{indent}{key}:\n"));
                        tree(out, value, depth + 1);
                    }
                    value => out.push_str(&format!("{indent}{key}: {value}\n")),
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                match value {
                    Value::Object(_) => {
                        out.push_str(&format!("{indent}-\n"));
                        tree(out, value, depth + 1);
                    }
                    value => out.push_str(&format!("{indent}- {value}\n")),
                }
            }
        }
        value => out.push_str(&format!("{indent}{value}\n")),
    }
}

fn is_shown(key: &str, value: &Value) -> bool {
    let is_empty = match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    !is_empty && !key.ends_with("span")
}
