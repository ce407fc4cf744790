//! Which times and modes an image gets, and who said so.

use std::path::Path;

use dockwright_builder::{ContextMode, Request, duration_seconds};

use crate::{environment, git};

/// `--context-mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ModeOption {
    /// The modes on disk.
    Exact,
    /// The modes that git stores, 644 and 755, whatever the umask was.
    Git,
}

/// `--timestamps`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Timestamps {
    /// Those of the source: `SOURCE_DATE_EPOCH`, else the commit of a clean git work tree, else
    /// 1980-01-01.
    Source,
    /// The clock's, as with Docker; the image is another one each time.
    Now,
}

/// What the command line says of times.
#[derive(Debug, clap::Args)]
pub(crate) struct TimeOptions {
    /// Where the times in the image come from
    #[arg(long, value_enum, value_name = "SOURCE", default_value = "source")]
    timestamps: Timestamps,
    /// Modes of the files in the build context [default: git inside a git work tree, else exact]
    #[arg(long, value_enum, value_name = "MODE")]
    context_mode: Option<ModeOption>,
    /// Execute steps again whose results are older, `24h` for example; a comment
    /// `# dockwright: cache-ttl=24h` above an instruction goes first
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    cache_ttl: Option<u64>,
}

impl TimeOptions {
    /// Puts the options into `request`, and says what was chosen where it may surprise.
    pub(crate) fn apply(
        &self,
        request: &mut Request,
        context: &Path,
    ) -> Result<Vec<String>, String> {
        let mut said = Vec::new();
        request.cache_ttl_seconds = self.cache_ttl;
        let work_tree = if context.is_dir() { git::work_tree(context) } else { None };
        request.context_mode = match (self.context_mode, &work_tree) {
            (Some(ModeOption::Exact), _) | (None, None) => ContextMode::Exact,
            (Some(ModeOption::Git), _) => ContextMode::Git,
            (None, Some(_)) => {
                let mode = "the context is in a git work tree: its files have the modes 644 and 755 \
                            (`--context-mode=exact` takes those on disk)";
                said.push(mode.to_owned());
                ContextMode::Git
            }
        };
        if self.timestamps == Timestamps::Now {
            request.epoch = environment::now();
            request.keeps_times = true;
            return Ok(said);
        }
        let commit = || {
            let time = git::clean_commit_time(work_tree.as_ref()?)?;
            let shown = dockwright_builder::rfc3339(time);
            said.push(format!("times are those of the commit, {shown}"));
            Some(time)
        };
        // Steps see a time that the source has. The fixed one only keeps images the same.
        request.source_date_epoch = environment::epoch()?.or_else(commit);
        request.epoch = request.source_date_epoch.unwrap_or(environment::DEFAULT_EPOCH);
        Ok(said)
    }
}

fn ttl(text: &str) -> Result<u64, String> {
    duration_seconds(text).ok_or_else(|| "write it as `90s`, `30m`, `24h` or `7d`".to_owned())
}
