//! A Dockerfile that leads to an image, from the image's configuration and history, with a note
//! wherever the image does not tell enough.

use std::collections::BTreeMap;

use crate::config::ContainerConfig;
use crate::plan::{BaseImage, Planned, plan};
use crate::{Image, ImageConfig, Request, Result, Store};

mod row;

use row::Row;

/// A Dockerfile made of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconstruction {
    /// The text. It always parses.
    pub dockerfile: String,
    /// What the Dockerfile cannot give back, one sentence each; they stand in the text as comments.
    pub notes: Vec<String>,
}

/// The image that another one was built upon.
#[derive(Clone, Debug, PartialEq)]
pub struct Base {
    /// Its name.
    pub name: String,
    /// The image.
    pub image: Image,
}

/// Finds the image of the store with the most layers and the most history that `image` begins with.
///
/// # Errors
///
/// When the tags cannot be read.
pub fn find_base(store: &Store, image: &Image) -> Result<Option<Base>> {
    let mut best: Option<Base> = None;
    for record in store.images()? {
        if record.manifest == image.manifest || record.is_nameless() {
            continue;
        }
        let Ok(other) = Image::load(store, &record.manifest) else { continue };
        let history = &image.config.history;
        let is_prefix = !other.layers.is_empty()
            && image.layers.starts_with(&other.layers)
            && history.starts_with(&other.config.history)
            && other.config.history.len() < history.len();
        let length = |image: &Image| (image.layers.len(), image.config.history.len());
        if is_prefix && best.as_ref().is_none_or(|best| length(&best.image) < length(&other)) {
            best = Some(Base { name: record.name, image: other });
        }
    }
    Ok(best)
}

/// Makes a Dockerfile of an image, upon `base` if that is known, and checks that its configuration
/// would come out the same.
pub fn reconstruct(image: &Image, base: Option<&Base>) -> Reconstruction {
    let mut notes = Vec::new();
    let mut text = String::new();
    let config = &image.config;
    let n_known = base.map_or(0, |base| base.image.config.history.len());
    let from = match base {
        Some(base) => base.name.clone(),
        None => {
            notes.push(no_base(config));
            "scratch".to_owned()
        }
    };
    let mut shell = base.and_then(|base| base.image.config.config.shell.clone());
    let mut body = String::new();
    let mut layers = image.layers.iter().skip(base.map_or(0, |base| base.image.layers.len()));
    for entry in config.history.iter().skip(n_known) {
        let layer = if entry.empty_layer { None } else { layers.next() };
        let created_by = entry.created_by.as_deref().unwrap_or_default();
        let row = Row::read(created_by, &config.config, shell.as_deref());
        if let Row::Instruction { shell: Some(words), .. } = &row {
            shell = Some(words.clone());
        }
        write_row(&mut body, row, created_by, layer.is_some(), &mut notes);
    }
    for trigger in &config.config.on_build {
        body.push_str(&format!("ONBUILD {}\n", one_line(trigger)));
    }
    notes.extend(differences(&from, &body, image, base));
    text.push_str("# Made of the history of an image. What the image does not tell:\n");
    for note in &notes {
        text.push_str(&format!("# - {note}\n"));
    }
    text.push_str(&format!("FROM {from}\n{body}"));
    Reconstruction { dockerfile: text, notes }
}

fn write_row(
    body: &mut String,
    row: Row,
    created_by: &str,
    has_layer: bool,
    notes: &mut Vec<String>,
) {
    match row {
        Row::Instruction { text, note, .. } => {
            if let Some(note) = note
                && !notes.iter().any(|known| known == note)
            {
                notes.push(note.to_owned());
            }
            body.push_str(&text);
            body.push('\n');
        }
        Row::Unknown if created_by.is_empty() && !has_layer => {}
        Row::Unknown => {
            let what = if has_layer { "a layer" } else { "an entry" };
            body.push_str(&format!(
                "# {what} that no instruction tells of: {}\n",
                one_line(created_by)
            ));
            let note = "some entries of the history are no Dockerfile instructions; they stand below \
                        as comments";
            if !notes.iter().any(|known| known == note) {
                notes.push(note.to_owned());
            }
        }
    }
}

fn no_base(config: &ImageConfig) -> String {
    let label = "org.opencontainers.image.base.name";
    match config.config.labels.get(label) {
        Some(name) => format!(
            "a label calls `{}` the base, which is not in the store: pull or load it and run this \
             again, or the base's own steps stand here too",
            one_line(name)
        ),
        None => "an image does not name its base, and no image of the store begins this one: the \
                 base's own steps stand here too"
            .to_owned(),
    }
}

/// Plans the Dockerfile and tells what its configuration lacks.
fn differences(from: &str, body: &str, image: &Image, base: Option<&Base>) -> Vec<String> {
    let dockerfile = format!("FROM {from}\n{body}");
    let platform = format!("{}/{}", image.config.os, image.config.architecture);
    let request = Request { build_platform: platform, ..Request::new(dockerfile.clone()) };
    let parse = dockerfile_parser::parse(&dockerfile);
    let images = base.map(|base| {
        let Image { manifest, config, .. } = base.image.clone();
        (base.name.clone(), BaseImage { manifest, config })
    });
    let planned = match plan(&request, &parse, &images.into_iter().collect::<BTreeMap<_, _>>()) {
        Ok(Planned::Plan(plan)) => plan.config.config,
        Ok(Planned::Missing(_)) => {
            return vec!["a step uses an image that is not known".to_owned()];
        }
        Err(error) => return vec![format!("the Dockerfile would not build: {error}")],
    };
    let fields = |config: &ContainerConfig| {
        let mut config = config.clone();
        if config.working_dir == "/" {
            config.working_dir.clear();
        }
        let value = serde_json::to_value(config).unwrap_or_default();
        value.as_object().cloned().unwrap_or_default()
    };
    let (ours, theirs) = (fields(&planned), fields(&image.config.config));
    let names: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let differing = names.into_iter().filter(|name| {
        // Builders before BuildKit did not set it; it means nothing on Linux.
        name.as_str() != "ArgsEscaped" && ours.get(*name) != theirs.get(*name)
    });
    let shown = |value: Option<&serde_json::Value>| match value {
        Some(value) => one_line(&value.to_string()),
        None => "nothing".to_owned(),
    };
    differing
        .map(|name| {
            format!(
                "the image's `{name}` is {}, these lines give {}",
                shown(theirs.get(name)),
                shown(ours.get(name))
            )
        })
        .collect()
}

/// Returns a text that cannot leave its line.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests;
