//! Everything that is read from the process's surroundings, in one place: the rest of the program
//! gets plain values.

#![expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]

use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dockwright_builder::http;

/// The oldest time that a zip archive can hold, 1980-01-01T00:00:00Z. Images carry it unless
/// `SOURCE_DATE_EPOCH` says otherwise, so that the same input gives the same bytes on any day.
pub(crate) const DEFAULT_EPOCH: i64 = 315_532_800;

/// What the command line takes from its surroundings.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// Where standard output goes.
    pub(crate) stdout_terminal: bool,
    /// Where standard error goes.
    pub(crate) stderr_terminal: bool,
    /// Whether standard input is a terminal.
    pub(crate) stdin_terminal: bool,
    /// Terminal width in columns, when it is known.
    pub(crate) width: Option<usize>,
    /// The name that the program was called by.
    program: PathBuf,
    /// Whether root called it; inside a user namespace everybody seems to be.
    pub(crate) is_root: bool,
}

impl Environment {
    /// Looks around.
    pub(crate) fn read() -> Self {
        Self {
            stdout_terminal: std::io::stdout().is_terminal(),
            stderr_terminal: std::io::stderr().is_terminal(),
            stdin_terminal: std::io::stdin().is_terminal(),
            width: variable("COLUMNS").and_then(|columns| columns.parse().ok()),
            program: std::env::args_os().next().unwrap_or_default().into(),
            is_root: std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0),
        }
    }

    /// Whether the program was called by this name.
    pub(crate) fn called_as(&self, name: &str) -> bool {
        self.program.file_stem().is_some_and(|stem| stem == name)
    }

    /// Whether colours are wanted where `terminal` tells if the output is a terminal: `NO_COLOR`,
    /// `CLICOLOR_FORCE` and `TERM=dumb` are obeyed.
    pub(crate) fn colours(terminal: bool) -> bool {
        if variable("NO_COLOR").is_some() {
            return false;
        }
        if variable("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
            return true;
        }
        terminal && variable("TERM").is_none_or(|term| term != "dumb")
    }
}

impl Environment {
    /// Columns and lines of the terminal at standard error, as it is now.
    pub(crate) fn screen() -> Option<(usize, usize)> {
        let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
        let (columns, lines) = (usize::from(size.ws_col), usize::from(size.ws_row));
        (columns > 0 && lines > 0).then_some((columns, lines))
    }

    /// Whether standard error is a terminal in which the cursor can be moved.
    pub(crate) fn can_redraw(&self) -> bool {
        self.stderr_terminal && variable("TERM").is_some_and(|term| term != "dumb")
    }

    /// Whether the program runs in a workflow of GitHub, whose logs have groups and annotations.
    pub(crate) fn is_github() -> bool {
        variable("GITHUB_ACTIONS").is_some_and(|value| value == "true")
    }
}

/// Tells whether an environment variable is there, be it empty.
pub(crate) fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

/// Returns an environment variable that is set, not empty, and text.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the directory for files that end with the process.
pub(crate) fn temporary_directory() -> PathBuf {
    std::env::temp_dir()
}

/// The variables that programs such as `git` are given: where things are, and how the network is
/// reached.
const OF_PROGRAMS: [&str; 14] = [
    "PATH",
    "HOME",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
];

/// Returns the variables that programs such as `git` are given.
pub(crate) fn of_programs() -> Vec<(String, String)> {
    let known = OF_PROGRAMS.iter();
    known.filter_map(|name| Some(((*name).to_owned(), variable(name)?))).collect()
}

/// Returns how downloads reach the network. The names in lower case come first, as for curl.
pub(crate) fn http_settings() -> http::Settings {
    let first = |names: [&str; 3]| names.iter().find_map(|name| variable(name));
    let proxy = http::ProxySettings {
        http: first(["http_proxy", "HTTP_PROXY", "ALL_PROXY"]),
        https: first(["https_proxy", "HTTPS_PROXY", "ALL_PROXY"]),
        no_proxy: first(["no_proxy", "NO_PROXY", "NO_PROXY"]).unwrap_or_default(),
    };
    let places = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];
    let root_files = path("SSL_CERT_FILE").into_iter().chain(places.map(PathBuf::from)).collect();
    http::Settings { proxy, root_files, ..http::Settings::default() }
}

/// Returns the store's place: `--store`, else `DOCKWRIGHT_STORE`, else the user's XDG data folder.
pub(crate) fn store_path(option: Option<&Path>) -> Result<PathBuf, String> {
    let place = option.map(Path::to_path_buf).or_else(|| path("DOCKWRIGHT_STORE"));
    let place = place
        .or_else(|| path("XDG_DATA_HOME").map(|data| data.join("dockwright")))
        .or_else(|| path("HOME").map(|home| home.join(".local/share/dockwright")))
        .ok_or("no place for the store is known: `HOME` is not set")?;
    absolute(&place)
}

/// Returns `place` as an absolute path, without resolving links.
pub(crate) fn absolute(place: &Path) -> Result<PathBuf, String> {
    std::path::absolute(place)
        .map_err(|error| format!("cannot find `{}`: {error}", place.display()))
}

/// Returns where `place` is, links resolved; `place` itself if it is not here.
pub(crate) fn resolved(place: &Path) -> PathBuf {
    std::fs::canonicalize(place).unwrap_or_else(|_| place.to_owned())
}

/// Returns `SOURCE_DATE_EPOCH`, if it is set.
pub(crate) fn epoch() -> Result<Option<i64>, String> {
    let Some(text) = variable("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let epoch = text.parse().ok().filter(|epoch| *epoch >= 0);
    epoch.map(Some).ok_or_else(|| {
        format!("`SOURCE_DATE_EPOCH` is `{text}`, which is not a number of seconds since 1970")
    })
}

/// Returns the number of seconds since 1970: only for what is shown, never for what is stored.
pub(crate) fn now() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs() as i64)
}

/// Tells whether a path leads to a socket.
pub(crate) fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

/// Finds a program in `PATH`; a name with `/` is a path already.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return absolute(Path::new(name)).ok().filter(is_program);
    }
    // Where administrators' programs are, which an ordinary user's path may leave out.
    let more = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(more);
    directories.map(|directory| directory.join(name)).find(is_program)
}

/// Returns the container engine that `--load` gives images to: docker if its daemon runs, else podman.
pub(crate) fn engine() -> Option<&'static str> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let is_there =
        |program: &str| std::env::split_paths(&search).any(|path| path.join(program).is_file());
    // A socket may have outlived its daemon.
    let answers = || std::os::unix::net::UnixStream::connect("/var/run/docker.sock").is_ok();
    let has_daemon = variable("DOCKER_HOST").is_some() || answers();
    match () {
        () if is_there("docker") && has_daemon => Some("docker"),
        () if is_there("podman") => Some("podman"),
        () => None,
    }
}

/// Returns the user's home directory.
pub(crate) fn home() -> Option<PathBuf> {
    path("HOME")
}

/// Returns the milliseconds since this was first called.
pub(crate) fn clock_ms() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let elapsed = START.get_or_init(std::time::Instant::now).elapsed();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// Returns an environment variable that is set and not empty, as a path.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
