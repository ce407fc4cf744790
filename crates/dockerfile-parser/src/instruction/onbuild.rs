//! ONBUILD.

use super::{Instruction, Keyword, Kind, Onbuild};
use crate::convert::{self, Head};
use crate::error::{ErrorStage, Fault};
use crate::parse::split;
use crate::{Comments, Few, SyntaxError, flag};

/// Triggers inside triggers are read this deep; the reference refuses all but the first.
const MAX_DEPTH: usize = 8;

pub(crate) fn parse<'a>(head: Head<'_, 'a>) -> Result<Onbuild<'a>, Fault> {
    let mut trigger = trigger(head);
    let word = Keyword::of(&trigger.keyword);
    let mut kind = Kind::Invalid(word);
    match convert::read(inner(head, &trigger, word), &mut kind) {
        Ok(()) => trigger.kind = kind,
        // What the line parser refuses counts now, the rest only when the trigger runs.
        Err(error) if error.stage == ErrorStage::Parse => return Err(error),
        Err(_) => {}
    }
    if trigger.keyword.is_empty() {
        return Err(head.too_few(
            "at least one argument",
            "write the instruction to run in builds that are based on the image",
        ));
    }
    let span = trigger.keyword.span();
    match word {
        Keyword::Onbuild => {
            let message = "`ONBUILD ONBUILD` is not allowed";
            return Err(SyntaxError::instruction("onbuild-chained", span, message)
                .help("write `ONBUILD` once; triggers reach one build, not further"));
        }
        Keyword::From | Keyword::Maintainer => {
            let message = format!("`{word}` is not allowed as a trigger");
            return Err(SyntaxError::instruction("onbuild-forbidden", span, message)
                .help("remove it; every other instruction can be a trigger"));
        }
        _ => {}
    }
    flag::check(head.flags, &[])?;
    let text = head.arguments.as_str().to_owned();
    Ok(Onbuild { trigger: Box::new(trigger), text })
}

/// Splits the arguments into a trigger that is not judged yet.
fn trigger<'a>(head: Head<'_, 'a>) -> Instruction<'a> {
    let context = head.context;
    let parts = split(context, head.arguments.clone(), &mut Vec::new());
    let keyword = parts.line.slice_of(context.source, parts.keyword);
    let word = Keyword::of(&keyword);
    Instruction {
        span: head.arguments.span(),
        lines: head.lines,
        has_blank_continuation: false,
        keyword,
        flags: parts.flags,
        arguments: parts.line.slice_of(context.source, parts.arguments),
        heredocs: Few::none(),
        comments: Comments::default(),
        kind: Kind::Invalid(word),
    }
}

/// What reading the trigger needs.
fn inner<'i, 'a>(
    outer: Head<'_, 'a>,
    trigger: &'i Instruction<'a>,
    keyword: Keyword,
) -> Head<'i, 'a> {
    Head {
        context: outer.context,
        keyword,
        word: &trigger.keyword,
        flags: &trigger.flags,
        arguments: &trigger.arguments,
        lines: trigger.lines,
        depth: outer.depth + 1,
    }
}

/// Tells whether the trigger that the arguments of an ONBUILD hold takes heredocs.
pub(crate) fn takes_heredocs(head: Head<'_, '_>) -> bool {
    let trigger = trigger(head);
    let word = Keyword::of(&trigger.keyword);
    word != Keyword::Onbuild && convert::takes_heredocs(inner(head, &trigger, word))
}

/// Tells whether a trigger at this depth is read at all.
pub(crate) const fn is_too_deep(depth: usize) -> bool {
    depth > MAX_DEPTH
}
