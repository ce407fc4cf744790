//! Our reader of shell text beside `shuck-parser` (bash), which reads the same texts into a tree: every
//! simple command with the place of each word, assignment and redirection. The texts are those of all
//! RUNs of the fixtures, of the rules' pages, and of the corpus where it is there.

use std::collections::BTreeSet;
use std::ops::Range;

use dockerfile_parser::{Command as Shell, Kind, parse};
use dockwright_lint::shell::{self, Script};
use dockwright_tests::{shared, workspace};

use crate::lint::corpus;
use shuck_ast as ast;
use shuck_parser::parser::Parser;

/// First byte, and the byte behind the last.
type Place = (usize, usize);

/// A simple command: the places of its assignments, its words and its redirections.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Fact {
    assignments: Vec<Place>,
    words: Vec<Place>,
    redirections: Vec<Place>,
}

/// What texts hold that are read otherwise, and why ours is right.
const DIFFERENT: [(&str, &str); 3] = [
    ("((", "two groups that no arithmetic is; ShellCheck reads them as we do"),
    ("!(", "a negated group where a command starts, no pattern of file names"),
    ("\r", "a blank, as at the line ends of Windows"),
];

/// How many texts of the corpus that is.
const N_DIFFERENT: usize = 4;

/// How many texts stop our reader alone (PowerShell, templates, a list in brackets: all but a few are no
/// shell, and stop ShellCheck too), and theirs alone.
const STOPPED_ALONE: (usize, usize) = (82, 1);

#[test]
fn shell_facts_are_those_of_shuck_parser() {
    let texts = texts();
    let (mut n_facts, mut ours_stops, mut theirs_stops, mut n_known) = (0, 0, 0, 0);
    let mut different = Vec::new();
    for text in &texts {
        let script = shell::read(text);
        let parsed = Parser::new(text).parse();
        match (script.stop.is_none(), parsed.is_ok()) {
            (true, true) => {}
            (stopped, other) => {
                ours_stops += usize::from(!stopped && other);
                theirs_stops += usize::from(stopped && !other);
                continue;
            }
        }
        let ours = ours(&script);
        let (facts, tests) = (BTreeSet::new(), BTreeSet::new());
        let mut theirs = Theirs { text, facts, tests };
        theirs.list(&parsed.file.body);
        theirs.fill(&ours);
        n_facts += ours.len();
        let tests: BTreeSet<Place> = script.marks.brackets.iter().map(place).collect();
        let is_known = DIFFERENT.iter().any(|(part, _)| text.contains(part));
        if ours == theirs.facts && tests == theirs.tests {
            continue;
        }
        n_known += usize::from(is_known);
        if !is_known {
            let only = |a: &BTreeSet<Fact>, b: &BTreeSet<Fact>| -> Vec<String> {
                a.difference(b).map(|fact| shown(fact, text)).collect()
            };
            let (ours, theirs) = (only(&ours, &theirs.facts), only(&theirs.facts, &ours));
            different.push(format!("{text}\n  ours {ours:?}\n  theirs {theirs:?}"));
        }
    }
    assert!(different.is_empty(), "{} texts\n{}", different.len(), different.join("\n"));
    assert!(n_facts > 1_000, "only {n_facts} commands");
    if shared("corpus/dockerfiles.tar.zst").is_some() {
        assert!(n_facts > 70_000, "only {n_facts} commands");
        assert_eq!((ours_stops, theirs_stops), STOPPED_ALONE);
        assert_eq!(n_known, N_DIFFERENT);
    }
}

fn shown(fact: &Fact, text: &str) -> String {
    let texts = |ranges: &[Place]| -> Vec<String> {
        ranges
            .iter()
            .map(|(start, end)| format!("{start}:{}", text.get(*start..*end).unwrap_or("?")))
            .collect()
    };
    format!(
        "{:?} {:?} {:?}",
        texts(&fact.assignments),
        texts(&fact.words),
        texts(&fact.redirections)
    )
}

