//! Columns as every table has them: which Arrow type holds which kind of value, and arrays of it.
//! What is exact stays exact: no floats, no unsigned numbers, no nanoseconds.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{
    ArrayRef, DictionaryArray, Int8Array, StringArray, TimestampMillisecondArray,
    builder::StringDictionaryBuilder,
    types::{Int8Type, Int32Type},
};
use arrow_schema::{ArrowError, DataType, Field, TimeUnit};
use schemas::Timestamp;

/// The key under which a field's metadata holds what the column means, for the DDL.
pub(crate) const COMMENT: &str = "comment";

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text with few values a file: ids, names. Dictionary-encoded.
    Name,
    /// One of at most 128 words.
    Word,
    /// Text that hardly repeats.
    Text,
    /// Milliseconds since 1970, UTC.
    Time,
    /// A number of 32 bits.
    Int,
    /// A number of 64 bits.
    Long,
}

impl Kind {
    fn data_type(self) -> DataType {
        let dictionary =
            |keys: DataType| DataType::Dictionary(Box::new(keys), Box::new(DataType::Utf8));
        match self {
            Self::Name => dictionary(DataType::Int32),
            Self::Word => dictionary(DataType::Int8),
            Self::Text => DataType::Utf8,
            Self::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Self::Int => DataType::Int32,
            Self::Long => DataType::Int64,
        }
    }
}

/// A column that has a value in every row.
pub(crate) fn required(name: &str, kind: Kind, comment: &str) -> Field {
    Field::new(name, kind.data_type(), false).with_metadata(commented(comment))
}

/// A column that may be null.
pub(crate) fn optional(name: &str, kind: Kind, comment: &str) -> Field {
    Field::new(name, kind.data_type(), true).with_metadata(commented(comment))
}

fn commented(comment: &str) -> HashMap<String, String> {
    HashMap::from([(COMMENT.to_owned(), comment.to_owned())])
}

/// An array of [`Kind::Name`].
pub(crate) fn names<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    let mut builder = StringDictionaryBuilder::<Int32Type>::new();
    builder.extend(values);
    Arc::new(builder.finish())
}

/// An array of [`Kind::Word`]: indexes into `words`.
pub(crate) fn words(
    words: impl Iterator<Item = &'static str>,
    indexes: impl Iterator<Item = Option<i8>>,
) -> Result<ArrayRef, ArrowError> {
    let values: StringArray = words.map(Some).collect();
    let keys: Int8Array = indexes.collect();
    Ok(Arc::new(DictionaryArray::<Int8Type>::try_new(
        keys,
        Arc::new(values),
    )?))
}

/// An array of [`Kind::Text`].
pub(crate) fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

/// An array of [`Kind::Time`] without nulls.
pub(crate) fn times(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from_iter_values(values).with_timezone("UTC"))
}

/// An array of [`Kind::Time`] with nulls.
pub(crate) fn optional_times(values: impl Iterator<Item = Option<Timestamp>>) -> ArrayRef {
    let array: TimestampMillisecondArray = values.map(|time| time.map(|time| time.0)).collect();
    Arc::new(array.with_timezone("UTC"))
}
