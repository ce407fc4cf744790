//! Ten thousand Dockerfiles beside the reference's parser.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use dockerfile_parser::{ErrorStage, Instruction, Kind, LineIndex, Model, Parse, SourceText, Text};
use serde_json::Value;

use super::expected::{Dump, code_of, first_error};

#[test]
fn the_corpus_parses_as_in_the_reference() {
    let Some(shared) = super::shared() else { return };
    let files = files(&shared.join("corpus/dockerfiles.tar.zst"));
    let answers = File::open(shared.join("corpus/expected-parse.jsonl.zst")).unwrap();
    let answers = BufReader::new(zstd::Decoder::new(answers).unwrap());
    let mut differences = Vec::new();
    let mut n_compared = 0;
    for line in answers.lines() {
        let expected: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let name = expected["file"].as_str().unwrap();
        let name = name.rsplit('/').next().unwrap();
        let bytes = files.get(name).unwrap_or_else(|| panic!("no file {name}"));
        n_compared += 1;
        if let Err(difference) = compare(bytes.clone(), &expected) {
            differences.push(format!("{name}: {difference}"));
        }
    }
    super::assert_none("corpus", n_compared, &differences);
}

pub(crate) fn files(archive: &Path) -> HashMap<String, Vec<u8>> {
    let archive = zstd::Decoder::new(File::open(archive).unwrap()).unwrap();
    let mut files = HashMap::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(name, bytes);
    }
    files
}

/// Compares one file with its answer.
pub(super) fn compare(bytes: Vec<u8>, expected: &Value) -> Result<(), String> {
    let source = SourceText::new(bytes);
    let parse = source.parse();
    let model = Model::new(&parse);
    tiles(&parse)?;
    let is_stopped = compare_error(&parse, &model, expected)?;
    if expected.get("nodes").is_none() {
        return Ok(());
    }
    let escape = expected["escape"].as_str().unwrap_or("\\");
    same("escape", &parse.escape.to_string().into(), &escape.into())?;
    let nodes = expected["nodes"].as_array().unwrap();
    if nodes.len() != parse.instructions.len() {
        return Err(format!("{} nodes, expected {}", parse.instructions.len(), nodes.len()));
    }
    let dump = Dump { source: &source };
    for (instruction, node) in parse.instructions.iter().zip(nodes) {
        compare_node(dump, instruction, node)
            .map_err(|difference| format!("line {}: {difference}", instruction.lines.0))?;
    }
    compare_blank_lines(&parse, expected)?;
    if !is_stopped && let Some(stages) = expected["stages"].as_array() {
        compare_stages(dump, &model, stages)?;
        if let Some(args) = expected["meta_args"].as_array() {
            compare_meta_args(dump, &model, args)?;
        }
    }
    Ok(())
}

/// Tokens follow each other without gap and overlap, and make up the text.
fn tiles(parse: &Parse<'_>) -> Result<(), String> {
    let mut at = 0;
    for token in &parse.tokens {
        if token.span.start != at || token.span.is_empty() {
            return Err(format!("tokens do not tile at {at}: {token:?}"));
        }
        at = token.span.end;
    }
    if at as usize == parse.source.len() { Ok(()) } else { Err(format!("tokens end at {at}")) }
}