/// Returns the distinct shell texts of RUNs.
fn texts() -> BTreeSet<String> {
    let mut sources: Vec<String> = Vec::new();
    for entry in walkdir::WalkDir::new(workspace().join("fixtures")) {
        let entry = entry.expect("the fixtures can be read");
        let bytes =
            if entry.file_type().is_file() { std::fs::read(entry.path()) } else { continue };
        sources.push(String::from_utf8_lossy(&bytes.expect("a fixture")).into_owned());
    }
    for rule in dockwright_lint::rules::all() {
        let blocks = rule.page.split("```dockerfile").skip(1);
        let blocks = blocks.filter_map(|block| block.split_once('\n')?.1.split("```").next());
        sources.extend(blocks.map(str::to_owned));
    }
    if shared("corpus/dockerfiles.tar.zst").is_some() {
        sources.extend(corpus().into_values());
    }
    let mut texts = BTreeSet::new();
    for source in sources {
        for instruction in parse(&source).instructions {
            let Kind::Run(run) = &instruction.kind else { continue };
            let Shell::Shell(body) = &run.command else { continue };
            texts.insert(body.to_string());
            texts.extend(instruction.heredocs.iter().map(|heredoc| heredoc.content().to_string()));
        }
    }
    texts
}

fn place(range: &Range<usize>) -> Place {
    (range.start, range.end)
}

fn ours(script: &Script) -> BTreeSet<Fact> {
    let ranges = |words: &[shell::Word]| words.iter().map(|word| place(&word.range)).collect();
    script
        .commands
        .iter()
        .map(|command| Fact {
            assignments: ranges(&command.assignments),
            words: ranges(&command.words),
            redirections: command.redirections.iter().map(|r| place(&r.target.range)).collect(),
        })
        .collect()
}

/// Walks the tree of `shuck-parser`.
struct Theirs<'t> {
    text: &'t str,
    facts: BTreeSet<Fact>,
    /// The `[ … ]`, which are no commands for ShellCheck and us.
    tests: BTreeSet<Place>,
}

