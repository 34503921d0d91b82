//! /proc/self/mountinfo.

mod layers;
mod options;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::hash::Hash;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Malformed;
use super::lines::{Parsed, Skipped, lines};
use crate::kernel::paths;
pub use layers::Layers;
pub use options::Options;

/// A mounted filesystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Mount point.
    pub point: PathBuf,
    /// Type: `ext4`.
    pub fs: Arc<str>,
    /// Device, or the source of a filesystem without one.
    pub device: Arc<str>,
    /// Number of the superblock: `8:1`.
    pub superblock: Arc<str>,
    /// The directory of that filesystem that is mounted: not `/` of a bind mount.
    pub root: Arc<Path>,
    /// The directories of other filesystems that an overlay consists of, the upper one first.
    pub made_of: Layers,
}

/// Types that the kernel makes up.
const INTERNAL: [&str; 28] = [
    "apparmorfs",
    "autofs",
    "bdev",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "debugfs",
    "devpts",
    "efivarfs",
    "fusectl",
    "mqueue",
    "nfsd",
    "nsfs",
    "ocfs2_dlmfs",
    "proc",
    "pstore",
    "resctrl",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sysfs",
    "tracefs",
    "xenfs",
];

/// Types whose names are asked for elsewhere; the last three have a block device, and ask the other
/// machines that use it, or a program.
const REMOTE: [&str; 30] = [
    "9p",
    "acfs",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "fuse",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "orangefs",
    "panfs",
    "prl_fs",
    "pvfs2",
    "shfs",
    "smb2",
    "smb3",
    "smbfs",
    "vboxsf",
    "virtiofs",
    "vmhgfs",
    "vmblock",
    "wekafs",
    "fuseblk",
    "gfs2",
    "ocfs2",
];

/// Types on disks or flash of this machine, or on top of other filesystems, that have no block
/// device of their own.
const LOCAL: [&str; 12] = [
    "aufs", "bcachefs", "btrfs", "ecryptfs", "jffs2", "logfs", "nilfs2", "overlay", "shiftfs",
    "ubifs", "yaffs2", "zfs",
];

impl Default for Mount {
    fn default() -> Self {
        let none: Arc<str> = Arc::default();
        Self {
            point: PathBuf::new(),
            fs: none.clone(),
            device: none.clone(),
            superblock: none,
            root: Path::new("").into(),
            made_of: Layers::default(),
        }
    }
}

impl Mount {
    /// Filesystems whose files live in the dentry cache alone: every dentry is pinned for as long
    /// as its file exists (fs/libfs.c: `simple_link()`; mm/shmem.c, Linux 7.3).
    pub fn is_memory(&self) -> bool {
        matches!(
            &*self.fs,
            "tmpfs" | "ramfs" | "devtmpfs" | "hugetlbfs" | "rootfs"
        )
    }

    /// Whether the directory that is mounted was removed: it can still be reached by the mount alone
    /// (fs/d_path.c: `dentry_path()`, Linux 7.3).
    pub fn is_removed(&self) -> bool {
        self.root.as_os_str().as_bytes().ends_with(b"//deleted")
    }

    /// Filesystems made by the kernel, whose few dentries are not what fills memory.
    pub fn is_internal(&self) -> bool {
        INTERNAL.contains(&&*self.fs)
    }

    /// Filesystems whose names are asked for over a network, or of another program or machine: each
    /// look may take long, or for ever. Of a type that is not known here it is assumed where no block
    /// device is mounted: then nothing but a server, or another filesystem, can have its files.
    pub fn is_remote(&self) -> bool {
        let fs = &*self.fs;
        if REMOTE.contains(&fs) || fs.starts_with("fuse.") || fs.starts_with("fuseblk.") {
            return true;
        }
        let local = self.is_memory() || self.is_internal() || LOCAL.contains(&fs);
        // Without a block device a superblock's number is an anonymous one (fs/super.c:
        // `get_anon_bdev()`, Linux 7.3).
        !local && self.superblock.starts_with("0:")
    }

