//! `dockwright lint`

use std::path::{Path, PathBuf};
use std::rc::Rc;

use dockerfile_parser::SourceText;
use dockwright_lint::{Applicability, Config, Diagnostic, Profile, Severity, ShellCache};

use super::usage;
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::report::{self, Level, Report, Voice};
use crate::source_file::{self, SourceFile, display_name};
use crate::{find, print};

mod arguments;
mod base;
mod baseline;
mod by_file;
mod context;
mod graph;
mod parallel;
mod project;
mod reports;
mod settings;
mod stream;

pub(crate) use arguments::{Arguments, Shared};
use arguments::{Format, ProfileName};
use base::Bases;
use baseline::Baseline;
use by_file::{ByFile, InForce, Refused};
use reports::Reports;
use settings::Settings;

/// One file and what was found in it.
pub(crate) struct Linted {
    /// Its path; `-` for standard input.
    pub(crate) path: PathBuf,
    /// Its path for messages, whatever `--file-path-in-report` says.
    pub(crate) name: String,
    /// The file, for carets and positions.
    pub(crate) file: SourceFile,
    /// The findings, in order of position.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The codes of findings that were fixed.
    pub(crate) fixed: Vec<&'static str>,
    /// What goes to standard output beside the reports: a diff, or standard input with its fixes.
    pub(crate) output: String,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    lint(arguments, session, false)
}

fn lint(arguments: &Arguments, session: &Session, is_called_hadolint: bool) -> Exit {
    let mut by_file = ByFile::new(arguments, is_called_hadolint);
    let (of_run, mut unreadable) = match of_run(&mut by_file, session) {
        Ok(of_run) => of_run,
        Err(exit) => return exit,
    };
    for note in &of_run.settings.notes {
        print::error(&format!("hadolint: {note}; it is left out\n"));
    }
    if of_run.settings.verbose {
        print::error(&format!("{:#?}\n", of_run.settings));
    }
    let mut known = match baseline(arguments, &of_run) {
        Ok(known) => known,
        Err(message) => {
            return usage(session, &message, "write it anew with `--write-baseline`");
        }
    };
    let (paths, is_missing) = files(arguments, session);
    unreadable |= is_missing;
    let mut run = Run {
        arguments,
        session,
        known: &mut known,
        reports: Reports::open(arguments, &of_run.settings, session, is_called_hadolint),
        unreadable,
        fails: false,
    };
    let shell_cache = ShellCache::default();
    let mut bases = None;
    for paths in paths.chunks(N_FILES_AT_ONCE) {
        let (mut jobs, mut in_force) = (Vec::new(), Vec::new());
        for path in paths {
            let settings = match by_file.of(path) {
                Ok(settings) => settings,
                Err(refused) => {
                    refuse(session, refused);
                    run.unreadable = true;
                    // What is found is told all the same, but nothing is changed that may not be meant.
                    match by_file.by_command_line() {
                        Ok(settings) if !arguments.changes_files() => settings,
                        _ => continue,
                    }
                }
            };
            let mut config = by_file.config(&settings, path);
            if let Ok(config) = &mut config {
                config.shell_cache = shell_cache.clone();
            }
            jobs.push((path.as_path(), config));
            in_force.push(settings);
        }
        if jobs.iter().any(|(_, config)| config.as_ref().is_ok_and(|c| c.context.is_some())) {
            bases = bases.or_else(|| Bases::open(session));
        }
        let results = parallel::lint_files(&jobs, arguments, bases.as_ref());
        run.take(results.into_iter().zip(in_force));
    }
    run.end(&of_run)
}

/// How many files are looked at before their findings are written and forgotten.
const N_FILES_AT_ONCE: usize = 512;

/// What comes of the files.
struct Run<'a> {
    arguments: &'a Arguments,
    session: &'a Session,
    known: &'a mut Baseline,
    reports: Reports<'a>,
    unreadable: bool,
    fails: bool,
}

