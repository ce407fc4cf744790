//! Faults of syntax, and what hides them: SC1xxx.

use super::rows;

rows! {
    1001 Info "needless-backslash"
        "a backslash before a letter that needs none";
        "The shell drops it, so `\\d` is `d`." "Leave it out, or write two for a backslash.";
    1003 Info "quote-in-single-quotes"
        "a backslash before the end of single quotes";
        "Inside single quotes a backslash is plain text and escapes nothing."
        "Write `'\\''` for a single quote inside single quotes.";
    1004 Warning "line-end-in-single-quotes"
        "a backslash at a line end inside single quotes";
        "It does not join the lines there; both characters stay."
        "Close the quotes before the line end, or use double quotes.";
    1007 Warning "blank-after-equals"
        "a blank after the `=` of an assignment";
        "`x= cmd` runs `cmd` with an empty `x`." "Write `x=value`, or `x=''` for an empty value.";
    1008 Error "unknown-shebang"
        "a shell that ShellCheck does not know";
        "Its syntax is not known, so the text is not looked at."
        "Name `sh`, `bash`, `dash` or `ksh`.";
    1009 Info "fault-inside"
        "the construct that the syntax error stands in";
        "The error stopped the reading of this construct." "Correct the syntax error.";
    1010 Warning "keyword-as-argument"
        "a keyword that is taken as an argument";
        "`do`, `done`, `fi` and `then` are keywords only where a command may start."
        "Put a `;` or a line end in front of it, or quote it.";
    1011 Warning "quote-ends-early"
        "an apostrophe that ends single quotes";
        "What follows is outside the quotes." "Write `'\\''`, or use double quotes.";
    1012 Warning "literal-control-escape"
        "`\\t`, `\\n` or `\\r` outside quotes";
        "The shell makes a plain letter of it." "Use `printf`, or `$(printf '\\t')`.";
    1019 Error "missing-test-operand"
        "a unary test without its operand";
        "The test has nothing to look at." "Add the operand.";
    1020 Error "no-blank-before-bracket"
        "no blank before the `]` that ends a test";
        "The `]` becomes part of the last word." "Put a blank in front of it.";
    1035 Error "missing-blank"
        "a blank is missing";
        "Two words are read as one." "Put a blank between them.";
    1036 Error "unexpected-parenthesis"
        "a `(` that cannot stand here";
        "It needs quotes to be plain text." "Quote or escape it.";
    1037 Error "two-digit-parameter"
        "a parameter with two digits and no braces";
        "`$10` is `$1` with a `0` behind it." "Write `${10}`.";
    1039 Error "indented-heredoc-end"
        "blanks before the end of a heredoc";
        "The line does not end the heredoc."
        "Start the line with the marker, or use `<<-` and tabs.";
    1040 Error "heredoc-end-with-blanks"
        "blanks before the end of a `<<-` heredoc";
        "Only tabs are cut there." "Indent the marker with tabs.";
    1041 Error "heredoc-end-with-text"
        "text before the end of a heredoc";
        "The marker must stand alone on its line." "Put the marker on a line of its own.";
    1042 Error "heredoc-end-in-other-case"
        "a line that is almost the end of a heredoc";
        "It does not end the heredoc." "Write the marker just as after `<<`.";
    1044 Error "heredoc-without-end"
        "a heredoc without its end";
        "Everything to the end of the text is its body." "Add the line with the marker.";
    1045 Error "background-and-semicolon"
        "`&;`";
        "`&` ends a command by itself." "Leave out the `;`.";
    1046 Error "if-without-fi"
        "an `if` without its `fi`";
        "The text ends inside the condition." "Add the `fi`.";
    1047 Error "fi-expected"
        "no `fi` where one is needed";
        "The `if` that was opened is not closed." "Add the `fi`.";
    1048 Error "then-without-command"
        "a `then` or `else` without a command";
        "At least one command is needed." "Put a command in, `:` if nothing is to be done.";
    1049 Error "if-without-then"
        "an `if` without its `then`";
        "The condition has no end." "Add `; then` after the condition.";
    1050 Error "then-expected"
        "no `then` where one is needed";
        "The `if` that was opened has no `then`." "Add `; then` after the condition.";
    1054 Error "blank-after-brace"
        "no blank after `{`";
        "`{` is a keyword only as a word of its own." "Put a blank after it.";
    1056 Error "brace-expected"
        "no `}` where one is needed";
        "`}` is a keyword only where a command may start."
        "Put `;` or a line end in front of the `}`.";
    1057 Error "do-forgotten"
        "a loop without its `do`";
        "The head of the loop has no end." "Add `; do`.";
    1058 Error "do-expected"
        "no `do` where one is needed";
        "The loop that was opened has no `do`." "Add `; do`.";
    1061 Error "loop-without-done"
        "a loop without its `done`";
        "The text ends inside the loop." "Add the `done`.";
    1062 Error "done-expected"
        "no `done` where one is needed";
        "The `do` that was opened is not closed." "Add the `done`.";
    1064 Error "function-without-brace"
        "a function without a body in braces";
        "The body of a function is a group." "Open the body with `{`.";
    1065 Error "function-with-parameters"
        "parameters between the parentheses of a function";
        "A function takes what it is given as `$1`, `$2` and so on." "Leave the parentheses empty.";
    1069 Error "blank-before-bracket"
        "no blank before `[`";
        "`if[` is taken as a name." "Put a blank between them.";
    1070 Error "parsing-stopped"
        "the reading stopped here";
        "Something that cannot stand here ended it early." "Correct what stands here.";
    1071 Error "unsupported-shell"
        "a shell that is none of sh, bash, dash and ksh";
        "The text is not looked at." "Turn the finding off, or use another shell.";
    1072 Error "syntax-error"
        "a syntax error";
        "The shell will refuse this text." "Correct what is named.";
    1073 Error "construct-with-fault"
        "a construct that could not be read";
        "A syntax error stands in it." "Correct the syntax error.";
    1074 Error "case-without-end"
        "no `;;` after the branch of a `case` before this one";
        "The branch goes on here." "Add `;;`.";
    1075 Error "else-if"
        "`else if` where `elif` is meant";
        "It opens an `if` that needs a `fi` of its own." "Write `elif`.";
    1076 Error "arithmetic-in-test"
        "arithmetic in a test without `$(( ))`";
        "It is not computed." "Write `$((…))`.";
    1078 Warning "unclosed-quote"
        "a quote that may be missing its end";
        "The text goes on long after it." "Close the quote.";
    1079 Info "suspect-quote"
        "a quote that ends before text without a blank";
        "The quote may close the one before it." "Look whether a quote is missing or too many.";
    1080 Error "line-end-in-test"
        "a line end inside `[ ]`";
        "A test ends with its line." "Join the lines with `\\`.";
    1083 Warning "literal-brace"
        "a brace that is plain text";
        "It opens no group here." "Quote it, or put `;` in front of `}`.";
    1085 Error "branch-without-semicolons"
        "a branch of a `case` that does not end";
        "The next branch cannot start here." "Put `;;` in front of it.";
    1087 Error "array-without-braces"
        "an array element without braces";
        "`$a[1]` is `$a` with `[1]` behind it." "Write `${a[1]}`.";
    1088 Error "parameters-of-function"
        "a parenthesis that cannot stand here";
        "A function or a call has no parameter list." "Quote the parenthesis, or leave it out.";
    1089 Error "keyword-without-match"
        "a keyword that closes nothing";
        "What it should close is not open." "Remove it, or open the construct.";
    1097 Error "comparison-as-assignment"
        "`==` in an assignment";
        "The value starts with `=`." "Write one `=`, or a test in brackets.";
    1101 Error "blank-after-backslash"
        "a blank after the `\\` at a line end";
        "The `\\` escapes the blank, and the line ends." "Remove the blank.";
    1102 Error "subshell-or-arithmetic"
        "`$((` that opens a command";
        "Shells differ in how they read it." "Put a blank between the parentheses.";
    1105 Error "subshell-or-arithmetic-command"
        "`((` that opens a command";
        "Shells differ in how they read it." "Put a blank between the parentheses.";
    1112 Error "unicode-single-quote"
        "a curly single quote";
        "The shell takes it as text." "Type it anew.";
    1118 Error "blank-after-heredoc-end"
        "blanks after the end of a heredoc";
        "The line does not end the heredoc." "Remove the blanks.";
    1127 Error "foreign-comment"
        "a comment of another language";
        "The shell runs it as a command." "Use `#`.";
    1128 Error "late-shebang"
        "a shebang that is not on the first line";
        "It is a comment there." "Move it to the top.";
    1132 Warning "background-without-blank"
        "`&` without a blank behind it";
        "The word after it is a new command." "Escape the `&`, or put a blank behind it.";
    1133 Error "operator-at-line-start"
        "an operator at the start of a line";
        "It must end the line before." "Move it there.";
    1140 Error "text-after-test"
        "text after the end of a test";
        "A test ends with its bracket." "Put an operator between them.";
    1141 Error "text-after-construct"
        "text after the end of a compound command";
        "Only redirections may follow it." "Put `;` or a line end between them.";
    1143 Error "backslash-in-comment"
        "a `\\` at the end of a comment";
        "It does not join lines there." "Remove it, or end the command before.";
}
