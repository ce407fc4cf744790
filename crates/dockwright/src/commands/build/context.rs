//! Where the Dockerfile and the files of a build come from: a directory, standard input, a
//! repository or a download.

use std::path::{Path, PathBuf};

use dockwright_builder::{FetchedContext, Fetcher, IgnoreFile, Remote, Request, Store};

use crate::cli::Session;
use crate::commands::{cannot_start, failure, usage};
use crate::environment;
use crate::exit_code::Exit;
use crate::source_file::{self, display_name, no_context, reason};

/// The Dockerfile and the files.
#[derive(Debug)]
pub(in crate::commands) struct Context {
    /// The bytes of the Dockerfile.
    pub(super) dockerfile: Vec<u8>,
    /// How messages call it.
    pub(super) name: String,
    /// The directory that COPY and ADD read.
    pub(super) path: PathBuf,
    /// Its ignore file.
    pub(super) ignore: Option<IgnoreFile>,
    /// The Dockerfile and the ignore file, where they are files of this machine.
    pub(super) files: Vec<PathBuf>,
    /// What is removed at the end.
    fetched: Option<FetchedContext>,
}

impl Context {
    /// Tells whether it came from elsewhere, and goes at the end.
    pub(super) const fn is_fetched(&self) -> bool {
        self.fetched.is_some()
    }

    /// The time that it has, if it came from elsewhere, in seconds after 1970.
    pub(super) fn time(&self) -> Option<i64> {
        self.fetched.as_ref().and_then(FetchedContext::time)
    }

    /// Finds what the command line names: `context`, and `file` of `-f`.
    pub(super) fn find(
        context: &Path,
        file: Option<&Path>,
        request: &Request,
        store: &Store,
        session: &Session,
    ) -> Result<Self, Exit> {
        let is_stdin = file == Some(Path::new("-"));
        let file = &match file {
            None => File::Usual,
            Some(path) => match Remote::parse(&path.to_string_lossy()) {
                Ok(Some(remote @ Remote::Http(_))) => {
                    File::Fetched(fetch_file(&remote, request, store, session)?)
                }
                _ => File::Path(path),
            },
        };
        if context == Path::new("-") {
            if is_stdin {
                let help = "give the Dockerfile or the context another way";
                return Err(usage(session, "standard input cannot be read twice", help));
            }
            if session.environment.stdin_terminal {
                let help = "redirect a Dockerfile or an archive into it, as in `build - < FILE`";
                return Err(usage(session, "standard input is a terminal", help));
            }
            let fetched = FetchedContext::read(store, std::io::stdin().lock())
                .map_err(|error| failure(session, &error, None))?;
            if fetched.dockerfile().is_some() && !matches!(file, File::Usual) {
                return Err(second_dockerfile(session));
            }
            return Self::of_fetched(fetched, file, session);
        }
        let text = context.to_string_lossy();
        let remote = if context.is_dir() { Ok(None) } else { Remote::parse_context(&text) };
        let remote = remote.map_err(|error| failure(session, &error, None))?;
        let Some(remote) = remote else { return Self::of_directory(context, file, session) };
        let fetched = fetch(&remote, request, store, session)?;
        Self::of_fetched(fetched, file, session)
    }

    fn of_directory(context: &Path, file: &File<'_>, session: &Session) -> Result<Self, Exit> {
        let fail = |message: String, help: &str| cannot_start(session, &message, help);
        if !context.is_dir() {
            let help = "name the directory that COPY and ADD are to read, often `.`";
            return Err(fail(no_context(context), help));
        }
        std::fs::read_dir(context).map_err(|error| {
            let why = reason(&error);
            let message = format!("cannot read the build context `{}`: {why}", context.display());
            fail(message, "make it readable for this user")
        })?;
        let (name, dockerfile, found, own) = match file {
            File::Fetched((name, bytes)) => {
                (name.clone(), bytes.clone(), ignore_file(None, context, session)?, None)
            }
            File::Usual | File::Path(_) => {
                let path = dockerfile_path(file.path(), context);
                let bytes = source_file::read(&path).map_err(|message| {
                    fail(message, "name the Dockerfile with `-f`, or put one in the context")
                })?;
                let found = ignore_file(Some(&path), context, session)?;
                (display_name(&path), bytes, found, (path != Path::new("-")).then_some(path))
            }
        };
        let (ignore, ignore_path) = found.unzip();
        let files = own.into_iter().chain(ignore_path).collect();
        let path = environment::absolute(context).map_err(|message| fail(message, ""))?;
        Ok(Self { dockerfile, name, files, path, ignore, fetched: None })
    }