/// Compares the fault that stops the reference; tells whether there is one.
fn compare_error(
    parse: &Parse<'_>,
    model: &Model<'_, '_>,
    expected: &Value,
) -> Result<bool, String> {
    let found = first_error(parse, model);
    let (stage, message, lines) = match (&expected["error"], &expected["instr_error"]) {
        (Value::Null, Value::Null) => (None, "", &Value::Null),
        (Value::Null, Value::String(message)) => {
            (Some(ErrorStage::Instruction), message.as_str(), &expected["instr_error_lines"])
        }
        (Value::String(message), _) => {
            (Some(ErrorStage::Parse), message.as_str(), &expected["error_lines"])
        }
        (Value::Null, error) => {
            let message = error["message"].as_str().unwrap_or_default();
            (Some(ErrorStage::Instruction), message, &error["lines"])
        }
        (error, _) => {
            let message = error["message"].as_str().unwrap_or_default();
            (Some(ErrorStage::Parse), message, &error["lines"])
        }
    };
    let Some(stage) = stage else {
        return match found {
            None => Ok(false),
            Some(error) => Err(format!("refused: {}", error.message)),
        };
    };
    let Some(error) = found else { return Err(format!("accepted, expected: {message}")) };
    let code = code_of(message);
    // The reference tells a line that is too long in three ways.
    let is_same = error.code == code
        || (error.code == "line-too-long"
            && matches!(code, "no-instructions" | "unterminated-heredoc"));
    // Deliberate: flags are read as characters, not as bytes; both refuse what comes of it.
    let is_deliberate = parse.instructions.iter().any(has_odd_flag);
    if error.stage != stage || !(is_same || is_deliberate) {
        return Err(format!("{} ({:?}), expected: {message}", error.code, error.stage));
    }
    // Bare errors have no line, that of a directive is one too low, and that of an empty file has
    // nothing to point at.
    let line = LineIndex::new(parse.source).line_column(error.span.start).line;
    let is_exact = !matches!(
        code,
        "duplicate-directive" | "no-instructions" | "before-from" | "invalid-escape"
    ) && error.code != "line-too-long";
    if is_exact
        && let (Some(from), Some(to)) = (lines[0][0].as_u64(), lines[0][1].as_u64())
        && !(from..=to).contains(&u64::from(line))
    {
        return Err(format!("error on line {line}, expected {from} to {to}: {message}"));
    }
    Ok(true)
}

fn compare_node(dump: Dump<'_>, instruction: &Instruction<'_>, node: &Value) -> Result<(), String> {
    let found = dump.node(instruction);
    same("cmd", &found["cmd"], &node["cmd"])?;
    // Deliberate: the reference takes the bytes of a flag for characters.
    if !has_odd_flag(instruction) {
        same("flags", &found["flags"], &node["flags"])?;
    }
    if !found["value"].is_null() {
        same("value", &found["value"], &node["value"])?;
        same("json", &found["json"], &node["json"])?;
    }
    let heredocs =
        if node["heredocs"].is_null() { &Value::Array(vec![]) } else { &node["heredocs"] };
    same("heredocs", &found["heredocs"], heredocs)?;
    let (start, end) = match &node["lines"] {
        Value::Null => (&node["start"], &node["end"]),
        lines => (&lines[0], &lines[1]),
    };
    same("start", &instruction.lines.0.into(), start)?;
    same("end", &instruction.lines.1.into(), end)?;
    compare_comments(dump, instruction, &node["comments"])?;
    if let Kind::Onbuild(onbuild) = &instruction.kind {
        let trigger = dump.node(&onbuild.trigger);
        for key in ["cmd", "flags", "value", "json"] {
            if !trigger[key].is_null() {
                same(key, &trigger[key], &node["sub"][key])?;
            }
        }
    }
    Ok(())
}

/// Tells whether a flag holds anything but ASCII.
fn has_odd_flag(instruction: &Instruction<'_>) -> bool {
    let is_ascii = |text: Option<&Text<'_>>| text.is_none_or(|text| text.is_ascii());
    !instruction.flags.iter().all(|flag| flag.name.is_ascii() && is_ascii(flag.value.as_ref()))
}

fn compare_comments(
    dump: Dump<'_>,
    instruction: &Instruction<'_>,
    expected: &Value,
) -> Result<(), String> {
    let expected = expected.as_array().cloned().unwrap_or_default();
    let found: Vec<Value> =
        instruction.comments.iter().map(|text| dump.source.lossy(&text).into()).collect();
    // Deliberate: of an indented comment the reference cuts the first blank in place of the `#`.
    let is_indented =
        |line: &str| line.starts_with(char::is_whitespace) && line.trim_start().starts_with('#');
    if dump.source.as_str().lines().any(is_indented) {
        return Ok(());
    }
    same("comments", &found.into(), &expected.into())
}

