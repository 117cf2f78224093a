//! Who a request came from, and how often that address may ask. What a request wants, and by whose
//! right, is not looked at here.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::http::{HeaderMap, HeaderName};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ipnet::IpNet;

/// Where proxies write whom they forward for, the nearest to us last.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// So many seconds' worth of the rate may come at once.
const BURST_SECONDS: u32 = 2;
/// After so many checks the addresses that have their whole share again are forgotten.
const CHECKS_BETWEEN_SWEEPS: u32 = 1 << 14;

/// The address of whoever sent a request: what the connection says or, of a proxy that is trusted,
/// what that one says. It is among the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client(pub IpAddr);

/// The proxies whose word is taken for whom they forward.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies(Arc<[IpNet]>);

impl Proxies {
    pub(crate) fn new(networks: &[IpNet]) -> Self {
        Self(networks.into())
    }

    pub(crate) fn have(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whom a request came from: the last address in `X-Forwarded-For` that is no proxy of ours. What
    /// stands before it was written by that client itself, who may write what it likes.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        let mut client = peer.to_canonical();
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let lines = lines.filter_map(|line| line.to_str().ok());
        let mut hops = lines.flat_map(|line| line.rsplit(','));
        while self.have(client) {
            let Some(Ok(before)) = hops.next().map(|hop| hop.trim().parse::<IpAddr>()) else {
                break;
            };
            client = before.to_canonical();
        }
        Client(client)
    }
}

/// Whom limits of an address are for: an IPv4 address, or an IPv6 network of 64 bits, which is the
/// least that a host has. None for this machine itself, which has no limit.
pub(crate) fn holder(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(address) => Some(address.into()),
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            Some(Ipv6Addr::from_bits(network).into())
        }
    }
}

/// How many requests a second an address may send.
pub(crate) struct AddressRate(Option<Limiter>);

struct Limiter {
    shares: DefaultKeyedRateLimiter<IpAddr>,
    checks: AtomicU32,
}

impl AddressRate {
    /// `per_second` of 0 is no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        let Some(rate) = NonZeroU32::new(per_second) else {
            return Self(None);
        };
        let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
        Self(Some(Limiter {
            shares: RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst)),
            checks: AtomicU32::new(0),
        }))
    }

    /// Takes one request out of the address's share, if it has any left.
    pub(crate) fn allows(&self, Client(address): Client) -> bool {
        let (Some(Limiter { shares, checks }), Some(holder)) = (&self.0, holder(address)) else {
            return true;
        };
        if checks.fetch_add(1, Ordering::Relaxed) % CHECKS_BETWEEN_SWEEPS == 0 {
            shares.retain_recent();
            shares.shrink_to_fit();
        }
        shares.check_key(&holder).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let proxies = Proxies::new(&["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        let lines = forwarded
            .iter()
            .map(|line| (FORWARDED_FOR, line.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(name, line);
        }
        let Client(client) = proxies.client(peer.parse().unwrap(), &headers);
        assert_eq!(client, expected.parse::<IpAddr>().unwrap());
    }

    #[test]
    fn a_client_is_whom_the_nearest_trusted_proxies_name() {
        check("192.0.2.1", &[], "192.0.2.1");
        check("10.0.0.1", &["192.0.2.7"], "192.0.2.7");
        check("::ffff:10.0.0.1", &["192.0.2.7"], "192.0.2.7");
        check("fd00::1", &["192.0.2.7, 10.1.1.1"], "192.0.2.7");
        check(
            "10.0.0.1",
            &["203.0.113.9", "192.0.2.7,10.1.1.1"],
            "192.0.2.7",
        );
    }

    #[test]
    fn nobody_is_taken_at_their_own_word() {
        check("192.0.2.1", &["203.0.113.9"], "192.0.2.1");
        check("10.0.0.1", &["203.0.113.9, 192.0.2.7"], "192.0.2.7");
        check("10.0.0.1", &["203.0.113.9, no address"], "10.0.0.1");
    }

    #[test]
    fn one_address_has_its_share_and_no_more() {
        let rate = AddressRate::new(1);
        let client = |address: &str| Client(address.parse().unwrap());
        let taken = (0..100)
            .filter(|_| rate.allows(client("192.0.2.1")))
            .count();
        assert!((2..=4).contains(&taken), "{taken}");
        assert!(rate.allows(client("192.0.2.2")));
        assert!((0..100).all(|_| rate.allows(client("127.0.0.1"))));
    }
}
