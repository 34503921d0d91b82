//! What the BPF program and this driver share: the value of its one map. The other side is
//! `tui/bpf/census.h`.

use std::mem::{offset_of, size_of};

use crate::abi::Counters;

/// Directories that one request names.
pub(super) const UNITS: usize = 32;
/// Children that one run can report.
pub(super) const CHILDREN: usize = 160;
const CRUMBS: usize = 8;
const NAME: usize = 256;

/// A dentry and what it was when it was found: if all of that still holds, it is the same one.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unit {
    pub(super) dentry: u64,
    /// 0: the directory that is open as [`State::fd`].
    pub(super) parent: u64,
    pub(super) hash_len: u64,
    pub(super) inode: u64,
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
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    pub(super) counts: Counts,
    /// Bytes that the directory's own name has allocated.
    pub(super) external_bytes: u64,
    pub(super) flags: u32,
    restarts: u32,
    /// References to the directory besides its children's.
    pub(super) extra: i32,
    reserved: u32,
}

/// A child that has children itself or, in a list, any child.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Child {
    pub(super) unit: Unit,
    pub(super) ino: u64,
    /// Which of the request's directories it is in.
    pub(super) of: u32,
    /// `ENTRY_` of the module's ABI.
    pub(super) flags: u32,
    name_len: u32,
    reserved: u32,
    name: [u8; NAME],
}

impl Child {
    /// Its name.
    pub(super) fn name(&self) -> &[u8] {
        &self.name[..(self.name_len as usize).min(NAME)]
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Crumb {
    words: [u64; 4],
    seq: u32,
    emitted: u32,
    run: u64,
    counts: Counts,
}

/// The kernel's BTF has the bits of `d_flags`.
pub(super) const KNOWN_FLAGS: u32 = 1;

/// A request, the place of a walk, and the answer of its last run.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct State {
    pub(super) fd: i32,
    pub(super) units: u32,
    /// Nanoseconds that a run may take.
    pub(super) max_ns: u64,
    /// Children of one directory after which it is given up.
    pub(super) limit: u64,
    pub(super) list: u32,
    pub(super) known: u32,
    /// Of `d_flags`, which the program finds.
    bits: [u32; 4],
    pub(super) work: [Unit; UNITS],

    pub(super) at: u32,
    opened: u32,
    /// The directory under way; of the first request the root's, which the program finds.
    dir: u64,
    node: u64,
    end: u64,
    last: [u64; 4],
    last_seq: u32,
    emitted: u32,
    restarts: u32,
    rolled: u32,
    pub(super) runs: u64,
    deadline: u64,
    /// Of the directory under way.
    pub(super) counts: Counts,
    crumbs: [Crumb; CRUMBS],

    pub(super) error: i32,
    pub(super) kept_of: u32,
    pub(super) kept: u32,
    pub(super) children: u32,
    /// The longest run, in nanoseconds.
    pub(super) held_ns: u64,
    pub(super) found: [Found; UNITS],
    pub(super) child: [Child; CHILDREN],
}

const _: () = {
    assert!(size_of::<Unit>() == 32);
    assert!(size_of::<Counts>() == 18 * 8);
    assert!(size_of::<Found>() == 18 * 8 + 8 + 16);
    assert!(offset_of!(Found, external_bytes) == 144);
    assert!(offset_of!(Found, extra) == 160);
    assert!(size_of::<Child>() == 32 + 8 + 16 + NAME);
    assert!(offset_of!(Child, name) == 56);
    assert!(size_of::<Crumb>() == 48 + 18 * 8);
    assert!(offset_of!(State, work) == 48);
    assert!(offset_of!(State, at) == 48 + 32 * UNITS);
    assert!(offset_of!(State, counts) == offset_of!(State, at) + 8 + 7 * 8 + 16 + 16);
    assert!(offset_of!(State, error) == offset_of!(State, counts) + 144 + CRUMBS * 192);
    assert!(offset_of!(State, found) == offset_of!(State, error) + 24);
    assert!(offset_of!(State, child) == offset_of!(State, found) + UNITS * 168);
    assert!(size_of::<State>() == offset_of!(State, child) + CHILDREN * 312);
};

impl State {
    /// A request for directories; `units` of `work` are to be filled in.
    pub(super) fn zeroed() -> Box<Self> {
        let mut state = Box::<Self>::new_uninit();
        // SAFETY: the pointer is valid for one `State`, which is made of integers alone: zeros are
        // valid values of them.
        unsafe {
            state.as_mut_ptr().write_bytes(0, 1);
            state.assume_init()
        }
    }
}

// SAFETY: `repr(C)` and made of integers alone, without padding (asserted by the sizes above): every
// bit pattern is valid.
unsafe impl aya::Pod for State {}
