//! A session on `/dev/slabscope`: one walk below one directory, as typed records.
//!
//! The device speaks `kmod/abi.rs`, which is compiled in here as [`crate::abi`]. The kernel walks
//! only while [`Session::next`] reads: a pause in reading pauses the walk, and dropping the session
//! ends it and frees everything it held in the kernel.

mod records;

use std::fs::File;
use std::io::{self, Read};
use std::mem::size_of;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::ioctl::{self, NoArg, Opcode, Setter, Updater};

use crate::abi;
pub use crate::abi::Counters;
use records::parse;
pub use records::{Entry, Record, Status};

/// Path of the module's device.
pub const DEVICE: &str = "/dev/slabscope";

/// What stands between the program and an answer of the module: what failed, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is no device.
    #[error("the slabscope kernel module is not loaded ({0} is missing)")]
    NoModule(PathBuf),
    /// The device may not be opened or used.
    #[error("{0}: only root of the initial user namespace may use the module; run with sudo")]
    Permission(PathBuf),
    /// Module and program are not of one version.
    #[error(
        "the loaded module speaks version {module}, this program {program}: load the module built with it"
    )]
    Version {
        /// The module's version.
        module: u32,
        /// [`abi::VERSION`].
        program: u32,
    },
    /// The module refused a request.
    #[error("{what}: {cause}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// Why it was refused, with the remedy where there is one.
        cause: &'static str,
        /// The error number behind it.
        errno: Errno,
    },
    /// Any other failure of a system call.
    #[error("{what}: {}", crate::base::text::reason(.source))]
    Io {
        /// What was asked for.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// BPF was asked for, and cannot be used here.
    #[error(transparent)]
    Bpf(crate::kernel::reader::bpf::BpfError),
    /// Neither the module nor BPF can be used here.
    #[error("{module}; BPF cannot count instead: {bpf}")]
    NoReader {
        /// Why the module cannot be used.
        module: Box<SessionError>,
        /// Why BPF cannot be used.
        bpf: crate::kernel::reader::bpf::BpfError,
    },
    /// Names alone were asked for.
    #[error("--via readdir reads names alone: counts need the module or BPF")]
    NoCounts,
    /// The module was not to be used.
    #[error("--via bpf and --via readdir only read: pruning below a directory needs the module")]
    OnlyReads,
    /// The module sent what its ABI does not allow.
    #[error("the module sent a record that is not of its ABI: {0}")]
    Malformed(&'static str),
}

impl SessionError {
    fn new(what: &'static str, errno: Errno) -> Self {
        let cause = match errno {
            Errno::PERM | Errno::ACCESS => return Self::Permission(DEVICE.into()),
            Errno::BADF => {
                "the directory is not open, or the module is older than this program and needs it open for reading"
            }
            Errno::NOTDIR => "this is not a directory",
            Errno::INVAL => {
                "module and program do not agree, or this is a filesystem internal to the kernel"
            }
            Errno::OPNOTSUPP => {
                "pruning is tested on ext4, xfs, btrfs, overlay and tmpfs only; `slabscope prune --any-filesystem` overrides this"
            }
            Errno::ROFS => {
                "the module was loaded with read_only=1: reload it without that to prune"
            }
            // Each session of this program has one walk alone.
            Errno::BUSY => "the filesystem is frozen: fsfreeze -u thaws it",
            Errno::NOMEM => "the kernel has no memory for the walk",
            Errno::NOTTY => "the device is not slabscope's",
            _ => {
                return Self::Io {
                    what,
                    source: errno.into(),
                };
            }
        };
        Self::Refused { what, cause, errno }
    }
}

/// The device, open. Each [`Session`] takes one.
#[derive(Debug)]
pub struct Device(File);

impl Device {
    /// Opens the device and makes sure that it speaks this program's version.
    pub fn open() -> Result<Self, SessionError> {
        Self::open_at(Path::new(DEVICE))
    }

    fn open_at(path: &Path) -> Result<Self, SessionError> {
        let file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => SessionError::NoModule(path.into()),
            io::ErrorKind::PermissionDenied => SessionError::Permission(path.into()),
            _ => SessionError::Io {
                what: "open the device",
                source,
            },
        })?;
        let device = Self(file);
        let info = device.info()?;
        if info.version != abi::VERSION {
            return Err(SessionError::Version {
                module: info.version,
                program: abi::VERSION,
            });
        }
        Ok(device)
    }

    /// What the module is and may do.
    pub fn info(&self) -> Result<abi::Info, SessionError> {
        let mut info = abi::Info::default();
        // SAFETY: IOC_INFO writes one `abi::Info`, whose size is part of its number; every bit
        // pattern is a valid `Info`.
        unsafe {
            ioctl::ioctl(
                &self.0,
                Updater::<{ abi::IOC_INFO as Opcode }, _>::new(&mut info),
            )
        }
        .map_err(|errno| SessionError::new("ask the module what it is", errno))?;
        Ok(info)
    }

    /// Starts a walk below `dir`, which has to stay open only for this call.
    pub fn begin(self, dir: BorrowedFd<'_>, walk: Walk) -> Result<Session, SessionError> {
        let begin = abi::Begin {
            size: size_of::<abi::Begin>() as u32,
            version: abi::VERSION,
            fd: dir.as_raw_fd(),
            ..walk.begin()
        };
        // SAFETY: IOC_BEGIN reads one `abi::Begin`, whose size is part of its number.
        unsafe {
            ioctl::ioctl(
                &self.0,
                Setter::<{ abi::IOC_BEGIN as Opcode }, _>::new(begin),
            )
        }
        .map_err(|errno| SessionError::new("start the walk", errno))?;
        Ok(Session {
            file: self.0,
            buffer: vec![0; 64 << 10],
            from: 0,
            to: 0,
            stopped: false,
            ended: false,
        })
    }
}

