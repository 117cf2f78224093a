//! A model in a file of its own.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
};

use anyhow::Context;
use processor::eta::Model;

/// Reads a model.
///
/// # Errors
/// An error if the file cannot be read or holds none.
pub(crate) fn load(path: &Path) -> anyhow::Result<Model> {
    let model = fs::read(path)
        .map_err(anyhow::Error::from)
        .and_then(|bytes| Model::decode(&bytes));
    model.with_context(|| format!("read the model {}", path.display()))
}

/// Writes a model under another name first: whoever reads the file finds a whole one. Says its size in
/// bytes.
///
/// # Errors
/// An error if it cannot be written.
pub(super) fn store(model: &Model, path: &Path) -> anyhow::Result<usize> {
    let bytes = model.encode()?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let write = || -> anyhow::Result<()> {
        let mut file = File::create(&unfinished)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        Ok(())
    };
    write().with_context(|| format!("write the model {}", path.display()))?;
    Ok(bytes.len())
}
