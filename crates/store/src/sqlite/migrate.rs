//! Which version a file has, and the way from an older one to ours.

use super::SqliteConfig;
use super::connect::{self, Context};
use super::schema::{APPLICATION_ID, VERSION_1, VERSION_2};
use crate::StoreError;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A step to the next version: SQL that runs in one transaction.
pub(super) struct Migration {
    pub(super) sql: &'static str,
}

/// The steps from version 1 on. The newest version is one more than there are steps.
pub(super) const MIGRATIONS: &[Migration] = &[Migration { sql: VERSION_2 }];

/// Copies of one version that may lie around before an upgrade is refused.
const COPIES: u32 = 100;
/// What the name of a copy ends with until it is whole.
const PART: &str = ".part";

/// What a file is, found without changing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing is in it.
    Fresh,
    /// A Hubbub database of this version, which we know.
    Version(i64),
}

fn number(conn: &Connection, sql: &str) -> rusqlite::Result<i64> {
    conn.query_row(sql, [], |row| row.get(0))
}

/// Looks what the file is. Changes nothing.
pub(super) fn inspect(
    conn: &Connection,
    context: &Context,
    migrations: &[Migration],
) -> Result<Found, StoreError> {
    let ask = |sql: &str| number(conn, sql).map_err(context.doing("reading"));
    let application = ask("PRAGMA application_id")?;
    let version = ask("PRAGMA user_version")?;
    let objects = ask("SELECT count(*) FROM sqlite_schema")?;
    let known = 1 + migrations.len() as i64;
    if application == 0 && version == 0 && objects == 0 {
        Ok(Found::Fresh)
    } else if application == super::backup::BACKUP_ID {
        Err(context.foreign("it is a backup, which `hubbub restore` makes one of"))
    } else if application != APPLICATION_ID {
        Err(context.foreign("another program made it"))
    } else if version > known {
        Err(StoreError::Newer { found: version, known })
    } else if version < 1 {
        Err(context.damaged("it has no version"))
    } else {
        Ok(Found::Version(version))
    }
}

/// Makes the tables, or changes those of an older version after copying the file.
pub(super) fn bring_up_to_date(
    conn: &Connection,
    config: &SqliteConfig,
    found: Found,
    migrations: &[Migration],
) -> Result<(), StoreError> {
    let context = Context::new(&config.path);
    let version = match found {
        Found::Fresh => {
            return create(conn, migrations).map_err(context.doing("making the tables"));
        }
        Found::Version(version) => version,
    };
    let done = usize::try_from(version - 1).unwrap_or(usize::MAX);
    let steps = migrations.get(done..).unwrap_or_default();
    if steps.is_empty() {
        return Ok(());
    }
    let copy = back_up(conn, config, version)?;
    tracing::info!(file = %context, copy = %copy.display(), version, "upgrading the data");
    for (step, to) in steps.iter().zip(version + 1..) {
        apply(conn, step, to).map_err(context.doing(&format!("upgrading to version {to}")))?;
    }
    Ok(())
}

fn create(conn: &Connection, migrations: &[Migration]) -> rusqlite::Result<()> {
    let tx = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    tx.execute_batch(VERSION_1)?;
    for step in migrations {
        tx.execute_batch(step.sql)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", 1 + migrations.len() as i64)?;
    tx.commit()
}

fn apply(conn: &Connection, step: &Migration, to: i64) -> rusqlite::Result<()> {
    let tx = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    tx.execute_batch(step.sql)?;
    tx.pragma_update(None, "user_version", to)?;
    tx.commit()
}

/// Copies the database to `NAME.before-vN`, N being the version to come, and reads the copy whole.
///
/// It has another name until then, so that copies that a kill or a full disk cuts short, try after try,
/// don't fill the disk.
fn back_up(conn: &Connection, config: &SqliteConfig, version: i64) -> Result<PathBuf, StoreError> {
    let copy = free_name(config, version + 1)?;
    if config.vfs.is_some() {
        // Such files can't be renamed.
        write_copy(conn, config, version, &copy)?;
        return Ok(copy);
    }
    let part = with_suffix(&copy, PART);
    let clear = || {
        remove(&with_suffix(&part, "-journal"))?;
        remove(&part)
    };
    let failed = |error: io::Error| {
        let text = format!("{}: copying before an upgrade: {error}", part.display());
        if error.kind() == io::ErrorKind::StorageFull {
            StoreError::Full(text)
        } else {
            StoreError::Backend(text)
        }
    };
    clear().map_err(failed)?;
    let written = write_copy(conn, config, version, &part)
        .and_then(|()| fs::rename(&part, &copy).map_err(failed))
        .and_then(|()| sync_folder_of(&copy).map_err(failed));
    if written.is_err() {
        // What went wrong is told; this would only hide it.
        let _ = clear();
    }
    written.map(|()| copy)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Makes a name last, where that can be asked for.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        match fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all() {
            // Some file systems have no such thing.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
                ) => {}
            result => return result,
        }
    }
    let _ = path;
    Ok(())
}

/// Writes the copy, reads it whole and syncs it.
fn write_copy(
    conn: &Connection,
    config: &SqliteConfig,
    version: i64,
    copy: &Path,
) -> Result<(), StoreError> {
    let context = Context::new(&config.path);
    let text = copy.to_str().ok_or_else(|| {
        StoreError::Backend(format!(
            "{context}: the path must be UTF-8 for the copy before an upgrade"
        ))
    })?;
    conn.execute("VACUUM INTO ?1", [text]).map_err(context.doing("copying before an upgrade"))?;
    let copied = SqliteConfig { path: copy.to_owned(), ..config.clone() };
    let copy_context = Context::new(copy);
    let check = |conn: &Connection| -> rusqlite::Result<bool> {
        let found: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        let same = number(conn, "PRAGMA application_id")? == APPLICATION_ID
            && number(conn, "PRAGMA user_version")? == version;
        // VACUUM INTO promises no fsync. A write of our own brings one, for the file and its folder.
        conn.pragma_update(None, "synchronous", "EXTRA")?;
        conn.pragma_update(None, "user_version", version)?;
        Ok(same && found == "ok")
    };
    match check(&connect::open(&copied)?).map_err(copy_context.doing("checking the copy"))? {
        true => Ok(()),
        false => Err(copy_context.damaged("the copy before an upgrade is not whole")),
    }
}

/// A name beside the database that is not taken. Asks SQLite and not the operating system, since the
/// file may be in a VFS of its own. There, a copy that was cut short is left where it is.
fn free_name(config: &SqliteConfig, to: i64) -> Result<PathBuf, StoreError> {
    for attempt in 1..=COPIES {
        let mut name = config.path.clone().into_os_string();
        name.push(format!(".before-v{to}"));
        if attempt > 1 {
            name.push(format!(".{attempt}"));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = match &config.vfs {
            None => Connection::open_with_flags(&name, flags),
            Some(vfs) => Connection::open_with_flags_and_vfs(&name, flags, vfs.as_str()),
        };
        if opened.is_err() {
            return Ok(name.into());
        }
    }
    Err(StoreError::Backend(format!(
        "{}: there are {COPIES} copies NAME.before-v{to} already: move them away",
        config.path.display()
    )))
}