impl Run<'_> {
    fn take(&mut self, results: impl Iterator<Item = (Result<Linted, String>, Rc<InForce>)>) {
        for (linted, in_force) in results {
            match linted {
                Ok(linted) if self.arguments.write_baseline => self.known.add(&linted),
                Ok(mut linted) => {
                    self.known.subtract(&mut linted);
                    self.fails |= in_force.settings.fails(&linted.diagnostics);
                    print::output(&linted.output);
                    self.reports.file(&linted);
                }
                Err(message) => {
                    usage(self.session, &message, "the other files were checked");
                    self.unreadable = true;
                }
            }
        }
        self.reports.flush();
    }

    fn end(mut self, of_run: &InForce) -> Exit {
        if self.arguments.write_baseline {
            return write_baseline(of_run, self.session, self.known, self.unreadable);
        }
        self.unreadable |= self.reports.end(self.session).is_err();
        if self.unreadable {
            Exit::Usage
        } else if self.fails {
            Exit::Failure
        } else {
            Exit::Success
        }
    }
}

/// The settings of the whole run, and whether they are those of the command line alone because a file
/// cannot be used: Dockerfiles are looked at all the same.
fn of_run(by_file: &mut ByFile<'_>, session: &Session) -> Result<(Rc<InForce>, bool), Exit> {
    match by_file.run() {
        Ok(in_force) => Ok((in_force, false)),
        Err(refused) => {
            let exit = refuse(session, refused);
            by_file.by_command_line().map(|in_force| (in_force, true)).map_err(|_| exit)
        }
    }
}

/// Says why there are no settings.
fn refuse(session: &Session, refused: Refused) -> Exit {
    match refused {
        Refused::Known => Exit::Usage,
        Refused::Message(message) => {
            let help = "correct it, or leave it out; `dockwright rules` lists all rules";
            usage(session, &message, help)
        }
        Refused::Fault(fault) => {
            let place = (!fault.file.text().is_empty()).then_some((&fault.file, fault.span));
            let report = Report {
                level: Level::Error,
                code: None,
                message: fault.message.clone(),
                help: Some(fault.help.clone()),
                place,
            };
            report::error(&session.environment, &report);
            Exit::Usage
        }
    }
}

/// Reads the baseline, when there is one, or starts one that is to be written.
fn baseline(arguments: &Arguments, in_force: &InForce) -> Result<Baseline, String> {
    match &in_force.settings.baseline {
        path if arguments.write_baseline => {
            let default = PathBuf::from(baseline::NAME);
            Ok(Baseline::of_folder_of(path.as_ref().unwrap_or(&default)))
        }
        Some(path) => Baseline::read(path),
        None => Ok(Baseline::default()),
    }
}

fn write_baseline(
    in_force: &InForce,
    session: &Session,
    known: &Baseline,
    unreadable: bool,
) -> Exit {
    let default = PathBuf::from(baseline::NAME);
    let path = in_force.settings.baseline.as_ref().unwrap_or(&default);
    match known.write(path) {
        Ok(n_findings) => {
            let name = display_name(path);
            print::error(&format!("{n_findings} findings written to `{name}`\n"));
            if unreadable { Exit::Usage } else { Exit::Success }
        }
        Err(message) => usage(session, &message, "name a file in a folder that can be written"),
    }
}

