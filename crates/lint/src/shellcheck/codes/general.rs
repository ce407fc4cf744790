//! Faults of meaning: SC2xxx.

use super::rows;

rows! {
    2001 Style "sed-for-substitution"
        "`sed` for a replacement that the shell can do";
        "It starts a process." "Write `${name//old/new}`.";
    2003 Style "expr-command"
        "`expr` for arithmetic";
        "It starts a process." "Write `$((…))`.";
    2004 Style "dollar-in-arithmetic"
        "a `$` before a name in arithmetic";
        "Names are values there." "Leave it out.";
    2005 Style "useless-echo"
        "`echo` of a command's output";
        "The command prints it itself." "Run the command alone.";
    2006 Style "backticks"
        "backticks";
        "They nest badly and treat backslashes in their own way." "Write `$(…)`.";
    2007 Style "bracket-arithmetic"
        "`$[…]`";
        "It is an old form." "Write `$((…))`.";
    2009 Info "ps-grep"
        "`grep` in the output of `ps`";
        "It finds itself, and the columns differ." "Use `pgrep`.";
    2010 Warning "ls-grep"
        "`grep` in the output of `ls`";
        "Names may hold line ends." "Use a pattern or `find`.";
    2011 Warning "ls-xargs"
        "`ls` into `xargs`";
        "Names may hold blanks." "Use `find -print0` and `xargs -0`.";
    2012 Info "parsed-ls"
        "the output of `ls` is read";
        "Names may hold line ends." "Use a pattern or `find`.";
    2013 Info "for-over-lines"
        "a `for` loop over the lines of a file";
        "It goes over words." "Use `while read -r`.";
    2014 Info "early-expansion-in-find"
        "an expansion in `find -exec` that happens once";
        "It happens before `find` runs." "Run `sh -c` with single quotes.";
    2015 Info "and-or-chain"
        "`a && b || c` as if it were an `if`";
        "`c` runs also when `b` fails." "Write `if a; then b; else c; fi`.";
    2016 Info "expansion-in-single-quotes"
        "an expansion in single quotes";
        "Single quotes keep it as text." "Use double quotes if it is to be expanded.";
    2018 Info "tr-lower-range"
        "a range of lower-case letters in `tr`";
        "Other alphabets are left out." "Write `'[:lower:]'`.";
    2019 Info "tr-upper-range"
        "a range of capitals in `tr`";
        "Other alphabets are left out." "Write `'[:upper:]'`.";
    2021 Info "tr-brackets"
        "brackets around a range of `tr`";
        "They are replaced too." "Leave them out.";
    2022 Info "glob-as-regex"
        "a pattern of the shell where a regular expression is meant";
        "`*` repeats what stands before it." "Write `.*`.";
    2024 Warning "sudo-redirection"
        "a redirection after `sudo`";
        "The shell opens the file, not `sudo`." "Use `sudo tee`.";
    2026 Info "word-between-quotes"
        "a word that stands outside the quotes";
        "The quotes end in front of it." "Escape the quotes.";
    2027 Warning "quotes-in-quotes"
        "quotes that end the quotes around them";
        "What stands between is not quoted." "Escape the inner quotes.";
    2028 Info "echo-escapes"
        "`echo` with escape sequences";
        "Shells differ in whether they expand them." "Use `printf`.";
    2029 Info "ssh-local-expansion"
        "an expansion in the command of `ssh`";
        "It happens on this side." "Escape the `$`.";
    2030 Info "change-in-subshell"
        "a variable changed in a subshell";
        "The change is lost at its end." "Change it outside.";
    2031 Info "change-was-in-subshell"
        "a variable whose change was lost in a subshell";
        "It still has the old value." "Change it outside of the subshell.";
    2034 Warning "unused-variable"
        "a variable that is never used";
        "The name may be misspelt." "Use it, export it, or take it out.";
    2035 Info "glob-may-be-option"
        "a pattern that may give a name with a `-` first";
        "The program takes it as an option." "Write `./*`, or put `--` in front.";
    2038 Warning "find-xargs"
        "`find` into `xargs` without `-print0`";
        "Names may hold blanks." "Use `-print0` and `xargs -0`, or `-exec … +`.";
    2043 Warning "loop-over-one"
        "a loop over a single word";
        "It runs once." "Leave the loop out, or list more words.";
    2044 Warning "for-over-find"
        "a `for` loop over the output of `find`";
        "Names may hold blanks." "Use `find -exec`, or `while read`.";
    2045 Error "for-over-ls"
        "a `for` loop over the output of `ls`";
        "Names may hold blanks." "Loop over a pattern.";
    2046 Warning "unquoted-substitution"
        "a `$(…)` without double quotes";
        "The output is split at blanks and its patterns match files." "Put it in double quotes.";
    2048 Warning "unquoted-star"
        "`$*` without quotes";
        "Arguments are split again." "Write `\"$@\"`.";
    2050 Warning "constant-test"
        "a test of constants";
        "It always has one result." "A `$` may be missing.";
    2053 Warning "unquoted-pattern"
        "an unquoted variable right of `=` in `[[ ]]`";
        "It is taken as a pattern." "Quote it.";
    2054 Warning "commas-in-array"
        "commas in an array";
        "They become part of the elements." "Separate elements by blanks.";
    2059 Info "variable-in-format"
        "a variable in the format of `printf`";
        "Its `%` and `\\` are expanded." "Write `printf '%s' \"$x\"`.";
    2060 Warning "unquoted-tr"
        "a range of `tr` without quotes";
        "A file of that name replaces it." "Quote it.";
    2061 Warning "unquoted-find-pattern"
        "a pattern of `find` without quotes";
        "The shell expands it first." "Quote it.";
    2062 Warning "unquoted-grep-pattern"
        "a pattern of `grep` without quotes";
        "The shell expands it first." "Quote it.";
    2063 Warning "glob-in-grep"
        "a `*` at the start of a `grep` pattern";
        "It is plain text there." "Write `.*`, or leave it out.";
    2064 Warning "early-trap"
        "double quotes around a `trap`";
        "Variables are expanded now, not when it runs." "Use single quotes.";
    2066 Error "quoted-list-in-for"
        "a quoted list in a `for`";
        "The loop runs once." "Take the quotes away, or use an array.";
    2068 Error "unquoted-arguments"
        "`$@` without quotes";
        "Arguments are split again." "Write `\"$@\"`.";
    2069 Warning "stderr-before-stdout"
        "`2>&1` before the redirection of standard output";
        "Standard error goes to where standard output was." "Put it last.";
    2070 Error "unquoted-n-test"
        "`-n` with an unquoted argument";
        "Without quotes it is always true." "Quote it.";
    2071 Error "string-comparison"
        "`<` or `>` between numbers";
        "They compare text." "Use `-lt`, `-gt` and the like.";
    2072 Error "decimal-comparison"
        "a decimal number in a comparison";
        "The shell has whole numbers only." "Use `bc` or `awk`.";
    2076 Warning "quoted-regex"
        "quotes right of `=~`";
        "They make it plain text." "Take them away.";
    2078 Error "constant-string-test"
        "a test of a constant";
        "It is always true." "A `$` may be missing.";
    2080 Error "octal-number"
        "a number with a zero in front";
        "It is octal." "Leave the zero out, or write `10#`.";
    2081 Error "glob-in-bracket"
        "a pattern right of `=` in `[ ]`";
        "It is compared as text." "Use `case` or `[[ ]]`.";
    2082 Error "indirect-variable"
        "`$` before a name with an expansion";
        "It does not expand twice." "Use `${!name}` in bash, or an array.";
    2086 Info "unquoted-variable"
        "a variable without double quotes";
        "The value is split at blanks and its `*`, `?` and `[` match files."
        "Put it in double quotes.";
    2088 Warning "quoted-tilde"
        "a `~` in quotes";
        "It is not expanded there." "Write `$HOME`.";
    2089 Warning "quotes-in-variable"
        "quotes in the value of a variable";
        "They are text when it is used." "Use an array, or `set --`.";
    2090 Warning "quotes-from-variable"
        "a variable with quotes in its value";
        "They are text here." "Use an array, or `\"$@\"`.";
    2091 Warning "output-as-command"
        "the output of `$(…)` is run";
        "The command's output is taken as a command." "Take the `$(…)` away.";
    2092 Warning "backticks-as-command"
        "the output of backticks is run";
        "The command's output is taken as a command." "Take the backticks away.";
    2094 Info "read-and-write"
        "a file that is read and written in one pipeline";
        "It may be emptied before it is read." "Write to another file and move it.";
    2097 Warning "assignment-for-other"
        "an assignment in front of a command whose arguments use it";
        "Arguments are expanded before it takes effect." "Assign on a line of its own.";
    2098 Warning "use-of-prefix-assignment"
        "a use of a variable that the same command sets in front";
        "It still has the old value." "Assign on a line of its own.";
    2100 Warning "arithmetic-in-assignment"
        "a calculation without `$(( ))`";
        "It is plain text." "Write `$((…))`.";
    2102 Info "word-in-brackets"
        "a word in `[ ]` of a pattern";
        "It matches one of its letters." "Use braces or `case`; quote brackets that are text.";
    2103 Info "cd-and-back"
        "`cd` there and back";
        "Between them everything depends on it." "Use a subshell.";
    2104 Error "continue-outside-loop"
        "`break` or `continue` in a function";
        "There is no loop." "Use `return`.";
    2105 Error "break-outside-loop"
        "`break` or `continue` outside of loops";
        "There is no loop." "Use `exit`.";
    2112 Error "function-keyword-in-sh"
        "`function name()` in `sh`";
        "Only some shells have it." "Write `name()`.";
    2113 Warning "function-keyword"
        "`function name` in `sh`";
        "Only some shells have it." "Write `name()`.";
    2114 Warning "dangerous-rm"
        "`rm -r` of a system folder";
        "The system is lost." "Name what is below it.";
    2115 Warning "rm-of-variable"
        "`rm -r` of a path that starts with a variable";
        "With an empty variable it starts at `/`." "Write `\"${name:?}/…\"`.";
    2116 Style "useless-echo-substitution"
        "`$(echo …)`";
        "It gives what it is given." "Write the words themselves.";
    2117 Info "su-in-script"
        "`su` without a command";
        "What follows runs as the first user." "Use `su -c`.";
    2119 Info "function-without-arguments"
        "a call that passes no arguments";
        "The function reads `$1`." "Pass `\"$@\"`.";
    2120 Warning "arguments-never-passed"
        "a function reads arguments that nobody passes";
        "They are empty." "Pass them.";
    2121 Warning "set-for-assignment"
        "`set` for an assignment";
        "It sets the arguments." "Write `name=value`.";
    2124 Warning "arguments-in-string"
        "all arguments in one text";
        "They are joined." "Use an array, or `$*`.";
    2125 Warning "glob-in-assignment"
        "braces or a pattern in an assignment";
        "They are not expanded there." "Use an array or a loop.";
    2126 Style "grep-wc"
        "`grep` into `wc -l`";
        "`grep` can count." "Use `grep -c`.";
    2127 Error "case-fall-through"
        "`;&` or `;;&` in `sh`";
        "Only some shells have it." "Repeat the commands, or use `if`.";
    2128 Warning "array-without-index"
        "an array without an index";
        "It gives the first element." "Write `\"${a[@]}\"`.";
    2129 Style "many-redirections"
        "many redirections to one file";
        "Each opens it anew." "Group the commands: `{ a; b; } >> file`.";
    2139 Warning "early-alias"
        "an expansion in an alias";
        "It happens now." "Use single quotes.";
    2140 Warning "quotes-around-words"
        "quotes that end in the middle of a word";
        "What stands between is not quoted." "Escape the inner quotes.";
    2141 Warning "ifs-backslash"
        "a backslash in `IFS`";
        "It is a character there." "Use `$'\\n'`, or `printf`.";
    2142 Error "alias-with-arguments"
        "arguments in an alias";
        "An alias has none." "Use a function.";
    2143 Style "grep-in-test"
        "the output of `grep` in a test";
        "Its exit status says the same." "Use `grep -q`.";
    2144 Error "glob-in-test"
        "a pattern in a file test";
        "It may match several files." "Use a loop.";
    2145 Error "arguments-joined"
        "`$@` inside a longer text";
        "It makes several words." "Use `$*`.";
    2146 Info "find-or"
        "`-o` in `find` without parentheses";
        "The action belongs to the last part." "Use `\\( … \\)`.";
    2153 Info "maybe-misspelt"
        "a variable that may be misspelt";
        "Another one has almost the same name." "Correct the name.";
    2154 Warning "unassigned-variable"
        "a variable that is never assigned";
        "It is empty." "Assign it, or declare it with ARG or ENV.";
    2155 Warning "masked-status"
        "a declaration that hides the exit status of a substitution";
        "The declaration itself succeeds." "Declare and assign on two lines.";
    2156 Warning "braces-in-shell-code"
        "`{}` in shell code of `find -exec`";
        "Names are run as code." "Pass it as an argument: `sh -c '… \"$1\"' _ {}`.";
    2157 Error "constant-argument-test"
        "a test of a text that is never empty";
        "It always has one result." "A `$` may be missing.";
    2162 Info "read-without-r"
        "`read` without `-r`";
        "It treats backslashes as escapes." "Use `read -r`.";
    2163 Warning "export-of-value"
        "`export` of the value of a variable";
        "It exports what the value names." "Leave out the `$`.";
    2164 Warning "unchecked-cd"
        "a `cd` that may fail";
        "What follows runs in the wrong folder." "Write `cd … || exit`, or chain with `&&`.";
    2166 Warning "and-or-in-test"
        "`-a` or `-o` in a test";
        "It is ambiguous." "Write two tests with `&&` or `||`.";
    2168 Error "local-outside-function"
        "`local` outside of functions";
        "It is there in functions only." "Leave it out.";
    2172 Warning "numeric-signal"
        "a signal by number";
        "Numbers differ by system." "Use its name.";
    2174 Warning "mkdir-parents-mode"
        "`mkdir -p` with `-m`";
        "The mode is for the last folder only." "Set the mode of the others by `chmod`.";
    2178 Warning "array-as-text"
        "an array that is assigned a text";
        "It changes the first element." "Use `( … )`.";
    2181 Style "status-variable"
        "a test of `$?`";
        "The command can be tested itself." "Write `if command`.";
    2184 Warning "unquoted-unset"
        "an element of an array without quotes in `unset`";
        "It is a pattern." "Quote it.";
    2185 Info "find-without-path"
        "`find` without a path";
        "Only some versions look in the current folder." "Write `find .`.";
    2186 Warning "tempfile-command"
        "`tempfile`";
        "It is old." "Use `mktemp`.";
    2188 Warning "redirection-without-command"
        "a redirection without a command";
        "Nothing is written." "Put `:` or `true` in front of it to empty a file.";
    2194 Warning "constant-case"
        "a `case` of a constant";
        "It always takes one branch." "A `$` may be missing.";
    2195 Warning "impossible-pattern"
        "a pattern that never matches";
        "The branch never runs." "Correct the pattern.";
    2196 Info "egrep-command"
        "`egrep`";
        "It is not standard." "Use `grep -E`.";
    2197 Info "fgrep-command"
        "`fgrep`";
        "It is not standard." "Use `grep -F`.";
    2198 Warning "arguments-in-test"
        "all arguments in `[ ]`";
        "There may be any number." "Use a loop, or `$*`.";
    2199 Error "array-in-test"
        "an array in `[[ ]]`";
        "It is joined." "Use a loop.";
    2202 Error "glob-as-operand"
        "a pattern as operand of `[ ]`";
        "It may match several files." "Use a loop.";
    2206 Warning "unquoted-array-element"
        "an unquoted variable in an array";
        "It is split." "Quote it.";
    2207 Warning "array-of-output"
        "an array of the output of a command";
        "It is split." "Use `mapfile`, or `read -a`.";
    2209 Warning "command-as-value"
        "a command's name as a value";
        "The output of it may be meant." "Write `$(…)`, or quote it.";
    2210 Warning "digit-as-file"
        "a redirection to a file named by a digit";
        "A descriptor or a comparison may be meant." "Write `>&1` or `-gt`.";
    2211 Warning "glob-as-command"
        "a pattern as a command";
        "It may match several files." "Name the command.";
    2212 Style "empty-test"
        "an empty test";
        "It is false." "Use `false`.";
    2213 Warning "unhandled-option"
        "an option of `getopts` without a branch";
        "It is ignored." "Add the branch.";
    2214 Warning "option-not-in-getopts"
        "a branch for an option that `getopts` does not have";
        "It never runs." "Add the option.";
    2215 Warning "flag-as-command"
        "an option that is taken as a command";
        "The line before ended early." "Join the lines with `\\`.";
    2216 Warning "pipe-into-nonreader"
        "a pipe into a command that does not read";
        "What is written is lost." "Use `xargs`, or `$(…)`.";
    2217 Warning "input-for-nonreader"
        "input for a command that does not read";
        "It is lost." "Use another command.";
    2218 Error "function-before-definition"
        "a function that is called before it is defined";
        "It is not found." "Define it first.";
    2219 Style "let-command"
        "`let`";
        "Arithmetic has a form of its own." "Write `((…))` or `: $((…))`.";
    2220 Warning "getopts-without-default"
        "no branch for unknown options";
        "They are ignored." "Add `*)`.";
    2221 Warning "pattern-hides-later"
        "a pattern that hides a later one";
        "The later one never matches." "Change the order.";
    2222 Warning "pattern-is-hidden"
        "a pattern that never matches";
        "An earlier one matches before." "Change the order.";
    2223 Info "unquoted-default"
        "a default value without quotes";
        "It is split and its patterns match files." "Quote it.";
    2224 Warning "mv-without-destination"
        "`mv` without a destination";
        "It has one operand." "Name both.";
    2225 Warning "cp-without-destination"
        "`cp` without a destination";
        "It has one operand." "Name both.";
    2226 Warning "ln-without-destination"
        "`ln` without a destination";
        "The link is made in the current folder." "Name both.";
    2231 Info "unquoted-for-pattern"
        "a variable in the pattern of a `for` without quotes";
        "It is split." "Quote the variable, not the `*`.";
    2233 Style "subshell-around-test"
        "a subshell around a test";
        "It starts a process." "Take the parentheses away.";
    2234 Style "subshell-around-single-test"
        "a subshell around one test";
        "It starts a process." "Take the parentheses away.";
    2235 Style "subshell-around-tests"
        "a subshell around tests";
        "It starts a process." "Use braces.";
    2238 Warning "command-as-file"
        "a redirection to a file with the name of a command";
        "A pipe may be meant." "Use a pipe.";
    2239 Error "relative-shebang"
        "a shebang without an absolute path";
        "The shell is not found." "Start it with `/`.";
    2240 Warning "arguments-of-dot"
        "arguments for `.` in `sh`";
        "They are not passed." "Set variables before.";
    2241 Error "several-statuses"
        "more than one exit status";
        "There can be one." "Give one number.";
    2242 Error "invalid-status"
        "an exit status that is none";
        "It is a number from 0 to 255." "Print the text to standard error, and give a number.";
    2251 Info "negation-without-effect"
        "a `!` that `set -e` does not heed";
        "The status of a negated command never ends the script." "Write `! … || exit`.";
    2252 Warning "always-true"
        "`!= a || != b`";
        "One of them is always true." "Use `&&`.";
    2254 Warning "unquoted-case-pattern"
        "a variable in the pattern of a `case` without quotes";
        "It is taken as a pattern." "Quote it.";
    2257 Warning "change-in-redirection"
        "arithmetic that changes a variable in a redirection";
        "The change may be lost." "Do it before.";
    2260 Error "output-replaced"
        "a redirection that replaces the pipe's output";
        "Nothing goes into the pipe." "Use `tee`.";
    2261 Error "competing-redirections"
        "two redirections of one descriptor";
        "The last one wins." "Remove one of them.";
    2267 Info "xargs-i"
        "`xargs -i`";
        "It is old." "Use `-I{}`.";
    2268 Style "x-in-comparison"
        "an `x` in front of both sides of a comparison";
        "It is not needed when they are quoted." "Leave it out.";
    2269 Info "assignment-to-itself"
        "a variable that is assigned to itself";
        "Nothing changes." "Remove it, or correct the name.";
    2270 Error "positional-assignment"
        "an assignment to `$1`";
        "Names cannot start with a digit." "Use `set --`.";
    2271 Error "indirect-assignment"
        "an assignment whose name is an expansion";
        "It is taken as a command." "Write the name, or use `declare`.";
    2275 Error "stray-equals-sign"
        "a command that starts with `=` after an assignment";
        "A line may be cut in the wrong place." "Leave out the blank.";
    2276 Error "assignment-with-brace"
        "an expansion with `=` that is taken as a command";
        "The name of a variable may be meant." "Leave out the `$`.";
    2280 Error "name-assignment"
        "an assignment to the script's name";
        "It cannot be assigned." "Use another variable.";
    2281 Error "dollar-before-assignment"
        "a `$` on the left side of an assignment";
        "The value of the variable is taken as a command." "Write `name=value`.";
    2282 Error "invalid-name"
        "a name that starts with a digit";
        "It is taken as a command." "Start it with a letter.";
    2283 Error "blanks-around-equals"
        "blanks around the `=` of an assignment";
        "The name is taken as a command." "Leave them out, or use `[ … ]` to compare.";
    2284 Error "comparison-as-command"
        "a `==` outside of a test";
        "What stands in front is taken as a command." "Write `[ \"$x\" = y ]`.";
    2285 Error "blank-before-plus-equals"
        "a blank before `+=`";
        "The name is taken as a command." "Leave it out.";
    2288 Warning "suspect-command"
        "a command that ends or starts with a stray character";
        "A line may be cut in the wrong place." "Correct it.";
    2290 Error "blank-before-equals-sign"
        "a blank before `=` in a declaration";
        "The value is taken as a name." "Leave it out.";
    2291 Info "repeated-blanks"
        "several blanks between the words of `echo`";
        "It prints one." "Quote them.";
    2294 Warning "eval-of-array"
        "`eval` of an array";
        "It joins the elements." "Run `\"$@\"`.";
    2295 Info "unquoted-pattern-in-expansion"
        "a variable in `${…}` that is taken as a pattern";
        "Its `*` and `?` match." "Quote it inside the braces.";
    2296 Error "invalid-expansion"
        "an expansion that cannot start so";
        "The shell refuses it." "Write `${name…}`.";
    2298 Error "nested-expansion"
        "`${…}` with an expansion for a name";
        "The shell refuses it." "Use two steps.";
    2300 Error "command-in-expansion"
        "`${$(…)}`";
        "The shell refuses it." "Use a variable between.";
    2301 Error "quoted-expansion"
        "a quoted text in `${…}`";
        "The shell refuses it." "Use a variable.";
    2308 Info "expr-extension"
        "`expr length` and the like";
        "They are not standard." "Use `${#name}`, or `expr STRING : PATTERN`.";
    2309 Warning "number-operator-in-double-bracket"
        "a number operator with text";
        "The text is computed." "Use `=`.";
    2316 Error "two-declarations"
        "two declaration commands in one";
        "The second is taken as a name." "Use one of them.";
    2317 Info "unreachable"
        "commands that are never reached";
        "Something before them always ends the script."
        "Remove them, or correct what comes before.";
    2318 Warning "assignment-from-same-line"
        "a declaration that uses a variable of the same line";
        "It still has the old value." "Use two lines.";
    2319 Warning "status-of-test"
        "`$?` of a test";
        "The command before it is not meant." "Keep the status in a variable.";
    2321 Style "arithmetic-in-index"
        "`$((…))` in the index of an array";
        "It is arithmetic already." "Take it away.";
    2323 Style "needless-parentheses"
        "parentheses around all of an arithmetic expression";
        "They change nothing." "Take them away.";
    2327 Warning "output-is-redirected"
        "a substitution whose output goes elsewhere";
        "It is empty." "Remove the redirection, or use `tee`.";
    2328 Error "redirection-empties-substitution"
        "a redirection that leaves a substitution empty";
        "The output goes there." "Remove it, or use `tee`.";
    2329 Info "function-never-called"
        "a function that is never called";
        "Its commands do not run." "Call it, or remove it.";
    2331 Style "a-for-existence"
        "`-a` for a file that exists";
        "It is old." "Use `-e`.";
}
