//! `--output`: where a built image is written, in docker's words.

use std::io::Write;
use std::path::{Path, PathBuf};

use dockwright_builder::compress::Compression;
use dockwright_builder::export::{
    self, Annotations, ArchiveKind, Attested, Export, FileOptions, ImageOptions, OutputFile,
};
use dockwright_builder::image::Descriptor;
use dockwright_builder::{Error, Image, Result, Store};

use crate::csv;

/// One `--output`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    kind: Kind,
    /// `-` is standard output.
    pub(crate) destination: PathBuf,
    options: ImageOptions,
    is_split: Option<bool>,
    attestation_prefix: String,
    is_by_digest: bool,
    /// Whether the registry may have any certificate, or none.
    is_insecure: bool,
}

/// An image of an archive, with its names there.
#[derive(Clone, Debug)]
pub(crate) struct SavedImage {
    pub(crate) image: Image,
    pub(crate) names: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    OciArchive,
    OciDirectory,
    DockerArchive,
    Tar,
    Local,
    /// In an engine, if there is one.
    Engine,
    /// On its registry.
    Registry,
    /// In the store only, under its names.
    Store,
    /// Nowhere.
    CacheOnly,
}

/// Tells whether what will be at `path` is on the file system of `store`.
fn is_beside(path: &Path, store: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| std::fs::metadata(path).ok().map(|it| it.dev());
    let of = path.ancestors().find_map(|path| match path.as_os_str().is_empty() {
        true => device(Path::new(".")),
        false => device(path),
    });
    of.is_some() && of == device(store)
}

const TYPES: &str = "the types are oci, docker, tar, local, registry, image and cacheonly, as in \
    `type=oci,dest=image.tar`";

impl Output {
    /// Reads `type=TYPE,dest=PATH,…`; a path alone is a directory for the files, `-` a tar of them on
    /// standard output, as in docker.
    pub(crate) fn parse(text: &str) -> std::result::Result<Self, String> {
        if !text.contains('=') {
            let kind = if text == "-" { Kind::Tar } else { Kind::Local };
            return Ok(Self::new(kind, PathBuf::from(text)));
        }
        let mut fields = fields(text)?;
        let mut take = |name: &str| fields.remove(name);
        let destination = take("dest").filter(|path| !path.is_empty());
        let has_destination = destination.is_some();
        let kind = match (take("type").as_deref(), take("tar").as_deref()) {
            (Some("oci"), Some("false")) => Kind::OciDirectory,
            (Some("oci"), None | Some("true")) => Kind::OciArchive,
            (Some("docker"), None) if !has_destination => Kind::Engine,
            (Some("docker"), None | Some("true")) => Kind::DockerArchive,
            (Some("tar"), None) => Kind::Tar,
            (Some("local"), None) => Kind::Local,
            (Some("registry"), None) => Kind::Registry,
            (Some("image"), None) => match flag("push", take("push"))? {
                Some(true) => Kind::Registry,
                _ => Kind::Store,
            },
            (Some("cacheonly"), None) => Kind::CacheOnly,
            (Some("oci" | "docker"), Some(value)) => {
                return Err(format!("`tar={value}` cannot be had here"));
            }
            (Some(other), _) => {
                return Err(format!("the output type `{other}` is not known; {TYPES}"));
            }
            (None, _) => return Err(format!("`--output {text}` has no `type=`; {TYPES}")),
        };
        if matches!(kind, Kind::OciDirectory | Kind::Local) && !has_destination {
            return Err(format!("`--output {text}` has no `dest=`"));
        }
        let destination = PathBuf::from(destination.unwrap_or_else(|| "-".to_owned()));
        let mut output = Self::new(kind, destination);
        output.take_image_options(&mut fields)?;
        output.take_file_options(&mut fields)?;
        output.take_annotations(&mut fields)?;
        // What BuildKit's own store, or engines, make of images there.
        let known = ["context", "dangling-name-prefix", "name-canonical", "prefer-nondist-layers"];
        let ignored = ["rewrite-timestamp", "store", "unpack", "push", "mode"];
        match fields.keys().find(|name| ![&known[..], &ignored].concat().contains(&name.as_str())) {
            Some(name) => Err(format!("`{name}` in `--output {text}` is not known")),
            None => Ok(output),
        }
    }

