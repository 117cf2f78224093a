//! The guard: lets requests in by their credential, and reads again what it knows credentials by.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, ensure};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{info, warn};

use crate::{
    Credential, Grant, Rates, Refusal, Right, Settings,
    keys::Keys,
    metrics,
    share::Secrets,
    source::{Kind, Source},
    tokens::{Terms, Tokens},
};

/// A signer that is not known has the JWKS read again, but not more often than this.
const LEAST_WAIT: Duration = Duration::from_secs(10);

/// Knows who may do what.
#[derive(Default)]
pub struct Guard {
    is_open: bool,
    keys: Option<Arc<Known<Keys>>>,
    tokens: Option<Arc<Known<Tokens>>>,
    secrets: Option<Arc<Known<Secrets>>>,
    /// How often each credential may be shown, by its hash.
    rates: Rates<u64>,
    hashes: RandomState,
    /// Ends with the guard.
    reading: JoinSet<()>,
}

/// Understands what was read.
type Parse<T> = dyn Fn(&str) -> anyhow::Result<T> + Send + Sync;

/// What was last read of one kind.
struct Known<T> {
    kind: Kind,
    source: Source,
    parse: Box<Parse<T>>,
    last: RwLock<Arc<T>>,
    is_wanted: Notify,
}

impl Guard {
    /// Lets anybody do everything.
    pub fn open() -> Self {
        metrics::describe();
        metrics::is_open(true);
        warn!("--insecure-demo: anybody who reaches this process may write and read everything");
        Self {
            is_open: true,
            ..Self::default()
        }
    }

    /// Reads all that the settings name, and goes on reading it while it lives.
    ///
    /// # Errors
    /// Settings by which nobody could do anything; what cannot be read or understood.
    pub async fn start(settings: &Settings) -> anyhow::Result<Self> {
        if settings.insecure_demo {
            return Ok(Self::open());
        }
        ensure!(
            settings.api_keys.is_some() || settings.jwks.is_some(),
            "say who may write and read: --api-keys FILE, --jwks FILE|URL, or --insecure-demo to try it \
             without"
        );
        metrics::describe();
        metrics::is_open(false);
        let mut guard = Self {
            rates: Rates::new(settings.credential_rate),
            ..Self::default()
        };
        if let Some(path) = &settings.api_keys {
            let source = Source::File(path.clone());
            guard.keys = Some(
                guard
                    .known(Kind::ApiKeys, source, Keys::parse)
                    .await
                    .context("--api-keys")?,
            );
        }
        if let Some(jwks) = &settings.jwks {
            let source = Source::parse(jwks).context("--jwks")?;
            let terms = Terms {
                audiences: settings.jwt_audience.clone(),
                issuers: settings.jwt_issuer.clone(),
            };
            let parse = move |text: &str| Tokens::parse(text, &terms);
            guard.tokens = Some(
                guard
                    .known(Kind::Jwks, source, parse)
                    .await
                    .context("--jwks")?,
            );
        }
        if let Some(path) = &settings.share_secrets {
            let source = Source::File(path.clone());
            let known = guard
                .known(Kind::ShareSecrets, source, Secrets::parse)
                .await;
            guard.secrets = Some(known.context("--share-secrets")?);
        }
        Ok(guard)
    }

    /// What a request with this credential may do.
    ///
    /// # Errors
    /// [`Refusal`], counted.
    pub fn admit(&self, credential: Option<&Credential>, right: Right) -> Result<Grant, Refusal> {
        let grant = self.look(credential, right)?;
        // Only of those that are known, so that nobody makes this remember what they made up.
        match self.take_share(credential) {
            Ok(()) => Ok(grant),
            Err(_wait) => Err(self.refuse(Refusal::TooFrequent)),
        }
    }

    /// What whoever was admitted by this credential may do now: it is no request more.
    ///
    /// # Errors
    /// [`Refusal`], counted.
    pub fn look(&self, credential: Option<&Credential>, right: Right) -> Result<Grant, Refusal> {
        self.judge(credential, right)
            .inspect_err(|refusal| metrics::refused(*refusal))
    }

    /// How long whoever was admitted by this credential has to wait before a further message is
    /// taken on the stream that it opened.
    pub fn pause(&self, credential: Option<&Credential>) -> Option<Duration> {
        self.take_share(credential).err()
    }

