//! Who waits for changes of which ride. What changed is read from the cache, not told here.

use std::{collections::HashMap, sync::Mutex};

use tokio::sync::watch;

use crate::cache::lock;

/// The channels that somebody watches.
#[derive(Default)]
pub(super) struct Watched {
    channels: Mutex<HashMap<String, watch::Sender<()>>>,
}

impl Watched {
    /// Waits for news on a channel from now on.
    pub(super) fn add(&self, channel: &str) -> watch::Receiver<()> {
        let mut channels = lock(&self.channels);
        let sender = channels.entry(channel.to_owned()).or_default();
        sender.subscribe()
    }

    /// There is news on a channel.
    pub(super) fn tell(&self, channel: &str) {
        if let Some(sender) = lock(&self.channels).get(channel) {
            sender.send_replace(());
        }
    }

    /// There may be news on any.
    pub(super) fn tell_all(&self) {
        for sender in lock(&self.channels).values() {
            sender.send_replace(());
        }
    }

    /// Takes out the channels that nobody waits for any more.
    pub(super) fn take_left(&self) -> Vec<String> {
        let mut channels = lock(&self.channels);
        let is_left = |sender: &watch::Sender<()>| sender.receiver_count() == 0;
        channels
            .extract_if(|_, sender| is_left(sender))
            .map(|(channel, _)| channel)
            .collect()
    }
}