    /// Filesystems whose files are somewhere else than in memory: on a disk, a server, in other
    /// filesystems.
    pub fn is_stored(&self) -> bool {
        !self.is_memory() && !self.is_internal()
    }

    /// The mounts whose directories are worth counting, each filesystem once: not those in memory,
    /// where nothing can be evicted, and not the kernel's own.
    pub fn worth_counting(mounts: &[Self]) -> Vec<Self> {
        let worth: Vec<&Self> = mounts.iter().filter(|mount| mount.is_stored()).collect();
        let reach = Reach::of(worth.iter().copied());
        worth
            .into_iter()
            .filter(|mount| !reach.other_reaches(mount))
            .cloned()
            .collect()
    }

    /// The points of those of `mounts`, which are of one superblock, that together reach all that
    /// the others do.
    pub fn reaching_all<'a>(
        mounts: impl ExactSizeIterator<Item = &'a Self> + Clone,
    ) -> Vec<PathBuf> {
        // Most superblocks are mounted once.
        if mounts.len() == 1 {
            return mounts.map(|mount| mount.point.clone()).collect();
        }
        let reach = Reach::of(mounts.clone());
        let outside = mounts.filter(|mount| !reach.other_reaches(mount));
        outside.map(|mount| mount.point.clone()).collect()
    }

    /// The slab cache that its inodes come from (Linux 7.3: the `kmem_cache_create()` of each
    /// `init_inodecache()`).
    pub fn inode_cache(&self) -> Option<&'static str> {
        Some(match &*self.fs {
            "ext4" => "ext4_inode_cache",
            "xfs" => "xfs_inode",
            "btrfs" => "btrfs_inode",
            "f2fs" => "f2fs_inode_cache",
            "vfat" | "msdos" => "fat_inode_cache",
            "exfat" => "exfat_inode_cache",
            "ntfs3" => "ntfs_inode_cache",
            "iso9660" => "isofs_inode_cache",
            "squashfs" => "squashfs_inode_cache",
            "erofs" => "erofs_inode",
            "overlay" => "ovl_inode",
            "nfs" | "nfs4" => "nfs_inode_cache",
            "cifs" | "smb3" => "cifs_inode_cache",
            "ceph" => "ceph_inode_info",
            "9p" => "v9fs_inode_cache",
            "tmpfs" | "devtmpfs" => "shmem_inode_cache",
            "hugetlbfs" => "hugetlbfs_inode_cache",
            "mqueue" => "mqueue_inode_cache",
            "proc" => "proc_inode_cache",
            "tracefs" => "tracefs_inode_cache",
            "debugfs" => "debugfs_inode_cache",
            "sysfs" | "cgroup" | "cgroup2" | "devpts" => "inode_cache",
            fuse if fuse.starts_with("fuse") && fuse != "fusectl" => "fuse_inode",
            _ => return None,
        })
    }

    /// The mount that `path` is on.
    pub fn of<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
        mounts
            .iter()
            .filter(|mount| path.starts_with(&mount.point))
            .max_by_key(|mount| mount.point.as_os_str().len())
    }
}

/// What sorts absolute paths as [`Path`] does, component by component, byte by byte.
pub fn by_path(path: &Path) -> Vec<u8> {
    // No name holds a NUL: that comes before all that may continue a name.
    let ends = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    path.as_os_str().as_bytes().iter().map(ends).collect()
}

/// Which directories of which superblocks are mounted, and where first by path.
struct Reach<'a>(HashMap<(&'a str, &'a Path), &'a Path>);

impl<'a> Reach<'a> {
    fn of(mounts: impl IntoIterator<Item = &'a Mount>) -> Self {
        let mut points = HashMap::new();
        for mount in mounts {
            let directory = (&*mount.superblock, &*mount.root);
            let first = points.entry(directory).or_insert(mount.point.as_path());
            *first = (*first).min(&mount.point);
        }
        Self(points)
    }

