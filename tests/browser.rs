//! What a page looks like in a real browser: headless Chromium lays it out and tells where things are.

use std::path::Path;
use std::process::Command;

use dockwright_tests::{Sandbox, is_root, run, succeed};
use serde_json::Value;

/// An element as it is laid out. Lengths are in CSS pixels from the corner of the page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    /// The element's name, `rect` for example.
    pub(crate) name: String,
    /// The text in it.
    pub(crate) text: String,
    /// The colour that it is filled with, `rgb(1, 2, 3)`.
    pub(crate) fill: String,
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Shape {
    /// Whether it and another cover a common area of more than half a pixel.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let over = |a: f64, a_length: f64, b: f64, b_length: f64| {
            (a + a_length).min(b + b_length) - a.max(b) > 0.5
        };
        over(self.x, self.width, other.x, other.width)
            && over(self.y, self.height, other.y, other.height)
    }

    /// Whether it stands inside of another, give or take a pixel.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.x >= other.x - 1.0
            && self.y >= other.y - 1.0
            && self.x + self.width <= other.x + other.width + 1.0
            && self.y + self.height <= other.y + other.height + 1.0
    }
}

/// Tells whether Chromium is here, and says loudly what is not checked when it is not.
pub(crate) fn has_browser(what: &str) -> bool {
    let is_there = run(Command::new("sh").args(["-c", "command -v chromium"])).code == 0;
    if !is_there {
        eprintln!("NOT CHECKED: {what}: chromium is not installed");
    }
    is_there
}

/// Opens the page or picture `name` of the scratch folder and returns the elements that a CSS
/// selector finds, in the order of the document.
#[track_caller]
pub(crate) fn shapes(sandbox: &Sandbox, name: &str, selector: &str) -> Vec<Shape> {
    let source = std::fs::read_to_string(sandbox.path(name)).expect("the page is there");
    // A script at the end of the page measures what the browser made of it.
    let script = format!(
        "<script>document.title = JSON.stringify([...document.querySelectorAll({selector:?})]\
         .map(e => [e.getBoundingClientRect(), e]).map(([b, e]) => [e.tagName, e.textContent, \
         getComputedStyle(e).fill, b.x + scrollX, b.y + scrollY, b.width, b.height]))\
         .replace(/[<>&]/g, c => '\\\\u00' + c.charCodeAt(0).toString(16));</script>"
    );
    let page = match source.rsplit_once("</body>") {
        Some((body, end)) => format!("{body}{script}</body>{end}"),
        None => format!("<!DOCTYPE html><html><body style=\"margin:0\">{source}{script}</body>"),
    };
    sandbox.write("measured.html", page);
    let dom = dom(sandbox, &sandbox.path("measured.html"));
    let title = dom.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    let Some((json, _)) = title else { panic!("the browser shows nothing: {dom}") };
    let rows: Vec<Value> = serde_json::from_str(json).unwrap_or_else(|_| panic!("{dom}"));
    rows.iter()
        .map(|row| {
            let text = |n: usize| row[n].as_str().expect("text").to_owned();
            let number = |n: usize| row[n].as_f64().expect("a number");
            Shape {
                name: text(0),
                text: text(1),
                fill: text(2),
                x: number(3),
                y: number(4),
                width: number(5),
                height: number(6),
            }
        })
        .collect()
}

