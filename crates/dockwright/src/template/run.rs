//! Templates filled.

use serde_json::Value;

use super::functions::{self, is_true, shown};
use super::parse::{Node, Operand, Pipeline, Template};
use super::typed;

/// The most that a template may write, in bytes.
const MAX_BYTES: usize = 64 << 20;
/// How deep named templates may call each other.
const MAX_DEPTH: usize = 100;
/// The most that `range` counts to.
const MAX_COUNT: u64 = 1 << 20;
/// Fields whose names are data: one that is not there is no fault of the template.
const MAPS: [&str; 5] = ["Labels", "Annotations", "ExposedPorts", "Volumes", "annotations"];

type Result<T> = std::result::Result<T, String>;

/// Whether a loop goes on.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

/// Fills a template.
pub(super) fn run(template: &Template, value: &Value) -> Result<String> {
    let variables = vec![(String::new(), value.clone())];
    let mut run = Run { text: String::new(), variables, template, depth: 0 };
    run.list(&template.nodes, value)?;
    Ok(run.text)
}

struct Run<'t> {
    text: String,
    template: &'t Template,
    /// How many named templates are being filled, each called by the one before.
    depth: usize,
    /// Names without `$`, the newest last.
    variables: Vec<(String, Value)>,
}

impl Run<'_> {
    fn list(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow> {
        for node in nodes {
            if self.text.len() > MAX_BYTES {
                return Err("the template writes too much".to_owned());
            }
            let flow = match node {
                Node::Text(text) => {
                    self.text.push_str(text);
                    Flow::On
                }
                Node::Print(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    self.text.push_str(&shown(&value));
                    Flow::On
                }
                Node::Set(name, pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
                        Some((_, known)) => *known = value,
                        None => self.variables.push((name.clone(), value)),
                    }
                    Flow::On
                }
                Node::If(condition, body, otherwise) => {
                    let nodes =
                        if is_true(&self.pipeline(condition, dot)?) { body } else { otherwise };
                    self.scope(nodes, dot)?
                }
                Node::With(value, body, otherwise) => {
                    let value = self.pipeline(value, dot)?;
                    match is_true(&value) {
                        true => self.scope(body, &value)?,
                        false => self.scope(otherwise, dot)?,
                    }
                }
                Node::Range(names, value, body, otherwise) => {
                    let value = self.pipeline(value, dot)?;
                    self.range(names, &value, body, otherwise, dot)?;
                    Flow::On
                }
                Node::Template(name, value) => {
                    let value = value.as_ref().map(|value| self.pipeline(value, dot));
                    self.named(name, value.transpose()?.unwrap_or_default())?;
                    Flow::On
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    /// Fills a named template, which sees nothing but what it is given.
    fn named(&mut self, name: &str, value: Value) -> Result<()> {
        let template = self.template;
        let nodes = template.named.get(name);
        let nodes = nodes.ok_or_else(|| format!("the template `{name}` is not defined"))?;
        if self.depth == MAX_DEPTH {
            return Err(format!("the template `{name}` calls itself without an end"));
        }
        self.depth += 1;
        let variables = vec![(String::new(), value.clone())];
        let outside = std::mem::replace(&mut self.variables, variables);
        let filled = self.list(nodes, &value);
        self.variables = outside;
        self.depth -= 1;
        filled.map(|_| ())
    }

    /// Variables that are set inside do not count outside.
    fn scope(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow> {
        let n_variables = self.variables.len();
        let flow = self.list(nodes, dot);
        self.variables.truncate(n_variables);
        flow
    }

    fn range(
        &mut self,
        names: &[String],
        value: &Value,
        body: &[Node],
        otherwise: &[Node],
        dot: &Value,
    ) -> Result<()> {
        let value = &typed::plain(value);
        let numbers: Vec<Value> = match value.as_u64() {
            Some(n) if n > MAX_COUNT => {
                return Err(format!("the template's `range` counts to more than {MAX_COUNT}"));
            }
            n => (0..n.unwrap_or(0)).map(Value::from).collect(),
        };
        let entries: Vec<(Value, &Value)> = match value {
            Value::Number(_) => numbers.iter().map(|n| (n.clone(), n)).collect(),
            Value::Array(items) => {
                items.iter().enumerate().map(|(at, item)| (Value::from(at), item)).collect()
            }
            Value::Object(fields) => {
                fields.iter().map(|(name, item)| (Value::from(name.as_str()), item)).collect()
            }
            Value::Null => Vec::new(),
            _ => return Err("the template's `range` is over what is no list".to_owned()),
        };
        if entries.is_empty() {
            self.scope(otherwise, dot)?;
        }
        for (key, item) in entries {
            let n_variables = self.variables.len();
            match names {
                [] => {}
                [element] => self.variables.push((element.clone(), item.clone())),
                [index, element, ..] => {
                    self.variables.push((index.clone(), key));
                    self.variables.push((element.clone(), item.clone()));
                }
            }
            let flow = self.list(body, item);
            self.variables.truncate(n_variables);
            if flow? == Flow::Break {
                break;
            }
        }
        Ok(())
    }

    fn pipeline(&self, pipeline: &Pipeline, dot: &Value) -> Result<Value> {
        let mut before = None;
        for call in pipeline {
            before = Some(self.call(call, before, dot)?);
        }
        Ok(before.unwrap_or_default())
    }

    fn call(&self, call: &[Operand], before: Option<Value>, dot: &Value) -> Result<Value> {
        let Some((first, arguments)) = call.split_first() else { return Ok(Value::Null) };
        if let Operand::Name(name) = first {
            let is_value = matches!(name.as_str(), "true" | "false" | "nil");
            if !is_value {
                let mut values = Vec::new();
                for argument in arguments {
                    values.push(self.operand(argument, dot)?);
                }
                values.extend(before);
                return functions::call(name, &values);
            }
        }
        if !arguments.is_empty() || before.is_some() {
            return Err("the template calls what is no function".to_owned());
        }
        self.operand(first, dot)
    }

    fn operand(&self, operand: &Operand, dot: &Value) -> Result<Value> {
        match operand {
            Operand::Literal(value) => Ok(value.clone()),
            Operand::Name(name) => match name.as_str() {
                "true" => Ok(Value::from(true)),
                "false" => Ok(Value::from(false)),
                "nil" => Ok(Value::Null),
                name => functions::call(name, &[]),
            },
            Operand::Variable(name, chain) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let (_, value) =
                    known.ok_or_else(|| format!("the template's `${name}` is not set"))?;
                field(value, chain)
            }
            Operand::Field(chain) => field(dot, chain),
            Operand::Group(pipeline, chain) => field(&self.pipeline(pipeline, dot)?, chain),
        }
    }
}

/// The value at a path.
fn field(value: &Value, chain: &[String]) -> Result<Value> {
    let mut value = value;
    let mut is_map = false;
    for (at, name) in chain.iter().enumerate() {
        let typed = match value.get(name) {
            Some(Value::Null) | None if value.is_object() && !is_map => typed::nothing(name),
            Some(found) => typed::of_field(name, found),
            None => None,
        };
        if let Some(typed) = typed {
            let rest = &chain[at + 1..];
            return typed::call(typed, rest)
                .ok_or_else(|| format!("the template's `.{}` is not known", chain.join(".")));
        }
        match value {
            Value::Object(fields) => match fields.get(name) {
                Some(found) => value = found,
                None if is_map => return Ok(Value::Null),
                None => return Err(no_field(chain)),
            },
            Value::Null => return Ok(Value::Null),
            _ => return Err(no_field(chain)),
        }
        is_map = MAPS.contains(&name.as_str());
    }
    Ok(value.clone())
}

fn no_field(chain: &[String]) -> String {
    format!("the template's `.{}` names no field of this", chain.join("."))
}
