//! One commit's worth of the queue: which appends it has, and what each of them is answered.
//! It takes and answers; what becomes of the records is the writer's.

use std::sync::mpsc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::queue::{Command, Waiting};
use crate::{
    Appended, StreamError,
    cut::{self, Cut, Verdict},
};

/// One commit takes about this many bytes at most: then an fsync's fixed cost is forgotten.
const GROUP_BYTES: usize = 4 << 20;

/// Takes appends off the queue, up to one commit's worth, and notes whom to tell of the closing.
pub(super) fn gather(
    first: Option<Command>,
    commands: &mpsc::Receiver<Command>,
    closing: &mut Vec<oneshot::Sender<Result<(), StreamError>>>,
) -> Vec<Waiting> {
    let mut waiting = Vec::new();
    let mut bytes = 0;
    let mut next = first;
    while let Some(command) = next {
        match command {
            Command::Close(answer) => closing.push(answer),
            Command::Append(append) => {
                bytes += append.batch.bytes();
                waiting.push(append);
            }
        }
        next = if bytes < GROUP_BYTES {
            commands.try_recv().ok()
        } else {
            None
        };
    }
    waiting
}

/// A batch that is cut, without its bytes.
pub(super) struct Judged {
    verdict: Verdict,
    answer: oneshot::Sender<Appended>,
    _room: OwnedSemaphorePermit,
}

/// Cuts the batch; its bytes are not needed any more then.
pub(super) fn judge(waiting: Waiting, cut: &mut Cut) -> Judged {
    let Waiting {
        batch,
        answer,
        room,
    } = waiting;
    Judged {
        verdict: cut.add(&batch),
        answer,
        _room: room,
    }
}

impl Judged {
    /// Answers the appender: all that was admitted is durable, or nothing, for this reason.
    pub(super) fn answer(self, outcome: Result<(), &String>) {
        let appended = match outcome {
            Ok(()) => self.verdict.durable(),
            Err(reason) => self.verdict.unavailable(reason),
        };
        // An appender that stopped waiting is no trouble.
        let _ = self.answer.send(appended);
    }
}

/// Answers appenders whose batches were not looked at.
pub(super) fn answer_unavailable(waiting: Vec<Waiting>, reason: &str) {
    for Waiting {
        batch,
        answer,
        room,
    } in waiting
    {
        let _ = answer.send(cut::unavailable(batch.len(), reason));
        drop(room);
    }
}
