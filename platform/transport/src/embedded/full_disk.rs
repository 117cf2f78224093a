//! A disk that can be full, for tests: a file whose writes fail while it is. Tests run side by side in
//! one process, and each has a disk of its own by its number.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use redb::{Database, StorageBackend, backends::FileBackend};

use super::StoreError;

/// The disks that there are: one of the log's own tests, one of the spool's.
static ARE_FULL: [AtomicBool; 2] = [AtomicBool::new(false), AtomicBool::new(false)];

/// A file on the disk of this number.
#[derive(Debug)]
struct File<const DISK: usize>(FileBackend);

/// Fills the disk of this number, or makes room on it.
pub(crate) fn set_full(disk: usize, is_full: bool) {
    ARE_FULL[disk].store(is_full, Ordering::SeqCst);
}

/// Opens a database on the disk of this number.
pub(crate) fn open_on<const DISK: usize>(path: &Path) -> Result<Database, StoreError> {
    let io = |error: io::Error| StoreError::Passing(error.to_string());
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(io)?;
    let file = File::<DISK>(FileBackend::new(file)?);
    Ok(Database::builder().create_with_backend(file)?)
}

fn check(disk: usize) -> io::Result<()> {
    if ARE_FULL[disk].load(Ordering::SeqCst) {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

impl<const DISK: usize> StorageBackend for File<DISK> {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        check(DISK)?;
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        check(DISK)?;
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        check(DISK)?;
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}
