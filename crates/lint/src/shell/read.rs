//! A reader of bash that finds the commands.
//!
//! It goes once through the text and keeps no tree: commands are put down as they end. Nesting is
//! bounded, so hostile input costs neither stack nor more than linear time.

#[cfg(test)]
mod tests;
mod word;

use std::ops::Range;

use super::{Command, Joint, Marks, Redirection, Script, Stop, Word};

/// Groups and substitutions inside each other, at most. Real scripts stay under 10.
const DEPTH_MAX: usize = 60;

/// Reads `text` as bash.
///
/// A text with a fault inside a construct, a quote that does not end for example, is broken. Text
/// after a whole command that cannot follow it, as in `foo (bar)`, ends the reading; the commands
/// before it count, as they do for ShellCheck.
pub fn read(text: &str) -> Script {
    let mut reader = Reader::new(text, 0);
    let end = reader.list();
    let is_broken = end.is_err();
    reader.finish(is_broken)
}

/// The text is no valid shell.
struct Broken;

type Outcome<T = ()> = Result<T, Broken>;

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// What to add to offsets in `text`: it may be a part of a longer one.
    base: usize,
    depth: usize,
    commands: Vec<Command>,
    pipes: Vec<Range<usize>>,
    /// Heredocs whose bodies start at the next line: delimiter, and whether tabs are cut.
    heredocs: Vec<(String, bool)>,
    /// Where the constructs that are being read start, the innermost last.
    open: Vec<usize>,
    /// The keyword that was looked for and not found.
    missing: Option<&'static str>,
    marks: Marks,
    /// The `!` of the last command of the list just read: whether something asks for its status is for
    /// the construct around to say.
    trailing: Vec<usize>,
}

/// Words that end a list where a command may start.
const CLOSERS: [&str; 9] = ["then", "do", "done", "fi", "elif", "else", "esac", "}", "]]"];

impl<'t> Reader<'t> {
    fn new(text: &'t str, base: usize) -> Self {
        Self {
            text,
            at: 0,
            base,
            depth: 0,
            commands: Vec::new(),
            pipes: Vec::new(),
            heredocs: Vec::new(),
            open: Vec::new(),
            missing: None,
            marks: Marks::default(),
            trailing: Vec::new(),
        }
    }

    fn finish(mut self, is_broken: bool) -> Script {
        self.commands.sort_by_key(|command| command.range.start);
        self.pipes.sort_by_key(|pipe| pipe.start);
        let stop = Stop { at: self.at, open: self.open, missing: self.missing };
        let stop = (is_broken || stop.at < self.text.len()).then_some(stop);
        Script { commands: self.commands, pipes: self.pipes, is_broken, stop, marks: self.marks }
    }

    /// Reads a construct; where it starts stays in [`Reader::open`] when that fails.
    fn within<T>(
        &mut self,
        start: usize,
        read: impl FnOnce(&mut Self) -> Outcome<T>,
    ) -> Outcome<T> {
        self.open.push(self.base + start);
        let outcome = read(self)?;
        self.open.pop();
        Ok(outcome)
    }

    /// Reads commands up to a closing word, a `)`, a `;;`, the end, or what is no command; the
    /// number of commands.
    fn list(&mut self) -> Outcome<usize> {
        let mut n_commands = 0;
        let mut is_joined = false;
        let mut pending = Vec::new();
        loop {
            self.blank_lines()?;
            // What cannot start a command ends the list; whether it may is for the caller to say.
            if self.is_list_end() || self.peek_reserved(&CLOSERS).is_some() {
                break;
            }
            self.marks.negations.append(&mut pending);
            let start = self.base + self.at;
            let is_negated = self.peek_reserved(&["!"]).is_some();
            self.trailing.clear();
            self.pipeline()?;
            n_commands += 1;
            self.blanks();
            let goes_on = self.rest().starts_with("&&") || self.rest().starts_with("||");
            if !is_joined && !goes_on && self.peek() != Some(b'&') {
                self.marks.negations.append(&mut self.trailing);
                pending.extend(is_negated.then_some(start));
            }
            is_joined = goes_on;
            if !self.joint()? {
                break;
            }
        }
        self.trailing = pending;
        Ok(n_commands)
    }

    /// Tells whether the text, or what can hold a list, ends here.
    fn is_list_end(&self) -> bool {
        self.peek().is_none_or(|byte| matches!(byte, b')' | b';' | b'&' | b'|'))
    }

