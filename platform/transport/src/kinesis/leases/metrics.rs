//! The metrics of leases, one function each. Shards are too many to be labels.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use super::plan::Reason;

/// Describes the metrics for `/metrics`.
pub(super) fn describe() {
    describe_gauge!(
        "hansom_transport_leases",
        "Leases on shards that this process holds"
    );
    describe_counter!(
        "hansom_transport_lease_events_total",
        "What happened to leases: taken free or expired, asked for, stolen from an owner who did not \
         let go, handed over, released, lost, finished"
    );
    describe_counter!(
        "hansom_transport_lease_failures_total",
        "Rounds of the lease table that failed, by what was done; each is tried again"
    );
    describe_counter!(
        "hansom_transport_lease_items_skipped_total",
        "Items in the lease table that are no leases, each time they are seen"
    );
}

/// What a holder sees happen to its lease.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    HandedOver,
    Released,
    Lost,
    Finished,
}

/// One more lease is held.
pub(super) fn held() {
    gauge!("hansom_transport_leases").increment(1.0);
}

/// One lease is held no more.
pub(super) fn let_go() {
    gauge!("hansom_transport_leases").decrement(1.0);
}

/// A lease was taken or asked for.
pub(super) fn took(reason: Reason) {
    event(match reason {
        Reason::Free => "taken",
        Reason::Expired => "expired",
        Reason::HandedOver => "received",
        Reason::Overdue => "stolen",
        Reason::Asked => "asked",
    });
}

/// Something happened to a lease that was held.
pub(super) fn happened(what: Event) {
    event(match what {
        Event::HandedOver => "handed_over",
        Event::Released => "released",
        Event::Lost => "lost",
        Event::Finished => "finished",
    });
}

fn event(event: &'static str) {
    counter!("hansom_transport_lease_events_total", "event" => event).increment(1);
}

/// Something with the table failed, and is tried again.
pub(super) fn failed(what: &'static str) {
    counter!("hansom_transport_lease_failures_total", "what" => what).increment(1);
}

/// An item of the table is no lease.
pub(super) fn skipped_item() {
    counter!("hansom_transport_lease_items_skipped_total").increment(1);
}
