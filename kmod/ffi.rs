// SPDX-License-Identifier: GPL-2.0

//! The dcache, behind a safe interface. All of the module's `unsafe` and all its bindings are
//! here; the other side is shim.c, which states the lock order.
//!
//! A [`Dir`] is a counted reference to a directory's dentry, a [`Cursor`] one to the place among
//! its children. Both are only made below the directory of a [`Root`], whose open file keeps the
//! superblock mounted.

use crate::abi::Counters;
use core::{
    mem::{
        size_of,
        ManuallyDrop, //
    },
    ptr::NonNull,
};
use kernel::{
    bindings,
    fs::{
        File,
        LocalFile, //
    },
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration, //
    },
    prelude::*,
    sync::aref::ARef,
};

/// shim.h: `enum slabscope_evict`.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Evict {
    Nothing = 0,
    Negative = 1,
    Unused = 2,
}

/// shim.h: `struct slabscope_batch`.
#[repr(C)]
struct RawBatch {
    evict: u32,
    limit: u32,
    limit_ns: u64,
    list: *mut u8,
    list_room: u64,
    dev: u64,
    listed: u64,
    found: Counters,
    child: *mut bindings::dentry,
    ino: u64,
    refs: u64,
    end: u32,
    name_len: u32,
    name: [u8; 256],
}

/// shim.h: `struct slabscope_left`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Left {
    /// Bytes that the directory's name has allocated for itself.
    pub(crate) external_bytes: u64,
    evicted: u32,
    in_use: u32,
}

/// shim.h: `struct slabscope_who`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Who {
    uid: u32,
    pid: i32,
    comm: [u8; 16],
}

const _: () = {
    assert!(size_of::<Who>() == 24);
    assert!(size_of::<RawBatch>() == 48 + 23 * 8 + 32 + 256);
    assert!(size_of::<Left>() == 16);
};

// Without lockdep `struct lock_class_key` is empty, which the lint takes for a mistake.
#[allow(improper_ctypes)]
extern "C" {
    fn slabscope_root(file: *mut bindings::file) -> *mut bindings::dentry;
    fn slabscope_cursor_alloc(dir: *mut bindings::dentry) -> *mut bindings::dentry;
    fn slabscope_cursor_attach(cursor: *mut bindings::dentry, dir: *mut bindings::dentry);
    fn slabscope_cursor_free(cursor: *mut bindings::dentry);
    fn slabscope_batch(
        dir: *mut bindings::dentry,
        cursor: *mut bindings::dentry,
        batch: *mut RawBatch,
    );
    fn slabscope_leave(dir: *mut bindings::dentry, refs: u64, evict: bool, left: *mut Left);
    fn slabscope_check(file: *mut bindings::file, prune: bool, any_fs: bool) -> c_int;
    fn slabscope_dev(dentry: *mut bindings::dentry) -> u64;
    fn slabscope_who(who: *mut Who);
    fn slabscope_log(
        file: *mut bindings::file,
        who: *const Who,
        mode: *const c_char,
        moved: u64,
        busy: u64,
        status: *const c_char,
    );
    fn slabscope_debugfs_init();
    fn slabscope_debugfs_exit();
}

/// The file in debugfs, as long as it is there.
pub(crate) struct Debugfs(());

impl Debugfs {
    /// Makes the file. To be called once.
    pub(crate) fn new() -> Self {
        // SAFETY: there are no requirements.
        unsafe { slabscope_debugfs_init() };
        Self(())
    }
}

impl Drop for Debugfs {
    fn drop(&mut self) {
        // SAFETY: `new` has made the file.
        unsafe { slabscope_debugfs_exit() };
    }
}

/// shim.h: for debugfs.c.
///
/// # Safety
///
/// `file` has to be valid and no `fdget_pos` region of it active on this thread, `found` valid for
/// writes.
#[no_mangle]
unsafe extern "C" fn slabscope_shrink(file: *mut bindings::file, found: *mut Counters) -> c_int {
    // SAFETY: by the contract.
    let file: ARef<File> = unsafe { File::from_raw_file(file) }.into();
    match crate::shrink(Root(file)) {
        Ok(counters) => {
            // SAFETY: by the contract.
            unsafe { found.write(counters) };
            0
        }
        Err(error) => error.to_errno(),
    }
}

