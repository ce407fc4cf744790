//! What must hold for every text. Random texts and fuzzers go through the same functions, so this
//! file names nothing of the test crate; `fuzz/` includes it by its path.

use dockerfile_parser::{
    Command, Editor, FormatOptions, IgnoreFile, Instruction, Kind, LineIndex, Model, Parse,
    SourceText, Text, TokenKind, expand, format, parse,
};

/// Parsing is total and lossless, and every error says where and what to do.
pub(crate) fn parsing(text: &str) {
    let parsed = parse(text);
    tiles(&parsed);
    maps(&parsed);
    lines(&parsed);
    let model = Model::new(&parsed);
    for stage in &model.stages {
        assert!(model.reachable(stage.index).contains(&stage.index));
    }
    let index = LineIndex::new(text);
    for error in parsed.errors.iter().chain(&model.errors) {
        assert!(text.get(error.span.range()).is_some(), "no place: {error:?}");
        assert!(error.help.is_some(), "no help: {error:?}");
        assert!(!error.message.ends_with('.'), "a full stop: {error:?}");
        let place = index.line_column(error.span.start);
        assert_eq!(index.offset(place.line, place.column), Some(error.span.start));
    }
}

/// The bytes of a file come back whatever they are.
pub(crate) fn bytes(bytes: &[u8]) {
    let source = SourceText::new(bytes.to_vec());
    let parsed = source.parse();
    tiles(&parsed);
    maps(&parsed);
    let joined: Vec<u8> =
        parsed.tokens.iter().flat_map(|token| source.bytes(token.span).to_vec()).collect();
    assert_eq!(joined, bytes);
    for instruction in &parsed.instructions {
        for text in [&instruction.keyword, &instruction.arguments] {
            assert_eq!(source.raw(text).len(), text.len());
            let _ = source.lossy(text);
        }
    }
}

/// Formatting is stable and changes no meaning.
pub(crate) fn formatting(text: &str) -> Result<(), String> {
    let options = FormatOptions::default();
    let before = parse(text);
    let formatted = format(&before, &options);
    let after = parse(&formatted);
    let again = format(&after, &options);
    if again != formatted {
        let different = formatted.lines().zip(again.lines()).find(|(one, two)| one != two);
        return Err(format!("not stable: {different:?}"));
    }
    let codes = |parse: &Parse<'_>| -> Vec<&'static str> {
        parse.errors.iter().map(|error| error.code).collect()
    };
    if codes(&before) != codes(&after) {
        return Err(format!("errors {:?}, before {:?}", codes(&after), codes(&before)));
    }
    let (n_before, n_after) = (before.instructions.len(), after.instructions.len());
    if n_before != n_after || before.escape != after.escape {
        return Err(format!("{n_after} instructions, before {n_before}"));
    }
    let remarks = |parse: &Parse<'_>| -> Vec<String> {
        let is_remark = |kind: TokenKind| matches!(kind, TokenKind::Comment | TokenKind::Directive);
        let tokens = parse.tokens.iter().filter(|token| is_remark(token.kind));
        tokens.map(|token| parse.source[token.span.range()].to_owned()).collect()
    };
    if remarks(&before) != remarks(&after) {
        return Err("comments differ".to_owned());
    }
    for (before, after) in before.instructions.iter().zip(&after.instructions) {
        let comments = |one: &Instruction<'_>| -> Vec<String> {
            one.comments.iter().map(|text| text.to_string()).collect()
        };
        let bodies = |one: &Instruction<'_>| -> Vec<String> {
            one.heredocs.iter().map(|heredoc| heredoc.body.to_string()).collect()
        };
        let is_same = comments(before) == comments(after)
            && bodies(before) == bodies(after)
            && without_blanks(before) == without_blanks(after);
        if !is_same {
            return Err(format!("line {} differs: {after:?}", before.lines.0));
        }
    }
    Ok(())
}

