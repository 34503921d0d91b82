//! A reconfiguration of a superblock that changes nothing (fspick(2), fsconfig(2)).
//!
//! What a filesystem makes of one without options is its own affair. Read in Linux 7.3: ext4, XFS
//! and btrfs take a missing `ro` for a wish to write (`__ext4_remount()`, `xfs_fs_reconfigure()`,
//! `btrfs_reconfigure()`), XFS a missing `inode32` or `max_atomic_write` for the default, and btrfs
//! a missing `noacl` for a wish for ACLs (`btrfs_init_fs_context()`). Those options are passed
//! again, the rest the filesystems keep.
//!
//! A remount holds s_umount until it is done: that is waited for before the options are read. A remount that begins
//! between the reading and the call is seen afterwards by the mount's own flag, which this call never changes; the
//! superblock is then set as that flag says (reclaim/superblock.rs).

use std::fs;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;
use rustix::mount::{
    FsPickFlags, fsconfig_reconfigure, fsconfig_set_flag, fsconfig_set_string, fspick,
};

use crate::kernel::paths;
use crate::kernel::source::mounts::Options;
use crate::kernel::source::{Mounted, mounts};

/// Whether the superblock is to be writable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// As now.
    Kept,
    /// Only read.
    ReadOnly,
    /// Written, too.
    Writable,
}

/// Reconfigures the superblock of an open directory, and changes nothing but what is asked for.
pub fn reconfigure(dir: BorrowedFd<'_>, access: Access) -> Result<(), Errno> {
    // A remount that is under way ends first.
    wait_for(dir);
    let mounted = mounted(dir)?;
    let flags = FsPickFlags::FSPICK_CLOEXEC | FsPickFlags::FSPICK_EMPTY_PATH;
    let context = fspick(dir, "", flags)?;
    for (key, value) in said_again(&mounted.mount.fs, &mounted.options, access) {
        match value {
            None => fsconfig_set_flag(&context, key)?,
            Some(value) => fsconfig_set_string(&context, key, value)?,
        }
    }
    fsconfig_reconfigure(&context)
}

fn mounted(dir: BorrowedFd<'_>) -> Result<Mounted, Errno> {
    let id = paths::mount_id(dir)?.ok_or(Errno::NOSYS)?;
    let text = fs::read("/proc/self/mountinfo")
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let all = mounts::parse_all(&text).map_err(|_| Errno::INVAL)?;
    all.into_iter()
        .find(|mounted| mounted.id == id)
        .ok_or(Errno::STALE)
}

/// The options that have to be passed again for nothing else to change.
fn said_again<'a>(
    fs: &str,
    options: &'a Options,
    access: Access,
) -> Vec<(&'a str, Option<&'a str>)> {
    let options = options.by_key();
    let keys: &[&str] = match fs {
        "xfs" => &["inode32", "max_atomic_write"],
        "btrfs" => &["noacl"],
        _ => &[],
    };
    let read_only = match access {
        Access::Kept => options.contains_key("ro"),
        access => access == Access::ReadOnly,
    };
    let ro = read_only.then_some(("ro", None));
    let said = keys
        .iter()
        .filter_map(|key| Some((*key, *options.get(key)?)));
    ro.into_iter().chain(said).collect()
}

/// Waits for a remount under way, which holds the superblock's s_umount for writing: quotactl_fd(2) takes it for reading
/// (Linux 5.14). Asking for the quota format calls nothing in the filesystem (fs/quota/quota.c: `quota_getfmt()`,
/// Linux 7.3), so that no server is waited for; ustat(2) would call its statfs.
fn wait_for(dir: BorrowedFd<'_>) {
    // linux/quota.h: QCMD(Q_GETFMT, USRQUOTA)
    const FORMAT_OF_USERS: libc::c_uint = 0x80_0004 << 8;
    let mut format = 0_u32;
    // SAFETY: the kernel writes a number of 32 bits to `format`, or fails.
    unsafe {
        libc::syscall(
            libc::SYS_quotactl_fd,
            dir.as_raw_fd(),
            FORMAT_OF_USERS,
            0,
            &raw mut format,
        )
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_a_filesystem_would_change_are_passed_again() {
        let options = |text: &str| Options::from(text);
        let all = options("ro,inode32,noquota");
        let (rw, atomic) = (options("rw"), options("rw,max_atomic_write=64k"));
        let kept = |fs, options| said_again(fs, options, Access::Kept);
        assert_eq!(kept("ext4", &all), [("ro", None)]);
        assert_eq!(kept("xfs", &all), [("ro", None), ("inode32", None)]);
        assert_eq!(kept("xfs", &rw), []);
        assert_eq!(kept("xfs", &atomic), [("max_atomic_write", Some("64k"))]);
        let without_acl = options("rw,noacl,discard=async");
        assert_eq!(kept("btrfs", &without_acl), [("noacl", None)]);
        assert_eq!(kept("ext4", &without_acl), []);
        assert_eq!(said_again("ext4", &all, Access::Writable), []);
        assert_eq!(said_again("ext4", &rw, Access::ReadOnly), [("ro", None)]);
    }
}
