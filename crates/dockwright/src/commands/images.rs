//! `dockwright images`

use dockwright_builder::store::ImageRecord;
use dockwright_builder::{Image, Store, inspect};
use serde_json::{Value, json};

use super::{failure, open_store, require_image, usage};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::{environment, human, print, template};

/// List the images of the store
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Show nothing but ids
    #[arg(short, long)]
    quiet: bool,
    /// Show whole ids
    #[arg(long)]
    no_trunc: bool,
    /// Show the digests of the manifests
    #[arg(long)]
    digests: bool,
    /// Accepted because docker has it: there are no images between the steps
    #[arg(short, long)]
    all: bool,
    /// Show only some: `dangling=true`, `label=NAME[=VALUE]`, `reference=PATTERN`, `before=IMAGE`,
    /// `since=IMAGE`, `until=TIME`; may be repeated
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,
    /// `table`, `json`, or a template with fields such as `{{.Repository}}`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Show only images of this name; `*` stands for anything but `/`
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<String>,
}

/// One line of the list.
struct Listed {
    record: ImageRecord,
    image: Image,
    /// Nothing where layers were never fetched.
    size: Option<u64>,
    /// Seconds after 1970.
    created: Option<i64>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match list(arguments, session) {
        Ok(text) => {
            print::output(&text);
            Exit::Success
        }
        Err(exit) => exit,
    }
}

fn list(arguments: &Arguments, session: &Session) -> Result<String, Exit> {
    let store = open_store(session)?;
    let mut all = listed(&arguments.filter, arguments.name.as_deref(), session, &store)?;
    // The newest first, as docker has it.
    all.sort_by_key(|one| std::cmp::Reverse(one.created));
    if arguments.quiet {
        // As docker has it: an image with several names comes once for each.
        return Ok(all.iter().map(|one| shown_id(&one.image, arguments.no_trunc) + "\n").collect());
    }
    let Some(format) = arguments.format.as_deref().filter(|format| *format != "table") else {
        return Ok(table(&all, arguments));
    };
    let rows: Vec<Value> = all.iter().map(|one| fields(one, arguments)).collect();
    let help = "the fields are ID, Repository, Tag, Digest, CreatedAt, CreatedSince, Size";
    template::list(format, &heads(), &rows).map_err(|message| usage(session, &message, help))
}

/// Returns what the images are known by that filters mean, those of one image beside each other.
pub(super) fn records(
    filters: &[String],
    session: &Session,
    store: &Store,
) -> Result<Vec<ImageRecord>, Exit> {
    let all = listed(filters, None, session, store)?;
    let mut records: Vec<_> = all.into_iter().map(|one| one.record).collect();
    records.sort_by_key(|record| record.manifest);
    Ok(records)
}

fn listed(
    filters: &[String],
    name: Option<&str>,
    session: &Session,
    store: &Store,
) -> Result<Vec<Listed>, Exit> {
    let fail = |error| failure(session, &error, None);
    let filters = self::filters(filters, session, store)?;
    let name = name.map(|name| Filter::Reference(name.to_owned()));
    let mut all = Vec::new();
    for record in store.images().map_err(fail)? {
        let image = Image::load(store, &record.manifest).map_err(fail)?;
        let is_whole = image.layers.iter().all(|layer| store.has_layer(layer));
        let size = if is_whole { Some(inspect::size(store, &image).map_err(fail)?) } else { None };
        let created = image.config.created.as_deref().and_then(human::seconds);
        let listed = Listed { record, image, size, created };
        // Of several patterns one must fit, of all else all.
        let mut patterns =
            filters.iter().filter(|it| matches!(it, Filter::Reference(_))).peekable();
        let is_meant = patterns.peek().is_none() || patterns.any(|filter| filter.accepts(&listed));
        let mut others = filters.iter().filter(|it| !matches!(it, Filter::Reference(_)));
        let is_named = name.as_ref().is_none_or(|filter| filter.accepts(&listed));
        if is_meant && is_named && others.all(|filter| filter.accepts(&listed)) {
            all.push(listed);
        }
    }
    Ok(all)
}

/// The heads of the columns of docker's templates.
fn heads() -> Value {
    json!({
        "Containers": "CONTAINERS", "CreatedAt": "CREATED AT", "CreatedSince": "CREATED",
        "Digest": "DIGEST", "ID": "IMAGE ID", "Repository": "REPOSITORY",
        "SharedSize": "SHARED SIZE", "Size": "SIZE", "Tag": "TAG", "UniqueSize": "UNIQUE SIZE",
        "VirtualSize": "VIRTUAL SIZE",
    })
}

fn table(all: &[Listed], arguments: &Arguments) -> String {
    let mut head = vec!["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"];
    if arguments.digests {
        head.insert(2, "DIGEST");
    }
    let mut rows = vec![head.into_iter().map(String::from).collect::<Vec<_>>()];
    for one in all {
        let (repository, tag) = names(one);
        let id = shown_id(&one.image, arguments.no_trunc);
        let mut row = vec![repository.to_owned(), tag.to_owned(), id, since(one), size(one)];
        if arguments.digests {
            row.insert(2, digest(one));
        }
        rows.push(row);
    }
    human::table(&rows)
}

/// The digest that a registry gave for the name.
fn digest(one: &Listed) -> String {
    one.record.remote.map_or("<none>".to_owned(), |digest| digest.to_string())
}

