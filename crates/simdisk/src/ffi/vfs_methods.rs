//! The methods of `sqlite3_vfs`: those which take a name, and the time.
//!
//! Contract of every function here, which SQLite keeps
//! (<https://www.sqlite.org/c3ref/vfs.html>): `vfs` is a pointer that was given
//! to `sqlite3_vfs_register`; names are NUL-terminated; out-pointers are valid
//! for one write. Any thread may call.

use std::{
    ffi::{c_char, c_int, c_void},
    ptr,
    sync::Arc,
    time::Duration,
};

use rusqlite::ffi;

use super::{
    file_methods::{OpenFile, prepare},
    mount_of, result_code, text_of,
};
use crate::{
    code::{Code, DiskResult},
    disk::{Disk, Epoch, OpenRequest},
};

/// Milliseconds from noon of 24 November 4714 BC, SQLite's day zero, to 1970.
const JULIAN_UNIX_EPOCH_MS: i64 = 210_866_760_000_000;
const DAY_MS: f64 = 86_400_000.0;

/// The disk and the epoch in which this VFS may use it; fails when the disk is
/// gone.
///
/// # Safety
///
/// `vfs` was made by [`register`](super::register).
unsafe fn disk_of(vfs: *mut ffi::sqlite3_vfs) -> DiskResult<(Arc<Disk>, Epoch)> {
    // SAFETY: as the caller promises.
    let mount = unsafe { mount_of(vfs) };
    let disk = mount.disk.upgrade().ok_or(Code::IO)?;
    Ok((disk, mount.epoch))
}

pub(super) unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    let file = file.cast::<OpenFile>();
    // SAFETY: SQLite gives szOsFile writable bytes, the size of an OpenFile,
    // aligned to 8.
    unsafe { prepare(file) };
    // SAFETY: see the contract above.
    let (disk, name) = unsafe { (disk_of(vfs), text_of(name)) };
    let journals =
        ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_WAL;
    let request = OpenRequest {
        name: name.as_deref(),
        create: flags & ffi::SQLITE_OPEN_CREATE != 0,
        exclusive: flags & ffi::SQLITE_OPEN_EXCLUSIVE != 0,
        read_only: flags & ffi::SQLITE_OPEN_READONLY != 0,
        delete_on_close: flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0,
        is_journal: flags & journals != 0,
    };
    let opened = disk.and_then(|(disk, epoch)| {
        let opened = disk.lock().open(epoch, &request)?;
        Ok((disk, opened))
    });
    let (disk, opened) = match opened {
        Ok(opened) => opened,
        Err(code) => return code.0,
    };
    let flags = if opened.read_only {
        flags & !(ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE) | ffi::SQLITE_OPEN_READONLY
    } else {
        flags
    };
    // SAFETY: `file` is writable as above and nothing in it needs a drop yet:
    // `prepare` made it a closed file. `flags_out` is NULL or valid for a write.
    unsafe {
        file.write(OpenFile::new(disk, opened.handle));
        if let Some(flags_out) = flags_out.as_mut() {
            *flags_out = flags;
        }
    }
    ffi::SQLITE_OK
}

pub(super) unsafe extern "C" fn delete(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_directory: c_int,
) -> c_int {
    // SAFETY: see the contract above.
    let (disk, name) = unsafe { (disk_of(vfs), text_of(name)) };
    result_code(disk.and_then(|(disk, epoch)| {
        let name = name.ok_or(Code::DELETE)?;
        disk.lock().delete(epoch, &name, sync_directory != 0)
    }))
}

pub(super) unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    answer: *mut c_int,
) -> c_int {
    // SAFETY: see the contract above.
    let (disk, name) = unsafe { (disk_of(vfs), text_of(name)) };
    let found = disk.and_then(|(disk, epoch)| {
        let name = name.ok_or(Code::IO)?;
        let state = disk.lock();
        let writable = flags != ffi::SQLITE_ACCESS_READWRITE || !state.faults.read_only;
        Ok(state.exists(epoch, &name)? && writable)
    });
    let found = match found {
        Ok(found) => found,
        Err(code) => return code.0,
    };
    // SAFETY: `answer` is valid for one write, see the contract above.
    unsafe { answer.write(c_int::from(found)) };
    ffi::SQLITE_OK
}

