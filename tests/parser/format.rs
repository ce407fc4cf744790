//! The formatter on real files and on random ones.

use dockerfile_parser::{FormatOptions, Kind, Parse, SourceText, format, parse};

use super::corpus::files;
use super::vectors::records;

#[test]
fn the_corpus_keeps_its_meaning() {
    let Some(shared) = super::shared() else { return };
    let files = files(&shared.join("corpus/dockerfiles.tar.zst"));
    let mut names: Vec<&String> = files.keys().collect();
    names.sort();
    let n_files = names.len();
    let differences: Vec<String> = names
        .into_iter()
        .filter_map(|name| {
            let source = SourceText::new(files[name].clone());
            check(source.as_str()).err().map(|difference| format!("{name}: {difference}"))
        })
        .collect();
    super::assert_none("format", n_files, &differences);
}

#[test]
fn random_files_keep_their_meaning() {
    let Some(shared) = super::shared() else { return };
    let records = records(&shared.join("corpus/vectors"), "fuzz.jsonl");
    let differences: Vec<String> = records
        .iter()
        .filter_map(|record| {
            let text = record["in"].as_str().unwrap();
            check(text).err().map(|difference| format!("{text:?}: {difference}"))
        })
        .collect();
    super::assert_none("format of random files", records.len(), &differences);
}

fn check(text: &str) -> Result<(), String> {
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
    for (before, after) in before.instructions.iter().zip(&after.instructions) {
        let comments = |one: &dockerfile_parser::Instruction<'_>| -> Vec<String> {
            one.comments.iter().map(ToString::to_string).collect()
        };
        let bodies = |one: &dockerfile_parser::Instruction<'_>| -> Vec<String> {
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
fn without_blanks(instruction: &dockerfile_parser::Instruction<'_>) -> String {
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
