//! The graph of a plan, in the languages that draw graphs.

use std::fmt::Write as _;

use dockerfile_parser::Span;
use dockwright_builder::{Forecast, Prediction};

use crate::human;
use crate::source_file::SourceFile;
use crate::why::head;

/// How much of an instruction stands in a picture.
const LABEL_COLUMNS: usize = 44;

/// A step as it is drawn. Inputs are ids of nodes before it.
pub(super) struct Node<'p> {
    pub(super) id: usize,
    pub(super) title: &'p str,
    pub(super) kind: &'static str,
    pub(super) stage: &'p str,
    pub(super) span: Span,
    pub(super) forecast: &'p Forecast,
    pub(super) inputs: Vec<usize>,
}

/// The steps that the result needs, in order.
pub(super) fn nodes(prediction: &Prediction) -> Vec<Node<'_>> {
    let operations = prediction.plan.operations.iter().zip(&prediction.forecasts).enumerate();
    let is_shown = |index: usize| {
        let kind = prediction.plan.operations.get(index).map(|operation| operation.op.kind());
        kind.is_some_and(|kind| kind != "scratch")
    };
    operations
        .filter(|(id, _)| is_shown(*id))
        .filter_map(|(id, (operation, forecast))| {
            let inputs = operation.inputs().into_iter().map(|input| input.0);
            Some(Node {
                id,
                title: &operation.origin.title,
                kind: operation.op.kind(),
                stage: &operation.origin.stage,
                span: operation.span,
                forecast: forecast.as_ref()?,
                inputs: inputs.filter(|input| is_shown(*input)).collect(),
            })
        })
        .collect()
}

/// What a node is called in a picture.
pub(super) fn label(node: &Node<'_>, file: &SourceFile) -> String {
    human::fit(&head(node.title, node.span, file), LABEL_COLUMNS)
}

/// The colours of a node: background and border.
pub(super) fn colours(forecast: &Forecast) -> (&'static str, &'static str) {
    colours_of(super::word(forecast))
}

/// The colours of hits, misses and what is not known.
pub(super) fn colours_of(word: &str) -> (&'static str, &'static str) {
    match word {
        "hit" => ("#d9f2e0", "#1a7f37"),
        "miss" => ("#ffe2dd", "#cf222e"),
        _ => ("#fff4cc", "#9a6700"),
    }
}

/// The graph as a tree of text: each step below what it stands on, with what else it reads.
pub(super) fn text(nodes: &[Node<'_>], file: &SourceFile) -> String {
    let mut text = String::new();
    let mut depths = std::collections::BTreeMap::new();
    for node in nodes {
        let depth = node.inputs.iter().filter_map(|input| depths.get(input)).max();
        let depth = depth.map_or(0, |depth: &usize| depth + 1);
        depths.insert(node.id, depth);
        let sign = match node.forecast {
            Forecast::Hit => '✓',
            Forecast::Miss(_) => '✗',
            Forecast::Unknown(_) => '?',
        };
        let inputs: Vec<String> =
            node.inputs.iter().map(|input| format!("#{}", input + 1)).collect();
        let from =
            if inputs.is_empty() { String::new() } else { format!(" ← {}", inputs.join(" ")) };
        let line = format!("#{} {sign} {}{from}", node.id + 1, label(node, file));
        let _ = writeln!(text, "{}", crate::progress::harmless(line.as_bytes(), false));
    }
    text
}

/// The graph for Graphviz.
pub(super) fn dot(nodes: &[Node<'_>], file: &SourceFile) -> String {
    let mut text = String::from(
        "digraph plan {\n  rankdir=TB;\n  node [shape=box, style=\"filled,rounded\", \
         fontname=\"sans-serif\"];\n",
    );
    for node in nodes {
        let (fill, border) = colours(node.forecast);
        let label = label(node, file).replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(
            text,
            "  n{} [label=\"{label}\", fillcolor=\"{fill}\", color=\"{border}\", tooltip=\"{}\"];",
            node.id,
            super::word(node.forecast)
        );
    }
    for node in nodes {
        for input in &node.inputs {
            let _ = writeln!(text, "  n{input} -> n{};", node.id);
        }
    }
    text + "}\n"
}

/// The graph for Markdown.
pub(super) fn mermaid(nodes: &[Node<'_>], file: &SourceFile) -> String {
    let mut text = String::from("flowchart TB\n");
    for node in nodes {
        let mut label = String::new();
        for c in self::label(node, file).chars() {
            match c {
                '"' | '<' | '>' | '&' | '#' | '`' | '\\' | '[' | ']' | '{' | '}' | '(' | ')'
                | '|' => {
                    let _ = write!(label, "#{};", u32::from(c));
                }
                c => label.push(c),
            }
        }
        let _ = writeln!(text, "  n{}[\"{label}\"]:::{}", node.id, super::word(node.forecast));
    }
    for node in nodes {
        for input in &node.inputs {
            let _ = writeln!(text, "  n{input} --> n{}", node.id);
        }
    }
    for word in ["hit", "miss", "unknown"] {
        let (fill, border) = colours_of(word);
        let _ = writeln!(text, "  classDef {word} fill:{fill},stroke:{border},color:#1f2328");
    }
    text
}
