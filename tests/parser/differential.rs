//! Changed Dockerfiles beside BuildKit's own parser, which the Python package `dockerfile` holds.
//!
//! The package has the parser of BuildKit 0.12. What came later is left out: a heredoc with a blank
//! after `<<`, text behind a JSON array, the `check` directive, patterns in substitutions.

use std::io::Write;
use std::process::{Command, Stdio};

use dockerfile_parser::{ErrorStage, Instruction, Kind, SourceText, parse};
use serde_json::{Value, json};

use super::expected::Dump;

/// Answers every line of the input, a JSON string, with a line.
const PEER: &str = r#"
import dockerfile, json, sys
for line in sys.stdin:
    try:
        nodes = [[c.cmd or "", c.sub_cmd, c.json, list(c.flags), list(c.value), c.start_line, c.end_line,
                  [[h.name, h.file_descriptor, h.content] for h in c.heredocs]]
                 for c in dockerfile.parse_string(json.loads(line))]
    except Exception as error:
        nodes = str(error)
    print(json.dumps(nodes))
"#;

const N_TEXTS: usize = 4000;

/// The quirks that must be kept, one a text: white space that differs by place, continuations, JSON,
/// heredoc words, pairs, flags, directives.
const QUIRKS: &[&str] = &[
    "FROM a\nRUN x \\\n   y\n",
    "FROM a\nRUN x \\\\\nUSER y\n",
    "FROM a\nRUN x \\ \t\n# c\n\n y\n",
    "RU\\\nN x\n",
    "# escape=`\nFROM a\nRUN x `\n y\\\n",
    "# syntax=x\n# escape=`\n# b\nRUN x`\n",
    "FROM a\nCMD [\"a\\nb\", \"c\"] \n",
    "CMD [ \"a\",\\\n \"b\"]\n",
    "VOLUME [\"a\", \"\"]\n",
    "RUN cat <<E 3<<-\"F G\" x\n1\nE\n\t2\n\tF G\n",
    "RUN cat <<E|sh\nx\nE|sh\n",
    "RUN echo don't <<E\nUSER x\n",
    "COPY <<E\\F <<G /x\n\\$a\nEF\nb\nG\n",
    "ONBUILD RUN <<E\nx\nE\n",
    "ENV a b c=d\n",
    "ENV a=\"b c\" d='e f' g=h\\ i\n",
    "LABEL a = b\n",
    "ARG a=b c \"d e\"=f\n",
    "COPY --chown=\"a b\" --from=c\\ d '--x' e\n",
    "CMD -- --x\n",
    "HEALTHCHECK --interval=1s CMD [\"a\"]\n",
    "EXPOSE 80\u{b}81\u{c}82 \u{2003}83\n",
    "ENV a=b\u{a0}c=d\n",
    "FROM B AS b\nFROM b\n",
    "# c\n#\n# d\n\nFROM a\n",
    "WORKDIR  a b \t\n",
];

/// What is put at every place of a quirk.
const INSERTED: &[&str] = &[
    " ", "\t", "\n", "\r\n", "\\", "\\\n", "`", "\"", "'", "=", "#", "<", "<<E", "[", "]", ",",
    "$", "{", "-", "\u{b}", "\u{a0}", "x",
];

/// Each quirk, and each with one character less or some more.
fn quirks_and_neighbours() -> Vec<String> {
    let mut texts = Vec::new();
    for quirk in QUIRKS {
        texts.push((*quirk).to_owned());
        for (at, character) in quirk.char_indices() {
            let (before, after) = quirk.split_at(at);
            texts.push(format!("{before}{}", &after[character.len_utf8()..]));
            texts.extend(INSERTED.iter().map(|inserted| format!("{before}{inserted}{after}")));
        }
    }
    texts
}

#[test]
fn quirks_and_their_neighbours_parse_as_in_buildkit() {
    compare_all("quirks", &quirks_and_neighbours());
}

#[test]
fn changed_files_parse_as_in_buildkit() {
    compare_all("changed files", &changed_texts());
}

