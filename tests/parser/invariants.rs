//! Random texts through what must hold for every text.

use proptest::prelude::*;

use super::checks;

/// Pieces of which texts are made: what means something somewhere.
pub(super) const PIECES: &[&str] = &[
    "FROM",
    "RUN",
    "COPY",
    "ADD",
    "ENV",
    "LABEL",
    "ARG",
    "CMD",
    "ONBUILD",
    "HEALTHCHECK",
    "SHELL",
    "VOLUME",
    "EXPOSE",
    "USER",
    "from",
    "AS",
    " ",
    " ",
    " ",
    "  ",
    "\t",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\\\n",
    "\\\n",
    " \\\n",
    "`\n",
    "\\",
    "#",
    "# c\n",
    "# escape=`\n",
    "# check=skip=all\n",
    "\"",
    "'",
    "$",
    "${",
    "}",
    "${a:-b}",
    "${a#*}",
    "$a",
    "<<E",
    "<<-E",
    "<< E",
    "<<\"E\"",
    "<<E|x",
    "\nE\n",
    "\n\tE\n",
    "E",
    "--from=a",
    "--mount=type=cache,target=/x",
    "--",
    "--x",
    "=",
    "a=b",
    "[",
    "]",
    "[\"a\", \"b\"]",
    "[\"a\\n\"]",
    "[1]",
    ",",
    "é",
    "\u{a0}",
    "\u{feff}",
    "\0",
    "x",
    "&&",
    "|| ",
    "0",
    "NONE",
    "CMD x",
    "/a b",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn parsing_is_total_and_lossless(text in text()) {
        checks::parsing(&text);
    }

    #[test]
    fn bytes_that_are_no_text_are_kept(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        checks::bytes(&bytes);
    }

    #[test]
    fn formatting_is_stable_and_changes_no_meaning(text in text()) {
        prop_assert_eq!(checks::formatting(&text), Ok(()));
    }

    #[test]
    fn expanding_ends(text in text()) {
        checks::expanding(&text);
    }

    #[test]
    fn a_walk_never_misses_what_is_taken_back(text in "[a*?!/.\\[\\]\n\\\\-]{0,20}", path in "[a./]{1,8}") {
        checks::ignoring(&text, &path);
    }

    #[test]
    fn edits_touch_their_own_bytes_alone(text in text(), index in 0_usize..4, value in "[ -~]{0,8}") {
        checks::editing(&text, index, &value);
    }
}
