//! `--no-cache=true` and `--push=false`, as docker's scripts write them: flags that take no value
//! may be given one, and the last one counts.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, Command};

/// Returns the arguments with each `--flag=true` as `--flag` and without the flags that are false.
///
/// `arguments` begin with the program's name. What stands behind the image of `run` belongs to the
/// program in it and stays as it is, and so does all behind `--`.
pub(super) fn spelled_out(arguments: Vec<OsString>, program: &Command) -> Vec<OsString> {
    // Knowing all options of all commands costs more than linting a file does.
    if !arguments.iter().filter_map(|it| it.to_str()).any(may_be_boolean) {
        return arguments;
    }
    let mut program = program.clone();
    program.build();
    let mut command: &Command = &program;
    let mut result = Vec::with_capacity(arguments.len());
    let mut arguments = arguments.into_iter();
    result.extend(arguments.next());
    while let Some(argument) = arguments.next() {
        let text = argument.to_str().unwrap_or_default();
        if text == "--" {
            result.push(argument);
            break;
        }
        let Some(flag) = option(command, text) else {
            let is_positional = !text.starts_with('-') || text == "-";
            match command.find_subcommand(text) {
                Some(inner) if is_positional => command = inner,
                _ if is_positional && ends_options(command) => {
                    result.push(argument);
                    break;
                }
                _ => {}
            }
            result.push(argument);
            continue;
        };
        if matches!(flag.get_action(), ArgAction::SetTrue) {
            match text.split_once('=').map(|(name, value)| (name, boolean(value))) {
                Some((name, Some(true))) => result.push(name.into()),
                Some((_, Some(false))) => result.retain(|earlier| !is_same(flag, earlier)),
                _ => result.push(argument),
            }
        } else {
            let has_value = text.contains('=') || (!text.starts_with("--") && text.len() > 2);
            let takes_next = flag.get_action().takes_values() && !flag.is_require_equals_set();
            result.push(argument);
            if takes_next && !has_value {
                result.extend(arguments.next());
            }
        }
    }
    result.extend(arguments);
    result
}

fn may_be_boolean(argument: &str) -> bool {
    argument
        .split_once('=')
        .is_some_and(|(name, value)| name.starts_with('-') && boolean(value).is_some())
}

/// The option that an argument names: `--long`, `--long=value`, `-s`, `-s=value`, `-svalue`.
fn option<'a>(command: &'a Command, text: &str) -> Option<&'a Arg> {
    if let Some(long) = text.strip_prefix("--") {
        let name = long.split('=').next();
        let is_meant = |arg: &&Arg| {
            arg.get_long() == name
                || arg.get_all_aliases().is_some_and(|all| all.iter().any(|it| Some(*it) == name))
        };
        return command.get_arguments().find(is_meant);
    }
    let short = text.strip_prefix('-')?.chars().next()?;
    command.get_arguments().find(|arg| arg.get_short() == Some(short))
}

fn is_same(flag: &Arg, argument: &OsStr) -> bool {
    let Some(text) = argument.to_str() else { return false };
    text.strip_prefix("--").is_some_and(|long| flag.get_long() == Some(long))
        || flag.get_short().is_some_and(|short| text == format!("-{short}"))
}

/// Whether the first word that is no option ends the options, as in `run IMAGE COMMAND -x`.
fn ends_options(command: &Command) -> bool {
    command.get_positionals().any(Arg::is_trailing_var_arg_set)
}

/// The words that Go's `strconv.ParseBool` knows.
fn boolean(word: &str) -> Option<bool> {
    match word {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn check(input: &str, expected: &str) {
        let arguments = input.split(' ').map(OsString::from).collect();
        let result = spelled_out(arguments, &<crate::cli::Cli>::command());
        let result: Vec<_> = result.iter().filter_map(|it| it.to_str()).collect();
        assert_eq!(result.join(" "), expected, "{input}");
    }

    #[test]
    fn flags_may_have_a_value() {
        for (input, expected) in [
            ("dockwright build --no-cache=true .", "dockwright build --no-cache ."),
            ("dockwright build --push=false --load=1 .", "dockwright build --load ."),
            ("dockwright build --push --push=false .", "dockwright build ."),
            ("dockwright build -q -q=f .", "dockwright build ."),
            ("dockwright --store s build -q=T .", "dockwright --store s build -q ."),
            ("dockwright build --no-cache=maybe .", "dockwright build --no-cache=maybe ."),
            ("dockwright cache prune --all=true", "dockwright cache prune --all"),
        ] {
            check(input, expected);
        }
    }

    #[test]
    fn what_belongs_to_others_stays() {
        for same in [
            "dockwright run centos prog --rm=true",
            "dockwright run -e --rm=true centos",
            "dockwright build --build-arg --pull=true .",
            "dockwright build -t --pull=true .",
            "dockwright build -- --pull=true",
            "dockwright build --timings --label pull=true .",
        ] {
            check(same, same);
        }
        check("dockwright run --rm=true centos ls", "dockwright run --rm centos ls");
    }
}
