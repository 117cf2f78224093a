//! Names in the file system: how a file gets the name of a key, and how the name goes again, both
//! durably. What the file holds is not looked at.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use crate::Key;

/// A put makes its directories again if a delete removes them, empty, under its hands; this often.
/// Each time another has deleted the last object there.
const MAX_ATTEMPTS: usize = 100;

/// The path of the object under `key`.
pub(super) fn path(root: &Path, key: &Key) -> PathBuf {
    // A key has no empty, `.` or `..` segment, so that this stays below the root.
    root.join(key.as_str())
}

/// Makes the object's directories, lets `name` give a file the object's path, and syncs.
pub(super) fn place<T>(
    root: &Path,
    key: &Key,
    name: impl Fn(&Path) -> io::Result<T>,
) -> io::Result<T> {
    let path = path(root, key);
    let mut attempts = 0;
    let placed = loop {
        attempts += 1;
        match make_parents(&path).and_then(|()| name(&path)) {
            Err(error) if error.kind() == ErrorKind::NotFound && attempts < MAX_ATTEMPTS => {}
            placed => break placed,
        }
    };
    if placed.is_err() {
        remove_empty_parents(root, &path);
    }
    let placed = placed?;
    sync_parents(root, &path)?;
    Ok(placed)
}

/// Lets `swap` give the path of an object that is there to another file, or leave it, and syncs.
pub(super) fn replace<T>(
    root: &Path,
    key: &Key,
    swap: impl FnOnce(&Path) -> io::Result<T>,
) -> io::Result<T> {
    let path = path(root, key);
    let swapped = swap(&path)?;
    sync_parents(root, &path)?;
    Ok(swapped)
}

/// Lets `remove` take the object's path away, and removes the directories that are empty then: a
/// key can take the name of one.
pub(super) fn remove(
    root: &Path,
    key: &Key,
    remove: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let path = path(root, key);
    remove(&path)?;
    remove_empty_parents(root, &path);
    // Also where nothing was there: an earlier call may have ended before it synced.
    sync_parents(root, &path)
}

/// Makes `dir` and what is missing above it, durably.
pub(super) fn make_dir(dir: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|dir| !dir.exists()).collect();
    fs::create_dir_all(dir)?;
    for dir in missing {
        if let Some(parent) = dir.parent() {
            sync_dir(parent)?;
        }
    }
    Ok(())
}

/// Turns the errors that say "there is no such object" into None.
pub(super) fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => Ok(None),
            _ => Err(error),
        },
    }
}

/// Syncs a directory: the names in it are durable afterwards.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Makes the object's directories. The error is `NotADirectory` where an object is in the way, and
/// `NotFound` where a delete has removed a directory under these hands.
fn make_parents(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    fs::create_dir_all(parent).map_err(|error| match error.kind() {
        // Said of a file, and also of a directory that was there and then was not.
        ErrorKind::AlreadyExists if parent.ancestors().any(Path::is_file) => {
            ErrorKind::NotADirectory.into()
        }
        ErrorKind::AlreadyExists => ErrorKind::NotFound.into(),
        _ => error,
    })
}

/// Removes what is empty of the object's directories, but not the root. A put that needs one at
/// this moment makes it again.
fn remove_empty_parents(root: &Path, path: &Path) {
    for dir in parents(root, path) {
        if dir == root || fs::remove_dir(dir).is_err() {
            break;
        }
    }
}

/// Syncs all directories from the object's up to the root. A directory that was there already may
/// be one that another put has just made and not synced yet, so none is left out.
fn sync_parents(root: &Path, path: &Path) -> io::Result<()> {
    for dir in parents(root, path) {
        // A directory that is gone was emptied by a delete that came after.
        if_there(sync_dir(dir))?;
    }
    Ok(())
}

/// The directories of the object at `path`, innermost first, the root last.
fn parents<'a>(root: &'a Path, path: &'a Path) -> impl Iterator<Item = &'a Path> {
    path.ancestors()
        .skip(1)
        .take_while(move |dir| dir.starts_with(root))
}
