//! What must hold for every text.

use dockerfile_parser::{
    Command, Editor, FormatOptions, IgnoreFile, Instruction, Kind, LineIndex, Model, Parse,
    SourceText, Text, expand, format, parse,
};
use proptest::prelude::*;

/// Pieces of which texts are made: what means something somewhere.
const PIECES: &[&str] = &[
    "FROM",
    "RUN",
    "COPY",
    "ADD",
    "ENV",
    "LABEL",
    "ARG",
    "CMD",
    "ONBUILD",
    "HEALTHCHECK",
    "SHELL",
    "VOLUME",
    "EXPOSE",
    "USER",
    "from",
    "AS",
    " ",
    " ",
    " ",
    "  ",
    "\t",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\\\n",
    "\\\n",
    " \\\n",
    "`\n",
    "\\",
    "#",
    "# c\n",
    "# escape=`\n",
    "# check=skip=all\n",
    "\"",
    "'",
    "$",
    "${",
    "}",
    "${a:-b}",
    "${a#*}",
    "$a",
    "<<E",
    "<<-E",
    "<< E",
    "<<\"E\"",
    "<<E|x",
    "\nE\n",
    "\n\tE\n",
    "E",
    "--from=a",
    "--mount=type=cache,target=/x",
    "--",
    "--x",
    "=",
    "a=b",
    "[",
    "]",
    "[\"a\", \"b\"]",
    "[\"a\\n\"]",
    "[1]",
    ",",
    "é",
    "\u{a0}",
    "\u{feff}",
    "\0",
    "x",
    "&&",
    "|| ",
    "0",
    "NONE",
    "CMD x",
    "/a b",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn parsing_is_total_and_lossless(text in text()) {
        let parsed = parse(&text);
        check_tiles(&parsed);
        check_maps(&parsed);
        let model = Model::new(&parsed);
        for stage in &model.stages {
            prop_assert!(model.reachable(stage.index).contains(&stage.index));
        }
        let index = LineIndex::new(&text);
        for error in parsed.errors.iter().chain(&model.errors) {
            prop_assert!(text.get(error.span.range()).is_some(), "{error:?}");
            prop_assert!(error.help.is_some(), "no help: {error:?}");
            prop_assert!(!error.message.ends_with('.'), "{error:?}");
            let place = index.line_column(error.span.start);
            prop_assert_eq!(index.offset(place.line, place.column), Some(error.span.start));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_kept(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let source = SourceText::new(bytes.clone());
        let parsed = source.parse();
        check_tiles(&parsed);
        let joined: Vec<u8> =
            parsed.tokens.iter().flat_map(|token| source.bytes(token.span).to_vec()).collect();
        prop_assert_eq!(joined, bytes);
    }

    #[test]
    fn formatting_is_stable_and_changes_no_meaning(text in text()) {
        let before = parse(&text);
        let formatted = format(&before, &FormatOptions::default());
        let after = parse(&formatted);
        let again = format(&after, &FormatOptions::default());
        prop_assert_eq!(&again, &formatted, "not stable, from {:?}", text);
        let codes = |parse: &Parse<'_>| -> Vec<&'static str> {
            parse.errors.iter().map(|error| error.code).collect()
        };
        prop_assert_eq!(codes(&before), codes(&after));
        prop_assert_eq!(before.instructions.len(), after.instructions.len());
    }

    #[test]
    fn expanding_ends(text in text()) {
        let lookup = |name: &str| (name == "a").then(|| "1 2".to_owned());
        for escape in ['\\', '`'] {
            if let Err(error) = expand::word(&text, escape, &lookup) {
                prop_assert!(text.get(error.range.clone()).is_some(), "{error:?}");
            }
            let _ = expand::words(&text, escape, &lookup);
            let _ = expand::heredoc_body(&text, &lookup);
        }
    }

    #[test]
    fn a_walk_never_misses_what_is_taken_back(text in "[a*?!/.\\[\\]\n\\\\-]{0,20}", path in "[a./]{1,8}") {
        let rules = IgnoreFile::parse(&text);
        let path = path.trim_matches('/');
        for (at, _) in path.match_indices('/') {
            let directory = &path[..at];
            // If a directory is left out and holds no exception, nothing below it is taken back.
            if rules.ignores(directory) && !rules.may_hold_exception(directory) {
                prop_assert!(rules.ignores(path), "{text:?} {path:?} below {directory:?}");
            }
        }
    }

    #[test]
    fn edits_touch_their_own_bytes_alone(text in text(), index in 0_usize..4, value in "[ -~]{0,8}") {
        let parsed = parse(&text);
        let mut editor = Editor::new(&parsed);
        if editor.set_image(index, &value).is_ok() {
            let new = editor.finish();
            if let Ok(new) = new {
                let again = parse(&new);
                prop_assert_eq!(again.instructions.len(), parsed.instructions.len());
                let Kind::From(from) = &again.instructions[index].kind else {
                    return Err(TestCaseError::fail("no FROM any more"));
                };
                prop_assert_eq!(from.image.as_str(), value.as_str());
            }
        }
        let mut editor = Editor::new(&parsed);
        if editor.delete(index).is_ok()
            && let Ok(new) = editor.finish()
        {
            prop_assert!(parse(&new).instructions.len() < parsed.instructions.len());
        }
    }
}

fn check_tiles(parsed: &Parse<'_>) {
    let mut at = 0;
    for token in &parsed.tokens {
        assert_eq!(token.span.start, at, "tokens do not tile: {:?}", parsed.tokens);
        assert!(!token.span.is_empty(), "an empty token: {:?}", parsed.tokens);
        at = token.span.end;
    }
    assert_eq!(at as usize, parsed.source.len(), "tokens stop early");
}

/// Every value maps to the source: the ranges it came from hold its bytes.
fn check_maps(parsed: &Parse<'_>) {
    for instruction in &parsed.instructions {
        check_text(parsed, &instruction.keyword, false);
        check_text(parsed, &instruction.arguments, false);
        for flag in &instruction.flags {
            check_text(parsed, &flag.name, false);
            if let Some(value) = &flag.value {
                check_text(parsed, value, false);
            }
        }
        for heredoc in &instruction.heredocs {
            check_text(parsed, &heredoc.body, false);
            check_text(parsed, &heredoc.word, false);
        }
        for text in texts(instruction) {
            check_text(parsed, text, true);
        }
    }
}

fn texts<'i, 'a>(instruction: &'i Instruction<'a>) -> Vec<&'i Text<'a>> {
    match &instruction.kind {
        Kind::Run(run) => match &run.command {
            Command::Shell(text) => vec![text],
            Command::Exec(words) => words.iter().collect(),
        },
        Kind::Copy(copy) => copy.sources.iter().chain([&copy.destination]).collect(),
        Kind::Env(pairs) => pairs.pairs.iter().flat_map(|pair| [&pair.name, &pair.value]).collect(),
        _ => Vec::new(),
    }
}

/// `is_loose` lets a value differ from its source where escapes were replaced.
fn check_text(parsed: &Parse<'_>, text: &Text<'_>, is_loose: bool) {
    let span = text.span();
    assert!(parsed.source.get(span.range()).is_some(), "{text:?} has no place");
    let joined: String =
        text.source_ranges().into_iter().map(|span| &parsed.source[span.range()]).collect();
    if !is_loose || !joined.contains('\\') {
        assert_eq!(joined, text.as_str(), "in {:?}", parsed.source);
    }
    for (at, character) in text.char_indices() {
        let span = text.source_span(at..at + character.len_utf8());
        let source = &parsed.source[span.range()];
        assert!(
            source == character.encode_utf8(&mut [0; 4]) || (is_loose && source.starts_with('\\')),
            "{character:?} of {text:?} maps to {source:?}"
        );
    }
}
