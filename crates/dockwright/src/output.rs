//! `--output`: where a built image is written, in docker's words.

use std::io::Write;
use std::path::{Path, PathBuf};

use dockwright_builder::compress::Compression;
use dockwright_builder::export::{
    self, Annotations, ArchiveKind, Export, ImageOptions, OutputFile,
};
use dockwright_builder::{Error, Image, Result, Store};

/// One `--output`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    kind: Kind,
    /// `-` is standard output.
    pub(crate) destination: PathBuf,
    compression: Compression,
    level: Option<i32>,
    is_forced: bool,
    /// Names on a registry, in place of `--tag`.
    names: Vec<String>,
    is_by_digest: bool,
    annotations: Annotations,
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
    /// On its registry.
    Registry,
    /// In the store only, under its names.
    Store,
    /// Nowhere.
    CacheOnly,
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
        let mut fields = std::collections::BTreeMap::new();
        for field in text.split(',') {
            let (name, value) = field
                .split_once('=')
                .ok_or_else(|| format!("`{field}` in `--output {text}` is not `name=value`"))?;
            fields.insert(name.to_ascii_lowercase(), value);
        }
        let mut take = |name: &str| fields.remove(name);
        let kind = match (take("type"), take("tar")) {
            (Some("oci"), Some("false")) => Kind::OciDirectory,
            (Some("oci"), None | Some("true")) => Kind::OciArchive,
            (Some("docker"), None | Some("true")) => Kind::DockerArchive,
            (Some("tar"), None) => Kind::Tar,
            (Some("local"), None) => Kind::Local,
            (Some("registry"), None) => Kind::Registry,
            (Some("image"), None) => match take("push") {
                Some("true") => Kind::Registry,
                None | Some("false") => Kind::Store,
                Some(value) => return Err(format!("`push={value}` is neither true nor false")),
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
        let destination = take("dest").filter(|path| !path.is_empty());
        let destination = match (destination, kind) {
            (Some(path), _) => PathBuf::from(path),
            (None, Kind::OciDirectory | Kind::Local) => {
                return Err(format!("`--output {text}` has no `dest=`"));
            }
            (None, _) => PathBuf::from("-"),
        };
        let mut output = Self::new(kind, destination);
        output.set_compression(take("compression"), take("compression-level"))?;
        output.is_forced = match take("force-compression") {
            None | Some("false") => false,
            Some("true") => true,
            Some(value) => {
                return Err(format!("`force-compression={value}` is neither true nor false"));
            }
        };
        if matches!(kind, Kind::Registry | Kind::Store) {
            let mut take = |name: &str| fields.remove(name);
            output.names = take("name").map(|name| vec![name.to_owned()]).unwrap_or_default();
            output.is_by_digest = take("push-by-digest") == Some("true");
            // Always so here.
            take("oci-mediatypes");
        }
        output.take_annotations(&mut fields)?;
        match fields.keys().next() {
            Some(name) => Err(format!("`{name}` in `--output {text}` is not known")),
            None => Ok(output),
        }
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

    /// Archives that are loaded elsewhere are gzipped as docker's are; what stays here is not.
    fn new(kind: Kind, destination: PathBuf) -> Self {
        Self {
            kind,
            destination,
            compression: Compression::Gzip,
            level: None,
            is_forced: false,
            names: Vec::new(),
            is_by_digest: false,
            annotations: Annotations::default(),
        }
    }

    /// Takes fields such as `annotation.KEY` and `annotation-index.KEY`.
    fn take_annotations(
        &mut self,
        fields: &mut std::collections::BTreeMap<String, &str>,
    ) -> std::result::Result<(), String> {
        let names: Vec<String> =
            fields.keys().filter(|name| name.starts_with("annotation")).cloned().collect();
        for name in names {
            let value = fields.remove(&name).unwrap_or_default();
            let (place, key) = name.split_once('.').unwrap_or((&name, ""));
            let place = place.strip_prefix("annotation-").unwrap_or("manifest");
            annotate(&mut self.annotations, place, key, value)?;
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

    /// Whether the image is named in the store, as it is with outputs elsewhere.
    pub(crate) fn is_file(&self) -> bool {
        !matches!(self.kind, Kind::Registry | Kind::Store | Kind::CacheOnly)
    }

    /// Whether only digests name what goes to a registry.
    pub(crate) fn is_by_digest(&self) -> bool {
        self.is_by_digest
    }

    /// The names that an image gets on a registry.
    pub(crate) fn names<'n>(&'n self, tags: &'n [String]) -> &'n [String] {
        if self.names.is_empty() { tags } else { &self.names }
    }

    /// Adds annotations to those of the output.
    pub(crate) fn annotate(&mut self, text: &str) -> std::result::Result<(), String> {
        let wrong = || format!("`--annotation {text}` is not `[manifest:|index:]KEY=VALUE`");
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        let (places, key) = name.split_once(':').unwrap_or(("manifest", name));
        for place in places.split(',') {
            annotate(&mut self.annotations, place, key, value).map_err(|_| wrong())?;
        }
        Ok(())
    }

    /// How the image is written, under these names.
    pub(crate) fn options(&self, names: &[String]) -> ImageOptions {
        ImageOptions {
            names: names.to_vec(),
            compression: self.compression,
            level: self.level,
            is_forced: self.is_forced,
            annotations: self.annotations.clone(),
        }
    }

    fn set_compression(
        &mut self,
        name: Option<&str>,
        level: Option<&str>,
    ) -> std::result::Result<(), String> {
        self.compression = match name {
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
        let max = self.compression.max_level();
        let number = level.parse().ok().filter(|number| (1..=max).contains(number));
        let Some(number) = number else {
            return Err(format!("`compression-level={level}` is not a number from 1 to {max}"));
        };
        self.level = Some(number);
        Ok(())
    }

    /// Writes the image there. The owners of files in a directory are kept for root only: other
    /// users could not even remove what is not theirs.
    pub(crate) fn write(
        &self,
        image: &Image,
        names: &[String],
        store: &Store,
        is_root: bool,
    ) -> Result<()> {
        let options = self.options(names);
        match self.kind {
            // Others do that.
            Kind::Registry | Kind::Store | Kind::CacheOnly => {}
            Kind::OciDirectory => {
                export::run(Export::OciDirectory(self.destination.clone(), options), image, store)?;
            }
            Kind::Local => {
                let owner = (!is_root).then_some((0, 0));
                export::run(Export::Local(self.destination.clone(), owner), image, store)?;
            }
            Kind::OciArchive | Kind::DockerArchive | Kind::Tar => {
                self.stream(|out| {
                    let export = match self.kind {
                        Kind::OciArchive => Export::OciArchive(out, options),
                        Kind::DockerArchive => Export::DockerArchive(out, options),
                        _ => Export::Tar(out),
                    };
                    export::run(export, image, store).map(|_| ())
                })?;
            }
        }
        Ok(())
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
    fn stream(&self, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
        if self.destination == Path::new("-") {
            let mut out = std::io::stdout().lock();
            write(&mut out)?;
            return out
                .flush()
                .map_err(|error| Error::system("cannot write standard output", error));
        }
        let mut file = OutputFile::create(&self.destination)?;
        write(&mut file)?;
        file.finish()
    }
}

/// Puts an annotation in its place.
fn annotate(
    annotations: &mut Annotations,
    place: &str,
    key: &str,
    value: &str,
) -> std::result::Result<(), String> {
    // `manifest[linux/amd64]`: of one platform; there is but one manifest to put it on.
    let map = match place.split('[').next().unwrap_or(place) {
        "manifest" => &mut annotations.manifest,
        "manifest-descriptor" => &mut annotations.manifest_descriptor,
        "index" => &mut annotations.index,
        "index-descriptor" => &mut annotations.index_descriptor,
        _ => return Err(format!("there are no annotations of `{place}`")),
    };
    if key.is_empty() {
        return Err("an annotation has no name".to_owned());
    }
    map.insert(key.to_owned(), value.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_in_dockers_words() {
        let output = Output::parse("type=oci,dest=a.tar,compression=zstd,compression-level=3");
        let expected = Output {
            kind: Kind::OciArchive,
            destination: "a.tar".into(),
            compression: Compression::Zstd,
            level: Some(3),
            ..Output::new(Kind::OciArchive, "a.tar".into())
        };
        assert_eq!(output, Ok(expected));
        assert_eq!(Output::parse("out").map(|output| output.kind), Ok(Kind::Local));
        assert_eq!(Output::parse("-").map(|output| output.kind), Ok(Kind::Tar));
        assert_eq!(
            Output::parse("type=oci,tar=false,dest=d").map(|o| o.kind),
            Ok(Kind::OciDirectory)
        );
        assert_eq!(Output::parse("type=docker").map(|o| o.destination), Ok("-".into()));
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
