//! `dockwright plan`

mod graph;
mod svg;

use dockerfile_parser::Span;
use dockwright_builder::plan::Plan;
use dockwright_builder::{Forecast, Prediction};
use serde_json::{Value, json};

use self::graph::Node;
use super::{build, failure, open_store};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::print;
use crate::source_file::SourceFile;
use crate::why::{cause, head, sentence_of};

/// The exit code when something would be executed: neither success nor failure.
const WORK_TO_DO: u8 = 3;

/// Say what a build would find in the cache, without running anything
///
/// Takes the flags of `build`. Exit codes: 0 every step is in the cache; 3 something would be
/// executed; 1 the build could not even start; 2 wrong usage.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// How the plan is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    build: build::Arguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A line for each step, and the graph.
    Text,
    /// For programs.
    Json,
    /// For Graphviz.
    Dot,
    /// For Markdown.
    Mermaid,
    /// A picture.
    Svg,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match plan(arguments, session) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn plan(arguments: &Arguments, session: &Session) -> Result<Exit, Exit> {
    let store = open_store(session)?;
    let prepared = build::request(&arguments.build, session, &store)?;
    let (request, file) = (prepared.request, prepared.file);
    let prediction = dockwright_builder::predict(&request, &store)
        .map_err(|error| failure(session, &error, Some(&file)))?;
    let nodes = graph::nodes(&prediction);
    let text = match arguments.format {
        Format::Text => text(&prediction, &nodes, &file),
        Format::Json => format!("{:#}\n", as_json(&prediction, &nodes, &file)),
        Format::Dot => graph::dot(&nodes, &file),
        Format::Mermaid => graph::mermaid(&nodes, &file),
        Format::Svg => svg::picture(&nodes, &file),
    };
    print::output(&text);
    let is_cached = |node: &Node<'_>| *node.forecast == Forecast::Hit;
    Ok(if nodes.iter().all(is_cached) { Exit::Success } else { Exit::Code(WORK_TO_DO) })
}

/// What becomes of a step, in a word.
pub(super) fn word(forecast: &Forecast) -> &'static str {
    match forecast {
        Forecast::Hit => "hit",
        Forecast::Miss(_) => "miss",
        Forecast::Unknown(_) => "unknown",
    }
}

/// The step that an operation is, by its line.
fn step_head(plan: &Plan, index: usize, file: &SourceFile) -> String {
    plan.operations
        .get(index)
        .map_or_else(String::new, |operation| head(&operation.origin.title, operation.span, file))
}

/// Why a step is not a hit.
fn reason(plan: &Plan, node: &Node<'_>, file: &SourceFile) -> Option<String> {
    match node.forecast {
        Forecast::Hit => None,
        Forecast::Miss(cause) => {
            let own = head(node.title, node.span, file);
            let sentence = sentence_of(node.title, node.span, cause, file);
            let short = sentence.strip_prefix(&format!("{own}: ")).map(ToOwned::to_owned);
            Some(short.unwrap_or(sentence))
        }
        Forecast::Unknown(waits) => {
            let waits: Vec<String> = waits.iter().map(|id| step_head(plan, id.0, file)).collect();
            Some(format!("waits for {}", waits.join(", ")))
        }
    }
}

fn text(prediction: &Prediction, nodes: &[Node<'_>], file: &SourceFile) -> String {
    let mut text = String::new();
    for node in nodes {
        let head = head(node.title, node.span, file);
        let mut line = format!("{:<7} {head}", word(node.forecast));
        if let Some(reason) = reason(&prediction.plan, node, file) {
            line = line + ": " + &reason;
        }
        text += &(crate::progress::harmless(line.as_bytes(), false) + "\n");
    }
    let count = |kind: &str| nodes.iter().filter(|node| word(node.forecast) == kind).count();
    text += &format!(
        "\n{}\n{} hit, {} miss, {} unknown\n",
        graph::text(nodes, file),
        count("hit"),
        count("miss"),
        count("unknown")
    );
    text
}

fn as_json(prediction: &Prediction, nodes: &[Node<'_>], file: &SourceFile) -> Value {
    let steps: Vec<Value> = nodes
        .iter()
        .map(|node| {
            let (line, _) = file.position(node.span.start);
            let waits = match node.forecast {
                Forecast::Unknown(waits) => waits.iter().map(|id| id.0).collect(),
                _ => Vec::new(),
            };
            let miss = match node.forecast {
                Forecast::Miss(miss) => Some(cause(miss, file)),
                _ => None,
            };
            json!({
                "id": node.id,
                "line": line,
                "span": span(node.span),
                "stage": node.stage,
                "instruction": node.title,
                "kind": node.kind,
                "forecast": word(node.forecast),
                "reason": reason(&prediction.plan, node, file),
                "cause": miss,
                "waits_for": waits,
                "inputs": node.inputs,
            })
        })
        .collect();
    let is_cached = nodes.iter().all(|node| *node.forecast == Forecast::Hit);
    json!({ "dockerfile": file.name, "cached": is_cached, "steps": steps })
}

fn span(span: Span) -> [u32; 2] {
    [span.start, span.end]
}
