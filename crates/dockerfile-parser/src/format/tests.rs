use super::*;
use crate::parse;

#[track_caller]
fn check(text: &str, expected: &str) {
    let options = FormatOptions::default();
    let formatted = format(&parse(text), &options);
    assert_eq!(formatted, expected, "{text:?}");
    assert_eq!(format(&parse(&formatted), &options), expected, "not stable: {text:?}");
}

#[test]
fn one_line_instructions() {
    check("from  a  as b", "FROM a AS b\n");
    check("  copy --from=x   a\tb  /c  \n", "COPY --from=x a b /c\n");
    check("CMD [\"a\",\"b\\n\" , \"\"]\n", "CMD [\"a\", \"b\\n\", \"\"]\n");
    check("RUN  a   b\n", "RUN a   b\n");
    check("CMD -- --x\n", "CMD -- --x\n");
    check("ARG a=1   b\n", "ARG a=1 b\n");
    check("onbuild run x\n", "ONBUILD RUN x\n");
}

#[test]
fn old_pairs_become_new_where_they_mean_the_same() {
    check("ENV a b c\n", "ENV a=\"b c\"\n");
    check("ENV a $b\n", "ENV a=$b\n");
    check("ENV a \"b\" c\n", "ENV a \"b\" c\n");
    check("LABEL a it's\n", "LABEL a it's\n");
}

#[test]
fn continued_lines() {
    check("RUN a && \\\n  b\\\n  c\n", "RUN a \\\n    && b \\\n    c\n");
    check(
        "RUN a;\\\n\tif x; then \\\n\t\ty; \\\n\tfi\n",
        "RUN a; \\\n    if x; then \\\n        y; \\\n    fi\n",
    );
    check("RUN a\\\nb\n", "RUN a\\\nb\n");
    check("RUN \\\na\n", "RUN \\\n    a\n");
    check("RUN a \\\n\n  b\n", "RUN a \\\n    b\n");
    check("RUN a \\\n# c\n  b\n", "RUN a \\\n# c\n    b\n");
    check("RUN echo \"a \\\n b\"  \\\n c\n", "RUN echo \"a \\\n b\" \\\n    c\n");
    check("env a=1 \\\n b=2\n", "ENV a=1 \\\n    b=2\n");
}

#[test]
fn what_stays_as_it_is() {
    check("rnu  x\n", "rnu  x\n");
    check("FROM a\n  # c  \nRUN <<E\n  x  \n\n\nE\n", "FROM a\n  # c  \nRUN <<E\n  x  \n\n\nE\n");
    check("# escape=`\r\nRUN a `\r\n b\r\n", "# escape=`\r\nRUN a `\r\n    b\r\n");
    check("\n# escape=`\nRUN a\n", "\n# escape=`\nRUN a\n");
}

#[test]
fn blank_lines() {
    check("FROM a\n\n\n\nRUN b\n\n\n", "FROM a\n\nRUN b\n");
}

#[test]
fn tabs() {
    let options = FormatOptions { indent: Indent::Tab };
    let text = "RUN a \\\n    b\n";
    assert_eq!(format(&parse(text), &options), "RUN a \\\n\tb\n");
}

#[test]
fn an_instruction_that_comes_to_stand_on_one_line() {
    check("ARG a  b \\\n\n  \n", "ARG a b\n");
    check("ARG a  b \\\n# c\n\r\n", "ARG a b\n# c\r\n");
}

#[test]
fn a_heredoc_without_its_end_stops_where_it_did() {
    check("COPY <<E /x\nb\nRUN  \nCOPY  a b\n", "COPY <<E /x\nb\nRUN  \nCOPY  a b\n");
    check("COPY <<E /x\nb\nRUN  x\n", "COPY <<E /x\nb\nRUN x\n");
}

#[test]
fn an_escape_character_before_an_odd_blank_ends_no_line() {
    check("ARG a  \\\u{b}\nUSER b\n", "ARG a  \\\u{b}\nUSER b\n");
    check("RUN  a  \\\u{b}\nUSER b\n", "RUN  a  \\\u{b}\nUSER b\n");
}

#[test]
fn an_escape_character_too_many_at_the_end_is_kept() {
    check("ENV  a=b c=${d\\\\\\\n", "ENV  a=b c=${d\\\\\\\n");
    check("ENV  a=b c=d\\\\\n", "ENV a=b c=d\\\\\n");
}
