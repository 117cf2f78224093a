//! TLS: the certificates that a listener shows and the authorities that it asks of its clients, read
//! again when their files change. Which ports are secured is the programs' business.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::{net::TcpStream, task::JoinSet, time::sleep};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::{info, warn};

use crate::{TlsSettings, metrics};

/// The files are looked at this often.
const INTERVAL: Duration = Duration::from_secs(5);
/// What clients are offered, the better first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// How handshakes are made now.
pub(crate) struct Tls {
    last: Arc<RwLock<Arc<ServerConfig>>>,
    /// Ends with it.
    _reading: JoinSet<()>,
}

/// Where everything is.
#[derive(Debug, Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_authorities: Option<PathBuf>,
}

/// What was in the files.
#[derive(PartialEq, Eq)]
struct Texts {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_authorities: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files that the settings name, and goes on reading them while it lives; None if they
    /// name none.
    ///
    /// # Errors
    /// Files that cannot be read or do not fit together, by their flag.
    pub(crate) async fn start(settings: &TlsSettings) -> anyhow::Result<Option<Self>> {
        Self::start_every(settings, INTERVAL).await
    }

    async fn start_every(
        settings: &TlsSettings,
        interval: Duration,
    ) -> anyhow::Result<Option<Self>> {
        let (Some(certificate), Some(key)) = (&settings.tls_cert, &settings.tls_key) else {
            return Ok(None);
        };
        let files = Files {
            certificate: certificate.clone(),
            key: key.clone(),
            client_authorities: settings.tls_client_ca.clone(),
        };
        let texts = files.read().await?;
        let last = Arc::new(RwLock::new(Arc::new(texts.understand()?)));
        let mut reading = JoinSet::new();
        reading.spawn(follow(files, texts, last.clone(), interval));
        Ok(Some(Self {
            last,
            _reading: reading,
        }))
    }

    /// Makes a handshake, with what was read last.
    ///
    /// # Errors
    /// A client that speaks no TLS, or shows no certificate that is asked for.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.last()).accept(stream).await
    }

    fn last(&self) -> Arc<ServerConfig> {
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }
}

/// Reads the files again in their time. What cannot be read or understood changes nothing.
async fn follow(
    files: Files,
    mut texts: Texts,
    last: Arc<RwLock<Arc<ServerConfig>>>,
    interval: Duration,
) {
    loop {
        sleep(interval).await;
        match read_again(&files, &texts).await {
            Ok(Some((newer, config))) => {
                *last.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                texts = newer;
                metrics::certificates_changed();
                info!(certificate = %files.certificate.display(), "read again: it has changed");
            }
            Ok(None) => {}
            Err(error) => {
                metrics::certificates_failed();
                let error = format!("{error:#}");
                warn!(
                    error,
                    "certificates cannot be read again: those from before stay"
                );
            }
        }
    }
}

async fn read_again(
    files: &Files,
    before: &Texts,
) -> anyhow::Result<Option<(Texts, ServerConfig)>> {
    let texts = files.read().await?;
    if texts == *before {
        return Ok(None);
    }
    let config = texts.understand()?;
    Ok(Some((texts, config)))
}

impl Files {
    async fn read(&self) -> anyhow::Result<Texts> {
        let certificate = read(&self.certificate).await.context("--tls-cert");
        let key = read(&self.key).await.context("--tls-key");
        let (certificate, key) = crate::both(certificate, key)?;
        let client_authorities = match &self.client_authorities {
            Some(path) => Some(read(path).await.context("--tls-client-ca")?),
            None => None,
        };
        Ok(Texts {
            certificate,
            key,
            client_authorities,
        })
    }
}

async fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let read = tokio::fs::read(path).await;
    read.with_context(|| path.display().to_string())
}

impl Texts {
    fn understand(&self) -> anyhow::Result<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = certificates(&self.certificate).context("--tls-cert")?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).context("--tls-key")?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let builder = match &self.client_authorities {
            None => builder.with_no_client_auth(),
            Some(authorities) => {
                let roots = authorities_of(authorities).context("--tls-client-ca")?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().context("--tls-client-ca")?)
            }
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .context("--tls-cert and --tls-key")?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Ok(config)
    }
}

fn certificates(pem: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    ensure!(!certificates.is_empty(), "it has no certificate");
    Ok(certificates)
}

fn authorities_of(pem: &[u8]) -> anyhow::Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(pem)? {
        roots.add(authority)?;
    }
    Ok(Arc::new(roots))
}

#[cfg(test)]
mod tests;