/// What an instruction says, without any blank: a second view beside the formatter's own check.
fn without_blanks(instruction: &Instruction<'_>) -> String {
    let has_pairs = |one: &Kind<'_>| matches!(one, Kind::Env(_) | Kind::Label(_));
    let has_pairs = match &instruction.kind {
        Kind::Onbuild(onbuild) => has_pairs(&onbuild.trigger.kind),
        kind => has_pairs(kind),
    };
    let mut text: String = instruction.arguments.split_whitespace().collect();
    if has_pairs {
        text.retain(|character| !matches!(character, '=' | '"'));
    }
    format!("{} {}", instruction.keyword, text).to_lowercase()
}

/// Expansion ends, and its errors have a place.
pub(crate) fn expanding(text: &str) {
    let lookup = |name: &str| match name {
        "a" => Some("1 2".to_owned()),
        "e" => Some(String::new()),
        _ => None,
    };
    for escape in ['\\', '`'] {
        let found = expand::word(text, escape, &lookup);
        if let Err(error) = &found {
            assert!(text.get(error.range.clone()).is_some(), "{error:?}");
            assert!(!error.to_string().is_empty());
        }
        let words = expand::words(text, escape, &lookup);
        assert_eq!(found.is_err(), words.is_err(), "{found:?} {words:?}");
        for word in words.iter().flat_map(|words| &words.values) {
            assert!(!word.is_empty());
        }
    }
    let plain = !text.contains(['\'', '"', '$', '\\']) && !text.starts_with('\u{feff}');
    if plain {
        assert_eq!(expand::word(text, '\\', &lookup).map(|found| found.value), Ok(text.to_owned()));
    }
    let _ = expand::heredoc_body(text, &lookup);
}

/// In ignore files what decides is a line of the file, and a walk never misses what is taken back.
pub(crate) fn ignoring(text: &str, path: &str) {
    let rules = IgnoreFile::parse(text);
    let path = path.trim_matches('/');
    let n_lines = text.split('\n').count() as u32;
    for fault in rules.faults() {
        assert!((1..=n_lines).contains(&fault.line), "{fault:?}");
        assert!(text.get(fault.span.range()).is_some(), "{fault:?}");
    }
    let decision = rules.matches(path);
    assert_eq!(decision.ignored, rules.ignores(path));
    assert!(decision.line.is_none_or(|line| (1..=n_lines).contains(&line)), "{decision:?}");
    assert!(decision.line.is_some() || !decision.ignored, "{decision:?}");
    for (at, _) in path.match_indices('/') {
        let directory = &path[..at];
        // If a directory is left out and holds no exception, nothing below it is taken back.
        if rules.ignores(directory) && !rules.may_hold_exception(directory) {
            assert!(rules.ignores(path), "{text:?} {path:?} below {directory:?}");
        }
    }
}

/// An edit changes what was asked for, and nothing else.
pub(crate) fn editing(text: &str, index: usize, value: &str) {
    let parsed = parse(text);
    change_within(&parsed, index, value);
    if let Some(new) = edited(&parsed, &|editor| editor.delete(index).is_ok()) {
        let mut expected = all_said(&parsed);
        expected.remove(index);
        assert_eq!(all_said(&parse(&new)), expected, "{text:?}");
    }
    for line in ["USER u", "RUN <<E\nx\nE", value] {
        for place in [0, 1] {
            let insert = |editor: &mut Editor<'_, '_>| match place {
                0 => editor.insert_before(index, line).is_ok(),
                _ => editor.insert_after(index, line).is_ok(),
            };
            let Some(new) = edited(&parsed, &insert) else { continue };
            let mut found = all_said(&parse(&new));
            assert_eq!(found.len(), parsed.instructions.len() + 1, "{text:?} {line:?}");
            found.remove(index + place);
            assert_eq!(found, all_said(&parsed), "{text:?} {line:?}");
        }
    }
}

/// Makes an edit; gives the new text if it can be made.
fn edited(parsed: &Parse<'_>, edit: &dyn Fn(&mut Editor<'_, '_>) -> bool) -> Option<String> {
    let mut editor = Editor::new(parsed);
    if edit(&mut editor) { editor.finish().ok() } else { None }
}

