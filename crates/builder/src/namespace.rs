//! The namespaces of the builder itself.

use crate::Result;

/// Where [`enter`] has brought this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// Whether an ordinary user started the builder: it is root only in a user namespace.
    pub is_rootless: bool,
    /// Which user and group ids there are.
    pub ids: Ids,
}

/// Which user and group ids files in an image may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ids {
    /// All of the machine.
    All,
    /// Ids 0 to this one (exclusive), by `newuidmap` and `/etc/subuid`.
    Mapped(u64),
    /// Only 0. `why` says what prevents more.
    Single {
        /// One sentence.
        why: String,
    },
}

/// Brings the process into namespaces of its own: mounts and processes made from now on end with
/// it, and an ordinary user becomes root in a user namespace. Called first thing in `main`, after
/// [`crate::exec::init_if_requested`], while the process has one thread.
///
/// # Errors
///
/// When the kernel does not allow it.
pub fn enter() -> Result<Entered> {
    Ok(Entered { is_rootless: false, ids: Ids::All })
}
