//! The metrics of the spool, one function each. What its logs hold is told by their writers.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, gauge};

use super::LaneName;

const SPOOLED: &str = "hansom_transport_spooled_records_total";
const FORWARDED: &str = "hansom_transport_spool_forwarded_records_total";
const REFUSED: &str = "hansom_transport_spool_refused_records_total";
const DEAD_LETTERS: &str = "hansom_transport_spool_dead_letters_total";
const LOST_LETTERS: &str = "hansom_transport_spool_lost_dead_letters_total";
const HELD: &str = "hansom_transport_spool_held_bytes";
const WAITING: &str = "hansom_transport_spool_waiting_records";
const OLDEST: &str = "hansom_transport_spool_oldest_seconds";
const SPOOLS: &str = "hansom_transport_spool_is_used";

/// Describes the metrics for `/metrics`.
pub(crate) fn describe() {
    describe_counter!(
        SPOOLED,
        "Records that became durable in the spool before the stream had them"
    );
    describe_counter!(
        FORWARDED,
        "Records that the spool brought to the stream later"
    );
    describe_counter!(
        REFUSED,
        "Records that neither the stream nor the spool took, as it is full or its disk failed"
    );
    describe_counter!(
        DEAD_LETTERS,
        "Spooled records that the stream refused for good, and that were written to the dead letters"
    );
    describe_counter!(
        LOST_LETTERS,
        "Spooled records that the stream refused for good, and that the dead letters had no room for"
    );
    describe_gauge!(HELD, "Bytes that the spool holds");
    describe_gauge!(WAITING, "Records in the spool that wait for the stream");
    describe_gauge!(
        OLDEST,
        "How long the oldest record in the spool has waited for the stream"
    );
    describe_gauge!(
        SPOOLS,
        "1 while records go to the spool first, 0 while they go to the stream"
    );
    // An alert waits for it: of a counter that begins with its first loss nobody sees that it has grown.
    counter!(LOST_LETTERS).increment(0);
    // Shown while they are zero, as alerts wait for their growth.
    for lane in [LaneName::Live, LaneName::Backfill] {
        refused(lane, 0);
        dead_letters(lane, 0);
    }
}

/// Counts records that became durable in the spool.
pub(crate) fn spooled(lane: LaneName, records: u64) {
    counter!(SPOOLED, "lane" => lane.as_str()).increment(records);
}

/// Tells how much a lane's log holds.
pub(crate) fn held(lane: LaneName, bytes: u64) {
    gauge!(HELD, "lane" => lane.as_str()).set(bytes as f64);
}

/// Tells how many records wait for the stream.
pub(crate) fn waiting(lane: LaneName, records: u64) {
    gauge!(WAITING, "lane" => lane.as_str()).set(records as f64);
}

/// Counts records that the stream has at last.
pub(super) fn forwarded(lane: LaneName, records: u64) {
    counter!(FORWARDED, "lane" => lane.as_str()).increment(records);
}

/// Counts records that were not taken.
pub(super) fn refused(lane: LaneName, records: u64) {
    counter!(REFUSED, "lane" => lane.as_str()).increment(records);
}

/// Counts records that were written to the dead letters.
pub(super) fn dead_letters(lane: LaneName, records: u64) {
    counter!(DEAD_LETTERS, "lane" => lane.as_str()).increment(records);
}

/// Counts records that came to nothing: the stream refuses them, and the dead letters had no room.
pub(super) fn lost_dead_letters(records: u64) {
    counter!(LOST_LETTERS).increment(records);
}

/// Tells how long the oldest record has waited.
pub(super) fn oldest(lane: LaneName, waited: Duration) {
    gauge!(OLDEST, "lane" => lane.as_str()).set(waited.as_secs_f64());
}

/// Tells that records go to the spool first.
pub(super) fn spools(lane: LaneName) {
    gauge!(SPOOLS, "lane" => lane.as_str()).set(1);
}

/// Tells that records go to the stream.
pub(super) fn goes_direct(lane: LaneName) {
    gauge!(SPOOLS, "lane" => lane.as_str()).set(0);
}
