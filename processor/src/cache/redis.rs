//! The cache in Redis or Valkey, which all instances share. What lies there is documented in
//! schemas/cache.md, for other programs too.
//!
//! A change is one script for each ride or vehicle ([`scripts`]), many of them in one pipeline; the
//! server compares versions. Watchers are told by the server that there is news, and read it.

mod address;
mod connection;
mod fields;
mod keys;
mod link;
mod scripts;
mod watched;

#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use redis::{Pipeline, Script, pipe};
use schemas::{Coordinate, FleetId, Meters, RideId, RideProgress, VehicleId, VehiclePosition};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    Cache, CacheError, Change, KEEP, KEEP_OVER, NearQuery, Nearby, RidesQuery, sort_nearest_first,
};
use crate::metrics;
use link::Link;
use watched::Watched;

/// So many changes go in one pipeline, and so many of these are under way for one write: in a cluster
/// each fleet has its own.
const CHANGES_AT_ONCE: usize = 500;
const PIPELINES_AT_ONCE: usize = 16;
/// So many rides of a list are looked at in one.
const RIDES_AT_ONCE: usize = 500;
/// The geospatial index of Redis has no places further north or south, degrees.
const MAX_LATITUDE: f64 = 85.051_128;
/// Its places are off by less than this.
const INDEX_ERROR: f64 = 1.0;
/// Vehicles that are gone are taken out of the index, and it is asked again, so many times.
const MAX_LOOKS: usize = 3;
/// After a loss everything is written again within this time.
const SHOWN_AGAIN: Duration = Duration::from_mins(1);
/// A ride that is watched is read at least so often: news may get lost.
const READ_AGAIN: Duration = Duration::from_secs(15);

type Fields = HashMap<String, String>;

/// The cache in a server.
#[derive(Clone)]
pub(crate) struct RedisCache {
    link: Arc<Link>,
    watched: Arc<Watched>,
}

impl RedisCache {
    /// Opens what a URL names (see [`Address`](address::Address)); it need not be there yet.
    pub(crate) fn open(url: &str) -> Result<Self, CacheError> {
        let watched = Arc::<Watched>::default();
        let link = Arc::new(Link::open(url, watched.clone())?);
        Ok(Self { link, watched })
    }

    fn add(&self, change: &Change, to: &mut Pipeline) {
        let scripts = &self.link.scripts;
        match change {
            Change::Ride(ride) => {
                let Some(fields) = fields::write(ride, &fields::OF_RIDE) else {
                    return metrics::cache_refused();
                };
                let keep = if ride.phase.is_over() {
                    KEEP_OVER
                } else {
                    KEEP
                };
                let key = keys::ride(ride.fleet_id, ride.ride_id);
                call(&scripts.write_ride, &[key, keys::rides(ride.fleet_id)], to)
                    .arg(keep.as_secs())
                    .arg(fields)
                    .ignore();
            }
            Change::RideAbandoned {
                fleet,
                ride,
                version,
            } => {
                let key = keys::ride(*fleet, *ride);
                call(&scripts.remove_ride, &[key, keys::rides(*fleet)], to)
                    .arg(*version)
                    .ignore();
            }
            Change::Vehicle(vehicle) => {
                let Some(fields) = fields::write(vehicle, &fields::OF_VEHICLE) else {
                    return metrics::cache_refused();
                };
                let place = if vehicle.lat.abs() <= MAX_LATITUDE {
                    [vehicle.lng.to_string(), vehicle.lat.to_string()]
                } else {
                    [String::new(), String::new()]
                };
                let key = keys::vehicle(vehicle.fleet_id, vehicle.vehicle_id);
                let index = keys::places(vehicle.fleet_id);
                call(&scripts.write_vehicle, &[key, index], to)
                    .arg(KEEP.as_secs())
                    .arg(&place)
                    .arg(fields)
                    .ignore();
            }
        }
    }

    /// What is to be asked so that changes are written.
    fn pipelines(&self, changes: &[Change]) -> Vec<Pipeline> {
        let mut changes: Vec<&Change> = changes.iter().collect();
        let is_by_fleet = self.link.is_by_fleet();
        if is_by_fleet {
            changes.sort_by_key(|change| change.fleet());
        }
        let goes_with = |one: &&Change, next: &&Change| !is_by_fleet || one.fleet() == next.fleet();
        let parts = changes
            .chunk_by(goes_with)
            .flat_map(|of_one_place| of_one_place.chunks(CHANGES_AT_ONCE));
        let pipeline = |part: &[&Change]| {
            let mut questions = pipe();
            for change in part {
                self.add(change, &mut questions);
            }
            questions
        };
        parts.map(pipeline).collect()
    }

