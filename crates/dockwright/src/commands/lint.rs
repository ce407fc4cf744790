//! `dockwright lint`

use std::path::{Path, PathBuf};

use dockerfile_parser::SourceText;
use dockwright_lint::{Applicability, Config, Diagnostic, Profile};

use super::usage;
use crate::cli::Session;
use crate::environment::Environment;
use crate::exit_code::Exit;
use crate::report::{self, Voice};
use crate::source_file::{self, SourceFile, display_name, reason};
use crate::{find, print};

mod arguments;
mod settings;

pub(crate) use arguments::{Arguments, Shared};
use arguments::{Format, ProfileName};
use settings::Settings;

/// One file and what was found in it.
pub(crate) struct Linted {
    /// The file, for carets and positions.
    pub(crate) file: SourceFile,
    /// The findings, in order of position.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The codes of findings that were fixed.
    pub(crate) fixed: Vec<&'static str>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    let settings = match Settings::collect(&arguments.shared) {
        Ok(settings) => settings,
        Err(message) => return usage(session, &message, "correct it, or leave the file out"),
    };
    if settings.verbose {
        print::error(&format!("{settings:#?}\n"));
    }
    let config = settings.config(arguments.profile.into(), &arguments.select);
    if let Some(unknown) = config.unknown_names().first() {
        let message = format!("no rule is called `{}` (`{}`)", unknown.name, unknown.key);
        return usage(session, &message, "`dockwright rules` lists all rules and their names");
    }
    let (paths, mut unreadable) = files(arguments, session);
    let mut all = Vec::new();
    for path in &paths {
        match lint_file(path, arguments, &config) {
            Ok(linted) => all.push(linted),
            Err(message) => {
                usage(session, &message, "the other files were checked");
                unreadable = true;
            }
        }
    }
    if !arguments.diff {
        unreadable |= show(arguments, &settings, session, &all).is_err();
    }
    let worst = all.iter().flat_map(|linted| &linted.diagnostics).map(|found| found.severity).max();
    if unreadable {
        Exit::Usage
    } else if !settings.no_fail && worst.is_some_and(|worst| worst >= settings.failure_threshold) {
        Exit::Failure
    } else {
        Exit::Success
    }
}

/// The Dockerfiles that the arguments name, and whether one of them could not be looked at.
fn files(arguments: &Arguments, session: &Session) -> (Vec<PathBuf>, bool) {
    let mut files = Vec::new();
    let mut unreadable = false;
    let here = [PathBuf::from(".")];
    let paths = if arguments.paths.is_empty() { &here } else { arguments.paths.as_slice() };
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let found = find::dockerfiles(path);
        for message in &found.errors {
            usage(session, message, "the other folders were searched");
        }
        unreadable |= !found.errors.is_empty();
        if found.files.is_empty() && found.errors.is_empty() {
            let message = format!("there is no Dockerfile in `{}`", path.display());
            usage(session, &message, "name the file, or a folder with a `Dockerfile` below it");
            unreadable = true;
        }
        files.extend(found.files);
    }
    (files, unreadable)
}

fn lint_file(path: &Path, arguments: &Arguments, config: &Config) -> Result<Linted, String> {
    let bytes = source_file::read(path)?;
    let name = match &arguments.shared.file_path_in_report {
        Some(name) => name.clone(),
        None if path == Path::new("-") => "-".to_owned(),
        None => display_name(path),
    };
    let source = SourceText::new(bytes);
    let trust = match (arguments.fix || arguments.diff, arguments.unsafe_fixes) {
        (_, true) => Some(Applicability::Unsafe),
        (true, false) => Some(Applicability::Safe),
        (false, false) => None,
    };
    let Some(trust) = trust.filter(|_| source.is_utf8()) else {
        let diagnostics = dockwright_lint::lint_text(source.as_str(), config);
        return Ok(Linted {
            file: SourceFile::new(name, source.as_str()),
            diagnostics,
            fixed: Vec::new(),
        });
    };
    let fixed = dockwright_lint::fix(source.as_str(), config, trust);
    if arguments.diff {
        print::output(&crate::diff::unified(&name, source.as_str(), &fixed.text));
    } else if path == Path::new("-") {
        print::output(&fixed.text);
    } else if fixed.text != source.as_str() {
        source_file::replace(path, fixed.text.as_bytes())?;
    }
    let file = SourceFile::new(name, &fixed.text);
    Ok(Linted { file, diagnostics: fixed.remaining, fixed: fixed.applied })
}

