//! What a shard promises and what its drives teach: lessons wait here, and in snapshots, until a model
//! has them. Who keeps models, and where, is the learner's.

use std::collections::BTreeSet;

use schemas::{FleetId, RideEvent, RideId};

use super::ShardState;
use crate::{
    eta::{Lesson, Models, Promise},
    ride::Arrival,
};

/// Lessons that wait for a model at most: a day of a shard's, some 10 MB.
const MAX_LESSONS: usize = 50_000;

impl ShardState {
    /// Predicts with these models from now on.
    pub fn set_models(&mut self, models: Models) {
        self.models = models;
    }

    /// What riders are told of a ride's arrival, as of the last ping.
    pub fn promised(&mut self, fleet: FleetId, ride: RideId) -> Option<Promise> {
        let owner = self.owners.get(fleet, ride)?;
        let vehicle = self.image.vehicles.get_mut(fleet, owner)?;
        vehicle.ride_mut(ride)?.ride.promised().copied()
    }

    /// Lessons that no model has yet, oldest first.
    pub fn lessons(&self) -> impl ExactSizeIterator<Item = &Lesson> {
        self.image.lessons.iter()
    }

    /// Lets the first lessons go: models have them.
    pub fn forget_lessons(&mut self, count: usize) {
        let count = count.min(self.image.lessons.len());
        self.image.lessons.drain(..count);
    }

    /// Lets these lessons go, wherever they wait by now: models have them. One that tells otherwise
    /// of the same drive stays.
    pub(crate) fn forget_learned(&mut self, learned: &BTreeSet<Lesson>) {
        self.image
            .lessons
            .retain(|lesson| !learned.contains(lesson));
    }

    /// Takes what a drive teaches that has ended.
    pub(super) fn learn(&mut self, event: &RideEvent, arrival: &Arrival) {
        let Arrival { drive, end } = arrival;
        self.effects.kept.extend(drive.kept(end.time));
        if let Some(longer) = drive.took_longer(end.time)
            && let Some(vehicle) = self.image.vehicles.get_mut(event.fleet, event.vehicle)
        {
            vehicle.note_tempo(longer, end.time);
        }
        let Some(lesson) = drive.lesson(event.fleet, event.ride, *end) else {
            self.effects.unfit_drives += 1;
            return;
        };
        if self.image.lessons.len() >= MAX_LESSONS {
            self.image.lessons.pop_front();
            self.effects.lost_lessons += 1;
        }
        self.image.lessons.push_back(lesson);
    }

    pub(super) fn promise_anew(&mut self, event: &RideEvent) {
        let vehicles = &mut self.image.vehicles;
        if let Some(vehicle) = vehicles.get_mut(event.fleet, event.vehicle) {
            vehicle.promise_anew(event.ride, &self.models);
        }
    }
}
