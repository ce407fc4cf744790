//! `dockwright size`

use std::path::PathBuf;

use dockwright_builder::footprint::{Footprint, LossKind, Row};
use dockwright_builder::{Error, Image, SourceLines};
use serde_json::{Value, json};

use super::{Format, failure, open_store, require_whole_image, usage};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::treemap::{self, Node};
use crate::{human, print};

/// How many lost files and copies are listed.
const N_LISTED: usize = 10;
/// How many files of a step have a rectangle of their own in the picture.
const N_DRAWN: usize = 60;

/// Show where an image's bytes come from, and which of them are wasted
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write a picture as well: one HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Fail when the image is larger: `300MB`, `64MiB`
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,
    /// Fail when more is wasted: a size, or a share of the image as `5%`
    #[arg(long, value_name = "SIZE|N%", value_parser = budget)]
    max_wasted: Option<Budget>,
    /// Name or id of the image
    #[arg(value_name = "IMAGE")]
    image: String,
}

/// What may be wasted.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Budget {
    Bytes(u64),
    Percent(f64),
}

/// Everything that is shown.
struct Report {
    name: String,
    image: Image,
    lines: Option<SourceLines>,
    footprint: Footprint,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    let report = match read(arguments, session) {
        Ok(report) => report,
        Err(exit) => return exit,
    };
    match arguments.format {
        Format::Text => print::output(&report.text()),
        Format::Json => print::output(&format!("{:#}\n", report.json())),
    }
    if let Some(path) = &arguments.html
        && let Err(error) = std::fs::write(path, report.html())
    {
        let message = format!("cannot write `{}`: {error}", path.display());
        return usage(session, &message, "name a file in a directory that can be written");
    }
    check(arguments, session, &report)
}

fn read(arguments: &Arguments, session: &Session) -> Result<Report, Exit> {
    let fail = |error: Error| failure(session, &error, None);
    let store = open_store(session)?;
    let image = require_whole_image(session, &store, &arguments.image)?;
    let lines = SourceLines::load(&store, &image).map_err(fail)?;
    let footprint = Footprint::of(&store, &image).map_err(fail)?;
    Ok(Report { name: arguments.image.clone(), image, lines, footprint })
}

/// Compares with the budget.
fn check(arguments: &Arguments, session: &Session, report: &Report) -> Exit {
    let mut exit = Exit::Success;
    let (size, wasted) = (report.footprint.size, report.footprint.wasted());
    let mut fail = |message: String, help: &str| {
        exit = failure(session, &Error::new(message).with_help(help), None);
    };
    if let Some(max) = arguments.max_size.filter(|max| size > *max) {
        let (over, max) = (human::size(size - max), human::size(max));
        let message = format!("the image has {}, {over} more than {max}", human::size(size));
        fail(message, "the table shows which lines weigh most");
    }
    let max = arguments.max_wasted.map(|budget| match budget {
        Budget::Bytes(bytes) => bytes,
        Budget::Percent(percent) => (size as f64 * percent / 100.0) as u64,
    });
    if let Some(max) = max.filter(|max| wasted > *max) {
        let message = format!("{} are wasted, more than {}", human::size(wasted), human::size(max));
        fail(message, "write and delete files in one RUN; set modes with `COPY --chmod`");
    }
    exit
}

impl Report {
    /// Where a row comes from: the line, else its number in the history.
    fn place(&self, entry: usize) -> String {
        let place = self.lines.as_ref().and_then(|lines| lines.place(entry));
        place.unwrap_or_else(|| format!("step {}", entry + 1))
    }

    fn created_by(&self, row: &Row) -> String {
        let entry = self.image.config.history.get(row.entry);
        let text = entry.and_then(|entry| entry.created_by.as_deref()).unwrap_or_default();
        let text = text.strip_suffix(" # buildkit").unwrap_or(text);
        human::one_line(text)
    }

    fn table(&self) -> Vec<Vec<String>> {
        let head = ["LINE", "SIZE", "FILES", "WASTED", "CREATED BY"].map(String::from).to_vec();
        let rows = self.footprint.rows.iter().map(|row| {
            vec![
                self.place(row.entry),
                human::size(row.size),
                row.n_files.to_string(),
                human::size(row.overwritten + row.deleted),
                self.created_by(row).chars().take(80).collect(),
            ]
        });
        std::iter::once(head).chain(rows).collect()
    }

    fn summary(&self) -> String {
        format!(
            "{} in {} layers, of which {} can be seen and {} are overwritten or deleted later",
            human::size(self.footprint.size),
            self.image.layers.len(),
            human::size(self.footprint.visible),
            human::size(self.footprint.wasted()),
        )
    }

