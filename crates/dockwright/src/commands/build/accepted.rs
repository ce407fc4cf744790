//! Flags of other builders that have no work to do here: scripts that give them go on working, and
//! are told.

/// What scripts for docker and buildah may say.
#[derive(Debug, clap::Args)]
pub(crate) struct Accepted {
    /// The build cache is in the store
    #[arg(long, value_name = "SOURCE", hide = true)]
    cache_from: Vec<String>,
    #[arg(long, value_name = "DESTINATION", hide = true)]
    cache_to: Vec<String>,
    #[arg(long, value_name = "NAME", hide = true)]
    builder: Option<String>,
    #[arg(long, value_name = "OPTION", hide = true)]
    security_opt: Vec<String>,
    #[arg(long, hide = true)]
    rm: bool,
    #[arg(long, hide = true)]
    force_rm: bool,
    #[arg(long, hide = true)]
    compress: bool,
    #[arg(long, hide = true)]
    squash: bool,
    #[arg(long, hide = true)]
    layers: bool,
    #[arg(long, hide = true)]
    disable_content_trust: bool,
    #[arg(short = 'D', long, hide = true)]
    debug: bool,
}

impl Accepted {
    /// One line for each flag that was given.
    pub(super) fn notes(&self) -> Vec<String> {
        let cache = "the build cache is in the store: see `dockwright cache`";
        let containers = "no container is left by a step";
        [
            (!self.cache_from.is_empty(), "--cache-from", cache),
            (!self.cache_to.is_empty(), "--cache-to", cache),
            (self.builder.is_some(), "--builder", "there is one builder, this program"),
            (
                !self.security_opt.is_empty(),
                "--security-opt",
                "steps have docker's default profile; `--allow security.insecure` and \
                 `RUN --security=insecure` lift it",
            ),
            (self.rm, "--rm", containers),
            (self.force_rm, "--force-rm", containers),
            (self.compress, "--compress", "the context is read where it is"),
            (self.squash, "--squash", "an image has a layer for each step that changes files"),
            (self.layers, "--layers", "layers are always kept"),
            (self.disable_content_trust, "--disable-content-trust", "no signature is asked for"),
            (self.debug, "--debug", "`--progress=plain` shows all there is"),
        ]
        .into_iter()
        .filter(|(is_given, ..)| *is_given)
        .map(|(_, flag, why)| format!("note: `{flag}` has no effect: {why}"))
        .collect()
    }
}
