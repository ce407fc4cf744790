//! `--provenance`, `--sbom` and `--attest`: what is attested of an image that is built.

use dockwright_builder::attestation::{Attestation, Mode, Provenance, Source, Version};
use dockwright_builder::{Build, Error, Request, Store, sbom};

use crate::cli::Session;
use crate::commands::usage;
use crate::exit_code::Exit;
use crate::{csv, git, human, print};

/// Options of that.
#[derive(Debug, clap::Args)]
pub(super) struct AttestOptions {
    /// Attest how the image was made: `true`, or `mode=max`, `version=v0.2`, `builder-id=URL`
    #[arg(long, value_name = "true|mode=min|mode=max", overrides_with = "provenance")]
    provenance: Option<String>,
    /// Attest which packages the image holds
    #[arg(long, value_name = "true", overrides_with = "sbom")]
    sbom: Option<String>,
    /// `type=provenance,mode=max` or `type=sbom`: as the two flags above; may be repeated
    #[arg(long = "attest", value_name = "type=TYPE")]
    attest: Vec<String>,
    /// How a push attaches that: in an index with the image, as BuildKit does; or as referrers of
    /// the image, which get a tag `sha256-…` where the registry has no list of them
    #[arg(long, value_name = "FORM", value_enum, default_value = "index")]
    attest_as: AttestAs,
}

/// How attestations belong to an image on a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum AttestAs {
    #[value(alias = "manifest")]
    Index,
    Referrers,
}

/// What is attested.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    provenance: Option<Provenance>,
    sbom: bool,
}

const HELP: &str = "write it as `--provenance=mode=max`, `--sbom=true` or \
    `--attest=type=provenance,mode=max`, as for docker build";

impl AttestOptions {
    /// Reads the options.
    pub(super) fn wanted(&self, session: &Session) -> Result<Wanted, Exit> {
        let mut wanted = Wanted::default();
        let all = self.attest.iter().map(|text| ("--attest", String::new(), text));
        let provenance = self.provenance.iter();
        let provenance = provenance.map(|text| ("--provenance", "type=provenance".into(), text));
        let sbom = self.sbom.iter().map(|text| ("--sbom", "type=sbom".into(), text));
        for (option, kind, text) in all.chain(provenance).chain(sbom) {
            let record = match text.parse::<bool>() {
                Ok(is_wanted) => format!("{kind},disabled={}", !is_wanted),
                Err(_) if kind.is_empty() => text.clone(),
                Err(_) => format!("{kind},{text}"),
            };
            wanted.add(&record).map_err(|message| {
                usage(session, &format!("`{option} {text}`: {message}"), HELP)
            })?;
        }
        if self.has_referrers() && !wanted.is_some() {
            let help = "add `--provenance=true` or `--sbom=true`";
            return Err(usage(session, "`--attest-as=referrers`: nothing is attested", help));
        }
        Ok(wanted)
    }

    /// Whether what is attested refers to the image from outside of an index.
    pub(super) fn has_referrers(&self) -> bool {
        self.attest_as == AttestAs::Referrers
    }
}

impl Wanted {
    fn add(&mut self, record: &str) -> Result<(), String> {
        let fields = csv::fields(record).ok_or("the quotes are not closed")?;
        let mut provenance = Provenance::default();
        let (mut kind, mut is_disabled, mut generator) = (None, false, None);
        for field in &fields {
            let (name, value) =
                field.split_once('=').ok_or_else(|| format!("`{field}` is not `name=value`"))?;
            let is_true = matches!(value, "true" | "1");
            match name {
                "type" => kind = Some(value),
                "disabled" => is_disabled = is_true,
                "mode" => provenance.mode = mode(value)?,
                "version" => provenance.version = version(value)?,
                "builder-id" => value.clone_into(&mut provenance.builder_id),
                "reproducible" => provenance.is_reproducible = is_true,
                "generator" => generator = Some(value),
                // Where it stands is decided by the output; nothing names the file systems here.
                "inline-only" | "filename" => {}
                _ => return Err(format!("`{name}` is not known")),
            }
        }
        match kind {
            Some("provenance") => self.provenance = (!is_disabled).then_some(provenance),
            Some("sbom") => {
                self.sbom = !is_disabled;
                if let Some(generator) = generator {
                    print::error(&format!(
                        "note: the generator `{generator}` is not run: the packages are read here\n"
                    ));
                }
            }
            Some(other) => return Err(format!("there is no attestation of type `{other}`")),
            None => return Err("it has no `type=`".to_owned()),
        }
        Ok(())
    }

    /// Tells whether there is anything.
    pub(super) fn is_some(&self) -> bool {
        self.provenance.is_some() || self.sbom
    }

    /// Returns what is attested of an image. Its layers are here if there is to be a bill.
    pub(super) fn of(
        &self,
        built: &Build,
        request: &Request,
        source: &Source,
        store: &Store,
        name: &str,
    ) -> Result<Vec<Attestation>, Error> {
        let mut attestations = Vec::new();
        if self.sbom {
            if let Some(registry) = &request.registry {
                registry.fetch_layers(store, &built.image.layers, &|_, _| {})?;
            }
            let image = &built.image;
            let materials = told_of(sbom::materials(store, image)?);
            attestations.push(Attestation::sbom(&materials, image, name));
            for (stage, layers) in &built.scanned {
                if let Some(registry) = &request.registry {
                    registry.fetch_layers(store, layers, &|_, _| {})?;
                }
                let materials = told_of(sbom::materials_of_layers(store, layers)?);
                attestations.push(Attestation::sbom_beside(&materials, image, stage));
            }
            let context = request.context.as_ref().filter(|_| built.plan.scans_context);
            if let Some(context) = context {
                let materials = told_of(sbom::materials_of_directory(context)?);
                attestations.push(Attestation::sbom_beside(&materials, image, "context"));
            }
        }
        if let Some(provenance) = &self.provenance {
            let (plan, image) = (&built.plan, &built.image);
            attestations.push(provenance.attest(request, plan, image, source, store)?);
        }
        Ok(attestations)
    }
}

/// Says what could not be read.
fn told_of(materials: sbom::Materials) -> sbom::Materials {
    for unread in &materials.unread {
        print::error(&format!("warning: {}\n", human::one_line(unread)));
    }
    materials
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "min" => Ok(Mode::Min),
        "max" => Ok(Mode::Max),
        _ => Err(format!("the mode `{text}` is neither min nor max")),
    }
}

fn version(text: &str) -> Result<Version, String> {
    match text {
        "v1" => Ok(Version::V1),
        "v0.2" => Ok(Version::V02),
        _ => Err(format!("the version `{text}` is neither v1 nor v0.2")),
    }
}

/// Returns where a Dockerfile comes from. `context` is as on the command line.
pub(super) fn source(context: &std::path::Path, file: Option<&std::path::Path>) -> Source {
    let path = file.map_or("Dockerfile".to_owned(), |file| file.display().to_string());
    if context.is_dir() {
        let name = |path: &std::path::Path| path.file_name()?.to_str().map(str::to_owned);
        let checkout = git::work_tree(context).and_then(|tree| git::origin(&tree));
        let path = file.and_then(name).unwrap_or(path);
        return Source { path, checkout, ..Source::default() };
    }
    let text = context.to_string_lossy();
    let uri = (text != "-").then(|| text.into_owned());
    Source { uri, path, ..Source::default() }
}