    fn text(&self) -> String {
        let mut text = human::table(&self.table());
        text.push_str(&format!("\n{}\n", self.summary()));
        let mut losses: Vec<_> = self
            .footprint
            .rows
            .iter()
            .flat_map(|row| row.losses.iter().map(move |loss| (row, loss)))
            .collect();
        losses.sort_by(|a, b| b.1.size.cmp(&a.1.size).then_with(|| a.1.path.cmp(&b.1.path)));
        if !losses.is_empty() {
            text.push_str("\nwasted\n");
        }
        for (row, loss) in losses.iter().take(N_LISTED) {
            let (by, what) = (self.place(loss.by), told(loss.how));
            text.push_str(&format!(
                "  {:>8}  /{}: written at {}, {what} at {by}\n",
                human::size(loss.size),
                loss.path.escape_ascii(),
                self.place(row.entry),
            ));
        }
        more(losses.len(), &mut text);
        if !self.footprint.duplicates.is_empty() {
            text.push_str("\ncopies\n");
        }
        for copies in self.footprint.duplicates.iter().take(N_LISTED) {
            let paths: Vec<_> = copies.paths.iter().take(4).map(|path| shown(path)).collect();
            let rest = copies.paths.len() - paths.len();
            let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            let wasted = human::size(copies.wasted());
            text.push_str(&format!("  {wasted:>8}  {}{rest}\n", paths.join(", ")));
        }
        more(self.footprint.duplicates.len(), &mut text);
        text
    }

    fn json(&self) -> Value {
        let rows = self.footprint.rows.iter().map(|row| {
            let losses = row.losses.iter().map(|loss| {
                json!({
                    "path": shown(&loss.path), "size": loss.size, "how": told(loss.how),
                    "by": self.place(loss.by),
                })
            });
            json!({
                "line": self.lines.as_ref().and_then(|lines| lines.place(row.entry)),
                "step": row.entry + 1, "createdBy": self.created_by(row), "size": row.size,
                "files": row.n_files, "overwritten": row.overwritten, "deleted": row.deleted,
                "wasted": losses.collect::<Vec<_>>(),
            })
        });
        let copies = self.footprint.duplicates.iter().map(|copies| {
            let paths: Vec<_> = copies.paths.iter().map(|path| shown(path)).collect();
            json!({ "size": copies.size, "wasted": copies.wasted(), "paths": paths })
        });
        json!({
            "size": self.footprint.size, "visible": self.footprint.visible,
            "wasted": self.footprint.wasted(), "rows": rows.collect::<Vec<_>>(),
            "duplicates": copies.collect::<Vec<_>>(),
        })
    }

    /// One group a step, with its largest files, the wasted ones in red.
    fn html(&self) -> String {
        let mut groups: Vec<Node> = self
            .footprint
            .rows
            .iter()
            .filter(|row| row.size > 0)
            .map(|row| self.group(row))
            .collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.size));
        let title = format!("Size of {}", self.name);
        let sentence = format!("{}. Red is wasted.", self.summary());
        treemap::page(&title, &sentence, &groups, &self.table())
    }

    fn group(&self, row: &Row) -> Node {
        let place = self.place(row.entry);
        let node = |path: &[u8], size: u64, is_waste: bool, note: &str| {
            let path = shown(path);
            let title = format!("{path}: {}{note}", human::size(size));
            let label = path.rsplit('/').next().unwrap_or_default().to_owned();
            Node { label, title, size, is_waste, children: Vec::new() }
        };
        let visible = row.visible.iter().map(|(path, size)| node(path, *size, false, ""));
        let lost = row.losses.iter().map(|loss| {
            let note = format!(", {} at {}", told(loss.how), self.place(loss.by));
            node(&loss.path, loss.size, true, &note)
        });
        let mut children: Vec<Node> = visible.chain(lost).filter(|node| node.size > 0).collect();
        children.sort_by_key(|child| std::cmp::Reverse(child.size));
        let rest = children.split_off(children.len().min(N_DRAWN));
        let size: u64 = rest.iter().map(|node| node.size).sum();
        if size > 0 {
            let title = format!("{} smaller files: {}", rest.len(), human::size(size));
            let label = format!("{} more", rest.len());
            children.push(Node { label, title, size, ..Node::default() });
            children.sort_by_key(|child| std::cmp::Reverse(child.size));
        }
        Node {
            label: format!("{place}  {}  {}", human::size(row.size), self.created_by(row)),
            title: format!("{place}: {}: {}", human::size(row.size), self.created_by(row)),
            size: row.size,
            is_waste: false,
            children,
        }
    }
}

fn more(n: usize, text: &mut String) {
    if n > N_LISTED {
        text.push_str(&format!("  and {} more; `--format json` tells all\n", n - N_LISTED));
    }
}

fn shown(path: &[u8]) -> String {
    format!("/{}", path.escape_ascii())
}

const fn told(how: LossKind) -> &'static str {
    match how {
        LossKind::Overwritten => "overwritten",
        LossKind::Rewritten => "written again unchanged",
        LossKind::Deleted => "deleted",
    }
}

fn size(text: &str) -> Result<u64, String> {
    human::bytes(text).ok_or_else(|| "it is a size such as 300MB or 64MiB".to_owned())
}

fn budget(text: &str) -> Result<Budget, String> {
    match text.strip_suffix('%') {
        Some(number) => number
            .parse()
            .ok()
            .filter(|percent| (0.0..=100.0).contains(percent))
            .map(Budget::Percent)
            .ok_or_else(|| "it is a number from 0% to 100%".to_owned()),
        None => size(text).map(Budget::Bytes),
    }
}