#[track_caller]
fn compare_all(what: &str, texts: &[String]) {
    let Some(answers) = answers(texts) else { return };
    assert_eq!(answers.len(), texts.len());
    let compared = texts.iter().zip(&answers).filter(|(text, _)| !is_newer(text));
    let mut n_compared = 0;
    let mut differences = Vec::new();
    for (text, answer) in compared {
        n_compared += 1;
        if let Err(difference) = compare(text, answer) {
            differences.push(format!("{text:?}\n    {difference}"));
        }
    }
    super::assert_none(what, n_compared, &differences);
}

/// Asks the peer; nothing when it is not there.
#[expect(clippy::print_stderr, reason = "what a test cannot do is said aloud")]
fn answers(texts: &[String]) -> Option<Vec<Value>> {
    let python = |code: &str| {
        let mut command = Command::new("python3");
        command.args(["-c", code]).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::null()).spawn()
    };
    let is_there = python("import dockerfile").and_then(|mut child| child.wait());
    if !is_there.is_ok_and(|status| status.success()) {
        eprintln!("NOT COMPARED with BuildKit's parser: `pip install dockerfile` brings it");
        return None;
    }
    let mut child = python(PEER).unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: String = texts.iter().map(|text| format!("{}\n", json!(text))).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    Some(output.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Files of the corpus, or of our own fixtures, each changed in some places.
fn changed_texts() -> Vec<String> {
    let mut seeds: Vec<String> = match super::shared() {
        Some(shared) => {
            let files = super::corpus::files(&shared.join("corpus/dockerfiles.tar.zst"));
            let texts = files.into_values().filter(|bytes| bytes.len() < 1500);
            texts.filter_map(|bytes| String::from_utf8(bytes).ok()).collect()
        }
        None => {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/parser/ok");
            let entries = std::fs::read_dir(folder).unwrap();
            entries.map(|one| std::fs::read_to_string(one.unwrap().path()).unwrap()).collect()
        }
    };
    seeds.sort();
    let mut random = Random(1);
    (0..N_TEXTS)
        .map(|_| {
            let other = seeds[random.below(seeds.len())].clone();
            let mut text = seeds[random.below(seeds.len())].clone();
            for _ in 0..1 + random.below(4) {
                change(&mut text, &other, &mut random);
            }
            text
        })
        .collect()
}

/// Changes one place of a text.
fn change(text: &mut String, other: &str, random: &mut Random) {
    let mut at = random.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    match random.below(8) {
        0 => {
            if let Some(character) = text[at..].chars().next() {
                text.replace_range(at..at + character.len_utf8(), "");
            }
        }
        1 => {
            let line = other.lines().nth(random.below(other.lines().count().max(1)));
            let start = text[..at].rfind('\n').map_or(0, |before| before + 1);
            text.insert_str(start, &format!("{}\n", line.unwrap_or_default()));
        }
        2 => {
            let end = text[at..].find('\n').map_or(text.len(), |len| at + len + 1);
            text.replace_range(at..end, "");
        }
        3 => *text = text.replacen(" \\\n", "\\\n", 1),
        4 => {
            let end = text[at..].find(' ').map_or(text.len(), |len| at + len);
            text.insert_str(end, " \\\n");
        }
        _ => {
            let pieces = super::invariants::PIECES;
            text.insert_str(at, pieces[random.below(pieces.len())]);
        }
    }
}

/// Whether the text holds what the peer does not know yet.
fn is_newer(text: &str) -> bool {
    // The package hands texts over as C does, which ends them at a NUL.
    if text.contains('\0') {
        return true;
    }
    let joined = text.replace("\\\n", "").replace("`\n", "");
    let has_blank_heredoc = joined.split("<<").skip(1).any(|rest| {
        rest.starts_with(|first: char| first.is_whitespace()) || rest.starts_with("\\")
    });
    let has_pattern = joined.split("${").skip(1).any(|rest| {
        let name = rest.trim_start_matches(|one: char| one.is_alphanumeric() || one == '_');
        name.starts_with(['#', '%', '/'])
    });
    let has_check =
        text.lines().any(|line| line.trim_start().starts_with('#') && line.contains("check"));
    // White space behind the `#` of a directive was that of ASCII without the vertical tab.
    let has_odd_blank = text.lines().any(|line| {
        let body = line.trim_start().strip_prefix('#').unwrap_or_default();
        let blanks = &body[..body.len() - body.trim_start().len()];
        blanks.contains(|one: char| !one.is_ascii_whitespace())
    });
    has_check || has_odd_blank || (joined.contains("<<") && (has_blank_heredoc || has_pattern))
}

fn compare(text: &str, answer: &Value) -> Result<(), String> {
    let source = SourceText::new(text.as_bytes().to_vec());
    let parsed = parse(text);
    let error = parsed.errors.iter().find(|error| error.stage == ErrorStage::Parse);
    let has_trailing = parsed.instructions.iter().any(is_after_json);
    let Value::Array(nodes) = answer else {
        let is_same = error.is_some() || has_trailing;
        return if is_same { Ok(()) } else { Err(format!("accepted, expected {answer}")) };
    };
    if let Some(error) = error {
        return Err(format!("refused with `{}`", error.message));
    }
    if nodes.len() != parsed.instructions.len() {
        return Err(format!("{} nodes, expected {}", parsed.instructions.len(), nodes.len()));
    }
    for (one, node) in parsed.instructions.iter().zip(nodes) {
        compare_node(Dump { source: &source }.node(one), one, node)
            .map_err(|difference| format!("line {}: {difference}", one.lines.0))?;
    }
    Ok(())
}

fn compare_node(found: Value, one: &Instruction<'_>, node: &Value) -> Result<(), String> {
    let heredocs: Vec<Value> = one
        .heredocs
        .iter()
        .map(|heredoc| json!([heredoc.name, heredoc.file_descriptor, heredoc.body.as_str()]))
        .collect();
    let is_onbuild = matches!(one.kind, Kind::Onbuild(_));
    // Deliberate: flags are read as characters, not as bytes.
    let is_ascii = one.flags.iter().all(|flag| {
        flag.name.is_ascii() && flag.value.as_ref().is_none_or(|value| value.is_ascii())
    });
    let is_known =
        is_ascii && !matches!(one.kind, Kind::Invalid(_)) && !is_onbuild && !is_after_json(one);
    let mut pairs = vec![
        ("keyword", found["cmd"].clone(), &node[0]),
        ("start", json!(one.lines.0), &node[5]),
        ("end", json!(one.lines.1), &node[6]),
    ];
    if is_ascii {
        pairs.push(("flags", found["flags"].clone(), &node[3]));
    }
    if is_known {
        let is_pairs = matches!(one.kind, Kind::Env(_) | Kind::Label(_));
        let value = match (&found["value"], is_pairs) {
            (Value::Array(words), true) => {
                words.chunks(3).flat_map(|pair| pair[..2].to_vec()).collect()
            }
            (value, _) => value.clone(),
        };
        pairs.push(("value", value, &node[4]));
        pairs.push(("json", found["json"].clone(), &node[2]));
    }
    if !is_onbuild {
        pairs.push(("heredocs", heredocs.into(), &node[7]));
    }
    match pairs.into_iter().find(|(_, found, expected)| found != *expected) {
        None => Ok(()),
        Some((what, found, expected)) => Err(format!("{what} {found}, expected {expected}")),
    }
}

/// Whether text may stand behind a JSON array, which made an exec form of it before BuildKit 0.13.
fn is_after_json(one: &Instruction<'_>) -> bool {
    let is_exec = match &one.kind {
        Kind::Run(run) => matches!(run.command, dockerfile_parser::Command::Exec(_)),
        _ => false,
    };
    !is_exec && one.arguments.contains('[') && one.arguments.contains(']')
}

/// A small generator of numbers: the same numbers every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}
