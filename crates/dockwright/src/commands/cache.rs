//! `dockwright cache`

use dockwright_builder::gc::{self, CacheEntry, EntryKind, PruneOptions};
use dockwright_builder::{duration_seconds, size_bytes};

use super::{failure, open_store, report_failure};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::{environment, human, print};

/// Look at the build cache, make it smaller, verify it
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the entries of the build cache, those of longest use first
    Ls(Shape),
    /// Tell how much room the store takes, as `du -s` counts it
    Du(Shape),
    /// Remove what nothing names, and more of the build cache when asked; images stay, and so does
    /// what a running build uses
    Prune(Prune),
    /// Hash everything, and repair or set aside what is damaged; exit code 1 if something was
    Verify,
}

#[derive(Debug, clap::Args)]
struct Shape {
    /// How it is shown
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Debug, clap::Args)]
struct Prune {
    /// Remove all of the build cache
    #[arg(short, long)]
    all: bool,
    /// Remove what was of no use for longest, until the store takes no more room: `10g`, `500m`
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,
    /// Remove what was of no use for so long: `36h`, `30d`
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    max_age: Option<u64>,
    /// Only entries of a kind: `type=run`, `copy`, `workdir` or `mount`; may be repeated
    #[arg(long = "filter", value_name = "type=KIND", value_parser = kind)]
    kinds: Vec<EntryKind>,
    /// Remove nothing, but tell what would be
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    let done = match &arguments.command {
        Command::Ls(shape) => list(shape.format, session),
        Command::Du(shape) => usage(shape.format, session),
        Command::Prune(prune) => self::prune(prune, session),
        Command::Verify => verify(session),
    };
    done.unwrap_or_else(|exit| exit)
}

fn list(format: Format, session: &Session) -> Result<Exit, Exit> {
    let store = open_store(session)?;
    let entries = gc::entries(&store).map_err(|error| failure(session, &error, None))?;
    print::output(&match format {
        Format::Table => table(&entries),
        Format::Json => json(&serde_json::json!(entries)),
    });
    Ok(Exit::Success)
}

fn usage(format: Format, session: &Session) -> Result<Exit, Exit> {
    let store = open_store(session)?;
    let parts = store.usage().map_err(|error| failure(session, &error, None))?;
    let total: u64 = parts.iter().map(|part| part.n_bytes).sum();
    if format == Format::Json {
        let parts: Vec<_> = parts
            .iter()
            .map(|part| {
                serde_json::json!({
                    "part": part.part, "items": part.n_items, "bytes": part.n_bytes,
                })
            })
            .collect();
        print::output(&json(&serde_json::json!({ "parts": parts, "bytes": total })));
        return Ok(Exit::Success);
    }
    let row = |name: &str, items: String, bytes: u64| {
        vec![name.to_owned(), items, human::size(bytes), bytes.to_string()]
    };
    let mut rows = vec![["PART", "ITEMS", "SIZE", "BYTES"].map(String::from).to_vec()];
    for part in &parts {
        let name = if part.part.is_empty() { "." } else { &part.part };
        rows.push(row(name, part.n_items.to_string(), part.n_bytes));
    }
    rows.push(row("total", String::new(), total));
    print::output(&human::table(&rows));
    Ok(Exit::Success)
}

fn prune(arguments: &Prune, session: &Session) -> Result<Exit, Exit> {
    let store = open_store(session)?;
    let options = PruneOptions {
        all: arguments.all,
        max_age_s: arguments.max_age,
        max_size_bytes: arguments.max_size,
        kinds: arguments.kinds.clone(),
        is_dry_run: arguments.dry_run,
    };
    let pruned = gc::prune(&store, &options).map_err(|error| failure(session, &error, None))?;
    let mut text = String::new();
    if !pruned.entries.is_empty() {
        text += &table(&pruned.entries);
        text.push('\n');
    }
    let (size, n_blobs) = (human::size(pruned.n_bytes), pruned.n_blobs);
    let what = if arguments.dry_run { "Would free" } else { "Freed" };
    text += &format!("{what}: {size} ({} bytes), {n_blobs} blobs\n", pruned.n_bytes);
    print::output(&text);
    Ok(Exit::Success)
}

fn verify(session: &Session) -> Result<Exit, Exit> {
    let store = open_store(session)?;
    let problems = store.verify().map_err(|error| failure(session, &error, None))?;
    if problems.is_empty() {
        print::output("the store is right\n");
        return Ok(Exit::Success);
    }
    for problem in &problems {
        report_failure(session, problem, None);
    }
    Ok(Exit::Failure)
}

fn table(entries: &[CacheEntry]) -> String {
    const TITLE_CHARS: usize = 72;
    let now = environment::now();
    let header = ["ID", "TYPE", "SIZE", "LAST USED", "STATE", "STEP"];
    let mut rows = vec![header.map(String::from).to_vec()];
    for entry in entries {
        let state = match (entry.is_in_use, entry.is_shared) {
            (true, _) => "in use",
            (_, true) => "shared",
            _ => "",
        };
        // A title may hold what a terminal would obey.
        let title: String = entry.title.chars().filter(|c| !c.is_control()).collect();
        let title = match title.char_indices().nth(TITLE_CHARS) {
            Some((end, _)) => format!("{}…", &title[..end]),
            None => title,
        };
        rows.push(vec![
            entry.id.chars().take(12).collect(),
            kind_name(entry.kind).to_owned(),
            human::size(entry.n_bytes),
            human::ago(entry.last_used_at, now),
            state.to_owned(),
            title,
        ]);
    }
    human::table(&rows)
}

fn json(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

fn kind_name(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Run => "run",
        EntryKind::Copy => "copy",
        EntryKind::Workdir => "workdir",
        EntryKind::Mount => "mount",
    }
}

fn size(text: &str) -> Result<u64, String> {
    size_bytes(text).ok_or_else(|| "write a number and a unit, for example `10g`".to_owned())
}

fn kind(text: &str) -> Result<EntryKind, String> {
    let kind = text.strip_prefix("type=").ok_or("a filter is written `type=KIND`")?;
    kind.parse().map_err(|_| "the kinds are run, copy, workdir and mount".to_owned())
}

fn seconds(text: &str) -> Result<u64, String> {
    duration_seconds(text)
        .ok_or_else(|| "write numbers and units, for example `36h` or `30d`".to_owned())
}