    fn take_image_options(&mut self, fields: &mut Fields) -> std::result::Result<(), String> {
        if matches!(self.kind, Kind::Tar | Kind::Local | Kind::CacheOnly) {
            return Ok(());
        }
        let mut take = |name: &str| fields.remove(name);
        self.set_compression(take("compression").as_deref(), take("compression-level").as_deref())?;
        let options = &mut self.options;
        options.names = take("name").map(|names| split_names(&names)).unwrap_or_default();
        let mut take_flag = |name: &str| flag(name, take(name));
        options.is_forced = take_flag("force-compression")?.unwrap_or(false);
        options.has_docker_types = take_flag("oci-mediatypes")? == Some(false);
        options.is_artifact = take_flag("oci-artifact")?.unwrap_or(true);
        self.is_by_digest = take_flag("push-by-digest")?.unwrap_or(false);
        self.is_insecure = take_flag("registry.insecure")?.unwrap_or(false);
        Ok(())
    }

    fn take_file_options(&mut self, fields: &mut Fields) -> std::result::Result<(), String> {
        if matches!(self.kind, Kind::Tar | Kind::Local) {
            self.is_split = flag("platform-split", fields.remove("platform-split"))?;
            self.attestation_prefix = fields.remove("attestation-prefix").unwrap_or_default();
        }
        Ok(())
    }

    /// A tar of the files; without a path on standard output.
    pub(crate) fn tar(path: Option<PathBuf>) -> Self {
        Self::new(Kind::Tar, path.unwrap_or_else(|| PathBuf::from("-")))
    }

    /// An archive of images; without a path on standard output.
    pub(crate) fn archive(
        is_docker: bool,
        path: Option<PathBuf>,
        compression: &str,
    ) -> std::result::Result<Self, String> {
        let kind = if is_docker { Kind::DockerArchive } else { Kind::OciArchive };
        let mut output = Self::new(kind, path.unwrap_or_else(|| PathBuf::from("-")));
        output.set_compression(Some(compression), None)?;
        Ok(output)
    }

    fn new(kind: Kind, destination: PathBuf) -> Self {
        Self {
            kind,
            destination,
            options: ImageOptions::named(Vec::new()),
            is_split: None,
            attestation_prefix: String::new(),
            is_by_digest: false,
            is_insecure: false,
        }
    }

    /// Takes fields such as `annotation.KEY` and `annotation-index[linux/amd64].KEY`.
    fn take_annotations(&mut self, fields: &mut Fields) -> std::result::Result<(), String> {
        let names: Vec<String> =
            fields.keys().filter(|name| name.starts_with("annotation")).cloned().collect();
        for name in names {
            let value = fields.remove(&name).unwrap_or_default();
            let (place, key) = name.split_once('.').unwrap_or((&name, ""));
            let place = place.strip_prefix("annotation").unwrap_or(place);
            let place = match place.strip_prefix('-') {
                Some(place) => place.to_owned(),
                None => format!("manifest{place}"),
            };
            annotate(&mut self.options.annotations, &place, key, &value)?;
        }
        Ok(())
    }

    /// What `--push` stands for.
    pub(crate) fn registry() -> Self {
        Self::new(Kind::Registry, PathBuf::new())
    }

    /// Whether the image goes to a registry.
    pub(crate) fn is_registry(&self) -> bool {
        self.kind == Kind::Registry
    }

    /// What `--load` stands for.
    pub(crate) fn engine() -> Self {
        Self::new(Kind::Engine, PathBuf::from("-"))
    }

