// SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT OR Apache-2.0

//! What is spoken over `/dev/slabscope`: one text, compiled into the kernel module and into the
//! program. docs/abi.md explains it; every layout below is asserted at compile time.
//!
//! A file that is open on the device is a session. [`Begin`] starts one walk below one directory,
//! `read()` drives that walk and returns [`Header`]-framed records, [`IOC_STOP`] ends it early.
//! The walk runs only inside `read()`: a caller that stops reading has paused it.

/// Version of everything in this file. Compared for equality in [`Begin::version`].
pub const VERSION: u32 = 2;

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
    /// [`INFO_READ_ONLY`] or 0.
    pub flags: u32,
    /// How many directories deep a walk can stand.
    pub max_depth: u32,
    /// 0.
    pub reserved: u32,
}

/// The module was loaded with `read_only=1`: every mode that prunes is refused with `EROFS`.
pub const INFO_READ_ONLY: u32 = 1;

/// The argument of [`IOC_BEGIN`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Begin {
    /// `size_of::<Begin>()`.
    pub size: u32,
    /// [`VERSION`].
    pub version: u32,
    /// The directory, open for reading (not `O_PATH`). The walk counts and prunes what is below
    /// it, never the directory itself.
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

/// What every record begins with. `ncounters` of [`Header::counters`] and then the name follow;
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

/// What was found; in [`MODE_LIST`] of the children alone, and those that have children themselves
/// count as `pinned`, since nobody has looked below them. `total == in_use + prunable + pinned`; *unused* is `prunable + pinned`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Dentries, cursors of directory readers not counted.
    pub total: u64,
    /// Dentries without an inode: names known to be absent.
    pub negative: u64,
    /// Referenced by anything but their own children and this session.
    pub in_use: u64,
    /// Would go in a prune of unused dentries now: not referenced, and nothing below stays.
    pub prunable: u64,
    /// Not referenced, but something below them stays.
    pub pinned: u64,
    /// Negative dentries that would go in a prune of negatives now.
    pub negative_prunable: u64,
    /// On the superblock's LRU list. Neither *unused* nor a part of it: the kernel puts dentries
    /// there lazily and leaves them there when they are taken into use again.
    pub lru: u64,
    /// Directories.
    pub dirs: u64,
    /// Regular files.
    pub files: u64,
    /// Symbolic links, devices, sockets, FIFOs.
    pub other: u64,
    /// Being looked up at this moment.
    pub in_lookup: u64,
    /// Something is mounted on them. What the mount hides is counted, what is mounted is not.
    pub mountpoints: u64,
    /// Prunable dentries whose name has an allocation of its own.
    pub external_names: u64,
    /// Bytes of those allocations, by kmalloc size class.
    pub external_bytes: u64,
    /// The part of `external_bytes` that belongs to `negative_prunable`.
    pub negative_external_bytes: u64,
    /// Inodes, each counted once however many names it has.
    pub inodes: u64,
    /// Page cache of regular files, in pages.
    pub pages: u64,
    /// Inodes with dirty pages or dirty themselves.
    pub dirty: u64,
    /// Inodes with pages under writeback.
    pub writeback: u64,
    /// Prune: dentries handed to eviction. Dry run: those that would have been.
    pub moved: u64,
    /// Prune of inodes: those handed to eviction (a filesystem may free them later). Of pages: files
    /// that were handled. Dry run of inodes: those that would have been.
    pub evict_attempted: u64,
    /// Prune: unused dentries that someone else was taking into use or evicting, and inodes or files
    /// whose inode or pages somebody uses.
    pub busy: u64,
    /// Prune of inodes or pages: inodes, or files, left alone because they were dirty or being
    /// written. Its dry run: those that a prune of inodes would leave alone.
    pub skipped_dirty: u64,
    /// Dry run of inodes or pages: inodes that would go in a prune of inodes now. Their only dentry
    /// is prunable, nothing else refers to them, and they are clean.
    pub inodes_prunable: u64,
    /// Page cache of those, in pages.
    pub pages_prunable: u64,
    /// Prune: pages that went from the page cache. Dry run of inodes or pages: those that would
    /// have.
    pub pages_evicted: u64,
    /// Prune of inodes or pages: dirty pages of what was skipped; its dry run: of all files.
    pub dirty_pages: u64,
    /// The same of pages under writeback.
    pub writeback_pages: u64,
}

/// How many `u64` a [`Counters`] is.
pub const NCOUNTERS: usize = core::mem::size_of::<Counters>() / 8;

/// Longest record: two [`Counters`] or a name of `NAME_MAX` bytes.
pub const MAX_RECORD: usize = core::mem::size_of::<Header>() + 2 * 8 * NCOUNTERS;
/// Smallest buffer that `read()` takes, in bytes.
pub const MIN_READ: usize = 4096;

const _: () = {
    assert!(core::mem::size_of::<Info>() == 24);
    assert!(core::mem::size_of::<Begin>() == 48);
    assert!(core::mem::size_of::<Header>() == 32);
    assert!(core::mem::size_of::<Counters>() == 28 * 8);
    assert!(MAX_RECORD >= core::mem::size_of::<Header>() + 256);
    assert!(MAX_RECORD <= MIN_READ);
};
