//! Staging files: bytes that are durable and have no key yet. They are never objects, also not
//! after a crash: whoever opens the directory next removes what a dead process left. Beside them is
//! the lock by which a swap is alone with the directory.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use tracing::{info, warn};

use super::names;

/// The directory of all staging files, on the file system of the objects so that a rename can
/// move a file. No key can name it: keys have no `~`.
pub(super) const STAGING_DIR: &str = ".tmp~";

/// The file in a staging directory that its owner holds locked. The lock ends with the process.
/// Above all staging directories, it orders what is done to the objects.
const LOCK_FILE: &str = "lock";

/// The staging files of one opening of the storage.
#[derive(Debug)]
pub(super) struct Staging {
    /// What all openings of the storage share.
    all: PathBuf,
    dir: PathBuf,
    next: AtomicU64,
    /// Held, not used: says to others that this is in use.
    _lock: File,
}

/// A file that is still written.
#[derive(Debug)]
pub(super) struct Growing {
    pub(super) file: File,
    staged: Staged,
}

/// A whole and synced file without a key; removed when dropped, if the name is still there.
#[derive(Debug)]
pub(super) struct Staged {
    path: PathBuf,
}

impl Staging {
    /// Makes a staging directory below `root` and removes those of dead processes.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let all = root.join(STAGING_DIR);
        names::make_dir(&all)?;
        // Held until the end of this function: nobody takes a new directory for a dead one.
        let opening = lock_file(&all)?;
        opening.lock()?;
        remove_dead(&all)?;
        let dir = make_numbered(&all)?;
        let lock = lock_file(&dir)?;
        lock.lock()?;
        Ok(Self {
            all,
            dir,
            next: AtomicU64::new(0),
            _lock: lock,
        })
    }

    /// Writes `bytes` to a new file, durably.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<Staged> {
        let mut growing = self.begin()?;
        growing.file.write_all(bytes)?;
        growing.finish()
    }

    /// Makes a new file.
    pub(super) fn begin(&self) -> io::Result<Growing> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(number.to_string());
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        Ok(Growing {
            file,
            staged: Staged { path },
        })
    }

    /// Waits until no swap is between its look and its write, in this process or another, and keeps
    /// them from beginning while the file is held: for what gives or takes a name in one step.
    pub(super) fn beside_others(&self) -> io::Result<File> {
        let lock = lock_file(&self.all)?;
        lock.lock_shared()?;
        Ok(lock)
    }

    /// Waits until nothing else is done to the objects, and keeps it so while the file is held: for
    /// a swap, which looks and then writes.
    pub(super) fn alone(&self) -> io::Result<File> {
        // A file of its own for every call, or tasks of this process would share the lock.
        let lock = lock_file(&self.all)?;
        lock.lock()?;
        Ok(lock)
    }
}

impl Growing {
    /// Ends the file, durably.
    pub(super) fn finish(self) -> io::Result<Staged> {
        self.file.sync_all()?;
        Ok(self.staged)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            warn!(dir = %self.dir.display(), %error, "staging directory is left behind");
        }
    }
}

impl Staged {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                warn!(file = %self.path.display(), %error, "staging file is left behind");
            }
            _ => {}
        }
    }
}

fn lock_file(dir: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(dir.join(LOCK_FILE))
}

fn remove_dead(all: &Path) -> io::Result<()> {
    for entry in fs::read_dir(all)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let Some(lock) = names::if_there(lock_file(&entry.path()))? else {
            continue;
        };
        match lock.try_lock() {
            Ok(()) => {
                info!(dir = %entry.path().display(), "removing staging files of a dead process");
                names::if_there(fs::remove_dir_all(entry.path()))?;
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(())
}

/// Makes the directory with the lowest number that is free.
fn make_numbered(all: &Path) -> io::Result<PathBuf> {
    for number in 0_u64.. {
        let dir = all.join(number.to_string());
        match fs::create_dir(&dir) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|()| dir),
        }
    }
    Err(ErrorKind::StorageFull.into())
}
