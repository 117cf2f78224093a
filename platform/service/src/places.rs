//! The places for connections: so many in all, and so many for one address. Who waits for one and
//! what is done with it are the listener's.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics;

/// Open connections of one listener: with headers as large as they may be they hold 160 MiB in
/// HTTP/1.1, besides what an idle one takes; in HTTP/2 what `connection` says.
pub(crate) const MAX_CONNECTIONS: usize = 10_240;
/// An eighth of them: one host cannot take all places, and whole towns of phones behind one address
/// of a carrier still find one.
pub(crate) const CONNECTIONS_PER_ADDRESS: usize = MAX_CONNECTIONS / 8;

/// The places of one listener.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    taken: Arc<Taken>,
    per_address: usize,
}

/// How many places each address has that has any.
#[derive(Default)]
struct Taken(Mutex<HashMap<IpAddr, usize>>);

/// A place that is not given to an address yet.
pub(crate) struct FreePlace(Option<OwnedSemaphorePermit>);

/// A place of an open connection, free again when it is dropped.
pub(crate) struct Place {
    holder: Option<IpAddr>,
    taken: Arc<Taken>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub(crate) fn new(connections: usize, per_address: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(connections)),
            taken: Arc::default(),
            per_address,
        }
    }

    /// Whether the next one has to wait.
    pub(crate) fn are_all_taken(&self) -> bool {
        self.free.available_permits() == 0
    }

    /// Waits for a place.
    pub(crate) async fn free(&self) -> FreePlace {
        // Only of a semaphore that was closed there is none, and nobody closes it.
        FreePlace(self.free.clone().acquire_owned().await.ok())
    }

    /// Gives a place, to an address if places are counted for it; None if it has as many as it may.
    pub(crate) fn give(
        &self,
        FreePlace(permit): FreePlace,
        holder: Option<IpAddr>,
    ) -> Option<Place> {
        if let Some(holder) = holder {
            let mut taken = self.taken.lock();
            let places = taken.entry(holder).or_default();
            if *places >= self.per_address {
                return None;
            }
            *places += 1;
        }
        metrics::connections_changed(1.0);
        Some(Place {
            holder,
            taken: self.taken.clone(),
            _permit: permit,
        })
    }
}

impl Taken {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::connections_changed(-1.0);
        let Some(holder) = self.holder else {
            return;
        };
        let mut taken = self.taken.lock();
        if let Some(places) = taken.get_mut(&holder) {
            *places -= 1;
            if *places == 0 {
                taken.remove(&holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::holder;

    async fn take(places: &Places, address: &str) -> Option<Place> {
        let free = places.free().await;
        places.give(free, holder(address.parse().unwrap()))
    }

    #[tokio::test]
    async fn one_address_has_its_share_and_no_more() {
        let places = Places::new(8, 2);
        let first = take(&places, "192.0.2.1").await.unwrap();
        let _second = take(&places, "192.0.2.1").await.unwrap();
        assert!(take(&places, "192.0.2.1").await.is_none());
        let _other = take(&places, "192.0.2.2").await.unwrap();
        drop(first);
        assert!(take(&places, "192.0.2.1").await.is_some());
    }

    #[tokio::test]
    async fn a_network_of_ipv6_is_one_address() {
        let places = Places::new(8, 1);
        let _first = take(&places, "2001:db8::1").await.unwrap();
        assert!(take(&places, "2001:db8::ffff:2").await.is_none());
        assert!(take(&places, "2001:db8:0:1::1").await.is_some());
    }

    #[tokio::test]
    async fn an_address_of_ipv4_is_the_same_in_ipv6() {
        let places = Places::new(8, 1);
        let _first = take(&places, "192.0.2.1").await.unwrap();
        assert!(take(&places, "::ffff:192.0.2.1").await.is_none());
    }

    #[tokio::test]
    async fn this_machine_may_have_all_places() {
        let places = Places::new(3, 1);
        let mut held = Vec::new();
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            held.push(take(&places, address).await.unwrap());
        }
        assert!(places.are_all_taken());
    }

    #[tokio::test]
    async fn nothing_is_remembered_of_who_has_left() {
        let places = Places::new(3, 1);
        drop(take(&places, "192.0.2.1").await);
        assert!(places.taken.lock().is_empty());
        assert!(!places.are_all_taken());
    }
}
