//! The frame of a command that sends: signals in, a table out.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use anyhow::{Context, ensure};
use service::{Shutdown, on_signal};

use super::Report;

/// After a signal the last answers are awaited and the table is printed within this time.
const GRACE: Duration = Duration::from_secs(10);

/// Runs `work` until it ends or a signal asks it to, and prints its report.
///
/// # Errors
/// What `work` says; and an error if its report is not as expected.
pub(crate) async fn end_with<Work: Future<Output = anyhow::Result<Report>>>(
    work: impl FnOnce(Shutdown) -> Work,
) -> anyhow::Result<()> {
    let shutdown = Shutdown::new();
    on_signal(shutdown.clone(), GRACE)?;
    let report = work(shutdown).await?;
    writeln!(io::stdout(), "{report}").context("print the report")?;
    ensure!(
        report.is_as_expected(),
        "not everything was answered, or not as it had to be"
    );
    Ok(())
}