    /// Who shows a credential, for logs: its holder, or what it claims to be. It holds no secret.
    pub fn holder(&self, credential: Option<&Credential>) -> String {
        let Some(text) = credential.map(Credential::text) else {
            return "nobody".to_owned();
        };
        match self.judge(credential, Right::Write) {
            Ok(grant) => grant.holder,
            Err(_) => match Keys::id(text) {
                Some(id) => format!("key {id}, refused"),
                None => "a token, refused".to_owned(),
            },
        }
    }

    fn take_share(&self, credential: Option<&Credential>) -> Result<(), Duration> {
        match credential {
            Some(credential) if !self.is_open => {
                self.rates.take(&self.hashes.hash_one(credential.text()))
            }
            _ => Ok(()),
        }
    }

    /// A token that shows a ride for so long; None where there are no such links.
    pub fn share(&self, fleet: &str, ride: &str, lasts: Duration) -> Option<String> {
        let until_s = now_s() as u64 + lasts.as_secs();
        self.secrets.as_ref()?.last().make(fleet, ride, until_s)
    }

    /// Whether a token of a link shows this ride.
    ///
    /// # Errors
    /// [`Refusal`], counted.
    pub fn admit_share(&self, token: &str, fleet: &str, ride: &str) -> Result<(), Refusal> {
        let verified = match &self.secrets {
            Some(secrets) => secrets.last().verify(token, (fleet, ride), now_s()),
            None => Err(Refusal::Malformed),
        };
        verified.inspect_err(|refusal| metrics::refused(*refusal))
    }

    /// Counts a request that its grant does not reach.
    pub fn refuse(&self, refusal: Refusal) -> Refusal {
        metrics::refused(refusal);
        refusal
    }

    fn judge(&self, credential: Option<&Credential>, right: Right) -> Result<Grant, Refusal> {
        if self.is_open {
            return Ok(Grant::everything());
        }
        let text = credential.ok_or(Refusal::Missing)?.text();
        if Keys::is_key(text) {
            let keys = self.keys.as_ref().ok_or(Refusal::UnknownKey)?;
            return keys.last().admit(text, right);
        }
        let tokens = self.tokens.as_ref().ok_or(Refusal::Malformed)?;
        let admitted = tokens.last().admit(text, right, now_s());
        if admitted == Err(Refusal::UnknownSigner) {
            tokens.is_wanted.notify_one();
        }
        admitted
    }

    async fn known<T: Send + Sync + 'static>(
        &mut self,
        kind: Kind,
        source: Source,
        parse: impl Fn(&str) -> anyhow::Result<T> + Send + Sync + 'static,
    ) -> anyhow::Result<Arc<Known<T>>> {
        let text = source.read().await?;
        let known = Arc::new(Known {
            kind,
            source,
            last: RwLock::new(Arc::new(parse(&text)?)),
            parse: Box::new(parse),
            is_wanted: Notify::new(),
        });
        self.reading.spawn(known.clone().follow(text));
        Ok(known)
    }
}

impl<T> Known<T> {
    fn last(&self) -> Arc<T> {
        self.last
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads it again in its time. What cannot be read or understood changes nothing.
    async fn follow(self: Arc<Self>, mut text: String) {
        loop {
            let _waited = timeout(self.source.interval(), self.is_wanted.notified()).await;
            match self.read_again(&text).await {
                Ok(Some(newer)) => {
                    text = newer;
                    info!(source = self.kind.as_str(), "read again: it has changed");
                }
                Ok(None) => {}
                Err(error) => {
                    metrics::source_failed(self.kind);
                    let (source, error) = (self.kind.as_str(), format!("{error:#}"));
                    warn!(
                        source,
                        error, "cannot be read again: what was read before stays"
                    );
                }
            }
            sleep(LEAST_WAIT.min(self.source.interval())).await;
        }
    }

    async fn read_again(&self, before: &str) -> anyhow::Result<Option<String>> {
        let text = self.source.read().await?;
        if text == before {
            return Ok(None);
        }
        let newer = Arc::new((self.parse)(&text)?);
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = newer;
        Ok(Some(text))
    }
}

fn now_s() -> f64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests;
