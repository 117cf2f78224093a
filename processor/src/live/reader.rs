//! Who asks the live API, and what they may see. Who they are is `access`'s to know.

use std::{convert::Infallible, sync::Arc, time::Duration};

use access::{Credential, Grant, Guard, Refusal, Right, Wanted, Within};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use schemas::{FleetId, RideId, VehicleId};
use tokio::time::sleep;

use super::{App, problem::Problem};

/// Every so often it is looked whether who follows a ride may still see it.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// Whoever sent a request. What it may see is judged when it is known what it asks for: who has a
/// link to a ride needs no credential.
pub(super) struct Reader {
    guard: Arc<Guard>,
    headers: HeaderMap,
}

impl FromRequestParts<App> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self {
            guard: app.guard.clone(),
            headers: parts.headers.clone(),
        })
    }
}

impl Reader {
    /// The fleet that is meant, for who may see all of it. One that is not named is the reader's.
    ///
    /// # Errors
    /// [`Problem::Refused`].
    pub(super) fn fleet(&self, asked: FleetId) -> Result<FleetId, Problem> {
        self.see(asked, |within| *within == Within::Whole)
    }

    /// The fleet of a ride, for who may see that ride, perhaps by a link.
    ///
    /// # Errors
    /// [`Problem::Refused`].
    pub(super) fn ride(
        &self,
        asked: FleetId,
        ride: RideId,
        share: Option<&str>,
    ) -> Result<FleetId, Problem> {
        if let Some(share) = share {
            self.guard
                .admit_share(share, asked.as_str(), ride.as_str())?;
            return Ok(asked);
        }
        self.see(asked, |within| match within {
            Within::Whole => true,
            Within::Ride(own) => own == ride.as_str(),
            Within::Vehicle(_) | Within::Driver(_) => false,
        })
    }

    /// Waits until the reader may not see the ride any more: the credential or the link has ended.
    pub(super) async fn loses(&self, asked: FleetId, ride: RideId, share: Option<&str>) {
        loop {
            sleep(LOOK_INTERVAL).await;
            if let Err(Problem::Refused(refusal)) = self.ride(asked, ride, share)
                && refusal.wants() != Wanted::Patience
            {
                return;
            }
        }
    }

    /// The fleet of a vehicle, for who may see that vehicle.
    ///
    /// # Errors
    /// [`Problem::Refused`].
    pub(super) fn vehicle(&self, asked: FleetId, vehicle: VehicleId) -> Result<FleetId, Problem> {
        self.see(asked, |within| match within {
            Within::Whole => true,
            Within::Vehicle(own) => own == vehicle.as_str(),
            Within::Ride(_) | Within::Driver(_) => false,
        })
    }

    fn see(
        &self,
        asked: FleetId,
        may_see: impl FnOnce(&Within) -> bool,
    ) -> Result<FleetId, Problem> {
        let credential = Credential::of(&self.headers);
        let Grant { fleet, within, .. } = self.guard.admit(credential.as_ref(), Right::Read)?;
        let Some(own) = fleet else {
            return Ok(asked);
        };
        let own = FleetId::new(&own).map_err(|_| self.guard.refuse(Refusal::WrongClaims))?;
        let is_own = asked == own || asked == FleetId::default();
        if is_own && may_see(&within) {
            Ok(own)
        } else {
            Err(self.guard.refuse(Refusal::NotYours).into())
        }
    }
}