    fn of_fetched(
        fetched: FetchedContext,
        file: &File<'_>,
        session: &Session,
    ) -> Result<Self, Exit> {
        let path = fetched.path().to_owned();
        if let Some(dockerfile) = fetched.dockerfile() {
            // As in BuildKit it is the Dockerfile whatever name `-f` gives.
            if matches!(file, File::Fetched(_)) || file.path() == Some(Path::new("-")) {
                return Err(second_dockerfile(session));
            }
            let (dockerfile, name) = (dockerfile.to_owned(), "-".to_owned());
            let files = Vec::new();
            return Ok(Self {
                dockerfile,
                name,
                path,
                ignore: None,
                files,
                fetched: Some(fetched),
            });
        }
        let read = |name: &str| fetched.file(name).map_err(|error| failure(session, &error, None));
        let (name, dockerfile) = match file {
            File::Fetched((name, bytes)) => (name.clone(), Some(bytes.clone())),
            File::Path(file) if *file == Path::new("-") => {
                let bytes = source_file::read(file);
                let bytes = bytes.map_err(|message| cannot_start(session, &message, ""))?;
                ("-".to_owned(), Some(bytes))
            }
            File::Path(file) => {
                let name = file.to_string_lossy().into_owned();
                let bytes = read(&name)?;
                (name, bytes)
            }
            File::Usual => match read("Dockerfile")? {
                Some(bytes) => ("Dockerfile".to_owned(), Some(bytes)),
                None => ("dockerfile".to_owned(), read("dockerfile")?),
            },
        };
        let dockerfile = dockerfile.ok_or_else(|| {
            let name = if matches!(file, File::Usual) { "Dockerfile" } else { &name };
            let message = format!("there is no `{name}` in the build context");
            cannot_start(session, &message, "name the Dockerfile with `-f`, below the context")
        })?;
        let mut ignore = None;
        for name in [format!("{name}.dockerignore"), ".dockerignore".to_owned()] {
            if ignore.is_none()
                && let Some(bytes) = read(&name)?
            {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                ignore = Some(IgnoreFile { name, text });
            }
        }
        Ok(Self { dockerfile, name, path, ignore, files: Vec::new(), fetched: Some(fetched) })
    }
}

fn second_dockerfile(session: &Session) -> Exit {
    let help = "leave `-f` out, or give an archive as the context";
    usage(session, "the context is a Dockerfile itself", help)
}

/// Where the Dockerfile is.
enum File<'a> {
    /// Where it is by custom.
    Usual,
    /// What `-f` names.
    Path(&'a Path),
    /// What `-f` names by its address: that, and what was there.
    Fetched((String, Vec<u8>)),
}

impl<'a> File<'a> {
    fn path(&self) -> Option<&'a Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Usual | Self::Fetched(_) => None,
        }
    }
}

/// Fetches a Dockerfile.
fn fetch_file(
    remote: &Remote,
    request: &Request,
    store: &Store,
    session: &Session,
) -> Result<(String, Vec<u8>), Exit> {
    let fetched = fetch(remote, request, store, session)?;
    let Some(dockerfile) = fetched.dockerfile() else {
        let message = format!("`{remote}` is an archive, and no Dockerfile");
        return Err(usage(session, &message, "give an archive as the context"));
    };
    Ok((remote.to_string(), dockerfile.to_owned()))
}

/// Fetches a context. Whoever names a repository of ssh lets it use their own agent.
fn fetch(
    remote: &Remote,
    request: &Request,
    store: &Store,
    session: &Session,
) -> Result<FetchedContext, Exit> {
    let mut request = request.clone();
    if let Some(socket) = environment::variable("SSH_AUTH_SOCK") {
        request.ssh_agents.entry("default".to_owned()).or_insert_with(|| socket.into());
    }
    FetchedContext::fetch(&Fetcher::new(&request, store), remote)
        .map_err(|error| failure(session, &error, None))
}

/// `-f`, else `Dockerfile` in the context, else `dockerfile` there as BuildKit tries it.
pub(in crate::commands) fn dockerfile_path(file: Option<&Path>, context: &Path) -> PathBuf {
    let path = file.map_or_else(|| context.join("Dockerfile"), Path::to_path_buf);
    let lower = path.with_file_name("dockerfile");
    let default_name = path.file_name().is_some_and(|name| name == "Dockerfile");
    if default_name && !path.exists() && lower.exists() { lower } else { path }
}

/// `<Dockerfile>.dockerignore` beside the Dockerfile, else `.dockerignore` in the context.
fn ignore_file(
    dockerfile: Option<&Path>,
    context: &Path,
    session: &Session,
) -> Result<Option<(IgnoreFile, PathBuf)>, Exit> {
    let own = dockerfile.map(|path| {
        let mut own = path.as_os_str().to_owned();
        own.push(".dockerignore");
        PathBuf::from(own)
    });
    for path in own.into_iter().chain([context.join(".dockerignore")]) {
        if path.exists() {
            let bytes = source_file::read(&path).map_err(|message| {
                cannot_start(session, &message, "make it a readable file, or remove it")
            })?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            return Ok(Some((IgnoreFile { name: display_name(&path), text }, path)));
        }
    }
    Ok(None)
}
