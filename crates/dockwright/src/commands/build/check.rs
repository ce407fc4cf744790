//! `dockwright build --check`: the checks of the Dockerfile in place of a build.

use std::path::Path;

use super::Arguments;
use crate::cli::Session;
use crate::commands::{lint, usage};
use crate::exit_code::Exit;
use crate::source_file::no_context;

/// Options that ask for the checks.
#[derive(Debug, clap::Args)]
pub(super) struct CheckOptions {
    /// Check the Dockerfile, as `docker build --check` does, and build nothing
    #[arg(long)]
    check: bool,
    /// `check`, or `check,format=json`: as `--check`; `build` builds
    #[arg(long, value_name = "METHOD", value_parser = call)]
    call: Option<Call>,
}

/// What is done in place of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Build,
    Check { is_json: bool },
}

impl CheckOptions {
    /// Returns what is to be done in place of a build.
    pub(super) fn call(&self) -> Option<Call> {
        let call = self.call.or_else(|| self.check.then_some(Call::Check { is_json: false }));
        call.filter(|call| *call != Call::Build)
    }
}

/// Runs the checks on the Dockerfile of a folder, or on standard input.
pub(super) fn run(arguments: &Arguments, call: Call, session: &Session) -> Exit {
    let context = &arguments.context;
    let is_input = context == Path::new("-");
    if !is_input && !context.is_dir() {
        return usage(session, &no_context(context), "checks look at a folder, or at `-`");
    }
    let dockerfile = match &arguments.file {
        Some(file) => file.clone(),
        None if is_input => context.clone(),
        None => {
            let (upper, lower) = (context.join("Dockerfile"), context.join("dockerfile"));
            if !upper.exists() && lower.exists() { lower } else { upper }
        }
    };
    let request = lint::CheckRequest {
        dockerfile,
        context: (!is_input).then(|| context.clone()),
        build_args: arguments.build_args.clone(),
        target_platform: arguments.platform.clone(),
        is_json: call == Call::Check { is_json: true },
    };
    lint::check(request, session)
}

fn call(text: &str) -> Result<Call, String> {
    match text {
        "build" => Ok(Call::Build),
        "check" | "lint" => Ok(Call::Check { is_json: false }),
        "check,format=json" | "lint,format=json" => Ok(Call::Check { is_json: true }),
        _ => Err("it is one of build, check, check,format=json".to_owned()),
    }
}
