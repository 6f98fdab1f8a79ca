//! The border to SQLite: the VFS as C sees it. All `unsafe` of the crate is in
//! this folder; it translates arguments, and `disk` decides.
//!
//! Who owns what:
//!
//! * A `sqlite3_vfs` and its [`Mount`] are leaked: a connection keeps a pointer
//!   to its VFS, and SQLite does not tell when the last one has gone. The mount
//!   refers to the disk weakly, so the files are freed nevertheless.
//! * An open file holds the disk strongly, so the disk outlives the handles.
//! * Each power cut registers a new `sqlite3_vfs` under the old name. The
//!   connections of before stay at theirs, whose epoch has passed, so they can
//!   neither open nor delete a journal of the machine after them. (`ATTACH` and
//!   `VACUUM INTO` look the VFS up by name, so these reach the new one.)
//!
//! A panic cannot leave these functions: Rust aborts when one would unwind out
//! of `extern "C"`.

mod file_methods;
mod vfs_methods;

use std::{
    ffi::{CString, c_char, c_int},
    ptr,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicPtr, Ordering},
    },
};

use rusqlite::ffi;

use self::file_methods::OpenFile;
use crate::{
    code::DiskResult,
    disk::{Disk, Epoch},
};

/// Longest file name in bytes, with the NUL.
const NAME_BYTES_MAX: c_int = 512;

/// What `sqlite3_vfs.pAppData` points to: the disk as one run of the machine,
/// from start to power cut, sees it.
#[derive(Debug)]
pub(crate) struct Mount {
    disk: Weak<Disk>,
    epoch: Epoch,
}

/// The name under which SQLite knows the disk.
#[derive(Debug)]
pub(crate) struct Registration {
    name: String,
    /// The VFS registered at the moment. It is leaked, so the pointer is valid
    /// for ever; SQLite owns the memory (its list runs through it).
    vfs: AtomicPtr<ffi::sqlite3_vfs>,
    /// Held over a whole power cut, so that two do not mix. Taken before the
    /// lock of the disk.
    renewal: Mutex<()>,
}

impl Registration {
    /// # Panics
    ///
    /// When SQLite has no memory.
    pub(crate) fn new(name: String, disk: &Arc<Disk>) -> Self {
        let epoch = disk.lock().epoch;
        let vfs = register(&name, disk, epoch);
        Self { name, vfs: AtomicPtr::new(vfs), renewal: Mutex::new(()) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Cuts the power and registers the disk anew. In between, opens by name
    /// fail.
    pub(crate) fn renew(&self, disk: &Arc<Disk>, torn: bool) {
        let _renewal = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = disk.lock().crash(torn);
        let new = register(&self.name, disk, epoch);
        let old = self.vfs.swap(new, Ordering::Relaxed);
        unregister(old);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        unregister(*self.vfs.get_mut());
    }
}

/// Puts a new VFS into SQLite's list, before any other of the same name.
fn register(name: &str, disk: &Arc<Disk>, epoch: Epoch) -> *mut ffi::sqlite3_vfs {
    let name = CString::new(name).expect("the name is made of letters, digits and a dash");
    let mount = Box::leak(Box::new(Mount { disk: Arc::downgrade(disk), epoch }));
    let vfs = Box::into_raw(Box::new(ffi::sqlite3_vfs {
        // 2: with xCurrentTimeInt64. 3 would add the system calls.
        iVersion: 2,
        szOsFile: size_of::<OpenFile>() as c_int,
        mxPathname: NAME_BYTES_MAX,
        pNext: ptr::null_mut(),
        zName: name.into_raw(),
        pAppData: ptr::from_mut(mount).cast(),
        xOpen: Some(vfs_methods::open),
        xDelete: Some(vfs_methods::delete),
        xAccess: Some(vfs_methods::access),
        xFullPathname: Some(vfs_methods::full_path_name),
        xDlOpen: Some(vfs_methods::dl_open),
        xDlError: Some(vfs_methods::dl_error),
        xDlSym: Some(vfs_methods::dl_sym),
        xDlClose: Some(vfs_methods::dl_close),
        xRandomness: Some(vfs_methods::randomness),
        xSleep: Some(vfs_methods::sleep),
        xCurrentTime: Some(vfs_methods::current_time),
        xGetLastError: None,
        xCurrentTimeInt64: Some(vfs_methods::current_time_int64),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }));
    // SAFETY: `vfs` is a complete sqlite3_vfs; it, its name and its mount are
    // leaked and so stay valid while it is in the list and after. Nobody in Rust
    // holds a reference to it, so SQLite may write `pNext`. SQLite locks the
    // list itself, and initializes itself when nobody did.
    let result = unsafe { ffi::sqlite3_vfs_register(vfs, 0) };
    assert_eq!(result, ffi::SQLITE_OK, "SQLite could not register a VFS");
    vfs
}

fn unregister(vfs: *mut ffi::sqlite3_vfs) {
    // SAFETY: `vfs` came from `register`, so it is valid for ever. SQLite takes
    // it out of the list under its own lock; connections that still point to it
    // may go on.
    let result = unsafe { ffi::sqlite3_vfs_unregister(vfs) };
    debug_assert_eq!(result, ffi::SQLITE_OK);
}

/// The mount behind a VFS pointer of SQLite's.
///
/// # Safety
///
/// `vfs` was made by [`register`].
unsafe fn mount_of<'a>(vfs: *mut ffi::sqlite3_vfs) -> &'a Mount {
    // SAFETY: `register` set pAppData to a leaked Mount and nobody changes it;
    // a Mount is only read, and it is Sync, so sharing it between threads is
    // fine. Only the one field is read, SQLite may write `pNext` meanwhile.
    unsafe { &*(*vfs).pAppData.cast::<Mount>() }
}

/// The text of a C string; `None` for NULL. Names are made by Rust callers, so
/// they are UTF-8; should one not be, its wrong bytes are replaced.
///
/// # Safety
///
/// `text` is NULL or a NUL-terminated string.
unsafe fn text_of(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not NULL, so NUL-terminated as the caller promises; it is copied
    // before this function returns.
    let text = unsafe { std::ffi::CStr::from_ptr(text) };
    Some(text.to_string_lossy().into_owned())
}

fn result_code(result: DiskResult<()>) -> c_int {
    match result {
        Ok(()) => ffi::SQLITE_OK,
        Err(code) => code.0,
    }
}

const _: () = {
    // Mounts are shared by all threads that use SQLite, see `mount_of`.
    const fn is_sync<T: Sync>() {}
    is_sync::<Mount>();
    // SQLite aligns the memory for an open file to 8 bytes, not more.
    assert!(align_of::<OpenFile>() <= 8);
};
