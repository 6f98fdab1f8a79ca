//! Values as SQLite keeps them, and back.

use hubbub_protocol::DoorKind;
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A number as SQLite keeps it. What the server counts is far from 2^63. A number from outside must be
/// limited in the hub: here it would fail the whole batch.
pub(super) fn int(number: u64) -> rusqlite::Result<i64> {
    i64::try_from(number).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

pub(super) fn uint(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(at)?;
    u64::try_from(number).map_err(|_| unknown(at, number))
}

/// A text that has rules.
pub(super) fn parsed<T, E: std::error::Error + Send + Sync + 'static>(
    row: &Row<'_>,
    at: usize,
    parse: impl Fn(&str) -> Result<T, E>,
) -> rusqlite::Result<T> {
    parse(row.get_ref(at)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, error.into()))
}

/// A word that stands for something.
pub(super) fn word<T>(
    row: &Row<'_>,
    at: usize,
    known: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let word = row.get_ref(at)?.as_str()?;
    known(word).ok_or_else(|| {
        let error = format!("the word '{word}' means nothing");
        rusqlite::Error::FromSqlConversionFailure(at, Type::Text, error.into())
    })
}

/// What has too many parts for columns.
pub(super) fn to_json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// The same, back.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    parsed(row, at, |text| serde_json::from_str(text))
}

/// What may be NULL.
pub(super) fn optional<T>(
    row: &Row<'_>,
    at: usize,
    read: impl FnOnce(&Row<'_>, usize) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(at)? {
        ValueRef::Null => Ok(None),
        _ => read(row, at).map(Some),
    }
}

/// A stored number that stands for nothing.
pub(super) fn unknown(at: usize, number: i64) -> rusqlite::Error {
    rusqlite::Error::IntegralValueOutOfRange(at, number)
}

pub(super) fn door(row: &Row<'_>, at: usize) -> rusqlite::Result<DoorKind> {
    word(row, at, |word| {
        [DoorKind::Native, DoorKind::Plain].into_iter().find(|door| door.word() == word)
    })
}

/// Everything that a statement without parameters finds.
pub(super) fn all<T>(
    conn: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    conn.prepare(sql)?.query_map([], read)?.collect()
}