    /// The fields of each of these keys, empty where there is nothing.
    async fn fields(&self, keys: impl Iterator<Item = String>) -> Result<Vec<Fields>, CacheError> {
        let mut questions = pipe();
        for key in keys {
            questions.cmd("HGETALL").arg(key);
        }
        if questions.is_empty() {
            return Ok(Vec::new());
        }
        self.link.ask(&questions).await
    }

    /// Takes the names of these hashes out of an index, if they are still gone.
    async fn take_out(&self, index: &str, gone: Vec<String>) -> Result<(), CacheError> {
        if gone.is_empty() {
            return Ok(());
        }
        let mut removal = pipe();
        for key in gone {
            let keys = [key, index.to_owned()];
            call(&self.link.scripts.take_out, &keys, &mut removal).ignore();
        }
        self.link.ask(&removal).await
    }

    /// The names of vehicles around a place, the nearest first, and a few metres further.
    async fn around(&self, query: &NearQuery) -> Result<Vec<VehicleId>, CacheError> {
        let mut question = pipe();
        question
            .cmd("GEOSEARCH")
            .arg(keys::places(query.fleet))
            .arg("FROMLONLAT")
            .arg(query.place.lng())
            .arg(query.place.lat())
            .arg("BYRADIUS")
            .arg(query.radius.0 + INDEX_ERROR)
            .arg("m")
            .arg("ASC")
            .arg("COUNT")
            .arg(query.limit);
        let (found,): (Vec<String>,) = self.link.ask(&question).await?;
        Ok(found
            .iter()
            .filter_map(|id| VehicleId::new(id).ok())
            .collect())
    }
}

/// Adds the call of a script, up to its arguments.
fn call<'a>(script: &Script, keys: &[String; 2], to: &'a mut Pipeline) -> &'a mut Pipeline {
    let call = to.cmd("EVALSHA").arg(script.get_hash());
    call.arg(keys.len()).arg(keys)
}

fn ride_of(fleet: FleetId, ride: RideId, fields: Fields) -> Option<RideProgress> {
    let key = [("fleet_id", fleet.as_str()), ("ride_id", ride.as_str())];
    (!fields.is_empty()).then(|| fields::read(&key, fields))?
}

fn vehicle_of(fleet: FleetId, vehicle: VehicleId, fields: Fields) -> Option<VehiclePosition> {
    let key = [
        ("fleet_id", fleet.as_str()),
        ("vehicle_id", vehicle.as_str()),
    ];
    (!fields.is_empty()).then(|| fields::read(&key, fields))?
}

#[async_trait]
impl Cache for RedisCache {
    async fn write(&self, changes: Vec<Change>) -> Result<(), CacheError> {
        let parts = self.pipelines(&changes).into_iter().map(Ok);
        let write = async |part| self.link.ask::<()>(&part).await;
        let written = stream::iter(parts).try_for_each_concurrent(PIPELINES_AT_ONCE, write);
        written.await
    }

    fn losses(&self) -> u64 {
        self.link.losses()
    }

    fn is_remote(&self) -> bool {
        true
    }

    async fn ride(&self, fleet: FleetId, ride: RideId) -> Result<Option<RideProgress>, CacheError> {
        let key = [keys::ride(fleet, ride)].into_iter();
        let fields = self.fields(key).await?.pop();
        Ok(fields.and_then(|fields| ride_of(fleet, ride, fields)))
    }

