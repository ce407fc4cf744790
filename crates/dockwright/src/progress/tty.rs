//! The style for terminals: steps that have ended scroll by, those that run stand below and are
//! drawn anew ten times a second.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dockwright_builder::{CauseKind, Event, Outcome, Step, StepId};
use unicode_width::UnicodeWidthStr;

use super::lines::{Lines, harmless};
use super::{Done, step_name};
use crate::environment::Environment;
use crate::report::{self, Level, Report};
use crate::source_file::SourceFile;
use crate::{human, print, why};

/// How often the running steps are drawn.
const FRAME: Duration = Duration::from_millis(100);

/// How many lines of its output a running step shows.
const SHOWN_LINES: usize = 4;

/// The state of the style, and the thread that draws it.
pub(crate) struct Tty {
    view: Arc<Mutex<View>>,
    stop: Option<Sender<()>>,
    ticker: Option<JoinHandle<()>>,
}

impl Tty {
    pub(crate) fn new(colours: bool) -> Self {
        let view = Arc::new(Mutex::new(View::new(colours)));
        let (stop, stopped) = channel();
        let shared = Arc::clone(&view);
        let ticker = std::thread::spawn(move || {
            while stopped.recv_timeout(FRAME) == Err(RecvTimeoutError::Timeout) {
                lock(&shared).draw();
            }
        });
        Self { view, stop: Some(stop), ticker: Some(ticker) }
    }

    pub(crate) fn event(&mut self, event: &Event, file: &SourceFile) {
        lock(&self.view).event(event, file, Instant::now(), screen().0);
    }

    pub(crate) fn done(&mut self, done: &Done<'_>) {
        let mut view = lock(&self.view);
        for destination in &done.destinations {
            view.scroll(&format!(" => exported to {}", destination.display()));
        }
        view.scroll(&image_line(&done.image_id, screen().0));
        for name in done.names {
            view.scroll(&format!(" => named {name}"));
        }
        drop(view);
        self.finish();
    }

    /// Draws for the last time: what is running is taken away, so that a message can follow.
    pub(crate) fn finish(&mut self) {
        self.stop = None;
        if let Some(ticker) = self.ticker.take() {
            // It ends by itself and holds nothing.
            let _ = ticker.join();
        }
        lock(&self.view).end();
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.finish();
    }
}

fn lock(view: &Mutex<View>) -> MutexGuard<'_, View> {
    view.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is on the screen and what will be.
struct View {
    colours: bool,
    since: Instant,
    steps: Vec<Step>,
    n_finished: usize,
    running: BTreeMap<StepId, Running>,
    /// Lines that are to scroll by.
    scrolling: String,
    /// How many lines stand below what has scrolled by.
    n_drawn: usize,
    /// A shell has the terminal.
    is_paused: bool,
}

struct Running {
    since: Instant,
    is_executing: bool,
    lines: Lines,
    last: VecDeque<String>,
    output_bytes: u64,
    layer_bytes: Option<u64>,
}

impl View {
    fn new(colours: bool) -> Self {
        Self {
            colours,
            since: Instant::now(),
            steps: Vec::new(),
            n_finished: 0,
            running: BTreeMap::new(),
            scrolling: String::new(),
            n_drawn: 0,
            is_paused: false,
        }
    }

    fn event(&mut self, event: &Event, file: &SourceFile, now: Instant, width: usize) {
        match event {
            Event::Planned(steps) => self.steps.clone_from(steps),
            Event::Started(id) => {
                self.running.insert(*id, Running::new(now));
            }
            // On a first build every step would say the same.
            Event::Missed(_, cause) if cause.kind == CauseKind::FirstBuild => {}
            Event::Missed(id, cause) => {
                let why = why::sentence(self.steps.get(id.0), cause, file);
                let why = harmless(why.as_bytes(), false).replace('\t', " ");
                self.scroll(&row(&format!(" => {why}"), "", width));
            }
            Event::Executing(id) => {
                if let Some(running) = self.running.get_mut(id) {
                    running.is_executing = true;
                }
            }
            Event::Output(id, _, bytes) => {
                if let Some(running) = self.running.get_mut(id) {
                    running.take(bytes);
                }
            }
            Event::Layer(id, bytes) => {
                if let Some(running) = self.running.get_mut(id) {
                    running.layer_bytes = Some(*bytes);
                }
            }
            Event::Shell(id, program) => {
                self.end();
                print::error(&super::shell_text(*id, program));
                self.is_paused = true;
            }
            Event::NoShell(id) => self.scroll(super::no_shell_text(*id).trim_end()),
            Event::Finished(id, outcome) => self.finished(*id, *outcome, now, width),
            Event::Warning(warning) => {
                let report = Report {
                    level: Level::Warning,
                    code: None,
                    message: warning.message.clone(),
                    help: None,
                    place: warning.span.map(|span| (file, span)),
                };
                self.scrolling.push_str(&report::render(&report, self.colours, Some(width)));
            }
        }
    }

