//! What is noted of an instruction so that a later build can say what changed.

use std::collections::BTreeSet;

use dockerfile_parser::{Instruction, Kind};

use super::stage::Stage;
use crate::op::Origin;
use crate::{Error, Result, duration_seconds};

/// Returns the origin of the operation that `instruction` of `stage` asks for.
pub(super) fn of(
    stage: &Stage,
    stage_title: String,
    title: String,
    instruction: &Instruction<'_>,
) -> Origin {
    if matches!(instruction.kind, Kind::Run(_)) {
        let arguments = stage.args.clone();
        return Origin { stage: stage_title, title, variables: Vec::new(), arguments };
    }
    let bodies = instruction.heredocs.iter().map(|heredoc| heredoc.body.as_str());
    let names: BTreeSet<&str> =
        std::iter::once(title.as_str()).chain(bodies).flat_map(references).collect();
    let value = |name: &&str| Some(((*name).to_owned(), stage.environment.get(name)?.to_owned()));
    let variables: Vec<(String, String)> = names.iter().filter_map(value).collect();
    let is_argument = |(name, _): &&(String, String)| stage.known_args.contains(name);
    let arguments = variables.iter().filter(is_argument).map(|(name, _)| name.clone()).collect();
    Origin { stage: stage_title, title, variables, arguments }
}

/// How long the comment `# dockwright: cache-ttl=24h` above an instruction lets its result live.
pub(super) fn cache_ttl(instruction: &Instruction<'_>) -> Result<Option<u64>> {
    for comment in instruction.comments.iter().rev() {
        let text = comment.as_str().trim_start_matches('#').trim();
        let Some(setting) = text.strip_prefix("dockwright:") else { continue };
        let Some(value) = setting.trim().strip_prefix("cache-ttl=") else { continue };
        let seconds = duration_seconds(value).ok_or_else(|| {
            Error::new(format!("`{}` is not a time to live", value.trim()))
                .with_code("invalid-time")
                .with_span(comment.span())
                .with_help("write it as in `# dockwright: cache-ttl=24h`, with s, m, h, d or w")
        })?;
        return Ok(Some(seconds));
    }
    Ok(None)
}

/// The names that follow a `$` or a `${` in a text. Some may be quoted or escaped: a name too many
/// only says that its value did not change.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).filter_map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        Some(&rest[..end.unwrap_or(rest.len())]).filter(|name| !name.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_in_both_forms() {
        let found: Vec<&str> = references("COPY $A/${B:-x} $ ${} /$C_1.txt").collect();
        assert_eq!(found, ["A", "B", "C_1"]);
    }
}
