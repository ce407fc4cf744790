//! Commands that no code is about, blanked out before the library is asked: most words of real RUNs
//! are names of packages, and its time goes by words.

use crate::shell::{Command, Joint, Script, Word};

/// Programs whose plain arguments no code is about.
const PROGRAMS: [&str; 60] = [
    "a2enmod",
    "addgroup",
    "adduser",
    "apk",
    "apt",
    "apt-cache",
    "apt-get",
    "apt-key",
    "apt-mark",
    "bundle",
    "bzip2",
    "cargo",
    "chgrp",
    "chmod",
    "chown",
    "cmake",
    "composer",
    "conda",
    "corepack",
    "curl",
    "debconf-set-selections",
    "dnf",
    "docker-php-ext-configure",
    "docker-php-ext-enable",
    "docker-php-ext-install",
    "dpkg",
    "dpkg-reconfigure",
    "gem",
    "git",
    "go",
    "gpg",
    "groupadd",
    "gunzip",
    "gzip",
    "java",
    "javac",
    "ldconfig",
    "locale-gen",
    "make",
    "microdnf",
    "mvn",
    "node",
    "npm",
    "npx",
    "pecl",
    "pip",
    "pip3",
    "pnpm",
    "python",
    "python3",
    "rpm",
    "tar",
    "touch",
    "unzip",
    "useradd",
    "usermod",
    "wget",
    "yarn",
    "yum",
    "zypper",
];

/// Programs that no code is about when all their arguments are plain, or one that we give ourselves.
const PROGRAMS_PLAIN: [&str; 18] = [
    "chsh",
    "cp",
    "echo",
    "gunzip",
    "install",
    "ldconfig",
    "ln",
    "mkdir",
    "mv",
    "rm",
    "rmdir",
    "service",
    "strip",
    "sync",
    "systemctl",
    "true",
    "update-alternatives",
    "update-ca-certificates",
];

/// Words that the shell reads as its own in some places.
const RESERVED: [&str; 16] = [
    "!", "case", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in",
    "select", "then", "until", "while",
];

/// Returns `text` with the plain arguments of such commands as blanks, so that places stay; `None`
/// when nothing else is in it.
pub(super) fn without(script: &Script, text: &str) -> Option<String> {
    if script.is_broken || script.stop.is_some() {
        return Some(text.to_owned());
    }
    let mut out = text.as_bytes().to_vec();
    let mut is_all = true;
    for command in &script.commands {
        let is_known = is_known(command, text) || is_known_plain(command, text);
        let mut is_plain = is_known && command.assignments.is_empty();
        for word in command.words.iter().skip(1).filter(|_| is_known) {
            if is_plain_word(text.get(word.range.clone()).unwrap_or_default()) {
                if let Some(place) = out.get_mut(word.range.clone()) {
                    place.fill(b' ');
                }
            } else {
                is_plain = false;
            }
        }
        is_all &= is_plain;
    }
    let is_joined = |b: u8| b.is_ascii_alphanumeric() || b" \t-&;".contains(&b);
    let is_all = is_all && !script.commands.is_empty() && out.iter().all(|b| is_joined(*b));
    // Only blanks of one byte were put in for bytes of ASCII.
    (!is_all).then(|| String::from_utf8(out).unwrap_or_else(|_| text.to_owned()))
}

fn is_known(command: &Command, text: &str) -> bool {
    let name = command.words.first().and_then(|word| text.get(word.range.clone()));
    name.is_some_and(|name| PROGRAMS.binary_search(&name).is_ok())
}

fn is_known_plain(command: &Command, text: &str) -> bool {
    let mut words =
        command.words.iter().map(|word| text.get(word.range.clone()).unwrap_or_default());
    let is_known = words.next().is_some_and(|name| PROGRAMS_PLAIN.contains(&name));
    // `$(echo a)` and `echo a | b` have codes of their own.
    let is_alone = command.depth == 0 && command.joint != Joint::Pipe;
    is_known
        && is_alone
        && words.all(is_plain_word)
        && (!command.is("echo") || is_plain_echo(command))
}

/// Options of `echo` and blanks between its words have codes of their own.
fn is_plain_echo(command: &Command) -> bool {
    let is_apart = |two: &[Word]| matches!(two, [a, b] if a.range.end + 1 == b.range.start);
    !command.words.iter().any(Word::is_flag) && command.words.windows(2).all(is_apart)
}

/// Tells whether no character of a word means anything to the shell.
fn is_plain_word(word: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:,@%+=".contains(&b);
    word.bytes().all(is_plain) && !word.starts_with('=') && !RESERVED.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted() {
        let mut sorted = PROGRAMS;
        sorted.sort_unstable();
        assert_eq!(PROGRAMS, sorted);
    }

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let blanked = without(&crate::shell::read(text), text);
        assert_eq!(blanked.as_deref(), expected, "{text}");
    }

    #[test]
    fn what_stays() {
        check("apt-get update && apt-get install -y a b=1", None);
        check("apt-get install -y a; cd /x", Some(&format!("apt-get{}; cd /x", " ".repeat(13))));
        check("apt-get add $X a", Some("apt-get     $X  "));
        check("A=1 apt-get x", Some("A=1 apt-get  "));
        check("if true; then apt-get x; fi", Some("if true; then apt-get  ; fi"));
        check("make 'a", Some("make 'a"));
        check("echo a", None);
        check("echo a > b", Some("echo   > b"));
        check("echo a | b", Some("echo a | b"));
        check("echo a  b", Some("echo a  b"));
        check("echo -e a", Some("echo -e a"));
        check("cat a", Some("cat a"));
    }
}
