//! Templates filled.

use serde_json::Value;

use super::functions::{self, is_true, shown};
use super::parse::{Node, Operand, Pipeline};

/// The most that a template may write, in bytes.
const MAX_BYTES: usize = 64 << 20;
/// Fields whose names are data: one that is not there is no fault of the template.
const MAPS: [&str; 6] =
    ["Labels", "Annotations", "ExposedPorts", "Volumes", "annotations", "Healthcheck"];
/// Fields of an engine that are empty in what it tells of most images, and are left out then.
const EMPTY: [&str; 5] = ["Container", "DockerVersion", "OsVersion", "Parent", "Variant"];

type Result<T> = std::result::Result<T, String>;

/// Whether a loop goes on.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

/// Fills a template.
pub(super) fn run(nodes: &[Node], value: &Value) -> Result<String> {
    let variables = vec![(String::new(), value.clone())];
    let mut run = Run { text: String::new(), variables };
    run.list(nodes, value)?;
    Ok(run.text)
}

struct Run {
    text: String,
    /// Names without `$`, the newest last.
    variables: Vec<(String, Value)>,
}

impl Run {
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
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
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
        let entries: Vec<(Value, &Value)> = match value {
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
    for name in chain {
        match value {
            Value::Object(fields) => match fields.get(name) {
                Some(found) => value = found,
                None if is_map => return Ok(Value::Null),
                None if EMPTY.contains(&name.as_str()) => return Ok(Value::from("")),
                None => {
                    let path = chain.join(".");
                    return Err(format!("the template's `.{path}` names no field of this"));
                }
            },
            Value::Null => return Ok(Value::Null),
            _ => {
                let path = chain.join(".");
                return Err(format!("the template's `.{path}` names no field of this"));
            }
        }
        is_map = MAPS.contains(&name.as_str());
    }
    Ok(value.clone())
}