    fn finished(&mut self, id: StepId, outcome: Outcome, now: Instant, width: usize) {
        self.is_paused = false;
        let Some(running) = self.running.remove(&id) else { return };
        self.n_finished += 1;
        let word = match outcome {
            Outcome::Cached => "CACHED ",
            Outcome::Done => "",
            Outcome::Failed => "ERROR ",
            Outcome::Cancelled => "CANCELED ",
        };
        let head = format!(" => {word}{}", self.name(id));
        let line = row(&head, &running.tail(now), width);
        let colour = match outcome {
            Outcome::Cached | Outcome::Done => "34",
            Outcome::Failed => "31",
            Outcome::Cancelled => "33",
        };
        let line = self.coloured(&line, colour);
        self.scrolling.push_str(&format!("{line}\n"));
    }

    fn scroll(&mut self, line: &str) {
        self.scrolling.push_str(&format!("{}\n", harmless(line.as_bytes(), false)));
    }

    fn name(&self, id: StepId) -> String {
        harmless(step_name(&self.steps, id.0).as_bytes(), false).replace('\t', " ")
    }

    fn coloured(&self, text: &str, colour: &str) -> String {
        if self.colours { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Writes what is new and what is running.
    fn draw(&mut self) {
        if self.is_paused {
            return;
        }
        let (width, height) = screen();
        let below = self.below(Instant::now(), width, height);
        self.write(&below);
    }

    /// Writes what is new, with nothing below it.
    fn end(&mut self) {
        self.write(&[]);
    }

    fn write(&mut self, below: &[String]) {
        let mut text = String::new();
        if self.n_drawn > 0 {
            // Up to the first line that was drawn, and all below it away.
            text.push_str(&format!("\u{1b}[{}A\r\u{1b}[J", self.n_drawn));
        }
        text.push_str(&std::mem::take(&mut self.scrolling));
        for line in below {
            text.push_str(line);
            text.push('\n');
        }
        self.n_drawn = below.len();
        if !text.is_empty() {
            print::error(&text);
        }
    }

    /// The lines of what is running, as many as the screen holds.
    fn below(&self, now: Instant, width: usize, height: usize) -> Vec<String> {
        if self.steps.is_empty() {
            return Vec::new();
        }
        let head = format!("[+] Building ({}/{})", self.n_finished, self.steps.len());
        let mut lines = vec![row(&head, &seconds(now - self.since), width)];
        // One line stays free for the cursor.
        let most = height.saturating_sub(2).max(1);
        let executing = self.running.iter().filter(|(_, running)| running.is_executing);
        let executing: Vec<_> = executing.collect();
        let n_shown = executing.len().min(most);
        let for_output = (most - n_shown).checked_div(n_shown).unwrap_or(0).min(SHOWN_LINES);
        for (id, running) in executing.iter().take(n_shown) {
            lines.push(row(&format!(" => {}", self.name(**id)), &running.tail(now), width));
            let skipped = running.last.len().saturating_sub(for_output);
            for line in running.last.iter().skip(skipped) {
                let line = row(&format!(" => => {line}"), "", width);
                lines.push(self.coloured(&line, "2"));
            }
        }
        lines.truncate(most + 1);
        lines
    }
}

impl Running {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            is_executing: false,
            lines: Lines::default(),
            last: VecDeque::new(),
            output_bytes: 0,
            layer_bytes: None,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.output_bytes += bytes.len() as u64;
        let last = &mut self.last;
        self.lines.take(bytes, |line| {
            last.push_back(harmless(line, false).replace('\t', "    "));
            if last.len() > SHOWN_LINES {
                last.pop_front();
            }
        });
    }

    /// Bytes and time: of the layer once it is made, of the output before.
    fn tail(&self, now: Instant) -> String {
        let time = seconds(now - self.since);
        match (self.layer_bytes, self.output_bytes) {
            (Some(bytes), _) => format!("{} {time}", human::size(bytes)),
            (None, 0) => time,
            (None, bytes) => format!("{} out {time}", human::size(bytes)),
        }
    }
}

/// Names the image, by the first 12 digits of its id where the line is too short for all.
fn image_line(id: &str, width: usize) -> String {
    let line = format!(" => image {id}");
    let short = id.strip_prefix("sha256:").and_then(|hex| hex.get(..12));
    match short.filter(|_| line.width() >= width) {
        Some(short) => row(&format!(" => image {short}"), "", width),
        None => line,
    }
}

fn seconds(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if seconds < 60.0 {
        return format!("{seconds:.1}s");
    }
    let whole = elapsed.as_secs();
    format!("{}m{:02}s", whole / 60, whole % 60)
}

/// `left`, cut where it is too long, and `right` at the end of a line of `width` columns.
fn row(left: &str, right: &str, width: usize) -> String {
    // The last column stays empty: some terminals go on to the next line after it.
    let width = width.saturating_sub(1);
    let right = if right.width() + 8 > width { "" } else { right };
    let room = if right.is_empty() { width } else { width - right.width() - 1 };
    let left = human::fit(left, room);
    if right.is_empty() {
        return left;
    }
    let blanks = " ".repeat(room - left.width() + 1);
    format!("{left}{blanks}{right}")
}

/// Columns and lines of the terminal, at this moment: it may have changed.
fn screen() -> (usize, usize) {
    Environment::screen().unwrap_or((80, 24))
}

#[cfg(test)]
mod tests {
    use dockerfile_parser::Span;
    use dockwright_builder::Stream;

