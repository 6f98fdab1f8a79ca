//! The methods of `sqlite3_file`.
//!
//! Contract of every function here, which SQLite keeps
//! (<https://www.sqlite.org/c3ref/io_methods.html>): `file` is an [`OpenFile`]
//! between a successful `xOpen` and its `xClose`, and no two threads use one
//! file at a time; buffers have the length given; out-pointers are valid for one
//! write. `xClose` is called once and last.

use std::{
    ffi::{c_int, c_void},
    ptr, slice,
    sync::{Arc, atomic},
};

use rusqlite::ffi;

use super::result_code;
use crate::{
    code::{Code, DiskResult},
    disk::{Disk, HandleId},
    locks::LockLevel,
    shm::{RegionRequest, ShmLock, SlotMask},
};

/// As SQLite's Unix VFS says; smaller sectors would only change the padding of
/// journals.
const SECTOR_BYTES: c_int = 4096;

/// The memory of a `sqlite3_file`: SQLite reads the first field and leaves the
/// others alone.
#[repr(C)]
pub(super) struct OpenFile {
    base: ffi::sqlite3_file,
    disk: Arc<Disk>,
    handle: HandleId,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // 2: with shared memory. 3 would add memory-mapped reads.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

impl OpenFile {
    pub(super) fn new(disk: Arc<Disk>, handle: HandleId) -> Self {
        Self { base: ffi::sqlite3_file { pMethods: &METHODS }, disk, handle }
    }
}

/// Makes `file` a closed file: SQLite calls no `xClose` on it, should the open
/// fail.
///
/// # Safety
///
/// `file` is writable for the size of an [`OpenFile`], and aligned.
pub(super) unsafe fn prepare(file: *mut OpenFile) {
    // SAFETY: as the caller promises; only the first field is written, through
    // a raw pointer, so the others may be uninitialized.
    unsafe { (&raw mut (*file).base.pMethods).write(ptr::null()) };
}

/// # Safety
///
/// `file` is an open [`OpenFile`], and stays it for `'a`.
unsafe fn open_file<'a>(file: *mut ffi::sqlite3_file) -> &'a OpenFile {
    // SAFETY: xOpen wrote a whole OpenFile to this address, and only xClose
    // drops it. The reference is shared and no one writes to the memory.
    unsafe { &*file.cast::<OpenFile>() }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: the file is open, so it holds a whole OpenFile. It is moved out
    // exactly once: afterwards pMethods is NULL, and SQLite uses the memory only
    // after another xOpen wrote it anew.
    let file = unsafe {
        let owned = ptr::read(file.cast::<OpenFile>());
        prepare(file.cast());
        owned
    };
    file.disk.lock().close(file.handle);
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    out: *mut c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: see the contract above.
    let file = unsafe { open_file(file) };
    let (Ok(amount), Ok(offset)) = (usize::try_from(amount), usize::try_from(offset)) else {
        return ffi::SQLITE_IOERR_READ;
    };
    let state = file.disk.lock();
    let bytes = match state.read(file.handle, offset, amount) {
        Ok(bytes) => bytes,
        Err(code) => return code.0,
    };
    let out = out.cast::<u8>();
    // SAFETY: `out` has `amount` writable bytes and `bytes` is not longer; it is
    // SQLite's buffer, so it does not overlap the file's own memory. It may be
    // uninitialized, so it is written through raw pointers only. SQLite demands
    // zeros for what lies beyond the end of the file.
    unsafe {
        ptr::copy_nonoverlapping(bytes.as_ptr(), out, bytes.len());
        ptr::write_bytes(out.add(bytes.len()), 0, amount - bytes.len());
    }
    if bytes.len() < amount {
        return ffi::SQLITE_IOERR_SHORT_READ;
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: see the contract above.
    let file = unsafe { open_file(file) };
    let (Ok(amount), Ok(offset)) = (usize::try_from(amount), usize::try_from(offset)) else {
        return ffi::SQLITE_IOERR_WRITE;
    };
    if amount == 0 {
        return ffi::SQLITE_OK;
    }
    // SAFETY: SQLite gives `amount` initialized bytes, here at least one, so the
    // pointer is not NULL; and it does not change them during the call.
    let bytes = unsafe { slice::from_raw_parts(bytes.cast::<u8>(), amount) };
    result_code(file.disk.lock().write(file.handle, offset, bytes))
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    // SAFETY: see the contract above.
    let file = unsafe { open_file(file) };
    let Ok(size) = usize::try_from(size) else {
        return ffi::SQLITE_IOERR_TRUNCATE;
    };
    result_code(file.disk.lock().truncate(file.handle, size))
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: see the contract above.
    let file = unsafe { open_file(file) };
    result_code(file.disk.lock().sync(file.handle))
}

unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    out: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: see the contract above.
    let file = unsafe { open_file(file) };
    let size = match file.disk.lock().size(file.handle) {
        Ok(size) => size,
        Err(code) => return code.0,
    };
    // SAFETY: `out` is valid for one write, see the contract above.
    unsafe { out.write(size as ffi::sqlite3_int64) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: see the contract above.
    let file = unsafe { open_file(file) };
    result_code(lock_level(level).and_then(|level| file.disk.lock().lock_file(file.handle, level)))
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: see the contract above.
    let file = unsafe { open_file(file) };
    result_code(lock_level(level).map(|level| file.disk.lock().unlock_file(file.handle, level)))
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: see the contract above.
    let file = unsafe { open_file(file) };
    let reserved = match file.disk.lock().is_reserved(file.handle) {
        Ok(reserved) => reserved,
        Err(code) => return code.0,
    };
    // SAFETY: `out` is valid for one write, see the contract above.
    unsafe { out.write(c_int::from(reserved)) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(
    _file: *mut ffi::sqlite3_file,
    _operation: c_int,
    _argument: *mut c_void,
) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_file: *mut ffi::sqlite3_file) -> c_int {
    SECTOR_BYTES
}

unsafe extern "C" fn device_characteristics(_file: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    index: c_int,
    size_bytes: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: see the contract above.
    let file = unsafe { open_file(file) };
    let (Ok(index), Ok(size_bytes)) = (usize::try_from(index), usize::try_from(size_bytes)) else {
        return ffi::SQLITE_IOERR_SHMMAP;
    };
    let request = RegionRequest { index, size_bytes, extend: extend != 0 };
    let region = match file.disk.lock().map(file.handle, request) {
        Ok(region) => region,
        Err(code) => return code.0,
    };
    // The pointer is that of the whole slice, not of its first element, so it is
    // good for all of it. The handle keeps its own reference to the region until
    // xShmUnmap or xClose, so the memory stays where it is as long as this
    // connection uses it. The elements are atomics, so writing through a pointer
    // that came from a shared reference is allowed; Rust never touches them.
    let start =
        region.map_or(ptr::null_mut(), |region| region.as_ptr().cast_mut().cast::<c_void>());
    // SAFETY: `out` is valid for one write, see the contract above.
    unsafe { out.write(start) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: see the contract above.
    let file = unsafe { open_file(file) };
    result_code(slot_mask(offset, count).and_then(|slots| {
        let lock = shm_lock_kind(flags);
        file.disk.lock().lock_slots(file.handle, slots, lock)
    }))
}

unsafe extern "C" fn shm_barrier(_file: *mut ffi::sqlite3_file) {
    atomic::fence(atomic::Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _delete: c_int) -> c_int {
    // SAFETY: see the contract above.
    let file = unsafe { open_file(file) };
    file.disk.lock().unmap(file.handle);
    ffi::SQLITE_OK
}

fn lock_level(level: c_int) -> DiskResult<LockLevel> {
    match level {
        ffi::SQLITE_LOCK_NONE => Ok(LockLevel::None),
        ffi::SQLITE_LOCK_SHARED => Ok(LockLevel::Shared),
        ffi::SQLITE_LOCK_RESERVED => Ok(LockLevel::Reserved),
        ffi::SQLITE_LOCK_PENDING => Ok(LockLevel::Pending),
        ffi::SQLITE_LOCK_EXCLUSIVE => Ok(LockLevel::Exclusive),
        _ => Err(Code::LOCK),
    }
}

fn shm_lock_kind(flags: c_int) -> ShmLock {
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        ShmLock::Unlock
    } else if flags & ffi::SQLITE_SHM_SHARED != 0 {
        ShmLock::Shared
    } else {
        ShmLock::Exclusive
    }
}

/// The slots `offset..offset + count` as bits.
fn slot_mask(offset: c_int, count: c_int) -> DiskResult<SlotMask> {
    let slots = 0..=ffi::SQLITE_SHM_NLOCK;
    if count < 1 || !slots.contains(&offset) || !slots.contains(&(offset + count)) {
        return Err(Code::LOCK);
    }
    let mask = ((1_u32 << count) - 1) << offset;
    SlotMask::try_from(mask).map_err(|_| Code::LOCK)
}