/// Whether the caller has `CAP_SYS_ADMIN` in the initial user namespace.
pub(crate) fn may_use() -> Result {
    // SAFETY: `capable` may be called in any process context.
    if unsafe { bindings::capable(bindings::CAP_SYS_ADMIN as c_int) } {
        Ok(())
    } else {
        Err(EPERM)
    }
}

impl Who {
    /// The calling process.
    pub(crate) fn current() -> Self {
        let mut who = Self::default();
        // SAFETY: `who` is valid for writes.
        unsafe { slabscope_who(&mut who) };
        who
    }
}

/// The device's file operations with this module as their owner, so that an open file keeps the
/// module loaded. `kernel::miscdevice` sets no owner before Linux 7.3.
pub(crate) struct Owned(#[allow(dead_code)] KBox<bindings::file_operations>);

// SAFETY: never written to once the device uses it.
unsafe impl Send for Owned {}
// SAFETY: as above.
unsafe impl Sync for Owned {}

impl Owned {
    /// Makes this module the owner. The value has to outlive the registration.
    pub(crate) fn new<T: MiscDevice>(
        device: &MiscDeviceRegistration<T>,
        module: &'static ThisModule,
    ) -> Result<Self> {
        // SAFETY: the device is registered, so its `fops` points to valid operations.
        let mut fops = unsafe { (*device.as_raw()).fops.read() };
        fops.owner = module.as_ptr();
        let fops = KBox::new(fops, GFP_KERNEL)?;
        // SAFETY: `misc_open` reads the pointer under a lock that is not to be had here, but an
        // aligned pointer is written whole, and both values lead to valid operations; `is_owner_of`
        // lets `open` refuse the files that got the first.
        unsafe { (&raw mut (*device.as_raw()).fops).write_volatile(&*fops) };
        Ok(Self(fops))
    }

    /// Whether an open file keeps the module loaded.
    pub(crate) fn is_owner_of(file: &File) -> bool {
        // SAFETY: `f_op` of an open file is valid and does not change after `misc_open`.
        unsafe { !(*(*file.as_ptr()).f_op).owner.is_null() }
    }
}

/// The open directory that a walk begins at.
pub(crate) struct Root(ARef<File>);

impl Root {
    /// The directory that the caller has open as `fd`. To be called from an ioctl.
    pub(crate) fn new(fd: i32) -> Result<Self> {
        let file = LocalFile::fget(u32::try_from(fd).map_err(|_| EBADF)?)?;
        // SAFETY: an ioctl of the device is under way on this thread, and ioctl(2) takes its file
        // with `fdget`, not `fdget_pos`.
        Ok(Self(unsafe { LocalFile::assume_no_fdget_pos(file) }))
    }

    /// Whether a walk may begin or go on; see `slabscope_check`.
    pub(crate) fn check(&self, prune: bool, any_fs: bool) -> Result {
        // SAFETY: the reference in `self` keeps the file, and thus its dentry and superblock.
        kernel::error::to_result(unsafe { slabscope_check(self.0.as_ptr(), prune, any_fs) })
    }

    /// The directory, pinned once more.
    pub(crate) fn dir(&self) -> Dir {
        // SAFETY: as in `check`. The pointer returned is not null and carries a reference.
        Dir(unsafe { NonNull::new_unchecked(slabscope_root(self.0.as_ptr())) })
    }

    /// One line in the kernel log about a prune.
    pub(crate) fn log(&self, who: &Who, mode: &CStr, found: &Counters, status: &CStr) {
        // SAFETY: as in `check`; what the other pointers lead to outlives the call.
        unsafe {
            slabscope_log(
                self.0.as_ptr(),
                who,
                kernel::str::as_char_ptr_in_const_context(mode),
                found.moved,
                found.busy,
                kernel::str::as_char_ptr_in_const_context(status),
            )
        }
    }
}

/// A pinned directory.
///
/// # Invariants
///
/// Points to a live dentry and owns one of its references.
pub(crate) struct Dir(NonNull<bindings::dentry>);

// SAFETY: a reference to a dentry may be used and dropped from any thread.
unsafe impl Send for Dir {}

impl Dir {
    /// The superblock's device number.
    pub(crate) fn dev(&self) -> u64 {
        // SAFETY: by the type invariant.
        unsafe { slabscope_dev(self.0.as_ptr()) }
    }

    /// Whether the directory is `root` or below it.
    pub(crate) fn is_below(&self, root: &Dir) -> bool {
        // SAFETY: by the type invariant both dentries are pinned.
        unsafe { bindings::is_subdir(self.0.as_ptr(), root.0.as_ptr()) }
    }

    /// Drops the pin without disturbing the LRU; see `slabscope_leave`.
    pub(crate) fn leave(self, refs: u64, evict: bool) -> Left {
        let mut left = Left::default();
        let dir = ManuallyDrop::new(self);
        // SAFETY: by the type invariant; `dir` is not used again, so the reference is given up
        // exactly once.
        unsafe { slabscope_leave(dir.0.as_ptr(), refs, evict, &mut left) };
        left
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // SAFETY: by the type invariant; `leave` does not get here.
        unsafe { slabscope_leave(self.0.as_ptr(), 0, false, &mut Left::default()) };
    }
}

impl Left {
    /// The directory was evicted.
    pub(crate) fn evicted(&self) -> bool {
        self.evicted != 0
    }

    /// Something besides its children refers to the directory.
    pub(crate) fn in_use(&self) -> bool {
        self.in_use != 0
    }
}

/// A cursor that stands nowhere yet.
///
/// # Invariants
///
/// Points to a cursor dentry without a parent and owns its only reference.
pub(crate) struct SpareCursor(NonNull<bindings::dentry>);

// SAFETY: as of `Dir`.
unsafe impl Send for SpareCursor {}

impl SpareCursor {
    /// Allocates a cursor for a directory of the superblock of `dir`.
    pub(crate) fn new(dir: &Dir) -> Result<Self> {
        // SAFETY: by the type invariant of `Dir`.
        let cursor = unsafe { slabscope_cursor_alloc(dir.0.as_ptr()) };
        Ok(Self(NonNull::new(cursor).ok_or(ENOMEM)?))
    }

    /// Puts the cursor before the first child of `dir`.
    pub(crate) fn attach(self, dir: &Dir) -> Cursor {
        let cursor = ManuallyDrop::new(self).0;
        // SAFETY: both are live, and of one superblock since every `Dir` of a walk is.
        unsafe { slabscope_cursor_attach(cursor.as_ptr(), dir.0.as_ptr()) };
        Cursor(cursor)
    }
}

impl Drop for SpareCursor {
    fn drop(&mut self) {
        // SAFETY: by the type invariant.
        unsafe { slabscope_cursor_free(self.0.as_ptr()) };
    }
}

/// A place among the children of a directory.
///
/// # Invariants
///
/// Points to a cursor dentry that holds a reference to its directory, and owns its only reference.
pub(crate) struct Cursor(NonNull<bindings::dentry>);

// SAFETY: as of `Dir`.
unsafe impl Send for Cursor {}

impl Drop for Cursor {
    fn drop(&mut self) {
        // SAFETY: by the type invariant.
        unsafe { slabscope_cursor_free(self.0.as_ptr()) };
    }
}

/// What one hold of a directory's lock may do.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Most children handled.
    pub(crate) children: u32,
    /// Longest time, in nanoseconds; 0: no limit.
    pub(crate) ns: u64,
}

