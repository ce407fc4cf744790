//! `dockwright history`

use dockwright_builder::SourceLines;
use dockwright_builder::inspect::{self, HistoryRow};
use serde_json::{Value, json};

use super::{failure, open_store, require_whole_image, usage};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::{environment, human, print, template};

/// Columns that are wider end in an ellipsis, as docker's do.
const CREATED_BY_WIDTH: usize = 45;

/// Show how an image came about, newest step first
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Show everything in full
    #[arg(long)]
    no_trunc: bool,
    /// Show nothing but ids
    #[arg(short, long)]
    quiet: bool,
    /// Show sizes and times for people [default: true]
    #[arg(short = 'H', long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
        default_missing_value = "true", require_equals = true)]
    human: bool,
    /// Show the line of the Dockerfile that each step comes from, where the image was built here
    #[arg(long)]
    lines: bool,
    /// `table`, `json`, or a template with fields such as `{{.CreatedBy}}`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Name of the image
    #[arg(value_name = "NAME[:TAG]")]
    image: String,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match show(arguments, session) {
        Ok(text) => {
            print::output(&text);
            Exit::Success
        }
        Err(exit) => exit,
    }
}

fn show(arguments: &Arguments, session: &Session) -> Result<String, Exit> {
    let store = open_store(session)?;
    let image = require_whole_image(session, &store, &arguments.image)?;
    let fail = |error| failure(session, &error, None);
    let rows = inspect::history(&store, &image).map_err(fail)?;
    let lines = SourceLines::load(&store, &image).map_err(fail)?;
    let place = |row: usize| {
        // Rows are told newest first.
        lines.as_ref().and_then(|lines| lines.place(rows.len() - 1 - row)).unwrap_or_default()
    };
    if arguments.quiet {
        return Ok(rows.iter().map(|row| format!("{}\n", id(row, arguments))).collect());
    }
    if let Some(format) = arguments.format.as_deref().filter(|format| *format != "table") {
        let values = rows.iter().enumerate().map(|(at, row)| fields(row, arguments, &place(at)));
        let heads = json!({
            "ID": "IMAGE", "CreatedAt": "CREATED AT", "CreatedSince": "CREATED",
            "CreatedBy": "CREATED BY", "Size": "SIZE", "Comment": "COMMENT", "Line": "LINE",
        });
        let help = "the fields are ID, CreatedAt, CreatedSince, CreatedBy, Size, Comment, Line";
        return template::list(format, &heads, &values.collect::<Vec<_>>())
            .map_err(|message| usage(session, &message, help));
    }
    let when = if arguments.human { "CREATED" } else { "CREATED AT" };
    let head = ["IMAGE", when, "CREATED BY", "SIZE", "COMMENT"].map(String::from).to_vec();
    let cells = rows.iter().map(|row| {
        vec![
            id(row, arguments),
            created(row, arguments),
            created_by(row, arguments),
            size(row, arguments),
            row.comment.clone(),
        ]
    });
    let mut table: Vec<Vec<String>> = std::iter::once(head).chain(cells).collect();
    if arguments.lines {
        let places = std::iter::once("LINE".to_owned()).chain((0..rows.len()).map(place));
        for (row, place) in table.iter_mut().zip(places) {
            row.insert(2, place);
        }
    }
    Ok(human::table(&table))
}

/// Only the newest row is an image that has an id.
fn id(row: &HistoryRow, arguments: &Arguments) -> String {
    match row.image {
        Some(id) if arguments.no_trunc => id.to_string(),
        Some(id) => id.hex()[..12].to_owned(),
        None => "<missing>".to_owned(),
    }
}

fn created(row: &HistoryRow, arguments: &Arguments) -> String {
    let Some(text) = &row.created else { return "N/A".to_owned() };
    match human::seconds(text) {
        Some(then) if arguments.human => human::ago(then, environment::now()),
        _ => text.clone(),
    }
}

fn created_by(row: &HistoryRow, arguments: &Arguments) -> String {
    let text = row.created_by.replace('\t', " ");
    if arguments.no_trunc || text.chars().count() <= CREATED_BY_WIDTH {
        return text;
    }
    text.chars().take(CREATED_BY_WIDTH - 1).chain(['…']).collect()
}

fn size(row: &HistoryRow, arguments: &Arguments) -> String {
    if arguments.human { human::size(row.size) } else { row.size.to_string() }
}

fn fields(row: &HistoryRow, arguments: &Arguments, place: &str) -> Value {
    let since = row.created.as_deref().and_then(human::seconds);
    json!({
        "ID": id(row, arguments),
        "CreatedAt": row.created,
        "CreatedSince": since.map_or("N/A".to_owned(), |then| human::ago(then, environment::now())),
        "CreatedBy": created_by(row, arguments),
        "Size": size(row, arguments),
        "Comment": row.comment,
        "Line": place,
    })
}