impl Theirs<'_> {
    /// Gives places to redirections that have none in the tree, `>&1` for example: those that we say.
    fn fill(&mut self, ours: &BTreeSet<Fact>) {
        let facts = std::mem::take(&mut self.facts);
        self.facts = facts.into_iter().map(|fact| filled(fact, ours)).collect();
    }

    fn list(&mut self, list: &ast::StmtSeq) {
        for statement in list.iter() {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &ast::Stmt) {
        let redirections = self.redirections(&statement.redirects);
        let (assignments, words) = match &statement.command {
            ast::Command::Simple(simple) => {
                let words = std::iter::once(&simple.name).chain(&simple.args);
                (self.assignments(&simple.assignments), self.words(words))
            }
            ast::Command::Builtin(builtin) => self.builtin(builtin),
            ast::Command::Decl(clause) => {
                let mut words = vec![range(clause.variant_span)];
                words.extend(clause.operands.iter().map(|operand| self.operand(operand)));
                (self.assignments(&clause.assignments), words)
            }
            ast::Command::Binary(binary) => {
                self.statement(&binary.left);
                self.statement(&binary.right);
                return;
            }
            ast::Command::Compound(compound) => return self.compound(compound),
            ast::Command::Function(function) => return self.statement(&function.body),
            ast::Command::AnonymousFunction(_) => return,
        };
        // A redirection alone has an empty word for a name.
        let words: Vec<Place> = words.into_iter().filter(|word| word.0 < word.1).collect();
        if let (Some(first), Some(last)) = (words.first(), words.last())
            && self.text.get(first.0..first.1) == Some("[")
        {
            self.tests.insert((first.0, last.1));
            return;
        }
        // A redirection alone is no command for us.
        if !(assignments.is_empty() && words.is_empty()) {
            self.facts.insert(Fact { assignments, words, redirections });
        }
    }

    fn builtin(&mut self, builtin: &ast::BuiltinCommand) -> (Vec<Place>, Vec<Place>) {
        let (name, span, first, rest, assignments) = match builtin {
            ast::BuiltinCommand::Break(c) => {
                ("break", c.span, &c.depth, &c.extra_args, &c.assignments)
            }
            ast::BuiltinCommand::Continue(c) => {
                ("continue", c.span, &c.depth, &c.extra_args, &c.assignments)
            }
            ast::BuiltinCommand::Return(c) => {
                ("return", c.span, &c.code, &c.extra_args, &c.assignments)
            }
            ast::BuiltinCommand::Exit(c) => {
                ("exit", c.span, &c.code, &c.extra_args, &c.assignments)
            }
        };
        let assignments = self.assignments(assignments);
        // The name has no place of its own in the tree.
        let start = range(span).0;
        let mut words = Vec::new();
        if assignments.is_empty() {
            words.push((start, start + name.len()));
        }
        words.extend(self.words(first.iter().chain(rest)));
        (assignments, words)
    }

    fn operand(&mut self, operand: &ast::DeclOperand) -> Place {
        match operand {
            ast::DeclOperand::Flag(word) | ast::DeclOperand::Dynamic(word) => self.word(word),
            ast::DeclOperand::Name(name) => range(name.span),
            ast::DeclOperand::Assignment(assignment) => self.assignment(assignment),
        }
    }

    fn compound(&mut self, compound: &ast::CompoundCommand) {
        use ast::CompoundCommand as C;
        match compound {
            C::If(c) => {
                self.list(&c.condition);
                self.list(&c.then_branch);
                for (condition, body) in &c.elif_branches {
                    self.list(condition);
                    self.list(body);
                }
                if let Some(body) = &c.else_branch {
                    self.list(body);
                }
            }
            C::For(c) => {
                self.words(c.words.iter().flatten());
                self.list(&c.body);
            }
            C::Select(c) => {
                self.words(&c.words);
                self.list(&c.body);
            }
            C::ArithmeticFor(c) => self.list(&c.body),
            C::While(c) => {
                self.list(&c.condition);
                self.list(&c.body);
            }
            C::Until(c) => {
                self.list(&c.condition);
                self.list(&c.body);
            }
            C::Case(c) => {
                self.word(&c.word);
                for case in &c.cases {
                    case.patterns.iter().for_each(|pattern| self.pattern(pattern));
                    self.list(&case.body);
                }
            }
            C::Subshell(list) | C::BraceGroup(list) => self.list(list),
            C::Time(c) => {
                if let Some(command) = &c.command {
                    self.statement(command);
                }
            }
            C::Conditional(c) => self.condition(&c.expression),
            C::Coproc(c) => self.statement(&c.body),
            C::Arithmetic(_) | C::Repeat(_) | C::Foreach(_) | C::Always(_) => {}
        }
    }

    fn condition(&mut self, condition: &ast::ConditionalExpr) {
        use ast::ConditionalExpr as E;
        match condition {
            E::Binary(e) => {
                self.condition(&e.left);
                self.condition(&e.right);
            }
            E::Unary(e) => self.condition(&e.expr),
            E::Parenthesized(e) => self.condition(&e.expr),
            E::Word(word) | E::Regex(word) => {
                self.word(word);
            }
            E::Pattern(pattern) => self.pattern(pattern),
            E::VarRef(_) => {}
        }
    }

    fn redirections(&mut self, redirections: &[ast::Redirect]) -> Vec<Place> {
        let mut ranges = Vec::new();
        for redirection in redirections {
            ranges.push(match &redirection.target {
                ast::RedirectTarget::Word(word) => self.word(word),
                ast::RedirectTarget::Heredoc(heredoc) => {
                    self.heredoc(&heredoc.body);
                    range(heredoc.delimiter.span)
                }
            });
        }
        ranges
    }

    fn heredoc(&mut self, body: &ast::HeredocBody) {
        for part in &body.parts {
            match &part.kind {
                ast::HeredocBodyPart::CommandSubstitution { body, .. } => self.list(body),
                ast::HeredocBodyPart::Parameter(parameter) => self.parameter(parameter),
                _ => {}
            }
        }
    }

    fn assignments(&mut self, assignments: &[ast::Assignment]) -> Vec<Place> {
        assignments.iter().map(|assignment| self.assignment(assignment)).collect()
    }

    fn assignment(&mut self, assignment: &ast::Assignment) -> Place {
        match &assignment.value {
            ast::AssignmentValue::Scalar(word) => {
                self.word(word);
            }
            ast::AssignmentValue::Compound(array) => {
                for element in &array.elements {
                    let (ast::ArrayElem::Sequential(value)
                    | ast::ArrayElem::Keyed { value, .. }
                    | ast::ArrayElem::KeyedAppend { value, .. }) = element;
                    self.word(&value.word);
                }
            }
        }
        range(assignment.span)
    }

    fn words<'a>(&mut self, words: impl IntoIterator<Item = &'a ast::Word>) -> Vec<Place> {
        words.into_iter().map(|word| self.word(word)).collect()
    }

    fn word(&mut self, word: &ast::Word) -> Place {
        self.parts(&word.parts);
        range(word.span)
    }

    fn parts(&mut self, parts: &[ast::WordPartNode]) {
        use ast::WordPart as P;
        for part in parts {
            match &part.kind {
                P::DoubleQuoted { parts, .. } => self.parts(parts),
                P::CommandSubstitution { body, .. } | P::ProcessSubstitution { body, .. } => {
                    self.list(body);
                }
                P::ArithmeticExpansion { expression_word_ast, .. } => {
                    self.word(expression_word_ast);
                }
                P::Parameter(parameter) => self.parameter(parameter),
                P::ParameterExpansion { operator, operand_word_ast, .. } => {
                    self.operation(operator, operand_word_ast.as_deref());
                }
                _ => {}
            }
        }
    }

    fn parameter(&mut self, parameter: &ast::ParameterExpansion) {
        if let ast::ParameterExpansionSyntax::Bourne(ast::BourneParameterExpansion::Operation {
            operator,
            operand_word_ast,
            ..
        }) = &parameter.syntax
        {
            self.operation(operator, operand_word_ast.as_deref());
        }
    }

    fn operation(&mut self, operator: &ast::ParameterOp, operand: Option<&ast::Word>) {
        use ast::ParameterOp as O;
        match operator {
            O::RemovePrefixShort { pattern }
            | O::RemovePrefixLong { pattern }
            | O::RemoveSuffixShort { pattern }
            | O::RemoveSuffixLong { pattern } => self.pattern(pattern),
            O::ReplaceFirst { pattern, replacement_word_ast, .. }
            | O::ReplaceAll { pattern, replacement_word_ast, .. } => {
                self.pattern(pattern);
                self.word(replacement_word_ast);
            }
            _ => {
                if let Some(word) = operand {
                    self.word(word);
                }
            }
        }
    }

    fn pattern(&mut self, pattern: &ast::Pattern) {
        for part in &pattern.parts {
            match &part.kind {
                ast::PatternPart::Word(word) => {
                    self.word(word);
                }
                ast::PatternPart::Group { patterns, .. } => {
                    patterns.iter().for_each(|pattern| self.pattern(pattern));
                }
                _ => {}
            }
        }
    }
}

fn filled(mut fact: Fact, ours: &BTreeSet<Fact>) -> Fact {
    let same = |other: &&Fact| {
        (&other.assignments, &other.words) == (&fact.assignments, &fact.words)
            && other.redirections.len() == fact.redirections.len()
    };
    let Some(known) = ours.iter().find(same) else { return fact };
    for (place, known) in fact.redirections.iter_mut().zip(&known.redirections) {
        if place.0 == place.1 {
            *place = *known;
        }
    }
    fact
}

fn range(span: ast::Span) -> Place {
    let range = span.to_range();
    (usize::from(range.start()), usize::from(range.end()))
}
