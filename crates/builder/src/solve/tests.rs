//! Plans made by hand, run on a store of their own.

use std::collections::BTreeMap;
use std::path::Path;

use dockerfile_parser::Span;

use super::*;
use crate::config::ImageConfig;
use crate::op::{CopyOp, CopySource, InlineFile, Input, MkdirOp, Origin};

fn operation(op: Op, parent: Option<usize>) -> Operation {
    let parent = parent.map(OpId);
    let (span, name, origin) = (Span::default(), "step".to_owned(), Origin::default());
    Operation { op, parent, span, name, ignore_cache: false, cache_ttl_seconds: None, origin }
}

fn copy(from: Input, source: &str, destination: &str) -> Op {
    let source = match source.strip_prefix("<<") {
        Some(name) => {
            CopySource::Inline(InlineFile { name: name.to_owned(), data: "text\n".to_owned() })
        }
        None => CopySource::Path(source.to_owned()),
    };
    Op::Copy(Box::new(CopyOp {
        from,
        sources: vec![source],
        destination: destination.to_owned(),
        chown: None,
        chmod: None,
        exclude: Vec::new(),
        parents: false,
        link: false,
        unpack: false,
        spans: BTreeMap::new(),
        destination_span: None,
    }))
}

fn mkdir(path: &str) -> Op {
    Op::Mkdir(MkdirOp { path: path.to_owned(), user: "7".to_owned() })
}

/// Snapshots need a mount, so they need root or a user namespace.
#[expect(clippy::print_stderr, reason = "a test that checks nothing says so")]
fn can_mount() -> bool {
    let is_root = rustix::process::getuid().is_root();
    if !is_root {
        eprintln!(
            "NOT CHECKED: this test mounts, which takes root; the tests of the program do it"
        );
    }
    is_root
}

fn run(store: &Path, context: &Path, operations: Vec<Operation>) -> (Result<Stack>, Vec<Outcome>) {
    let plan = Plan {
        result: OpId(operations.len() - 1),
        operations,
        config: ImageConfig::default(),
        origins: Vec::new(),
        epoch: 1000,
        warnings: Vec::new(),
        checkpoints: Vec::new(),
        scans: Vec::new(),
        scans_context: false,
        resolved: BTreeMap::new(),
    };
    let mut request = Request::new("");
    request.context = Some(context.to_owned());
    request.jobs = 4;
    let store = Store::open(store).unwrap();
    let mut outcomes = BTreeMap::new();
    let stack = solve(&plan, &request, &store, &mut |event| {
        if let Event::Finished(id, outcome) = event {
            outcomes.insert(id, outcome);
        }
    });
    (stack.map(|solved| solved.stack), outcomes.into_values().collect())
}

#[test]
fn a_plan_is_run_and_then_cached() {
    if !crate::testing::is_machine_root("a plan is run and then cached") {
        return;
    }
    if !can_mount() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (store, context) = (directory.path().join("store"), directory.path().join("context"));
    std::fs::create_dir(&context).unwrap();
    std::fs::write(context.join("a"), "1").unwrap();
    let operations = || {
        vec![
            operation(Op::Scratch, None),
            operation(copy(Input::Context, "a", "/x/"), Some(0)),
            operation(mkdir("/d/e"), Some(1)),
            operation(copy(Input::Op(OpId(2)), "/d", "/copied/"), Some(0)),
            operation(copy(Input::Context, "<<F", "/f"), Some(3)),
        ]
    };
    let (first, outcomes) = run(&store, &context, operations());
    let first = first.unwrap();
    assert_eq!(first.layers.len(), 2);
    // Nothing is told of `scratch`.
    assert_eq!(outcomes, [Outcome::Done; 4]);

    let (second, outcomes) = run(&store, &context, operations());
    assert_eq!(second.unwrap(), first);
    assert_eq!(outcomes, [Outcome::Cached; 4]);

    std::fs::write(context.join("a"), "2").unwrap();
    let (third, outcomes) = run(&store, &context, operations());
    // What is copied from `/d` did not change, so its layer is found again.
    assert_eq!(third.unwrap(), first);
    assert_eq!(outcomes, [Outcome::Done, Outcome::Done, Outcome::Cached, Outcome::Cached]);

    let (fresh, _) = run(&directory.path().join("other"), &context, operations());
    assert_eq!(fresh.unwrap(), first, "another store gives the same layers");
}

#[test]
fn the_first_failure_is_told() {
    if !can_mount() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (store, context) = (directory.path().join("store"), directory.path().join("context"));
    std::fs::create_dir(&context).unwrap();
    let (failed, outcomes) = run(
        &store,
        &context,
        vec![
            operation(Op::Scratch, None),
            operation(copy(Input::Context, "missing", "/"), Some(0)),
            operation(mkdir("/d"), Some(1)),
        ],
    );
    assert_eq!(failed.unwrap_err().to_string(), "`missing` is not there");
    assert_eq!(outcomes, [Outcome::Failed]);
}
