//! `archiver publish`: the lists of an archive from before there were lists. How a commit's files come
//! into the lists is `ledger`'s business.

use std::{
    io::{Write as _, stdout},
    sync::Arc,
};

use anyhow::Context as _;
use clap::Args;

use super::begin;
use crate::{books::Books, ledger::publish, lists::Lists};

/// Lists the files of all commits of an archive. The archivers do so by themselves: this is for an
/// archive that an older version has written, and where an archiver died and none came after it.
/// It may be run at any time, and twice.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Where the archive is kept: `s3://bucket/prefix?region=eu-west-1` or `file:///dir`.
    #[arg(long, value_name = "URL", env = "HANSOM_ARCHIVE")]
    pub(crate) archive: String,
}

/// Lists all that is committed, and prints how many files.
///
/// # Errors
/// What keeps it from listing.
pub(super) async fn command(settings: Settings) -> anyhow::Result<()> {
    let objects = objects::open(&settings.archive)
        .await
        .context("--archive")?;
    let drain = begin()?;
    let lists = Lists::new(Arc::clone(&objects), drain.clone());
    let books = Books::new(objects, drain);
    let mut files = 0;
    for shard in books.shards().await? {
        let mut n = 0;
        while let Some(commit) = books.commit(&shard, n + 1).await? {
            publish(&lists, &commit).await?;
            files += commit.files.len();
            n += 1;
        }
    }
    writeln!(stdout(), "the files of all commits are listed: {files}").context("print")
}
