//! `dockwright diff`

use std::collections::BTreeMap;

use dockwright_builder::files::{self, Difference, FileInfo, FileKind};
use dockwright_builder::{Image, Store, inspect};
use serde_json::{Value, json};

use super::{Format, failure, open_store, require_whole_image};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::{human, print};

/// Show how two images differ: configuration, layers, files
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How the differences are written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// End with code 1 when the images differ
    #[arg(long)]
    exit_code: bool,
    /// Do not tell of files that differ in nothing but their time
    #[arg(long)]
    ignore_mtime: bool,
    /// Name or id of the first image
    #[arg(value_name = "IMAGE")]
    before: String,
    /// Name or id of the second image
    #[arg(value_name = "OTHER")]
    after: String,
}

/// How two images differ.
struct Report {
    /// Path in the configuration, before, after.
    config: Vec<ConfigDifference>,
    /// How many layers both begin with.
    n_shared: usize,
    removed: Vec<Layer>,
    added: Vec<Layer>,
    files: Vec<Difference>,
}

struct Layer {
    digest: String,
    size: u64,
    created_by: String,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    let report = match compare(arguments, session) {
        Ok(report) => report,
        Err(exit) => return exit,
    };
    match arguments.format {
        Format::Text => print::output(&text(&report)),
        Format::Json => print::output(&format!("{:#}\n", json(&report))),
    }
    let is_same = report.config.is_empty()
        && report.removed.is_empty()
        && report.added.is_empty()
        && report.files.is_empty();
    if arguments.exit_code && !is_same { Exit::Failure } else { Exit::Success }
}

fn compare(arguments: &Arguments, session: &Session) -> Result<Report, Exit> {
    let store = open_store(session)?;
    let fail = |error| failure(session, &error, None);
    let before = require_whole_image(session, &store, &arguments.before)?;
    let after = require_whole_image(session, &store, &arguments.after)?;
    let n_shared = before.layers.iter().zip(&after.layers).take_while(|(a, b)| a == b).count();
    let mut differences = Vec::new();
    if before.layers != after.layers {
        let first = files::image_files(&store, &before).map_err(fail)?;
        let second = files::image_files(&store, &after).map_err(fail)?;
        differences = files::compare(&first, &second);
        differences.retain(|one| !arguments.ignore_mtime || one.fields() != ["mtime"]);
    }
    Ok(Report {
        config: config_differences(&before, &after),
        n_shared,
        removed: layers(&store, &before, n_shared).map_err(fail)?,
        added: layers(&store, &after, n_shared).map_err(fail)?,
        files: differences,
    })
}

fn layers(store: &Store, image: &Image, from: usize) -> dockwright_builder::Result<Vec<Layer>> {
    let rows = inspect::history(store, image)?;
    let entries = image.config.history.iter().zip(rows.iter().rev());
    let mut created_by =
        entries.filter(|(entry, _)| !entry.empty_layer).map(|(_, row)| row.created_by.clone());
    let mut layers = Vec::new();
    for (at, diff_id) in image.layers.iter().enumerate() {
        let created_by = created_by.next().unwrap_or_default();
        if at >= from {
            let size = store.layer(diff_id)?.size;
            layers.push(Layer { digest: diff_id.to_string(), size, created_by });
        }
    }
    Ok(layers)
}

/// A path in the configuration, and the values there.
pub(super) type ConfigDifference = (String, Option<Value>, Option<Value>);

/// Compares the configurations of two images, but for their layers.
pub(super) fn config_differences(before: &Image, after: &Image) -> Vec<ConfigDifference> {
    let leaves = |image: &Image| {
        let mut leaves = BTreeMap::new();
        let value: Value = serde_json::from_slice(&image.config.to_json()).unwrap_or_default();
        collect(&value, String::new(), &mut leaves);
        leaves.retain(|path, _| !path.starts_with("rootfs"));
        leaves
    };
    let (before, after) = (leaves(before), leaves(after));
    let paths: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| (path.clone(), before.get(path).cloned(), after.get(path).cloned()))
        .collect()
}