/// Opens a page and returns what the browser made of it. Faults that the browser reports on its
/// console fail the test.
#[track_caller]
fn dom(sandbox: &Sandbox, page: &Path) -> String {
    let mut command = Command::new("chromium");
    command
        .args(["--headless", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update"])
        .args(["--disable-sync", "--disable-dev-shm-usage", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", sandbox.path("profile").display()))
        .args(["--window-size=1400,900", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .env("HOME", sandbox.folder.path());
    if is_root() {
        command.arg("--no-sandbox");
    }
    let outcome = succeed(&mut command);
    let faults: Vec<&str> =
        outcome.stderr.lines().filter(|line| line.contains(":CONSOLE")).collect();
    assert!(faults.is_empty(), "{faults:?}");
    outcome.stdout
}

/// A project of two stages that run at once and one that takes from both.
fn project(sandbox: &Sandbox) {
    sandbox.write(
        "context/Dockerfile",
        "FROM centos AS a\nRUN echo '<b> & \"c\"' && sleep 0.3\nFROM centos AS b\n\
         RUN sleep 0.6 && echo a-command-that-is-much-longer-than-what-fits-beside-its-bar > /out\n\
         FROM centos\nCOPY --from=a /bin/sh /x\nCOPY --from=b /out /\n",
    );
}

#[test]
fn the_page_of_timings_shows_the_steps_as_bars() {
    if !has_browser("the page of --timings") {
        return;
    }
    let sandbox = Sandbox::with_base();
    project(&sandbox);
    sandbox.succeed(["build", "-q", "--timings=page.html", "context"]);
    let frame = shapes(&sandbox, "page.html", "svg").remove(0);
    let all = shapes(&sandbox, "page.html", ".step > rect, .step > text");
    let (bars, labels): (Vec<_>, Vec<_>) = all.into_iter().partition(|shape| shape.name == "rect");
    assert_eq!((bars.len(), labels.len()), (5, 5), "{bars:#?}");
    for (n, (bar, label)) in bars.iter().zip(&labels).enumerate() {
        assert!(bar.width >= 1.0 && bar.is_within(&frame), "{bar:?} in {frame:?}");
        assert!(label.is_within(&frame) && !label.overlaps(bar), "{label:?} in {frame:?}");
        assert!(labels[..n].iter().all(|other| !other.overlaps(label)), "{labels:#?}");
        assert!(bars[..n].iter().all(|other| !other.overlaps(bar)), "{bars:#?}");
    }
    let at = |text: &str| {
        let n = labels.iter().position(|label| label.text.contains(text));
        &bars[n.unwrap_or_else(|| panic!("no `{text}` in {labels:#?}"))]
    };
    // The two RUN ran at once, one twice as long. What copies from one began when its command was
    // over, while the disk may still have been taking its layer.
    let (short, long) = (at("line 2 RUN echo '<b> & \"c\"'"), at("line 4 RUN sleep 0.6"));
    assert!((short.x - long.x).abs() < short.width, "{short:?} {long:?}");
    assert!(long.width > 1.3 * short.width, "{short:?} {long:?}");
    assert!(at("COPY --from=b").x > long.x + long.width / 2.0, "{bars:#?}");
    // What was executed has another colour than what was found.
    assert_ne!(short.fill, at("FROM centos").fill);
    assert_eq!(short.fill, long.fill);
}

#[test]
fn the_picture_of_a_plan_shows_the_steps_as_boxes() {
    if !has_browser("the picture of `plan`") {
        return;
    }
    let sandbox = Sandbox::with_base();
    project(&sandbox);
    sandbox.succeed(["build", "-q", "--target", "a", "context"]);
    let plan = sandbox.run(["plan", "--format", "svg", "context"]);
    assert_eq!(plan.code, 3, "{}", plan.stderr);
    sandbox.write("plan.svg", plan.stdout);
    let frame = shapes(&sandbox, "plan.svg", "svg").remove(0);
    let all = shapes(&sandbox, "plan.svg", "g > rect, g > text");
    let (boxes, labels): (Vec<_>, Vec<_>) = all.into_iter().partition(|shape| shape.name == "rect");
    let mut steps = Vec::new();
    for label in &labels {
        assert!(label.is_within(&frame), "{label:?} in {frame:?}");
        if let Some(around) = boxes.iter().find(|one| label.is_within(one)) {
            assert!(around.is_within(&frame), "{around:?} in {frame:?}");
            steps.push((around, label.text.as_str()));
        }
    }
    assert_eq!(steps.len(), 5, "{labels:#?}\n{boxes:#?}");
    for (n, (one, text)) in steps.iter().enumerate() {
        assert!(steps[..n].iter().all(|(other, _)| !other.overlaps(one)), "{text}: {steps:#?}");
    }
    let find = |text: &str| steps.iter().find(|(_, label)| label.contains(text)).expect(text).0;
    // A hit, a miss and what is not known yet look different, and what comes later stands below.
    let (hit, miss, unknown) = (find("line 2 RUN"), find("line 4 RUN"), find("--from=b"));
    assert!(hit.fill != miss.fill && miss.fill != unknown.fill && hit.fill != unknown.fill);
    assert!(unknown.y > miss.y + miss.height, "{steps:#?}");
}

#[test]
fn the_picture_of_sizes_shows_bytes_as_areas() {
    if !has_browser("the picture of `size`") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("context/first", "x".repeat(400_000));
    sandbox.write("context/second", "y".repeat(100_000));
    sandbox.write("context/third", "z".repeat(400_000));
    let dockerfile = "FROM scratch\nCOPY first /same\nCOPY second /<b>\nCOPY third /same\n";
    sandbox.write("context/Dockerfile", dockerfile);
    sandbox.build("context", "app");
    sandbox.succeed(["size", "--html", "size.html", "app"]);
    let frame = shapes(&sandbox, "size.html", "svg").remove(0);
    let all = shapes(&sandbox, "size.html", "svg rect, svg text");
    let (areas, labels): (Vec<_>, Vec<_>) = all.into_iter().partition(|shape| shape.name == "rect");
    assert_eq!((areas.len(), labels.len()), (6, 6), "{areas:#?}\n{labels:#?}");
    for label in &labels {
        assert!(areas.iter().any(|area| label.is_within(area)), "{label:?}");
    }
    // Each group is followed by what is in it.
    let (groups, files): (Vec<_>, Vec<_>) =
        areas.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).unzip();
    for (n, (group, file)) in groups.iter().zip(&files).enumerate() {
        assert!(group.is_within(&frame) && file.is_within(group), "{file:?} in {group:?}");
        assert!(groups[..n].iter().all(|other| !other.overlaps(group)), "{groups:#?}");
    }
    let area = |shape: &Shape| shape.width * shape.height;
    let of = |text: &str| {
        let n = labels.iter().position(|label| label.text.starts_with(text));
        n.unwrap_or_else(|| panic!("no `{text}` in {labels:#?}")) / 2
    };
    let (first, second, third) =
        (of("context/Dockerfile:2"), of("context/Dockerfile:3"), of("context/Dockerfile:4"));
    let ratio = area(groups[first]) / area(groups[second]);
    assert!((3.9..4.1).contains(&ratio), "{ratio}: {groups:#?}");
    // What is overwritten later is red; a name is text and no markup.
    assert_ne!(files[first].fill, files[third].fill);
    assert_eq!(files[first].fill, "rgb(237, 130, 130)");
    assert!(labels.iter().any(|label| label.text == "<b>"), "{labels:#?}");
}
