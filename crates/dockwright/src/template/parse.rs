//! Templates read.

use std::collections::BTreeMap;

/// A template.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Template {
    pub(super) nodes: Vec<Node>,
    /// What `define` and `block` give names to.
    pub(super) named: BTreeMap<String, Vec<Node>>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    /// What a pipeline comes to is written.
    Print(Pipeline),
    /// `$x := …` and `$x = …`
    Set(String, Pipeline),
    If(Pipeline, Vec<Self>, Vec<Self>),
    With(Pipeline, Vec<Self>, Vec<Self>),
    /// The variables of a key and of an element.
    Range(Vec<String>, Pipeline, Vec<Self>, Vec<Self>),
    /// `{{template "name" …}}`: a named template, filled with what the pipeline comes to.
    Template(String, Option<Pipeline>),
    Break,
    Continue,
}

/// Calls, each of which is given what the one before came to.
pub(super) type Pipeline = Vec<Vec<Operand>>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Literal(serde_json::Value),
    /// A function, or a keyword such as `true`.
    Name(String),
    /// `$x`; `$` has no name.
    Variable(String, Vec<String>),
    /// `.A.B`
    Field(Vec<String>),
    /// `(…).A`
    Group(Pipeline, Vec<String>),
}

type Result<T> = std::result::Result<T, String>;

/// How deep blocks may lie in one another.
const MAX_DEPTH: usize = 200;

/// What ends a list of pieces.
#[derive(Debug, PartialEq)]
enum Stop {
    Text,
    End,
    /// What follows the word.
    Else(String),
}

/// Reads a template.
pub(super) fn parse(text: &str) -> Result<Template> {
    let mut parser = Parser { rest: text, n_open: 0, named: BTreeMap::new() };
    let (nodes, end) = parser.list()?;
    match end {
        Stop::Text => Ok(Template { nodes, named: parser.named }),
        Stop::End => Err("the template has an `end` too many".to_owned()),
        Stop::Else(_) => Err("the template has an `else` without `if`".to_owned()),
    }
}

struct Parser<'t> {
    rest: &'t str,
    /// How many blocks are not ended yet.
    n_open: usize,
    named: BTreeMap<String, Vec<Node>>,
}

impl<'t> Parser<'t> {
    fn list(&mut self) -> Result<(Vec<Node>, Stop)> {
        let mut nodes = Vec::new();
        loop {
            let Some(at) = self.rest.find("{{") else {
                nodes.push(Node::Text(std::mem::take(&mut self.rest).to_owned()));
                return Ok((nodes, Stop::Text));
            };
            let (text, after) = (&self.rest[..at], &self.rest[at + 2..]);
            let action = self.action(after)?;
            let text = if action.trims_before { text.trim_end() } else { text };
            nodes.push(Node::Text(text.to_owned()));
            let text = action.text.trim();
            let (word, tail) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
            match word {
                "" => {}
                _ if text.starts_with("/*") => {}
                "end" => return Ok((nodes, Stop::End)),
                "else" => return Ok((nodes, Stop::Else(tail.trim().to_owned()))),
                "break" => nodes.push(Node::Break),
                "continue" => nodes.push(Node::Continue),
                "if" | "with" | "range" => nodes.push(self.block(word, tail)?),
                "define" => self.define(tail)?,
                "template" => {
                    let (name, value) = named(word, tail)?;
                    nodes.push(Node::Template(name, value));
                }
                "block" => {
                    let (name, value) = named(word, tail)?;
                    let body = self.body(word)?;
                    self.named.insert(name.clone(), body);
                    nodes.push(Node::Template(name, value));
                }
                _ => nodes.push(simple(text)?),
            }
        }
    }

