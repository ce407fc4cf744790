//! How far BuildKit comes with a file that it refuses.
//!
//! BuildKit's checks run while it works, so a file with an error gives only the findings from
//! before the error. The `buildkit` profile does the same; no other does.

use dockerfile_parser::{ErrorStage, ImageRef, Kind, Model, Platform};

use crate::{facts::Facts, linter::Step, scope::Scopes};

/// The steps of BuildKit, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Lines are joined to instructions.
    Lines,
    /// Instructions are read one by one.
    Instructions,
    /// The file as a whole is looked at.
    File,
    /// The bases of all stages are found.
    Bases,
    /// Instructions take effect one by one.
    Dispatch,
}

/// Where BuildKit stops: the phase, and in it the index of the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reach {
    phase: Phase,
    index: usize,
}

impl Reach {
    /// Finds where BuildKit stops; `None` when it accepts the file.
    pub(crate) fn new(
        model: &Model<'_, '_>,
        facts: &Facts<'_>,
        scopes: &Scopes<'_>,
    ) -> Option<Self> {
        let index_of = |offset: u32| facts.index_at(offset);
        let errors = || model.parse.errors.iter().chain(&model.errors);
        if errors().any(|error| error.stage == ErrorStage::Parse) {
            return Some(Self { phase: Phase::Lines, index: 0 });
        }
        let refused = errors().filter(|error| error.stage == ErrorStage::Instruction);
        if let Some(index) = refused.map(|error| index_of(error.span.start)).min() {
            return Some(Self { phase: Phase::Instructions, index });
        }
        if model.stages.is_empty() {
            return Some(Self { phase: Phase::Instructions, index: usize::MAX });
        }
        if !scopes.are_globals_valid {
            return Some(Self { phase: Phase::File, index: usize::MAX });
        }
        if let Some(base) = scopes.bases.iter().find(|base| is_bad_base(base)) {
            return Some(Self { phase: Phase::Bases, index: base.step.index });
        }
        let is_bad_graph = model.errors.iter().any(|error| error.stage == ErrorStage::Graph);
        if is_bad_graph || has_bad_image(model, scopes) {
            return Some(Self { phase: Phase::Bases, index: usize::MAX });
        }
        let faulty = facts.steps.iter().find(|step| step.stage.is_some() && fails(step, scopes));
        let refused = model.parse.errors.iter().map(|error| index_of(error.span.start)).min();
        let index = faulty.map(|step| step.index).into_iter().chain(refused).min()?;
        Some(Self { phase: Phase::Dispatch, index })
    }

    /// Tells whether BuildKit gives the finding `code` of the instruction with this index before it
    /// stops.
    pub(crate) fn covers(self, code: &str, index: usize) -> bool {
        let phase = phase(code);
        let is_early = code == "UndefinedVar" || phase < Phase::Dispatch;
        match phase.cmp(&self.phase) {
            std::cmp::Ordering::Less => self.phase > Phase::Lines,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal => {
                phase > Phase::Lines && (index < self.index || (index == self.index && is_early))
            }
        }
    }
}

/// Returns where the check `code` runs.
fn phase(code: &str) -> Phase {
    match code {
        "NoEmptyContinuation" => Phase::Lines,
        "StageNameCasing"
        | "FromAsCasing"
        | "MaintainerDeprecated"
        | "InvalidDefinitionDescription" => Phase::Instructions,
        "ConsistentInstructionCasing"
        | "DuplicateStageName"
        | "ReservedStageName"
        | "InvalidDefaultArgInFrom" => Phase::File,
        "UndefinedArgInFrom" | "RedundantTargetPlatform" | "FromPlatformFlagConstDisallowed" => {
            Phase::Bases
        }
        _ => Phase::Dispatch,
    }
}

/// Tells whether image or platform of a FROM are empty or cannot be read.
fn is_bad_base(base: &crate::scope::BaseWords<'_>) -> bool {
    let is_bad_platform = base.platform.as_ref().is_some_and(|platform| {
        platform.value.as_ref().is_none_or(|value| value.parse::<Platform>().is_err())
    });
    base.image.as_ref().is_none_or(String::is_empty) || is_bad_platform
}

