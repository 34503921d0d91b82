// SPDX-License-Identifier: GPL-2.0

//! Inodes that a walk holds, behind a safe interface. The other side is inodes_helper.c, which
//! states the lock order.

use crate::{
    abi::Counters,
    dcache::Root, //
};
use core::mem::size_of;
use kernel::{
    bindings,
    fs::File,
    prelude::*,
    sync::aref::ARef, //
};

/// helpers.h: `enum slabscope_hold`.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Hold {
    Dirty = 0,
    Evicted = 1,
    Pages = 2,
}

/// helpers.h: `SLABSCOPE_HELD`.
const HELD: usize = 256;

/// helpers.h: `struct slabscope_held`.
#[repr(C)]
pub(crate) struct RawHeld {
    how: u32,
    write_back: u32,
    count: u32,
    flushed: u32,
    written: u32,
    reserved: u32,
    index: u64,
    last: u64,
    inodes: [*mut bindings::inode; HELD],
}

// SAFETY: integers and null pointers: all bytes zero are a value of it.
unsafe impl Zeroable for RawHeld {}

layout!(
    RawHeld, 40 + HELD * size_of::<*mut bindings::inode>(), how 0, write_back 4, count 8,
    flushed 12, written 16, reserved 20, index 24, last 32, inodes 40
);

// Without lockdep `struct lock_class_key` is empty, which the lint takes for a mistake.
#[allow(improper_ctypes)]
extern "C" {
    fn slabscope_handle(held: *mut RawHeld, limit_ns: u64, found: *mut Counters);
    fn slabscope_release(held: *mut RawHeld);
    fn slabscope_drain();
    fn slabscope_drain_init();
    fn slabscope_drain_exit();
}

/// Inodes that a walk holds from the batch that found them until they are handled.
///
/// # Invariants
///
/// The first `count` of `inodes` point to live inodes of the superblock of `file`, which is dropped
/// after them, and own one reference each.
pub(crate) struct Held {
    raw: KBox<RawHeld>,
    file: ARef<File>,
}

// SAFETY: a reference to an inode may be used and dropped from any thread.
unsafe impl Send for Held {}

impl Held {
    /// Room for inodes below `root`, with which `how` is to be done.
    pub(crate) fn new(root: &Root, how: Hold, write_back: bool) -> Result<Self> {
        let mut raw = KBox::<RawHeld>::zeroed(GFP_KERNEL_ACCOUNT)?;
        raw.how = how as u32;
        raw.write_back = write_back.into();
        Ok(Self {
            raw,
            file: root.file(),
        })
    }

    /// Whether none is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.raw.count == 0
    }

    /// Handles those that are held for at most `limit_ns` nanoseconds; see `slabscope_handle`.
    pub(crate) fn handle(&mut self, limit_ns: u64) -> Counters {
        let mut found = Counters::default();
        if !self.is_empty() {
            // SAFETY: by the type invariant; there is one, and no lock is held in Rust code.
            unsafe { slabscope_handle(&mut *self.raw, limit_ns, &mut found) };
        }
        found
    }

    /// Releases all.
    pub(crate) fn release(&mut self) {
        // SAFETY: by the type invariant.
        unsafe { slabscope_release(&mut *self.raw) };
    }

    /// For the other side of a batch below the directory of `file`; null: no inodes are held, nor are
    /// those of another walk.
    pub(crate) fn raw(held: Option<&mut Self>, file: &File) -> *mut RawHeld {
        held.filter(|held| held.file.as_ptr() == file.as_ptr())
            .map_or(core::ptr::null_mut(), |held| &raw mut *held.raw)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

/// What empties the lists of pages of each CPU, as long as the module is loaded.
pub(crate) struct Drains(());

impl Drains {
    /// Makes it ready.
    pub(crate) fn new() -> Self {
        // SAFETY: only the module's initialization calls it; after the first time it does nothing.
        unsafe { slabscope_drain_init() };
        Self(())
    }
}

impl Drop for Drains {
    fn drop(&mut self) {
        // SAFETY: `new` has made it ready.
        unsafe { slabscope_drain_exit() };
    }
}

/// Has pages that were just read counted as what they are; see `slabscope_drain`.
/// Does nothing before [`Drains::new`].
pub(crate) fn drain() {
    // SAFETY: called in process context without locks.
    unsafe { slabscope_drain() };
}
