//! The exceptions of an export: what a regulator requires and nobody has told, row by row, for the
//! operator. They have the fleet's own ids, and so are no part of what a regulator gets.

use anyhow::Context as _;
use objects::Upload;
use schemas::regulators::Exception;

/// The columns of the file.
const HEADER: [&str; 8] = [
    "topic",
    "column",
    "reason",
    "fleet_id",
    "vehicle_id",
    "ride_id",
    "time_ms",
    "row",
];

/// Exceptions, as lines of CSV.
pub(super) struct Exceptions {
    lines: csv::Writer<Vec<u8>>,
    count: u64,
    /// Those that are not put yet.
    waiting: u64,
    /// None where they are only counted.
    upload: Option<Box<dyn Upload>>,
}

impl Exceptions {
    /// Begins the file. It is there for every export, so that none in it says something.
    pub(super) fn begin(upload: Option<Box<dyn Upload>>) -> anyhow::Result<Self> {
        let mut lines = csv::Writer::from_writer(Vec::new());
        lines.write_record(HEADER)?;
        Ok(Self {
            lines,
            count: 0,
            waiting: 0,
            upload,
        })
    }

    pub(super) fn push(&mut self, topic: &str, exception: &Exception<'_>) -> anyhow::Result<()> {
        self.count += 1;
        self.waiting += 1;
        let ride = exception.ride.as_ref().map_or("", |ride| ride.as_str());
        let row = if exception.is_written {
            "written"
        } else {
            "left_out"
        };
        let time = exception.time.0.to_string();
        let record = [
            topic,
            exception.column,
            exception.reason.as_str(),
            exception.fleet.as_str(),
            exception.vehicle.as_str(),
            ride,
            &time,
            row,
        ];
        self.lines.write_record(record)?;
        Ok(())
    }

    /// How many are not put yet.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Puts what there is so far.
    pub(super) async fn put_piece(&mut self) -> anyhow::Result<()> {
        self.waiting = 0;
        let empty = csv::Writer::from_writer(Vec::new());
        let lines = std::mem::replace(&mut self.lines, empty);
        let lines = lines.into_inner().ok().context("end lines of CSV")?;
        if let Some(upload) = &mut self.upload {
            let put = upload.write(lines.into()).await;
            put.context("write the exceptions")?;
        }
        Ok(())
    }

    /// Ends the file; says how many there are.
    pub(super) async fn end(mut self) -> anyhow::Result<u64> {
        self.put_piece().await?;
        if let Some(upload) = self.upload {
            upload.finish().await.context("write the exceptions")?;
        }
        Ok(self.count)
    }
}
