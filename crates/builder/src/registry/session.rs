//! Requests to one registry: the scheme it speaks, and who we are to it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, OnceLock, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde::Deserialize;

use super::challenge::Challenge;
use super::reference::DOCKER_HUB;
use super::{Credential, Endpoint, Settings};
use crate::http::{Body, Client, EVERY_HOST, Method, Request, Response, Secret, url};
use crate::{Error, ErrorKind, Result};

/// The largest answer of a token server and the largest error of a registry that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// What a request needs to be allowed: the repository, and `pull` or `pull,push`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope {
    pub(super) repository: String,
    pub(super) actions: &'static str,
}

impl Scope {
    pub(super) fn pull(repository: &str) -> Self {
        Self { repository: repository.to_owned(), actions: "pull" }
    }

    pub(super) fn push(repository: &str) -> Self {
        Self { repository: repository.to_owned(), actions: "pull,push" }
    }
}

/// A repository of a registry.
pub(super) struct Session {
    /// Host and port as a reference has them, under which credentials are kept.
    registry: String,
    /// The registry with the repository.
    name: String,
    is_insecure: bool,
    /// The scheme and the host that speak for it.
    base: OnceLock<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    challenge: Option<Challenge>,
    /// `Authorization` by the scopes that it is good for.
    authorizations: BTreeMap<String, Secret>,
    /// What is known of the user; asked for once.
    credential: Option<Option<Credential>>,
}

