//! Several files at once.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use dockwright_lint::Config;

use super::{Arguments, Bases, Linted, lint_file};

/// Stack of a thread that lints: the readers of nested text go as deep as their own limits.
const STACK_BYTES: usize = 16 << 20;

/// Lints the files with their settings; the results are in the order of `jobs`.
pub(super) fn lint_files(
    jobs: &[(&Path, Result<Config, String>)],
    arguments: &Arguments,
    bases: Option<&Bases>,
) -> Vec<Result<Linted, String>> {
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut results = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((path, config)) = jobs.get(index) else { return results };
            let config = config.as_ref().map_err(Clone::clone);
            results
                .push((index, config.and_then(|config| lint_file(path, arguments, config, bases))));
        }
    };
    if n_threads < 2 {
        return work().into_iter().map(|(_, result)| result).collect();
    }
    let mut results = std::thread::scope(|scope| {
        let start =
            |_| std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work).ok();
        let threads: Vec<_> = (0..n_threads).filter_map(start).collect();
        // Without a thread the work is done here.
        let mut results = if threads.is_empty() { work() } else { Vec::new() };
        for thread in threads {
            results.extend(thread.join().unwrap_or_else(|fault| resume_unwind(fault)));
        }
        results
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