/// What to do where there is no module, in lines, for a kernel's release.
pub fn how_to_get_the_module(release: &str) -> Vec<String> {
    let too_old = too_old(release);
    let release = crate::base::text::printable(release);
    let mut lines = if let Some((major, minor)) = too_old {
        vec![format!(
            "This kernel, {release}, is older than Linux {major}.{minor}: there is no module for it."
        )]
    } else {
        vec![
            format!("For this kernel, {release}:"),
            "    sudo slabscope module install".into(),
            "builds it and keeps it over reboots; so does the package slabscope-dkms.".into(),
        ]
    };
    lines.push("`cargo lab` shows it on a kernel of its own, in QEMU.".into());
    lines
}

/// The oldest series that the module is built for, if a kernel of this release is older.
pub fn too_old(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next()?.parse::<u32>().ok();
    let version = number().zip(number())?;
    (version < OLDEST).then_some(OLDEST)
}

/// The oldest series that the module is built for.
const OLDEST: (u32, u32) = (5, 10);

/// What a prune evicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum PruneMode {
    /// Unused negative dentries.
    Negative = abi::MODE_NEGATIVE,
    /// Unused dentries, negative or not.
    Dentries = abi::MODE_DENTRIES,
    /// Those, then the inodes that are left without users, with their page cache.
    Inodes = abi::MODE_INODES,
    /// The page cache of files; dentries and inodes stay.
    Pages = abi::MODE_PAGES,
}

/// Each reaches further than the one before it.
pub const MODES: [PruneMode; 4] = [
    PruneMode::Negative,
    PruneMode::Dentries,
    PruneMode::Inodes,
    PruneMode::Pages,
];

impl PruneMode {
    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::Dentries => "dentries",
            Self::Inodes => "inodes",
            Self::Pages => "pages",
        }
    }

    /// What a prune of this mode is counted in, in plans and ledgers.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Negative | Self::Dentries | Self::Inodes => "dentries",
            Self::Pages => "pages",
        }
    }

    /// The evicted part of the counters, in [`Self::unit`].
    pub fn went(self, counters: &Counters) -> u64 {
        match self {
            Self::Negative | Self::Dentries | Self::Inodes => counters.moved,
            Self::Pages => counters.pages_evicted,
        }
    }

    /// Whether dirty files matter: they stay, unless they are written first.
    pub fn may_write(self) -> bool {
        matches!(self, Self::Inodes | Self::Pages)
    }
}

/// How far a prune may go, and what it does on the way. None: no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Dentries evicted in a prune, or files handled in one of pages; exceeded by less than a batch.
    pub dentries: Option<NonZeroU64>,
    /// Time spent walking.
    pub time: Option<Duration>,
    /// Prune on a filesystem type that pruning is not tested on.
    pub any_filesystem: bool,
    /// Write dirty files first, in a mode that [may](PruneMode::may_write).
    pub writeback: bool,
}

