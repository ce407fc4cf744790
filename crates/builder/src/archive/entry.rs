//! One member of a tar archive.

/// A member of a tar archive, as its headers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The path as written, without a trailing slash for directories that this crate writes.
    pub(crate) path: Vec<u8>,
    /// What it is.
    pub(crate) kind: EntryKind,
    /// The twelve permission bits.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The bytes of a file's data in the archive.
    pub(crate) size: u64,
    /// Seconds after 1970.
    pub(crate) mtime: i64,
    pub(crate) mtime_ns: u32,
    /// The target of a symbolic link, or the path in the archive of a hard link's target.
    pub(crate) link: Vec<u8>,
    /// Major and minor number of a device.
    pub(crate) device: (u32, u32),
    /// The extended attribute `security.capability`.
    pub(crate) capability: Option<Vec<u8>>,
    /// Where the data of a sparse file lies.
    pub(crate) sparse: Option<Sparse>,
}

/// The kinds of members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EntryKind {
    #[default]
    File,
    HardLink,
    Symlink,
    CharDevice,
    BlockDevice,
    Directory,
    Fifo,
}

/// The map of a sparse file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sparse {
    /// The size of the file with its holes.
    pub(crate) size: u64,
    /// Offset and length of each piece of data, in order, without overlap.
    pub(crate) pieces: Vec<(u64, u64)>,
}

impl Entry {
    /// Returns the size of the file that the entry makes.
    pub(crate) fn file_size(&self) -> u64 {
        self.sparse.as_ref().map_or(self.size, |sparse| sparse.size)
    }
}

/// The size of a tar block.
pub(super) const BLOCK: usize = 512;

/// The extended attribute that layers carry; BuildKit's layers hold no other.
pub(super) const CAPABILITY_RECORD: &[u8] = b"SCHILY.xattr.security.capability";