impl Session {
    pub(super) fn new(endpoint: &Endpoint, settings: &Settings) -> Self {
        let registry = endpoint.registry.as_str();
        let names = [registry, url::host_name(registry), EVERY_HOST];
        let is_insecure =
            settings.insecure.iter().any(|insecure| names.contains(&insecure.as_str()));
        Self {
            registry: registry.to_owned(),
            name: endpoint.name(),
            is_insecure,
            base: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    /// Sends a request to a path of the registry, `/v2/…`, or to a URL that it gave.
    pub(super) fn send(
        &self,
        client: &Client,
        settings: &Settings,
        mut request: Request<'_>,
        scopes: &[Scope],
    ) -> Result<Response> {
        let base = self.base(client)?;
        if request.url.starts_with('/') {
            request.url = format!("{base}{}", request.url);
        }
        if url::origin(&request.url) != url::origin(base) {
            // Another host does not get our credentials.
            return client.send(&request);
        }
        let key = key(scopes, None);
        let used = self.lock().authorizations.get(&key).cloned();
        request.authorization.clone_from(&used);
        let response = client.send(&request)?;
        // Only the registry itself may say where credentials go, not who it redirects to.
        if response.status != 401 || url::origin(&response.url) != url::origin(base) {
            return Ok(response);
        }
        let challenge = Challenge::parse(&response.headers("www-authenticate"));
        drop(response);
        let Some(authorization) =
            self.authorize(client, settings, scopes, challenge, used.as_ref())?
        else {
            return Err(self.refused(false));
        };
        request.authorization = Some(authorization);
        let response = client.send(&request)?;
        if response.status != 401 {
            return Ok(response);
        }
        let mut state = self.lock();
        state.authorizations.remove(&key);
        Err(self.refused(matches!(state.credential, Some(Some(_)))))
    }

    /// Returns what to send as `Authorization` after a 401, unless there is nothing to be sent.
    /// Of several requests that need the same, one gets it and the others wait.
    fn authorize(
        &self,
        client: &Client,
        settings: &Settings,
        scopes: &[Scope],
        challenge: Option<Challenge>,
        used: Option<&Secret>,
    ) -> Result<Option<Secret>> {
        let mut state = self.lock();
        let cached = state.authorizations.get(&key(scopes, None)).cloned();
        if cached.is_some() && cached.as_ref() != used {
            return Ok(cached);
        }
        if let Some(challenge) = challenge {
            state.challenge = Some(challenge);
        }
        let Some(challenge) = state.challenge.clone() else { return Ok(None) };
        let credential = match &state.credential {
            Some(credential) => credential.clone(),
            None => {
                let found = settings.credentials.find(&self.name)?;
                state.credential = Some(found.clone());
                found
            }
        };
        let authorization = match (challenge, &credential) {
            (_, Some(Credential::RegistryToken(Secret(token)))) => format!("Bearer {token}"),
            (Challenge::Basic, Some(Credential::Password { user, password })) => {
                basic(user, password)
            }
            (Challenge::Basic, _) => return Ok(None),
            (Challenge::Bearer { realm, service, scope }, credential) => {
                let ask = Ask { realm: &realm, service, scopes: key(scopes, scope.as_deref()) };
                let Secret(token) = self.token(client, &ask, credential.as_ref())?;
                format!("Bearer {token}")
            }
        };
        let authorization = Secret(authorization);
        state.authorizations.insert(key(scopes, None), authorization.clone());
        Ok(Some(authorization))
    }

    /// Gets a token from the server that the registry names (the distribution project's token
    /// specification, and its OAuth2 form for identity tokens).
    fn token(
        &self,
        client: &Client,
        ask: &Ask<'_>,
        credential: Option<&Credential>,
    ) -> Result<Secret> {
        let Ask { realm, service, scopes } = ask;
        let base = self.base(client)?;
        let realm = url::join(base, realm)
            .ok_or_else(|| self.error("names no URL where tokens could be had"))?;
        if credential.is_some() && !self.may_know(base, &realm) {
            return Err(self
                .error(&format!(
                    "wants the credentials sent to `{}`, where others could read them",
                    url::host(&realm)
                ))
                .with_help("the credentials were not sent; ask who runs the registry"));
        }
        let mut fields: Vec<(&str, &str)> = Vec::new();
        fields.extend(service.as_deref().map(|service| ("service", service)));
        let response = match credential {
            Some(Credential::IdentityToken(Secret(token))) => {
                fields.extend([
                    ("grant_type", "refresh_token"),
                    ("client_id", "dockwright"),
                    ("refresh_token", token),
                ]);
                if !scopes.is_empty() {
                    fields.push(("scope", scopes));
                }
                let form = query(&fields);
                let request = Request::new(Method::Post, realm)
                    .with_header("content-type", "application/x-www-form-urlencoded")
                    .with_body(Body::Bytes(form.as_bytes()));
                client.send(&request)?
            }
            credential => {
                fields
                    .extend(scopes.split(' ').filter(|it| !it.is_empty()).map(|it| ("scope", it)));
                let mut authorization = None;
                if let Some(Credential::Password { user, password }) = credential {
                    fields.push(("account", user));
                    authorization = Some(Secret(basic(user, password)));
                }
                let separator = if realm.contains('?') { '&' } else { '?' };
                let address = format!("{realm}{separator}{}", query(&fields));
                let mut request = Request::new(Method::Get, address);
                request.authorization = authorization;
                client.send(&request)?
            }
        };
        if matches!(response.status, 400 | 401 | 403) {
            return Err(self.refused(credential.is_some()));
        }
        if !response.is_success() {
            let message = format!("gives no token: the token server answers {}", response.status);
            return Err(self.error(&message).with_help("try again later"));
        }
        let json = response.read(MAX_ANSWER_BYTES)?;
        let answer: TokenAnswer = serde_json::from_slice(&json)
            .map_err(|_| self.error("gives no token: the answer of the token server is no JSON"))?;
        let token = answer
            .token
            .or(answer.access_token)
            .filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
        token.map(Secret).ok_or_else(|| self.error("gives no token"))
    }

    /// Tells whether a token server may know the credentials for this registry: over TLS, or as
    /// openly as the registry itself would get them, on the same machine.
    fn may_know(&self, base: &str, realm: &str) -> bool {
        realm.starts_with("https:")
            || base.starts_with("http:")
                && url::host_name(url::host(realm)) == url::host_name(url::host(base))
    }

    /// Returns scheme and host. Registries on this machine may speak without TLS, and those that
    /// the user calls insecure; which it is, they are asked without credentials.
    fn base(&self, client: &Client) -> Result<&str> {
        if let Some(base) = self.base.get() {
            return Ok(base);
        }
        let host = match self.registry.as_str() {
            DOCKER_HUB => "registry-1.docker.io",
            host => host,
        };
        let (plain, secure) = (format!("http://{host}"), format!("https://{host}"));
        let ping = |base: &str| {
            let mut request = Request::new(Method::Get, format!("{base}/v2/"));
            request.may_retry = false;
            client.send(&request)
        };
        let base = if self.is_insecure {
            match ping(&secure) {
                Ok(_) => secure,
                Err(error) => ping(&plain).map(|_| plain).map_err(|_| error)?,
            }
        } else if is_loopback(host) {
            match ping(&plain) {
                // What servers of TLS say to others.
                Ok(response) if response.status == 400 => secure,
                Ok(_) => plain,
                Err(_) if ping(&secure).is_ok() => secure,
                Err(_) => plain,
            }
        } else {
            secure
        };
        Ok(self.base.get_or_init(|| base))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, what: &str) -> Error {
        Error::new(format!("the registry `{}` {what}", self.registry)).with_kind(ErrorKind::System)
    }

    fn refused(&self, has_credentials: bool) -> Error {
        let registry = &self.registry;
        let error = if has_credentials {
            self.error("refuses the credentials")
        } else {
            self.error("wants to know who is there")
        };
        error.with_help(format!("`dockwright login {registry}` sets name and password"))
    }
}

/// What is asked of a token server.
struct Ask<'a> {
    realm: &'a str,
    service: Option<String>,
    /// Separated by blanks.
    scopes: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

/// Returns the scopes merged, one for each repository, in order, with those of a challenge.
fn key(scopes: &[Scope], challenge: Option<&str>) -> String {
    let mut merged: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for Scope { repository, actions } in scopes {
        let actions = actions.split(',');
        merged.entry(format!("repository:{repository}")).or_default().extend(actions);
    }
    for scope in challenge.unwrap_or("").split(' ') {
        if let Some((resource, actions)) = scope.rsplit_once(':') {
            merged.entry(resource.to_owned()).or_default().extend(actions.split(','));
        }
    }
    let scopes = merged.into_iter().map(|(resource, actions)| {
        let actions: Vec<&str> = actions.into_iter().collect();
        format!("{resource}:{}", actions.join(","))
    });
    scopes.collect::<Vec<_>>().join(" ")
}

fn query(fields: &[(&str, &str)]) -> String {
    let fields = fields.iter().map(|(name, value)| format!("{name}={}", url::escaped(value)));
    fields.collect::<Vec<_>>().join("&")
}

fn basic(user: &str, Secret(password): &Secret) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}")))
}

