// SPDX-License-Identifier: GPL-2.0

//! The dcache, behind a safe interface. All of the module's `unsafe` but one call and all its
//! bindings are here, in inodes.rs, root.rs and misc.rs; the other side is dcache_helper.c, which
//! states the lock order.
//!
//! A [`Dir`] is a counted reference to a directory's dentry, an [`Entered`] one to such a directory
//! and to the place among its children, a [`Held`] some to inodes. Each has the open file of a
//! [`Root`], too, which keeps the superblock mounted for as long as it is there.

use crate::{
    abi::Counters,
    buffer::Buffer,
    inodes::{
        Held,
        RawHeld, //
    }, //
    root::Who,
};
use core::{mem::ManuallyDrop, ptr::NonNull};
use kernel::{
    bindings,
    fs::{
        File,
        LocalFile, //
    },
    prelude::*,
    sync::aref::ARef,
};

/// helpers.h: `enum slabscope_evict`.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Evict {
    Nothing = 0,
    Negative = 1,
    Unused = 2,
}

/// helpers.h: `enum slabscope_stay`.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Stay {
    Not = 0,
    Dirty = 1,
    Unsynced = 2,
    Failed = 3,
}

/// helpers.h: `struct slabscope_batch`.
#[repr(C)]
struct RawBatch {
    evict: u32,
    limit: u32,
    limit_ns: u64,
    list: *mut u8,
    list_room: u64,
    dev: u64,
    held: *mut RawHeld,
    listed: u64,
    found: Counters,
    child: *mut bindings::dentry,
    ino: u64,
    refs: u64,
    end: u32,
    name_len: u32,
    name: [u8; 256],
}

/// helpers.h: `struct slabscope_left`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Left {
    /// Bytes that the directory's name has allocated for itself.
    pub(crate) external_bytes: u64,
    evicted: u32,
    in_use: u32,
    sole_user: u32,
    stay: u32,
}

layout!(
    RawBatch, 592, evict 0, limit 4, limit_ns 8, list 16, list_room 24, dev 32, held 40, listed 48,
    found 56, child 304, ino 312, refs 320, end 328, name_len 332, name 336
);
layout!(Left, 24, external_bytes 0, evicted 8, in_use 12, sole_user 16, stay 20);

// Without lockdep `struct lock_class_key` is empty, which the lint takes for a mistake.
#[allow(improper_ctypes)]
extern "C" {
    fn slabscope_root(file: *mut bindings::file) -> *mut bindings::dentry;
    fn slabscope_cursor_alloc(dir: *mut bindings::dentry) -> *mut bindings::dentry;
    fn slabscope_cursor_attach(cursor: *mut bindings::dentry, dir: *mut bindings::dentry) -> bool;
    fn slabscope_cursor_free(cursor: *mut bindings::dentry);
    fn slabscope_batch(
        dir: *mut bindings::dentry,
        cursor: *mut bindings::dentry,
        batch: *mut RawBatch,
    );
    fn slabscope_leave(
        dir: *mut bindings::dentry,
        refs: u64,
        evict: bool,
        held: *mut RawHeld,
        left: *mut Left,
    );
    fn slabscope_check(file: *mut bindings::file, prune: bool, any_fs: bool) -> c_int;
    fn slabscope_dev(dentry: *mut bindings::dentry) -> u64;
    fn slabscope_log(
        file: *mut bindings::file,
        who: *const Who,
        what: *const c_char,
        found: *const Counters,
        inodes: bool,
        status: *const c_char,
    );
}

/// The open directory that a walk begins at.
pub(crate) struct Root(ARef<File>);

impl Root {
    /// Of a file.
    pub(crate) fn of(file: ARef<File>) -> Self {
        Self(file)
    }

    /// The directory that the caller has open as `fd`, also as `O_PATH`: nothing is read from it,
    /// and opening it for reading may ask a server.
    ///
    /// # Safety
    ///
    /// No `fdget_pos` region of that file is active on this thread: the caller is an ioctl, and
    /// ioctl(2) takes its file with `fdget`.
    pub(crate) unsafe fn new(fd: i32) -> Result<Self> {
        let fd = u32::try_from(fd).map_err(|_| EBADF)?;
        // SAFETY: it takes any number.
        let file = unsafe { bindings::fget_raw(fd) };
        let file = NonNull::new(file.cast::<LocalFile>()).ok_or(EBADF)?;
        // SAFETY: a `LocalFile` is a `struct file`, and `fget_raw` has taken a reference for us.
        let file = unsafe { ARef::from_raw(file) };
        // SAFETY: by the contract.
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
        let dentry = unsafe { NonNull::new_unchecked(slabscope_root(self.0.as_ptr())) };
        // INVARIANT: the dentry is that of the file.
        Dir {
            dentry,
            file: self.0.clone(),
        }
    }

