//! The reports of a run: one for each format, into the files of `--output` and then to standard output.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::settings::Settings;
use super::stream::{Look, Stream};
use super::{Arguments, Linted, Session, usage};
use crate::environment::{self, Environment};
use crate::exit_code::Exit;
use crate::print;
use crate::source_file::reason;

/// The reports, written while files are looked at.
pub(super) struct Reports<'a> {
    reports: Vec<(Stream, Place<'a>)>,
}

/// Where a report goes.
enum Place<'a> {
    File(&'a PathBuf, std::io::Result<BufWriter<File>>),
    /// Text that waits for the reports before it.
    Standard {
        waiting: String,
        is_error: bool,
    },
}

impl<'a> Reports<'a> {
    /// Opens the files and writes the heads.
    pub(super) fn open(
        arguments: &'a Arguments,
        settings: &Settings,
        session: &Session,
        is_called_hadolint: bool,
    ) -> Self {
        let mut reports = Self { reports: Vec::new() };
        if arguments.diff || arguments.write_baseline {
            return reports;
        }
        // Fixed text has standard output for itself.
        let is_error = arguments.paths.iter().any(|path| path == Path::new("-"))
            && (arguments.fix || arguments.unsafe_fixes);
        let terminal = if is_error {
            session.environment.stderr_terminal
        } else {
            session.environment.stdout_terminal
        };
        let colours = if is_called_hadolint {
            // hadolint asks no terminal.
            !settings.no_color && !environment::is_set("NO_COLOR")
        } else {
            !settings.no_color && Environment::colours(terminal)
        };
        let outputs = &arguments.shared.output;
        for (n, format) in settings.formats(outputs.len()).into_iter().enumerate() {
            let output = outputs.get(n).filter(|path| path.as_path() != Path::new("-"));
            let colours = colours && (output.is_none() || is_called_hadolint);
            let width = session.environment.width;
            let stream = Stream::new(format, Look { voice: settings.voice(), colours, width });
            let place = match output {
                Some(path) => Place::File(path, File::create(path).map(BufWriter::new)),
                None => Place::Standard { waiting: String::new(), is_error },
            };
            reports.reports.push((stream, place));
        }
        for (stream, place) in &mut reports.reports {
            place.write(&stream.head());
        }
        reports
    }

    /// Writes the findings of a file.
    pub(super) fn file(&mut self, linted: &Linted) {
        for (stream, place) in &mut self.reports {
            place.write(&stream.file(linted));
        }
    }

    /// Shows what waits, as far as no other report must come before it.
    pub(super) fn flush(&mut self) {
        let first = self.reports.iter_mut().find_map(|(_, place)| match place {
            Place::Standard { waiting, is_error } => Some((waiting, *is_error)),
            Place::File(..) => None,
        });
        if let Some((waiting, is_error)) = first {
            show(&std::mem::take(waiting), is_error);
        }
    }

    /// Writes the ends.
    ///
    /// # Errors
    ///
    /// Fails for a file that cannot be written, and has said so.
    pub(super) fn end(self, session: &Session) -> Result<(), Exit> {
        let mut outcome = Ok(());
        for (stream, mut place) in self.reports {
            place.write(&stream.end());
            match place {
                Place::Standard { waiting, is_error } => show(&waiting, is_error),
                Place::File(path, file) => {
                    if let Err(error) = file.and_then(|mut file| file.flush()) {
                        let message =
                            format!("cannot write `{}`: {}", path.display(), reason(&error));
                        let help = "name a file in a folder that can be written";
                        outcome = Err(usage(session, &message, help));
                    }
                }
            }
        }
        outcome
    }
}

impl Place<'_> {
    fn write(&mut self, text: &str) {
        match self {
            Self::Standard { waiting, .. } => waiting.push_str(text),
            Self::File(_, file) => {
                let written = file.as_mut().map_or(Ok(()), |file| file.write_all(text.as_bytes()));
                if let Err(error) = written {
                    *file = Err(error);
                }
            }
        }
    }
}

fn show(text: &str, is_error: bool) {
    if is_error {
        print::error(text);
    } else {
        print::output(text);
    }
}