fn is_loopback(host: &str) -> bool {
    let name = url::host_name(host);
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Turns an answer that is not success into an error, with what the registry says about it.
pub(super) fn failure(response: Response, doing: &str) -> Error {
    let status = response.status;
    let json = response.read(MAX_ANSWER_BYTES).unwrap_or_default();
    let said = serde_json::from_slice::<Refusal>(&json).unwrap_or_default().errors;
    let said: Vec<String> = said.iter().map(RefusalEntry::shown).collect();
    let mut message = format!("{doing}: the registry answers {status}");
    if !said.is_empty() {
        message = format!("{message}: {}", said.join("; "));
    }
    let help = match status {
        401 | 403 => "`dockwright login` sets name and password; do they allow this?",
        404 => "check the name and the tag",
        429 => "too many requests were made; wait, or log in to be allowed more",
        500.. => "try again later",
        _ => "look at the registry's log",
    };
    Error::new(message).with_kind(ErrorKind::System).with_help(help)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    errors: Vec<RefusalEntry>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RefusalEntry {
    code: String,
    message: String,
}

impl RefusalEntry {
    /// A registry is a stranger: what it says is shortened, and shown without control characters.
    fn shown(&self) -> String {
        let text = if self.message.is_empty() { &self.code } else { &self.message };
        text.chars().take(200).collect::<String>().escape_debug().to_string().replace("\\'", "'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_merged_by_repository() {
        let scopes = [Scope::push("b"), Scope::pull("a"), Scope::pull("b")];
        assert_eq!(key(&scopes, None), "repository:a:pull repository:b:pull,push");
        assert_eq!(
            key(&scopes[1..2], Some("repository:a:push x:y:*")),
            "repository:a:pull,push x:y:*"
        );
    }

    #[test]
    fn loopback_is_this_machine_only() {
        assert!(
            is_loopback("localhost:5000") && is_loopback("127.1.2.3") && is_loopback("[::1]:1")
        );
        assert!(!is_loopback("localhost.example") && !is_loopback("128.0.0.1:5000"));
    }
}