    use super::*;

    fn file() -> SourceFile {
        SourceFile::new("Dockerfile", "FROM a\nRUN make\nRUN sleep\n")
    }

    fn view(names: &[&str]) -> (View, Instant) {
        let mut view = View::new(false);
        let step = |name: &&str| Step {
            name: (*name).to_owned(),
            title: (*name).to_owned(),
            span: Span::new(0, 1),
            is_needed: true,
        };
        let steps = names.iter().map(step).collect();
        let now = view.since;
        view.event(&Event::Planned(steps), &file(), now, 40);
        (view, now)
    }

    #[test]
    fn running_steps_stand_below_those_that_have_ended() {
        let (mut view, start) = view(&["[1/3] FROM a", "[2/3] RUN make", "[3/3] RUN sleep"]);
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut tell = |event: Event, ms: u64| view.event(&event, &file(), at(ms), 40);
        tell(Event::Started(StepId(0)), 0);
        tell(Event::Finished(StepId(0), Outcome::Cached), 0);
        for n in [1, 2] {
            tell(Event::Started(StepId(n)), 100);
            tell(Event::Executing(StepId(n)), 100);
        }
        tell(Event::Output(StepId(1), Stream::Stdout, b"one\ntwo\x1b[2Jx\n".to_vec()), 200);
        tell(Event::Layer(StepId(1), 12_300_000), 65_000);
        assert_eq!(view.scrolling, " => CACHED [1/3] FROM a            0.0s\n");
        let below = view.below(at(65_100), 40, 24);
        assert_eq!(
            below,
            [
                "[+] Building (1/3)                1m05s",
                " => [2/3] RUN make         12.3MB 1m05s",
                " => => one",
                " => => two^[[2Jx",
                " => [3/3] RUN sleep               1m05s",
            ]
        );
        view.event(&Event::Finished(StepId(1), Outcome::Failed), &file(), at(65_100), 40);
        assert!(view.scrolling.contains(" => ERROR [2/3] RUN make"), "{}", view.scrolling);
        assert_eq!(view.below(at(65_100), 40, 24).len(), 2);
    }

    #[test]
    fn no_line_is_wider_and_no_view_higher_than_the_screen() {
        let names: Vec<String> = (0..50).map(|n| format!("[{n}/50] RUN 界 {n:0100}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (mut view, start) = view(&names);
        for n in 0..50 {
            view.event(&Event::Started(StepId(n)), &file(), start, 40);
            view.event(&Event::Executing(StepId(n)), &file(), start, 40);
            let output = Event::Output(StepId(n), Stream::Stdout, b"a\nb\nc\nd\ne\n".to_vec());
            view.event(&output, &file(), start, 40);
        }
        for (width, height) in [(80, 24), (20, 5), (9, 3), (1, 1), (200, 100)] {
            let below = view.below(start, width, height);
            assert!(below.len() <= height.max(2), "{} lines on {height}", below.len());
            for line in below {
                assert!(line.width() < width.max(1) + usize::from(width <= 1), "{width}: {line}");
            }
        }
    }

    #[test]
    fn the_image_has_a_short_name_on_a_narrow_screen() {
        let id = format!("sha256:{}", "0123456789abcdef".repeat(4));
        assert_eq!(image_line(&id, 100), format!(" => image {id}"));
        assert_eq!(image_line(&id, 80), " => image 0123456789ab");
        assert!(image_line(&id, 20).width() < 20);
    }

    #[test]
    fn rows_are_cut_by_columns() {
        assert_eq!(row("left", "1.0s", 20), "left           1.0s");
        assert_eq!(row("left", "1.0s", 10), "left");
    }
}
