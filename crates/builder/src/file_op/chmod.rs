//! `--chmod`: octal numbers and the symbolic modes of `chmod(1)`.

use std::str::FromStr;

use crate::Error;

/// A `--chmod` value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chmod {
    /// Exactly this mode, 0 to 07777.
    Octal(u32),
    /// Changes to the mode of each file.
    Symbolic(Vec<Clause>),
}

/// One clause of a symbolic mode: `u=rwX`, or one of the actions of `g+r-w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clause {
    /// Whose bits: 1 others, 2 group, 4 user; 0 when none was written, which is all of them.
    who: u32,
    operator: Operator,
    permissions: Permissions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Add,
    Remove,
    Set,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permissions {
    /// `rwx` as 4, 2, 1; `X`; `s`; `t`.
    Bits { rwx: u32, conditional_x: bool, set_id: bool, sticky: bool },
    /// The bits that user (6), group (3) or others (0) have: the shift of their bits.
    CopyOf(u32),
}

impl Chmod {
    /// Returns the mode that a file of mode `mode` gets; only the lowest 12 bits count and come
    /// back. The umask of the build is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// let chmod: dockwright_builder::Chmod = "u=rwX,go=rX".parse()?;
    ///
    /// assert_eq!((chmod.apply(0o600, false), chmod.apply(0o600, true)), (0o644, 0o755));
    /// # Ok::<(), dockwright_builder::Error>(())
    /// ```
    pub fn apply(&self, mode: u32, is_dir: bool) -> u32 {
        match self {
            Self::Octal(octal) => *octal,
            Self::Symbolic(clauses) => {
                clauses.iter().fold(mode & 0o7777, |mode, clause| clause.apply(mode, is_dir))
            }
        }
    }
}

impl Clause {
    fn apply(self, mode: u32, is_dir: bool) -> u32 {
        let who = if self.who == 0 { 7 } else { self.who };
        let spread = |rwx: u32| {
            [(4, 6), (2, 3), (1, 0)]
                .into_iter()
                .filter(|(class, _)| who & class != 0)
                .fold(0, |bits, (_, shift)| bits | rwx << shift)
        };
        let bits = match self.permissions {
            Permissions::CopyOf(shift) => spread(mode >> shift & 7),
            Permissions::Bits { rwx, conditional_x, set_id, sticky } => {
                let x = u32::from(conditional_x && (is_dir || mode & 0o111 != 0));
                let set_id = u32::from(set_id) * ((who & 4) << 9 | (who & 2) << 9);
                let sticky = u32::from(sticky && (self.who == 0 || who & 1 != 0)) << 9;
                spread(rwx | x) | set_id | sticky
            }
        };
        match self.operator {
            Operator::Add => mode | bits,
            Operator::Remove => mode & !bits,
            Operator::Set => {
                // A directory keeps its set-id bits unless they are named, as with chmod(1).
                let set_id = if is_dir { 0 } else { (who & 4) << 9 | (who & 2) << 9 };
                let sticky = if is_dir { 0 } else { (who & 1) << 9 };
                mode & !(spread(7) | set_id | sticky) | bits
            }
        }
    }
}

impl FromStr for Chmod {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return octal(text).map(Self::Octal);
        }
        let wrong = || {
            // Text that starts like a number was meant as one.
            if text.starts_with(|c: char| c.is_ascii_digit()) || text.is_empty() {
                return octal_error(text);
            }
            Error::new(format!("`--chmod={text}` is not a mode"))
                .with_code("invalid-chmod")
                .with_help(
                    "write an octal number such as `755`, or changes such as `u=rwX,go=rX` or `+x`",
                )
        };
        let mut clauses = Vec::new();
        for clause in text.split(',') {
            let start = clause.find(['+', '-', '=']).ok_or_else(wrong)?;
            let (who, mut actions) = clause.split_at(start);
            let who = who.chars().try_fold(0, |who, c| class(c).map(|class| who | class));
            let who = who.ok_or_else(wrong)?;
            while !actions.is_empty() {
                let end = actions[1..].find(['+', '-', '=']).map_or(actions.len(), |end| end + 1);
                let (action, rest) = actions.split_at(end);
                clauses.push(parse_action(who, action).ok_or_else(wrong)?);
                actions = rest;
            }
        }
        Ok(Self::Symbolic(clauses))
    }
}

fn octal(text: &str) -> Result<u32, Error> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| octal_error(text))
}

fn octal_error(text: &str) -> Error {
    Error::new(format!("`--chmod={text}` is not an octal number between 0 and 07777"))
        .with_code("invalid-chmod")
        .with_help("write a number such as `755`, or changes such as `u=rwX,go=rX` or `+x`")
}

/// One of `ugoa` as bits: 4 user, 2 group, 1 others.
fn class(c: char) -> Option<u32> {
    match c {
        'u' => Some(4),
        'g' => Some(2),
        'o' => Some(1),
        'a' => Some(7),
        _ => None,
    }
}

/// An operator and what follows: `+rx`, `=u`, `-`.
fn parse_action(who: u32, action: &str) -> Option<Clause> {
    let operator = match action.as_bytes().first()? {
        b'+' => Operator::Add,
        b'-' => Operator::Remove,
        _ => Operator::Set,
    };
    let permissions = match &action[1..] {
        "u" => Permissions::CopyOf(6),
        "g" => Permissions::CopyOf(3),
        "o" => Permissions::CopyOf(0),
        letters => {
            let (mut rwx, mut conditional_x, mut set_id, mut sticky) = (0, false, false, false);
            for letter in letters.chars() {
                match letter {
                    'r' => rwx |= 4,
                    'w' => rwx |= 2,
                    'x' => rwx |= 1,
                    'X' => conditional_x = true,
                    's' => set_id = true,
                    't' => sticky = true,
                    _ => return None,
                }
            }
            Permissions::Bits { rwx, conditional_x, set_id, sticky }
        }
    };
    Some(Clause { who, operator, permissions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, mode: u32, is_dir: bool, expected: u32) {
        let chmod: Chmod = text.parse().expect("a mode");
        let mode = chmod.apply(mode, is_dir);
        assert_eq!(mode, expected, "{text}: {mode:o} instead of {expected:o}");
    }

    #[test]
    fn modes_are_applied_as_chmod_does() {
        for (text, mode, is_dir, expected) in [
            ("755", 0o600, false, 0o755),
            ("0", 0o600, false, 0),
            ("1777", 0o755, true, 0o1777),
            ("+x", 0o644, false, 0o755),
            ("u+x", 0o644, false, 0o744),
            ("a=r", 0o777, false, 0o444),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o700, false, 0o755),
            ("u=rwX,go=rX", 0o700, true, 0o755),
            ("g=u", 0o640, false, 0o660),
            ("go-rwx", 0o644, false, 0o600),
            ("u+s", 0o755, false, 0o4755),
            ("g+s", 0o755, true, 0o2755),
            ("+t", 0o755, true, 0o1755),
            ("u=rw", 0o4755, false, 0o655),
            ("g+r-x", 0o611, false, 0o641),
            ("u=", 0o755, false, 0o055),
        ] {
            check(text, mode, is_dir, expected);
        }
    }

    #[test]
    fn wrong_modes_are_refused() {
        for text in ["", "64a", "10000", "8", "rwx", "u~x", "u+q", "z+x", "99999999999", "u+x,"] {
            assert!(text.parse::<Chmod>().is_err(), "{text}");
        }
    }
}