    /// Reads the operator after a pipeline; false when the list ends.
    fn joint(&mut self) -> Outcome<bool> {
        self.blanks();
        let rest = self.rest();
        let (len, joint, goes_on) = match rest.as_bytes() {
            [b'&', b'&', ..] => (2, Joint::And, true),
            [b'|', b'|', ..] => (2, Joint::Or, true),
            [b';', b';' | b'&', ..] => return Ok(false),
            [b';', ..] => (1, Joint::Sequence, false),
            // The `;` is too much, but it is plain what is meant.
            [b'&', b';', next, ..] if *next != b';' => (2, Joint::Background, false),
            [b'&', ..] => (1, Joint::Background, false),
            [b'\n', ..] => (0, Joint::Sequence, false),
            [b')', ..] | [] => return Ok(false),
            _ => return Ok(false),
        };
        self.at += len;
        self.join(joint);
        if goes_on {
            self.blank_lines()?;
            if self.is_list_end() || self.peek_reserved(&CLOSERS).is_some() {
                return Err(Broken);
            }
        }
        Ok(true)
    }

    /// Notes the operator after the last command of this depth.
    fn join(&mut self, joint: Joint) {
        let depth = self.depth;
        if let Some(last) = self.commands.iter_mut().rev().find(|last| last.depth <= depth)
            && last.depth == depth
        {
            last.joint = joint;
        }
    }

    /// Reads commands joined by `|`.
    fn pipeline(&mut self) -> Outcome {
        loop {
            self.blanks();
            if self.take_reserved("!") {
                continue;
            }
            let start = self.at;
            if self.take_reserved("time") {
                self.commands.push(self.keyword_command(start));
                self.blanks();
                self.take_reserved("-p");
                if self.is_command_end() {
                    return Ok(());
                }
                continue;
            }
            self.command()?;
            self.blanks();
            let rest = self.rest();
            if !rest.starts_with('|') || rest.starts_with("||") {
                return Ok(());
            }
            let len = if rest.starts_with("|&") { 2 } else { 1 };
            self.pipes.push(self.range(self.at, self.at + len));
            self.at += len;
            self.join(Joint::Pipe);
            self.blank_lines()?;
        }
    }

    /// Returns the word from `start` up to here as a command: `time` is one, and so is what it times.
    fn keyword_command(&self, start: usize) -> Command {
        let range = self.range(start, self.at);
        let text = self.text[start..self.at].to_owned();
        Command {
            assignments: Vec::new(),
            words: vec![Word { text, range: range.clone(), is_plain: true }],
            redirections: Vec::new(),
            range,
            depth: self.depth,
            joint: Joint::And,
            name_index: 0,
            has_literal_name: true,
        }
    }

    fn command(&mut self) -> Outcome {
        if self.depth >= DEPTH_MAX {
            return Err(Broken);
        }
        // `[a-z]` at the start of a command is read as a condition that lacks its blank.
        let start = self.at;
        if self.rest().starts_with('[') && self.peek_reserved(&["[", "[["]).is_none() {
            self.open.push(self.base + start);
            self.at += self.rest().find([';', '&', '|', '(', '\n']).unwrap_or(self.rest().len());
            return Err(Broken);
        }
        if self.rest().starts_with("((") && self.ends_as_arithmetic(self.at + 2) {
            self.at += 2;
            self.arithmetic()?;
            return self.redirections();
        }
        if self.peek() == Some(b'(') {
            if self.rest().starts_with("((") {
                self.marks.double_parentheses.push(self.base + start);
            }
            self.at += 1;
            self.within(start, |reader| reader.group(|reader| reader.expect_byte(b')')))?;
            self.trailing.clear();
            if is_test(&self.text[start + 1..self.at - 1]) {
                self.marks.test_groups.push(self.base + start);
            }
            return self.redirections();
        }
        const OPENERS: [&str; 10] =
            ["if", "for", "while", "until", "case", "select", "function", "coproc", "[[", "["];
        // A `{` opens a group also without the blank that it needs.
        let opener =
            if self.peek() == Some(b'{') { Some("{") } else { self.peek_reserved(&OPENERS) };
        let Some(word) = opener else { return self.simple() };
        if word == "{" && !self.rest()[1..].starts_with([' ', '\t', '\r', '\n', '(', '#']) {
            self.marks.tight_braces.push(self.base + start);
        }
        self.at += word.len();
        self.within(start, |reader| reader.compound(word))
    }

