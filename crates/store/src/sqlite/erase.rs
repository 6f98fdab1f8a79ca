//! What nobody is to read any more is in no file any more: texts that were deleted, edited or are too
//! old.
//!
//! SQLite does most of it with `secure_delete`: a row that goes is overwritten with zeros, and so is a
//! page. But where it spreads the rows of a page over its neighbours, it leaves copies between the
//! list of rows and the rows (`rebuildPage` in `btree.c`). Such a copy belongs to a row that is still
//! there, and outlives it. That happens only where rows grow or go in the middle of the table, so by
//! the very batches that erase something, and all pages that they changed are in the WAL. When the WAL
//! was moved into the database file, [`scrub`] looks at these pages there.
//!
//! Nothing can be lost by it. Bytes between the list and the rows mean nothing to SQLite, nothing
//! else is written, and until the WAL is made empty the whole pages are in there, too. Somebody who
//! reads meanwhile finds the same rows.
//!
//! Not erased: what the disk keeps of blocks that it gave away, and copies that were made before, such
//! as backups. And what only changed its text in a draft, a note or a setting is overwritten in the
//! database file, but stays in the WAL as long as SQLite leaves it there.

use super::file::File;
use super::wal::{FRAME_HEADER_BYTES, HEADER_BYTES};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::ops::Range;

/// An overflow page begins with the number of the next one, and all others with what they are. So in
/// files of fewer pages (128 GiB at 4 KiB) the two can't be confused; larger ones are left alone.
const PAGES_MAX: i64 = 0x0200_0000;

/// Overwrites the unused middle of all pages that are in the first `frames` frames of the WAL, in the
/// database file. All of them must have been moved.
pub(super) fn scrub(conn: &Connection, frames: i64) -> rusqlite::Result<()> {
    let number = |sql| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    let (page_bytes, pages) = (number("PRAGMA page_size")?, number("PRAGMA page_count")?);
    if pages >= PAGES_MAX || frames == 0 {
        return Ok(());
    }
    let touched = touched(&File::of_wal(conn)?, frames, page_bytes)?;
    let database = File::of_database(conn)?;
    let mut page = vec![0; usize::try_from(page_bytes).unwrap_or(0)];
    let zeros = page.clone();
    let mut count = 0;
    // The first page has the list of tables, and no text of ours.
    for number in touched.range(2..=pages) {
        let at = (number - 1) * page_bytes;
        database.read(&mut page, at)?;
        let Some(unused) = unused(&page) else { continue };
        if page[unused.clone()].iter().any(|&byte| byte != 0) {
            database.write(&zeros[..unused.len()], at + unused.start as i64)?;
            count += 1;
        }
    }
    if count > 0 {
        database.sync()?;
        // The copies are in the cached pages, too, and would come back with the next change there.
        conn.execute_batch("PRAGMA shrink_memory")?;
        tracing::trace!(count, "scrubbed pages");
    }
    Ok(())
}

/// The pages that are in the WAL (<https://www.sqlite.org/fileformat2.html#walformat>).
fn touched(wal: &File<'_>, frames: i64, page_bytes: i64) -> rusqlite::Result<BTreeSet<i64>> {
    let mut number = [0; 4];
    (0..frames)
        .map(|frame| {
            wal.read(&mut number, HEADER_BYTES + frame * (FRAME_HEADER_BYTES + page_bytes))?;
            Ok(i64::from(u32::from_be_bytes(number)))
        })
        .collect()
}

/// Where nothing is on a page of a tree (<https://www.sqlite.org/fileformat2.html#b_tree_pages>):
/// between the list of rows and the first row. `None` for other pages, and for what makes no sense.
fn unused(page: &[u8]) -> Option<Range<usize>> {
    let header = match page.first()? {
        2 | 5 => 12,
        10 | 13 => 8,
        _ => return None,
    };
    let number =
        |at: usize| Some(usize::from(u16::from_be_bytes([*page.get(at)?, *page.get(at + 1)?])));
    let list = header + 2 * number(3)?;
    // 0 stands for 65536, which has no room in two bytes.
    let rows = match number(5)? {
        0 => 1 << 16,
        rows => rows,
    };
    (list <= rows && rows <= page.len()).then_some(list..rows)
}
