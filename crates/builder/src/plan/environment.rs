//! Variables in order of their first definition.

use std::collections::HashMap;

/// Names and values; a name that is set again keeps its place.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    pairs: Vec<(String, String)>,
    places: HashMap<String, usize>,
    /// The places that were set since [`Environment::take_changes`].
    changed: Vec<usize>,
}

impl Environment {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.places.get(name).map(|place| self.pairs[*place].1.as_str())
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        match self.places.get(name) {
            Some(place) => {
                value.clone_into(&mut self.pairs[*place].1);
                self.changed.push(*place);
            }
            None => {
                self.changed.push(self.pairs.len());
                self.places.insert(name.to_owned(), self.pairs.len());
                self.pairs.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// Returns what was set since this was last called.
    pub(super) fn take_changes(&mut self) -> Vec<(String, String)> {
        self.changed.drain(..).map(|place| self.pairs[place].clone()).collect()
    }

    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }
}