    /// The open file, which keeps the superblock mounted.
    pub(crate) fn file(&self) -> ARef<File> {
        self.0.clone()
    }

    /// One line in the kernel log about a prune.
    pub(crate) fn log(
        &self,
        who: &Who,
        what: &CStr,
        found: &Counters,
        inodes: bool,
        status: &CStr,
    ) {
        // SAFETY: as in `check`; what the other pointers lead to outlives the call.
        unsafe {
            slabscope_log(
                self.0.as_ptr(),
                who,
                kernel::str::as_char_ptr_in_const_context(what),
                found,
                inodes,
                kernel::str::as_char_ptr_in_const_context(status),
            )
        }
    }
}

/// A pinned directory.
///
/// # Invariants
///
/// `dentry` is live, and one of its references is owned; it is of the superblock of `file`, which is
/// dropped after it.
pub(crate) struct Dir {
    dentry: NonNull<bindings::dentry>,
    file: ARef<File>,
}

// SAFETY: a reference to a dentry may be used and dropped from any thread.
unsafe impl Send for Dir {}

impl Dir {
    /// The superblock's device number.
    pub(crate) fn dev(&self) -> u64 {
        // SAFETY: by the type invariant.
        unsafe { slabscope_dev(self.dentry.as_ptr()) }
    }

    /// Whether the directory is `root` or below it.
    pub(crate) fn is_below(&self, root: &Dir) -> bool {
        // SAFETY: by the type invariant both dentries are pinned.
        unsafe { bindings::is_subdir(self.dentry.as_ptr(), root.dentry.as_ptr()) }
    }

    /// Drops the pin without disturbing the LRU; see `slabscope_leave`.
    /// The inode of one that is evicted is held in `held`, which has to have room.
    pub(crate) fn leave(self, refs: u64, evict: bool, held: Option<&mut Held>) -> Left {
        let mut left = Left::default();
        let (dentry, file) = self.into_parts();
        let held = Held::raw(held, &file);
        // SAFETY: by the type invariants; `dentry` is not used again, so the reference is given up
        // exactly once, and `file` is dropped after it.
        unsafe { slabscope_leave(dentry.as_ptr(), refs, evict, held, &mut left) };
        left
    }

    /// The reference is the caller's to drop, before the file.
    fn into_parts(self) -> (NonNull<bindings::dentry>, ARef<File>) {
        let dir = ManuallyDrop::new(self);
        // SAFETY: `dir` is neither used again nor dropped, so the file is moved out of it.
        (dir.dentry, unsafe { core::ptr::read(&dir.file) })
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // SAFETY: by the type invariant; `leave` does not get here.
        unsafe {
            slabscope_leave(
                self.dentry.as_ptr(),
                0,
                false,
                core::ptr::null_mut(),
                &mut Left::default(),
            )
        };
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

    /// Nothing besides the directory refers to its inode; and why that stays.
    pub(crate) fn sole_user(&self) -> Option<Stay> {
        (self.sole_user != 0).then_some(match self.stay {
            0 => Stay::Not,
            1 => Stay::Dirty,
            2 => Stay::Unsynced,
            _ => Stay::Failed,
        })
    }
}

/// A cursor that stands nowhere yet.
///
/// # Invariants
///
/// `cursor` is a cursor dentry without a parent, and its only reference is owned; it is of the
/// superblock of `file`, which is dropped after it.
pub(crate) struct SpareCursor {
    cursor: NonNull<bindings::dentry>,
    file: ARef<File>,
}

// SAFETY: as of `Dir`.
unsafe impl Send for SpareCursor {}

impl SpareCursor {
    /// Allocates a cursor for a directory of the superblock of `dir`.
    pub(crate) fn new(dir: &Dir) -> Result<Self> {
        // SAFETY: by the type invariant of `Dir`.
        let cursor = unsafe { slabscope_cursor_alloc(dir.dentry.as_ptr()) };
        Ok(Self {
            cursor: NonNull::new(cursor).ok_or(ENOMEM)?,
            file: dir.file.clone(),
        })
    }

