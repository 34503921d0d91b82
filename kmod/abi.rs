// SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT OR Apache-2.0

//! What is spoken over `/dev/slabscope`: one text, compiled into the kernel module and into the
//! program. docs/internals/abi.md explains it; every layout below is asserted at compile time.
//!
//! A file that is open on the device is a session. [`Begin`] starts one walk below one directory,
//! `read()` drives that walk and returns [`Header`]-framed records, [`IOC_STOP`] ends it early.
//! The walk runs only inside `read()`: a caller that stops reading has paused it.

/// Version of everything in this file. Compared for equality in [`Begin::version`].
pub const VERSION: u32 = 3;

const fn ioc(dir: u32, nr: u32, size: usize) -> u32 {
    (dir << 30) | ((size as u32) << 16) | (0xDC << 8) | nr
}

/// Ask what the module is: writes an [`Info`].
pub const IOC_INFO: u32 = ioc(2, 1, core::mem::size_of::<Info>());
/// Start a walk: reads a [`Begin`].
pub const IOC_BEGIN: u32 = ioc(1, 2, core::mem::size_of::<Begin>());
/// End the walk early: what follows is the records of the directories that were open, each marked
/// [`REC_PARTIAL`], and a TOTAL with [`STATUS_STOPPED`].
pub const IOC_STOP: u32 = ioc(0, 3, 0);

/// The answer to [`IOC_INFO`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// `size_of::<Info>()`.
    pub size: u32,
    /// [`VERSION`] of the module.
    pub version: u32,
    /// Bit `1 << mode` for each mode that [`Begin::mode`] accepts.
    pub modes: u32,
    /// Any of the `INFO_` constants.
    pub flags: u32,
    /// How many directories deep a walk can stand.
    pub max_depth: u32,
    /// 0.
    pub reserved: u32,
}

/// The module was loaded with `read_only=1`: every mode that prunes is refused with `EROFS`.
pub const INFO_READ_ONLY: u32 = 1;
/// The module is the one for kernels that are built without Rust.
pub const INFO_PLAIN: u32 = 2;

/// The argument of [`IOC_BEGIN`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Begin {
    /// `size_of::<Begin>()`.
    pub size: u32,
    /// [`VERSION`].
    pub version: u32,
    /// The directory, open in any way, `O_PATH` too. The walk counts and prunes what is below it,
    /// never the directory itself.
    pub fd: i32,
    /// One of the `MODE_` constants.
    pub mode: u32,
    /// Any of the `BEGIN_` constants.
    pub flags: u32,
    /// How deep ENTER and LEAVE are reported: 0 none, 1 one pair for each child directory. What is
    /// deeper is walked all the same and counts in the deepest directory that is reported.
    pub depth: u32,
    /// Most dentries handled under one hold of a directory's lock; 0 leaves it to the module.
    pub batch: u32,
    /// 0.
    pub reserved: u32,
    /// End with [`STATUS_MAX_DENTRIES`] once so many dentries were evicted (in a prune; in
    /// [`MODE_PAGES`] once so many files were handled) or seen (otherwise); exceeded by less than a
    /// batch. 0: no bound.
    pub max_dentries: u64,
    /// End with [`STATUS_MAX_TIME`] after so many nanoseconds spent walking. 0: no bound.
    pub max_ns: u64,
}

/// Count what is cached; change nothing.
pub const MODE_CENSUS: u32 = 0;
/// Tell the directory's cached children one by one, by name; enter none.
pub const MODE_LIST: u32 = 1;
/// Evict unused negative dentries.
pub const MODE_NEGATIVE: u32 = 2;
/// Evict unused dentries, negative or not.
pub const MODE_DENTRIES: u32 = 3;
/// Evict unused dentries, then the inodes that are left without users, with their page cache. What
/// is dirty stays, unless [`BEGIN_WRITEBACK`] has it written first.
pub const MODE_INODES: u32 = 4;
/// Drop the page cache of the regular files that are cached below; dentries and inodes stay. What is
/// dirty stays, unless [`BEGIN_WRITEBACK`] has it written first.
pub const MODE_PAGES: u32 = 5;

/// In a mode that prunes: only count what would go.
pub const BEGIN_DRY_RUN: u32 = 1 << 0;
/// Prune on a filesystem type that is not on the tested list.
pub const BEGIN_ANY_FS: u32 = 1 << 1;
/// In [`MODE_INODES`] and [`MODE_PAGES`]: write dirty files and inodes first, so that they go, too.
pub const BEGIN_WRITEBACK: u32 = 1 << 2;