    /// Whether all that is below a mount can be reached by another one as well: of two mounts of one
    /// directory, the first by path is the one to keep.
    fn other_reaches(&self, mount: &Mount) -> bool {
        let at = |directory| self.0.get(&(&*mount.superblock, directory));
        let first = at(&*mount.root).is_some_and(|first| **first < *mount.point);
        first
            || mount
                .root
                .ancestors()
                .skip(1)
                .any(|above| at(above).is_some())
    }
}

/// A mount, with its number and its options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mounted {
    /// The mount.
    pub mount: Mount,
    /// Its number in mountinfo, as statx(2) reports it of an open file.
    pub id: u64,
    /// This mount is read-only, whatever its superblock is.
    pub read_only: bool,
    /// Options of the superblock, which all mounts of it share.
    pub options: Options,
}

impl Mounted {
    /// The mount of an open file, whichever path led to it. None: the kernel does not report it, or
    /// it is in another namespace.
    pub fn of(all: &[Self], file: impl AsFd) -> Option<Mount> {
        Self::holding(all, file).map(|found| found.mount.clone())
    }

    /// The same, with its number and its options.
    pub fn holding(all: &[Self], file: impl AsFd) -> Option<&Self> {
        let id = paths::mount_id(file).ok()??;
        all.iter().find(|mounted| mounted.id == id)
    }

    /// Why what is cached of its filesystem may be the only copy: it has given up writing, as btrfs does when
    /// a transaction fails (`__btrfs_handle_fs_error()`) and ext4 with `errors=remount-ro` or after a shutdown.
    /// Its superblock is read-only then, though no mount of it is.
    pub fn given_up(&self, all: &[Self]) -> Option<String> {
        let of_it = |other: &&Self| other.mount.superblock == self.mount.superblock;
        let made_so = || all.iter().filter(of_it).any(|mounted| mounted.read_only);
        let forced = self.options.has("ro") && !self.read_only && !made_so();
        let says_so = ["emergency_ro", "shutdown"]
            .iter()
            .any(|option| self.options.has(option));
        let tells = matches!(&*self.mount.fs, "btrfs" | "ext4");
        (tells && (forced || says_so)).then(|| {
            let fs = &self.mount.fs;
            format!("this {fs} has given up writing after an error: what is cached of it may be the only copy")
        })
    }

    /// A line of the file (fs/proc_namespace.c: `show_mountinfo()`, Linux 7.3). Not by the crate procfs, which makes
    /// maps of the options of each line: of thousands of mounts they took more time than all else.
    fn parse(line: &str, shared: &mut Shared) -> Option<Self> {
        // Blanks within a field are escaped, so that this is the hyphen that ends the optional fields.
        let (of_mount, of_superblock) = line.split_once(" - ")?;
        let mut fields = of_mount.split(' ');
        let id = fields.next()?.parse().ok()?;
        let _parent: u64 = fields.next()?.parse().ok()?;
        let superblock = fields.next()?.into();
        let root = shared.path(&unescape(fields.next()?));
        let point = unescape(fields.next()?).into_owned();
        let read_only = fields.next()?.split(',').any(|option| option == "ro");
        let mut fields = of_superblock.splitn(3, ' ');
        let [fs, device] = [fields.next()?, fields.next()?]
            .map(|field| shared.text(&unescape(field).to_string_lossy()));
        let options = shared.options(fields.next()?);
        let mount = Mount {
            made_of: Layers::of(&fs, &options.0),
            point: point.into(),
            fs,
            device,
            superblock,
            root,
        };
        Some(Self {
            mount,
            id,
            read_only,
            options,
        })
    }
}

/// Text that many lines of one file share, kept once: for thousands of mounts, allocating and
/// freeing it for each took more time than reading it.
#[derive(Default)]
struct Shared {
    texts: HashSet<Arc<str>>,
    paths: HashSet<Arc<Path>>,
}

impl Shared {
    fn text(&mut self, text: &str) -> Arc<str> {
        keep(&mut self.texts, text)
    }