    /// Whether the image goes to an engine, if there is one.
    pub(crate) fn is_engine(&self) -> bool {
        self.kind == Kind::Engine
    }

    /// The same as an archive in a file.
    pub(crate) fn as_archive(&self, path: PathBuf) -> Self {
        Self { kind: Kind::DockerArchive, destination: path, ..self.clone() }
    }

    /// Whether the registry may have any certificate, or none.
    pub(crate) fn is_insecure(&self) -> bool {
        self.is_insecure
    }

    /// Whether it is written to a file, a directory or standard output.
    pub(crate) fn is_file(&self) -> bool {
        !matches!(self.kind, Kind::Registry | Kind::Store | Kind::CacheOnly | Kind::Engine)
    }

    /// Whether it is an archive on standard output, which is no place for one if it is a terminal.
    pub(crate) fn is_standard_output(&self) -> bool {
        self.is_file() && self.destination == Path::new("-")
    }

    /// Whether it holds one platform only.
    pub(crate) fn is_of_one_platform(&self) -> bool {
        matches!(self.kind, Kind::DockerArchive | Kind::Engine)
    }

    /// Whether there is a manifest, and with several platforms an index.
    pub(crate) fn has_manifest(&self) -> bool {
        matches!(self.kind, Kind::Registry | Kind::OciArchive | Kind::OciDirectory)
    }

    /// Whether annotations are put on an index.
    pub(crate) fn annotates_index(&self) -> bool {
        let annotations = &self.options.annotations;
        !annotations.index.is_empty() || !annotations.index_descriptor.is_empty()
    }

    /// Whether only digests name what goes to a registry.
    pub(crate) fn is_by_digest(&self) -> bool {
        self.is_by_digest
    }

    /// The names that an image gets on a registry.
    pub(crate) fn names<'n>(&'n self, tags: &'n [String]) -> &'n [String] {
        if self.options.names.is_empty() { tags } else { &self.options.names }
    }

    /// Adds annotations to those of the output.
    pub(crate) fn annotate(&mut self, text: &str) -> std::result::Result<(), String> {
        let wrong = |why: &str| format!("`--annotation {text}`: {why}");
        let (name, value) =
            text.split_once('=').ok_or_else(|| wrong("it is not `[manifest:|index:]KEY=VALUE`"))?;
        let (places, key) = name.split_once(':').unwrap_or(("manifest", name));
        for place in places.split(',') {
            annotate(&mut self.options.annotations, place, key, value)
                .map_err(|why| wrong(&why))?;
        }
        Ok(())
    }

    /// How the image is written, under these names unless it has its own.
    pub(crate) fn options(&self, names: &[String]) -> ImageOptions {
        ImageOptions { names: self.names(names).to_vec(), ..self.options.clone() }
    }

    /// How the builder had best keep the layers of the image that will be written here.
    pub(crate) fn packing(&self, store: &Store) -> Option<(Compression, i32)> {
        let compression = self.options.compression;
        let level = self.options.level.unwrap_or_else(|| compression.default_level());
        match (self.kind, compression) {
            (Kind::Tar | Kind::Local | Kind::Store | Kind::CacheOnly, _) => None,
            // A plain copy saves something only where it becomes the file of the layout.
            (kind, Compression::None) => (kind == Kind::OciDirectory
                && is_beside(&self.destination, store.path()))
            .then_some((Compression::None, level)),
            (_, compression) => Some((compression, level)),
        }
    }

