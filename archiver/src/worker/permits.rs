//! What workers of a process do one at a time, as it takes memory beyond the budget.
//! How much that is, is not counted here.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// What takes memory beyond the budget, and is done by one worker of a process at a time.
#[derive(Clone)]
pub(crate) struct Permits {
    /// To encode a draft.
    pub(super) encode: Arc<Semaphore>,
    /// To redo an intent, whose range is as large as it was cut, however full the budget is now.
    pub(super) redo: Arc<Semaphore>,
}

impl Default for Permits {
    fn default() -> Self {
        Self {
            encode: Arc::new(Semaphore::new(1)),
            redo: Arc::new(Semaphore::new(1)),
        }
    }
}
