//! Rectangles in proportion to sizes: the squarified treemap of Bruls, Huizing and van Wijk, as one
//! HTML page that needs nothing else.

/// A rectangle of the picture, or a group of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Node {
    /// What stands in it.
    pub(crate) label: String,
    /// What is shown when the pointer rests on it.
    pub(crate) title: String,
    /// Its size; of a group at least the sizes of its children together.
    pub(crate) size: u64,
    /// Whether these bytes are wasted.
    pub(crate) is_waste: bool,
    /// What it is made of.
    pub(crate) children: Vec<Self>,
}

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Area {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 700.0;
/// The height of a group's label.
const HEAD: f64 = 18.0;

const STYLE: &str = "body{font:14px system-ui,sans-serif;margin:1.5rem;color:#1b1f24}\
svg{width:100%;height:auto;border:1px solid #d0d7de}text{font-size:11px;pointer-events:none}\
rect{stroke:#fff}table{border-collapse:collapse;margin-top:1rem}\
td,th{padding:.2rem .8rem;text-align:left;border-bottom:1px solid #d0d7de}\
td.n{text-align:right;font-variant-numeric:tabular-nums}";

/// Makes a page of a title, a sentence, the picture and a table.
pub(crate) fn page(title: &str, sentence: &str, nodes: &[Node], rows: &[Vec<String>]) -> String {
    let mut svg = String::new();
    let area = Area { x: 0.0, y: 0.0, width: WIDTH, height: HEIGHT };
    let sizes: Vec<u64> = nodes.iter().map(|node| node.size).collect();
    for (at, (node, area)) in nodes.iter().zip(squarify(&sizes, area)).enumerate() {
        // Neighbouring hues far apart; the same on every run.
        let hue = (at * 137 + 210) % 360;
        draw(node, area, hue, &mut svg);
    }
    let mut table = String::new();
    for (at, row) in rows.iter().enumerate() {
        let tag = if at == 0 { "th" } else { "td" };
        table.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let class =
                if tag == "td" && column > 0 && column + 1 < row.len() { " class=n" } else { "" };
            table.push_str(&format!("<{tag}{class}>{}</{tag}>", escape(cell)));
        }
        table.push_str("</tr>\n");
    }
    format!(
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n<title>{title}</title>\n\
         <style>{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n<p>{}</p>\n\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=img aria-label=\"{title}\">\n{svg}</svg>\n\
         <table>\n{table}</table>\n</body></html>\n",
        escape(sentence),
        title = escape(title),
    )
}

fn draw(node: &Node, area: Area, hue: usize, svg: &mut String) {
    if area.width < 1.0 || area.height < 1.0 {
        return;
    }
    let is_group = !node.children.is_empty();
    let fill = match (node.is_waste, is_group) {
        (true, _) => "hsl(0 75% 72%)".to_owned(),
        (false, true) => format!("hsl({hue} 45% 88%)"),
        (false, false) => format!("hsl({hue} 50% 78%)"),
    };
    svg.push_str(&format!(
        "<g><title>{}</title><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" \
         fill=\"{fill}\"/>",
        escape(&node.title),
        area.x,
        area.y,
        area.width,
        area.height
    ));
    // About six pixels a character.
    let n_chars = (area.width / 6.5) as usize;
    if area.height >= 14.0 && n_chars >= 4 {
        let label = cut(&node.label, n_chars.saturating_sub(1));
        svg.push_str(&format!(
            "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            area.x + 3.0,
            area.y + 12.0,
            escape(&label)
        ));
    }
    svg.push_str("</g>\n");
    if is_group && area.height > HEAD * 2.0 && area.width > 8.0 {
        let inner = Area {
            x: area.x + 2.0,
            y: area.y + HEAD,
            width: area.width - 4.0,
            height: area.height - HEAD - 2.0,
        };
        let sizes: Vec<u64> = node.children.iter().map(|child| child.size).collect();
        for (child, area) in node.children.iter().zip(squarify(&sizes, inner)) {
            draw(child, area, hue, svg);
        }
    }
}

fn cut(text: &str, n_chars: usize) -> String {
    if text.chars().count() <= n_chars {
        return text.to_owned();
    }
    text.chars().take(n_chars.saturating_sub(1)).chain(['…']).collect()
}

/// Splits an area into one rectangle a size, as near to squares as may be. The sizes come largest
/// first.
fn squarify(sizes: &[u64], area: Area) -> Vec<Area> {
    let total: u64 = sizes.iter().sum();
    let scale = if total == 0 { 0.0 } else { area.width * area.height / total as f64 };
    let areas: Vec<f64> = sizes.iter().map(|size| *size as f64 * scale).collect();
    let mut placed = Vec::with_capacity(areas.len());
    let mut left = area;
    let mut at = 0;
    while at < areas.len() {
        let side = left.width.min(left.height);
        let mut end = at + 1;
        while end < areas.len() && worst(&areas[at..=end], side) <= worst(&areas[at..end], side) {
            end += 1;
        }
        left = place(&areas[at..end], left, &mut placed);
        at = end;
    }
    placed
}

/// The worst ratio of sides when these areas fill a strip along `side`.
fn worst(areas: &[f64], side: f64) -> f64 {
    let sum: f64 = areas.iter().sum();
    let (max, min) =
        areas.iter().fold((0.0_f64, f64::MAX), |(max, min), area| (max.max(*area), min.min(*area)));
    if sum == 0.0 || min == 0.0 || side == 0.0 {
        return f64::MAX;
    }
    (side * side * max / (sum * sum)).max(sum * sum / (side * side * min))
}

/// Fills a strip along the shorter side, and returns what is left of the area.
fn place(areas: &[f64], left: Area, placed: &mut Vec<Area>) -> Area {
    let sum: f64 = areas.iter().sum();
    let is_wide = left.width >= left.height;
    let side = if is_wide { left.height } else { left.width };
    let depth = if side > 0.0 { sum / side } else { 0.0 };
    let mut along = 0.0;
    for area in areas {
        let length = if depth > 0.0 { area / depth } else { 0.0 };
        placed.push(if is_wide {
            Area { x: left.x, y: left.y + along, width: depth, height: length }
        } else {
            Area { x: left.x + along, y: left.y, width: length, height: depth }
        });
        along += length;
    }
    if is_wide {
        Area { x: left.x + depth, width: (left.width - depth).max(0.0), ..left }
    } else {
        Area { y: left.y + depth, height: (left.height - depth).max(0.0), ..left }
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_in_proportion_and_inside() {
        let area = Area { x: 10.0, y: 20.0, width: 300.0, height: 200.0 };
        let sizes = [60, 60, 40, 30, 20, 20, 10, 0];
        let areas = squarify(&sizes, area);
        assert_eq!(areas.len(), sizes.len());
        for (size, place) in sizes.iter().zip(&areas) {
            let expected = *size as f64 * 300.0 * 200.0 / 240.0;
            assert!((place.width * place.height - expected).abs() < 0.01, "{size}: {place:?}");
            assert!(place.x >= 10.0 && place.y >= 20.0, "{place:?}");
            assert!(place.x + place.width <= 310.01 && place.y + place.height <= 220.01);
        }
    }

    #[test]
    fn text_of_an_image_is_no_markup() {
        let node =
            Node { label: "<b>".to_owned(), title: "\"&".to_owned(), size: 1, ..Node::default() };
        let page = page("a<b", "c>d", &[node], &[vec!["<td>".to_owned()]]);
        assert!(
            page.contains("&lt;b&gt;") && page.contains("&quot;&amp;") && !page.contains("<b>")
        );
    }
}
