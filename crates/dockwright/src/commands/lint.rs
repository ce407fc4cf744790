//! `dockwright lint`

use std::path::{Path, PathBuf};

use dockerfile_parser::SourceText;
use dockwright_lint::{Applicability, Config, Diagnostic, Profile, Severity};

use super::usage;
use crate::cli::Session;
use crate::environment::Environment;
use crate::exit_code::Exit;
use crate::report::{self, Voice};
use crate::source_file::{self, SourceFile, display_name};
use crate::{find, print};

/// Find faults in Dockerfiles, and fix them
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Dockerfiles, or folders to search for them; `-` reads standard input
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// How findings are shown
    #[arg(short, long, value_enum, default_value = "tty")]
    format: Format,
    /// Whose rules, levels and triggers are in force
    #[arg(long, value_enum, default_value = "dockwright")]
    profile: ProfileName,
    /// Rule that is not checked, by any of its names; may be repeated
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    ignore: Vec<String>,
    /// Rule that is checked though the profile has it off; `all` for every rule
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    select: Vec<String>,
    /// Apply the safe fixes
    #[arg(long)]
    fix: bool,
    /// Apply also the fixes that may change what the image does
    #[arg(long)]
    unsafe_fixes: bool,
    /// Show what the fixes would change, and change nothing
    #[arg(long)]
    diff: bool,
    /// End with exit code 1 only for findings of this severity or worse
    #[arg(short = 't', long, value_name = "SEVERITY", default_value = "info", value_parser = severity)]
    failure_threshold: Severity,
    /// End with exit code 0 whatever is found
    #[arg(long)]
    no_fail: bool,
}

/// `--format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Format {
    /// For people, with the text at fault
    Tty,
    /// One JSON array, with hadolint's keys and more
    Json,
    /// Checkstyle's XML
    Checkstyle,
    /// Code Climate's objects
    Codeclimate,
    /// GitLab's code quality report
    #[value(alias = "gitlab")]
    GitlabCodeclimate,
    /// Lines as GNU programs print them
    Gnu,
    /// Codacy's objects
    Codacy,
    /// SonarQube's generic issues
    Sonarqube,
    /// SARIF 2.1.0
    Sarif,
    /// JUnit's XML
    Junit,
    /// Annotations of GitHub's workflows
    Github,
    /// reviewdog's diagnostics
    Rdjson,
}

/// `--profile`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ProfileName {
    /// Precise and quiet
    Dockwright,
    /// As hadolint reports
    Hadolint,
    /// As `docker build --check` reports
    Buildkit,
}

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
    let config = config(arguments);
    if let Some(unknown) = config.unknown_names().first() {
        let message = format!("no rule is called `{}` (`--{}`)", unknown.name, unknown.key);
        return usage(session, &message, "`docs/rules.md` lists all rules and their names");
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
        show(arguments, session, &all);
    }
    let worst = all.iter().flat_map(|linted| &linted.diagnostics).map(|found| found.severity).max();
    if unreadable {
        Exit::Usage
    } else if !arguments.no_fail && worst.is_some_and(|worst| worst >= arguments.failure_threshold)
    {
        Exit::Failure
    } else {
        Exit::Success
    }
}

fn config(arguments: &Arguments) -> Config {
    let mut config = Config::new(match arguments.profile {
        ProfileName::Dockwright => Profile::Dockwright,
        ProfileName::Hadolint => Profile::Hadolint,
        ProfileName::Buildkit => Profile::Buildkit,
    });
    config.ignore.clone_from(&arguments.ignore);
    config.select.clone_from(&arguments.select);
    config
}

/// The Dockerfiles that the arguments name, and whether one of them could not be looked at.
fn files(arguments: &Arguments, session: &Session) -> (Vec<PathBuf>, bool) {
    let mut files = Vec::new();
    let mut unreadable = false;
    for path in &arguments.paths {
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
    let name = if path == Path::new("-") { "-".to_owned() } else { display_name(path) };
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

fn show(arguments: &Arguments, session: &Session, all: &[Linted]) {
    let to_stderr = arguments.paths.iter().any(|path| path == Path::new("-"))
        && (arguments.fix || arguments.unsafe_fixes);
    let terminal = if to_stderr {
        session.environment.stderr_terminal
    } else {
        session.environment.stdout_terminal
    };
    let voice = match arguments.profile {
        ProfileName::Hadolint => Voice::Hadolint,
        ProfileName::Dockwright | ProfileName::Buildkit => Voice::Own,
    };
    let text = match arguments.format {
        Format::Tty => {
            report::tty::report(all, Environment::colours(terminal), session.environment.width)
        }
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
    };
    if to_stderr { print::error(&text) } else { print::output(&text) }
}

fn severity(text: &str) -> Result<Severity, String> {
    text.parse().map_err(|()| "it is one of error, warning, info, style".to_owned())
}