/// At least 1, since 0 means no bound.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1)
}

/// The purpose of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// Count, and report directories one by one down to this depth. Nothing changes.
    Census {
        /// 0: only the total; 1: the directory's children; and so on.
        depth: u32,
    },
    /// Report the directory's own cached children by name. Nothing changes.
    List,
    /// Count what a prune would evict. Nothing changes.
    DryRun(PruneMode),
    /// Evict.
    Prune(PruneMode, Bounds),
}

impl Walk {
    fn begin(self) -> abi::Begin {
        let (mode, flags, depth, bounds) = match self {
            Self::Census { depth } => (abi::MODE_CENSUS, 0, depth, Bounds::default()),
            Self::List => (abi::MODE_LIST, 0, 0, Bounds::default()),
            Self::DryRun(mode) => (mode as u32, abi::BEGIN_DRY_RUN, 0, Bounds::default()),
            Self::Prune(mode, bounds) => {
                let mut flags = 0;
                if bounds.any_filesystem {
                    flags |= abi::BEGIN_ANY_FS;
                }
                if bounds.writeback && mode.may_write() {
                    flags |= abi::BEGIN_WRITEBACK;
                }
                (mode as u32, flags, 0, bounds)
            }
        };
        abi::Begin {
            mode,
            flags,
            depth,
            max_dentries: bounds.dentries.map_or(0, u64::from),
            max_ns: bounds.time.map_or(0, nanoseconds),
            ..Default::default()
        }
    }
}

/// A walk under way: an iterator over its records, the last of which is [`Record::Total`].
#[derive(Debug)]
pub struct Session {
    file: File,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    stopped: bool,
    ended: bool,
}

impl Session {
    /// Ends the walk early, once; the records up to the total still follow.
    pub fn stop(&mut self) -> Result<(), SessionError> {
        if std::mem::replace(&mut self.stopped, true) {
            return Ok(());
        }
        // SAFETY: IOC_STOP takes no argument.
        unsafe {
            ioctl::ioctl(
                self.file.as_fd(),
                NoArg::<{ abi::IOC_STOP as Opcode }>::new(),
            )
        }
        .map_err(|errno| SessionError::new("stop the walk", errno))
    }

    fn read(&mut self) -> Result<bool, SessionError> {
        loop {
            match self.file.read(&mut self.buffer) {
                Ok(0) => return Ok(false),
                Ok(len) => {
                    (self.from, self.to) = (0, len);
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let what = "read the walk";
                    return Err(match Errno::from_io_error(&error) {
                        Some(errno) => SessionError::new(what, errno),
                        None => SessionError::Io {
                            what,
                            source: error,
                        },
                    });
                }
            }
        }
    }
}

impl Iterator for Session {
    type Item = Result<Record, SessionError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if self.from == self.to {
            match self.read() {
                Ok(true) => {}
                Ok(false) => {
                    self.ended = true;
                    return Some(Err(SessionError::Malformed(
                        "the stream ends without a total",
                    )));
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        let record = parse(&self.buffer[self.from..self.to]);
        match record {
            Ok((record, len)) => {
                self.from += len;
                self.ended = matches!(record, Record::Total { .. });
                Some(Ok(record))
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}

/// What is left of `whole` without `part`. The walk does not stop the machine: a part that was
/// counted later may hold what was not there before.
pub fn minus(whole: Counters, part: &Counters) -> Counters {
    whole.map2(part, u64::saturating_sub)
}

/// The sum of two counts.
pub fn plus(one: Counters, other: &Counters) -> Counters {
    one.map2(other, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn way_to_the_module_depends_on_the_kernel() {
        let first = |release| how_to_get_the_module(release).remove(0);
        let second = |release| how_to_get_the_module(release).remove(1);
        assert!(first("5.4.0-x").contains("older than Linux 5.10"));
        for release in ["6.1.0-50-amd64", "7.3.4", "?"] {
            assert!(first(release).contains(release));
            assert!(second(release).contains("module install"), "{release}");
        }
    }

    #[test]
    fn missing_device_means_no_module() {
        let missing = Path::new("/nonexistent/slabscope");
        assert!(matches!(
            Device::open_at(missing),
            Err(SessionError::NoModule(path)) if path == missing
        ));
        let other = Device::open_at(Path::new("/dev/null")).unwrap_err();
        assert!(other.to_string().contains("not slabscope's"), "{other}");
    }
}
