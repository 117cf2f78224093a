//! The metrics of ingest, one function each. Labels are small enums, never ids.

use metrics::{counter, describe_counter, describe_gauge, gauge};
use schemas::{Protocol, Rejection};

use crate::{lane::Lane, mqtt::Unusable};

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
    describe_gauge!(
        "hansom_ingest_sessions",
        "WebSockets and calls of gRPC that are open"
    );
    describe_counter!(
        "hansom_ingest_sockets_closed_total",
        "WebSockets that were closed from here, by code: 1001 at a stop, 1013 for a stream that is away"
    );
    describe_counter!(
        "hansom_ingest_audit_omitted_total",
        "Refused writes that the audit log has no line of, because there were too many in that second"
    );
    describe_counter!(
        "hansom_ingest_sessions_paced_total",
        "Messages on WebSockets and calls of gRPC that waited, as their credential sends too many"
    );
    describe_counter!(
        "hansom_ingest_calls_ended_total",
        "Calls of gRPC that were ended from here, by status: 14 at a stop, or for a stream that is away"
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

/// Describes the metrics of a subscription by MQTT, and shows them: where there is none, they are absent.
pub(crate) fn describe_mqtt() {
    describe_gauge!(
        "hansom_ingest_mqtt_is_connected",
        "1 while messages come from the MQTT broker"
    );
    describe_counter!(
        "hansom_ingest_mqtt_unusable_total",
        "Messages that can never be taken, acknowledged and not kept, by reason"
    );
    describe_counter!(
        "hansom_ingest_mqtt_put_off_total",
        "How often messages had to wait for the stream, or for the share of their fleet"
    );
    mqtt_connected(0.0);
    counter!("hansom_ingest_mqtt_put_off_total").increment(0);
    for reason in Unusable::ALL {
        counter!("hansom_ingest_mqtt_unusable_total", "reason" => reason.code()).increment(0);
    }
}

/// Tells whether messages come from the MQTT broker: 1, or 0.
pub(crate) fn mqtt_connected(connections: f64) {
    gauge!("hansom_ingest_mqtt_is_connected").set(connections);
}

/// Counts a message that can never be taken.
pub(crate) fn mqtt_unusable(reason: Unusable) {
    counter!("hansom_ingest_mqtt_unusable_total", "reason" => reason.code()).increment(1);
}

/// Counts messages that wait, once for all that wait together.
pub(crate) fn mqtt_put_off() {
    counter!("hansom_ingest_mqtt_put_off_total").increment(1);
}

/// Tells of a WebSocket or a call of gRPC that was opened or ended.
pub(crate) fn sessions_changed(by: f64) {
    gauge!("hansom_ingest_sessions").increment(by);
}

/// Counts a message that had to wait because its credential sends more than it may.
pub(crate) fn session_paced() {
    counter!("hansom_ingest_sessions_paced_total").increment(1);
}

/// Counts a call of gRPC that was ended from here.
pub(crate) fn call_ended(code: i32) {
    counter!("hansom_ingest_calls_ended_total", "code" => code.to_string()).increment(1);
}

/// Counts a WebSocket that was closed from here.
pub(crate) fn socket_closed(code: u16) {
    counter!("hansom_ingest_sockets_closed_total", "code" => code.to_string()).increment(1);
}

/// Counts a line that the audit log has no place for.
pub(crate) fn audit_omitted() {
    counter!("hansom_ingest_audit_omitted_total").increment(1);
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
