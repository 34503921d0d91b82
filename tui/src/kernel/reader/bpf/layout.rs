//! What the BPF program and this driver share: the values of its two maps. The other side is
//! `tui/bpf/census.h`.

use std::mem::{offset_of, size_of};
use std::os::fd::BorrowedFd;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::abi::Counters;

/// Directories that one request names.
pub(super) const UNITS: usize = 64;
/// Children that one run can report.
pub(super) const CHILDREN: usize = 512;
const CRUMBS: usize = 8;
const NAME: usize = 256;

/// A dentry and what it was when it was found: if that still holds, it is the directory of that name.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unit {
    pub(super) dentry: u64,
    /// 0: the directory that is open as [`State::fd`].
    pub(super) parent: u64,
    pub(super) hash_len: u64,
}

/// Of the children of one directory; each is what [`Counters`] has by that name.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    total: u64,
    negative: u64,
    in_use: u64,
    prunable: u64,
    pinned: u64,
    negative_prunable: u64,
    lru: u64,
    dirs: u64,
    files: u64,
    other: u64,
    in_lookup: u64,
    mountpoints: u64,
    external_names: u64,
    external_bytes: u64,
    negative_external_bytes: u64,
    inodes: u64,
    pages: u64,
    refs: u64,
}

impl From<Counts> for Counters {
    fn from(counts: Counts) -> Self {
        Self {
            total: counts.total,
            negative: counts.negative,
            in_use: counts.in_use,
            prunable: counts.prunable,
            pinned: counts.pinned,
            negative_prunable: counts.negative_prunable,
            lru: counts.lru,
            dirs: counts.dirs,
            files: counts.files,
            other: counts.other,
            in_lookup: counts.in_lookup,
            mountpoints: counts.mountpoints,
            external_names: counts.external_names,
            external_bytes: counts.external_bytes,
            negative_external_bytes: counts.negative_external_bytes,
            inodes: counts.inodes,
            pages: counts.pages,
            ..Self::default()
        }
    }
}

/// The directory was no longer what it was when it was found.
pub(super) const FOUND_GONE: u32 = 1;
/// Children came or went: part of it was counted anew.
pub(super) const FOUND_CHANGED: u32 = 2;
/// They came and went faster than they could be counted.
pub(super) const FOUND_PARTIAL: u32 = 4;

/// What was found in one directory.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) counts: Counts,
    /// Bytes that the directory's own name has allocated.
    pub(super) external_bytes: u64,
    pub(super) ino: u64,
    pub(super) flags: u32,
    restarts: u32,
    /// References to the directory besides its children's.
    pub(super) extra: i32,
    name_len: u32,
    name: [u8; NAME],
}

impl Found {
    /// Its name, if the request wants it and it is what it was.
    pub(super) fn name(&self) -> &[u8] {
        &self.name[..(self.name_len as usize).min(NAME)]
    }
}

/// A child that has children itself or, in a list, any child.
#[repr(C)]
pub(super) struct Child {
    pub(super) dentry: u64,
    pub(super) hash_len: u64,
    pub(super) ino: u64,
    /// Index of its parent in the request's directories.
    pub(super) of: u32,
    /// `ENTRY_` of the module's ABI.
    pub(super) flags: u32,
    name_len: u32,
    reserved: u32,
    name: [u8; NAME],
}

impl Child {
    /// Its name, in a list.
    pub(super) fn name(&self) -> &[u8] {
        &self.name[..(self.name_len as usize).min(NAME)]
    }
}

#[repr(C)]
struct Crumb {
    words: [u64; 4],
    seq: u32,
    emitted: u32,
    run: u64,
    counts: Counts,
}

/// The kernel's BTF has the bits of `d_flags`.
pub(super) const KNOWN_FLAGS: u32 = 1;

