//! What a message says: whose its topic is, how it is written, and the pings in it. When it comes,
//! and what is told to the broker, is not known here.

use schemas::{FleetId, Protocol, VehicleId};

use crate::{
    devices::{
        fix::{Fix, Reading},
        owntracks,
    },
    pings,
    upload::{ItemRejection, Upload},
};

/// Where our own apps publish: `hansom/pings/<vehicle>`.
const OUR_BASE: &str = "hansom/pings/";
/// A message may have so many bytes: a thousand pings. A phone that was away sends several.
pub(crate) const MAX_MESSAGE_BYTES: usize = 256 << 10;

/// A message that is read no further than to know what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// The vehicle of its topic: who may publish there is the broker's to say.
    pub(crate) vehicle: VehicleId,
    /// What its pings are recorded with.
    pub(crate) protocol: Protocol,
    payload: &'a [u8],
}

/// What was found in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Items, each taken or rejected.
    Items,
    /// Something else that an app tells, such as a waypoint.
    NoFix,
}

/// Why a message can never be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Its topic is nobody's.
    Topic,
    /// It has too many bytes or items.
    TooLarge,
    /// It is neither JSON nor Protobuf.
    Unreadable,
}

impl Unusable {
    /// Every reason.
    pub(crate) const ALL: [Self; 3] = [Self::Topic, Self::TooLarge, Self::Unreadable];

    /// A stable name.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::TooLarge => "too_large",
            Self::Unreadable => "unreadable",
        }
    }
}

impl<'a> Message<'a> {
    /// Sees what a message is.
    ///
    /// # Errors
    /// [`Unusable`] for a topic without a vehicle, and for too many bytes.
    pub(crate) fn of(topic: &[u8], payload: &'a [u8]) -> Result<Self, Unusable> {
        let topic = str::from_utf8(topic).map_err(|_| Unusable::Topic)?;
        let (vehicle, protocol) = if let Some(vehicle) = topic.strip_prefix(OUR_BASE) {
            (VehicleId::new(vehicle), protocol_of(payload))
        } else {
            let vehicle = owntracks::vehicle_of_topic(topic).ok_or(Unusable::Topic)?;
            (VehicleId::new(&vehicle), Protocol::MqttOwntracks)
        };
        if payload.len() > MAX_MESSAGE_BYTES {
            return Err(Unusable::TooLarge);
        }
        Ok(Self {
            vehicle: vehicle.map_err(|_| Unusable::Topic)?,
            protocol,
            payload,
        })
    }

    /// Takes all that it says into an upload of its protocol.
    ///
    /// # Errors
    /// [`Unusable`] for what cannot be cut into items: then none is taken.
    pub(crate) fn take(&self, fleet: FleetId, upload: &mut Upload<'_>) -> Result<Found, Unusable> {
        let taken = match self.protocol {
            Protocol::MqttOwntracks => return Ok(self.take_owntracks(fleet, upload)),
            Protocol::MqttJson => pings::take_json(self.payload, upload),
            _ => pings::take_protobuf(self.payload, upload),
        };
        match taken {
            Ok(()) => Ok(Found::Items),
            Err(stop) if stop.is_of_size() => Err(Unusable::TooLarge),
            Err(_) => Err(Unusable::Unreadable),
        }
    }

    fn take_owntracks(&self, fleet: FleetId, upload: &mut Upload<'_>) -> Found {
        let item = match self.read_owntracks() {
            Ok(Reading::NoFix) => return Found::NoFix,
            Ok(Reading::Fix(fix)) => Ok(Fix::into_ping(*fix, fleet, upload.origin())),
            Err(rejection) => Err(rejection),
        };
        upload.ping(item);
        Found::Items
    }

    fn read_owntracks(&self) -> Result<Reading, ItemRejection> {
        owntracks::location(self.payload, Some(self.vehicle.as_str()))
    }
}

/// How a batch of ours is written: JSON begins as an object or an array does, and no batch in Protobuf
/// begins with these bytes. Blanks before it are no mark, since a newline begins every such batch.
fn protocol_of(payload: &[u8]) -> Protocol {
    match payload.first() {
        Some(b'{' | b'[') => Protocol::MqttJson,
        _ => Protocol::MqttProtobuf,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(topic: &str, payload: &[u8], expected: Result<(&str, Protocol), Unusable>) {
        let found = Message::of(topic.as_bytes(), payload);
        let found = found.map(|message| (message.vehicle.to_string(), message.protocol));
        let expected = expected.map(|(vehicle, protocol)| (vehicle.to_owned(), protocol));
        assert_eq!(found, expected, "{topic}");
    }

    #[test]
    fn a_topic_tells_the_vehicle_and_the_first_byte_how_it_is_written() {
        let fix = br#"{"_type":"location"}"#;
        let jane = Ok(("jane:phone", Protocol::MqttOwntracks));
        check("owntracks/jane/phone", fix, jane);
        check("owntracks/jane/phone/event", fix, jane);
        let cab = |protocol| Ok(("cab-1", protocol));
        check("hansom/pings/cab-1", b"{}", cab(Protocol::MqttJson));
        check("hansom/pings/cab-1", b"[]", cab(Protocol::MqttJson));
        // A ping of 123 bytes: what follows the newline looks like JSON.
        check("hansom/pings/cab-1", b"\n{", cab(Protocol::MqttProtobuf));
        check("hansom/pings/cab-1", b"", cab(Protocol::MqttProtobuf));
    }

    #[test]
    fn a_topic_without_a_vehicle_is_nobodys() {
        for topic in [
            "owntracks/jane",
            "owntracks/jane/my phone",
            "owntracks//",
            "hansom/pings/",
            "hansom/pings/cab-1/more",
            "hansom/pings/cab 1",
            "hansom/events/cab-1",
            "",
        ] {
            check(topic, b"{}", Err(Unusable::Topic));
        }
    }

    #[test]
    fn the_largest_message_is_taken_and_no_larger_one() {
        let of = |bytes: usize| vec![b'['; bytes];
        let largest = Ok(("cab-1", Protocol::MqttJson));
        check("hansom/pings/cab-1", &of(MAX_MESSAGE_BYTES), largest);
        let larger = of(MAX_MESSAGE_BYTES + 1);
        check("hansom/pings/cab-1", &larger, Err(Unusable::TooLarge));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(topic: Vec<u8>, payload: Vec<u8>) {
            let _ = Message::of(&topic, &payload);
        }

        #[test]
        fn a_vehicle_is_what_stands_in_its_topic(vehicle in "[A-Za-z0-9._:-]{1,64}") {
            let topic = format!("{OUR_BASE}{vehicle}");
            let message = Message::of(topic.as_bytes(), b"[]");
            prop_assert_eq!(message.unwrap().vehicle.to_string(), vehicle);
        }
    }
}