/// Tells whether a FROM names neither a stage nor a valid image.
fn has_bad_image(model: &Model<'_, '_>, scopes: &Scopes<'_>) -> bool {
    scopes.bases.iter().any(|base| {
        let image = base.image.as_deref().unwrap_or_default();
        let mut earlier = model.stages.iter().take(base.step.stage.unwrap_or(0));
        let is_stage = earlier.any(|stage| stage.name.as_deref() == Some(image));
        !is_stage && ImageRef::parse(image).is_err()
    })
}

/// Tells whether an instruction fails when it takes effect, as far as its text shows it.
fn fails(step: &Step<'_>, scopes: &Scopes<'_>) -> bool {
    let at = scopes.words.partition_point(|word| word.step.index < step.index);
    let words = scopes.words[at..].iter().take_while(|word| word.step.index == step.index);
    let mut values = words.clone().filter_map(|word| word.value.as_deref());
    let is_unreadable = words.clone().any(|word| word.value.is_none());
    let is_bad = match &step.instruction.kind {
        Kind::Volume(_) => values.any(|value| value.trim().is_empty()),
        Kind::Stopsignal(_) => values.any(|value| !is_signal(value)),
        Kind::Expose(_) => scopes.ports_of(step.index).any(|port| !is_port(port)),
        Kind::Copy(copy) => {
            let is_remote = |source: &str| {
                source.starts_with("http://")
                    || source.starts_with("https://")
                    || source.starts_with("git@")
            };
            let is_variable = copy.from.as_ref().is_some_and(|from| from.contains('$'));
            is_variable || (copy.from.is_none() && copy.sources.iter().any(|s| is_remote(s)))
        }
        Kind::Add(add) => add.checksum.is_some() && add.sources.len() > 1,
        Kind::Run(run) => run.mounts.iter().any(|mount| !is_mount(mount)),
        _ => false,
    };
    is_unreadable || is_bad
}

const SIGNALS: [&str; 36] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
    "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP",
    "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
];

/// Tells whether `text` is a number other than 0 or the name of a signal.
pub(crate) fn is_signal(text: &str) -> bool {
    if let Ok(number) = text.parse::<i64>() {
        return number != 0;
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let offset = |prefix: &str, most: u32| {
        let number = name.strip_prefix(prefix).and_then(|digits| digits.parse::<u32>().ok());
        number.is_some_and(|number| (1..=most).contains(&number))
    };
    SIGNALS.contains(&name) || offset("RTMIN+", 15) || offset("RTMAX-", 14)
}

/// Tells whether `text` is `[ip:][host:]port[/protocol]` with ports and ranges in order.
fn is_port(text: &str) -> bool {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, ""));
    let is_protocol = matches!(protocol.to_ascii_lowercase().as_str(), "" | "tcp" | "udp" | "sctp");
    let (host, container) = ports.rsplit_once(':').unwrap_or(("", ports));
    let host_port = host.rsplit(':').next().unwrap_or_default();
    let is_range = |text: &str| {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        match (low.parse::<u16>(), high.parse::<u16>()) {
            (Ok(low), Ok(high)) => low <= high,
            _ => false,
        }
    };
    is_protocol && is_range(container) && (host_port.is_empty() || is_range(host_port))
}

const MOUNT_KEYS: [&str; 18] = [
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
];

/// Tells whether the keys of a mount are known.
fn is_mount(mount: &dockerfile_parser::Mount<'_>) -> bool {
    mount.fields.iter().all(|(key, value)| {
        let key = key.to_ascii_lowercase();
        let is_bare = matches!(key.as_str(), "readonly" | "ro" | "readwrite" | "rw" | "required");
        (MOUNT_KEYS.contains(&key.as_str()) || key == "env") && (value.is_some() || is_bare)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals() {
        for (text, expected) in [
            ("SIGTERM", true),
            ("kill", true),
            ("9", true),
            ("RTMIN+3", true),
            ("0", false),
            ("x", false),
        ] {
            assert_eq!(is_signal(text), expected, "{text}");
        }
    }

    #[test]
    fn ports() {
        for (text, expected) in [
            ("80", true),
            ("80-90/udp", true),
            ("127.0.0.1:1:2/TCP", true),
            ("90-80", false),
            ("70000", false),
            ("80/x", false),
            ("{port}", false),
        ] {
            assert_eq!(is_port(text), expected, "{text}");
        }
    }
}