/// Collects the values by their paths, as `config.Env.PATH`: a list of `NAME=VALUE` counts as an
/// object, any other list as one value, but for the history.
fn collect(value: &Value, path: String, leaves: &mut BTreeMap<String, Value>) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                collect(value, below(name), leaves);
            }
        }
        Value::Array(lines) if path == "config.Env" => {
            for line in lines.iter().filter_map(Value::as_str) {
                let (name, value) = line.split_once('=').unwrap_or((line, ""));
                leaves.insert(below(name), Value::from(value));
            }
        }
        Value::Array(entries) if path == "history" => {
            for (at, entry) in entries.iter().enumerate() {
                leaves.insert(format!("history[{at}]"), entry.clone());
            }
        }
        value => {
            leaves.insert(path, value.clone());
        }
    }
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    if !report.config.is_empty() {
        text.push_str("configuration\n");
        for (path, before, after) in &report.config {
            if let Some(before) = before {
                text.push_str(&format!("  - {path}: {before}\n"));
            }
            if let Some(after) = after {
                text.push_str(&format!("  + {path}: {after}\n"));
            }
        }
    }
    if !report.removed.is_empty() || !report.added.is_empty() {
        text.push_str(&format!("layers ({} shared)\n", report.n_shared));
        for (sign, layers) in [('-', &report.removed), ('+', &report.added)] {
            for layer in layers {
                let (digest, size) = (&layer.digest[..19], human::size(layer.size));
                let by = human::one_line(&layer.created_by);
                text.push_str(&format!("  {sign} {digest}  {size:>8}  {by}\n"));
            }
        }
    }
    if !report.files.is_empty() {
        text.push_str("files\n");
        for one in &report.files {
            text.push_str(&format!("  {}\n", file_line(one)));
        }
    }
    text
}

fn file_line(one: &Difference) -> String {
    let path = one.path.escape_ascii();
    match (&one.before, &one.after) {
        (Some(before), None) => format!("D /{path}  {}", shown(before)),
        (None, Some(after)) => format!("A /{path}  {}", shown(after)),
        (Some(before), Some(after)) => {
            let fields = one.fields();
            let mut line = format!("C /{path}  {}", fields.join(", "));
            for field in fields {
                let value = |info| field_value(info, field);
                if let (Some(before), Some(after)) = (value(before), value(after))
                    && before != after
                {
                    line.push_str(&format!("; {field} {before} → {after}"));
                }
            }
            line
        }
        (None, None) => String::new(),
    }
}

/// What is worth showing of a field that differs.
fn field_value(info: &FileInfo, field: &str) -> Option<String> {
    match field {
        "type" => Some(info.kind.letter().to_string()),
        "content" => Some(human::size(info.size)),
        "mode" => Some(format!("{:04o}", info.mode)),
        "owner" => Some(format!("{}:{}", info.uid, info.gid)),
        "target" => Some(info.link.escape_ascii().to_string()),
        _ => None,
    }
}

fn shown(info: &FileInfo) -> String {
    let mut text = format!("{}{:04o} {}:{}", info.kind.letter(), info.mode, info.uid, info.gid);
    match info.kind {
        FileKind::File => text.push_str(&format!(" {}", human::size(info.size))),
        FileKind::Symlink => text.push_str(&format!(" → {}", info.link.escape_ascii())),
        _ => {}
    }
    text
}

fn json(report: &Report) -> Value {
    let layers = |layers: &[Layer]| -> Vec<Value> {
        let layer = |layer: &Layer| json!({ "diffId": layer.digest, "size": layer.size, "createdBy": layer.created_by });
        layers.iter().map(layer).collect()
    };
    let file = |info: &Option<FileInfo>| {
        info.as_ref().map(|info| {
            json!({
                "type": info.kind.letter().to_string(), "mode": format!("{:04o}", info.mode),
                "uid": info.uid, "gid": info.gid, "size": info.size, "mtime": info.mtime,
                "digest": info.digest.map(|digest| digest.to_string()),
                "target": (info.kind == FileKind::Symlink)
                    .then(|| info.link.escape_ascii().to_string()),
            })
        })
    };
    let files = report.files.iter().map(|one| {
        json!({
            "path": format!("/{}", one.path.escape_ascii()), "fields": one.fields(),
            "before": file(&one.before), "after": file(&one.after),
        })
    });
    let config = report
        .config
        .iter()
        .map(|(path, before, after)| json!({ "path": path, "before": before, "after": after }));
    json!({
        "config": config.collect::<Vec<_>>(),
        "layers": {
            "shared": report.n_shared,
            "removed": layers(&report.removed), "added": layers(&report.added),
        },
        "files": files.collect::<Vec<_>>(),
    })
}
