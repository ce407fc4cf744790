//! RUN.

use super::{Mount, Run, RunOptions};
use crate::convert::Head;
use crate::error::{Fault, nearest};
use crate::flag::{self, FlagKind, FlagSpec};
use crate::{SyntaxError, Text, csv, expand};

pub(crate) const FLAGS: &[FlagSpec] = &[
    FlagSpec::new("mount", FlagKind::Strings, "1.2"),
    FlagSpec::new("network", FlagKind::String, "1.3"),
    FlagSpec::new("security", FlagKind::String, "1.20"),
    FlagSpec::new("device", FlagKind::Strings, "1.14-labs"),
];

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Run<'a>, Fault> {
    let command = head.command(head.arguments)?;
    let flags = head.flags;
    if flags.is_empty() {
        return Ok(Run { command, options: None });
    }
    flag::check(flags, FLAGS)?;
    let mounts = flag::values(flags, "mount")
        .map(|value| mount(value, head.context.escape))
        .collect::<Result<Vec<_>, _>>()?;
    let network = flag::values(flags, "network").next().cloned();
    one_of(network.as_ref(), "invalid-network", "network mode", &["default", "none", "host"])?;
    let security = flag::values(flags, "security").next().cloned();
    one_of(security.as_ref(), "invalid-security", "security mode", &["sandbox", "insecure"])?;
    let devices: Vec<Text<'a>> = flag::values(flags, "device").cloned().collect();
    devices.iter().try_for_each(device)?;
    let options = RunOptions { mounts, network, security, devices };
    Ok(Run { command, options: Some(Box::new(options)) })
}

/// Splits a mount at its commas; the values of its keys are judged when they are expanded.
fn mount<'a>(value: &Text<'a>, escape: u8) -> Result<Mount<'a>, Fault> {
    let fields = csv::fields(value).map_err(|fault| {
        SyntaxError::instruction("invalid-mount-csv", value.span(), fault.to_owned())
            .help("write `--mount=type=cache,target=/path`: keys and values with commas between")
    })?;
    let fields: Vec<_> = fields
        .into_iter()
        .map(|field| match field.find('=') {
            Some(equals) => {
                let value = field.slice(equals + 1..field.len());
                (field.slice(0..equals), Some(value))
            }
            None => (field, None),
        })
        .collect();
    let from = fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case("from"));
    for from in from.filter_map(|(_, value)| value.as_ref()) {
        // The reference expands the value and refuses what that changes.
        let escape = char::from(escape);
        let is_plain = from.find('$').is_none_or(|at| at + 1 == from.len())
            || expand::word(from, escape, &|_| None)
                .is_ok_and(|found| found.value == from.as_str());
        if !is_plain {
            let message = format!("`{from}` holds a variable, which `from` does not take");
            return Err(SyntaxError::instruction("mount-from-variable", from.span(), message)
                .help("name a stage after `FROM` with the variable, and mount from that stage"));
        }
    }
    Ok(Mount { value: value.clone(), fields })
}

fn one_of(
    value: Option<&Text<'_>>,
    code: &'static str,
    what: &str,
    known: &[&str],
) -> Result<(), Fault> {
    let Some(value) = value.filter(|value| !known.contains(&value.as_str())) else { return Ok(()) };
    let error = SyntaxError::instruction(code, value.span(), format!("`{value}` is no {what}"));
    if let Some(nearest) = nearest(value, known.iter().copied()) {
        return Err(error.help(format!("did you mean `{nearest}`?")));
    }
    let known: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
    Err(error.help(format!("write one of {}", known.join(", "))))
}

/// `name`, `name=…` and `required[=bool]` with commas between.
fn device(value: &Text<'_>) -> Result<(), Fault> {
    let fault = |message: String| {
        SyntaxError::instruction("invalid-device", value.span(), message)
            .help("write `--device=vendor.com/class=name` with `,required` if the build needs it")
    };
    let fields = csv::fields(value).map_err(|message| fault(message.to_owned()))?;
    let mut has_name = false;
    for field in &fields {
        let (key, value) =
            field.split_once('=').map_or((field.as_str(), None), |(key, value)| (key, Some(value)));
        match (key.to_ascii_lowercase().as_str(), value) {
            ("required", None) => {}
            ("required", Some(value)) if go_bool(value).is_some() => {}
            ("required", Some(value)) => {
                return Err(fault(format!("`{value}` is no value for `required`")));
            }
            _ if !has_name => has_name = true,
            (_, None) => return Err(fault(format!("the field `{field}` lacks a `=`"))),
            _ => return Err(fault(format!("`{field}` names a second device"))),
        }
    }
    Ok(())
}

/// Reads a truth value as Go's `strconv.ParseBool` does.
pub(crate) fn go_bool(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}
