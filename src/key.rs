//! `hansom key`: makes an API key. The secret is printed once and kept nowhere; the file of keys gets
//! its digest.

use std::{
    fs::OpenOptions,
    io::{Write as _, stdout},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use access::{
    Right,
    keys::{NewKey, Purpose},
};
use anyhow::Context as _;
use clap::Args;
use schemas::{FleetId, VehicleId};

/// Makes an API key, prints it, and adds its digest to a file of keys.
///
/// The key is shown this once. Services that read the file (--api-keys) take it within seconds. To take
/// a key back, delete its entry.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// File of keys to add it to; it is made if it is not there.
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,

    /// What may be done with it.
    #[arg(long, value_enum, default_value = "write")]
    pub may: Right,

    /// Fleet that it is for.
    #[arg(long, value_name = "ID", default_value = "default")]
    pub fleet: FleetId,

    /// The only vehicle that it is for: every vehicle of the fleet, if missing.
    #[arg(long, value_name = "ID")]
    pub vehicle: Option<VehicleId>,
}

/// Makes a key.
///
/// # Errors
/// A file that cannot be written.
pub(crate) fn command(settings: &Settings) -> anyhow::Result<()> {
    let key = NewKey::make(Purpose {
        right: settings.may,
        fleet: settings.fleet.to_string(),
        vehicle: settings.vehicle.map(|vehicle| vehicle.to_string()),
    })?;
    let path = settings.file.display();
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&settings.file)
        .with_context(|| path.to_string())?;
    writeln!(file, "{}", key.entry).with_context(|| path.to_string())?;
    file.sync_all().with_context(|| path.to_string())?;
    writeln!(stdout(), "{}", key.text).context("print the key")
}
