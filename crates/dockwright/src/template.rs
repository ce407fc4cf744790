//! The templates that people give to `--format`: Go's `text/template` with docker's functions, as far
//! as they make sense of plain data.

mod functions;
mod parse;
mod run;
mod typed;

use serde_json::Value;

/// Fills `template` with fields of `value`.
///
/// # Errors
///
/// One sentence that names the place, when the template is wrong or names a field that is not there.
pub(crate) fn render(template: &str, value: &Value) -> Result<String, String> {
    let text = unescaped(template);
    run::run(&parse::parse(&text)?, value)
}

/// Fills a format of docker's lists: `json`, a template for each row, or `table` and a template, whose
/// columns get the heads of `heads`.
///
/// # Errors
///
/// As [`render`].
pub(crate) fn list(format: &str, heads: &Value, rows: &[Value]) -> Result<String, String> {
    if format == "json" {
        return Ok(rows.iter().map(|row| format!("{row}\n")).collect());
    }
    let Some(template) = format.strip_prefix("table ") else {
        return rows.iter().map(|row| render(format, row).map(|line| line + "\n")).collect();
    };
    let lines: Result<Vec<String>, String> =
        std::iter::once(heads).chain(rows).map(|row| render(template.trim(), row)).collect();
    let cells = |line: &String| line.split('\t').map(str::to_owned).collect();
    Ok(crate::human::table(&lines?.iter().map(cells).collect::<Vec<_>>()))
}

