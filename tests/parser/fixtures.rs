//! Our own Dockerfiles: tokens, instructions, stages and errors as snapshots.

use std::fmt::Write;

use dockerfile_parser::{LineIndex, Model, SourceText};

#[test]
fn fixtures_read_as_recorded() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/parser");
    insta::glob!(folder, "*/*.Dockerfile", |path| {
        let source = SourceText::new(std::fs::read(path).unwrap());
        insta::assert_snapshot!(dump(&source));
    });
}

fn dump(source: &SourceText) -> String {
    let parsed = source.parse();
    let model = Model::new(&parsed);
    let index = LineIndex::new(parsed.source);
    let mut out = String::new();
    for token in &parsed.tokens {
        let text = &parsed.source[token.span.range()];
        writeln!(out, "{:?} {text:?}", token.kind).unwrap();
    }
    for directive in &parsed.directives {
        writeln!(out, "\n{directive:?}").unwrap();
    }
    for instruction in &parsed.instructions {
        writeln!(out, "\n{:?} {:?}", instruction.lines, instruction.kind).unwrap();
        for flag in &instruction.flags {
            writeln!(out, "  flag {:?} {:?}", flag.name, flag.value).unwrap();
        }
        for heredoc in &instruction.heredocs {
            writeln!(out, "  {heredoc:?}").unwrap();
        }
        for comment in instruction.comments.iter() {
            writeln!(out, "  comment {comment:?}").unwrap();
        }
    }
    for stage in &model.stages {
        writeln!(out, "\nstage {} {:?} {:?}", stage.index, stage.name, stage.base).unwrap();
        writeln!(out, "  {:?} {:?}", stage.instructions, stage.references).unwrap();
    }
    for error in parsed.errors.iter().chain(&model.errors) {
        let place = index.line_column(error.span.start);
        let text = &parsed.source[error.span.range()];
        writeln!(out, "\n{}:{} {} {:?}", place.line, place.column, error.code, error.stage)
            .unwrap();
        writeln!(out, "  {} at {text:?}", error.message).unwrap();
        writeln!(out, "  {}", error.help.as_deref().unwrap_or("no help")).unwrap();
    }
    out
}
