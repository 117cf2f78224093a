//! Where a server is, or the nodes of a cluster, read from a URL. Nothing is connected to here.

use std::{fmt::Display, fs};

use redis::{
    ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, RedisError, TlsCertificates,
};
use url::Url;

use crate::cache::CacheError;

/// What a URL says.
pub(super) struct Address {
    /// One, or some of the nodes of a cluster.
    pub(super) nodes: Vec<ConnectionInfo>,
    pub(super) is_cluster: bool,
    /// The authority that is trusted, if it is named.
    pub(super) authority: Option<Vec<u8>>,
}

impl Address {
    /// Reads `redis://host:port/db`, or by TLS `rediss://host:port?ca=/path/to/ca.pem`. Several hosts,
    /// `host:port,host:port`, and `?cluster=yes` say that it is a cluster.
    pub(super) fn parse(url: &str) -> Result<Self, CacheError> {
        let each = split(url);
        let mut address = Self {
            nodes: Vec::new(),
            is_cluster: each.len() > 1,
            authority: None,
        };
        for node in &each {
            let no = |error: RedisError| invalid(url, &error);
            let info = node.as_str().into_connection_info().map_err(no)?;
            // Only in this version may a connection be told of changes and asked at once.
            let settings = info.redis_settings().clone();
            let settings = settings.set_protocol(ProtocolVersion::RESP3);
            address.nodes.push(info.set_redis_settings(settings));
        }
        let first = each.first().map_or(url, |first| first);
        let parsed = Url::parse(first).map_err(|error| invalid(url, &error))?;
        for (name, value) in parsed.query_pairs() {
            match (&*name, &*value) {
                ("ca", file) if parsed.scheme() == "rediss" => {
                    let no = |error| invalid(url, &format!("ca={file}: {error}"));
                    address.authority = Some(fs::read(file).map_err(no)?);
                }
                ("cluster", "yes") => address.is_cluster = true,
                _ => {
                    let reason = format!(
                        "there is no option {name}={value}; there are cluster=yes and, of \
                         rediss://, ca=/path/to/ca.pem"
                    );
                    return Err(invalid(url, &reason));
                }
            }
        }
        Ok(address)
    }

    /// Whom to trust, if not the system's authorities.
    pub(super) fn certificates(&self) -> Option<TlsCertificates> {
        self.authority.clone().map(|authority| TlsCertificates {
            client_tls: None,
            root_cert: Some(authority),
        })
    }
}

/// The URL of each node.
fn split(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return vec![url.to_owned()];
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, options) = rest.split_at(end);
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    let node = |host| format!("{scheme}://{user}{host}{options}");
    hosts.split(',').map(node).collect()
}

/// What is wrong with a URL, which may hold a password.
pub(super) fn invalid(url: &str, reason: &dyn Display) -> CacheError {
    CacheError::Url {
        url: url.split('@').next_back().unwrap_or_default().to_owned(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_options_say_whether_it_is_a_cluster() {
        let check = |url: &str, nodes: &[&str], is_cluster: bool| {
            let address = Address::parse(url).unwrap();
            let found: Vec<_> = address
                .nodes
                .iter()
                .map(|node| node.addr().to_string())
                .collect();
            assert_eq!(found, nodes, "{url}");
            assert_eq!(address.is_cluster, is_cluster, "{url}");
        };
        check("redis://host", &["host:6379"], false);
        check("redis://host:7000/2", &["host:7000"], false);
        check("rediss://host:7000?cluster=yes", &["host:7000"], true);
        check("redis://:p%40ss@a:1,b:2", &["a:1", "b:2"], true);
    }

    #[test]
    fn a_mistake_in_a_url_is_named() {
        let check = |url: &str, word: &str| {
            let error = Address::parse(url).err().unwrap().to_string();
            assert!(error.contains(word), "{error}");
        };
        check("redis://host?cluster=no", "no option cluster=no");
        check("redis://host?ca=/no/such/file", "no option ca");
        check("rediss://host?ca=/no/such/file", "ca=/no/such/file");
        check("redis://host:nonsense", "host:nonsense");
        check("redis://a:1,b:nonsense", "b:nonsense");
    }

    #[test]
    fn a_password_is_in_no_error() {
        let urls = [
            "redis://user:secret@host:nonsense",
            "redis://:secret@a,b:nonsense?ca=x",
        ];
        for url in urls {
            let error = Address::parse(url).err().unwrap().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
