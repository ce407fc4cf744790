//! Long texts in pieces: the time of the library grows faster than the text.

use std::ops::Range;

use crate::shell::{Command, Joint, Script};

/// What the library is given at once, unless one construct is longer. The longest RUN of ten thousand
/// real files is shorter.
const PIECE_BYTES_MAX: usize = 48 << 10;
/// As above.
const N_COMMANDS_MAX: usize = 400;
/// A construct that is longer than this is cut inside too.
const CONSTRUCT_BYTES_MAX: usize = 128 << 10;
/// As above.
const N_CONSTRUCT_COMMANDS_MAX: usize = 800;

/// Codes about what stands far apart: in pieces they would be wrong.
const FAR_CODES: [u16; 8] = [2030, 2031, 2034, 2119, 2120, 2153, 2154, 2317];

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its place.
    pub(super) range: Range<usize>,
    /// How much of what stands around it is in it.
    context: Context,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    /// It is the whole text.
    Whole,
    /// It is cut off between commands that stand in no construct.
    List,
    /// It is a list inside of a construct.
    Construct,
}

impl Piece {
    /// Tells whether a finding of `code` in the piece holds for the text.
    pub(super) fn tells(&self, code: u16) -> bool {
        match self.context {
            Context::Whole => true,
            Context::List => !FAR_CODES.contains(&code),
            Context::Construct => !FAR_CODES.contains(&code) && code >= 2000,
        }
    }
}

/// Returns the pieces of `text`; together they hold every command.
pub(super) fn pieces(script: &Script, text: &str) -> Vec<Piece> {
    let commands = &script.commands;
    let mut pieces = Vec::new();
    let (mut start, mut first) = (0, 0);
    for (index, command) in commands.iter().enumerate() {
        let at = command.range.start;
        let is_full = index - first >= N_COMMANDS_MAX || at - start >= PIECE_BYTES_MAX;
        let before = index.checked_sub(1).and_then(|index| commands.get(index));
        if is_full && command.depth == 0 && before.is_some_and(ends_list_item) {
            add(start..at, commands.get(first..index).unwrap_or_default(), text, &mut pieces);
            (start, first) = (at, index);
        }
    }
    add(start..text.len(), commands.get(first..).unwrap_or_default(), text, &mut pieces);
    if let [only] = pieces.as_mut_slice()
        && only.context == Context::List
    {
        only.context = Context::Whole;
    }
    pieces
}

fn ends_list_item(command: &Command) -> bool {
    command.depth == 0 && matches!(command.joint, Joint::And | Joint::Sequence)
}

fn add(range: Range<usize>, commands: &[Command], text: &str, pieces: &mut Vec<Piece>) {
    if range.len() <= CONSTRUCT_BYTES_MAX && commands.len() <= N_CONSTRUCT_COMMANDS_MAX {
        pieces.push(Piece { range, context: Context::List });
        return;
    }
    // Commands of one depth with nothing but separators between them are a list.
    let is_list = |before: &Command, command: &Command| {
        let between = text.get(before.range.end..command.range.start);
        before.depth == command.depth
            && between.is_some_and(|text| text.trim_matches([' ', '\t', '\n', ';', '&']).is_empty())
    };
    for chunk in commands.chunk_by(is_list).flat_map(|list| list.chunks(N_COMMANDS_MAX)) {
        if let [first, ..] = chunk
            && let Some(last) = chunk.last()
        {
            let range = first.range.start..last.range.end;
            pieces.push(Piece { range, context: Context::Construct });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, n_pieces: usize, context: Context) {
        let script = crate::shell::read(text);
        let pieces = pieces(&script, text);
        assert_eq!(pieces.len(), n_pieces, "{}", &text[..20]);
        assert_eq!(pieces[0].context, context);
        for command in &script.commands {
            let holds = |piece: &Piece| {
                piece.range.start <= command.range.start && command.range.end <= piece.range.end
            };
            assert!(pieces.iter().any(holds), "{command:?}");
        }
        for piece in pieces {
            let part = text[piece.range].trim_end().trim_end_matches([';', '&']);
            assert!(!crate::shell::read(part).is_broken, "{part}");
        }
    }

    #[test]
    fn cuts_stand_between_commands() {
        check("echo $A; echo $B; echo c", 1, Context::Whole);
        check(&"echo $A; ".repeat(1_000), 3, Context::List);
        check(&format!("{} c", "echo $A && ".repeat(1_000)), 3, Context::List);
        let construct = format!("if true; then {} fi;", "a; ".repeat(700));
        check(&format!("{construct} {}", "b; ".repeat(500)), 3, Context::List);
        check(&construct, 1, Context::Whole);
        // The condition, and the branch in threes.
        check(&format!("if true; then {} fi", "a; ".repeat(1_000)), 4, Context::Construct);
    }
}
