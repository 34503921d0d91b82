//! How much of a file is in memory, as user space may know it: cachestat(2), since Linux 6.5, or
//! mincore(2).

use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::{io, ptr};

use rustix::fs::{Access, AtFlags, Stat, accessat, fstat};
use rustix::process::{Uid, geteuid};

/// Why the page cache of a file is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The name is not cached, and was not looked up.
    NotCached,
    /// The kernel reports it only for files that the caller owns or may write; for others
    /// mincore(2) reports all of it as resident, and cachestat(2) refuses.
    NotYours,
    /// Neither of the calls works on it.
    Failed,
}

/// Page cache of a file, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// Bytes in the page cache, dirty ones included.
    pub cached: u64,
    /// Changed and not written yet. None: this kernel does not report it (before Linux 6.5).
    pub dirty: Option<u64>,
    /// Being written.
    pub writeback: Option<u64>,
}

/// The caller's user id: looked up once for many files.
#[derive(Clone, Copy, Debug)]
pub struct Asker(Uid);

impl Default for Asker {
    fn default() -> Self {
        Self(geteuid())
    }
}

impl Asker {
    /// Page cache of a regular file; None: `flow`, which is polled where that takes long, ended it.
    pub fn resident(
        self,
        file: BorrowedFd<'_>,
        stat: &Stat,
        flow: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Option<Resident>, Unknown> {
        let owned = self.0.is_root() || self.0.as_raw() == stat.st_uid;
        if !owned && !is_writable(file) {
            return Err(Unknown::NotYours);
        }
        let page = rustix::param::page_size();
        let bytes = |pages: u64| pages.saturating_mul(page as u64);
        let resident = match cachestat(file) {
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
                let len = u64::try_from(stat.st_size).unwrap_or(0);
                let pages = mincore(file, len, page, flow);
                pages.map(|pages| {
                    pages.map(|pages| Resident {
                        cached: bytes(pages),
                        ..Resident::default()
                    })
                })
            }
            told => told.map(|told| {
                Some(Resident {
                    cached: bytes(told.cache),
                    dirty: Some(bytes(told.dirty)),
                    writeback: Some(bytes(told.writeback)),
                })
            }),
        };
        resident.map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => Unknown::NotYours,
            _ => Unknown::Failed,
        })
    }
}