/// Writes one report for each format, to the files of `--output` and then to standard output.
fn show(
    arguments: &Arguments,
    settings: &Settings,
    session: &Session,
    all: &[Linted],
) -> Result<(), Exit> {
    // Fixed text has standard output for itself.
    let to_stderr = arguments.paths.iter().any(|path| path == Path::new("-"))
        && (arguments.fix || arguments.unsafe_fixes);
    let terminal = if to_stderr {
        session.environment.stderr_terminal
    } else {
        session.environment.stdout_terminal
    };
    let look = Look {
        voice: arguments.profile.voice(),
        colours: !settings.no_color && Environment::colours(terminal),
        width: session.environment.width,
    };
    for (n, format) in settings.formats().iter().enumerate() {
        let output = arguments.shared.output.get(n);
        let look = Look { colours: look.colours && output.is_none(), ..look };
        let text = rendered(*format, all, look);
        match output {
            Some(path) => std::fs::write(path, text).map_err(|error| {
                let message = format!("cannot write `{}`: {}", path.display(), reason(&error));
                usage(session, &message, "name a file in a folder that can be written")
            })?,
            None if to_stderr => print::error(&text),
            None => print::output(&text),
        }
    }
    Ok(())
}

/// How a report looks.
#[derive(Clone, Copy)]
struct Look {
    voice: Voice,
    colours: bool,
    width: Option<usize>,
}

fn rendered(format: Format, all: &[Linted], look: Look) -> String {
    let voice = look.voice;
    match format {
        Format::Tty if voice == Voice::Hadolint => report::tty::lines(all, look.colours),
        Format::Tty => report::tty::report(all, look.colours, look.width),
        Format::Json => report::json::report(all, voice),
        Format::Checkstyle => report::checkstyle::report(all, voice),
        Format::Codeclimate => report::codeclimate::report(all, voice),
        Format::GitlabCodeclimate => report::codeclimate::gitlab(all, voice),
        Format::Gnu => report::gnu::report(all, voice),
        Format::Codacy => report::codacy::report(all, voice),
        Format::Sonarqube => report::sonarqube::report(all, voice),
        Format::Sarif => report::sarif::report(all, voice),
        Format::Junit => report::junit::report(all, voice),
        Format::Github => report::github::report(all),
        Format::Rdjson => report::rdjson::report(all),
    }
}

/// Runs hadolint's command line: `dockwright` called by the name `hadolint`.
pub(crate) fn run_as_hadolint(paths: Vec<PathBuf>, shared: Shared, session: &Session) -> Exit {
    if paths.is_empty() {
        usage(
            session,
            "please provide a Dockerfile",
            "`hadolint Dockerfile`, or `-` for standard input",
        );
        return Exit::Failure;
    }
    let arguments = Arguments {
        paths,
        profile: ProfileName::Hadolint,
        select: Vec::new(),
        fix: false,
        unsafe_fixes: false,
        diff: false,
        shared,
    };
    match run(&arguments, session) {
        // hadolint knows no other code for a failure.
        Exit::Usage => Exit::Failure,
        exit => exit,
    }
}

impl ProfileName {
    /// Who speaks in the reports.
    fn voice(self) -> Voice {
        match self {
            Self::Hadolint => Voice::Hadolint,
            Self::Dockwright | Self::Buildkit => Voice::Own,
        }
    }
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Dockwright => Self::Dockwright,
            ProfileName::Hadolint => Self::Hadolint,
            ProfileName::Buildkit => Self::Buildkit,
        }
    }
}