    /// Puts the cursor before the first child of `dir`, which has to be of the same superblock.
    pub(crate) fn enter(self, dir: Dir) -> Result<Entered> {
        // SAFETY: both are live by the type invariants.
        if !unsafe { slabscope_cursor_attach(self.cursor.as_ptr(), dir.dentry.as_ptr()) } {
            return Err(EXDEV);
        }
        let spare = ManuallyDrop::new(self);
        // SAFETY: `spare` is neither used again nor dropped, so the file is moved out of it.
        drop(unsafe { core::ptr::read(&spare.file) });
        // INVARIANT: the cursor was put into `dir`, and its reference is handed over.
        Ok(Entered {
            cursor: Cursor(spare.cursor),
            dir,
        })
    }
}

impl Drop for SpareCursor {
    fn drop(&mut self) {
        // SAFETY: by the type invariant.
        unsafe { slabscope_cursor_free(self.cursor.as_ptr()) };
    }
}

/// A cursor dentry that holds a reference to its directory; owns its only reference.
struct Cursor(NonNull<bindings::dentry>);

// SAFETY: as of `Dir`.
unsafe impl Send for Cursor {}

impl Drop for Cursor {
    fn drop(&mut self) {
        // SAFETY: by the invariant of `Entered`, which alone has cursors.
        unsafe { slabscope_cursor_free(self.0.as_ptr()) };
    }
}

/// A directory, and a place among its children.
///
/// Fields are dropped in this order: the cursor holds a reference to the directory, whose pin has
/// to be the last to go.
///
/// # Invariants
///
/// `cursor` is a live cursor dentry of `dir`, owns its only reference, and is moved by nobody else.
pub(crate) struct Entered {
    cursor: Cursor,
    dir: Dir,
}

impl Entered {
    /// The directory.
    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// The directory alone.
    pub(crate) fn into_dir(self) -> Dir {
        self.dir
    }

    /// Handles the next children; see `slabscope_batch`. Inodes are held in `held`, which takes no
    /// more than it has room for.
    pub(crate) fn batch(&mut self, evict: Evict, limits: Limits, held: Option<&mut Held>) -> Batch {
        let mut batch = Batch::new(&self.dir, evict, limits, held);
        self.run(&mut batch);
        batch
    }

    /// Lists the next children into `out`, leaving `keep` bytes of its room: none where no record
    /// fits.
    pub(crate) fn list(&mut self, limits: Limits, out: &mut Buffer, keep: usize) -> Batch {
        let mut batch = Batch::new(&self.dir, Evict::Nothing, limits, None);
        batch.raw.list_room = out.room().saturating_sub(keep) as u64;
        batch.raw.list = out.bytes.spare_capacity_mut().as_mut_ptr().cast();
        self.run(&mut batch);
        // SAFETY: `slabscope_batch` has written `listed` bytes to the spare capacity, of which
        // `list_room` is a part.
        unsafe { out.bytes.inc_len(batch.raw.listed as usize) };
        batch
    }

    /// `batch` was just made.
    fn run(&mut self, batch: &mut Batch) {
        // SAFETY: by the type invariants; the cursor is borrowed mutably. There is either no list,
        // or room for `list_room` bytes, of which the other side writes no more; what is held is
        // as it expects it by the invariant of `Held`.
        unsafe {
            slabscope_batch(
                self.dir.dentry.as_ptr(),
                self.cursor.0.as_ptr(),
                &mut batch.raw,
            )
        };
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
///
/// # Invariants
///
/// `raw.child` is null, or live, and one of its references is owned; it is of the superblock of
/// `file`.
pub(crate) struct Batch {
    raw: RawBatch,
    file: ARef<File>,
}

impl Batch {
    fn new(dir: &Dir, evict: Evict, limits: Limits, held: Option<&mut Held>) -> Self {
        let raw = RawBatch {
            evict: evict as u32,
            limit: limits.children,
            limit_ns: limits.ns,
            list: core::ptr::null_mut(),
            list_room: 0,
            dev: dir.dev(),
            held: Held::raw(held, &dir.file),
            listed: 0,
            found: Counters::default(),
            child: core::ptr::null_mut(),
            ino: 0,
            refs: 0,
            end: 0,
            name_len: 0,
            name: [0; 256],
        };
        Self {
            raw,
            file: dir.file.clone(),
        }
    }

    /// What was counted.
    pub(crate) fn found(&self) -> &Counters {
        &self.raw.found
    }

    /// Children that hold a reference to the directory and stay.
    pub(crate) fn refs(&self) -> u64 {
        self.raw.refs
    }

    /// Whether no children are left.
    pub(crate) fn end(&self) -> bool {
        self.raw.end != 0
    }

    /// The child to walk next: it has children itself.
    pub(crate) fn take_child(&mut self) -> Option<Dir> {
        // INVARIANT: `slabscope_batch` pinned the child for its caller, and it is taken out once.
        let child = core::mem::replace(&mut self.raw.child, core::ptr::null_mut());
        NonNull::new(child).map(|dentry| Dir {
            dentry,
            file: self.file.clone(),
        })
    }

    /// The inode number of the child.
    pub(crate) fn ino(&self) -> u64 {
        self.raw.ino
    }

    /// The name of the child.
    pub(crate) fn name(&self) -> &[u8] {
        let len = (self.raw.name_len as usize).min(self.raw.name.len());
        &self.raw.name[..len]
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        drop(self.take_child());
    }
}