    async fn rides(&self, query: RidesQuery) -> Result<Vec<RideProgress>, CacheError> {
        let RidesQuery {
            fleet,
            phase,
            mut after,
            limit,
        } = query;
        let index = keys::rides(fleet);
        let mut found = Vec::new();
        while found.len() < limit {
            let from = after.map_or("-".to_owned(), |after| format!("({after}"));
            let mut question = pipe();
            let part = question.cmd("ZRANGEBYLEX").arg(&index).arg(from).arg("+");
            part.arg("LIMIT").arg(0).arg(RIDES_AT_ONCE);
            let (names,): (Vec<String>,) = self.link.ask(&question).await?;
            let ids: Vec<_> = names.iter().filter_map(|id| RideId::new(id).ok()).collect();
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            let kept = self
                .fields(ids.iter().map(|id| keys::ride(fleet, *id)))
                .await?;
            let mut gone = Vec::new();
            for (id, fields) in ids.iter().zip(kept) {
                if fields.is_empty() {
                    gone.push(keys::ride(fleet, *id));
                }
                let ride = ride_of(fleet, *id, fields);
                found.extend(ride.filter(|ride| phase.is_none_or(|phase| ride.phase == phase)));
            }
            self.take_out(&index, gone).await?;
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn vehicle(
        &self,
        fleet: FleetId,
        vehicle: VehicleId,
    ) -> Result<Option<VehiclePosition>, CacheError> {
        let key = [keys::vehicle(fleet, vehicle)].into_iter();
        let fields = self.fields(key).await?.pop();
        Ok(fields.and_then(|fields| vehicle_of(fleet, vehicle, fields)))
    }

    async fn near(&self, query: NearQuery) -> Result<Vec<Nearby>, CacheError> {
        if query.place.lat().abs() > MAX_LATITUDE || query.limit == 0 {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for _ in 0..MAX_LOOKS {
            let ids = self.around(&query).await?;
            let keys = ids.iter().map(|id| keys::vehicle(query.fleet, *id));
            let kept = self.fields(keys).await?;
            let mut gone = Vec::new();
            found.clear();
            for (id, fields) in ids.iter().zip(kept) {
                if fields.is_empty() {
                    gone.push(keys::vehicle(query.fleet, *id));
                }
                let vehicle = vehicle_of(query.fleet, *id, fields);
                found.extend(vehicle.and_then(|vehicle| nearby(&query, vehicle)));
            }
            if gone.is_empty() {
                break;
            }
            self.take_out(&keys::places(query.fleet), gone).await?;
        }
        sort_nearest_first(&mut found);
        Ok(found)
    }

    async fn watch(
        &self,
        fleet: FleetId,
        ride: RideId,
    ) -> Result<Option<BoxStream<'static, RideProgress>>, CacheError> {
        for left in self.watched.take_left() {
            self.link.unsubscribe(&left).await;
        }
        let channel = keys::ride(fleet, ride);
        // Before it is read, so that no change comes between.
        let news = self.watched.add(&channel);
        self.link.subscribe(&channel).await?;
        let Some(now) = self.ride(fleet, ride).await? else {
            return Ok(None);
        };
        let watching = Watching {
            cache: self.clone(),
            last: (!now.phase.is_over()).then(|| now.clone()),
            news,
            losses: self.losses(),
            back_by: None,
        };
        let later = stream::unfold(watching, Watching::next);
        Ok(Some(stream::iter([now]).chain(later).boxed()))
    }
}

fn nearby(query: &NearQuery, vehicle: VehiclePosition) -> Option<Nearby> {
    let place = Coordinate::from_degrees(vehicle.lat, vehicle.lng).ok()?;
    let distance: Meters = query.place.distance(place);
    (distance.0 <= query.radius.0).then_some(Nearby { vehicle, distance })
}

/// A ride that is watched.
struct Watching {
    cache: RedisCache,
    /// As it was told last; None where there is no more to tell.
    last: Option<RideProgress>,
    news: watch::Receiver<()>,
    losses: u64,
    /// After a loss it may be missing until then.
    back_by: Option<Instant>,
}

impl Watching {
    /// Whether a ride that is missing may only be so because the server has lost it.
    fn may_come_back(&mut self) -> bool {
        let losses = self.cache.losses();
        if losses != self.losses {
            self.losses = losses;
            self.back_by = Some(Instant::now() + SHOWN_AGAIN);
        }
        self.back_by.is_some_and(|by| Instant::now() < by)
    }

    /// Waits for the next state of the ride.
    async fn next(mut self) -> Option<(RideProgress, Self)> {
        let last = self.last.take()?;
        loop {
            // However it ends, it is looked at.
            let _news = timeout(READ_AGAIN, self.news.changed()).await;
            match self.cache.ride(last.fleet_id, last.ride_id).await {
                Ok(Some(ride)) if ride.version > last.version => {
                    self.last = (!ride.phase.is_over()).then(|| ride.clone());
                    return Some((ride, self));
                }
                Ok(None) if !self.may_come_back() => return None,
                // A server that was away is looked at again when it writes, or later.
                Ok(_) | Err(_) => {}
            }
        }
    }
}
