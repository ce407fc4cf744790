//! `dockwright fmt`

use std::path::{Path, PathBuf};

use dockerfile_parser::{FormatOptions, SourceText, Span};

use super::usage;
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::source_file::{self, display_name};
use crate::{diff, editor_config, find, print};

/// Give Dockerfiles their canonical spelling; what they mean does not change
///
/// The indent of continued lines is that of EditorConfig files (`indent_style`, `indent_size`), else
/// four spaces.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Dockerfiles, or folders to search for them; `-` reads standard input
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Change nothing; name the files that would change, and end with exit code 1 if there are any
    #[arg(long)]
    check: bool,
    /// Change nothing; show what would change, and end with exit code 1 if that is anything
    #[arg(long)]
    diff: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    let mut is_unreadable = false;
    let mut is_different = false;
    for path in &arguments.paths {
        let files = if path.is_dir() {
            let found = find::dockerfiles(path);
            for message in &found.errors {
                usage(session, message, "the other folders were searched");
                is_unreadable = true;
            }
            found.files
        } else {
            vec![path.clone()]
        };
        if files.is_empty() {
            let message = format!("there is no Dockerfile in `{}`", path.display());
            usage(session, &message, "name the file, or a folder with a `Dockerfile` below it");
            is_unreadable = true;
        }
        for file in files {
            match format_file(&file, arguments) {
                Ok(changes) => is_different |= changes,
                Err(message) => {
                    usage(session, &message, "the other files were formatted");
                    is_unreadable = true;
                }
            }
        }
    }
    match (is_unreadable, is_different && (arguments.check || arguments.diff)) {
        (true, _) => Exit::Usage,
        (false, true) => Exit::Failure,
        (false, false) => Exit::Success,
    }
}

/// Formats one file; tells whether its text changes.
fn format_file(path: &Path, arguments: &Arguments) -> Result<bool, String> {
    let source = SourceText::new(source_file::read(path)?);
    let is_stdin = path == Path::new("-");
    let indent = editor_config::indent(path).unwrap_or(FormatOptions::default().indent);
    let formatted = source.format(&FormatOptions { indent });
    let before = source.bytes(Span::new(0, source.as_str().len() as u32));
    let is_different = formatted != before;
    let name = if is_stdin { "-".to_owned() } else { display_name(path) };
    if arguments.diff {
        let text = String::from_utf8_lossy;
        print::output(&diff::unified(&name, &text(before), &text(&formatted)));
    } else if arguments.check {
        if is_different {
            print::output(&format!("{name}\n"));
        }
    } else if is_stdin {
        print::bytes(&formatted);
    } else if is_different {
        source_file::replace(path, &formatted)?;
    }
    Ok(is_different)
}
