//! The order of a log: that of the steps in the plan, whatever the schedule.
//!
//! The first step that has not ended is shown as it goes; what later ones say is held back until it
//! is their turn. So two logs of the same build differ in nothing but times.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

use dockwright_builder::StepId;

/// How much of what a step says is held back in memory. More goes to a file without a name.
const MEMORY_BYTES: usize = 256 << 10;

/// Which steps are yet to be shown, and what those have said whose turn is later.
#[derive(Debug, Default)]
pub(super) struct Order {
    waiting: BTreeSet<StepId>,
    held: BTreeMap<StepId, Held>,
}

/// What a step has said, and how it ended.
#[derive(Debug, Default)]
struct Held {
    text: String,
    /// Holds what comes before `text`.
    file: Option<File>,
    end: Option<End>,
}

/// The last words of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) text: String,
    /// Nothing is shown behind it: how far later steps came by then is chance.
    pub(super) is_last: bool,
}

/// Something to show.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    End(String),
}

impl Order {
    /// Takes the steps that the build needs.
    pub(super) fn new(steps: impl Iterator<Item = StepId>) -> Self {
        Self { waiting: steps.collect(), held: BTreeMap::new() }
    }

    /// Takes what a step says, and shows it if it is the step's turn.
    pub(super) fn text(&mut self, id: StepId, text: String, show: &mut dyn FnMut(StepId, Piece)) {
        if self.waiting.first() == Some(&id) {
            show(id, Piece::Text(text));
        } else if self.waiting.contains(&id) {
            self.held.entry(id).or_default().push(&text);
        }
    }

    /// Takes the end of a step. If it is the step's turn, it is that of others afterwards.
    pub(super) fn end(&mut self, id: StepId, end: End, show: &mut dyn FnMut(StepId, Piece)) {
        if self.waiting.contains(&id) {
            self.held.entry(id).or_default().end = Some(end);
        }
        while let Some(first) = self.waiting.first().copied() {
            let Some(held) = self.held.remove(&first) else { return };
            let Some(end) = held.show(first, show) else { return };
            self.waiting.remove(&first);
            show(first, Piece::End(end.text));
            if end.is_last {
                self.waiting.clear();
                self.held.clear();
            }
        }
    }

    /// Shows all that is held back: no step will end any more.
    pub(super) fn rest(&mut self, show: &mut dyn FnMut(StepId, Piece)) {
        self.waiting.clear();
        for (id, held) in std::mem::take(&mut self.held) {
            if let Some(end) = held.show(id, show) {
                show(id, Piece::End(end.text));
            }
        }
    }
}

impl Held {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        if self.text.len() < MEMORY_BYTES {
            return;
        }
        if self.file.is_none() {
            self.file = nameless_file().ok();
        }
        // What no disk takes stays in memory.
        if let Some(file) = &mut self.file
            && let Ok(size) = file.stream_position()
        {
            match file.write_all(self.text.as_bytes()) {
                Ok(()) => self.text.clear(),
                Err(_) => drop(file.set_len(size).and_then(|()| file.seek(from_start(size)))),
            }
        }
    }

    fn show(self, id: StepId, show: &mut dyn FnMut(StepId, Piece)) -> Option<End> {
        if let Some(mut file) = self.file
            && file.rewind().is_ok()
        {
            let mut lines = BufReader::new(file);
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|n| n > 0) {
                show(id, Piece::Text(std::mem::take(&mut line)));
            }
        }
        if !self.text.is_empty() {
            show(id, Piece::Text(self.text));
        }
        self.end
    }
}

fn from_start(offset: u64) -> std::io::SeekFrom {
    std::io::SeekFrom::Start(offset)
}

/// Makes a file that ends with its descriptor.
fn nameless_file() -> std::io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("dockwright-log-{}-{n}", std::process::id());
    let path = crate::environment::temporary_directory().join(name);
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str, is_last: bool) -> End {
        End { text: text.to_owned(), is_last }
    }

    /// What is shown of steps 0, 1 and 3, told in this order: text `None` is the end.
    fn shown(told: &[(usize, Option<&str>)], failing: Option<usize>) -> String {
        let mut order = Order::new([0, 1, 3].into_iter().map(StepId));
        let mut shown = String::new();
        let mut show = |id: StepId, piece: Piece| match piece {
            Piece::Text(text) => shown.push_str(&format!("{}{text} ", id.0)),
            Piece::End(text) => shown.push_str(&format!("{}{text}; ", id.0)),
        };
        for (n, text) in told {
            match text {
                Some(text) => order.text(StepId(*n), (*text).to_owned(), &mut show),
                None => order.end(StepId(*n), end(".", failing == Some(*n)), &mut show),
            }
        }
        order.rest(&mut show);
        shown
    }

    #[test]
    fn any_schedule_is_shown_in_the_order_of_the_plan() {
        let expected = "0a 0b 0.; 1c 1.; 3d 3.; ";
        let (a, b, c, d) = ((0, Some("a")), (0, Some("b")), (1, Some("c")), (3, Some("d")));
        let schedules = [
            [a, b, (0, None), c, (1, None), d, (3, None)],
            [d, (3, None), c, a, (1, None), b, (0, None)],
            [c, a, d, b, (0, None), (3, None), (1, None)],
        ];
        for schedule in schedules {
            assert_eq!(shown(&schedule, None), expected);
        }
        // Behind the first failure nothing is shown.
        let expected = "0a 0b 0.; 1c 1.; ";
        for schedule in schedules {
            assert_eq!(shown(&schedule, Some(1)), expected);
        }
        // Steps that never end, after an interruption.
        assert_eq!(shown(&[d, a, (3, None), c], None), "0a 1c 3d 3.; ");
    }

    #[test]
    fn much_text_waits_in_a_file() {
        let mut order = Order::new([0, 1].into_iter().map(StepId));
        let line = format!("{}\n", "x".repeat(999));
        for _ in 0..1000 {
            order.text(StepId(1), line.clone(), &mut |_, _| {});
        }
        let held = &order.held[&StepId(1)];
        assert!(held.file.is_some() && held.text.len() < MEMORY_BYTES);
        let mut n_bytes = 0;
        order.end(StepId(1), end(".", false), &mut |_, _| {});
        order.end(StepId(0), end(".", false), &mut |id, piece| match piece {
            Piece::Text(text) => n_bytes += text.len() * id.0,
            Piece::End(_) => {}
        });
        assert_eq!(n_bytes, 1000 * line.len());
    }
}
