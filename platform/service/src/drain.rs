//! How a reader of a stream leaves it at its end. What it does with what it has read is its own
//! business.

use crate::Shutdown;

/// A request to leave the stream, and what becomes of what is unread then.
#[derive(Debug, Clone)]
pub enum Drain {
    /// Nobody appends any more once it is requested: all is read and stored first.
    ReadOut(Shutdown),
    /// Others go on appending, so that there may be no end: what is read is stored, and what is
    /// unread is left to the next owner of the shard.
    HandOver(Shutdown),
}

impl Drain {
    /// The request itself.
    pub fn shutdown(&self) -> &Shutdown {
        let (Self::ReadOut(shutdown) | Self::HandOver(shutdown)) = self;
        shutdown
    }

    /// Says whether the request is made.
    pub fn is_requested(&self) -> bool {
        self.shutdown().is_requested()
    }

    /// Waits until the request is made. May be dropped safely.
    pub async fn requested(&self) {
        self.shutdown().requested().await;
    }
}
