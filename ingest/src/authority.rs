//! What a sender may write. Who the sender is was found out before, by its credential.

use access::{Grant, Refusal};
use schemas::{DriverId, FleetId, Ping, Rejection, RideEvent, VehicleId};

/// What the credential of a request allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authority {
    /// Everything: there are no credentials.
    All,
    /// What lies in one fleet.
    Fleet(FleetId, Within),
}

/// Which part of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
    /// All of it.
    Whole,
    /// One vehicle.
    Vehicle(VehicleId),
    /// Whatever one driver drives.
    Driver(DriverId),
}

impl TryFrom<Grant> for Authority {
    type Error = Refusal;

    /// What a grant to write allows. One for a ride allows nothing: rides are not written to alone.
    fn try_from(grant: Grant) -> Result<Self, Refusal> {
        let Some(fleet) = grant.fleet else {
            return Ok(Self::All);
        };
        let fleet = FleetId::new(&fleet).map_err(|_| Refusal::WrongClaims)?;
        let within = match &grant.within {
            access::Within::Whole => Some(Within::Whole),
            access::Within::Vehicle(id) => VehicleId::new(id).ok().map(Within::Vehicle),
            access::Within::Driver(id) => DriverId::new(id).ok().map(Within::Driver),
            access::Within::Ride(_) => None,
        };
        Ok(Self::Fleet(fleet, within.ok_or(Refusal::WrongClaims)?))
    }
}

impl Authority {
    /// Judges a ping. One that names no fleet is of the sender's; one of a driver that names no
    /// driver is that driver's.
    ///
    /// # Errors
    /// [`Rejection::NotYours`].
    pub(crate) fn check_ping(self, ping: &mut Ping) -> Result<(), Rejection> {
        self.check(&mut ping.fleet, ping.vehicle, &mut ping.driver)
    }

    /// Judges a ride event, like a ping.
    ///
    /// # Errors
    /// [`Rejection::NotYours`].
    pub(crate) fn check_event(self, event: &mut RideEvent) -> Result<(), Rejection> {
        self.check(&mut event.fleet, event.vehicle, &mut event.driver)
    }

    fn check(
        self,
        fleet: &mut FleetId,
        vehicle: VehicleId,
        driver: &mut Option<DriverId>,
    ) -> Result<(), Rejection> {
        let Self::Fleet(own, within) = self else {
            return Ok(());
        };
        if *fleet == FleetId::default() {
            *fleet = own;
        }
        let is_own = *fleet == own
            && match within {
                Within::Whole => true,
                Within::Vehicle(own) => vehicle == own,
                Within::Driver(own) => *driver.get_or_insert(own) == own,
            };
        if is_own {
            Ok(())
        } else {
            Err(Rejection::NotYours)
        }
    }
}
