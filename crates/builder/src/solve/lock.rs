//! Waiting for locks of other builders, unless the build is asked to stop.

use std::fs::{File, TryLockError};
use std::time::Duration;

use crate::error::Context as _;
use crate::{Result, namespace};

/// How often a lock is tried: the kernel cannot wait for a lock and a signal at once.
const PAUSE: Duration = Duration::from_millis(10);

/// Takes the lock of `file`, alone or with others that share it.
///
/// # Errors
///
/// When a signal asks the builder to stop, or the file system has no locks.
pub(super) fn wait(file: &File, is_shared: bool) -> Result<()> {
    loop {
        let tried = if is_shared { file.try_lock_shared() } else { file.try_lock() };
        match tried {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if namespace::interrupted() => {
                return Err(namespace::interruption());
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => {
                return Err(error).doing(|| "lock a file of the store".to_owned());
            }
        }
    }
}
