//! What a build would refuse although the text parses: `docker build --check` fails with it.

use dockerfile_parser::Span;
use dockwright_builder::{Request, plan};
use dockwright_lint::{Config, Diagnostic, Severity};

/// Adds the fault of a value to the findings, unless a fault of the text is there.
pub(super) fn add_fault(diagnostics: &mut Vec<Diagnostic>, text: &str, config: &Config) {
    if diagnostics.iter().any(|found| found.rule.is_none()) {
        return;
    }
    if let Some(fault) = fault(text, config) {
        let at = diagnostics.partition_point(|found| found.span.start <= fault.span.start);
        diagnostics.insert(at, fault);
    }
}

fn fault(text: &str, config: &Config) -> Option<Diagnostic> {
    let parse = dockerfile_parser::parse(text);
    let mut request = Request::new(text);
    request.build_args = config.build_args.iter().cloned().collect();
    request.platform = Some(config.platform.clone());
    request.build_platform.clone_from(&config.platform);
    let error = plan::fault(&request, &parse)?;
    let span = error.span().unwrap_or(Span::new(0, 0));
    let holds = |outer: Span| outer.start <= span.start && span.end <= outer.end;
    let instruction = parse.instructions.iter().find(|one| holds(one.span));
    Some(Diagnostic {
        code: error.code()?,
        rule: None,
        severity: Severity::Error,
        span,
        lines: instruction.map_or((1, 1), |instruction| instruction.lines),
        message: error.to_string(),
        help: error.help().map(str::to_owned),
        labels: Vec::new(),
        fix: None,
    })
}
