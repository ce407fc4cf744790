//! `RUN --mount`.

use dockerfile_parser::{Mount, Text};

use super::Planner;
use super::config::absolute;
use super::stage::{Scope, Stage};
use crate::context::distance;
use crate::op::{CacheMount, Input, MountKind, MountOp, MountOwner, Sharing};
use crate::{Error, Result, size_bytes};

/// The fields of a mount as far as they are given. Texts are expanded.
#[derive(Debug, Default)]
struct Fields {
    kind: Option<Kind>,
    from: Option<String>,
    source: Option<String>,
    target: Option<String>,
    id: Option<String>,
    read_only: Option<bool>,
    sharing: Option<Sharing>,
    required: bool,
    size_bytes: Option<u64>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    env: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bind,
    Cache,
    Tmpfs,
    Secret,
    Ssh,
}

/// The keys of `--mount`; each has one spelling here.
const KEYS: [&str; 13] = [
    "type",
    "source",
    "target",
    "from",
    "id",
    "readonly",
    "readwrite",
    "sharing",
    "size",
    "mode",
    "uid",
    "gid",
    "env",
];
const TYPES: [&str; 5] = ["bind", "cache", "tmpfs", "secret", "ssh"];

impl Planner<'_> {
    /// Returns what a `--mount` mounts, after `n_agents` agents of the same RUN; a secret that is not
    /// needed and not there is nothing.
    pub(super) fn mount(
        &mut self,
        stage: &Stage,
        scope: Scope,
        mount: &Mount<'_>,
        n_agents: usize,
    ) -> Result<Option<MountOp>> {
        let span = scope.span(mount.value.span());
        let mut source_span = span;
        let mut fields = Fields::default();
        for (key, value) in &mount.fields {
            let place = value.as_ref().map_or(key.span(), Text::span);
            if matches!(key.to_lowercase().as_str(), "source" | "src") {
                source_span = scope.span(place);
            }
            self.mount_field(stage, scope, &mut fields, key, value.as_ref())
                .map_err(|error| error.with_span(scope.span(place)))?;
        }
        let made = match fields.kind {
            Some(Kind::Ssh) => self.ssh(stage, &fields, n_agents),
            _ => self.build_mount(stage, &fields, span),
        };
        let made = made.map_err(|error| error.with_span(span))?;
        Ok(made.map(|made| MountOp { span: Some(source_span), ..made }))
    }

    fn mount_field(
        &self,
        stage: &Stage,
        scope: Scope,
        fields: &mut Fields,
        key: &Text<'_>,
        value: Option<&Text<'_>>,
    ) -> Result<()> {
        let name = key.to_lowercase();
        let kind = fields.kind.unwrap_or(Kind::Bind);
        let text = match value {
            Some(value) if name == "from" => value.as_str().to_owned(),
            Some(value) => stage.expand(scope, value)?,
            None => match name.as_str() {
                "ro" | "readonly" | "rw" | "readwrite" | "required" => "true".to_owned(),
                _ => {
                    return Err(Error::new(format!("`{key}` in `--mount` needs a value"))
                        .with_code("mount-without-value")
                        .with_help(format!("write `{key}=value`")));
                }
            },
        };
        let flag = || boolean(&text).ok_or_else(|| wrong_value(key, &text));
        let only = |kinds: &[Kind]| {
            if kinds.contains(&kind) { Ok(()) } else { Err(not_for(key, kind)) }
        };
        match name.as_str() {
            "type" => fields.kind = Some(kind_of(&text)?),
            "from" => fields.from = Some(text),
            "source" | "src" => fields.source = Some(text),
            "target" | "dst" | "destination" => fields.target = Some(text),
            "id" => fields.id = Some(text),
            "ro" | "readonly" => fields.read_only = Some(flag()?),
            "rw" | "readwrite" => fields.read_only = Some(!flag()?),
            "env" => {
                only(&[Kind::Secret])?;
                fields.env = Some(text);
            }
            "required" => {
                only(&[Kind::Secret, Kind::Ssh])?;
                fields.required = flag()?;
            }
            "sharing" => fields.sharing = Some(sharing(&text)?),
            "size" => {
                only(&[Kind::Tmpfs])?;
                fields.size_bytes = Some(size_bytes(&text).ok_or_else(|| wrong_value(key, &text))?);
            }
            "mode" => {
                let mode = u32::from_str_radix(&text, 8).ok();
                fields.mode = Some(mode.ok_or_else(|| wrong_value(key, &text))?);
            }
            "uid" => fields.uid = Some(text.parse().map_err(|_| wrong_value(key, &text))?),
            "gid" => fields.gid = Some(text.parse().map_err(|_| wrong_value(key, &text))?),
            _ => {
                return Err(Error::new(format!("`--mount` has no `{key}`"))
                    .with_code("unknown-mount-key")
                    .with_span(scope.span(key.span()))
                    .with_help(choices("the keys are", &name, &KEYS)));
            }
        }
        Ok(())
    }

    fn build_mount(
        &mut self,
        stage: &Stage,
        fields: &Fields,
        span: dockerfile_parser::Span,
    ) -> Result<Option<MountOp>> {
        let kind = fields.kind.unwrap_or(Kind::Bind);
        let has_owner = fields.mode.is_some() || fields.uid.is_some() || fields.gid.is_some();
        if has_owner && matches!(kind, Kind::Bind | Kind::Tmpfs) {
            return Err(Error::new("`mode`, `uid` and `gid` are not for this type of mount")
                .with_code("mount-key-not-for-type")
                .with_help("use them with `type=cache`, `type=secret` or `type=ssh`"));
        }
        if fields.sharing.is_some() && kind != Kind::Cache {
            return Err(Error::new("`sharing` is for `type=cache` only")
                .with_code("mount-key-not-for-type")
                .with_help("leave it out: only caches are shared"));
        }
        if kind == Kind::Secret {
            return self.secret(stage, fields);
        }
        // Without one it is the working directory, as in BuildKit.
        let target = absolute(fields.target.as_deref().unwrap_or(""), &stage.directory());
        let target = trimmed(&target);
        if target == "/" {
            return Err(Error::new("a mount cannot have the target `/`")
                .with_code("invalid-mount-value")
                .with_help("say where with `target=/path`"));
        }
        // An empty `from=` is none, as in BuildKit.
        let from = match fields.from.as_deref().filter(|name| !name.is_empty()) {
            None => None,
            Some(name) => Some(self.input(stage, name, false, span)?),
        };
        let source = fields.source.clone().unwrap_or_else(|| "/".to_owned());
        let kind = match kind {
            Kind::Bind => MountKind::Bind {
                from: from.unwrap_or(Input::Context),
                source,
                writable: !fields.read_only.unwrap_or(true),
            },
            Kind::Cache => MountKind::Cache(self.cache_mount(fields, &target, from, source)),
            _ if absolute(&source, "/") != "/" => {
                return Err(Error::new("a mount of type `tmpfs` has no `source`")
                    .with_code("mount-key-not-for-type")
                    .with_help("leave it out: it starts empty"));
            }
            _ => MountKind::Tmpfs { size_bytes: fields.size_bytes },
        };
        Ok(Some(MountOp { target: Some(target), kind, span: None }))
    }

    fn cache_mount(
        &self,
        fields: &Fields,
        target: &str,
        from: Option<Input>,
        source: String,
    ) -> CacheMount {
        let id = fields.id.clone().unwrap_or_else(|| target.to_owned());
        let namespace = self.request.build_args.get("BUILDKIT_CACHE_MOUNT_NS");
        let has_owner = fields.mode.is_some() || fields.uid.is_some() || fields.gid.is_some();
        // BuildKit makes no directory of its own where one of `from` is shown.
        let is_own = absolute(&source, "/") == "/";
        CacheMount {
            id: namespace.map_or(id.clone(), |namespace| format!("{namespace}/{id}")),
            from,
            source,
            sharing: fields.sharing.unwrap_or(Sharing::Shared),
            read_only: fields.read_only.unwrap_or(false),
            owner: (has_owner && is_own).then(|| owner(fields, 0o755)),
        }
    }

    fn secret(&self, stage: &Stage, fields: &Fields) -> Result<Option<MountOp>> {
        if fields.from.is_some() {
            return Err(Error::new("a secret has no `from`")
                .with_code("mount-key-not-for-type")
                .with_help("leave it out: `id` names the secret"));
        }
        if fields.source.is_some() && fields.id.is_some() {
            return Err(Error::new("`source` and `id` of a secret are the same")
                .with_code("invalid-mount-value")
                .with_help("leave one of them out"));
        }
        let target_name = fields.target.as_deref().map(base);
        let id = fields.source.as_deref().or(fields.id.as_deref()).or(target_name);
        let Some(id) = id.filter(|id| !id.is_empty()) else {
            return Err(Error::new("a secret needs an `id` or a `target`")
                .with_code("mount-without-value")
                .with_help("write `id=NAME`, as `--secret id=NAME` gives it"));
        };
        let target = match (&fields.target, &fields.env) {
            (Some(target), _) => Some(trimmed(&absolute(target, &stage.directory()))),
            (None, Some(_)) => None,
            (None, None) => Some(format!("/run/secrets/{}", base(id))),
        };
        // One that is not there stays in the plan: whether it is given does not count in the key.
        if fields.required && !self.request.secrets.contains_key(id) {
            return Err(Error::new(format!("the secret `{id}` is required and not given"))
                .with_code("missing-secret")
                .with_help(format!("give it with `--secret id={id},src=FILE`")));
        }
        let kind = MountKind::Secret {
            id: id.to_owned(),
            required: fields.required,
            env: fields.env.clone(),
            owner: owner(fields, 0o400),
        };
        Ok(Some(MountOp { target, kind, span: None }))
    }

    fn ssh(&self, stage: &Stage, fields: &Fields, n_agents: usize) -> Result<Option<MountOp>> {
        if fields.source.is_some() {
            return Err(Error::new("a mount of type `ssh` has no `source`")
                .with_code("mount-key-not-for-type")
                .with_help("leave it out: `id` names the agent"));
        }
        let id = fields.id.clone().unwrap_or_else(|| "default".to_owned());
        if fields.required && !self.request.ssh_agents.contains_key(&id) {
            return Err(Error::new(format!("the agent `{id}` is required and not given"))
                .with_code("missing-secret")
                .with_help("give it with `--ssh default`"));
        }
        let target = match &fields.target {
            Some(target) => trimmed(&absolute(target, &stage.directory())),
            None => format!("/run/buildkit/ssh_agent.{n_agents}"),
        };
        let owner = owner(fields, 0o600);
        let kind = MountKind::Ssh { id, required: fields.required, owner };
        Ok(Some(MountOp { target: Some(target), kind, span: None }))
    }
}