/// Edits within one instruction.
fn change_within(parsed: &Parse<'_>, index: usize, value: &str) {
    let text = parsed.source;
    let others = |after: &Parse<'_>| {
        let (mut found, mut expected) = (all_said(after), all_said(parsed));
        found.remove(index);
        expected.remove(index);
        assert_eq!(found, expected, "{text:?} {value:?}");
    };
    if let Some(new) = edited(parsed, &|editor| editor.set_image(index, value).is_ok()) {
        let again = parse(&new);
        others(&again);
        let Kind::From(old) = &parsed.instructions[index].kind else { panic!("was no FROM") };
        let Kind::From(from) = &again.instructions[index].kind else { panic!("is no FROM") };
        assert_eq!(from.image.as_str(), value);
        let span = old.image.span();
        assert_eq!(new, [&text[..span.start as usize], value, &text[span.end as usize..]].concat());
    }
    for name in ["from", "chown", "link", "platform", "mount", "network"] {
        let set = |editor: &mut Editor<'_, '_>| editor.set_flag(index, name, Some(value)).is_ok();
        if let Some(new) = edited(parsed, &set) {
            let again = parse(&new);
            others(&again);
            let (old, one) =
                (trigger(&parsed.instructions[index]), trigger(&again.instructions[index]));
            assert_eq!(one.flag(name).and_then(|flag| flag.value.as_deref()), Some(value));
            assert_eq!(one.arguments.as_str(), old.arguments.as_str());
        }
        if let Some(new) = edited(parsed, &|editor| editor.remove_flag(index, name).is_ok()) {
            let again = parse(&new);
            others(&again);
            let (old, one) =
                (trigger(&parsed.instructions[index]), trigger(&again.instructions[index]));
            let n_removed = usize::from(old.flag(name).is_some());
            assert_eq!(one.flags.len(), old.flags.len() - n_removed);
            assert_eq!(one.arguments.as_str(), old.arguments.as_str());
        }
    }
    if let Some(new) = edited(parsed, &|editor| editor.set_pair(index, "a", value).is_ok()) {
        others(&parse(&new));
    }
}

/// What an ONBUILD will do, whose flags are changed in place of its own; any other instruction itself.
fn trigger<'i, 'a>(instruction: &'i Instruction<'a>) -> &'i Instruction<'a> {
    match &instruction.kind {
        Kind::Onbuild(onbuild) => &onbuild.trigger,
        _ => instruction,
    }
}

/// What an instruction says: keyword, flags, arguments and heredoc bodies.
type Said = (String, Vec<String>, String, Vec<String>);

fn all_said(parsed: &Parse<'_>) -> Vec<Said> {
    parsed.instructions.iter().map(said).collect()
}

fn said(instruction: &Instruction<'_>) -> Said {
    let flag =
        |flag: &dockerfile_parser::Flag<'_>| format!("{}={:?}", flag.name, flag.value.as_deref());
    (
        instruction.keyword.to_string(),
        instruction.flags.iter().map(flag).collect(),
        instruction.arguments.to_string(),
        instruction.heredocs.iter().map(|heredoc| heredoc.body.to_string()).collect(),
    )
}

/// Tokens follow each other without gap and overlap, and make up the text.
fn tiles(parsed: &Parse<'_>) {
    let mut at = 0;
    for token in &parsed.tokens {
        assert_eq!(token.span.start, at, "tokens do not tile: {:?}", parsed.tokens);
        assert!(!token.span.is_empty(), "an empty token: {:?}", parsed.tokens);
        at = token.span.end;
    }
    assert_eq!(at as usize, parsed.source.len(), "tokens stop early");
}

