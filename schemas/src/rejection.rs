//! Why an item of an upload was not accepted: a small enum with a stable code and plain words.
//! It does not decide what is rejected; `upload` and the ingest service do.

/// Why an item was not accepted. The code is stable: clients and metrics rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// Not JSON, or Protobuf that cannot be decoded.
    #[error("the item is not well-formed")]
    Malformed,
    /// Well-formed, but a field is missing or has the wrong type.
    #[error("a field is missing or has the wrong type")]
    WrongShape,
    /// An id has the wrong syntax.
    #[error("an id has 1 to 64 characters of A-Z a-z 0-9 . _ : -")]
    InvalidId,
    /// Latitude or longitude is out of range.
    #[error("lat must be within -90..90 and lng within -180..180")]
    InvalidCoordinate,
    /// Latitude and longitude are both 0.
    #[error("lat and lng are both 0, which receivers send that have no fix")]
    NullIsland,
    /// A number other than the position is out of range.
    #[error(
        "speed_mps must be within 0..150, heading_deg within 0..360, accuracy_m within 0..100000, \
         altitude_m within -1000..20000, epoch and seq below 2^63"
    )]
    OutOfRange,
    /// The currency of a fare is none.
    #[error("currency must be three capital letters (ISO 4217)")]
    InvalidCurrency,
    /// One of epoch and seq stands alone: a counter that restarts would repeat its names.
    #[error("epoch and seq name a ping together: send both or none")]
    UnpairedName,
    /// The route is no encoded polyline of precision 6, or too long.
    #[error("route must be an encoded polyline of precision 6 with 2 to 10000 points")]
    InvalidRoute,
    /// The planned duration of the route is out of range, or there is no route.
    #[error("route_duration_s must be within 1..172800 and come with a route")]
    InvalidRouteDuration,
    /// The time of the fix is further back than the server takes.
    #[error("time_ms is further back than this server takes")]
    TooOld,
    /// The time of the fix is further ahead than the server takes.
    #[error("time_ms is further ahead than this server takes")]
    TooNew,
    /// The item is larger than the server takes.
    #[error("the item is larger than this server takes")]
    TooLarge,
    /// The fleet sends more than its share.
    #[error("the fleet sends more pings than this server takes from it")]
    TooFrequent,
    /// The stream refused the record for good.
    #[error("the stream refused the record")]
    Refused,
    /// It is of another fleet, vehicle or driver than the sender may write.
    #[error("the credential may not write for this fleet, vehicle or driver")]
    NotYours,
}

impl Rejection {
    /// Every reason, for tables of counts.
    pub const ALL: [Self; 16] = [
        Self::Malformed,
        Self::WrongShape,
        Self::InvalidId,
        Self::InvalidCoordinate,
        Self::NullIsland,
        Self::OutOfRange,
        Self::InvalidCurrency,
        Self::UnpairedName,
        Self::InvalidRoute,
        Self::InvalidRouteDuration,
        Self::TooOld,
        Self::TooNew,
        Self::TooLarge,
        Self::TooFrequent,
        Self::Refused,
        Self::NotYours,
    ];

    /// The stable code that answers and metrics carry.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongShape => "wrong_shape",
            Self::InvalidId => "invalid_id",
            Self::InvalidCoordinate => "invalid_coordinate",
            Self::NullIsland => "null_island",
            Self::OutOfRange => "out_of_range",
            Self::InvalidCurrency => "invalid_currency",
            Self::UnpairedName => "unpaired_name",
            Self::InvalidRoute => "invalid_route",
            Self::InvalidRouteDuration => "invalid_route_duration",
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::TooLarge => "too_large",
            Self::TooFrequent => "too_frequent",
            Self::Refused => "refused",
            Self::NotYours => "not_yours",
        }
    }
}