    /// Reads a compound command after its keyword.
    fn compound(&mut self, word: &str) -> Outcome {
        match word {
            "{" => self.group(|reader| reader.expect_word("}"))?,
            "if" => self.condition()?,
            "while" | "until" => {
                self.group(|reader| reader.expect_word("do"))?;
                self.trailing.clear();
                self.group(|reader| reader.expect_word("done"))?;
            }
            "for" | "select" => self.for_loop()?,
            "case" => self.case()?,
            "function" => {
                self.blanks();
                self.word()?;
                self.blanks();
                if self.rest().starts_with("()") {
                    self.at += 2;
                }
                self.blank_lines()?;
                self.nested(Self::command)?;
                self.trailing.clear();
                return Ok(());
            }
            "coproc" => {
                self.blanks();
                return self.nested(Self::command);
            }
            "[[" => self.double_bracket()?,
            _ => return self.bracket(),
        }
        self.redirections()
    }

    /// Reads a list that must not be empty, one level deeper, and what must follow it.
    fn group(&mut self, end: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        self.nested(|reader| {
            let n_commands = reader.list()?;
            if n_commands == 0 { Err(Broken) } else { Ok(()) }
        })?;
        end(self)
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        if self.depth >= DEPTH_MAX {
            return Err(Broken);
        }
        self.depth += 1;
        let outcome = read(self);
        self.depth -= 1;
        outcome
    }

    fn condition(&mut self) -> Outcome {
        let mut trailing = Vec::new();
        loop {
            self.group(|reader| reader.expect_word("then"))?;
            self.trailing.clear();
            self.group(|_| Ok(()))?;
            trailing.append(&mut self.trailing);
            if self.take_reserved("elif") {
                continue;
            }
            if self.take_reserved("else") {
                self.group(|_| Ok(()))?;
                trailing.append(&mut self.trailing);
            }
            self.trailing = trailing;
            return self.expect_word("fi");
        }
    }

    fn for_loop(&mut self) -> Outcome {
        self.blanks();
        if self.rest().starts_with("((") {
            self.at += 2;
            self.arithmetic()?;
        } else {
            self.word()?;
            self.blank_lines()?;
            if self.take_reserved("in") {
                loop {
                    self.blanks();
                    if matches!(self.peek(), None | Some(b';' | b'\n')) {
                        break;
                    }
                    self.word()?;
                }
            }
        }
        self.blanks();
        if self.peek() == Some(b';') {
            self.at += 1;
        }
        self.blank_lines()?;
        if self.take_reserved("{") {
            return self.group(|reader| reader.expect_word("}"));
        }
        self.expect_word("do")?;
        self.group(|reader| reader.expect_word("done"))
    }

    fn case(&mut self) -> Outcome {
        self.blanks();
        self.word()?;
        self.blank_lines()?;
        self.expect_word("in")?;
        loop {
            self.blank_lines()?;
            if self.take_reserved("esac") {
                return Ok(());
            }
            if self.peek() == Some(b'(') {
                self.at += 1;
            }
            loop {
                self.blanks();
                self.word()?;
                self.blanks();
                match self.peek() {
                    Some(b'|') => self.at += 1,
                    Some(b')') => break,
                    _ => return Err(Broken),
                }
            }
            self.at += 1;
            self.nested(|reader| reader.list().map(|_| ()))?;
            self.trailing.clear();
            self.blank_lines()?;
            let rest = self.rest();
            if let Some(end) = [";;&", ";;", ";&"].iter().find(|end| rest.starts_with(**end)) {
                self.at += end.len();
            } else if self.peek_reserved(&["esac"]).is_none() {
                return Err(Broken);
            }
        }
    }

    /// Reads `[[ … ]]` after the opening.
    fn double_bracket(&mut self) -> Outcome {
        loop {
            self.blank_lines()?;
            if self.take_reserved("]]") {
                return Ok(());
            }
            match self.peek() {
                None => return Err(Broken),
                Some(b'&' | b'|' | b'<' | b'>' | b'(' | b')' | b';') => self.at += 1,
                Some(_) => {
                    self.word()?;
                }
            }
        }
    }

    /// Reads `[ … ]` after the opening: its words are no command's.
    fn bracket(&mut self) -> Outcome {
        let start = self.at - 1;
        loop {
            self.blanks();
            if self.is_command_end() {
                return Err(Broken);
            }
            match self.peek() {
                Some(b'<' | b'>') if !self.is_process_substitution() => drop(self.redirection(0)?),
                _ => {
                    if self.word()?.text == "]" {
                        self.marks.brackets.push(self.range(start, self.at));
                        return self.redirections();
                    }
                }
            }
        }
    }