fn since(one: &Listed) -> String {
    one.created.map_or("N/A".to_owned(), |then| human::ago(then, environment::now()))
}

fn size(one: &Listed) -> String {
    one.size.map_or("N/A".to_owned(), human::size)
}

/// The fields of docker's templates.
fn fields(one: &Listed, arguments: &Arguments) -> Value {
    let (repository, tag) = names(one);
    json!({
        "Containers": "N/A",
        "CreatedAt": one.image.config.created.as_deref().map(human::go_time),
        "CreatedSince": since(one),
        "Digest": digest(one),
        "ID": shown_id(&one.image, arguments.no_trunc),
        "Repository": repository,
        "SharedSize": "N/A",
        "Size": size(one),
        "Tag": tag,
        "UniqueSize": "N/A",
        "VirtualSize": one.size.map_or("N/A".to_owned(), |size| human::size_with(size, 4)),
    })
}

/// Repository and tag.
fn names(one: &Listed) -> (&str, &str) {
    if one.record.is_nameless() { ("<none>", "<none>") } else { split_tag(&one.record.name) }
}

/// `name:tag` in two; a colon before a slash belongs to a port.
fn split_tag(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "<none>"),
    }
}

/// The id as docker shows it: twelve hex digits, or all with the algorithm.
fn shown_id(image: &Image, whole: bool) -> String {
    let hex = image.config_digest.hex();
    if whole { format!("sha256:{hex}") } else { hex[..12].to_owned() }
}

/// What an image must be to be listed.
enum Filter {
    Dangling(bool),
    /// Name and value, and whether it must be there.
    Label(String, Option<String>, bool),
    Reference(String),
    Before(Option<i64>),
    Since(Option<i64>),
}

impl Filter {
    fn accepts(&self, one: &Listed) -> bool {
        match self {
            Self::Dangling(wanted) => one.record.is_nameless() == *wanted,
            Self::Label(name, value, is_wanted) => {
                let label = one.image.config.config.labels.get(name);
                let is_there =
                    label.is_some_and(|label| value.as_ref().is_none_or(|value| value == label));
                is_there == *is_wanted
            }
            Self::Reference(pattern) => {
                let (repository, tag) = names(one);
                !one.record.is_nameless() && refers(pattern, repository, tag)
            }
            Self::Before(time) => one.created < *time,
            Self::Since(time) => one.created > *time,
        }
    }
}

/// Whether a pattern means an image: `name`, `name:tag`, with `*` and `?`; or the last part of a
/// repository alone, as docker has it.
fn refers(pattern: &str, repository: &str, tag: &str) -> bool {
    let (name, wanted_tag) = match split_tag(pattern) {
        (name, "<none>") => (name, "*"),
        split => split,
    };
    let last = repository.rsplit('/').next().unwrap_or(repository);
    let is_name = matches(name, repository) || (!name.contains('/') && matches(name, last));
    is_name && matches(wanted_tag, tag)
}

/// `*` is anything but `/`, `?` one character but `/`.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.take_while(|at| !text[..*at].contains('/')).any(|at| matches(rest, &text[at..]))
        }
        Some(first) => {
            let mut chars = text.chars();
            let is_same = chars.next().is_some_and(|c| c == first || first == '?' && c != '/');
            is_same && matches(&pattern[first.len_utf8()..], chars.as_str())
        }
    }
}

fn filters(texts: &[String], session: &Session, store: &Store) -> Result<Vec<Filter>, Exit> {
    let mut filters = Vec::new();
    for text in texts {
        let wrong = || {
            let message = format!("the filter `{text}` is not known");
            let help = "it is `dangling=true`, `label=NAME[=VALUE]`, `reference=PATTERN`, \
                        `before=IMAGE`, `since=IMAGE` or `until=TIME`";
            usage(session, &message, help)
        };
        let created = |name: &str| {
            let image = require_image(session, store, name)?;
            Ok(image.config.created.as_deref().and_then(human::seconds))
        };
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        filters.push(match (name, value) {
            ("dangling", "true" | "1") => Filter::Dangling(true),
            ("dangling", "false" | "0") => Filter::Dangling(false),
            ("label" | "label!", label) => {
                let (label, value) = match label.split_once('=') {
                    Some((label, value)) => (label, Some(value.to_owned())),
                    None => (label, None),
                };
                Filter::Label(label.to_owned(), value, name == "label")
            }
            ("reference", pattern) => Filter::Reference(pattern.to_owned()),
            ("until", text) => {
                let then = human::seconds(text).or_else(|| {
                    let ago = dockwright_builder::duration_seconds(text)?;
                    environment::now().checked_sub_unsigned(ago)
                });
                Filter::Before(Some(then.ok_or_else(wrong)?))
            }
            ("before", name) => Filter::Before(created(name)?),
            ("since", name) => Filter::Since(created(name)?),
            _ => return Err(wrong()),
        });
    }
    Ok(filters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_patterns() {
        for (pattern, expected) in [
            ("app", true),
            ("team/app", true),
            ("a*", true),
            ("team/*", true),
            ("*", true),
            ("*:1.?", true),
            ("app:1.0", true),
            ("app:2", false),
            ("team", false),
            ("*/*/*", false),
            ("ap", false),
        ] {
            assert_eq!(refers(pattern, "team/app", "1.0"), expected, "{pattern}");
        }
        assert!(refers("localhost:5000/app", "localhost:5000/app", "x"));
    }
}
