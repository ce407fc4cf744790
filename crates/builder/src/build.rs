//! The entry point.

use crate::{Error, Event, Image, Request, Result, Store};

/// What a build made.
#[derive(Clone, Debug)]
pub struct Build {
    /// The image, written to the store. It has no name yet.
    pub image: Image,
}

/// Builds an image and writes it to `store`.
///
/// `events` is called on the calling thread, with what happens as it happens. Nothing is tagged: a
/// build that fails leaves no image behind, only steps that the next build finds in the cache.
///
/// # Errors
///
/// When the Dockerfile or the request is wrong, a command fails, or the machine does not do what
/// was asked. The error points into the Dockerfile wherever that is what must change.
pub fn build(_request: &Request, _store: &Store, _events: &mut dyn FnMut(Event)) -> Result<Build> {
    Err(Error::new("building is not supported yet"))
}