    fn simple(&mut self) -> Outcome {
        let start = self.at;
        self.open.push(self.base + start);
        let mut command = Command {
            assignments: Vec::new(),
            words: Vec::new(),
            redirections: Vec::new(),
            range: 0..0,
            depth: self.depth,
            joint: Joint::End,
            name_index: 0,
            has_literal_name: false,
        };
        loop {
            self.blanks();
            if self.is_command_end() {
                break;
            }
            if let Some(len) = self.redirection_head() {
                command.redirections.push(self.redirection(len)?);
                continue;
            }
            if self.peek() == Some(b'(') {
                let is_function = is_function_head(&command);
                if is_function && !self.rest()[1..].trim_start().starts_with(')') {
                    self.marks.parameters.push(self.base + self.at);
                }
                if let Some(parameters) = self.parameters().filter(|_| is_function) {
                    self.at += parameters;
                    self.function_body()?;
                    self.open.pop();
                    return Ok(());
                }
                break;
            }
            let is_declaration = matches!(
                command.words.first().map(|word| word.text.as_str()),
                Some("declare" | "export" | "local" | "readonly" | "typeset")
            );
            let word = if command.words.is_empty() || is_declaration {
                match self.assignment()? {
                    Some(word) if command.words.is_empty() => {
                        command.assignments.push(word);
                        continue;
                    }
                    Some(word) => word,
                    None => self.word()?,
                }
            } else {
                self.word()?
            };
            command.words.push(word);
        }
        if self.at == start {
            return Err(Broken);
        }
        self.open.pop();
        let ends = command.words.iter().chain(&command.assignments).map(|word| word.range.end);
        let end = ends.max().unwrap_or(self.base + start);
        command.range = self.base + start..end;
        command.find_name();
        if !command.words.is_empty() || !command.assignments.is_empty() {
            self.commands.push(command);
        } else if !self.text[..start].ends_with("$(") && self.base == 0 {
            self.marks.lone_redirections.push(start);
        }
        Ok(())
    }

    /// Returns the length of `()`; parameters in the parentheses are wrong but read.
    fn parameters(&self) -> Option<usize> {
        let end = self.rest().find(['\n', ')', '{'])?;
        self.rest()[end..].starts_with(')').then_some(end + 1)
    }

    fn function_body(&mut self) -> Outcome {
        self.blank_lines()?;
        match self.peek() {
            Some(b'{' | b'(') => self.nested(Self::command)?,
            _ => {
                self.missing = Some("{");
                return Err(Broken);
            }
        }
        self.trailing.clear();
        Ok(())
    }

    /// Reads `NAME=value`, `NAME+=value`, `NAME[i]=value` or `NAME=(words)`.
    fn assignment(&mut self) -> Outcome<Option<Word>> {
        let start = self.at;
        let rest = self.rest().as_bytes();
        let mut len = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        if len == 0 || rest.first().is_some_and(u8::is_ascii_digit) {
            return Ok(None);
        }
        if rest.get(len) == Some(&b'[') {
            match rest[len..].iter().position(|byte| *byte == b']' || *byte == b'\n') {
                Some(close) if rest[len + close] == b']' => len += close + 1,
                _ => return Ok(None),
            }
        }
        if rest.get(len) == Some(&b'+') {
            len += 1;
        }
        if rest.get(len) != Some(&b'=') {
            return Ok(None);
        }
        let value = start + len + 1;
        if self.text.as_bytes().get(value) == Some(&b'(') {
            self.at = value + 1;
            loop {
                self.blank_lines()?;
                match self.peek() {
                    Some(b')') => break,
                    None | Some(b';' | b'&' | b'|' | b'<' | b'>' | b'(') => return Err(Broken),
                    Some(_) => self.word()?,
                };
            }
            self.at += 1;
            let text = self.text[start..self.at].to_owned();
            return Ok(Some(Word { text, range: self.range(start, self.at), is_plain: false }));
        }
        self.at = value;
        let mut word = if self.is_word_end() {
            Word { text: String::new(), range: 0..0, is_plain: true }
        } else {
            self.within(start, Self::word)?
        };
        word.text.insert_str(0, &self.text[start..value]);
        word.range = self.range(start, self.at);
        Ok(Some(word))
    }

    /// Reads redirections after a compound command.
    fn redirections(&mut self) -> Outcome {
        loop {
            self.blanks();
            let Some(len) = self.redirection_head() else { return Ok(()) };
            self.redirection(len)?;
        }
    }

    /// Returns how many bytes stand before the `<` or `>` of a redirection that starts here.
    fn redirection_head(&self) -> Option<usize> {
        let rest = self.rest().as_bytes();
        let n_digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match rest.get(n_digits..)? {
            [b'&', b'>', ..] if n_digits == 0 => Some(1),
            [b'<' | b'>', b'(', ..] if n_digits == 0 => None,
            [b'<' | b'>', ..] => Some(n_digits),
            _ => None,
        }
    }

