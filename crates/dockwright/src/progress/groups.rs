//! GitHub's groups: a log that folds to one line a step, although steps run side by side.

use std::collections::{BTreeMap, BTreeSet};

use dockwright_builder::StepId;

/// How much of a step's text waits for the group of another to end. More opens its group in
/// between, so that nothing is lost and memory stays bounded.
const WAITING_BYTES_MAX: usize = 64 << 10;

/// Which group is open, and what waits for its own.
#[derive(Debug, Default)]
pub(super) struct Groups {
    open: Option<StepId>,
    waiting: BTreeMap<StepId, String>,
    /// Steps that have had a group already.
    seen: BTreeSet<StepId>,
}

impl Groups {
    /// Takes text of a step, whose name is `title`, and returns what is to be printed now.
    pub(super) fn text(&mut self, id: StepId, title: &str, text: &str) -> String {
        if self.open == Some(id) {
            return text.to_owned();
        }
        let waiting = self.waiting.entry(id).or_default();
        waiting.push_str(text);
        if self.open.is_some() && waiting.len() <= WAITING_BYTES_MAX {
            return String::new();
        }
        self.switch(id, title)
    }

    /// Ends the group of a step with `text`; a step without a group has it beside the groups.
    pub(super) fn finish(&mut self, id: StepId, title: &str, text: &str) -> String {
        if !self.seen.contains(&id) && !self.waiting.contains_key(&id) {
            return self.beside(&format!("{title}\n{text}"));
        }
        let mut shown = String::new();
        if self.open != Some(id) {
            shown = self.switch(id, title);
        }
        self.open = None;
        shown + text + "::endgroup::\n"
    }

    /// Returns `text` outside of every group.
    pub(super) fn beside(&mut self, text: &str) -> String {
        match self.open.take() {
            Some(_) => format!("::endgroup::\n{text}"),
            None => text.to_owned(),
        }
    }

    fn switch(&mut self, id: StepId, title: &str) -> String {
        let end = if self.open.is_some() { "::endgroup::\n" } else { "" };
        let again = if self.seen.insert(id) { "" } else { " (continued)" };
        self.open = Some(id);
        let waiting = self.waiting.remove(&id).unwrap_or_default();
        format!("{end}::group::{title}{again}\n{waiting}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_parallel_steps_do_not_mix() {
        let mut groups = Groups::default();
        let (a, b, c) = (StepId(0), StepId(1), StepId(2));
        let mut text = groups.text(a, "A", "a1\n");
        text += &groups.text(b, "B", "b1\n");
        text += &groups.text(a, "A", "a2\n");
        text += &groups.finish(a, "A", "A DONE\n");
        text += &groups.finish(c, "C", "C CACHED\n");
        text += &groups.finish(b, "B", "B DONE\n");
        let expected = "::group::A\na1\na2\nA DONE\n::endgroup::\nC\nC CACHED\n\
                        ::group::B\nb1\nB DONE\n::endgroup::\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn much_text_does_not_wait() {
        let mut groups = Groups::default();
        groups.text(StepId(0), "A", "a\n");
        let long = "x".repeat(WAITING_BYTES_MAX);
        assert_eq!(groups.text(StepId(1), "B", &long), "");
        let shown = groups.text(StepId(1), "B", "more\n");
        assert_eq!(shown, format!("::endgroup::\n::group::B\n{long}more\n"));
        let end = groups.finish(StepId(0), "A", "A DONE\n");
        let expected = "::endgroup::\n::group::A (continued)\nA DONE\n::endgroup::\n";
        assert_eq!(end, expected);
    }
}