/// A request, the place of a walk, and what its last run says: few bytes, as they are copied each run.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    pub(super) fd: i32,
    /// Directories of [`Rows::work`] in this request.
    pub(super) units: u32,
    /// Nanoseconds that a run may take.
    pub(super) max_ns: u64,
    /// Children of one directory after which it is given up.
    pub(super) limit: u64,
    pub(super) list: u32,
    pub(super) names: u32,
    pub(super) known: u32,
    /// Of `d_flags`, which the program finds.
    bits: [u32; 10],

    pub(super) at: u32,
    opened: u32,
    last_seq: u32,
    /// The directory under way; of the first request the root's, which the program finds.
    pub(super) dir: u64,
    node: u64,
    end: u64,
    last: [u64; 4],
    emitted: u32,
    restarts: u32,
    rolled: u32,
    pub(super) error: i32,
    pub(super) runs: u64,
    deadline: u64,
    /// Of the directory under way.
    pub(super) counts: Counts,

    pub(super) kept_of: u32,
    pub(super) kept: u32,
    pub(super) children: u32,
    partial: u32,
    /// The longest run, in nanoseconds.
    pub(super) held_ns: u64,
}

// SAFETY: `repr(C)` and made of integers alone, without padding (asserted by the sizes below): every
// bit pattern is valid.
unsafe impl aya::Pod for State {}

/// The part that is too large to copy at each run.
#[repr(C)]
pub(super) struct Rows {
    pub(super) work: [Unit; UNITS],
    pub(super) found: [Found; UNITS],
    crumbs: [Crumb; CRUMBS],
    pub(super) child: [Child; CHILDREN],
}

const _: () = {
    assert!(size_of::<Unit>() == 24);
    assert!(size_of::<Counts>() == 18 * 8);
    assert!(offset_of!(Found, external_bytes) == 144);
    assert!(offset_of!(Found, name) == 176);
    assert!(size_of::<Found>() == 176 + NAME);
    assert!(offset_of!(Child, name) == 40);
    assert!(size_of::<Child>() == 40 + NAME);
    assert!(size_of::<Crumb>() == 48 + 18 * 8);
    assert!(offset_of!(State, at) == 24 + 12 + 40);
    assert!(offset_of!(State, dir) == 88);
    assert!(offset_of!(State, emitted) == 88 + 7 * 8);
    assert!(offset_of!(State, counts) == 144 + 16 + 16);
    assert!(offset_of!(State, held_ns) == 176 + 144 + 16);
    assert!(size_of::<State>() == 344);
    assert!(offset_of!(Rows, found) == UNITS * 24);
    assert!(offset_of!(Rows, crumbs) == UNITS * (24 + 432));
    assert!(offset_of!(Rows, child) == UNITS * (24 + 432) + CRUMBS * 192);
    assert!(size_of::<Rows>() == offset_of!(Rows, child) + CHILDREN * 296);
};

/// The rows in the kernel's memory, which the program writes while it is run and at no other time.
pub(super) struct Mapped(NonNull<Rows>);

// SAFETY: the mapping belongs to no thread.
unsafe impl Send for Mapped {}

impl Mapped {
    /// Maps the value of a map of one [`Rows`].
    pub(super) fn new(map: BorrowedFd<'_>) -> rustix::io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let address = unsafe {
            mmap(
                null_mut(),
                size_of::<Rows>(),
                protection,
                MapFlags::SHARED,
                map,
                0,
            )
        }?;
        NonNull::new(address.cast())
            .map(Self)
            .ok_or(rustix::io::Errno::NOMEM)
    }

    /// What the program has left there.
    pub(super) fn get(&self) -> &Rows {
        // SAFETY: the mapping has the size of `Rows`, is aligned to a page, and lasts as long as
        // `self`; integers alone are in it. The program writes only within `Loaded::run`, which takes
        // what owns this exclusively.
        unsafe { self.0.as_ref() }
    }

    /// The same rows, to fill in.
    pub(super) fn get_mut(&mut self) -> &mut Rows {
        // SAFETY: as above; and nobody else has this mapping.
        unsafe { self.0.as_mut() }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: no reference outlives `self`.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), size_of::<Rows>()) };
    }
}