/// What every record begins with. `ncounters` of `Header::counters` and then the name follow;
/// the record is padded with zero bytes to a multiple of 8.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Bytes in the record, this header included; a multiple of 8.
    pub len: u32,
    /// One of the `REC_` type constants.
    pub kind: u32,
    /// LEAVE: any of `REC_PARTIAL`, `REC_IN_USE`. ENTRY: any of the `ENTRY_` constants. TOTAL: one
    /// of the `STATUS_` constants.
    pub flags: u32,
    /// Bytes in the name. It may hold any byte but `/` and NUL.
    pub name_len: u32,
    /// Inode number as the kernel keeps it (btrfs and overlayfs tell `stat` another one).
    pub ino: u64,
    /// Device number of the superblock, in the kernel's encoding.
    pub dev: u64,
}

/// A directory is entered: its name, no counters.
pub const REC_ENTER: u32 = 1;
/// The directory entered last is left: two [`Counters`], of its own children and of all below.
pub const REC_LEAVE: u32 = 2;
/// A child in [`MODE_LIST`]: its name, no counters; any of the `ENTRY_` flags.
pub const REC_ENTRY: u32 = 3;
/// One [`Counters`]: all so far. At least every 100 ms of walking, every 10 ms of the first 100.
pub const REC_PROGRESS: u32 = 4;
/// One [`Counters`]: everything. Always the last record; after it `read()` returns 0.
pub const REC_TOTAL: u32 = 5;

/// The directory was not walked to its end.
pub const REC_PARTIAL: u32 = 1 << 0;
/// The directory is itself referenced by something besides its children and this session.
pub const REC_IN_USE: u32 = 1 << 1;

/// A name known to be absent.
pub const ENTRY_NEGATIVE: u32 = 1 << 0;
/// A directory.
pub const ENTRY_DIR: u32 = 1 << 1;
/// A regular file.
pub const ENTRY_FILE: u32 = 1 << 2;
/// Referenced by anything, its own children included.
pub const ENTRY_REFERENCED: u32 = 1 << 3;
/// Has cached children.
pub const ENTRY_CHILDREN: u32 = 1 << 4;
/// On the superblock's LRU list.
pub const ENTRY_LRU: u32 = 1 << 5;
/// Something is mounted on it.
pub const ENTRY_MOUNTPOINT: u32 = 1 << 6;
/// Being looked up at this moment.
pub const ENTRY_IN_LOOKUP: u32 = 1 << 7;

/// Walked to the end.
pub const STATUS_COMPLETE: u32 = 0;
/// Ended by [`IOC_STOP`].
pub const STATUS_STOPPED: u32 = 1;
/// Ended by [`Begin::max_dentries`].
pub const STATUS_MAX_DENTRIES: u32 = 2;
/// Ended by [`Begin::max_ns`].
pub const STATUS_MAX_TIME: u32 = 3;
/// All walked but for directories deeper than [`Info::max_depth`].
pub const STATUS_DEPTH: u32 = 4;
/// All walked but for directories that were moved away from below the one where a prune began.
pub const STATUS_MOVED: u32 = 5;

/// Declares [`Counters`], and what is done with each of them.
macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// What was found; in [`MODE_LIST`] of the children alone, and those that have children
        /// themselves count as `pinned`, since nobody has looked below them.
        /// `total == in_use + prunable + pinned`; *unused* is `prunable + pinned`.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl Counters {
            /// Their names, in their order.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];

            /// Each combined with its counterpart.
            pub fn map2(&self, other: &Self, combine: impl Fn(u64, u64) -> u64) -> Self {
                Self {
                    $($field: combine(self.$field, other.$field),)*
                }
            }

            /// Adds `other`, field by field.
            pub fn add(&mut self, other: &Self) {
                *self = self.map2(other, u64::saturating_add);
            }
        }
    };
}

