//! Facts about base images that are in the store, for the linter.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use dockerfile_parser::{Base, Model, parse};
use dockwright_builder::copy_out::ImagePath;
use dockwright_builder::{Image, Store};
use dockwright_lint::BaseImageFacts;

use crate::cli::Session;
use crate::environment;

/// `/etc/passwd` is read up to this length, in bytes.
const PASSWD_LENGTH_MAX: u64 = 1 << 20;

/// The base images of the store; each is looked at once.
pub(super) struct Bases {
    store: Store,
    seen: Mutex<BTreeMap<String, Option<BaseImageFacts>>>,
}

impl Bases {
    /// Opens the store where there is one. What is wrong with it is for the build to say.
    ///
    /// An ordinary user's process enters a user namespace, so this comes before any thread.
    pub(super) fn open(session: &Session) -> Option<Self> {
        let place = environment::store_path(session.store.as_deref()).ok()?;
        if !place.is_dir() {
            return None;
        }
        dockwright_builder::enter().ok()?;
        let store = Store::open(&place).ok()?;
        Some(Self { store, seen: Mutex::default() })
    }

    /// Returns what is known of the bases that the Dockerfile `source` names without variables.
    pub(super) fn of(&self, source: &str) -> Vec<BaseImageFacts> {
        let parsed = parse(source);
        let model = Model::new(&parsed);
        let names = model.stages.iter().filter_map(|stage| match stage.base {
            Base::Image(name) if !name.contains('$') => Some(name.as_str()),
            _ => None,
        });
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        names
            .filter_map(|name| {
                let facts = seen.entry(name.to_owned()).or_insert_with(|| self.look_at(name));
                facts.clone()
            })
            .collect()
    }

    fn look_at(&self, name: &str) -> Option<BaseImageFacts> {
        let record = self.store.resolve(name).ok()??;
        let image = Image::load(&self.store, &record.manifest).ok()?;
        let config = &image.config;
        let platform = format!("{}/{}", config.os, config.architecture);
        let users = ImagePath::find(&self.store, &image, "/etc/passwd", true)
            .and_then(|file| file.read(PASSWD_LENGTH_MAX))
            .map(|text| users(&String::from_utf8_lossy(&text)));
        Some(BaseImageFacts { name: name.to_owned(), platform: Some(platform), users: users.ok() })
    }
}

/// Returns the names in an `/etc/passwd`.
fn users(passwd: &str) -> Vec<String> {
    let names = passwd.lines().filter_map(|line| line.split_once(':'));
    names.map(|(name, _)| name.to_owned()).filter(|name| !name.is_empty()).collect()
}