/// What one hold of a directory's lock found.
pub(crate) struct Batch(RawBatch);

impl Batch {
    /// Handles the next children of `dir`, of which `cursor` has to be one; see `slabscope_batch`.
    pub(crate) fn run(dir: &Dir, cursor: &mut Cursor, evict: Evict, limits: Limits) -> Self {
        Self::run_raw(dir, cursor, evict, limits, (core::ptr::null_mut(), 0))
    }

    /// Lists the next children of `dir` into `out`, leaving `keep` bytes of its room.
    pub(crate) fn list(
        dir: &Dir,
        cursor: &mut Cursor,
        limits: Limits,
        out: &mut Buffer,
        keep: usize,
    ) -> Self {
        let room = out.room().saturating_sub(keep);
        let spare = out.bytes.spare_capacity_mut().as_mut_ptr().cast();
        let batch = Self::run_raw(dir, cursor, Evict::Nothing, limits, (spare, room as u64));
        // SAFETY: `slabscope_batch` has written so many bytes to the spare capacity.
        unsafe { out.bytes.inc_len(batch.0.listed as usize) };
        batch
    }

    fn run_raw(
        dir: &Dir,
        cursor: &mut Cursor,
        evict: Evict,
        limits: Limits,
        (list, list_room): (*mut u8, u64),
    ) -> Self {
        let mut raw = RawBatch {
            evict: evict as u32,
            limit: limits.children,
            limit_ns: limits.ns,
            list,
            list_room,
            dev: dir.dev(),
            listed: 0,
            found: Counters::default(),
            child: core::ptr::null_mut(),
            ino: 0,
            refs: 0,
            end: 0,
            name_len: 0,
            name: [0; 256],
        };
        // SAFETY: by the type invariants of `Dir` and `Cursor`; the cursor is borrowed mutably, so
        // nobody else moves it. The callers above pass no list, or one with room.
        unsafe { slabscope_batch(dir.0.as_ptr(), cursor.0.as_ptr(), &mut raw) };
        Self(raw)
    }

