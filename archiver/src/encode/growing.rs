//! A Parquet file that is handed over piece by piece while it is written: what is kept of it in
//! memory is one row group. Where the pieces go is not known here.

use std::mem;

use anyhow::Context as _;
use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;

use super::Format;

/// A file in the making, of any number of rows.
pub(crate) struct Growing {
    writer: ArrowWriter<Vec<u8>>,
}

impl Format {
    /// Begins a file whose bytes are the same as if [`Format::write`] had all batches at once, where
    /// they are more than a page.
    pub(crate) fn begin(&self) -> anyhow::Result<Growing> {
        let writer =
            ArrowWriter::try_new_with_options(Vec::new(), self.schema.clone(), self.large.clone())
                .context("begin a parquet file")?;
        Ok(Growing { writer })
    }
}

impl Growing {
    /// Adds rows; returns the bytes that are settled by now, often none.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> anyhow::Result<Vec<u8>> {
        self.writer.write(batch).context("write rows as parquet")?;
        Ok(mem::take(self.writer.inner_mut()))
    }

    /// Ends the file; returns its last bytes.
    pub(crate) fn finish(self) -> anyhow::Result<Vec<u8>> {
        self.writer.into_inner().context("end a parquet file")
    }
}
