//! What was found in the shell text of RUNs, kept for the next RUN with the same text.

#[cfg(feature = "shellcheck")]
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

/// Keeps what was found in the shell text of RUNs, so that a text that comes again (in another
/// file, or in another round of fixing) is looked at once.
///
/// Clones share what they keep; one cache may serve many threads. Without the feature `shellcheck`
/// it keeps nothing.
#[derive(Clone, Debug, Default)]
pub struct ShellCache {
    #[cfg(feature = "shellcheck")]
    kept: Arc<Kept>,
}

#[cfg(feature = "shellcheck")]
type Faults = Arc<[crate::shellcheck::Fault]>;

/// By digest of the text and its language: of many files the texts themselves would be large.
#[cfg(feature = "shellcheck")]
#[derive(Debug, Default)]
struct Kept(Mutex<HashMap<[u64; 2], Faults>>);

#[cfg(feature = "shellcheck")]
impl ShellCache {
    /// Returns what is kept for `key`, or what `make` finds.
    pub(crate) fn get(&self, key: impl Hash, make: impl FnOnce() -> Faults) -> Faults {
        let digest = [0_u64, 1].map(|seed| {
            let mut hasher = DefaultHasher::new();
            (seed, &key).hash(&mut hasher);
            hasher.finish()
        });
        let kept = || self.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(faults) = kept().get(&digest) {
            return Arc::clone(faults);
        }
        let faults = make();
        kept().insert(digest, Arc::clone(&faults));
        faults
    }
}
