//! `dockwright inspect`

use dockwright_builder::inspect;

use super::{failure, open_store, require_whole_image, usage};
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::{print, template};

/// Show what an image holds, as docker's JSON
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// `json`, or a template with fields such as `{{.Config.Cmd}}`
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// Accepted because docker has it: all there is are images
    #[arg(long = "type", value_name = "TYPE", value_parser = ["image"])]
    kind: Option<String>,
    /// Accepted because docker has it: sizes are always told
    #[arg(short, long)]
    size: bool,
    /// Names of images
    #[arg(value_name = "NAME[:TAG]", required = true)]
    images: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, session: &Session) -> Exit {
    match show(arguments, session) {
        Ok(text) => {
            print::output(&text);
            Exit::Success
        }
        Err(exit) => exit,
    }
}

fn show(arguments: &Arguments, session: &Session) -> Result<String, Exit> {
    let store = open_store(session)?;
    let mut all = Vec::new();
    for name in &arguments.images {
        let image = require_whole_image(session, &store, name)?;
        let inspected =
            inspect::inspect(&store, &image).map_err(|error| failure(session, &error, None))?;
        all.push(inspected);
    }
    let wrong =
        |message: String| usage(session, &message, "`dockwright inspect NAME` shows all fields");
    let Some(format) = arguments.format.as_deref().filter(|format| *format != "json") else {
        let text = match arguments.format {
            Some(_) => serde_json::to_string(&all).map_err(|error| wrong(error.to_string()))?,
            None => inspect::to_pretty_json(&all).map_err(|error| wrong(error.to_string()))?,
        };
        return Ok(text + "\n");
    };
    let mut text = String::new();
    for inspected in &all {
        let value = serde_json::to_value(inspected).map_err(|error| wrong(error.to_string()))?;
        text.push_str(&template::render(format, &value).map_err(wrong)?);
        text.push('\n');
    }
    Ok(text)
}