    fn set_compression(
        &mut self,
        name: Option<&str>,
        level: Option<&str>,
    ) -> std::result::Result<(), String> {
        self.options.compression = match name {
            None | Some("gzip") => Compression::Gzip,
            Some("zstd") => Compression::Zstd,
            Some("none" | "uncompressed") => Compression::None,
            Some(other) => {
                return Err(format!(
                    "the compression `{other}` is not one of gzip, zstd, uncompressed"
                ));
            }
        };
        let Some(level) = level else { return Ok(()) };
        let max = self.options.compression.max_level();
        let number = level.parse().ok().filter(|number| (1..=max).contains(number));
        let Some(number) = number else {
            return Err(format!("`compression-level={level}` is not a number from 1 to {max}"));
        };
        self.options.level = Some(number);
        Ok(())
    }

    /// Writes the images there, one for each platform, and returns what a layout says of them. The
    /// owners of files in a directory are kept for root only: other users could not even remove what
    /// is not theirs.
    pub(crate) fn write(
        &self,
        images: &[Attested],
        names: &[String],
        store: &Store,
        is_root: bool,
    ) -> Result<Option<Descriptor>> {
        let options = self.options(names);
        let file_options = FileOptions {
            owner: (!is_root).then_some((0, 0)),
            is_split: self.is_split,
            attestation_prefix: self.attestation_prefix.clone(),
        };
        let directory = self.destination.clone();
        match self.kind {
            // Others do that.
            Kind::Registry | Kind::Store | Kind::CacheOnly | Kind::Engine => Ok(None),
            Kind::OciDirectory => {
                let export = Export::OciDirectory(directory, options);
                export::run(export, images, store).map(|exported| exported.root)
            }
            Kind::Local => {
                let export = Export::Local(directory, file_options);
                export::run(export, images, store).map(|exported| exported.root)
            }
            Kind::OciArchive | Kind::DockerArchive | Kind::Tar => self.stream(|out| {
                let export = match self.kind {
                    Kind::OciArchive => Export::OciArchive(out, options),
                    Kind::DockerArchive => Export::DockerArchive(out, options),
                    _ => Export::Tar(out, file_options),
                };
                export::run(export, images, store).map(|exported| exported.root)
            }),
        }
    }

    /// Writes several images into one archive.
    pub(crate) fn write_all(&self, images: &[SavedImage], store: &Store) -> Result<()> {
        let kind = match self.kind {
            Kind::DockerArchive => ArchiveKind::Docker,
            _ => ArchiveKind::Oci,
        };
        let options = |saved: &SavedImage| self.options(&saved.names);
        let images: Vec<_> =
            images.iter().map(|saved| (saved.image.clone(), options(saved))).collect();
        self.stream(|out| export::save(out, kind, &images, store))
    }

    /// Opens the destination, which appears under its name only once it is whole.
    fn stream<T>(&self, write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
        if self.destination == Path::new("-") {
            let mut out = Noticing { out: std::io::stdout().lock(), has_failed: false };
            let written =
                write(&mut out).map_err(|error| out.explained(error, "standard output"))?;
            let flushed = out.flush();
            flushed.map_err(|error| {
                Error::system("cannot write standard output", error).writing("standard output")
            })?;
            return Ok(written);
        }
        let name = self.destination.display();
        let mut out = Noticing { out: OutputFile::create(&self.destination)?, has_failed: false };
        let written = write(&mut out).map_err(|error| out.explained(error, &name))?;
        out.out.finish().map_err(|error| error.writing(&name))?;
        Ok(written)
    }
}

/// A writer that tells whether it was the one that failed.
struct Noticing<W> {
    out: W,
    has_failed: bool,
}

impl<W> Noticing<W> {
    fn explained(&self, error: Error, name: impl std::fmt::Display) -> Error {
        if self.has_failed { error.writing(name) } else { error }
    }
}

impl<W: Write> Write for Noticing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes);
        self.has_failed |= written.is_err();
        written
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// The fields of an output, by their names in small letters.
type Fields = std::collections::BTreeMap<String, String>;

