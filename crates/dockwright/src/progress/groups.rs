//! GitHub's groups: a log that folds to one line a step.

use std::collections::BTreeSet;

use dockwright_builder::StepId;

/// Which group is open.
#[derive(Debug, Default)]
pub(super) struct Groups {
    open: Option<StepId>,
    /// Steps that have had a group already.
    seen: BTreeSet<StepId>,
}

impl Groups {
    /// Takes text of a step, whose name is `title`, and returns what is to be printed.
    pub(super) fn text(&mut self, id: StepId, title: &str, text: &str) -> String {
        if self.open == Some(id) {
            return text.to_owned();
        }
        let end = if self.open.is_some() { "::endgroup::\n" } else { "" };
        let again = if self.seen.insert(id) { "" } else { " (continued)" };
        self.open = Some(id);
        format!("{end}::group::{title}{again}\n{text}")
    }

    /// Ends the group of a step with `text`; a step without a group has it beside the groups.
    pub(super) fn finish(&mut self, id: StepId, title: &str, text: &str) -> String {
        if !self.seen.contains(&id) {
            return self.beside(&format!("{title}\n{text}"));
        }
        let shown = self.text(id, title, text);
        self.open = None;
        shown + "::endgroup::\n"
    }

    /// Returns `text` outside of every group.
    pub(super) fn beside(&mut self, text: &str) -> String {
        match self.open.take() {
            Some(_) => format!("::endgroup::\n{text}"),
            None => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_with_text_has_a_group() {
        let mut groups = Groups::default();
        let (a, b, c) = (StepId(0), StepId(1), StepId(2));
        let mut text = groups.text(a, "A", "a1\n");
        text += &groups.text(a, "A", "a2\n");
        text += &groups.finish(a, "A", "A DONE\n");
        text += &groups.finish(b, "B", "B CACHED\n");
        text += &groups.text(c, "C", "c1\n");
        text += &groups.beside("a warning\n");
        text += &groups.finish(c, "C", "C DONE\n");
        let expected = "::group::A\na1\na2\nA DONE\n::endgroup::\nB\nB CACHED\n\
                        ::group::C\nc1\n::endgroup::\na warning\n\
                        ::group::C (continued)\nC DONE\n::endgroup::\n";
        assert_eq!(text, expected);
    }
}
