//! `archiver verify`: says whether exports are whole, to whoever has them and the public key. What it
//! looks at is `export::verify`'s business.

use std::{
    io::{self, Write as _, stdout},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::export::{
    Store,
    keys::PublicKeys,
    verify::{self, KnownHead, Told},
};

/// Verifies exports: that each is signed and in its place, that all its files are there as they were
/// signed, and that nothing else is. It needs nothing but the exports and the public key, and changes
/// nothing.
///
/// A line of `ok` is an export without a fault, one of `WRONG` is a fault, and one of `head` the end of a
/// chain: keep it and give it as --head the next time. The exit code is 0 if there is no fault.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Where the exports lie, or those of one profile or jurisdiction: `s3://bucket/prefix` or `file:///dir`.
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// File of the public key, as a JWK, or of several ones, as a JWK Set. You have it from the sender, by
    /// another way than the exports.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// The head of a chain as this command told it before: proves that nothing of the chain was cut off
    /// or written anew since then. With several chains, PROFILE/JURISDICTION=N:DIGEST; may be repeated.
    #[arg(long, value_name = "N:DIGEST")]
    pub(crate) head: Vec<KnownHead>,
}

/// Verifies and prints.
///
/// # Errors
/// What keeps it from verifying, and in the end the number of faults.
pub(super) async fn command(settings: &Settings) -> anyhow::Result<()> {
    let keys = PublicKeys::load(&settings.key).context("--key");
    let objects = objects::open_to_read(&settings.url).await.context("URL");
    let (keys, objects) = service::both(keys, objects)?;
    let mut exports: u64 = 0;
    let mut faults: u64 = 0;
    let mut printed = Ok(());
    let mut tell = |told| {
        match told {
            Told::Export(_) => exports += 1,
            Told::Finding(_) => faults += 1,
            Told::Head(_) => {}
        }
        if printed.is_ok() {
            printed = print(&told);
        }
    };
    verify::verify(
        &Store::new(objects),
        &Arc::new(keys),
        &settings.head,
        &mut tell,
    )
    .await?;
    printed.context("print what was found")?;
    ensure!(
        faults == 0,
        "not verified: {faults} faults, beside {exports} exports without one"
    );
    Ok(())
}

fn print(told: &Told) -> io::Result<()> {
    let mut out = stdout().lock();
    match told {
        Told::Export(export) => {
            write!(
                out,
                "ok    {}: link {}, {} files, {} rows, {} bytes",
                export.directory, export.n, export.files, export.rows, export.bytes
            )?;
            match &export.signed {
                Some((kid, at)) => writeln!(out, ", signed at {at} by {kid}"),
                None => writeln!(out),
            }
        }
        Told::Finding(finding) => writeln!(out, "WRONG {finding}"),
        Told::Head(head) => match &head.digest {
            Some(digest) => writeln!(out, "head  {}={}:{digest}", head.place, head.n),
            None => writeln!(out, "head  {}: link {} cannot be read", head.place, head.n),
        },
    }
}
