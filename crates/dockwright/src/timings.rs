//! `--timings`: how long each step took, as a table and as a page with a timeline.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use dockwright_builder::plan::Plan;
use dockwright_builder::{Event, Outcome, Step};

use crate::human;
use crate::progress::harmless;
use crate::source_file::SourceFile;
use crate::why::head;

/// Watches a build and remembers when each step began and ended.
#[derive(Debug)]
pub(crate) struct Timings {
    since: Instant,
    rows: Vec<Row>,
}

/// A step. Times count from the start of the build.
#[derive(Clone, Debug)]
struct Row {
    step: Step,
    started: Option<Duration>,
    ended: Option<Duration>,
    outcome: Option<Outcome>,
    /// The size of the layer that it made, in bytes.
    n_bytes: Option<u64>,
}

impl Timings {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), rows: Vec::new() }
    }

    /// Takes an event as it comes.
    pub(crate) fn event(&mut self, event: &Event) {
        let now = self.since.elapsed();
        match event {
            Event::Planned(steps) => {
                let row = |step: &Step| Row {
                    step: step.clone(),
                    started: None,
                    ended: None,
                    outcome: None,
                    n_bytes: None,
                };
                self.rows = steps.iter().map(row).collect();
            }
            Event::Started(id) => {
                if let Some(row) = self.rows.get_mut(id.0) {
                    row.started = Some(now);
                }
            }
            Event::Finished(id, outcome) => {
                if let Some(row) = self.rows.get_mut(id.0) {
                    row.ended = Some(now);
                    row.outcome = Some(*outcome);
                }
            }
            Event::Layer(id, n_bytes) => {
                if let Some(row) = self.rows.get_mut(id.0) {
                    row.n_bytes = Some(*n_bytes);
                }
            }
            _ => {}
        }
    }

    /// The steps that were run or found, with their numbers.
    fn ran(&self) -> impl Iterator<Item = (usize, &Row, Duration, Duration)> {
        self.rows.iter().enumerate().filter_map(|(n, row)| Some((n, row, row.started?, row.ended?)))
    }

    /// A table, longest steps first.
    pub(crate) fn table(&self, file: &SourceFile) -> String {
        let mut rows: Vec<_> = self.ran().collect();
        rows.sort_by_key(|(n, _, started, ended)| (std::cmp::Reverse(*ended - *started), *n));
        let head_row =
            ["STEP", "START", "TIME", "OUTCOME", "LAYER", "INSTRUCTION"].map(String::from).to_vec();
        let cells = rows.iter().map(|(n, row, started, ended)| {
            vec![
                format!("#{}", n + 1),
                seconds(*started),
                seconds(*ended - *started),
                word(row.outcome).to_owned(),
                row.n_bytes.map(human::size).unwrap_or_default(),
                harmless(head(&row.step.title, row.step.span, file).as_bytes(), false),
            ]
        });
        let mut text = human::table(&std::iter::once(head_row).chain(cells).collect::<Vec<_>>());
        let _ = writeln!(text, "total {}", seconds(self.total()));
        text
    }

    fn total(&self) -> Duration {
        self.ran().map(|(.., ended)| ended).max().unwrap_or_default()
    }

    /// A page that needs nothing else: the steps as bars over time, with lines from what each waited
    /// for.
    pub(crate) fn page(&self, plan: &Plan, file: &SourceFile) -> String {
        const ROW: usize = 26;
        const LEFT: usize = 420;
        const WIDTH: usize = 800;
        const LABEL_COLUMNS: usize = 55;
        let rows: Vec<_> = self.ran().collect();
        let total = self.total().as_secs_f64().max(0.001);
        let x = |time: Duration| LEFT as f64 + time.as_secs_f64() / total * WIDTH as f64;
        let place = |n: usize| rows.iter().position(|(other, ..)| *other == n);
        let middle = |at: usize| at * ROW + ROW / 2 + 30;
        let mut svg = String::new();
        for tick in 0..=4_usize {
            let time = total * tick as f64 / 4.0;
            let at = LEFT + WIDTH * tick / 4;
            let bottom = rows.len() * ROW + 30;
            let _ = writeln!(
                svg,
                "<line x1=\"{at}\" y1=\"24\" x2=\"{at}\" y2=\"{bottom}\" class=\"tick\"/>\
                 <text x=\"{at}\" y=\"16\" text-anchor=\"middle\">{time:.2} s</text>"
            );
        }
        for (at, (n, row, started, ended)) in rows.iter().enumerate() {
            let inputs = plan.operations.get(*n).map(|operation| operation.inputs());
            for input in inputs.unwrap_or_default() {
                let Some(from) = place(input.0) else { continue };
                let end = x(rows[from].3);
                let _ = writeln!(
                    svg,
                    "<path class=\"edge\" d=\"M{end:.1} {} V{} H{:.1}\"/>",
                    middle(from),
                    middle(at),
                    x(*started)
                );
            }
            let title = harmless(head(&row.step.title, row.step.span, file).as_bytes(), false);
            let short = human::fit(&title, LABEL_COLUMNS);
            let _ = writeln!(
                svg,
                "<g class=\"step {}\"><title>{}: {}{}</title><text x=\"{}\" y=\"{}\" \
                 text-anchor=\"end\" class=\"label\">{}</text><rect x=\"{:.1}\" y=\"{}\" width=\"{:.1}\" \
                 height=\"16\" rx=\"3\"/></g>",
                word(row.outcome),
                escaped(&title),
                seconds(*ended - *started),
                row.n_bytes.map(|n| format!(", layer of {}", human::size(n))).unwrap_or_default(),
                LEFT - 10,
                middle(at) + 4,
                escaped(&short),
                x(*started),
                middle(at) - 8,
                (x(*ended) - x(*started)).max(2.0)
            );
        }
        let (width, height) = (LEFT + WIDTH + 40, rows.len() * ROW + 50);
        PAGE.replace("@NAME", &escaped(&file.name))
            .replace("@TOTAL", &seconds(self.total()))
            .replace("@WIDTH", &width.to_string())
            .replace("@HEIGHT", &height.to_string())
            .replace("@SVG", &svg)
    }
}

const PAGE: &str = "<!DOCTYPE html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Build of @NAME</title>
<style>
body { font: 14px sans-serif; margin: 24px; color: #1f2328; }
svg { font-size: 12px; } .label { font-family: monospace; }
.tick { stroke: #d1d9e0; } .edge { fill: none; stroke: #8c959f; }
.cached rect { fill: #57ab5a; } .done rect { fill: #4184e4; } .failed rect { fill: #cf222e; }
.cancelled rect { fill: #9a6700; } .key { padding: 0 6px; }
</style></head><body>
<h1>Build of @NAME</h1>
<p>@TOTAL in all. Bars: <span class=\"key\" style=\"color:#4184e4\">executed</span>
<span class=\"key\" style=\"color:#2b8a3e\">from the cache</span>
<span class=\"key\" style=\"color:#cf222e\">failed</span>; lines lead from what a step waited for.</p>
<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"@WIDTH\" height=\"@HEIGHT\">
@SVG</svg>
</body></html>
";

fn seconds(time: Duration) -> String {
    format!("{:.2}s", time.as_secs_f64())
}

fn word(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Cached) => "cached",
        Some(Outcome::Done) => "done",
        Some(Outcome::Failed) => "failed",
        Some(Outcome::Cancelled) | None => "cancelled",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
