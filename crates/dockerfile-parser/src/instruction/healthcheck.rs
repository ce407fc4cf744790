//! HEALTHCHECK.

use super::{Command, Healthcheck};
use crate::convert::Head;
use crate::error::Fault;
use crate::flag::{self, FlagKind, FlagSpec};
use crate::{SyntaxError, duration, space};

pub(crate) const FLAGS: &[FlagSpec] = &[
    FlagSpec::new("interval", FlagKind::String, ""),
    FlagSpec::new("timeout", FlagKind::String, ""),
    FlagSpec::new("start-period", FlagKind::String, ""),
    FlagSpec::new("start-interval", FlagKind::String, ""),
    FlagSpec::new("retries", FlagKind::String, ""),
];

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Healthcheck<'a>, Fault> {
    let text = head.arguments.as_str();
    let len = text.bytes().position(space::is_space).unwrap_or(text.len());
    let rest = space::trim(&text[len..]);
    let rest = head.part(len + rest.start..len + rest.end);
    // The reference judges JSON in its line parser, before anything else.
    let command = head.command(&rest)?;
    let kind = head.part(0..len);
    if kind.is_empty() {
        return Err(head.too_few(
            "at least one argument",
            "write `HEALTHCHECK CMD command` or `HEALTHCHECK NONE`",
        ));
    }
    if kind.eq_ignore_ascii_case("NONE") {
        return match &command {
            Command::Exec(words) if words.is_empty() => Ok(Healthcheck::None),
            Command::Shell(text) if text.is_empty() => Ok(Healthcheck::None),
            _ => {
                let message = "`HEALTHCHECK NONE` takes no arguments";
                let code = "healthcheck-none-arguments";
                Err(SyntaxError::instruction(code, rest.span(), message)
                    .help("remove what follows `NONE`, or write `CMD` in its place"))
            }
        };
    }
    let flags = head.flags;
    flag::check(flags, FLAGS)?;
    if !kind.eq_ignore_ascii_case("CMD") {
        let message = format!("`{kind}` is no kind of health check");
        return Err(SyntaxError::instruction("healthcheck-type", kind.span(), message)
            .help("write `HEALTHCHECK CMD command` or `HEALTHCHECK NONE`; flags go in front"));
    }
    let is_empty = match &command {
        Command::Exec(words) => words.is_empty(),
        Command::Shell(text) => text.is_empty(),
    };
    if is_empty {
        let message = "`HEALTHCHECK CMD` lacks its command";
        return Err(SyntaxError::instruction("healthcheck-without-command", kind.span(), message)
            .help("write the command after `CMD`"));
    }
    Ok(Healthcheck::Cmd {
        command,
        interval_ns: duration_ns(head, "interval")?,
        timeout_ns: duration_ns(head, "timeout")?,
        start_period_ns: duration_ns(head, "start-period")?,
        start_interval_ns: duration_ns(head, "start-interval")?,
        retries: retries(head)?,
    })
}

/// A duration of at least a millisecond, or 0.
fn duration_ns(head: Head<'_, '_>, name: &str) -> Result<i64, Fault> {
    const MIN_NS: i64 = 1_000_000;
    let Some(value) = flag::value(head.flags, name) else { return Ok(0) };
    let fault = |message: String, help: &str| {
        SyntaxError::instruction("invalid-duration", value.span(), message).help(help)
    };
    let Some(duration_ns) = duration::parse_ns(&value) else {
        return Err(fault(
            format!("`{value}` is no duration"),
            "write a number and its unit, for example `30s` or `1m30s`",
        ));
    };
    if duration_ns != 0 && duration_ns < MIN_NS {
        let message = format!("`{value}` is shorter than a millisecond");
        return Err(fault(message, "write at least `1ms`, or `0s` for the default"));
    }
    Ok(duration_ns)
}

fn retries(head: Head<'_, '_>) -> Result<i32, Fault> {
    let Some(value) = flag::value(head.flags, "retries") else { return Ok(0) };
    let number = value.parse::<i32>().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| {
        let message = format!("`{value}` is no number of retries");
        SyntaxError::instruction("invalid-retries", value.span(), message)
            .help("write a whole number, 0 for the default")
    })
}