/// Instructions follow each other, and their lines are those of their spans.
fn lines(parsed: &Parse<'_>) {
    let index = LineIndex::new(parsed.source);
    let mut line = 0;
    let mut at = 0;
    for instruction in &parsed.instructions {
        assert!(instruction.span.start >= at && instruction.span.start <= instruction.span.end);
        at = instruction.span.end;
        assert!(instruction.lines.0 > line && instruction.lines.0 <= instruction.lines.1);
        line = instruction.lines.1;
        assert_eq!(index.line_column(instruction.span.start).line, instruction.lines.0);
    }
}

/// Every value maps to the source: the ranges it came from hold its bytes.
fn maps(parsed: &Parse<'_>) {
    for instruction in &parsed.instructions {
        is_mapped(parsed, &instruction.keyword, false);
        is_mapped(parsed, &instruction.arguments, false);
        for flag in &instruction.flags {
            is_mapped(parsed, &flag.name, false);
            if let Some(value) = &flag.value {
                is_mapped(parsed, value, false);
            }
        }
        for heredoc in &instruction.heredocs {
            is_mapped(parsed, &heredoc.body, false);
            is_mapped(parsed, &heredoc.word, false);
        }
        for text in texts(&instruction.kind) {
            is_mapped(parsed, text, true);
        }
    }
}

fn texts<'i, 'a>(kind: &'i Kind<'a>) -> Vec<&'i Text<'a>> {
    let of_command = |command: &'i Command<'a>| -> Vec<&'i Text<'a>> {
        match command {
            Command::Shell(text) => vec![text],
            Command::Exec(words) => words.iter().collect(),
        }
    };
    match kind {
        Kind::Run(run) => {
            let mut texts = of_command(&run.command);
            for mount in &run.mounts {
                texts.push(&mount.value);
                for (key, value) in &mount.fields {
                    texts.push(key);
                    texts.extend(value);
                }
            }
            texts
        }
        Kind::Cmd(command) | Kind::Entrypoint(command) => of_command(command),
        Kind::Add(add) => add.sources.iter().chain([&add.destination]).collect(),
        Kind::Copy(copy) => copy.sources.iter().chain([&copy.destination]).collect(),
        Kind::Env(pairs) | Kind::Label(pairs) => {
            pairs.pairs.iter().flat_map(|pair| [&pair.name, &pair.value]).collect()
        }
        Kind::Arg(arg) => arg
            .declarations
            .iter()
            .flat_map(|one| [Some(&one.name), one.default.as_ref()])
            .flatten()
            .collect(),
        Kind::From(from) => [Some(&from.image), from.as_keyword.as_ref(), from.name.as_ref()]
            .into_iter()
            .flatten()
            .collect(),
        Kind::Expose(expose) => expose.ports.iter().collect(),
        Kind::Volume(volume) => volume.paths.iter().collect(),
        Kind::Shell(words) => words.iter().collect(),
        Kind::User(text)
        | Kind::Workdir(text)
        | Kind::Stopsignal(text)
        | Kind::Maintainer(text) => {
            vec![text]
        }
        Kind::Onbuild(onbuild) => texts(&onbuild.trigger.kind),
        Kind::Healthcheck(dockerfile_parser::Healthcheck::Cmd { command, .. }) => {
            of_command(command)
        }
        _ => Vec::new(),
    }
}

/// `is_loose` lets a value differ from its source where escapes were replaced.
fn is_mapped(parsed: &Parse<'_>, text: &Text<'_>, is_loose: bool) {
    let span = text.span();
    assert!(parsed.source.get(span.range()).is_some(), "{text:?} has no place");
    let joined: String =
        text.source_ranges().into_iter().map(|span| &parsed.source[span.range()]).collect();
    if !is_loose || !joined.contains(['\\', '"']) {
        assert_eq!(joined, text.as_str(), "in {:?}", parsed.source);
    }
    for (at, character) in text.char_indices() {
        let span = text.source_span(at..at + character.len_utf8());
        let source = &parsed.source[span.range()];
        assert!(
            source == character.encode_utf8(&mut [0; 4])
                || (is_loose && source.starts_with(['\\', '"'])),
            "{character:?} of {text:?} maps to {source:?}"
        );
    }
}
