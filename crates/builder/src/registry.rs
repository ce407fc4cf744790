//! The client of registries (the OCI distribution specification): images come from there and go
//! there.
//!
//! Where the registries are, who we are to them and what may be trusted comes in as [`Settings`].
//! Every byte that arrives is verified against its digest before anything can read it.

mod blob;
mod challenge;
mod manifest;
mod pull;
mod push;
mod reference;
mod referrers;
mod session;
mod stream;
mod upload;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

pub use self::pull::{Pull, Pulled};
pub use self::push::{Push, Pushed};
pub use self::reference::Reference;
use self::session::{Scope, Session};
use crate::http::{self, Client, Method, Request, Response, Secret};
use crate::{Digest, Error, Result};

/// How many blobs are moved at once when nobody says.
const DEFAULT_JOBS: usize = 6;

/// What the surroundings say about registries.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How servers are spoken to.
    pub http: http::Settings,
    /// Registries, with or without a port, that may have any certificate or none.
    pub insecure: Vec<String>,
    /// Where images are fetched in place of what their name says. The longest prefix counts.
    pub routes: Vec<Route>,
    /// Who we are.
    pub credentials: Credentials,
    /// How many blobs are moved at once, at least 1.
    pub jobs: usize,
    /// The size of the pieces in which blobs are sent; whole if there is none.
    pub chunk_bytes: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            http: http::Settings::default(),
            insecure: Vec::new(),
            routes: Vec::new(),
            credentials: Credentials::none(),
            jobs: DEFAULT_JOBS,
            chunk_bytes: None,
        }
    }
}

/// Where the images of some names are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// A registry, `docker.io` for example, or one with the first components of a repository.
    pub prefix: String,
    /// What takes the place of `prefix`, in the order in which it is tried. None: these images
    /// must not be fetched.
    pub locations: Vec<String>,
}

/// How credentials are found: a function from `REGISTRY[/REPOSITORY]`, as in a reference, to what is
/// known. It is called when a registry first asks.
#[derive(Clone)]
pub struct Credentials(Arc<Find>);

type Find = dyn Fn(&str) -> Result<Option<Credential>> + Send + Sync;

impl Credentials {
    /// Returns one that asks `find`.
    pub fn new(find: impl Fn(&str) -> Result<Option<Credential>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// Returns one that knows nothing.
    pub fn none() -> Self {
        Self::new(|_| Ok(None))
    }

    fn find(&self, registry: &str) -> Result<Option<Credential>> {
        (self.0)(registry)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// Who we are to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A name and a password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token that stands for name and password: `identitytoken` of docker's configuration.
    IdentityToken(Secret),
    /// A token that is sent as it is: `registrytoken` of docker's configuration.
    RegistryToken(Secret),
}

/// A client. Cheap to clone; may be shared between threads.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    client: Client,
    settings: Settings,
    sessions: Mutex<BTreeMap<String, Arc<Session>>>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("settings", &self.0.settings).finish()
    }
}

/// A repository on a registry, as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Endpoint {
    registry: String,
    repository: String,
}

impl Endpoint {
    fn name(&self) -> String {
        match self.repository.as_str() {
            "" => self.registry.clone(),
            repository => format!("{}/{repository}", self.registry),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let (registry, repository) = name.split_once('/')?;
        Some(Self { registry: registry.to_owned(), repository: repository.to_owned() })
    }
}

impl Registry {
    /// Returns a client. Nothing is opened yet.
    pub fn new(mut settings: Settings) -> Self {
        settings.http.unverified_hosts.extend(settings.insecure.iter().cloned());
        let client = Client::new(settings.http.clone());
        Self(Arc::new(Inner { client, settings, sessions: Mutex::default() }))
    }

    /// Returns the client that it uses, for requests to other servers.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// Tells whether it may not use the network.
    pub fn is_offline(&self) -> bool {
        self.0.settings.http.is_offline
    }

    /// Makes sure that a registry takes the credentials.
    ///
    /// # Errors
    ///
    /// When it does not, or cannot be reached.
    pub fn check(&self, registry: &str) -> Result<()> {
        let endpoint = Endpoint { registry: registry.to_owned(), repository: String::new() };
        let response = self.send(&endpoint, Request::new(Method::Get, "/v2/"), &[])?;
        if response.is_success() {
            return Ok(());
        }
        Err(session::failure(response, &format!("cannot log in to `{registry}`")))
    }

    /// Credentials may be of one repository.
    fn session(&self, endpoint: &Endpoint) -> Arc<Session> {
        let mut sessions = self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Session::new(endpoint, &self.0.settings));
        Arc::clone(sessions.entry(endpoint.name()).or_insert_with(new))
    }

    fn send(
        &self,
        endpoint: &Endpoint,
        request: Request<'_>,
        scopes: &[Scope],
    ) -> Result<Response> {
        self.session(endpoint).send(&self.0.client, &self.0.settings, request, scopes)
    }

    /// Returns where an image is looked for, in order.
    fn endpoints(&self, reference: &Reference) -> Result<Vec<Endpoint>> {
        let name = reference.name();
        let rest_of = |route: &Route| {
            let rest = name.strip_prefix(route.prefix.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_owned())
        };
        let routes = self.0.settings.routes.iter();
        let best = routes
            .filter_map(|route| Some((route, rest_of(route)?)))
            .max_by_key(|(route, _)| route.prefix.len());
        let Some((route, rest)) = best else {
            return Ok(Vec::from_iter(Endpoint::parse(&name)));
        };
        if route.locations.is_empty() {
            return Err(Error::new(format!("images of `{}` are blocked", route.prefix))
                .with_help("`registries.conf` says so"));
        }
        let locations = route.locations.iter();
        Ok(locations.filter_map(|location| Endpoint::parse(&format!("{location}{rest}"))).collect())
    }
}

/// Does something for each of `items`, up to `n_threads` at once, and returns the first error in
/// their order. After an error nothing new is started.
fn in_parallel<T: Sync>(
    items: &[T],
    n_threads: usize,
    work: impl Fn(&T) -> Result<()> + Sync,
) -> Result<()> {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    let (next, has_failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let errors = Mutex::new(BTreeMap::new());
    let run = || {
        while !has_failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            if let Err(error) = work(item) {
                has_failed.store(true, Ordering::Relaxed);
                errors.lock().unwrap_or_else(PoisonError::into_inner).insert(at, error);
            }
        }
    };
    match items.len().min(n_threads.max(1)) {
        0 => {}
        1 => run(),
        n => std::thread::scope(|scope| {
            (0..n).for_each(|_| {
                scope.spawn(run);
            });
        }),
    }
    let errors = errors.into_inner().unwrap_or_else(PoisonError::into_inner);
    errors.into_values().next().map_or(Ok(()), Err)
}

/// An error for what a registry sent.
fn wrong(what: impl Into<String>) -> Error {
    Error::new(what)
        .with_kind(crate::ErrorKind::Corrupt)
        .with_help("what the registry holds there is no image, or a damaged one: push it again")
}

/// Fails if bytes do not have the digest that they were asked for by.
fn verify(bytes: &[u8], digest: &Digest, what: &str) -> Result<()> {
    let actual = Digest::of(bytes);
    if actual == *digest {
        return Ok(());
    }
    Err(wrong(format!("{what} has the digest `{actual}`, it should be `{digest}`"))
        .with_help("the registry or something on the way to it is broken"))
}
