use crate::{Command, Kind, Parse, parse};

/// Checks that tokens tile the text, and returns the parse.
#[track_caller]
fn parsed(text: &str) -> Parse<'_> {
    let parsed = parse(text);
    let mut at = 0;
    for token in &parsed.tokens {
        assert_eq!(token.span.start, at, "tokens of {text:?}: {:?}", parsed.tokens);
        assert!(token.span.end > at, "an empty token in {text:?}");
        at = token.span.end;
    }
    assert_eq!(at as usize, text.len(), "tokens of {text:?} stop early: {:?}", parsed.tokens);
    parsed
}

/// Checks keyword and arguments of every instruction, and the codes of the errors.
#[track_caller]
fn check(text: &str, expected: &[&str], errors: &[&str]) {
    let parsed = parsed(text);
    let found: Vec<String> = parsed
        .instructions
        .iter()
        .map(|one| {
            let (from, to) = one.lines;
            format!("{from}-{to} {}|{}", one.keyword, one.arguments)
        })
        .collect();
    assert_eq!(found, expected, "{text:?}");
    let codes: Vec<&str> = parsed.errors.iter().map(|error| error.code).collect();
    assert_eq!(codes, errors, "{text:?}");
}

#[test]
fn continued_lines_are_joined() {
    check("RUN x\\\ny", &["1-2 RUN|xy"], &[]);
    check("RUN x \\\n   y", &["1-2 RUN|x    y"], &[]);
    check("RUN x \\\n# c\n\n y\n", &["1-4 RUN|x  y"], &[]);
    check("RUN x \\\\\n y", &["1-1 RUN|x \\\\", "2-2 y|"], &["unknown-instruction"]);
    check("RU\\\nN x", &["1-2 RUN|x"], &[]);
    check("RUN -\\\n-network=none x", &["1-2 RUN|x"], &[]);
    check("\\\nRUN x", &["1-2 RUN|x"], &[]);
    check("RUN x \\", &["1-1 RUN|x"], &[]);
    check("# escape=`\nRUN x `\r\ny\r\n", &["2-3 RUN|x y"], &[]);
}

#[test]
fn directives_stand_at_the_head_alone() {
    check("\n# escape=`\nRUN x`\n", &["3-3 RUN|x`"], &[]);
    check("# escape=x\nRUN y", &["2-2 RUN|y"], &["invalid-escape"]);
    check("# check=a\n# check=a\nRUN y", &["3-3 RUN|y"], &["duplicate-directive"]);
}

#[test]
fn heredocs_have_bodies() {
    check("RUN <<E cat\nx\nE\nRUN y", &["1-3 RUN|<<E cat", "4-4 RUN|y"], &[]);
    check("COPY <<-A <<B /x\n1\n\tA\n2\nB", &["1-5 COPY|<<-A <<B /x"], &[]);
    check("CMD <<E\nx", &["1-1 CMD|<<E", "2-2 x|"], &["unknown-instruction"]);
    check("ONBUILD RUN <<E\nx\nE\n", &["1-3 ONBUILD|RUN <<E"], &[]);
}

#[test]
fn a_heredoc_without_end_does_not_swallow_the_file() {
    let unterminated = &["unterminated-heredoc"];
    check("RUN cat <<E|sh\nx\nE\nUSER y", &["1-3 RUN|cat <<E|sh", "4-4 USER|y"], unterminated);
    check(
        "RUN echo $((1 << 2))\nUSER y",
        &["1-1 RUN|echo $((1 << 2))", "2-2 USER|y"],
        unterminated,
    );
    check("RUN <<E\nx\n", &["1-2 RUN|<<E"], unterminated);
}

#[test]
fn values_map_to_their_source() {
    let text = "RUN a \\\n  && b\n";
    let parsed = parsed(text);
    let Kind::Run(run) = &parsed.instructions[0].kind else { panic!("{parsed:?}") };
    let Command::Shell(command) = &run.command else { panic!("{run:?}") };
    let at = command.find("&&").unwrap();
    assert_eq!(&text[command.source_span(at..at + 4).range()], "&& b");
}
