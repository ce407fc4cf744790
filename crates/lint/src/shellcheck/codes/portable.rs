//! What only some shells have: SC3xxx.

use super::rows;

rows! {
    3001 Warning "process-substitution"
        "in `sh`: process substitution, `<(…)`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use a file or a pipe.";
    3002 Warning "extended-pattern"
        "in `sh`: extended patterns, `@(…)`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash." "Use `case`.";
    3003 Warning "dollar-single-quotes"
        "in `sh`: `$'…'`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use `printf`.";
    3004 Warning "dollar-double-quotes"
        "in `sh`: `$\"…\"`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use plain double quotes.";
    3005 Warning "arithmetic-for"
        "in `sh`: `for ((…))`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash." "Use `while`.";
    3006 Warning "arithmetic-command"
        "in `sh`: `((…))` as a command";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Write `[ $((…)) -ne 0 ]`.";
    3007 Warning "bracket-arithmetic-in-sh"
        "in `sh`: `$[…]`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Write `$((…))`.";
    3008 Warning "select-loop"
        "in `sh`: `select`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use a loop with `read`.";
    3009 Warning "brace-expansion"
        "in `sh`: brace expansion, `{a,b}`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Write the words out, or use a loop.";
    3010 Warning "double-bracket"
        "in `sh`: `[[ ]]`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use `[ ]` or `case`.";
    3011 Warning "here-string"
        "in `sh`: `<<<`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use `printf` and a pipe, or a heredoc.";
    3012 Warning "text-order"
        "in `sh`: `<` and `>` in `[ ]`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use `expr` or `sort`.";
    3014 Warning "double-equals"
        "in `sh`: `==` in `[ ]`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash." "Use `=`.";
    3015 Warning "regex-match"
        "in `sh`: `=~`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use `grep` or `expr`.";
    3016 Warning "variable-test"
        "in `sh`: `-v`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Write `[ -n \"${name+x}\" ]`.";
    3017 Warning "a-test"
        "in `sh`: `-a` for a file";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash." "Use `-e`.";
    3018 Warning "increment"
        "in `sh`: `++` and `--`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Write `$((x += 1))`.";
    3019 Warning "power-operator"
        "in `sh`: `**` in arithmetic";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Multiply.";
    3020 Warning "both-outputs"
        "in `sh`: `&>`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Write `> file 2>&1`.";
    3021 Warning "both-outputs-reversed"
        "in `sh`: `>&` with a file";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Write `> file 2>&1`.";
    3022 Warning "named-descriptor"
        "in `sh`: named descriptors";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use a number.";
    3024 Warning "append-assignment"
        "in `sh`: `+=`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Write `name=\"$name…\"`.";
    3026 Warning "caret-in-bracket"
        "in `sh`: `[^…]` in patterns";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Write `[!…]`.";
    3028 Warning "bash-variable"
        "in `sh`: variables that only bash sets";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use a command that gives the same.";
    3029 Warning "pipe-with-error"
        "in `sh`: `|&`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Write `2>&1 |`.";
    3030 Warning "array-assignment"
        "in `sh`: arrays";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use `set --` and `\"$@\"`.";
    3032 Warning "coprocess"
        "in `sh`: `coproc`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use a named pipe.";
    3033 Warning "function-name"
        "in `sh`: names of functions with other characters than letters, digits and `_`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash." "Rename it.";
    3034 Warning "file-substitution"
        "in `sh`: `$(< file)`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Write `$(cat file)`.";
    3035 Warning "file-substitution-backticks"
        "in `sh`: a file read in backticks";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Write `$(cat file)`.";
    3036 Warning "echo-flags-of-dash"
        "in `sh`: flags of `echo` other than `-n`, which `dash` does not have";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use `printf`.";
    3037 Warning "echo-flags"
        "in `sh`: flags of `echo`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use `printf`.";
    3038 Warning "exec-flags"
        "in `sh`: flags of `exec`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Leave them out.";
    3039 Warning "let-arithmetic"
        "in `sh`: `let`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Write `: $((…))`.";
    3040 Warning "set-option"
        "in `sh`: options of `set -o` such as `pipefail`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Set `SHELL` to a shell that has it.";
    3041 Warning "set-flag"
        "in `sh`: flags of `set` such as `-E`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Leave them out.";
    3043 Warning "local-variable"
        "in `sh`: `local`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use a subshell, or plain names.";
    3044 Warning "bash-builtin"
        "in `sh`: commands such as `declare`, `pushd` and `shopt`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use what POSIX has.";
    3045 Warning "builtin-flag"
        "in `sh`: flags of a builtin such as `read -p` and `export -f`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Leave them out.";
    3046 Warning "source-command"
        "in `sh`: `source`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash." "Write `.`.";
    3047 Warning "trap-event"
        "in `sh`: `trap` of `ERR` and the like";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash." "Use `EXIT`.";
    3048 Warning "signal-prefix"
        "in `sh`: `SIG` in front of the names of signals";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Leave it out.";
    3049 Warning "signal-case"
        "in `sh`: signals in small letters";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Write them in capital letters.";
    3050 Warning "printf-q"
        "in `sh`: `printf %q`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Quote by hand.";
    3051 Warning "source-in-function"
        "in `sh`: `source`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash." "Write `.`.";
    3052 Warning "number-base"
        "in `sh`: numbers with a base, `10#…`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use `printf` or `bc`.";
    3053 Warning "indirect-expansion"
        "in `sh`: `${!name}`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use `eval` with care.";
    3054 Warning "array-reference"
        "in `sh`: arrays";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use `set --` and `\"$@\"`.";
    3055 Warning "array-keys"
        "in `sh`: the keys of an array";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use another structure.";
    3056 Warning "names-by-prefix"
        "in `sh`: `${!prefix*}`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use another structure.";
    3057 Warning "substring"
        "in `sh`: `${name:1:2}`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use `cut` or `expr`.";
    3058 Warning "prefix-of-arguments"
        "in `sh`: `${@#…}` and `${*%…}`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash." "Use a loop.";
    3059 Warning "case-change"
        "in `sh`: `${name^^}` and `${name,,}`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash." "Use `tr`.";
    3060 Warning "replacement"
        "in `sh`: `${name/a/b}`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash." "Use `sed`.";
    3061 Warning "read-without-name"
        "in `sh`: `read` without a name";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Name a variable.";
    3062 Warning "option-test"
        "in `sh`: `-o` for an option of the shell";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Look into `$-`.";
    3065 Warning "same-file-test"
        "in `sh`: `-k`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use `find -perm`.";
    3067 Warning "owner-test"
        "in `sh`: `-O`";
        "POSIX `sh` does not have it, and the `/bin/sh` of many images is not bash."
        "Use `find -user`.";
}
