//! The settings of access, as command-line flags. The doc comments are the help.

use std::path::PathBuf;

use clap::Args;

/// Who may write pings and ride events, and who may read rides.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Access")]
#[group(skip)]
pub struct Settings {
    /// File of API keys, as `hansom key` writes them. It is read again when it changes.
    #[arg(long, value_name = "FILE", env = "HANSOM_API_KEYS")]
    pub api_keys: Option<PathBuf>,

    /// Keys that tokens (JWT by EdDSA, ES256 or RS256) are verified by: the file of a JWKS, or its
    /// https URL. A file is read again when it changes, a URL every 5 minutes and when a token names
    /// a key that is not there.
    #[arg(long, value_name = "FILE|URL", env = "HANSOM_JWKS")]
    pub jwks: Option<String>,

    /// What must stand in a token's `aud`; several may be given.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "hansom",
        value_delimiter = ',',
        env = "HANSOM_JWT_AUDIENCE"
    )]
    pub jwt_audience: Vec<String>,

    /// What must stand in a token's `iss`; several may be given. Anything, if none is.
    #[arg(
        long,
        value_name = "TEXT",
        value_delimiter = ',',
        env = "HANSOM_JWT_ISSUER"
    )]
    pub jwt_issuer: Vec<String>,

    /// File of the secrets by which links to single rides are signed, one a line: the first signs, all
    /// verify. Every instance of the live API needs the same. Without it there are no such links.
    #[arg(long, value_name = "FILE", env = "HANSOM_SHARE_SECRETS")]
    pub share_secrets: Option<PathBuf>,

    /// Requests a second, and messages of a stream, that one credential may send, with bursts of ten
    /// seconds' worth: further requests get 429, a stream is read no faster. 0 is no limit.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1_000,
        env = "HANSOM_CREDENTIAL_RATE"
    )]
    pub credential_rate: u32,

    /// Let anybody write and read everything, for a try on this machine. Nothing but this allows
    /// requests without a credential.
    #[arg(
        long,
        env = "HANSOM_INSECURE_DEMO",
        conflicts_with_all = ["api_keys", "jwks", "share_secrets"]
    )]
    pub insecure_demo: bool,
}
