//! The style of `docker build --progress=plain`: numbered steps, one line an event.

use std::collections::BTreeMap;
use std::time::Instant;

use dockwright_builder::{Event, Outcome, Step, StepId};

use super::lines::{Lines, harmless};
use super::{Done, step_name};
use crate::print;
use crate::report::{self, Level, Report};
use crate::source_file::SourceFile;

/// The state of the style.
pub(crate) struct Plain {
    colours: bool,
    steps: Vec<Step>,
    running: BTreeMap<StepId, Running>,
}

struct Running {
    since: Instant,
    lines: Lines,
}

impl Plain {
    pub(crate) fn new(colours: bool) -> Self {
        Self { colours, steps: Vec::new(), running: BTreeMap::new() }
    }

    pub(crate) fn event(&mut self, event: &Event, file: &SourceFile) {
        match event {
            Event::Planned(steps) => self.steps.clone_from(steps),
            Event::Started(id) => {
                let name = harmless(step_name(&self.steps, id.0).as_bytes(), false);
                let head = self.bold(&format!("#{} {name}", id.0 + 1));
                self.print(&format!("{head}\n"));
                self.running
                    .insert(*id, Running { since: Instant::now(), lines: Lines::default() });
            }
            Event::Executing(_) => {}
            Event::Output(id, _, bytes) => {
                if let Some(running) = self.running.get_mut(id) {
                    let mut text = String::new();
                    let elapsed = running.since.elapsed().as_secs_f64();
                    running.lines.take(bytes, |line| {
                        text.push_str(&numbered(*id, elapsed, line, self.colours));
                    });
                    self.print(&text);
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
        text.push_str(&format!("#{} {end}\n\n", id.0 + 1));
        self.print(&text);
    }

    fn bold(&self, text: &str) -> String {
        if self.colours { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    #[expect(clippy::unused_self, reason = "printing belongs to the style")]
    fn print(&self, text: &str) {
        print::error(text);
    }
}

fn numbered(id: StepId, elapsed: f64, line: &[u8], colours: bool) -> String {
    format!("#{} {elapsed:.3} {}\n", id.0 + 1, harmless(line, colours))
}
