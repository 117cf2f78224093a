//! What a group's table of leases says, read from its server directly.

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::{Value, json};

use super::program;

/// Leases by shard.
pub(crate) type Leases = BTreeMap<String, Lease>;

/// Who has a shard, and how far its group is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) owner: Option<String>,
    /// Every write by its owner makes it one more.
    pub(crate) counter: u64,
    pub(crate) checkpoint: Checkpoint,
}

/// How far a shard is done, in its order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Checkpoint {
    Nothing,
    /// The digits of a sequence number, which are compared by length first, and a place in it.
    At(usize, String, u64),
    End,
}

/// Reads a table, as the server at this address has it; None while there is none.
pub(crate) fn of(server: SocketAddr, table: &str) -> Option<Leases> {
    let body = json!({ "TableName": table, "ConsistentRead": true });
    let page: Value = program::call(server, "DynamoDB_20120810.Scan", &body)?
        .parse()
        .ok()?;
    let items = page["Items"].as_array()?;
    Some(items.iter().map(of_item).collect())
}

fn of_item(item: &Value) -> (String, Lease) {
    let text = |name: &str| item[name]["S"].as_str().map(str::to_owned);
    let number = |name: &str| item[name]["N"].as_str().unwrap().parse().unwrap();
    let checkpoint = match text("checkpoint").unwrap() {
        end if end == "SHARD_END" => Checkpoint::End,
        digits if digits.starts_with(|first: char| first.is_ascii_digit()) => {
            let place = number("checkpointSubSequenceNumber");
            Checkpoint::At(digits.len(), digits, place)
        }
        _ => Checkpoint::Nothing,
    };
    let lease = Lease {
        owner: text("leaseOwner"),
        counter: number("leaseCounter"),
        checkpoint,
    };
    (text("leaseKey").unwrap(), lease)
}