/// docker lets `\t` and `\n` in a template stand for themselves, but for those in Go's strings.
fn unescaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let (before, action) = match rest.find("{{") {
            Some(at) => {
                let end = rest[at..].find("}}").map_or(rest.len(), |end| at + end);
                (&rest[..at], &rest[at..end])
            }
            None => (rest, ""),
        };
        shown.push_str(&before.replace("\\t", "\t").replace("\\n", "\n"));
        shown.push_str(action);
        rest = &rest[before.len() + action.len()..];
        if action.is_empty() {
            return shown;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(template: &str, expected: Result<&str, &str>) {
        let value = json!({
            "Id": "sha256:1", "Size": 7, "Empty": [],
            "Config": {
                "Cmd": ["ls", "-a"], "Env": ["A=1", "B=2"], "Labels": { "a.b/c": "x", "d": "y" },
                "User": "", "Entrypoint": null, "Ports": { "80/tcp": {} },
                "Healthcheck": { "Interval": 90_000_000_000_u64, "Timeout": 0 },
            },
            "Metadata": { "LastTagTime": "0001-01-01T00:00:00Z" },
            "Layers": [{ "N": 1 }, { "N": 2 }],
        });
        let rendered = render(template, &value);
        assert_eq!(rendered.as_deref().map_err(String::as_str), expected, "{template}");
    }

    #[test]
    fn fields_and_json() {
        check("{{.Id}}", Ok("sha256:1"));
        check("{{ .Id }}\\t{{json .Config.Cmd}}", Ok("sha256:1\t[\"ls\",\"-a\"]"));
        check("{{json .Id}}|{{.Config.Cmd | json}}", Ok("\"sha256:1\"|[\"ls\",\"-a\"]"));
        check("{{.Nope}}", Err("the template's `.Nope` names no field of this"));
        check("{{.Id", Err("the template has `{{` without `}}`"));
        check("{{.Config.Labels.nope}}", Ok("<no value>"));
        check("{{.Config.Cmd}} {{.Config.Labels}} {{.Size}}", Ok("[ls -a] map[a.b/c:x d:y] 7"));
    }

    #[test]
    fn functions_are_docker_s() {
        check("{{index .Config.Labels \"a.b/c\"}}", Ok("x"));
        check("{{index .Config.Env 1}} {{len .Config.Env}}", Ok("B=2 2"));
        check("{{join .Config.Cmd \" \"}} {{upper .Id}}", Ok("ls -a SHA256:1"));
        check("{{(index .Layers 1).N}} {{(split .Id \":\") | len}}", Ok("2 2"));
        check(
            "{{println .Size}}{{print .Id 1}}{{printf \"%s-%d-%q\" .Id .Size \"z\"}}",
            Ok("7\nsha256:11sha256:1-7-\"z\""),
        );
        check("{{print 1 2 \"a\" \"b\" 3}}", Ok("1 2ab3"));
        check("{{printf \"%05d|%-5s|%x|%T\" 42 \"ab\" \"hi\" .Id}}", Ok("00042|ab   |6869|string"));
        check(
            "{{html \"<a>&\"}} {{js \"a\\\"b\"}} {{urlquery \"a b/ü\"}}",
            Ok("&lt;a&gt;&amp; a\\\"b a+b%2F%C3%BC"),
        );
        check("{{.Config.Ports}} {{.Variant}}|", Ok("map[80/tcp:{}] |"));
        check("{{slice .Id 7}} {{truncate .Id 3}} {{title \"ab\"}}", Ok("1 sha Ab"));
        check("{{index .Config.Env 5}}", Err("the template asks for element 5 of 2"));
        check("{{nope 1}}", Err("the template's function `nope` is not known"));
    }

    #[test]
    fn durations_and_times_are_go_s() {
        check("{{.Config.Healthcheck.Interval}}", Ok("1m30s"));
        check("{{with .Config.Healthcheck}}{{.Interval}} {{.Timeout}}{{end}}", Ok("1m30s 0s"));
        check("{{json .Config.Healthcheck.Interval}}", Ok("90000000000"));
        check("{{printf \"%s %d\" .Config.Healthcheck.Interval 1}}", Ok("1m30s 1"));
        check("{{printf \"%d\" .Config.Healthcheck.Interval}}", Ok("90000000000"));
        check("{{.Config.Healthcheck.Interval.Minutes}}", Ok("1.5"));
        check("{{if .Config.Healthcheck.Timeout}}y{{else}}n{{end}}", Ok("n"));
        check("{{if gt .Config.Healthcheck.Interval 5}}y{{end}}", Ok("y"));
        check("{{.Metadata.LastTagTime}}", Ok("0001-01-01 00:00:00 +0000 UTC"));
        check("{{json .Metadata.LastTagTime}}", Ok("\"0001-01-01T00:00:00Z\""));
        check("{{.Metadata.LastTagTime.IsZero}}", Ok("true"));
        let unknown = "the template's `.Config.Healthcheck.Interval.Weeks` is not known";
        check("{{.Config.Healthcheck.Interval.Weeks}}", Err(unknown));
    }

    #[test]
    fn what_there_is_nothing_of_is_go_s_nothing() {
        check(
            "{{.Config.Entrypoint}} {{.Config.OnBuild}} {{.Config.Volumes}} {{.RepoTags}}",
            Ok("[] [] map[] []"),
        );
        check("{{json .Config.Shell}} {{json .Config.Volumes}}", Ok("null null"));
        check("{{.Config.StopSignal}}|{{.Config.Tty}}|{{.Config.StopTimeout}}", Ok("|false|<nil>"));
        check("{{len .Config.Entrypoint}} {{join .Config.Entrypoint \" \"}}|", Ok("0 |"));
        check("{{range .Config.Shell}}x{{else}}none{{end}}", Ok("none"));
        check("{{if .Config.OnBuild}}y{{else}}n{{end}}", Ok("n"));
        check(
            "{{with .Config.Healthcheck}}{{.Retries}} {{.StartPeriod}} {{.Test}}{{end}}",
            Ok("0 0s []"),
        );
        check("{{.Config.Shells}}", Err("the template's `.Config.Shells` names no field of this"));
    }

    #[test]
    fn templates_are_named() {
        check("{{define \"x\"}}<{{.}}>{{end}}{{template \"x\" .Id}}", Ok("<sha256:1>"));
        check("{{template \"x\" .Config.User}}{{define \"x\"}}[{{.}}]{{end}}", Ok("[]"));
        check("{{block \"b\" .Layers}}{{len .}}{{end}};{{template \"b\" .Id}}", Ok("2;8"));
        check(
            "{{define `l`}}{{range .}}{{template `n` .}},{{end}}{{end}}{{define `n`}}{{$.N}}{{end}}\
             {{template `l` .Layers}}",
            Ok("1,2,"),
        );
        check("{{define \"x\"}}{{.}}{{end}}{{template \"x\"}}", Ok("<no value>"));
        check("{{template \"x\"}}", Err("the template `x` is not defined"));
        check(
            "{{define \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}",
            Err("the template `x` calls itself without an end"),
        );
        let inside = "{{if .Id}}{{define \"x\"}}{{end}}{{end}}";
        check(inside, Err("the template has a `define` inside of something else"));
        check("{{define x}}{{end}}", Err("the template's `define` has no name in quotes"));
        check("{{define \"x\"}}", Err("the template has a `define` without `end`"));
        check("{{range $i := 3}}{{$i}}{{end}}", Ok("012"));
        let deep = "{{if 1}}".repeat(300);
        check(&deep, Err("the template's blocks lie in one another too deep"));
    }

    #[test]
    fn conditions_and_loops_are_go_s() {
        check("{{range .Config.Env}}{{.}};{{end}}", Ok("A=1;B=2;"));
        check("{{range $i, $e := .Config.Env}}{{if $i}},{{end}}{{$e}}{{end}}", Ok("A=1,B=2"));
        check("{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}", Ok("a.b/c=x d=y "));
        check("{{range .Empty}}x{{else}}none{{end}}", Ok("none"));
        check("{{if .Config.User}}a{{else if eq .Size 7}}b{{else}}c{{end}}", Ok("b"));
        check(
            "{{with .Config}}{{.Cmd}}{{$.Id}}{{end}}{{with .Empty}}x{{end}}",
            Ok("[ls -a]sha256:1"),
        );
        check("{{$x := .Id}}a {{- $x -}} b{{/* note */}}", Ok("asha256:1b"));
        check("{{if and .Id (not .Config.Entrypoint) (or .Config.User true)}}y{{end}}", Ok("y"));
        check("{{if gt .Size 3}}y{{end}}{{if ne .Id \"x\"}}z{{end}}", Ok("yz"));
        check("{{range .Layers}}{{if eq .N 2}}{{break}}{{end}}{{.N}}{{end}}", Ok("1"));
        check("{{with $x := .Id}}{{$x}}{{end}}{{if $y := .Size}}{{$y}}{{end}}", Ok("sha256:17"));
        check("{{if .Id}}", Err("the template has an `if` without `end`"));
        check("{{end}}", Err("the template has an `end` too many"));
    }
}
