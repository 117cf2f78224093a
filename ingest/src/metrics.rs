//! The metrics of ingest, one function each. Labels are small enums, never ids.

use metrics::{counter, describe_counter, describe_gauge, gauge};
use schemas::{Protocol, Rejection};

use crate::lane::Lane;

/// Describes the metrics for `/metrics`, and shows those that an alert waits for while they are zero:
/// of a counter that begins with its first count nobody sees that it has grown.
pub(crate) fn describe() {
    describe_counter!(
        "hansom_ingest_accepted_total",
        "Pings and ride events accepted and durable, by protocol"
    );
    describe_counter!(
        "hansom_ingest_rejected_total",
        "Items not accepted, by reason"
    );
    describe_counter!(
        "hansom_ingest_stopped_total",
        "Requests stopped before their end, by status"
    );
    describe_counter!(
        "hansom_ingest_without_fix_total",
        "What apps sent without a position, accepted and not kept, by protocol"
    );
    describe_gauge!("hansom_ingest_sockets", "WebSockets that are open");
    describe_counter!(
        "hansom_ingest_sockets_closed_total",
        "WebSockets that were closed from here, by code: 1001 at a stop, 1013 for a stream that is away"
    );
    describe_gauge!(
        "hansom_ingest_queue_free_bytes",
        "Bytes that may still wait for the stream, by lane"
    );
    describe_gauge!(
        "hansom_ingest_bodies_free_bytes",
        "Bytes of bodies that may still be held, when one was last read"
    );
    counter!("hansom_ingest_stopped_total", "status" => "503").increment(0);
    for reason in Rejection::ALL {
        counter!("hansom_ingest_rejected_total", "reason" => reason.code()).increment(0);
    }
}

/// Tells of a WebSocket that was opened or ended.
pub(crate) fn sockets_changed(by: f64) {
    gauge!("hansom_ingest_sockets").increment(by);
}

/// Counts a WebSocket that was closed from here.
pub(crate) fn socket_closed(code: u16) {
    counter!("hansom_ingest_sockets_closed_total", "code" => code.to_string()).increment(1);
}

/// Counts accepted items.
pub(crate) fn accepted(protocol: Protocol, items: u64) {
    counter!("hansom_ingest_accepted_total", "protocol" => protocol.as_str()).increment(items);
}

/// Counts an item that was not accepted.
pub(crate) fn item_rejected(reason: Rejection) {
    counter!("hansom_ingest_rejected_total", "reason" => reason.code()).increment(1);
}

/// Counts what an app sent without a position.
pub(crate) fn without_fix(protocol: Protocol) {
    counter!("hansom_ingest_without_fix_total", "protocol" => protocol.as_str()).increment(1);
}

/// Counts a request that was stopped.
pub(crate) fn request_stopped(status: u16) {
    counter!("hansom_ingest_stopped_total", "status" => status.to_string()).increment(1);
}

/// Tells how much of a lane may still wait for the stream.
pub(crate) fn queue_free(lane: Lane, free_bytes: usize) {
    let lane = match lane {
        Lane::Live => "live",
        Lane::Backfill => "backfill",
    };
    gauge!("hansom_ingest_queue_free_bytes", "lane" => lane).set(free_bytes as f64);
}

/// Tells how many bytes of bodies may still be held.
pub(crate) fn bodies_free(free_bytes: usize) {
    gauge!("hansom_ingest_bodies_free_bytes").set(free_bytes as f64);
}
