//! One ride as its cab sees it: where it begins and ends, which way, and what will go wrong.

use std::sync::Arc;

use schemas::{Money, PlannedRoute, RideEventKind, RideId, polyline, ride_event::Currency};

use super::{
    plane::Point,
    router::{self, Router},
    town::{Junction, StreetIndex, Town},
};
use crate::dice::Dice;

/// How far away riders wait, and how far they go, in metres.
const PICKUP_METERS: std::ops::Range<f64> = 300.0..2_500.0;
const TRIP_METERS: std::ops::Range<f64> = 1_000.0..6_000.0;
/// Rides without a planned way, and rides whose driver takes another.
const WITHOUT_ROUTE: f64 = 0.1;
const OWN_WAY: f64 = 0.08;
/// Rides that are called off before the cab arrives, and riders who do not show up.
const CANCELLED: f64 = 0.06;
const NO_SHOW: f64 = 0.03;
/// Riders who change their mind, and trips that end up in a jam.
const REROUTED: f64 = 0.08;
const JAMMED: f64 = 0.02;
/// The fare of San Francisco's meters, roughly, in US cents: at the start, per km, per minute.
const FARE_START: f64 = 415.0;
const FARE_PER_KM: f64 = 200.0;
const FARE_PER_MINUTE: f64 = 65.0;

/// A ride that was assigned.
#[derive(Debug)]
pub(super) struct Ride {
    pub id: RideId,
    pub to_pickup: Vec<StreetIndex>,
    pub trip: Vec<StreetIndex>,
    /// Seconds after the assignment; the ride is off if the cab has not arrived by then.
    pub cancelled_after: Option<f64>,
    pub rider: Rider,
    /// Seconds after the pickup.
    pub rerouted_after: Option<f64>,
    pub jammed_after: Option<f64>,
    pub assigned: RideEventKind,
}

/// Whether a rider is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rider {
    /// Comes to the cab.
    Shows,
    /// Does not.
    Misses,
}

/// A town and the router that knows it.
#[derive(Debug)]
pub(super) struct World {
    pub town: Arc<Town>,
    pub router: Router,
}

impl Ride {
    /// Draws a ride for a cab at `here` that can turn at `junction`; None where no way leads.
    pub(super) fn draw(
        id: RideId,
        (here, junction): (Point, Junction),
        world: &mut World,
        dice: &mut Dice,
    ) -> Option<Self> {
        let World { town, router } = world;
        let pickup = town.junction_near(here, PICKUP_METERS, dice);
        let dropoff = town.junction_near(town.point(pickup), TRIP_METERS, dice);
        let planned = router.find(town, pickup, dropoff);
        if planned.is_empty() {
            return None;
        }
        let route =
            (!dice.chance(WITHOUT_ROUTE)).then(|| plan([town.point(pickup)], &planned, town));
        let trip = if dice.chance(OWN_WAY) {
            let via = town.junction_near(town.point(pickup), PICKUP_METERS, dice);
            let mut own = router.find(town, pickup, via);
            own.extend(router.find(town, via, dropoff));
            own
        } else {
            planned
        };
        Some(Self {
            id,
            to_pickup: router.find(town, junction, pickup),
            trip,
            cancelled_after: draw_after(CANCELLED, dice),
            rider: if dice.chance(NO_SHOW) {
                Rider::Misses
            } else {
                Rider::Shows
            },
            rerouted_after: draw_after(REROUTED, dice),
            jammed_after: draw_after(JAMMED, dice),
            assigned: RideEventKind::Assigned {
                pickup: town.point(pickup).coordinate()?,
                dropoff: town.point(dropoff).coordinate()?,
                route,
            },
        })
    }
}

/// Draws another destination for a cab at `here` that can turn at `junction`: the event, and the
/// way from the junction on.
pub(super) fn draw_reroute(
    (here, junction): (Point, Junction),
    world: &mut World,
    dice: &mut Dice,
) -> Option<(RideEventKind, Vec<StreetIndex>)> {
    let World { town, router } = world;
    let dropoff = town.junction_near(here, TRIP_METERS, dice);
    let way = router.find(town, junction, dropoff);
    let event = RideEventKind::Rerouted {
        dropoff: town.point(dropoff).coordinate()?,
        route: Some(plan([here, town.point(junction)], &way, town)),
    };
    Some((event, way))
}

/// What a trip costs.
pub(super) fn fare(meters: f64, seconds: f64) -> Option<Money> {
    let cents = FARE_START + meters / 1e3 * FARE_PER_KM + seconds / 60.0 * FARE_PER_MINUTE;
    Some(Money {
        minor_units: cents as i64,
        currency: Currency::new("USD")?,
    })
}

/// With this probability, some seconds after something.
fn draw_after(probability: f64, dice: &mut Dice) -> Option<f64> {
    dice.chance(probability).then(|| dice.between(10.0, 200.0))
}

/// A way as a router gives it, from some points through the ends of its streets.
fn plan<const POINTS: usize>(
    start: [Point; POINTS],
    way: &[StreetIndex],
    town: &Town,
) -> PlannedRoute {
    let ends = way.iter().map(|street| town.point(town.street(*street).to));
    let points = start.into_iter().chain(ends);
    PlannedRoute {
        way: polyline::encode(points.filter_map(Point::coordinate)).into(),
        duration: Some(router::duration(way, town)),
    }
}
