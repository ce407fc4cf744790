//! Faults that hadolint and BuildKit both refuse a file for, and our parser leaves to the build.
//!
//! hadolint tells them as DL1000. What hadolint alone refuses is not copied.

use dockerfile_parser::expand::{self, ExpandErrorKind};
use dockerfile_parser::{Keyword, Kind, Mount, Pairs, Run, Span, Text};

use crate::{image::image_name, linter::Linter};

/// Returns the first such fault: its place and what it is.
pub(crate) fn first_fault(linter: &Linter<'_>) -> Option<(Span, String)> {
    let escape = linter.parse().escape;
    linter.steps_and_triggers().iter().find_map(|step| match &step.instruction.kind {
        Kind::Onbuild(onbuild) => {
            let keyword = &onbuild.trigger.keyword;
            let is_unknown = matches!(onbuild.trigger.kind, Kind::Invalid(Keyword::Unknown));
            is_unknown.then(|| (keyword.span(), format!("unknown instruction `{keyword}`")))
        }
        Kind::From(from) => image_fault(&from.image),
        Kind::Expose(expose) => expose.ports.iter().find_map(port_fault),
        Kind::Env(pairs) | Kind::Label(pairs) => quote_fault(pairs, escape),
        Kind::Run(run) => mount_fault(run),
        _ => None,
    })
}

fn image_fault(image: &Text<'_>) -> Option<(Span, String)> {
    let name = image_name(image);
    let is_empty = |part: Option<&str>| part == Some("");
    let is_wrong = name.name.is_empty() || is_empty(name.tag) || is_empty(name.digest);
    (is_wrong && !image.contains('$'))
        .then(|| (image.span(), format!("`{image}` is not the name of an image")))
}

/// Host ports, addresses and quotes are hadolint's affair alone.
fn port_fault(port: &Text<'_>) -> Option<(Span, String)> {
    if port.contains(['$', ':', '"', '\'', '.']) {
        return None;
    }
    let (range, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_known = ["tcp", "udp", "sctp"].iter().any(|name| name.eq_ignore_ascii_case(protocol));
    (!is_number(first) || !is_number(last) || !is_known)
        .then(|| (port.span(), format!("`{port}` is not a port")))
}

fn quote_fault(pairs: &Pairs<'_>, escape: char) -> Option<(Span, String)> {
    let nothing = |_: &str| None;
    let values = pairs.pairs.iter().map(|pair| &pair.value).filter(|_| !pairs.legacy);
    values.into_iter().find_map(|value| {
        let error = expand::word(value, escape, &nothing).err()?;
        matches!(error.kind, ExpandErrorKind::UnclosedQuote(_))
            .then(|| (value.span(), "a quote is not closed".to_owned()))
    })
}

const MOUNT_TYPES: [&str; 5] = ["bind", "cache", "secret", "ssh", "tmpfs"];
const MOUNT_KEYS: [&str; 20] = [
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "env",
    "z",
];

fn mount_fault(run: &Run<'_>) -> Option<(Span, String)> {
    let fault = |mount: &Mount<'_>| {
        let mut n_types = 0;
        mount.fields.iter().find_map(|(key, value)| {
            let name = key.to_ascii_lowercase();
            if name == "type" {
                n_types += 1;
                let value = value.as_ref().map(|value| value.to_ascii_lowercase());
                let is_known = value.is_some_and(|value| MOUNT_TYPES.contains(&value.as_str()));
                return (!is_known || n_types > 1)
                    .then(|| (key.span(), "the type of the mount is not known".to_owned()));
            }
            let is_known = MOUNT_KEYS.contains(&name.as_str());
            (!is_known).then(|| (key.span(), format!("a mount has no `{key}`")))
        })
    };
    run.mounts.iter().find_map(fault)
}