/// Names are complete as they are: there is one directory.
pub(super) unsafe extern "C" fn full_path_name(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    out_bytes: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: `name` is NUL-terminated, so its bytes up to and with the NUL may
    // be read; `out` has `out_bytes` writable bytes, which is checked to be
    // enough; and the two do not overlap, `out` is a fresh buffer of SQLite's.
    unsafe {
        let bytes = std::ffi::CStr::from_ptr(name).to_bytes_with_nul();
        if c_int::try_from(bytes.len()).is_ok_and(|len| len <= out_bytes) {
            ptr::copy_nonoverlapping(bytes.as_ptr().cast(), out, bytes.len());
            return ffi::SQLITE_OK;
        }
    }
    ffi::SQLITE_CANTOPEN
}

// Extensions are not loaded from this disk. SQLite calls these four without
// looking whether they are there.

pub(super) unsafe extern "C" fn dl_open(
    _vfs: *mut ffi::sqlite3_vfs,
    _name: *const c_char,
) -> *mut c_void {
    ptr::null_mut()
}

pub(super) unsafe extern "C" fn dl_error(
    _vfs: *mut ffi::sqlite3_vfs,
    out_bytes: c_int,
    out: *mut c_char,
) {
    if out_bytes > 0 {
        // SAFETY: `out` has at least `out_bytes` writable bytes. An empty text.
        unsafe { out.write(0) };
    }
}

/// A function of an extension. rusqlite's bindings have these arguments.
type Symbol = unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *mut c_void, *const c_char);

pub(super) unsafe extern "C" fn dl_sym(
    _vfs: *mut ffi::sqlite3_vfs,
    _library: *mut c_void,
    _symbol: *const c_char,
) -> Option<Symbol> {
    None
}

pub(super) unsafe extern "C" fn dl_close(_vfs: *mut ffi::sqlite3_vfs, _library: *mut c_void) {}

/// Random bytes of the seed. SQLite asks its default VFS, so this is called only
/// when somebody makes this one the default.
pub(super) unsafe extern "C" fn randomness(
    vfs: *mut ffi::sqlite3_vfs,
    out_bytes: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: see the contract above.
    let Ok((disk, _)) = (unsafe { disk_of(vfs) }) else { return 0 };
    let mut state = disk.lock();
    for at in 0..usize::try_from(out_bytes).unwrap_or(0) {
        let byte = state.rng.next() as u8;
        // SAFETY: `out` has `out_bytes` writable bytes and `at` is less.
        unsafe { out.cast::<u8>().add(at).write(byte) };
    }
    out_bytes
}

pub(super) unsafe extern "C" fn sleep(vfs: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    // SAFETY: see the contract above.
    let disk = unsafe { disk_of(vfs) };
    let skip = disk.is_ok_and(|(disk, _)| disk.lock().skip_sleeps);
    if !skip {
        let micros = u64::try_from(micros).unwrap_or(0);
        std::thread::sleep(Duration::from_micros(micros));
    }
    micros
}

pub(super) unsafe extern "C" fn current_time(vfs: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    let mut ms = 0;
    // SAFETY: see the contract above; `&mut ms` and `out` are valid for a write.
    unsafe {
        let result = current_time_int64(vfs, &mut ms);
        out.write(ms as f64 / DAY_MS);
        result
    }
}

pub(super) unsafe extern "C" fn current_time_int64(
    vfs: *mut ffi::sqlite3_vfs,
    out: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: see the contract above.
    let disk = unsafe { disk_of(vfs) };
    let unix_ms = match disk {
        Ok((disk, _)) => disk.lock().clock_unix_ms,
        Err(code) => return code.0,
    };
    // SAFETY: `out` is valid for one write, see the contract above.
    unsafe { out.write(unix_ms + JULIAN_UNIX_EPOCH_MS) };
    ffi::SQLITE_OK
}