    /// Takes an action up to its `}}`, which may stand in strings too.
    fn action(&mut self, after: &'t str) -> Result<Action<'t>> {
        let mut quote = None;
        let mut escaped = false;
        let mut end = None;
        for (at, c) in after.char_indices() {
            match quote {
                Some(_) if escaped => escaped = false,
                Some('"') if c == '\\' => escaped = true,
                Some(open) if c == open => quote = None,
                Some(_) => {}
                None if matches!(c, '"' | '`') => quote = Some(c),
                None if after[at..].starts_with("}}") => {
                    end = Some(at);
                    break;
                }
                None => {}
            }
        }
        let end = end.ok_or("the template has `{{` without `}}`")?;
        let mut text = &after[..end];
        self.rest = &after[end + 2..];
        let trims_before = text.starts_with("- ");
        text = if trims_before { &text[1..] } else { text };
        if let Some(shorter) = text.strip_suffix('-').filter(|it| it.ends_with(' ')) {
            text = shorter;
            self.rest = self.rest.trim_start();
        }
        Ok(Action { text, trims_before })
    }

    /// `{{define "name"}}…{{end}}`, where nothing else is open.
    fn define(&mut self, head: &str) -> Result<()> {
        if self.n_open > 0 {
            return Err("the template has a `define` inside of something else".to_owned());
        }
        let (name, value) = named("define", head)?;
        if value.is_some() {
            return Err(format!("the template's `define {head}` is not understood"));
        }
        let body = self.body("define")?;
        self.named.insert(name, body);
        Ok(())
    }

    /// What stands before the `end` of `word`, which has no `else`.
    fn body(&mut self, word: &str) -> Result<Vec<Node>> {
        match self.inner()? {
            (body, Stop::End) => Ok(body),
            (_, Stop::Text) => Err(format!("the template has a `{word}` without `end`")),
            (_, Stop::Else(_)) => Err("the template has an `else` without `if`".to_owned()),
        }
    }

    fn inner(&mut self) -> Result<(Vec<Node>, Stop)> {
        self.n_open += 1;
        if self.n_open > MAX_DEPTH {
            return Err("the template's blocks lie in one another too deep".to_owned());
        }
        let inner = self.list();
        self.n_open -= 1;
        inner
    }

    fn block(&mut self, word: &str, head: &str) -> Result<Node> {
        let (body, end) = self.inner()?;
        let missing = || format!("the template has an `{word}` without `end`");
        let otherwise = match end {
            Stop::Text => return Err(missing()),
            Stop::End => Vec::new(),
            Stop::Else(rest) if rest.is_empty() => match self.inner()? {
                (nodes, Stop::End) => nodes,
                _ => return Err(missing()),
            },
            // `else if`: as if it stood in the else, with the same end.
            Stop::Else(rest) => {
                let (word, head) = rest.split_once(char::is_whitespace).unwrap_or((&rest, ""));
                if !matches!(word, "if" | "with") {
                    return Err(format!("the template's `else {rest}` is not understood"));
                }
                vec![self.block(word, head)?]
            }
        };
        if word == "range" {
            let (names, head) = match head.split_once(":=") {
                Some((names, head)) => {
                    let names = names.split(',').map(|name| name.trim().trim_start_matches('$'));
                    (names.map(str::to_owned).collect(), head)
                }
                None => (Vec::new(), head),
            };
            return Ok(Node::Range(names, pipeline(head)?, body, otherwise));
        }
        // `with $x := …`: the variable is set around it.
        let (set, head) = match head.split_once(":=") {
            Some((name, value)) if is_variable(name.trim()) => {
                let name = name.trim().trim_start_matches('$').to_owned();
                let variable = vec![vec![Operand::Variable(name.clone(), Vec::new())]];
                (Some(Node::Set(name, pipeline(value)?)), variable)
            }
            _ => (None, pipeline(head)?),
        };
        let node = match word {
            "with" => Node::With(head, body, otherwise),
            _ => Node::If(head, body, otherwise),
        };
        let Some(set) = set else { return Ok(node) };
        let always = vec![vec![Operand::Literal(true.into())]];
        Ok(Node::If(always, vec![set, node], Vec::new()))
    }
}

fn is_variable(text: &str) -> bool {
    let name = text.strip_prefix('$').unwrap_or_default();
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

struct Action<'t> {
    text: &'t str,
    trims_before: bool,
}

/// The name in quotes behind `word`, and the pipeline behind that.
fn named(word: &str, head: &str) -> Result<(String, Option<Pipeline>)> {
    let mut reader = Reader { text: head, rest: head.trim_start() };
    let quote = reader.rest.chars().next().filter(|c| matches!(c, '"' | '`'));
    let name = quote.and_then(|quote| reader.string(quote));
    let name = name.ok_or_else(|| format!("the template's `{word}` has no name in quotes"))?;
    match reader.rest.trim() {
        "" => Ok((name, None)),
        rest => Ok((name, Some(pipeline(rest)?))),
    }
}

/// An action that is no block.
fn simple(text: &str) -> Result<Node> {
    if let Some(rest) = text.strip_prefix('$') {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, tail) = rest.split_at(end.unwrap_or(rest.len()));
        let tail = tail.trim_start();
        let value = tail.strip_prefix(":=").or_else(|| tail.strip_prefix('='));
        if let Some(value) = value.filter(|_| !name.is_empty()) {
            return Ok(Node::Set(name.to_owned(), pipeline(value)?));
        }
    }
    pipeline(text).map(Node::Print)
}