counters! {
    /// Dentries, cursors of directory readers not counted.
    total,
    /// Dentries without an inode: names known to be absent.
    negative,
    /// Referenced by anything but their own children and this session.
    in_use,
    /// Would go in a prune of unused dentries now: not referenced, and nothing below stays.
    prunable,
    /// Not referenced, but something below them stays.
    pinned,
    /// Negative dentries that would go in a prune of negatives now.
    negative_prunable,
    /// On the superblock's LRU list. Neither *unused* nor a part of it: the kernel puts dentries
    /// there lazily and leaves them there when they are taken into use again.
    lru,
    /// Directories.
    dirs,
    /// Regular files.
    files,
    /// Symbolic links, devices, sockets, FIFOs.
    other,
    /// Being looked up at this moment.
    in_lookup,
    /// Something is mounted on them. What the mount hides is counted, what is mounted is not.
    mountpoints,
    /// Prunable dentries whose name has an allocation of its own.
    external_names,
    /// Bytes of those allocations, by kmalloc size class.
    external_bytes,
    /// The part of `external_bytes` that belongs to `negative_prunable`.
    negative_external_bytes,
    /// Inodes, each counted once however many names it has.
    inodes,
    /// Page cache of regular files, in pages.
    pages,
    /// Inodes with dirty pages or dirty themselves.
    dirty,
    /// Inodes with pages under writeback.
    writeback,
    /// Prune: dentries handed to eviction. Dry run: those that would have been.
    moved,
    /// Prune of inodes: those handed to eviction (a filesystem may free them later). Of pages: files
    /// that were handled. Dry run of inodes: those that would have been.
    evict_attempted,
    /// Prune: unused dentries that someone else was taking into use or evicting, and inodes or files
    /// whose inode or pages somebody uses.
    busy,
    /// Prune of inodes or pages: inodes, or files, left alone because they were dirty or being
    /// written. Its dry run: those that a prune of inodes would leave alone. [`BEGIN_WRITEBACK`]
    /// writes them.
    skipped_dirty,
    /// Dry run of inodes or pages: inodes that would go in a prune of inodes now. Their only dentry
    /// is prunable, nothing else refers to them, and they are clean.
    inodes_prunable,
    /// Page cache of those, in pages.
    pages_prunable,
    /// Prune: pages that went from the page cache. Dry run of inodes or pages: those that would
    /// have.
    pages_evicted,
    /// Prune of inodes or pages: dirty pages of what was skipped; its dry run: of all files.
    dirty_pages,
    /// The same of pages under writeback.
    writeback_pages,
    /// Prune of inodes or pages: inodes, or files, left alone because a write of them failed while
    /// they were in memory, whether `fsync()` has reported that or not, or one of their
    /// filesystem's metadata: what is in memory may be the only copy. Its dry run: those that
    /// would be, and files that are in use.
    write_failed,
    /// Page cache of those, in pages.
    failed_pages,
    /// Prune of inodes: those left alone because nobody has waited yet for their metadata to be on
    /// the disk (`I_METADATA_WRITEBACK`, since Linux 7.3): `fsync()` does, and [`BEGIN_WRITEBACK`].
    /// Its dry run: those that would be.
    unsynced,
}

/// How many `u64` a [`Counters`] is.
pub const NCOUNTERS: usize = core::mem::size_of::<Counters>() / 8;

/// Longest record: two [`Counters`] or a name of `NAME_MAX` bytes.
pub const MAX_RECORD: usize = core::mem::size_of::<Header>() + 2 * 8 * NCOUNTERS;
/// Smallest buffer that `read()` takes, in bytes.
pub const MIN_READ: usize = 4096;

/// Asserts where each field of a structure lies, in bytes, and how long it is as a whole.
macro_rules! layout {
    ($type:ident, $size:expr, $($field:ident $at:expr),* $(,)?) => {
        const _: () = {
            $(assert!(core::mem::offset_of!($type, $field) == $at);)*
            assert!(core::mem::size_of::<$type>() == $size);
        };
    };
}

layout!(Info, 24, size 0, version 4, modes 8, flags 12, max_depth 16, reserved 20);
layout!(
    Begin, 48, size 0, version 4, fd 8, mode 12, flags 16, depth 20, batch 24, reserved 28,
    max_dentries 32, max_ns 40
);
layout!(Header, 32, len 0, kind 4, flags 8, name_len 12, ino 16, dev 24);
layout!(
    Counters, 31 * 8, total 0, negative 8, in_use 16, prunable 24, pinned 32, negative_prunable 40,
    lru 48, dirs 56, files 64, other 72, in_lookup 80, mountpoints 88, external_names 96,
    external_bytes 104, negative_external_bytes 112, inodes 120, pages 128, dirty 136,
    writeback 144, moved 152, evict_attempted 160, busy 168, skipped_dirty 176,
    inodes_prunable 184, pages_prunable 192, pages_evicted 200, dirty_pages 208,
    writeback_pages 216, write_failed 224, failed_pages 232, unsynced 240
);

const _: () = {
    assert!(Counters::FIELDS.len() == NCOUNTERS);
    assert!(MAX_RECORD >= core::mem::size_of::<Header>() + 256);
    assert!(MAX_RECORD <= MIN_READ);
};
