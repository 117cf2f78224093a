//! A stream in memory with weather: it is calm, down, hangs, or does what it does not tell. It keeps
//! what it took, in order, repeats and all.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{
    AppendError, Appended, Batch, Consumer, Producer, Stream, StreamError, cut::unavailable,
    memory::MemoryStream,
};

/// The payload that the stream refuses for good.
pub(super) const POISON: &[u8] = b"poison";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    Calm,
    /// Everything is answered after so long.
    Slow(Duration),
    /// Nothing is taken.
    Down,
    /// Nothing is taken and nothing answered, until the weather changes. Then what still waits is.
    Hangs,
    /// All is taken, some time later and whether or not anybody waits for it, and nothing answered.
    Late(Duration),
    /// All is taken, and said not to be.
    Lies,
    /// The calls before the one with this number are taken, and no later ones.
    Until(u32),
    /// One call in three is taken, one by half, one not.
    Flaky,
}

/// What was appended, as text.
pub(super) type Taken = (String, String);

#[derive(Clone)]
pub(super) struct Sky(Arc<Inner>);

struct Inner {
    memory: MemoryStream,
    weather: watch::Sender<Weather>,
    taken: watch::Sender<Vec<Taken>>,
    calls: AtomicU32,
}

impl Sky {
    pub(super) fn new(weather: Weather) -> Self {
        Self(Arc::new(Inner {
            memory: MemoryStream::open("memory:").unwrap(),
            weather: watch::Sender::new(weather),
            taken: watch::Sender::new(Vec::new()),
            calls: AtomicU32::new(0),
        }))
    }

    pub(super) fn stream(&self) -> Arc<dyn Stream> {
        Arc::new(self.clone())
    }

    pub(super) fn turn(&self, weather: Weather) {
        self.0.weather.send_replace(weather);
    }

    pub(super) fn taken(&self) -> Vec<Taken> {
        self.0.taken.borrow().clone()
    }

    pub(super) fn calls(&self) -> u32 {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// Waits until so much was taken.
    pub(super) async fn has_taken(&self, enough: impl Fn(&[Taken]) -> bool) {
        let mut taken = self.0.taken.subscribe();
        taken.wait_for(|taken| enough(taken)).await.unwrap();
    }

    async fn take(&self, batch: &Batch, upto: usize) -> Appended {
        let mut part = Batch::default();
        let mut indexes = Vec::new();
        let mut failed = Vec::new();
        for (index, (key, payload)) in batch.iter().enumerate() {
            if index >= upto {
                let error = AppendError::Unavailable("the weather".to_owned());
                failed.push((index, error));
            } else if payload == POISON {
                failed.push((index, AppendError::Rejected("it is poison".to_owned())));
            } else {
                part.add(key, payload);
                indexes.push(index);
            }
        }
        let refused = self.0.memory.producer().append(part.clone()).await.failed;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.0.taken.send_modify(|taken| {
            taken.extend(part.iter().map(|(key, payload)| (text(key), text(payload))));
        });
        let refused = refused.into_iter();
        failed.extend(refused.map(|(index, error)| (indexes[index], error)));
        failed.sort_by_key(|(index, _)| *index);
        Appended { failed }
    }
}

#[async_trait]
impl Stream for Sky {
    fn producer(&self) -> Arc<dyn Producer> {
        Arc::new(self.clone())
    }

    fn consumer(&self, group: &str) -> Box<dyn Consumer> {
        self.0.memory.consumer(group)
    }

    async fn close(&self) -> Result<(), StreamError> {
        self.0.memory.close().await
    }
}

#[async_trait]
impl Producer for Sky {
    async fn append(&self, batch: Batch) -> Appended {
        let call = self.0.calls.fetch_add(1, Ordering::SeqCst);
        let records = batch.len();
        let mut weather = self.0.weather.subscribe();
        loop {
            let now = *weather.borrow_and_update();
            match now {
                Weather::Calm => return self.take(&batch, records).await,
                Weather::Slow(wait) => {
                    tokio::time::sleep(wait).await;
                    return self.take(&batch, records).await;
                }
                Weather::Until(end) if call < end => return self.take(&batch, records).await,
                Weather::Down | Weather::Until(_) => return unavailable(records, "the weather"),
                Weather::Hangs => {}
                Weather::Late(wait) => {
                    let (sky, batch) = (self.clone(), batch.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(wait).await;
                        sky.take(&batch, records).await;
                    });
                    std::future::pending::<()>().await;
                }
                Weather::Lies => {
                    self.take(&batch, records).await;
                    return unavailable(records, "the weather");
                }
                Weather::Flaky => {
                    let upto = [0, records / 2, records][call as usize % 3];
                    return self.take(&batch, upto).await;
                }
            }
            weather.changed().await.unwrap();
        }
    }
}