fn kind_of(text: &str) -> Result<Kind> {
    Ok(match text.to_lowercase().as_str() {
        "bind" => Kind::Bind,
        "cache" => Kind::Cache,
        "tmpfs" => Kind::Tmpfs,
        "secret" => Kind::Secret,
        "ssh" => Kind::Ssh,
        _ => {
            return Err(Error::new(format!("there is no mount type `{text}`"))
                .with_code("unknown-mount-type")
                .with_help(choices("the types are", text, &TYPES)));
        }
    })
}

fn sharing(text: &str) -> Result<Sharing> {
    Ok(match text.to_lowercase().as_str() {
        "shared" => Sharing::Shared,
        "private" => Sharing::Private,
        "locked" => Sharing::Locked,
        _ => {
            return Err(Error::new(format!("`{text}` is no way of sharing"))
                .with_code("invalid-mount-value")
                .with_help("write `shared`, `private` or `locked`"));
        }
    })
}

fn owner(fields: &Fields, mode: u32) -> MountOwner {
    MountOwner {
        uid: fields.uid.unwrap_or(0),
        gid: fields.gid.unwrap_or(0),
        mode: fields.mode.unwrap_or(mode),
    }
}

fn wrong_value(key: &Text<'_>, value: &str) -> Error {
    let help = match key.to_lowercase().as_str() {
        "size" => "write a size such as `64m` or `1g`",
        "mode" => "write an octal number such as `0755`",
        "uid" | "gid" => "write a whole number",
        _ => "write `true` or `false`",
    };
    Error::new(format!("`{value}` is no value for `{key}` of a mount"))
        .with_code("invalid-mount-value")
        .with_help(help)
}

fn not_for(key: &Text<'_>, kind: Kind) -> Error {
    let kind = format!("{kind:?}").to_lowercase();
    Error::new(format!("`{key}` is not for mounts of type `{kind}`"))
        .with_code("mount-key-not-for-type")
        .with_help("`type` must stand in front of it")
}

/// Names what was meant, or all there is.
fn choices(lead: &str, text: &str, known: &[&str]) -> String {
    let near = known.iter().map(|known| (distance(text, known), known)).min();
    match near {
        Some((1..=2, known)) => format!("did you mean `{known}`?"),
        _ => {
            let all: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
            format!("{lead} {}", all.join(", "))
        }
    }
}

/// Go's `strconv.ParseBool`, in any case as BuildKit's flags are.
fn boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "1" | "t" | "true" => Some(true),
        "0" | "f" | "false" => Some(false),
        _ => None,
    }
}

fn base(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit_once('/').map_or(path, |(_, base)| base)
}

fn trimmed(path: &str) -> String {
    if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path.to_owned() }
}