/// Bytes of a regular file that are in the page cache; None: `flow` ended it.
pub fn resident(
    file: BorrowedFd<'_>,
    flow: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Option<u64>, Unknown> {
    let stat = fstat(file).map_err(|_| Unknown::Failed)?;
    let resident = Asker::default().resident(file, &stat, flow)?;
    Ok(resident.map(|resident| resident.cached))
}

fn is_writable(file: BorrowedFd<'_>) -> bool {
    let flags = AtFlags::EACCESS | AtFlags::EMPTY_PATH;
    accessat(file, "", Access::WRITE_OK, flags).is_ok()
}

/// Its number is the same on all architectures but alpha; not all C libraries know it.
const SYS_CACHESTAT: libc::c_long = 451;

/// `struct cachestat_range` (include/uapi/linux/mman.h): a length of 0 is up to the end.
#[repr(C)]
#[derive(Default)]
struct Range {
    off: u64,
    len: u64,
}

/// `struct cachestat`, in pages.
#[repr(C)]
#[derive(Default)]
struct Told {
    cache: u64,
    dirty: u64,
    writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

fn cachestat(file: BorrowedFd<'_>) -> io::Result<Told> {
    let (range, mut told) = (Range::default(), Told::default());
    // SAFETY: the kernel reads one `Range` and writes one `Told`, both of its layout and alive
    // until the call returns; the descriptor is open.
    let result = unsafe {
        libc::syscall(
            SYS_CACHESTAT,
            file.as_raw_fd(),
            ptr::from_ref(&range),
            ptr::from_mut(&mut told),
            0,
        )
    };
    match result {
        0 => Ok(told),
        _ => Err(io::Error::last_os_error()),
    }
}

/// `struct fiemap` (include/uapi/linux/fiemap.h) without room for extents.
#[repr(C)]
#[derive(Default)]
struct Fiemap {
    start: u64,
    length: u64,
    flags: u32,
    mapped_extents: u32,
    extent_count: u32,
    reserved: u32,
}

/// `_IOWR('f', 11, struct fiemap)`
const FS_IOC_FIEMAP: u32 = 0xc020_660b;
const FIEMAP_FLAG_SYNC: u32 = 1;

/// Has the data of a file written, and waits for it. An error is one of this write, or of an
/// earlier one that was reported to no caller yet. Unlike fsync(2) this leaves the error for the next
/// caller of that: fiemap_prep() (fs/ioctl.c, since Linux 5.8) asks the mapping's flags, and leaves
/// its `wb_err` alone.
pub fn write_data(file: BorrowedFd<'_>) -> io::Result<()> {
    let mut fiemap = Fiemap {
        length: 1,
        flags: FIEMAP_FLAG_SYNC,
        ..Fiemap::default()
    };
    // SAFETY: the kernel reads and writes one `Fiemap`, of its layout and alive until the call returns,
    // and no extents, for which there is no room; the descriptor is open.
    let result = unsafe {
        libc::ioctl(
            file.as_raw_fd(),
            libc::Ioctl::from(FS_IOC_FIEMAP),
            ptr::from_mut(&mut fiemap),
        )
    };
    match result {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// An error of an earlier write that this file has not reported yet. Nothing is written or waited
/// for.
pub fn earlier_error(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the call takes no address.
    let result = unsafe {
        libc::sync_file_range(
            file.as_raw_fd(),
            i64::MAX - 1,
            1,
            libc::SYNC_FILE_RANGE_WAIT_BEFORE,
        )
    };
    match result {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Bytes mapped at a time: the answer takes a byte a page.
const WINDOW: u64 = 1 << 30;

fn mincore(
    file: BorrowedFd<'_>,
    len: u64,
    page: usize,
    flow: &mut dyn FnMut() -> ControlFlow<()>,
) -> io::Result<Option<u64>> {
    let mut resident = 0;
    for offset in (0..len).step_by(WINDOW as usize) {
        // A sparse file may have millions of windows.
        if flow().is_break() {
            return Ok(None);
        }
        let window = (len - offset).min(WINDOW) as usize;
        let mut pages = vec![0_u8; window.div_ceil(page)];
        let offset = libc::off_t::try_from(offset).map_err(io::Error::other)?;
        // SAFETY: a new mapping, of no other's address and not accessed, is asked about in a
        // buffer with a byte for each of its pages, and unmapped.
        unsafe {
            let at = libc::mmap(
                ptr::null_mut(),
                window,
                libc::PROT_NONE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                offset,
            );
            if at == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let result = libc::mincore(at, window, pages.as_mut_ptr());
            let error = io::Error::last_os_error();
            libc::munmap(at, window);
            if result != 0 {
                return Err(error);
            }
        }
        resident += pages.iter().filter(|&&page| page & 1 != 0).count() as u64;
    }
    Ok(Some(resident))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::AsFd;

    use super::*;

    fn go_on() -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn both_calls_report_what_was_just_written() {
        let path =
            crate::private::directory().join(format!("slabscope-pages-{}", std::process::id()));
        let mut file = File::create_new(&path).unwrap();
        let page = rustix::param::page_size();
        file.write_all(&vec![1; 3 * page]).unwrap();
        let file = File::open(&path).unwrap();
        let len = 3 * page as u64;
        let fd = file.as_fd();
        assert_eq!(mincore(fd, len, page, &mut go_on).unwrap(), Some(3));
        let mut stop = || ControlFlow::Break(());
        assert_eq!(mincore(fd, len, page, &mut stop).unwrap(), None);
        match cachestat(file.as_fd()) {
            Ok(told) => assert_eq!(told.cache, 3),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ENOSYS)),
        }
        assert_eq!(resident(fd, &mut go_on), Ok(Some(len)));
        assert_eq!(mincore(fd, 0, page, &mut go_on).unwrap(), Some(0));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn file_without_page_cache_has_no_figure() {
        let null = File::open("/dev/null").unwrap();
        assert_eq!(resident(null.as_fd(), &mut go_on), Ok(Some(0)));
    }
}