/// The Dockerfiles that the arguments name, and whether one of them could not be looked at.
fn files(arguments: &Arguments, session: &Session) -> (Vec<PathBuf>, bool) {
    let mut files = Vec::new();
    let mut unreadable = false;
    let here = [PathBuf::from(".")];
    let paths = if arguments.paths.is_empty() { &here } else { arguments.paths.as_slice() };
    for path in paths {
        let pattern = path.to_str().filter(|text| text.contains(['*', '?', '[']));
        let found = match pattern.filter(|_| !path.exists()) {
            Some(pattern) => find::matching(pattern),
            None if path.is_dir() => find::dockerfiles(path),
            None => {
                files.push(path.clone());
                continue;
            }
        };
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

fn lint_file(
    path: &Path,
    arguments: &Arguments,
    config: &Config,
    bases: Option<&Bases>,
) -> Result<Linted, String> {
    let bytes = source_file::read(path)?;
    let own_name = match config.profile {
        // hadolint shows names as they were given.
        Profile::Hadolint => path.display().to_string(),
        _ if path == Path::new("-") => "-".to_owned(),
        _ => display_name(path),
    };
    let name = arguments.shared.file_path_in_report.clone().unwrap_or_else(|| own_name.clone());
    // UTF-16 and UTF-32 start with a mark and hold NULs.
    let has_mark =
        [&b"\xff\xfe"[..], b"\xfe\xff", b"\0\0\xfe\xff"].iter().any(|m| bytes.starts_with(m));
    if !has_mark && bytes.contains(&0) {
        return Err(format!("cannot read `{own_name}`: it is a binary file"));
    }
    let source = SourceText::new(bytes);
    let with_bases;
    let config = match bases.filter(|_| config.context.is_some()) {
        Some(bases) => {
            with_bases = Config { base_images: bases.of(source.as_str()), ..config.clone() };
            &with_bases
        }
        None => config,
    };
    let trust = match (arguments.fix || arguments.diff, arguments.unsafe_fixes) {
        (_, true) => Some(Applicability::Unsafe),
        (true, false) => Some(Applicability::Safe),
        (false, false) => None,
    };
    let Some(trust) = trust.filter(|_| source.is_utf8()) else {
        let mut diagnostics = dockwright_lint::lint_text(source.as_str(), config);
        if config.profile == Profile::Buildkit {
            graph::add_fault(&mut diagnostics, source.as_str(), config);
        }
        return Ok(Linted {
            path: path.to_path_buf(),
            name: own_name,
            file: SourceFile::new(name, source.as_str()),
            diagnostics,
            fixed: Vec::new(),
            output: String::new(),
        });
    };
    let fixed = dockwright_lint::fix(source.as_str(), config, trust);
    let mut output = String::new();
    if arguments.diff {
        output = crate::diff::unified(&name, source.as_str(), &fixed.text);
    } else if path == Path::new("-") {
        output.clone_from(&fixed.text);
    } else if fixed.text != source.as_str() {
        source_file::replace(path, fixed.text.as_bytes())?;
    }
    let file = SourceFile::new(name, &fixed.text);
    let path = path.to_path_buf();
    Ok(Linted {
        path,
        name: own_name,
        file,
        diagnostics: fixed.remaining,
        fixed: fixed.applied,
        output,
    })
}

/// Runs `docker build --check` on `dockerfile` with `context`: exit code 1 for warnings.
pub(crate) fn check(request: CheckRequest, session: &Session) -> Exit {
    let CheckRequest { dockerfile, context, build_args, target_platform, is_json } = request;
    let format = if is_json { Format::BuildkitJson } else { Format::Buildkit };
    let arguments = Arguments {
        paths: vec![dockerfile],
        profile: Some(ProfileName::Buildkit),
        context,
        build_args,
        platform: target_platform,
        shared: Shared { format: vec![format], ..Shared::default() },
        ..Arguments::default()
    };
    lint(&arguments, session, true)
}

/// What a check of a build is about.
pub(crate) struct CheckRequest {
    /// The Dockerfile; `-` for standard input.
    pub(crate) dockerfile: PathBuf,
    /// The folder that COPY and ADD read.
    pub(crate) context: Option<PathBuf>,
    /// `NAME=VALUE` or `NAME`.
    pub(crate) build_args: Vec<String>,
    /// `--platform`
    pub(crate) target_platform: Option<String>,
    /// Whether JSON is asked for.
    pub(crate) is_json: bool,
}

/// Runs hadolint's command line: `dockwright` called by the name `hadolint`.
pub(crate) fn run_as_hadolint(paths: Vec<PathBuf>, shared: Shared, session: &Session) -> Exit {
    if paths.is_empty() {
        print::output("Please provide a Dockerfile\n");
        return Exit::Failure;
    }
    let arguments =
        Arguments { paths, profile: Some(ProfileName::Hadolint), shared, ..Arguments::default() };
    // hadolint never fails with these two.
    let of_run = ByFile::new(&arguments, true).run();
    let formats = of_run.map(|of_run| of_run.settings.formats(0)).unwrap_or_default();
    let is_lenient = formats.iter().any(|f| matches!(f, Format::Codeclimate | Format::Codacy));
    match lint(&arguments, session, true) {
        Exit::Failure if is_lenient => Exit::Success,
        // hadolint knows no other code for a failure.
        Exit::Usage => Exit::Failure,
        exit => exit,
    }
}

impl Settings {
    /// Who speaks in the reports.
    fn voice(&self) -> Voice {
        match self.profile() {
            Profile::Hadolint => Voice::Hadolint,
            Profile::Dockwright | Profile::Buildkit => Voice::Own,
        }
    }

    /// Tells whether findings make the run fail.
    fn fails(&self, diagnostics: &[Diagnostic]) -> bool {
        let worst: Option<Severity> = diagnostics.iter().map(|found| found.severity).max();
        !self.no_fail && worst.is_some_and(|worst| worst >= self.failure_threshold)
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