    /// What was counted.
    pub(crate) fn found(&self) -> &Counters {
        &self.0.found
    }

    /// Children that hold a reference to the directory and stay.
    pub(crate) fn refs(&self) -> u64 {
        self.0.refs
    }

    /// Whether no children are left.
    pub(crate) fn end(&self) -> bool {
        self.0.end != 0
    }

    /// The child to walk next: it has children itself.
    pub(crate) fn take_child(&mut self) -> Option<Dir> {
        // INVARIANT: `slabscope_batch` pinned the child for its caller, and it is taken out once.
        NonNull::new(core::mem::replace(&mut self.0.child, core::ptr::null_mut())).map(Dir)
    }

    /// The inode number of the child.
    pub(crate) fn ino(&self) -> u64 {
        self.0.ino
    }

    /// The name of the child.
    pub(crate) fn name(&self) -> &[u8] {
        let len = (self.0.name_len as usize).min(self.0.name.len());
        &self.0.name[..len]
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        drop(self.take_child());
    }
}

/// Room for the records that `read()` will copy out.
pub(crate) struct Buffer {
    bytes: KVVec<u8>,
    from: usize,
}

impl Buffer {
    /// Allocates `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Result<Self> {
        Ok(Self {
            bytes: KVVec::with_capacity(capacity, GFP_KERNEL_ACCOUNT)?,
            from: 0,
        })
    }

    /// Whether everything was copied out.
    pub(crate) fn is_empty(&self) -> bool {
        self.from == self.bytes.len()
    }

    /// How many bytes can be pushed.
    pub(crate) fn room(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }

    /// What is yet to be copied out.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.from = 0;
    }

    /// Takes note that `len` bytes of [`rest`](Self::rest) were copied out.
    pub(crate) fn consume(&mut self, len: usize) {
        self.from = (self.from + len).min(self.bytes.len());
        if self.is_empty() {
            self.clear();
        }
    }

    /// Appends the bytes of a value without padding.
    pub(crate) fn push<T: kernel::transmute::AsBytes>(&mut self, value: &T) -> Result {
        self.push_bytes(value.as_bytes())
    }

    /// Appends bytes.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) -> Result {
        if bytes.len() > self.room() {
            return Err(ENOSPC);
        }
        Ok(self.bytes.extend_from_slice(bytes, GFP_KERNEL)?)
    }
}

// SAFETY: `repr(C)`, made of integers alone, without padding (sizes are asserted in abi.rs).
unsafe impl kernel::transmute::AsBytes for crate::abi::Header {}
// SAFETY: as above.
unsafe impl kernel::transmute::AsBytes for crate::abi::Counters {}
// SAFETY: as above.
unsafe impl kernel::transmute::AsBytes for crate::abi::Info {}
// SAFETY: `repr(C)` and made of integers alone: every bit pattern is valid.
unsafe impl kernel::transmute::FromBytes for crate::abi::Begin {}
