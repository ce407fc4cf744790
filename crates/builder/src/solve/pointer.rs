//! Where in the Dockerfile the text stands that a cause is about.

use dockerfile_parser::{Base, Instruction, Kind, Model, Span};

/// The ARG or ENV that sets the variable `name` for the instruction at `user`.
pub(super) fn variable(dockerfile: &str, name: &str, user: Span) -> Option<Span> {
    in_force(dockerfile, user, &|instruction| match &instruction.kind {
        Kind::Arg(arg) => {
            let one = arg.declarations.iter().rfind(|one| one.name == *name)?;
            Some(joined(one.name.span(), one.default.as_ref().map(dockerfile_parser::Text::span)))
        }
        Kind::Env(pairs) => {
            let one = pairs.pairs.iter().rfind(|pair| pair.name == *name)?;
            Some(joined(one.name.span(), Some(one.value.span())))
        }
        _ => None,
    })
}

/// The instruction `keyword` that is in force for the instruction at `user`.
pub(super) fn setting(dockerfile: &str, keyword: &str, user: Span) -> Option<Span> {
    in_force(dockerfile, user, &|instruction| {
        instruction.keyword.as_str().eq_ignore_ascii_case(keyword).then_some(instruction.span)
    })
}

fn joined(first: Span, last: Option<Span>) -> Span {
    Span::new(first.start, last.map_or(first.end, |last| last.end.max(first.end)))
}

/// The last instruction before `user` that `found` takes, in its stage, else in the one below.
fn in_force(
    dockerfile: &str,
    user: Span,
    found: &dyn Fn(&Instruction<'_>) -> Option<Span>,
) -> Option<Span> {
    let parse = dockerfile_parser::parse(dockerfile);
    let model = Model::new(&parse);
    let mut stage = model.stages.iter().rfind(|stage| stage.from.span.start <= user.start)?;
    loop {
        let own = parse.instructions.get(stage.instructions.clone()).unwrap_or_default();
        let earlier = own.iter().filter(|one| one.span.end <= user.start);
        if let Some(span) = earlier.rev().find_map(found) {
            return Some(span);
        }
        let Base::Stage(below) = stage.base else { return None };
        // A stage is upon an earlier one only, so this ends.
        stage = model.stages.get(below).filter(|below| below.index < stage.index)?;
    }
}

/// The words of the instruction at `span` that are others than in the text that it had before. Both
/// texts are on one line; where words only went, it is the word that stands in their place.
pub(super) fn rewritten(dockerfile: &str, span: Span, old: &str, new: &str) -> Span {
    let (old, new): (Vec<&str>, Vec<&str>) =
        (old.split_whitespace().collect(), new.split_whitespace().collect());
    let words = words(dockerfile, span, new.len());
    let n_same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    if n_same == 0 || words.len() != new.len() {
        return span;
    }
    let rest = old.len().min(new.len()) - n_same;
    let ends = old.iter().rev().zip(new.iter().rev());
    let n_same_at_end = ends.take(rest).take_while(|(old, new)| old == new).count();
    let last = (new.len() - n_same_at_end).saturating_sub(1).max(n_same);
    match (words.get(n_same), words.get(last)) {
        (Some(first), Some(last)) => Span::new(first.start, last.end),
        _ => span,
    }
}

/// The first `n` words of an instruction, without comments, blank lines and the escapes at the ends
/// of its lines.
fn words(dockerfile: &str, span: Span, n: usize) -> Vec<Span> {
    let escape = dockerfile_parser::parse(dockerfile).escape;
    let text = dockerfile.get(span.range()).unwrap_or_default();
    let mut words = Vec::new();
    let mut start = span.start;
    for line in text.split_inclusive('\n') {
        let is_comment = start > span.start && line.trim_start().starts_with('#');
        let whole = line.trim_end();
        let kept = if is_comment { "" } else { whole.strip_suffix(escape).unwrap_or(whole) };
        for word in kept.split_whitespace() {
            // A word is a part of the line, so the difference of their places is its own.
            let at = start + (word.as_ptr() as usize - line.as_ptr() as usize) as u32;
            words.push(Span::new(at, at + word.len() as u32));
        }
        start += line.len() as u32;
    }
    words.truncate(n);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "FROM a AS one\nARG V=1\nENV A=1 \\\n  B=2\nFROM a AS two\nENV B=other\n\
        USER 1\nFROM one\nUSER 2\nRUN cat \\\n  # comment\n  x | wc -l\n";

    #[track_caller]
    fn check(found: Option<Span>, expected: Option<&str>) {
        assert_eq!(found.map(|span| &TEXT[span.range()]), expected);
    }

    fn user() -> Span {
        let start = TEXT.find("RUN").unwrap() as u32;
        Span::new(start, TEXT.len() as u32 - 1)
    }

    #[test]
    fn what_sets_something_is_looked_for_down_the_stages() {
        check(variable(TEXT, "B", user()), Some("B=2"));
        check(variable(TEXT, "V", user()), Some("V=1"));
        check(variable(TEXT, "C", user()), None);
        check(setting(TEXT, "USER", user()), Some("USER 2"));
        check(setting(TEXT, "SHELL", user()), None);
    }

    #[test]
    fn words_that_differ_are_pointed_at() {
        let new = "RUN cat x | wc -l";
        let check = |old: &str, expected: &str| {
            check(Some(rewritten(TEXT, user(), old, new)), Some(expected));
        };
        check("RUN cat x | wc -c", "-l");
        check("RUN cat y | wc -l", "x");
        check("RUN cat x y | wc -l", "|");
        check("RUN cat | wc -l", "x");
        check("RUN cat x | sort", "wc -l");
        let whole = &TEXT[user().range()];
        check("RUN cat x | wc -l -c", whole);
        check("COPY x y", whole);
    }
}
