//! What the reader finds in texts.

use super::*;

/// Reads `text`; commands are written `name arg arg`, separated by ` / `.
#[track_caller]
fn check(text: &str, expected: &str) {
    let script = read(text);
    let commands: Vec<String> = script
        .commands
        .iter()
        .map(|command| {
            let words: Vec<_> = command.words.iter().map(|word| word.text.as_str()).collect();
            words.join(" ")
        })
        .collect();
    let broken = if script.is_broken { " !" } else { "" };
    assert_eq!(format!("{}{broken}", commands.join(" / ")), expected, "{text}");
}

#[test]
fn lists_and_pipes() {
    check("a 1 && b 2 || c; d & e | f |& g", "a 1 / b 2 / c / d / e / f / g");
    check("X=1 Y='2 3' apt-get install -y foo", "apt-get install -y foo");
    check("a 2>&1 >/dev/null <in b", "a b");
    check("! a && time -p b", "a / time / b");
    check("x &; y", "x / y");
    check("while read l; do x; done < <(a | b)", "read l / x / a / b");
}

#[test]
fn compound_commands() {
    check("if a; then b; elif c; then d; else e; fi", "a / b / c / d / e");
    check("for i in 1 2; do echo $i; done && z", "echo ${i} / z");
    check("for ((i=0;i<3;i++)); do x; done", "x");
    check("while read l; do x; done < f", "read l / x");
    check("case $x in a|b) y;; (*) z ;; esac", "y / z");
    check("(cd /x && make) || { y; }", "cd /x / make / y");
    check("{a; } && x {b,c}", "a / x {b,c}");
    check("f() { a; }; f", "a / f");
    check("function g { a; }", "a");
    check("(( a = 1 << 2, b++ )); c", "c");
    check("(( find x -print|xargs rm || true ))", "find x -print / xargs rm / true");
    check(
        "echo $((apt-get -y install a)) $((1 + $x -2 * y))",
        "echo ${} ${VAR} / apt-get -y install a",
    );
    check("[ -f x ] && [[ $a =~ ^(b|c)$ ]] && d", "d");
}

#[test]
fn words() {
    check(
        "echo 'a b' \"c $d\" e\\ f $(g h) `i` $((1+2)) ${j:-k}",
        "echo a b c ${d} e f ${g h} ${VAR} ${VAR} ${j:-k} / g h / i",
    );
    check("a=$(b | c) d", "d / b / c");
    check("diff <(a) <(b)", "diff ${VAR} ${VAR} / a / b");
    check("rm -rf !(x|y) +([0-9])", "rm -rf !(x|y) +([0-9])");
    check("a=(1 2 3); b", " / b");
    check("echo a#b # c", "echo a#b");
}

#[test]
fn heredocs_inside_scripts() {
    check("cat <<EOF >x\nnot && a command\nEOF\nnext", "cat / next");
    check("cat <<-'E' | tee y\n\tq\n\tE\n", "cat / tee y");
}

#[test]
fn what_is_no_shell() {
    check("a 'b", " !");
    check("if a; then b", "a / b !");
    check("a && ", "a !");
    check("Foo(bar) baz", " !");
    check("[Foo]::bar = 1", " !");
    check("(a b", "a b !");
    check("{ a;", "a !");
    check("{a && b", "a / b !");
    check("{a,b} c", "a,b} c !");
    check("${x", " !");
}

#[test]
fn what_follows_no_command_is_left() {
    check("a ) b", "a");
    check("a; fi", "a");
    check("a $b (c)", "a ${b}");
    check("a; b (c", "a / b");
    check("(a).b('c'); d", "a");
    check("a; && b", "a");
}

#[test]
fn depth_is_bounded() {
    for open in ["$(", "(", "\"$(", "{ ", "$((", "${x:-", "if ", "@("] {
        let text = open.repeat(100_000);
        assert!(read(&text).is_broken, "{open}");
    }
}

#[test]
fn places() {
    let text = "x && apt-get  install \"f oo\" $(y z)";
    let script = read(text);
    let parts: Vec<_> = script
        .commands
        .iter()
        .flat_map(|command| command.words.iter().map(|word| &text[word.range.clone()]))
        .collect();
    assert_eq!(parts, ["x", "apt-get", "install", "\"f oo\"", "$(y z)", "y", "z"]);
}
