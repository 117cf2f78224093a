//! The settings that every process has, as command-line flags, and those of who takes
//! connections. The doc comments are the help.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::Args;
use ipnet::IpNet;

use crate::parse_duration;

/// Where a process is watched, and how it ends.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct Settings {
    /// Address of /metrics, /live and /ready.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:8082",
        env = "HANSOM_ADMIN"
    )]
    pub admin: SocketAddr,

    /// How long a SIGTERM may take until everything is written; then the process exits with 1.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub grace: Duration,
}

/// On which terms a process takes connections.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(next_help_heading = "Connections")]
pub struct ListenerSettings {
    /// Whether they are secured.
    #[command(flatten)]
    pub tls: TlsSettings,

    /// Connections of one address (of IPv6: one network of 64 bits) at a time, of 10240 in all on each
    /// port; further ones are closed. This machine's own and those of --proxies are not counted.
    #[arg(
        long,
        value_name = "N",
        default_value = "1280",
        env = "HANSOM_CONNECTIONS_PER_ADDRESS"
    )]
    pub connections_per_address: NonZeroUsize,

    /// Requests a second of one address, with bursts of two seconds' worth; further ones get 429. This
    /// machine's own are not counted. 0 is no limit.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 2_000,
        env = "HANSOM_REQUESTS_PER_ADDRESS"
    )]
    pub requests_per_address: u32,

    /// Networks of load balancers and other proxies, like 10.0.0.0/16: whom they name in
    /// X-Forwarded-For is taken for the client, whose address counts.
    #[arg(
        long,
        value_name = "CIDR",
        value_delimiter = ',',
        env = "HANSOM_PROXIES"
    )]
    pub proxies: Vec<IpNet>,
}

/// Whether connections are secured by TLS. The files are read again when they change.
#[derive(Debug, Clone, Default, Args)]
#[group(skip)]
pub struct TlsSettings {
    /// Take connections by TLS alone, with this certificate: a PEM file, with the certificates
    /// in between up to the root's. --admin stays plain.
    #[arg(
        long,
        value_name = "FILE",
        env = "HANSOM_TLS_CERT",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,

    /// Private key of --tls-cert: a PEM file.
    #[arg(
        long,
        value_name = "FILE",
        env = "HANSOM_TLS_KEY",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,

    /// Take only clients with a certificate that one of the authorities in this PEM file signed.
    #[arg(
        long,
        value_name = "FILE",
        env = "HANSOM_TLS_CLIENT_CA",
        requires = "tls_cert"
    )]
    pub tls_client_ca: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        settings: ListenerSettings,
    }

    #[track_caller]
    fn check(flags: &[&str], missing: Option<&str>) {
        let words = std::iter::once(&"program").chain(flags);
        let told = Line::try_parse_from(words)
            .err()
            .map(|error| error.to_string());
        match (&told, missing) {
            (None, None) => {}
            (Some(told), Some(flag)) if told.contains(flag) => {}
            _ => panic!("{flags:?}: {told:?}"),
        }
    }

    #[test]
    fn a_certificate_and_its_key_come_together() {
        let (certificate, key) = (["--tls-cert", "a"], ["--tls-key", "b"]);
        let authority = ["--tls-client-ca", "c"];
        check(&[], None);
        check(&[certificate, key].concat(), None);
        check(&[certificate, key, authority].concat(), None);
        check(&certificate, Some("--tls-key"));
        check(&key, Some("--tls-cert"));
        check(&authority, Some("--tls-cert"));
        check(
            &["--connections-per-address", "0"],
            Some("--connections-per-address"),
        );
    }
}
