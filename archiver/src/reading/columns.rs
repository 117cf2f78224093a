//! Columns of a batch by their names, as the types that the archiver writes, and values of them.
//! What the values mean is the tables' business.

use anyhow::{Context as _, bail};
use arrow_array::{
    Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use schemas::{Coordinate, Timestamp, id::Id};

/// A column of ids: the last one read is remembered, as most rows have that of the row before.
pub(super) struct Ids<Kind> {
    texts: StringArray,
    last: Option<Id<Kind>>,
}

/// A column of words, each of which is one of a few values.
pub(super) struct Words<Value: 'static> {
    texts: StringArray,
    known: &'static [(&'static str, Value)],
    last: usize,
}

impl<Kind> Ids<Kind> {
    /// Finds the column.
    pub(super) fn of(batch: &RecordBatch, name: &str) -> anyhow::Result<Self> {
        Ok(Self {
            texts: column(batch, name)?,
            last: None,
        })
    }

    /// The id of a row; None for null.
    pub(super) fn get(&mut self, row: usize) -> anyhow::Result<Option<Id<Kind>>> {
        if self.texts.is_null(row) {
            return Ok(None);
        }
        let text = self.texts.value(row);
        match self.last {
            Some(last) if last.as_str() == text => {}
            _ => self.last = Some(Id::new(text).with_context(|| format!("{text:?}"))?),
        }
        Ok(self.last)
    }

    /// The id of a row that has one.
    pub(super) fn require(&mut self, row: usize) -> anyhow::Result<Id<Kind>> {
        self.get(row)?.context("an id is null")
    }
}

impl<Value: Copy> Words<Value> {
    /// Finds the column, whose words mean these values.
    pub(super) fn of(
        batch: &RecordBatch,
        name: &str,
        known: &'static [(&'static str, Value)],
    ) -> anyhow::Result<Self> {
        Ok(Self {
            texts: column(batch, name)?,
            known,
            last: 0,
        })
    }

    /// The value of a row; None for null.
    pub(super) fn get(&mut self, row: usize) -> anyhow::Result<Option<Value>> {
        if self.texts.is_null(row) {
            return Ok(None);
        }
        let text = self.texts.value(row);
        if let Some((word, value)) = self.known.get(self.last)
            && *word == text
        {
            return Ok(Some(*value));
        }
        let Some(at) = self.known.iter().position(|(word, _)| *word == text) else {
            bail!("{text:?} is no word of this column");
        };
        self.last = at;
        Ok(Some(self.known[at].1))
    }

    /// The value of a row that has one.
    pub(super) fn require(&mut self, row: usize) -> anyhow::Result<Value> {
        self.get(row)?.context("a word is null")
    }
}

/// Finds a column.
pub(crate) fn column<Values: Array + Clone + 'static>(
    batch: &RecordBatch,
    name: &str,
) -> anyhow::Result<Values> {
    optional_column(batch, name)?.with_context(|| format!("it has no column {name}"))
}

/// Finds a column that older files do not have.
pub(super) fn optional_column<Values: Array + Clone + 'static>(
    batch: &RecordBatch,
    name: &str,
) -> anyhow::Result<Option<Values>> {
    let Some(array) = batch.column_by_name(name) else {
        return Ok(None);
    };
    let values = array.as_any().downcast_ref::<Values>();
    let values =
        values.with_context(|| format!("its column {name} has the type {}", array.data_type()))?;
    Ok(Some(values.clone()))
}

/// A text of a row; None for null.
pub(super) fn text(values: &StringArray, row: usize) -> Option<&str> {
    values.is_valid(row).then(|| values.value(row))
}

/// A number of a row; None for null.
pub(super) fn int(values: &Int32Array, row: usize) -> Option<i32> {
    values.is_valid(row).then(|| values.value(row))
}

/// A number of a row; None for null.
pub(super) fn long(values: &Int64Array, row: usize) -> Option<i64> {
    values.is_valid(row).then(|| values.value(row))
}

/// A number of a row that has one of 0 to 2^32 - 1.
pub(super) fn count(values: &Int64Array, row: usize) -> anyhow::Result<u32> {
    let value = long(values, row).context("a number is null")?;
    u32::try_from(value).with_context(|| format!("{value} is no count"))
}

/// A time of a row; None for null.
pub(super) fn time(values: &TimestampMillisecondArray, row: usize) -> Option<Timestamp> {
    values.is_valid(row).then(|| Timestamp(values.value(row)))
}

/// A time of a row that has one.
pub(super) fn required_time(
    values: &TimestampMillisecondArray,
    row: usize,
) -> anyhow::Result<Timestamp> {
    time(values, row).context("a time is null")
}

/// A place of a row; None where either part is null.
pub(super) fn place(
    (lats, lngs): &(Int32Array, Int32Array),
    row: usize,
) -> anyhow::Result<Option<Coordinate>> {
    let (Some(lat), Some(lng)) = (int(lats, row), int(lngs, row)) else {
        return Ok(None);
    };
    let place = Coordinate::from_e7(lat, lng).ok();
    Ok(Some(place.with_context(|| {
        format!("{lat}, {lng} is no place on earth")
    })?))
}

/// Finds the two columns of a place.
pub(super) fn places(batch: &RecordBatch, of: &str) -> anyhow::Result<(Int32Array, Int32Array)> {
    Ok((
        column(batch, &format!("{of}lat_e7"))?,
        column(batch, &format!("{of}lng_e7"))?,
    ))
}
