//! Which settings are in force for which file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use dockwright_lint::{Config, ContextFacts};

use super::Arguments;
use super::context;
use super::project::{self, Fault, Project};
use super::settings::{Settings, is_toml};
use crate::environment;

/// The settings of a run: those of the command line, and for each `dockwright.toml` those with it.
pub(super) struct ByFile<'a> {
    arguments: &'a Arguments,
    /// hadolint's command line knows no projects.
    has_projects: bool,
    /// By the path of the `dockwright.toml`; `None` for one that cannot be used.
    known: BTreeMap<Option<PathBuf>, Option<Rc<InForce>>>,
    /// The `dockwright.toml` by the folder of a Dockerfile.
    projects: BTreeMap<PathBuf, Option<PathBuf>>,
    contexts: BTreeMap<(PathBuf, PathBuf), ContextFacts>,
}

/// Settings, and where they come from.
pub(super) struct InForce {
    pub(super) settings: Settings,
    project: Option<Project>,
}

/// Why there are no settings.
pub(super) enum Refused {
    /// A fault with a place in a file.
    Fault(Box<Fault>),
    /// A sentence that says what is wrong.
    Message(String),
    /// It was said before.
    Known,
}

impl<'a> ByFile<'a> {
    pub(super) fn new(arguments: &'a Arguments, is_called_hadolint: bool) -> Self {
        Self {
            arguments,
            has_projects: !is_called_hadolint,
            known: BTreeMap::new(),
            projects: BTreeMap::new(),
            contexts: BTreeMap::new(),
        }
    }

    /// Returns the settings of the whole run: those for the current directory.
    pub(super) fn run(&mut self) -> Result<Rc<InForce>, Refused> {
        self.of(Path::new("-"))
    }

    /// Returns the settings of the command line alone, for a run whose files cannot be used.
    pub(super) fn by_command_line(&self) -> Result<Rc<InForce>, Refused> {
        let mut settings = Settings::of_command_line(&self.arguments.shared, !self.has_projects)
            .map_err(Refused::Message)?;
        settings.take_own(self.arguments).map_err(Refused::Message)?;
        Ok(Rc::new(InForce { settings, project: None }))
    }

    /// Returns the settings for the Dockerfile `path`; a fault is told once.
    pub(super) fn of(&mut self, path: &Path) -> Result<Rc<InForce>, Refused> {
        let project = self.project_of(path);
        if let Some(known) = self.known.get(&project) {
            return known.clone().ok_or(Refused::Known);
        }
        let made = self.make(project.as_deref()).map(Rc::new);
        self.known.insert(project, made.as_ref().ok().cloned());
        made
    }

    /// Returns what the linter is given for the Dockerfile `path`.
    pub(super) fn config(&mut self, in_force: &InForce, path: &Path) -> Result<Config, String> {
        let mut config = in_force.settings.config();
        if let Some(project) = &in_force.project
            && path != Path::new("-")
        {
            project.for_file(&environment::absolute(path)?, &mut config);
        }
        if let Some(folder) = in_force.settings.context() {
            let key = (folder.to_path_buf(), path.to_path_buf());
            if !self.contexts.contains_key(&key) {
                let facts = context::facts(folder, path)?;
                self.contexts.insert(key.clone(), facts);
            }
            config.context = self.contexts.get(&key).cloned();
        }
        Ok(config)
    }

    fn project_of(&mut self, path: &Path) -> Option<PathBuf> {
        if !self.has_projects {
            return None;
        }
        let given = self.arguments.shared.config.as_ref();
        if let Some(path) = given {
            return is_toml(path).then(|| path.clone());
        }
        let here = Path::new(".");
        let folder = match path.parent() {
            Some(folder) if path != Path::new("-") && folder != Path::new("") => folder,
            _ => here,
        };
        if let Some(project) = self.projects.get(folder) {
            return project.clone();
        }
        let project = nearest_project(folder);
        self.projects.insert(folder.to_path_buf(), project.clone());
        project
    }

    fn make(&self, path: Option<&Path>) -> Result<InForce, Refused> {
        let project = path.map(project::read).transpose().map_err(Refused::Fault)?;
        let shared = &self.arguments.shared;
        let mut settings = Settings::collect(shared, project.as_ref(), !self.has_projects)
            .map_err(Refused::Message)?;
        settings.take_own(self.arguments).map_err(Refused::Message)?;
        Ok(InForce { settings, project })
    }
}

fn nearest_project(folder: &Path) -> Option<PathBuf> {
    let folder = environment::absolute(folder).ok()?;
    // Links are followed, so that the project of the real file counts.
    let real = |folder: PathBuf| folder.canonicalize().unwrap_or(folder);
    let path = project::nearest(&real(folder))?;
    let here = real(environment::absolute(Path::new(".")).ok()?);
    // Messages are shorter with a path from here.
    Some(path.strip_prefix(here).map_or(path.clone(), Path::to_path_buf))
}
