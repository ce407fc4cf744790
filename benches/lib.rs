//! What the measurements share: how a program ends, how commands are run and timed.

#![expect(clippy::print_stdout, reason = "measurements at the terminal")]

use std::path::PathBuf;
use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};

/// A measurement fails with one sentence.
pub type Result<T> = std::result::Result<T, String>;

/// Says why the program `name` failed, if it did, and returns its exit code.
pub fn end(name: &str, result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("{name}: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the `dockwright` that was built beside the measurement.
///
/// # Errors
///
/// When there is none.
pub fn dockwright() -> Result<PathBuf> {
    let here = std::env::current_exe().map_err(|error| error.to_string())?;
    let program = here.with_file_name("dockwright");
    if program.is_file() {
        Ok(program)
    } else {
        Err("build it first: cargo build --release --package dockwright".to_owned())
    }
}

/// Runs a command that must succeed and returns its wall time.
///
/// # Errors
///
/// When it does not, with what it said.
pub fn time(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let output = run(command)?;
    let elapsed = start.elapsed();
    if output.status.success() {
        return Ok(elapsed);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{command:?} ended with {}: {said}", output.status))
}

/// Runs a command that must succeed.
///
/// # Errors
///
/// When it does not, with what it said.
pub fn succeed(command: &mut Command) -> Result<()> {
    time(command).map(|_| ())
}

/// Runs a command and returns what it printed, whatever its end.
///
/// # Errors
///
/// When it cannot be run.
pub fn output(command: &mut Command) -> Result<String> {
    run(command).map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns a duration in milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Returns the value in the middle, the upper one of two; 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn run(command: &mut Command) -> Result<Output> {
    command.output().map_err(|error| format!("cannot run {command:?}: {error}"))
}