/// Splits a record of `name=value`: a field with a comma stands in quotes, `"name=a:1,a:2"`.
fn fields(text: &str) -> std::result::Result<Fields, String> {
    let record = csv::fields(text)
        .ok_or_else(|| format!("the quotes in `--output {text}` are not closed"))?;
    let mut fields = Fields::new();
    for field in record {
        let (name, value) = field
            .split_once('=')
            .ok_or_else(|| format!("`{field}` in `--output {text}` is not `name=value`"))?;
        // The names of annotations are what they are.
        let name = match name.split_once('.') {
            Some((place, key)) => format!("{}.{key}", place.to_ascii_lowercase()),
            None => name.to_ascii_lowercase(),
        };
        fields.insert(name, value.to_owned());
    }
    Ok(fields)
}

fn flag(name: &str, value: Option<String>) -> std::result::Result<Option<bool>, String> {
    match value.as_deref() {
        None => Ok(None),
        Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(value) => Err(format!("`{name}={value}` is neither true nor false")),
    }
}

fn split_names(names: &str) -> Vec<String> {
    names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// Puts an annotation in its place: `manifest`, or `manifest[linux/amd64]` for one platform.
fn annotate(
    annotations: &mut Annotations,
    place: &str,
    key: &str,
    value: &str,
) -> std::result::Result<(), String> {
    let (place, platform) = match place.split_once('[') {
        Some((place, platform)) => {
            let platform = platform
                .strip_suffix(']')
                .ok_or_else(|| format!("`{place}[{platform}` has no `]`"))?;
            (place, Some(platform))
        }
        None => (place, None),
    };
    if key.is_empty() {
        return Err("an annotation has no name".to_owned());
    }
    let key_value = (key.to_owned(), value.to_owned());
    match (place, platform) {
        ("manifest", platform) => annotations.manifest.insert(platform, key, value),
        ("manifest-descriptor", platform) => {
            annotations.manifest_descriptor.insert(platform, key, value);
        }
        ("index", None) => annotations.index.extend([key_value]),
        ("index-descriptor", None) => annotations.index_descriptor.extend([key_value]),
        ("index" | "index-descriptor", Some(_)) => {
            return Err("an index is of no platform".to_owned());
        }
        _ => {
            return Err(format!(
                "there are no annotations of `{place}`: they are of manifest, index, \
                 manifest-descriptor or index-descriptor"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_in_dockers_words() {
        let output = Output::parse("type=oci,dest=a.tar,compression=zstd,compression-level=3");
        let mut expected = Output::new(Kind::OciArchive, "a.tar".into());
        expected.options.compression = Compression::Zstd;
        expected.options.level = Some(3);
        assert_eq!(output, Ok(expected));
        assert_eq!(Output::parse("out").map(|output| output.kind), Ok(Kind::Local));
        assert_eq!(Output::parse("-").map(|output| output.kind), Ok(Kind::Tar));
        assert_eq!(
            Output::parse("type=oci,tar=false,dest=d").map(|o| o.kind),
            Ok(Kind::OciDirectory)
        );
        assert_eq!(Output::parse("type=docker").map(|o| o.kind), Ok(Kind::Engine));
        assert_eq!(Output::parse("type=docker,dest=-").map(|o| o.kind), Ok(Kind::DockerArchive));
        let names = Output::parse("type=image,\"name=a:1,b\",push=true").map(|o| o.options.names);
        assert_eq!(names, Ok(vec!["a:1".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn wrong_outputs_are_named() {
        for (text, message) in [
            ("type=zip,dest=x", "the output type `zip` is not known"),
            ("dest=x", "has no `type=`"),
            ("type=local", "has no `dest=`"),
            ("type=oci,dest=x,compression=rar", "the compression `rar` is not one of"),
            ("type=oci,dest=x,compression-level=99", "is not a number from 1 to"),
            ("type=oci,dest=x,colour=red", "`colour` in"),
            ("type=oci,dest", "is not `name=value`"),
        ] {
            let error = Output::parse(text).expect_err(text);
            assert!(error.contains(message), "{error}");
        }
    }
}
