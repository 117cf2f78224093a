//! Objects as files below a directory: a key's slashes are directories. It is no file server: only
//! what was put here is an object, and other programs must not write below the directory.
//!
//! An object is written to a staging file, synced, and then given its name in one step, by a rename
//! or by a hard link, which fails where the name is taken. So an object is whole or absent, also
//! after a crash. A call returns once the directories are synced, too.
//!
//! A swap looks and then renames, and holds a lock meanwhile (`flock`) that puts and deletes of other
//! tasks and other processes wait for. The tag of an object is the SHA-256 of its bytes, so that a
//! swap reads the object once more: it is for small ones.
//!
//! Unlike S3, a file system cannot hold `a` and `a/b` at once, nor a segment of more than 255 bytes;
//! the put that comes second is [`ObjectError::Refused`].

mod names;
mod staging;
mod upload;
mod walk;

#[cfg(test)]
mod crash;

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task;
use url::Url;

use self::{staging::Staging, upload::LocalUpload};
use crate::{Key, ObjectError, Objects, Put, Swap, Tag, Upload, Use};

/// Objects below a directory of this machine.
#[derive(Debug, Clone)]
pub struct LocalObjects {
    root: Arc<Root>,
}

#[derive(Debug)]
struct Root {
    dir: PathBuf,
    /// Of the directory, with a slash at its end.
    uri: String,
    /// None where it is only read.
    staging: Option<Staging>,
}

impl Root {
    fn open(uri: String, dir: PathBuf, what_for: Use) -> io::Result<Self> {
        let staging = match what_for {
            Use::All => {
                names::make_dir(&dir)?;
                Some(Staging::open(&dir)?)
            }
            Use::Read => {
                fs::read_dir(&dir)?;
                None
            }
        };
        Ok(Self { dir, uri, staging })
    }

    fn staging(&self) -> io::Result<&Staging> {
        let read_only =
            || io::Error::new(ErrorKind::ReadOnlyFilesystem, "it is open to be read only");
        self.staging.as_ref().ok_or_else(read_only)
    }
}

impl LocalObjects {
    /// Opens the directory that `url` (`file:///path/to/dir`) names, and makes it where it is not.
    ///
    /// Files that a killed process left half written are removed. Several may open one directory.
    ///
    /// # Errors
    /// [`ObjectError`] for a URL that is not understood, and for a directory that cannot be used.
    pub async fn open(url: &str) -> Result<Self, ObjectError> {
        Self::open_for(url, Use::All).await
    }

    pub(crate) async fn open_for(url: &str, what_for: Use) -> Result<Self, ObjectError> {
        let (uri, dir) = parse_url(url)?;
        let open = move || Root::open(uri, dir, what_for);
        let root = in_background(url.to_owned(), open).await?;
        Ok(Self {
            root: Arc::new(root),
        })
    }

    /// Does blocking work on the object under `key`.
    async fn on_object<T: Send + 'static>(
        &self,
        key: &Key,
        work: impl FnOnce(&Root, &Key) -> io::Result<T> + Send + 'static,
    ) -> Result<T, ObjectError> {
        let (root, key) = (Arc::clone(&self.root), key.clone());
        in_background(key.to_string(), move || work(&root, &key)).await
    }
}

