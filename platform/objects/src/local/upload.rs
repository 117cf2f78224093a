//! A file that is written piece by piece, and then gets the name of its key. Until then it is a
//! staging file, which nobody lists or reads.

use std::{
    fs,
    io::{self, Write as _},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Root, in_background, names, staging::Growing};
use crate::{Key, ObjectError, Upload};

/// An upload under way. Its file goes with it.
pub(super) struct LocalUpload {
    root: Arc<Root>,
    key: Key,
    /// None once a piece is lost: what follows it would be another object.
    file: Option<Growing>,
}

impl LocalUpload {
    pub(super) async fn begin(root: Arc<Root>, key: Key) -> Result<Self, ObjectError> {
        let below = Arc::clone(&root);
        let file = in_background(key.to_string(), move || below.staging()?.begin()).await?;
        Ok(Self {
            root,
            key,
            file: Some(file),
        })
    }

    fn take(&mut self) -> Result<Growing, ObjectError> {
        self.file.take().ok_or_else(|| ObjectError::Unavailable {
            key: self.key.to_string(),
            reason: "a piece before this was not written".to_owned(),
        })
    }
}

#[async_trait]
impl Upload for LocalUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        // Given back once the piece is in it; not if that fails, or if nobody waits for it.
        let mut growing = self.take()?;
        let write = move || growing.file.write_all(&bytes).map(|()| growing);
        self.file = Some(in_background(self.key.to_string(), write).await?);
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), ObjectError> {
        let growing = self.take()?;
        let (root, key) = (Arc::clone(&self.root), self.key.clone());
        let finish = move || -> io::Result<()> {
            let staged = growing.finish()?;
            names::place(&root.dir, &key, |path| {
                let _beside = root.staging()?.beside_others()?;
                fs::rename(staged.path(), path)
            })
        };
        in_background(self.key.to_string(), finish).await
    }
}