    fn path(&mut self, path: &OsStr) -> Arc<Path> {
        keep(&mut self.paths, Path::new(path))
    }

    /// Longer ones hold what no other mount has: the directories of an overlay.
    fn options(&mut self, text: &str) -> Options {
        const ALIKE: usize = 128;
        Options::from(match text.len() {
            ..ALIKE => self.text(text),
            _ => text.into(),
        })
    }
}

fn keep<T: ?Sized + Eq + Hash>(all: &mut HashSet<Arc<T>>, one: &T) -> Arc<T>
where
    Arc<T>: for<'a> From<&'a T>,
{
    if let Some(kept) = all.get(one) {
        return Arc::clone(kept);
    }
    let kept = Arc::from(one);
    all.insert(Arc::clone(&kept));
    kept
}

/// A mount a line, as the kernel has them: those that others are mounted over too.
pub fn parse_all(bytes: &[u8]) -> Result<Vec<Mounted>, Malformed> {
    Ok(read(bytes)?.value)
}

/// The same, with the lines that were not understood.
pub fn read(bytes: &[u8]) -> Result<Parsed<Vec<Mounted>>, Malformed> {
    let (mut all, mut skipped) = (Vec::new(), Skipped::default());
    let mut shared = Shared::default();
    for (number, line) in lines(bytes) {
        match Mounted::parse(&ascii(line), &mut shared) {
            Some(mounted) => all.push(mounted),
            None => skipped.add(Malformed::new(number, "not a line of mountinfo")),
        }
    }
    let nothing = all.is_empty() && skipped.lines > 0;
    skipped.with((!nothing).then_some(all), || Malformed::new(1, "no mount"))
}

/// Of mounts over one another, only the uppermost can be reached. On disk first, in memory next,
/// the kernel's own last; each sorted by path.
pub fn parse(bytes: &[u8]) -> Result<Vec<Mount>, Malformed> {
    Ok(read(bytes)?.map(reachable).value)
}

/// As [`parse`], of mounts that are read already.
pub(super) fn reachable(all: Vec<Mounted>) -> Vec<Mount> {
    // The last of a point stands in its own place: the order of the file decides between equals.
    let mut last: HashMap<&Path, usize> = HashMap::with_capacity(all.len());
    for (at, mounted) in all.iter().enumerate() {
        last.insert(&mounted.mount.point, at);
    }
    let mut uppermost = vec![false; all.len()];
    for at in last.into_values() {
        uppermost[at] = true;
    }
    let kept = all
        .into_iter()
        .zip(uppermost)
        .filter(|(_, uppermost)| *uppermost);
    let mut mounts: Vec<Mount> = kept.map(|(mounted, _)| mounted.mount).collect();
    let kind = |mount: &Mount| (mount.is_internal(), mount.is_memory());
    mounts.sort_by_cached_key(|mount| (kind(mount), by_path(&mount.point)));
    mounts
}

/// Bytes that are not ASCII become an octal escape, as the kernel already writes blanks and
/// backslashes (fs/seq_file.c: `mangle_path()`), so that text passes for names that are no UTF-8.
fn ascii(bytes: &[u8]) -> Cow<'_, str> {
    if let (true, Ok(text)) = (bytes.is_ascii(), str::from_utf8(bytes)) {
        return text.into();
    }
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii() {
            text.push(byte.into());
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "\\{byte:03o}");
        }
    }
    text.into()
}

fn unescape(field: &str) -> Cow<'_, OsStr> {
    if !field.contains('\\') {
        return OsStr::new(field).into();
    }
    let mut name = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = match rest {
            [b'\\', octal @ ..] => octal
                .get(..3)
                .and_then(|octal| str::from_utf8(octal).ok())
                .and_then(|octal| u8::from_str_radix(octal, 8).ok()),
            _ => None,
        };
        name.push(escape.unwrap_or(*first));
        rest = if escape.is_some() { &rest[4..] } else { tail };
    }
    OsString::from_vec(name).into()
}

#[cfg(test)]
mod tests;
