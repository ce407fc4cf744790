//! The graph of a plan as a picture.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dockwright_builder::Forecast;

use super::graph::{Node, colours, label};
use crate::source_file::SourceFile;

const BOX_WIDTH: usize = 340;
const BOX_HEIGHT: usize = 34;
const GAP_X: usize = 40;
const GAP_Y: usize = 30;
const MARGIN: usize = 20;
/// Room for the legend.
const HEAD: usize = 36;

/// Draws the graph: a column for each stage, a row for each step that must be done before.
pub(super) fn picture(nodes: &[Node<'_>], file: &SourceFile) -> String {
    let places = places(nodes);
    let column_of = |place: &(usize, usize)| place.0;
    let row_of = |place: &(usize, usize)| place.1;
    let n_columns = places.values().map(column_of).max().map_or(1, |most| most + 1);
    let n_rows = places.values().map(row_of).max().map_or(1, |most| most + 1);
    let width = 2 * MARGIN + n_columns * (BOX_WIDTH + GAP_X) - GAP_X;
    let height = 2 * MARGIN + HEAD + n_rows * (BOX_HEIGHT + GAP_Y) - GAP_Y;
    let corner = |(column, row): (usize, usize)| {
        (MARGIN + column * (BOX_WIDTH + GAP_X), MARGIN + HEAD + row * (BOX_HEIGHT + GAP_Y))
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    legend(&mut svg);
    for node in nodes {
        let (x, y) = corner(places[&node.id]);
        for input in &node.inputs {
            let Some(place) = places.get(input) else { continue };
            let (from_x, from_y) = corner(*place);
            let (x1, y1) = (from_x + BOX_WIDTH / 2, from_y + BOX_HEIGHT);
            let (x2, y2) = (x + BOX_WIDTH / 2, y);
            let bend = GAP_Y / 2;
            let _ = writeln!(
                svg,
                "<path d=\"M{x1} {y1} C{x1} {} {x2} {} {x2} {y2}\" fill=\"none\" \
                 stroke=\"#8c959f\" stroke-width=\"1.5\"/>",
                y1 + bend,
                y2.saturating_sub(bend)
            );
        }
    }
    for node in nodes {
        let (x, y) = corner(places[&node.id]);
        let (fill, border) = colours(node.forecast);
        let _ = writeln!(
            svg,
            "<g class=\"{}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" \
             height=\"{BOX_HEIGHT}\" rx=\"6\" fill=\"{fill}\" stroke=\"{border}\"/>\
             <text x=\"{}\" y=\"{}\" fill=\"#1f2328\" \
             font-family=\"monospace\" font-size=\"12\">{}</text></g>",
            super::word(node.forecast),
            escaped(&tip(node)),
            x + 10,
            y + BOX_HEIGHT / 2 + 5,
            escaped(&label(node, file))
        );
    }
    svg + "</svg>\n"
}

/// What is shown when the pointer rests on a box.
fn tip(node: &Node<'_>) -> String {
    match node.forecast {
        Forecast::Miss(cause) => format!("{}\n{}", node.title, cause.message),
        Forecast::Hit | Forecast::Unknown(_) => node.title.to_owned(),
    }
}

fn legend(svg: &mut String) {
    let kinds = [("hit", "in the cache"), ("miss", "executed"), ("unknown", "not known yet")];
    for (n, (kind, text)) in kinds.into_iter().enumerate() {
        let (fill, border) = super::graph::colours_of(kind);
        let x = MARGIN + n * 120;
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{MARGIN}\" width=\"14\" height=\"14\" rx=\"3\" fill=\"{fill}\" \
             stroke=\"{border}\"/><text x=\"{}\" y=\"{}\" fill=\"#1f2328\">{text}</text>",
            x + 20,
            MARGIN + 12
        );
    }
}

/// Column and row of each node: stages are columns in order of appearance, a base image stands
/// above the first step upon it.
fn places(nodes: &[Node<'_>]) -> BTreeMap<usize, (usize, usize)> {
    let mut columns: BTreeMap<&str, usize> = BTreeMap::new();
    let mut places: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for node in nodes {
        let user = nodes.iter().find(|user| user.inputs.first() == Some(&node.id));
        let stage =
            if node.stage.is_empty() { user.map_or("", |user| user.stage) } else { node.stage };
        let next = columns.len();
        let column = *columns.entry(stage).or_insert(next);
        let below =
            node.inputs.iter().filter_map(|input| places.get(input)).map(|place| place.1 + 1);
        let mut row = below.max().unwrap_or(0);
        while places.values().any(|place| *place == (column, row)) {
            row += 1;
        }
        places.insert(node.id, (column, row));
    }
    places
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in crate::progress::harmless(text.as_bytes(), false).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}
