//! /dev/slabscope by bare system calls, so that every wrong one can be made. All of the lab's `unsafe` is here.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::mem::size_of;
use std::os::fd::AsRawFd as _;

use rustix::io::Errno;

use slabscope::abi::{self, Begin, Counters, Header, Info};

/// Path of the module's device.
const DEVICE: &str = "/dev/slabscope";

/// An address that is not mapped.
const NOWHERE: usize = 8;

/// `struct cachestat` of include/uapi/linux/mman.h: pages of a file.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Cached {
    /// In memory.
    pub cached: u64,
    /// The dirty ones of these.
    pub dirty: u64,
    /// Those under writeback.
    pub writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

/// How much of a file is in memory: cachestat(2), since Linux 6.5.
pub fn cachestat(file: &File) -> io::Result<Cached> {
    const SYS_CACHESTAT: libc::c_long = 451;
    let (whole, mut cached) = ([0_u64; 2], Cached::default());
    // SAFETY: the kernel reads an offset and a length, and writes a `Cached`; both live until it returns.
    let done = unsafe {
        libc::syscall(
            SYS_CACHESTAT,
            file.as_raw_fd(),
            whole.as_ptr(),
            &raw mut cached,
            0,
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(cached)
}

/// Begins to write the dirty part of a file, and checks for no error.
pub fn begin_writing(file: &File) -> io::Result<()> {
    // SAFETY: the call takes no address.
    let done =
        unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Makes a signal end system calls, which most programs restart instead.
pub fn interrupt_on(signal: libc::c_int) -> io::Result<()> {
    extern "C" fn hear(_: libc::c_int) {}
    // SAFETY: zeros are an action without flags, and the handler does nothing.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = hear as extern "C" fn(libc::c_int) as usize;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The device, open.
#[derive(Debug)]
pub struct Device(File);

fn errno() -> Errno {
    Errno::from_raw_os_error(io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

impl Device {
    /// Opens it.
    pub fn open() -> Result<Self, Errno> {
        File::open(DEVICE)
            .map(Self)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }

    /// Takes the device that another process has opened as our standard input.
    pub fn inherited() -> Result<Self, Errno> {
        let stdin = rustix::io::dup(rustix::stdio::stdin())?;
        Ok(Self(File::from(stdin)))
    }

    /// Any ioctl. The argument has to be no address, or a valid one for the request.
    fn ioctl(&self, request: u32, argument: usize) -> Result<(), Errno> {
        // SAFETY: the kernel checks the address, and the callers what is there.
        let done = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::Ioctl::from(request), argument) };
        if done < 0 { Err(errno()) } else { Ok(()) }
    }

    /// The module's own description.
    pub fn info(&self) -> Result<Info, Errno> {
        let mut info = Info::default();
        self.ioctl(abi::IOC_INFO, (&raw mut info).addr())?;
        // Written behind the compiler's back.
        // SAFETY: `info` is initialized, and any bits are an `Info`.
        Ok(unsafe { (&raw const info).read_volatile() })
    }

    /// Starts a walk.
    pub fn begin(&self, begin: &Begin) -> Result<(), Errno> {
        self.ioctl(abi::IOC_BEGIN, (&raw const *begin).expose_provenance())
    }

    /// Ends the walk early.
    pub fn stop(&self) -> Result<(), Errno> {
        self.ioctl(abi::IOC_STOP, 0)
    }

    /// A request whose argument is an unmapped address.
    pub fn ioctl_nowhere(&self, request: u32) -> Result<(), Errno> {
        self.ioctl(request, NOWHERE)
    }

    /// Reads records.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        rustix::io::read(&self.0, buffer)
    }

    /// Reads records to an unmapped address.
    pub fn read_nowhere(&self) -> Result<usize, Errno> {
        // SAFETY: the kernel checks the address, at which nothing of ours is.
        let read = unsafe {
            libc::read(
                self.0.as_raw_fd(),
                std::ptr::without_provenance_mut(NOWHERE),
                1 << 16,
            )
        };
        usize::try_from(read).map_err(|_| errno())
    }

    /// As a 32-bit process would: its entry into the kernel is open to 64-bit ones too.
    #[cfg(target_arch = "x86_64")]
    pub fn ioctl_32(&self, request: u32, argument: &mut [u8]) -> Result<(), Errno> {
        const IOCTL: i32 = 54;
        let low = Low::new(argument)?;
        let mut result = IOCTL;
        // SAFETY: the system call reads and writes `low`, which is below 4 GiB; rbx, which the
        // compiler keeps for itself, is restored, and r8 to r11 are clobbered.
        unsafe {
            std::arch::asm!(
                "xchg {fd:r}, rbx",
                "int 0x80",
                "xchg {fd:r}, rbx",
                fd = inout(reg) u64::from(self.0.as_raw_fd().cast_unsigned()) => _,
                inout("eax") result,
                in("ecx") request,
                in("edx") low.0.addr(),
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            );
        }
        argument.copy_from_slice(low.bytes());
        if result < 0 {
            Err(Errno::from_raw_os_error(-result))
        } else {
            Ok(())
        }
    }
}

/// A page that a 32-bit pointer leads to.
#[cfg(target_arch = "x86_64")]
struct Low(*mut u8, usize);

#[cfg(target_arch = "x86_64")]
impl Low {
    const PAGE: usize = 4096;

    fn new(content: &[u8]) -> Result<Self, Errno> {
        let (protection, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT,
        );
        // SAFETY: a new mapping does not touch existing ones.
        let page =
            unsafe { libc::mmap(std::ptr::null_mut(), Self::PAGE, protection, flags, -1, 0) };
        if page == libc::MAP_FAILED {
            return Err(errno());
        }
        let low = Self(page.cast(), content.len().min(Self::PAGE));
        // SAFETY: the page is ours, and as long.
        unsafe { low.0.copy_from(content.as_ptr(), low.1) };
        Ok(low)
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the page is ours until it is dropped.
        unsafe { std::slice::from_raw_parts(self.0, self.1) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Drop for Low {
    fn drop(&mut self) {
        // SAFETY: nobody refers to the page any more.
        unsafe { libc::munmap(self.0.cast(), Self::PAGE) };
    }
}

/// A file's first bytes, mapped shared.
#[derive(Debug)]
pub struct Mapped(*mut u8, usize);

impl Mapped {
    /// Maps them.
    pub fn new(file: &File, len: usize) -> Result<Self, Errno> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping does not touch existing ones.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                protection,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(errno());
        }
        Ok(Self(at.cast(), len))
    }

    /// Writes through the mapping, which makes its pages dirty.
    pub fn fill(&mut self, byte: u8) {
        for at in 0..self.1 {
            // SAFETY: within the mapping, which only this thread writes.
            unsafe { self.0.add(at).write_volatile(byte) };
        }
    }

    /// Whether every byte is this one.
    pub fn is_filled(&self, byte: u8) -> bool {
        // SAFETY: within the mapping, which only this thread writes.
        (0..self.1).all(|at| unsafe { self.0.add(at).read_volatile() } == byte)
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: nobody refers to it any more.
        unsafe { libc::munmap(self.0.cast(), self.1) };
    }
}

/// The bytes of a request, for [`Device::ioctl_32`].
pub fn begin_bytes(begin: &Begin) -> [u8; size_of::<Begin>()] {
    // SAFETY: of one size, without padding, and any bits are bytes.
    unsafe { std::mem::transmute(*begin) }
}

/// The header that a record begins with.
pub fn header(record: &[u8]) -> Option<Header> {
    let bytes: [u8; size_of::<Header>()] = *record.first_chunk()?;
    // SAFETY: of one size, and any bits are a `Header`.
    Some(unsafe { std::mem::transmute::<[u8; size_of::<Header>()], Header>(bytes) })
}

/// The counters of a record.
pub fn counters(body: &[u8]) -> Option<Counters> {
    let bytes: [u8; size_of::<Counters>()] = *body.first_chunk()?;
    // SAFETY: of one size, and any bits are `Counters`.
    Some(unsafe { std::mem::transmute::<[u8; size_of::<Counters>()], Counters>(bytes) })
}