fn pipeline(text: &str) -> Result<Pipeline> {
    let mut reader = Reader { text, rest: text };
    let pipeline = reader.pipeline()?;
    match reader.rest.trim() {
        "" => Ok(pipeline),
        rest => Err(format!("the template's `{rest}` is not understood")),
    }
}

struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
}

impl Reader<'_> {
    fn pipeline(&mut self) -> Result<Pipeline> {
        let mut calls = Vec::new();
        loop {
            let mut call = Vec::new();
            while let Some(operand) = self.operand()? {
                call.push(operand);
            }
            if call.is_empty() {
                return Err(format!("the template's `{}` is not understood", self.text.trim()));
            }
            calls.push(call);
            match self.rest.strip_prefix('|') {
                Some(rest) => self.rest = rest,
                None => return Ok(calls),
            }
        }
    }

    /// Reads an operand, if there is one before the end, a `|` or a `)`.
    fn operand(&mut self) -> Result<Option<Operand>> {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let wrong = || format!("the template's `{}` is not understood", self.text.trim());
        let operand = match first {
            '|' | ')' => return Ok(None),
            '(' => {
                self.rest = &self.rest[1..];
                let inner = self.pipeline()?;
                self.rest = self.rest.strip_prefix(')').ok_or_else(wrong)?;
                Operand::Group(inner, self.chain())
            }
            '"' | '`' => Operand::Literal(self.string(first).ok_or_else(wrong)?.into()),
            '$' => {
                self.rest = &self.rest[1..];
                let name = self.word();
                Operand::Variable(name, self.chain())
            }
            '.' => {
                let chain = self.chain();
                if chain.is_empty() {
                    self.rest = &self.rest[1..];
                }
                Operand::Field(chain)
            }
            c if c.is_ascii_digit() || c == '-' || c == '+' => {
                let end = self.rest[1..].find(|c: char| !c.is_ascii_digit() && c != '.');
                let (number, rest) = self.rest.split_at(end.map_or(self.rest.len(), |end| end + 1));
                let value = serde_json::from_str(number.trim_start_matches('+'));
                self.rest = rest;
                Operand::Literal(value.map_err(|_| wrong())?)
            }
            c if c.is_ascii_alphabetic() || c == '_' => Operand::Name(self.word()),
            _ => return Err(wrong()),
        };
        Ok(Some(operand))
    }

    fn word(&mut self) -> String {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word.to_owned()
    }

    /// `.A.B` behind something.
    fn chain(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(rest) = self.rest.strip_prefix('.') {
            if !rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                break;
            }
            self.rest = rest;
            names.push(self.word());
        }
        names
    }

    fn string(&mut self, quote: char) -> Option<String> {
        let mut value = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(value);
                }
                '\\' if quote == '"' => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    other => other,
                }),
                c => value.push(c),
            }
        }
        None
    }
}