fn compare_blank_lines(parse: &Parse<'_>, expected: &Value) -> Result<(), String> {
    let found: Vec<Value> = parse
        .instructions
        .iter()
        .filter(|instruction| instruction.has_blank_continuation)
        .map(|instruction| instruction.lines.1.into())
        .collect();
    let lines = match (&expected["warnings"], &expected["empty_continuation_lines"]) {
        (Value::Array(warnings), _) => {
            warnings.iter().map(|warning| warning["line"].clone()).collect()
        }
        (_, Value::Array(lines)) => lines.clone(),
        _ => Vec::new(),
    };
    same("blank continuation lines", &found.into(), &lines.into())
}

fn compare_stages(dump: Dump<'_>, model: &Model<'_, '_>, stages: &[Value]) -> Result<(), String> {
    if model.stages.len() != stages.len() {
        return Err(format!("{} stages, expected {}", model.stages.len(), stages.len()));
    }
    for (stage, expected) in model.stages.iter().zip(stages) {
        let Kind::From(from) = &stage.from.kind else { return Err("a stage without FROM".into()) };
        let name = stage.name.clone().unwrap_or_default();
        let platform = from.platform.as_ref().map(|text| text.to_string()).unwrap_or_default();
        if let Some(short) = expected.as_array() {
            same("base", &from.image.to_string().into(), &short[0])?;
            same("name", &name.into(), &short[1])?;
            same("platform", &platform.into(), &short[2])?;
            same("instructions", &stage.instructions.len().into(), &short[3])?;
            continue;
        }
        same("base", &from.image.to_string().into(), &expected["base"])?;
        let description = stage.from.description(&name).filter(|_| !name.is_empty());
        same("description", &description.unwrap_or_default().into(), &expected["doc"])?;
        same("name", &name.into(), &expected["name"])?;
        same("platform", &platform.into(), &expected["platform"])?;
        let commands = expected["commands"].as_array().unwrap();
        same("instructions", &stage.instructions.len().into(), &commands.len().into())?;
        for ((_, instruction), command) in model.instructions_of(stage.index).zip(commands) {
            compare_command(&dump.command_of(instruction), command)
                .map_err(|difference| format!("line {}: {difference}", instruction.lines.0))?;
        }
    }
    Ok(())
}

fn compare_command(found: &Value, expected: &Value) -> Result<(), String> {
    for key in ["type", "network", "security"] {
        same(key, &found[key], &expected[key])?;
    }
    if let Some(mounts) = expected["mounts"].as_array() {
        let from: Vec<Value> = mounts.iter().map(|mount| mount["From"].clone()).collect();
        same("mounts", &found["mounts"], &from.into())?;
    }
    let fields = expected["fields"].as_object().unwrap();
    for (key, value) in fields.iter().filter(|(key, _)| *key != "FlagsUsed") {
        // An empty command is null or an empty list there, without a difference in meaning.
        let no_words = Value::Array(Vec::new());
        let value = if key == "CmdLine" && value.is_null() { &no_words } else { value };
        same(key, &found["fields"][key], value)?;
    }
    Ok(())
}

fn compare_meta_args(
    dump: Dump<'_>,
    model: &Model<'_, '_>,
    expected: &[Value],
) -> Result<(), String> {
    let mut found = Vec::new();
    for index in &model.global_args {
        let fields = dump.command_of(&model.parse.instructions[*index]);
        found.extend(fields["fields"]["Args"].as_array().cloned().unwrap_or_default());
    }
    same("global args", &found.len().into(), &expected.len().into())?;
    for (found, expected) in found.iter().zip(expected) {
        same("global arg", &found["Key"], &expected["key"])?;
        same("global arg", &found["Value"], &expected["value"])?;
    }
    Ok(())
}

fn same(what: &str, found: &Value, expected: &Value) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} {found}, expected {expected}")) }
}
