//! Rides of an earlier demo fleet that was killed: nobody ends them, and their cabs drive again.
//! This fleet cancels them, and no ride that anybody else began.

use std::time::Duration;

use anyhow::Context as _;
use processor::{Cache, cache::RidesQuery};
use schemas::{FleetId, RideId, RideProgress, Timestamp, VehicleId};
use serde_json::json;
use service::Shutdown;
use tokio::time::sleep;
use tracing::info;

use crate::{
    client::now,
    simulate::{Settings, cab_name},
};

/// Rides looked at in one go.
const PAGE: usize = 1_000;
/// Time between two looks at whether the fleet is shown.
const LOOK: Duration = Duration::from_millis(200);

/// Waits until the fleet of `settings` is shown, so that all that was known before it is shown too;
/// then cancels what fleets before it have left open.
pub(super) async fn cancel(
    settings: &Settings,
    cache: &dyn Cache,
    stop: &Shutdown,
) -> anyhow::Result<()> {
    let started = now()?;
    for number in 0..settings.vehicles.get() {
        let cab = VehicleId::new(&cab_name(number))?;
        while !is_shown(cache, cab, started).await? {
            tokio::select! {
                () = sleep(LOOK) => {}
                () = stop.requested() => return Ok(()),
            }
        }
    }
    let (client, mut after, mut cancelled) = (reqwest::Client::new(), None, 0);
    loop {
        let query = RidesQuery {
            fleet: FleetId::default(),
            phase: None,
            after,
            limit: PAGE,
        };
        let rides = cache.rides(query).await?;
        let Some(last) = rides.last() else { break };
        after = Some(last.ride_id);
        for ride in rides.iter().filter(|ride| is_left_over(ride, settings)) {
            let path = format!("v1/rides/{}/events", ride.ride_id);
            let event = json!({
                "vehicle_id": ride.vehicle_id,
                "time_ms": now()?,
                "type": "cancelled",
                "by": "dispatch",
            });
            let request = client.post(settings.sending.to.join(&path)?).json(&event);
            let answered = request.send().await?.error_for_status();
            answered.with_context(|| format!("cancel {}", ride.ride_id))?;
            cancelled += 1;
        }
    }
    if cancelled > 0 {
        info!(cancelled, "rides of an earlier demo fleet are off");
    }
    Ok(())
}

async fn is_shown(cache: &dyn Cache, cab: VehicleId, since: Timestamp) -> anyhow::Result<bool> {
    let shown = cache.vehicle(FleetId::default(), cab).await?;
    Ok(shown.is_some_and(|shown| shown.time_ms >= since))
}

fn is_left_over(ride: &RideProgress, settings: &Settings) -> bool {
    let start = fleet_start(ride.ride_id, ride.vehicle_id);
    !ride.phase.is_over() && start.is_some() && start != settings.start
}

/// When the fleet started, in Unix ms, that a ride's id is of; None if it is of no such fleet.
fn fleet_start(ride: RideId, cab: VehicleId) -> Option<i64> {
    let rest = ride
        .as_str()
        .strip_prefix(cab.as_str())?
        .strip_prefix('-')?;
    let (start, number) = rest.split_once('-')?;
    number.parse::<u32>().ok()?;
    start.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ride: &str, cab: &str, expected: Option<i64>) {
        let (ride, cab) = (RideId::new(ride).unwrap(), VehicleId::new(cab).unwrap());
        assert_eq!(fleet_start(ride, cab), expected, "{ride}");
    }

    #[test]
    fn only_a_simulated_ride_has_a_fleets_start() {
        check("cab-00007-1772431200-12", "cab-00007", Some(1_772_431_200));
        check("cab-00007-1772431200-12", "cab-00008", None);
        check("cab-00007-1772431200", "cab-00007", None);
        check("ride-1", "cab-00007", None);
        check("cab-00007-night-1", "cab-00007", None);
    }
}
