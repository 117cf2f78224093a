//! The metrics of the archiver, by name. Nothing here decides.

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::{cut::Cut, dead_letters::Reason, draft::Sealed, layout::Table, window};

const ROWS: &str = "hansom_archiver_rows_total";
const DUPLICATES: &str = "hansom_archiver_duplicates_total";
const BEYOND_MEMORY: &str = "hansom_archiver_beyond_memory_total";
const DEAD_LETTERS: &str = "hansom_archiver_dead_letters_total";
const RECORDS: &str = "hansom_archiver_records_total";
const COMMITS: &str = "hansom_archiver_commits_total";
const CUTS: &str = "hansom_archiver_cuts_total";
const FILES: &str = "hansom_archiver_files_total";
const BYTES: &str = "hansom_archiver_bytes_total";
const GAPS: &str = "hansom_archiver_gaps_total";
const DISPLACED: &str = "hansom_archiver_displaced_total";
const RETRIES: &str = "hansom_archiver_retries_total";
const CHECKPOINT_FAILURES: &str = "hansom_archiver_checkpoint_failures_total";
const FINISH_FAILURES: &str = "hansom_archiver_finish_failures_total";
const PARENTS: &str = "hansom_archiver_parents_total";
const LIST_SWAPS: &str = "hansom_archiver_list_swaps_total";
const LIST_CONTENTIONS: &str = "hansom_archiver_list_contentions_total";
const LAG: &str = "hansom_archiver_lag_seconds";
const BUFFERED: &str = "hansom_archiver_buffered_bytes";
const VEHICLES: &str = "hansom_archiver_window_vehicles";
const RUNS: &str = "hansom_archiver_window_runs";
const VEHICLES_FORGOTTEN: &str = "hansom_archiver_vehicles_forgotten_total";
const PROVIDER_REQUESTS: &str = "hansom_archiver_provider_requests_total";
const PROVIDER_FOLLOW_FAILURES: &str = "hansom_archiver_provider_follow_failures_total";
const PROVIDER_UNTIL: &str = "hansom_archiver_provider_published_until_seconds";
const PROVIDER_VEHICLES: &str = "hansom_archiver_provider_vehicles";

/// What the chain of a parent was found to be by a shard that begins with it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ParentChain {
    /// All of the parent is archived.
    Closed,
    /// What came after its last commit is lost.
    Open,
    /// Nothing of it was ever archived.
    Missing,
}

impl ParentChain {
    const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::Missing];

    fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Missing => "missing",
        }
    }
}

/// Describes all metrics of the archiver, and shows those that may stay zero.
pub(crate) fn describe() {
    describe_counter!(RECORDS, "Records of the stream that are committed");
    describe_counter!(ROWS, "Rows that are committed, by table");
    describe_counter!(DUPLICATES, "Repeats that were not written again, by table");
    describe_counter!(BEYOND_MEMORY, "Rows too old to tell from repeats, by table");
    describe_counter!(
        DEAD_LETTERS,
        "Records that cannot be rows, by reason, and by table where that can be told"
    );
    describe_counter!(COMMITS, "Commits written");
    describe_counter!(CUTS, "Ranges cut, by reason");
    describe_counter!(FILES, "Parquet files committed, by table");
    describe_counter!(
        BYTES,
        Unit::Bytes,
        "Bytes of the Parquet files committed, by table"
    );
    describe_counter!(
        GAPS,
        "Ranges that the stream dropped before they were archived"
    );
    describe_counter!(DISPLACED, "Times that another worker had committed first");
    describe_counter!(
        RETRIES,
        "Operations on the object storage that failed for now"
    );
    describe_counter!(
        CHECKPOINT_FAILURES,
        "Checkpoints that the stream did not take"
    );
    describe_counter!(
        FINISH_FAILURES,
        "Times that the stream did not take that a shard is done"
    );
    describe_counter!(
        PARENTS,
        "Parents that new shards began with, by their chains: of an open one records are lost"
    );
    describe_counter!(LIST_SWAPS, "Changes of the lists of the tables' files");
    describe_counter!(
        LIST_CONTENTIONS,
        "Changes of lists that were done again, as another change came first"
    );
    describe_histogram!(
        LAG,
        Unit::Seconds,
        "From the stream's taking of a commit's oldest record to its commit"
    );
    describe_gauge!(
        BUFFERED,
        Unit::Bytes,
        "Memory that rows on their way to a file take"
    );
    describe_gauge!(VEHICLES, "Vehicles whose repeats are recognised");
    describe_gauge!(
        RUNS,
        "Runs of sequence numbers by which repeats are recognised"
    );
    describe_counter!(
        VEHICLES_FORGOTTEN,
        "Vehicles forgotten before their time, as there were too many"
    );
    for table in Table::ALL {
        for name in [ROWS, DUPLICATES, BEYOND_MEMORY, FILES, BYTES] {
            counter!(name, "table" => table.as_str()).increment(0);
        }
    }
    for reason in Reason::ALL {
        dead_letters(reason, 0);
    }
    for cut in Cut::ALL {
        counter!(CUTS, "reason" => cut.as_str()).increment(0);
    }
    for chain in ParentChain::ALL {
        counter!(PARENTS, "chain" => chain.as_str()).increment(0);
    }
    for name in [
        RECORDS,
        COMMITS,
        GAPS,
        DISPLACED,
        RETRIES,
        CHECKPOINT_FAILURES,
        FINISH_FAILURES,
        LIST_SWAPS,
        LIST_CONTENTIONS,
        VEHICLES_FORGOTTEN,
    ] {
        counter!(name).increment(0);
    }
}

