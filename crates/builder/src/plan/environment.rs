//! Variables in order of their first definition.

use std::collections::HashMap;

/// Names and values; a name that is set again keeps its place.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    pairs: Vec<(String, String)>,
    places: HashMap<String, usize>,
}

impl Environment {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.places.get(name).map(|place| self.pairs[*place].1.as_str())
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        match self.places.get(name) {
            Some(place) => value.clone_into(&mut self.pairs[*place].1),
            None => {
                self.places.insert(name.to_owned(), self.pairs.len());
                self.pairs.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }
}