    fn redirection(&mut self, len: usize) -> Outcome<Redirection> {
        let start = self.at;
        self.at += len;
        let rest = self.rest();
        const OPERATORS: [&str; 10] = ["<<<", "<<-", "<<", "<>", "<&", ">>", ">&", ">|", "<", ">"];
        let operator = OPERATORS.iter().find(|operator| rest.starts_with(**operator));
        let operator = *operator.ok_or(Broken)?;
        self.at += operator.len();
        let full = self.text[start..self.at].to_owned();
        self.blanks();
        if self.is_word_end() && !self.is_process_substitution() {
            return Err(Broken);
        }
        let target = self.word()?;
        if operator.starts_with("<<") && operator != "<<<" {
            self.heredocs.push((target.text.clone(), operator == "<<-"));
        }
        Ok(Redirection { operator: full, target })
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    const fn range(&self, start: usize, end: usize) -> Range<usize> {
        self.base + start..self.base + end
    }

    fn is_process_substitution(&self) -> bool {
        self.rest().starts_with("<(") || self.rest().starts_with(">(")
    }

    fn is_word_end(&self) -> bool {
        self.peek().is_none_or(is_metacharacter)
    }

    /// Tells whether a simple command ends here.
    fn is_command_end(&self) -> bool {
        match self.peek() {
            Some(b'&') => !self.rest().starts_with("&>"),
            byte => matches!(byte, None | Some(b'\n' | b';' | b'|' | b')')),
        }
    }

    /// Returns the word of `words` that stands here unquoted.
    fn peek_reserved<'w>(&self, words: &[&'w str]) -> Option<&'w str> {
        let rest = self.rest();
        words.iter().copied().find(|word| {
            rest.strip_prefix(*word).is_some_and(|after| match after.bytes().next() {
                None => true,
                Some(byte) => is_metacharacter(byte),
            })
        })
    }

    fn take_reserved(&mut self, word: &str) -> bool {
        let found = self.peek_reserved(&[word]).is_some();
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect_word(&mut self, word: &'static str) -> Outcome {
        if self.take_reserved(word) {
            return Ok(());
        }
        self.missing = Some(word);
        Err(Broken)
    }

    fn expect_byte(&mut self, byte: u8) -> Outcome {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(Broken)
        }
    }

    /// Skips blanks, joined lines, and a comment.
    fn blanks(&mut self) {
        loop {
            let rest = self.rest();
            let len = rest.bytes().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
            self.at += len;
            if self.rest().starts_with("\\\n") {
                self.at += 2;
            } else if self.rest().starts_with('#') && self.is_word_start() {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else {
                return;
            }
        }
    }

    fn is_word_start(&self) -> bool {
        self.at == 0 || is_metacharacter(self.text.as_bytes()[self.at - 1])
    }

    /// Skips blanks, comments, line ends, and the bodies of heredocs.
    fn blank_lines(&mut self) -> Outcome {
        loop {
            self.blanks();
            if self.peek() != Some(b'\n') {
                return Ok(());
            }
            self.at += 1;
            for (delimiter, cuts_tabs) in std::mem::take(&mut self.heredocs) {
                self.heredoc_body(&delimiter, cuts_tabs)?;
            }
        }
    }

    fn heredoc_body(&mut self, delimiter: &str, cuts_tabs: bool) -> Outcome {
        while !self.rest().is_empty() {
            let line = self.rest().split('\n').next().unwrap_or_default();
            self.at = (self.at + line.len() + 1).min(self.text.len());
            let line = if cuts_tabs { line.trim_start_matches('\t') } else { line };
            if line.trim_end_matches('\r') == delimiter {
                return Ok(());
            }
        }
        Err(Broken)
    }
}

/// Tells whether the text of a group is one test and nothing else.
fn is_test(text: &str) -> bool {
    let text = text.trim();
    let is_single = !text.contains(['&', '|', ';', '\n']);
    (text.starts_with("[[ ") && text.find("]]") == Some(text.len() - 2))
        || (text.starts_with("[ ") && text.ends_with(" ]") && is_single)
        || (text.starts_with("test ") && is_single)
}

/// Tells whether a `(` after `command` makes it the head of a function.
fn is_function_head(command: &Command) -> bool {
    let is_name_char = |c: char| c.is_alphanumeric() || "_:+?-./^@,[]*=!".contains(c);
    let name = command.words.first().filter(|_| command.words.len() == 1);
    command.assignments.is_empty()
        && name.is_some_and(|name| name.is_plain && name.text.chars().all(is_name_char))
}

const fn is_metacharacter(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>')
}
