//! What a container changed, kept as an image: `docker commit`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dockerfile_parser::Kind;

use crate::config::ContainerConfig;
use crate::history::{HistoryEntry, rfc3339};
use crate::layer::LayerOptions;
use crate::plan::{BaseImage, Planned, plan};
use crate::{Error, Image, Request, Result, Snapshot, Store};

/// How a container's changes are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitOptions {
    /// Note in the history.
    pub message: Option<String>,
    /// Who made it.
    pub author: Option<String>,
    /// Instructions that change the configuration, each as a line of a Dockerfile.
    pub changes: Vec<String>,
    /// The time that the image carries, in seconds after 1970; newer times of files become it.
    pub epoch: i64,
}

/// Makes an image of what was written on `snapshot`, which lies on the layers of `base` (given by
/// their directories `lowers`) and is not mounted any more. `config` is what the container had. The
/// image has no name yet.
///
/// # Errors
///
/// When a change is wrong, something that was written cannot be in a layer, and when the disk does
/// not take it.
pub fn commit(
    store: &Store,
    snapshot: &Snapshot,
    (base, lowers): (&Image, Vec<PathBuf>),
    config: &ContainerConfig,
    options: &CommitOptions,
) -> Result<Image> {
    let mut image = base.config.clone();
    image.config = with_changes(base, config, options)?;
    image.created = Some(rfc3339(options.epoch));
    if options.author.is_some() {
        image.author.clone_from(&options.author);
    }
    image.history.push(HistoryEntry {
        created: Some(rfc3339(options.epoch)),
        created_by: Some(config.cmd.clone().unwrap_or_default().join(" ")),
        author: options.author.clone(),
        comment: options.message.clone(),
        empty_layer: false,
    });
    let layer_options = LayerOptions { epoch: options.epoch, lowers };
    let layer = store.commit_layer(snapshot.upper(), &layer_options)?;
    let mut layers = base.layers.clone();
    layers.push(layer.diff_id);
    Image::write(store, &image, &layers)
}

/// Checks the changes of a commit, so that nothing runs before they are known to be right.
///
/// # Errors
///
/// When one is not an instruction that `docker commit --change` allows.
pub fn check_changes(changes: &[String]) -> Result<()> {
    for change in changes {
        let parse = dockerfile_parser::parse(change);
        let wrong = |why: &str| {
            Error::new(format!("the change `{change}` cannot be made: {why}")).with_help(
                "it is one of CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, \
                 STOPSIGNAL, USER, VOLUME, WORKDIR, as in a Dockerfile",
            )
        };
        // The only fault of a good change is that no FROM stands before it.
        let [instruction] = parse.instructions.as_slice() else {
            return Err(wrong("it is not one instruction"));
        };
        let is_allowed = matches!(
            &instruction.kind,
            Kind::Cmd(_)
                | Kind::Entrypoint(_)
                | Kind::Env(_)
                | Kind::Expose(_)
                | Kind::Healthcheck(_)
                | Kind::Label(_)
                | Kind::Onbuild(_)
                | Kind::Stopsignal(_)
                | Kind::User(_)
                | Kind::Volume(_)
                | Kind::Workdir(_)
        );
        if let Kind::Invalid(_) = &instruction.kind {
            let message = parse.errors.first().map_or("it is no instruction", |e| &e.message);
            return Err(wrong(message));
        }
        if !is_allowed {
            let keyword = instruction.keyword.as_str().to_uppercase();
            return Err(wrong(&format!("{keyword} is not allowed here")));
        }
    }
    Ok(())
}

/// Applies the changes to what the container had, by planning them as a Dockerfile upon it.
fn with_changes(
    base: &Image,
    config: &ContainerConfig,
    options: &CommitOptions,
) -> Result<ContainerConfig> {
    if options.changes.is_empty() {
        return Ok(config.clone());
    }
    check_changes(&options.changes)?;
    let name = "container";
    let mut image = base.config.clone();
    // Its triggers are not for this.
    image.config = ContainerConfig { on_build: Vec::new(), ..config.clone() };
    let images = [(name.to_owned(), BaseImage { manifest: base.manifest, config: image })];
    let dockerfile = format!("FROM {name}\n{}\n", options.changes.join("\n"));
    let request = Request { epoch: options.epoch, ..Request::new(dockerfile.clone()) };
    let parse = dockerfile_parser::parse(&dockerfile);
    let Planned::Plan(plan) = plan(&request, &parse, &BTreeMap::from(images))? else {
        return Err(Error::new("a change asks for another image"));
    };
    let mut changed = plan.config.config;
    let has_path = |env: &[String]| env.iter().any(|line| line.starts_with("PATH="));
    let mentions_path = options.changes.iter().any(|change| change.contains("PATH"));
    if !has_path(&config.env) && !mentions_path {
        // Planning gives every base without it a search path.
        changed.env.retain(|line| !line.starts_with("PATH="));
    }
    changed.on_build.splice(0..0, config.on_build.iter().cloned());
    Ok(changed)
}
