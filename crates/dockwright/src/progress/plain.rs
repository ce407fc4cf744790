//! The style of `docker build --progress=plain`: numbered steps, one line an event, in the order of
//! the plan.

use std::collections::BTreeMap;
use std::time::Instant;

use dockwright_builder::{CauseKind, Event, Outcome, Step, StepId};

use super::groups::Groups;
use super::lines::{Lines, harmless};
use super::order::{End, Order, Piece};
use super::{Done, Failure, step_name};
use crate::print;
use crate::report::{self, Level, Report, github};
use crate::source_file::SourceFile;
use crate::why;

/// The state of the style.
pub(crate) struct Plain {
    colours: bool,
    steps: Vec<Step>,
    running: BTreeMap<StepId, Running>,
    order: Order,
    /// In a workflow of GitHub.
    groups: Option<Groups>,
}

struct Running {
    since: Instant,
    lines: Lines,
}

impl Plain {
    pub(crate) fn new(colours: bool, is_github: bool) -> Self {
        let groups = is_github.then(Groups::default);
        Self {
            colours,
            steps: Vec::new(),
            running: BTreeMap::new(),
            order: Order::default(),
            groups,
        }
    }

    pub(crate) fn event(&mut self, event: &Event, file: &SourceFile) {
        match event {
            Event::Planned(steps) => {
                self.steps.clone_from(steps);
                let needed = steps.iter().enumerate().filter(|(_, step)| step.is_needed);
                self.order = Order::new(needed.map(|(n, _)| StepId(n)));
            }
            Event::Started(id) => {
                if self.groups.is_none() {
                    let head = self.bold(&self.title(*id));
                    self.say(*id, format!("{head}\n"));
                }
                self.running
                    .insert(*id, Running { since: Instant::now(), lines: Lines::default() });
            }
            // On a first build every step would say the same.
            Event::Missed(_, cause) if cause.kind == CauseKind::FirstBuild => {}
            Event::Missed(id, cause) => {
                let why = why::sentence(self.steps.get(id.0), cause, file);
                self.say(*id, format!("#{} {}\n", id.0 + 1, harmless(why.as_bytes(), false)));
            }
            Event::Executing(_) | Event::Layer(..) => {}
            Event::Shell(id, program) => {
                // What the step said is what the shell is opened for.
                self.rest();
                self.print(&super::shell_text(*id, program));
            }
            Event::NoShell(id) => self.print(&super::no_shell_text(*id)),
            Event::Output(id, _, bytes) => {
                if let Some(running) = self.running.get_mut(id) {
                    let mut text = String::new();
                    let elapsed = running.since.elapsed().as_secs_f64();
                    running.lines.take(bytes, |line| {
                        text.push_str(&numbered(*id, elapsed, line, self.colours));
                    });
                    if !text.is_empty() {
                        self.say(*id, text);
                    }
                }
            }
            Event::Finished(id, outcome) => self.finished(*id, *outcome),
            Event::Warning(warning) => {
                let report = Report {
                    level: Level::Warning,
                    code: None,
                    message: warning.message.clone(),
                    help: None,
                    place: warning.span.map(|span| (file, span)),
                };
                self.print(&report::render(&report, self.colours, None));
            }
        }
    }

    pub(crate) fn done(&mut self, done: &Done<'_>) {
        for destination in &done.destinations {
            self.print(&format!("exported to {}\n", destination.display()));
        }
        self.print(&format!("image {}\n", done.image_id));
        for name in done.names {
            self.print(&format!("named {name}\n"));
        }
    }

    fn finished(&mut self, id: StepId, outcome: Outcome) {
        let Some(mut running) = self.running.remove(&id) else { return };
        let elapsed = running.since.elapsed().as_secs_f64();
        let mut text = String::new();
        running.lines.finish(|line| text.push_str(&numbered(id, elapsed, line, self.colours)));
        let end = match outcome {
            Outcome::Cached => "CACHED".to_owned(),
            Outcome::Done => format!("DONE {elapsed:.1}s"),
            Outcome::Failed => "ERROR".to_owned(),
            Outcome::Cancelled => "CANCELED".to_owned(),
        };
        let gap = if self.groups.is_some() { "" } else { "\n" };
        text.push_str(&format!("#{} {end}\n{gap}", id.0 + 1));
        let end = End { text, is_last: outcome == Outcome::Failed };
        self.in_order(|order, show| order.end(id, end, show));
    }

    /// Marks the line that is at fault, in a workflow of GitHub.
    pub(crate) fn failed(&mut self, failure: &Failure<'_>) {
        self.rest();
        if self.groups.is_none() {
            return;
        }
        let place =
            failure.place.map(|(file, span)| (file.name.as_str(), file.position(span.start)));
        self.print(&github::annotation(&failure.message, place));
    }

    fn title(&self, id: StepId) -> String {
        let name = harmless(step_name(&self.steps, id.0).as_bytes(), false);
        format!("#{} {name}", id.0 + 1)
    }

    /// Prints what belongs to a step when it is its turn.
    fn say(&mut self, id: StepId, text: String) {
        self.in_order(|order, show| order.text(id, text, show));
    }

    /// Prints what was held back.
    fn rest(&mut self) {
        self.in_order(Order::rest);
    }

    fn in_order(&mut self, act: impl FnOnce(&mut Order, &mut dyn FnMut(StepId, Piece))) {
        let mut order = std::mem::take(&mut self.order);
        act(&mut order, &mut |id, piece| {
            let title = self.title(id);
            print::error(&match (&mut self.groups, piece) {
                (Some(groups), Piece::Text(text)) => groups.text(id, &title, &text),
                (Some(groups), Piece::End(text)) => groups.finish(id, &title, &text),
                (None, Piece::Text(text) | Piece::End(text)) => text,
            });
        });
        self.order = order;
    }

    fn bold(&self, text: &str) -> String {
        if self.colours { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Prints what belongs to no step.
    fn print(&mut self, text: &str) {
        match &mut self.groups {
            Some(groups) => print::error(&groups.beside(text)),
            None => print::error(text),
        }
    }
}

fn numbered(id: StepId, elapsed: f64, line: &[u8], colours: bool) -> String {
    format!("#{} {elapsed:.3} {}\n", id.0 + 1, harmless(line, colours))
}
