//! The settings of a subscription by MQTT, as command-line flags, and what they say together: where the
//! broker is, who we are there, and what we want of it. Nobody is called here.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use percent_encoding::percent_decode_str;
use rumqttc::valid_filter;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use schemas::FleetId;
use url::Url;

/// Who we are to a broker, unless we are told: always the same, so that it knows its session again.
const CLIENT_ID: &str = "hansom-ingest";
/// What comes before the topics of a subscription that several clients share.
const SHARE: &str = "$share/";

/// A broker whose messages become pings.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "MQTT")]
#[group(skip)]
pub struct MqttSettings {
    /// Broker whose messages are taken as pings: `mqtt://user@host:1883`, or by TLS
    /// `mqtts://user@host:8883?ca=/path/to/ca.pem` (without `ca`, whom the system trusts). `version=5`
    /// for MQTT 5 instead of 3.1.1; `client_id=..` must be the same after a restart, and another one
    /// for each process (`hansom-ingest`).
    #[arg(
        long = "mqtt",
        value_name = "URL",
        env = "HANSOM_MQTT",
        hide_env_values = true
    )]
    pub mqtt: Option<Address>,

    /// File with the password of the broker's user.
    #[arg(
        long,
        value_name = "FILE",
        env = "HANSOM_MQTT_PASSWORD_FILE",
        requires = "mqtt"
    )]
    pub mqtt_password_file: Option<PathBuf>,

    /// Fleet of the vehicles that publish there.
    #[arg(long, value_name = "FLEET", default_value = "default", value_parser = parse_fleet)]
    pub mqtt_fleet: FleetId,

    /// Topics that are subscribed to, such as `$share/ingest/hansom/pings/+` where several processes
    /// share the load. What comes is `owntracks/<user>/<device>` or `hansom/pings/<vehicle>`.
    #[arg(
        long,
        value_name = "TOPICS",
        value_delimiter = ',',
        default_value = "owntracks/+/+,hansom/pings/+"
    )]
    pub mqtt_topics: Vec<String>,
}

/// A URL that is read when all settings are, so that no mistake in it shows a password.
#[derive(Clone)]
pub struct Address(String);

impl From<&str> for Address {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

/// A broker, and what we want of it. Whoever prints it sees no secret: it cannot be printed.
pub struct Broker {
    pub(super) version: Version,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) client_id: String,
    pub(super) topics: Vec<String>,
    pub(super) fleet: FleetId,
    pub(super) tls: Option<Arc<ClientConfig>>,
    user: Option<String>,
    password: Option<String>,
}

/// Which MQTT is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// 3.1.1, which every broker speaks.
    V3,
    /// 5, in which we can say how much may be on its way to us.
    V5,
}

impl MqttSettings {
    /// The broker, if there is to be one. Its files are read here, and once.
    ///
    /// # Errors
    /// All mistakes, by their flags, without what may be secret.
    pub fn open(&self) -> anyhow::Result<Option<Broker>> {
        let Some(Address(url)) = &self.mqtt else {
            return Ok(None);
        };
        let broker = Broker::parse(url, self.mqtt_fleet).context("--mqtt");
        let password = self.password().context("--mqtt-password-file");
        let topics = check_topics(&self.mqtt_topics).context("--mqtt-topics");
        let (broker, (password, ())) = service::both(broker, service::both(password, topics))?;
        ensure!(
            password.is_none() || broker.user.is_some(),
            "--mqtt-password-file: name its user in --mqtt, as in mqtt://user@host"
        );
        Ok(Some(Broker {
            password,
            topics: self.mqtt_topics.clone(),
            ..broker
        }))
    }

    fn password(&self) -> anyhow::Result<Option<String>> {
        let Some(file) = &self.mqtt_password_file else {
            return Ok(None);
        };
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let password = text.trim_end_matches(['\r', '\n']);
        ensure!(!password.is_empty(), "{} is empty", file.display());
        Ok(Some(password.to_owned()))
    }
}

impl Broker {
    /// Where it is, for logs.
    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// User and password; an empty one where there is none.
    pub(super) fn credentials(&self) -> Option<(&str, &str)> {
        let user = self.user.as_deref()?;
        Some((user, self.password.as_deref().unwrap_or_default()))
    }

    fn parse(url: &str, fleet: FleetId) -> anyhow::Result<Self> {
        let url = Url::parse(url)?;
        let (by_tls, usual_port) = match url.scheme() {
            "mqtt" => (false, 1883),
            "mqtts" => (true, 8883),
            other => bail!("there is no {other}://, only mqtt:// and mqtts://"),
        };
        ensure!(
            url.password().is_none(),
            "a password stands in --mqtt-password-file, not where every process sees it"
        );
        ensure!(
            matches!(url.path(), "" | "/"),
            "topics stand in --mqtt-topics"
        );
        let host = url.host_str().filter(|host| !host.is_empty());
        let user = percent_decode_str(url.username()).decode_utf8()?;
        let mut broker = Self {
            version: Version::V3,
            host: host.context("it names no host")?.to_owned(),
            port: url.port().unwrap_or(usual_port),
            client_id: CLIENT_ID.to_owned(),
            topics: Vec::new(),
            fleet,
            tls: None,
            user: (!user.is_empty()).then(|| user.into_owned()),
            password: None,
        };
        let mut authority = None;
        for (name, value) in url.query_pairs() {
            match (&*name, &*value) {
                ("version", "3") => broker.version = Version::V3,
                ("version", "5") => broker.version = Version::V5,
                ("version", _) => bail!("version is 3 or 5"),
                ("client_id", "") => bail!("client_id is empty: a session needs a name"),
                ("client_id", id) => id.clone_into(&mut broker.client_id),
                ("ca", file) if by_tls => authority = Some(PathBuf::from(file)),
                _ => bail!(
                    "there is no option {name}; there are version=5, client_id=.. and, of mqtts://, \
                     ca=/path/to/ca.pem"
                ),
            }
        }
        if by_tls {
            broker.tls = Some(trusting(authority.as_deref())?.into());
        }
        Ok(broker)
    }
}

fn parse_fleet(text: &str) -> Result<FleetId, String> {
    FleetId::new(text).map_err(|error| error.to_string())
}

fn check_topics(topics: &[String]) -> anyhow::Result<()> {
    for topic in topics {
        let filter = match topic.strip_prefix(SHARE) {
            Some(shared) => shared.split_once('/').map(|(_, filter)| filter),
            None => Some(topic.as_str()),
        };
        let is_valid = filter.is_some_and(valid_filter);
        ensure!(is_valid, "{topic:?} is no topic that can be subscribed to");
    }
    Ok(())
}

/// TLS that trusts one authority, or whom the system trusts.
fn trusting(authority: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = authority {
        let said = || format!("ca={}", file.display());
        for certificate in CertificateDer::pem_file_iter(file).with_context(said)? {
            roots
                .add(certificate.with_context(said)?)
                .with_context(said)?;
        }
        ensure!(!roots.is_empty(), "{} has no certificate", said());
    } else {
        let found = rustls_native_certs::load_native_certs();
        let (_added, _ignored) = roots.add_parsable_certificates(found.certs);
        ensure!(
            !roots.is_empty(),
            "the system trusts nobody: name an authority by ca=.."
        );
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

#[cfg(test)]
mod tests;