/// A commit is in the archive.
pub(crate) fn committed(sealed: &Sealed, now_ms: i64) {
    let commit = &sealed.commit;
    counter!(COMMITS).increment(1);
    counter!(RECORDS).increment(commit.counts.records);
    counter!(GAPS).increment(commit.gaps.len() as u64);
    for table in Table::ALL {
        let counts = commit.counts.of(table);
        counter!(ROWS, "table" => table.as_str()).increment(counts.rows);
        counter!(DUPLICATES, "table" => table.as_str()).increment(counts.duplicates);
        counter!(BEYOND_MEMORY, "table" => table.as_str()).increment(counts.beyond_memory);
    }
    for file in &commit.files {
        counter!(FILES, "table" => file.table.as_str()).increment(1);
        counter!(BYTES, "table" => file.table.as_str()).increment(file.object.bytes);
    }
    for (reason, count) in &sealed.dead_letters {
        dead_letters(*reason, *count);
    }
    counter!(VEHICLES_FORGOTTEN).increment(sealed.vehicles_forgotten as u64);
    if let Some(oldest_ms) = sealed.oldest_ms {
        histogram!(LAG).record(now_ms.saturating_sub(oldest_ms).max(0) as f64 / 1e3);
    }
}

fn dead_letters(reason: Reason, count: u64) {
    let table = reason.table().map_or("unknown", Table::as_str);
    counter!(DEAD_LETTERS, "reason" => reason.as_str(), "table" => table).increment(count);
}

/// A range is cut.
pub(crate) fn cut(cut: Cut) {
    counter!(CUTS, "reason" => cut.as_str()).increment(1);
}

/// Another worker has committed first.
pub(crate) fn displaced() {
    counter!(DISPLACED).increment(1);
}

/// The storage could not do it now.
pub(crate) fn retried() {
    counter!(RETRIES).increment(1);
}

/// The stream did not take a checkpoint.
pub(crate) fn checkpoint_failed() {
    counter!(CHECKPOINT_FAILURES).increment(1);
}

/// The stream did not take that a shard is done.
pub(crate) fn finish_failed() {
    counter!(FINISH_FAILURES).increment(1);
}

/// A shard begins with what a parent left.
pub(crate) fn inherited(chain: ParentChain) {
    counter!(PARENTS, "chain" => chain.as_str()).increment(1);
}

/// A list of files has changed.
pub(crate) fn list_swapped() {
    counter!(LIST_SWAPS).increment(1);
}

/// Another change of a list came first.
pub(crate) fn list_contended() {
    counter!(LIST_CONTENTIONS).increment(1);
}

/// All shards together hold so many bytes.
pub(crate) fn buffered(bytes: usize) {
    gauge!(BUFFERED).set(bytes as f64);
}

/// What one shard's window adds to the gauges; taken off when dropped.
#[derive(Debug, Default)]
pub(crate) struct WindowGauges(window::Size);

impl WindowGauges {
    /// The window is as large as this now.
    pub(crate) fn set(&mut self, size: window::Size) {
        let before = std::mem::replace(&mut self.0, size);
        gauge!(VEHICLES).increment(size.vehicles as f64 - before.vehicles as f64);
        gauge!(RUNS).increment(size.runs as f64 - before.runs as f64);
    }
}

impl Drop for WindowGauges {
    fn drop(&mut self) {
        self.set(window::Size::default());
    }
}

/// Describes the metrics of the Provider API, which another process has than archives.
pub(crate) fn describe_provider() {
    describe_counter!(
        PROVIDER_REQUESTS,
        "Requests of the Provider API, by endpoint and by the first digit of the answer's status"
    );
    describe_counter!(
        PROVIDER_FOLLOW_FAILURES,
        "Times that new exports could not be read; what was read before is answered from"
    );
    describe_gauge!(
        PROVIDER_UNTIL,
        Unit::Seconds,
        "The end of the last published hour, in seconds since 1970"
    );
    describe_gauge!(PROVIDER_VEHICLES, "Vehicles that the Provider API knows");
    describe_counter!(
        RETRIES,
        "Operations on the object storage that failed for now"
    );
    for name in [PROVIDER_FOLLOW_FAILURES, RETRIES] {
        counter!(name).increment(0);
    }
}

/// A request of the Provider API has its answer. `endpoint` is a route's path.
pub(crate) fn provider_answered(endpoint: &str, status: u16) {
    let class = match status {
        200..=299 => "2xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "other",
    };
    counter!(PROVIDER_REQUESTS, "endpoint" => endpoint.to_owned(), "status" => class).increment(1);
}

/// New exports could not be read.
pub(crate) fn provider_follow_failed() {
    counter!(PROVIDER_FOLLOW_FAILURES).increment(1);
}

/// The last published hour ends here.
pub(crate) fn provider_published_until(until_ms: i64) {
    gauge!(PROVIDER_UNTIL).set(until_ms as f64 / 1e3);
}

/// So many vehicles are known.
pub(crate) fn provider_vehicles(vehicles: usize) {
    gauge!(PROVIDER_VEHICLES).set(vehicles as f64);
}