#[async_trait]
impl Objects for LocalObjects {
    fn uri(&self, key: &Key) -> String {
        format!("{}{key}", self.root.uri)
    }

    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), ObjectError> {
        self.on_object(key, move |root, key| {
            let staged = root.staging()?.write(&bytes)?;
            names::place(&root.dir, key, |path| {
                let _beside = root.staging()?.beside_others()?;
                fs::rename(staged.path(), path)
            })
        })
        .await
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<Put, ObjectError> {
        self.on_object(key, move |root, key| {
            let staged = root.staging()?.write(&bytes)?;
            names::place(&root.dir, key, |path| {
                match fs::hard_link(staged.path(), path) {
                    Ok(()) => Ok(Put::Created),
                    Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
                    // Where the name is free again by now, this fails, and the put is tried again.
                    Err(_) if path.metadata()?.is_dir() => Err(ErrorKind::IsADirectory.into()),
                    Err(_) => Ok(Put::Exists),
                }
            })
        })
        .await
    }

    async fn put_if_unchanged(
        &self,
        key: &Key,
        bytes: Bytes,
        tag: &Tag,
    ) -> Result<Swap, ObjectError> {
        let tag = tag.clone();
        self.on_object(key, move |root, key| {
            // Nothing is written, and nobody waits, for a swap that is too late already.
            if !is_there(&names::path(&root.dir, key), &tag)? {
                return Ok(Swap::Changed);
            }
            let staged = root.staging()?.write(&bytes)?;
            names::replace(&root.dir, key, |path| {
                let _alone = root.staging()?.alone()?;
                if !is_there(path, &tag)? {
                    return Ok(Swap::Changed);
                }
                fs::rename(staged.path(), path)?;
                Ok(Swap::Done)
            })
        })
        .await
    }

    async fn upload(&self, key: &Key) -> Result<Box<dyn Upload>, ObjectError> {
        let upload = LocalUpload::begin(Arc::clone(&self.root), key.clone()).await?;
        Ok(Box::new(upload))
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, ObjectError> {
        self.on_object(key, |root, key| {
            let bytes = names::if_there(fs::read(names::path(&root.dir, key)))?;
            Ok(bytes.map(Bytes::from))
        })
        .await
    }

    async fn get_tagged(&self, key: &Key) -> Result<Option<(Bytes, Tag)>, ObjectError> {
        self.on_object(key, |root, key| {
            let bytes = names::if_there(fs::read(names::path(&root.dir, key)))?;
            Ok(bytes.map(|bytes| {
                let tag = Tag::of(&bytes);
                (Bytes::from(bytes), tag)
            }))
        })
        .await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Option<Bytes>, ObjectError> {
        self.on_object(key, move |root, key| {
            let file = names::if_there(File::open(names::path(&root.dir, key)))?;
            let Some(file) = file else { return Ok(None) };
            let bytes = names::if_there(read_range(file, range))?;
            Ok(bytes.map(Bytes::from))
        })
        .await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Key>, ObjectError> {
        let root = Arc::clone(&self.root);
        let (wanted, after) = (prefix.to_owned(), after.cloned());
        let list = move || walk::list(&root.dir, &wanted, after.as_ref());
        in_background(prefix.to_owned(), list).await
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectError> {
        self.on_object(key, |root, key| {
            names::remove(&root.dir, key, |path| {
                let _beside = root.staging()?.beside_others()?;
                names::if_there(fs::remove_file(path)).map(drop)
            })
        })
        .await
    }
}

/// Whether the object is there that the tag was read with.
fn is_there(path: &Path, tag: &Tag) -> io::Result<bool> {
    let bytes = names::if_there(fs::read(path))?;
    Ok(bytes.is_some_and(|bytes| Tag::of(&bytes) == *tag))
}

/// Reads the bytes in `range` as far as the file has them.
fn read_range(mut file: File, range: Range<u64>) -> io::Result<Vec<u8>> {
    // An open file keeps its bytes while a put gives the name to another, so that all is of one.
    let end = range.end.min(file.metadata()?.len());
    let Some(length) = end.checked_sub(range.start) else {
        return Ok(Vec::new());
    };
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The URL of the directory, with a slash at its end, and its path.
fn parse_url(url: &str) -> Result<(String, PathBuf), ObjectError> {
    let no = |reason: &str| ObjectError::Url {
        url: url.to_owned(),
        reason: reason.to_owned(),
    };
    // Without the three slashes `file:data` would mean /data, and `file://data/x` a host.
    if !url.starts_with("file:///") {
        return Err(no("is not of the form file:///path/to/dir"));
    }
    let parsed = Url::parse(url).map_err(|error| no(&error.to_string()))?;
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(no("has a query or a fragment, which a directory has not"));
    }
    let dir = parsed
        .to_file_path()
        .map_err(|()| no("names no path of this machine"))?;
    let uri = Url::from_directory_path(&dir).map_err(|()| no("names no directory"))?;
    Ok((uri.into(), dir))
}

/// Does blocking work on a thread where it may block. It runs to its end even if nobody waits.
async fn in_background<T: Send + 'static>(
    key: String,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ObjectError> {
    match task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| to_object_error(key, &error)),
        Err(error) => Err(ObjectError::Unavailable {
            key,
            reason: error.to_string(),
        }),
    }
}

/// Tells what may pass (a full disk, too many open files) from what will not (rights, names).
fn to_object_error(key: String, error: &io::Error) -> ObjectError {
    let reason = error.to_string();
    match error.kind() {
        ErrorKind::IsADirectory | ErrorKind::NotADirectory => ObjectError::Refused {
            key,
            reason: format!("the key and another are one below the other: {reason}"),
        },
        ErrorKind::PermissionDenied
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::InvalidFilename
        | ErrorKind::FileTooLarge
        | ErrorKind::CrossesDevices
        | ErrorKind::Unsupported => ObjectError::Refused { key, reason },
        _ => ObjectError::Unavailable { key, reason },
    }
}

#[cfg(test)]
mod tests;
