//! Leases in DynamoDB, as moto serves it, over a network that is well and over one that fails.

use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use faults::{Plan, Proxy, servers::Moto};

use super::*;
use crate::kinesis::leases::{table::conformance, worker::WorkerId};

/// Moto looks and then writes, where DynamoDB does both at once.
const LIKE_DYNAMO: Plan = Plan {
    one_at_a_time: faults::writes,
    ..Plan::CALM
};

/// A server, and a network to it.
struct Server {
    _moto: Moto,
    proxy: Proxy,
}

impl Server {
    async fn start(test: &str) -> Option<Self> {
        let moto = Moto::start(test)?;
        let proxy = Proxy::start(moto.address(), LIKE_DYNAMO, 11).await;
        Some(Self { _moto: moto, proxy })
    }

    async fn table(&self, name: &str) -> DynamoTable {
        let http = Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let shared = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .endpoint_url(format!("http://{}", self.proxy.address()))
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        let table = DynamoTable::new(Client::new(&shared), name.to_owned());
        table.create().await.unwrap();
        table
    }

    /// From now on every kind of fault comes once in so many requests.
    fn fail(&self, one_in: u32) {
        self.proxy.set_plan(Plan {
            one_at_a_time: faults::writes,
            ..Plan::each(one_in)
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_in_dynamo_does_what_the_writes_say() {
    let Some(server) = Server::start("a_table_in_dynamo_does_what_the_writes_say").await else {
        return;
    };
    let table = server.table("conformance").await;
    conformance::check(&table).await;
    let again = server.table("conformance").await;
    assert_eq!(again.scan().await.unwrap().len(), 29);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_does_what_it_says_over_a_network_that_fails() {
    let test = "a_table_does_what_it_says_over_a_network_that_fails";
    let Some(server) = Server::start(test).await else {
        return;
    };
    let table = server.table("faulty").await;
    let shard = ShardId::new("shardId-000000000000");
    let mut lease = Lease {
        shard: shard.clone(),
        owner: Some(WorkerId::new("me")),
        ..conformance::leases().swap_remove(0)
    };
    let create = Write::Create(lease.clone());
    assert_eq!(table.write(&shard, &create).await.unwrap(), lease);
    server.fail(20);
    let mut failures = 0;
    for _ in 0..300 {
        let renewal = Write::renew(&lease);
        match table.write(&shard, &renewal).await {
            // Nobody else writes: whatever was answered, it was ours.
            Ok(renewed) => {
                assert_eq!(renewed.counter, lease.counter + 1);
                lease = renewed;
            }
            Err(WriteError::Refused(refused)) => panic!("{refused:?} after {lease:?}"),
            Err(WriteError::Failed(_)) => {
                failures += 1;
                lease = loop {
                    if let Ok(mut leases) = table.scan().await {
                        break leases.remove(0);
                    }
                };
            }
        }
    }
    assert!(failures < 30, "{failures} of 300 writes came to nothing");
    assert!(server.proxy.counts().faults > 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_many_pages_is_read_whole_and_what_is_no_lease_is_skipped() {
    let test = "a_table_of_many_pages_is_read_whole_and_what_is_no_lease_is_skipped";
    let Some(server) = Server::start(test).await else {
        return;
    };
    let table = server.table("pages").await;
    let filler = "x".repeat(300_000);
    let mut expected = conformance::leases();
    for lease in &expected {
        let mut item = item::write(lease);
        item.insert("note".to_owned(), item::text(&filler));
        put(&table, item).await;
    }
    put(&table, Item::from([(KEY.to_owned(), item::text("else"))])).await;
    let mut found = table.scan().await.unwrap();
    let order = |lease: &Lease| lease.shard.clone();
    found.sort_by_key(order);
    expected.sort_by_key(order);
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_of_others_survive_and_a_checkpoint_removes_what_was_prepared() {
    let test = "attributes_of_others_survive_and_a_checkpoint_removes_what_was_prepared";
    let Some(server) = Server::start(test).await else {
        return;
    };
    let table = server.table("others").await;
    let lease = conformance::leases().swap_remove(6);
    let mut item = item::write(&lease);
    let rate = item::number(15_u64);
    item.insert("throughputKBps".to_owned(), rate.clone());
    item.insert(item::PREPARED[0].to_owned(), item::text("123"));
    put(&table, item).await;
    let write = Write::checkpoint(&lease, crate::kinesis::leases::lease::Checkpoint::ShardEnd);
    table.write(&lease.shard, &write).await.unwrap();
    let (items, _) = table.page(None).await.unwrap();
    assert_eq!(items[0].get("throughputKBps"), Some(&rate));
    assert_eq!(items[0].get(item::PREPARED[0]), None);
}

async fn put(table: &DynamoTable, item: Item) {
    let put = table.client.put_item().table_name(&table.name);
    put.set_item(Some(item)).send().await.unwrap();
}
