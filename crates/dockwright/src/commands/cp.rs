//! `dockwright cp`

use std::path::{Path, PathBuf};

use dockwright_builder::Error;
use dockwright_builder::copy_out::ImagePath;

use super::export::refuse_terminal;
use super::{failure, open_store, require_whole_image, usage};
use crate::cli::Session;
use crate::exit_code::Exit;

/// Copy files out of an image
///
/// As with `docker cp`: a directory that does not exist yet becomes the copy, into one that exists
/// the copy goes under its own name; `DIR/.` means what is in a directory; `-` is a tar on standard
/// output.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Keep the owners of the files: root only
    #[arg(short, long)]
    archive: bool,
    /// Copy what a link at the end of the path leads to
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Accepted because docker has it: nothing is shown but errors
    #[arg(short, long)]
    quiet: bool,
    /// What to copy
    #[arg(value_name = "IMAGE:PATH")]
    source: String,
    /// Where to
    #[arg(value_name = "DESTINATION")]
    destination: PathBuf,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match copy(arguments, session) {
        Ok(()) => Exit::Success,
        Err(exit) => exit,
    }
}

fn copy(arguments: &Arguments, session: &Session) -> Result<(), Exit> {
    let fail = |error: Error| failure(session, &error, None);
    let Some((name, path)) = split_source(&arguments.source) else {
        let message = format!("`{}` does not name a file of an image", arguments.source);
        return Err(usage(session, &message, "write it as `IMAGE:/path`"));
    };
    let is_stream = arguments.destination == Path::new("-");
    refuse_terminal(is_stream, session)?;
    let destination = crate::environment::absolute(&arguments.destination)
        .map_err(|message| usage(session, &message, "name a file or a directory"))?;
    let store = open_store(session)?;
    let image = require_whole_image(session, &store, name)?;
    let source = ImagePath::find(&store, &image, path, arguments.follow_link).map_err(fail)?;
    if is_stream {
        let name = if source.name() == "/" { String::new() } else { source.name() };
        return source.write_tar(&name, std::io::stdout().lock()).map_err(fail);
    }
    let means_content = path.ends_with("/.") || path == "." || source.name() == "/";
    let ends_as_directory = arguments.destination.as_os_str().as_encoded_bytes().ends_with(b"/");
    let (directory, name) = place(&source, means_content, &destination, ends_as_directory)
        .map_err(|message| {
            usage(session, &message, "name a directory that exists, or a new name in one")
        })?;
    let is_archive = arguments.archive && session.environment.is_root;
    let owner = (!is_archive).then_some((0, 0));
    source.extract(&directory, &name, owner).map_err(fail)
}

/// Splits `IMAGE:PATH` at the first `:/`, else at the last colon: an image's own tag has one too.
fn split_source(source: &str) -> Option<(&str, &str)> {
    let absolute = source.find(":/").map(|at| (&source[..at], &source[at + 1..]));
    let (name, path) = absolute.or_else(|| source.rsplit_once(':'))?;
    (!name.is_empty() && !path.is_empty()).then_some((name, path))
}

/// Returns the directory that takes the copy and the name that it has there; an empty name stands
/// for what is in a directory (`docker cp`'s table).
fn place(
    source: &ImagePath,
    means_content: bool,
    destination: &Path,
    ends_as_directory: bool,
) -> Result<(PathBuf, String), String> {
    let shown = destination.display();
    if destination.is_dir() {
        let name = if source.is_directory && means_content { String::new() } else { source.name() };
        return Ok((destination.to_owned(), name));
    }
    let exists = destination.symlink_metadata().is_ok();
    if exists && source.is_directory {
        return Err(format!("a directory cannot be copied onto the file `{shown}`"));
    }
    if exists && ends_as_directory {
        return Err(format!("`{shown}` is not a directory"));
    }
    let parent = destination.parent().filter(|parent| parent.is_dir());
    let Some(parent) = parent else {
        return Err(format!("the directory of `{shown}` does not exist"));
    };
    if source.is_directory {
        std::fs::create_dir(destination)
            .map_err(|error| format!("cannot create `{shown}`: {error}"))?;
        return Ok((destination.to_owned(), String::new()));
    }
    if ends_as_directory {
        return Err(format!("the directory `{shown}` does not exist"));
    }
    let name = destination.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| format!("`{shown}` is no name that can be written here"))?;
    Ok((parent.to_owned(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_split() {
        for (source, expected) in [
            ("app:/etc", Some(("app", "/etc"))),
            ("app:1.0:/etc/x:y", Some(("app:1.0", "/etc/x:y"))),
            ("localhost:5000/app:1:/x", Some(("localhost:5000/app:1", "/x"))),
            ("app:etc", Some(("app", "etc"))),
            ("app", None),
            (":/x", None),
        ] {
            assert_eq!(split_source(source), expected, "{source}");
        }
    }
}
