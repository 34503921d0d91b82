//! A directory by its inode's number: with a file handle as NFS servers make them, which looks no
//! name up. Of a directory in whose dentries something was just made, the inode is cached.

use std::ffi::c_int;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};

/// `struct file_handle` (include/uapi/linux/fcntl.h), with room for what is made here.
#[repr(C)]
struct Handle {
    bytes: u32,
    kind: c_int,
    data: [u32; 3],
}

/// include/linux/exportfs.h: `FILEID_INO32_GEN`.
const INO32: c_int = 1;
/// fs/xfs/xfs_export.h: `FILEID_INO32_GEN | XFS_FILEID_TYPE_64FLAG`, Linux 7.3.
const XFS_INO64: c_int = 0x81;

/// Whether handles of a filesystem are made of the inode's number and its generation alone
/// (fs/libfs.c: `generic_encode_ino32_fh()`, fs/xfs/xfs_export.c, Linux 7.3).
pub fn has_simple_handles(fs: &str) -> bool {
    matches!(fs, "ext2" | "ext3" | "ext4" | "xfs")
}

fn handle(fs: &str, ino: u64, generation: u32) -> Option<Handle> {
    if let Ok(ino) = u32::try_from(ino) {
        return Some(Handle {
            bytes: 8,
            kind: INO32,
            data: [ino, generation, 0],
        });
    }
    // The halves as they lie in memory.
    let bytes = ino.to_ne_bytes();
    let half =
        |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    (fs == "xfs").then(|| Handle {
        bytes: 12,
        kind: XFS_INO64,
        data: [half(0), half(4), generation],
    })
}

/// Opens, for its path alone, the directory of a number on the filesystem that `mount` is of.
pub fn open(mount: &File, fs: &str, ino: u64, generation: u32) -> io::Result<File> {
    let mut handle = handle(fs, ino, generation).ok_or(io::ErrorKind::Unsupported)?;
    let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the handle lives through the call and says how much of it there is; the kernel only
    // reads it. (open_by_handle_at(2) has no safe wrapper in rustix.)
    let fd = unsafe {
        libc::syscall(
            libc::SYS_open_by_handle_at,
            mount.as_raw_fd(),
            &raw mut handle,
            flags,
        )
    };
    let fd = c_int::try_from(fd).map_err(io::Error::other)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made the descriptor, and nobody else knows of it.
    Ok(unsafe { File::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_of_large_numbers_are_those_of_xfs() {
        let small = handle("ext4", 12, 34).unwrap();
        assert_eq!(
            (small.bytes, small.kind, small.data),
            (8, INO32, [12, 34, 0])
        );
        assert!(handle("ext4", 1 << 32, 34).is_none());
        let large = handle("xfs", (5 << 32) | 7, 34).unwrap();
        assert_eq!((large.bytes, large.kind), (12, XFS_INO64));
        let number = u64::from(large.data[0]) | u64::from(large.data[1]) << 32;
        assert!(cfg!(target_endian = "big") || number == (5 << 32) | 7);
    }

    #[test]
    fn unknown_number_opens_no_directory() {
        let root = File::open("/").unwrap();
        assert!(open(&root, "ext4", u64::from(u32::MAX), 1).is_err());
        assert!(has_simple_handles("xfs") && !has_simple_handles("btrfs"));
    }
}
