//! A session on `/dev/slabscope`: one walk below one directory, as typed records.
//!
//! The device speaks `kmod/abi.rs`, which is compiled in here as [`crate::abi`]. The kernel walks
//! only while [`Session::next`] reads, so whoever stops reading has paused the walk, and dropping
//! the session ends it and frees everything it held in the kernel.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::mem::size_of;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::ioctl::{self, NoArg, Opcode, Setter, Updater};

use crate::abi;
pub use crate::abi::Counters;

/// Where the module's device is.
pub const DEVICE: &str = "/dev/slabscope";

/// What stands between the program and an answer of the module: what, where, and what to do.
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
        /// Of the module.
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
    #[error("{what}: {source}")]
    Io {
        /// What was asked for.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The module sent what its ABI does not allow.
    #[error("the module sent a record that is not of its ABI: {0}")]
    Malformed(&'static str),
}

impl SessionError {
    fn new(what: &'static str, errno: Errno) -> Self {
        let cause = match errno {
            Errno::PERM | Errno::ACCESS => return Self::Permission(DEVICE.into()),
            Errno::BADF => "the directory is not open for reading",
            Errno::NOTDIR => "this is not a directory",
            Errno::INVAL => {
                "module and program do not agree, or this is a filesystem internal to the kernel"
            }
            Errno::OPNOTSUPP => {
                "pruning is tested on ext4, xfs, btrfs, overlay and tmpfs only; `slabscope prune --any-filesystem` does it all the same"
            }
            Errno::ROFS => "the module was loaded with read_only=1: reload it without to prune",
            Errno::BUSY => "a walk is under way in this session, or the filesystem is frozen",
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
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next()?.parse::<u32>().ok();
    let version = number().zip(number());
    let release = crate::text::printable(release);
    let mut lines = if version.is_some_and(|version| version < OLDEST) {
        let (major, minor) = OLDEST;
        vec![format!(
            "This kernel, {release}, is older than Linux {major}.{minor}: there is no module for it."
        )]
    } else if release.contains("+deb13") {
        vec![
            format!("For this kernel, {release}, in a checkout of slabscope:"),
            format!("    cargo lab module --release {release}"),
            "    sudo slabscope module load slabscope.ko".into(),
        ]
    } else {
        vec![
            format!(
                "This kernel, {release}, has to have CONFIG_RUST=y. In a checkout of slabscope:"
            ),
            "    make -C kmod KDIR=(its build tree, with Rust metadata)".into(),
            "    sudo slabscope module load kmod/slabscope.ko".into(),
            "docs/module.md says more.".into(),
        ]
    };
    lines.push("`cargo lab` shows it on a kernel of its own, in QEMU.".into());
    lines
}

/// The oldest series that the module is built for.
const OLDEST: (u32, u32) = (7, 2);

/// What a prune evicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Mode {
    /// Unused negative dentries.
    Negative = abi::MODE_NEGATIVE,
    /// Unused dentries, negative or not.
    Dentries = abi::MODE_DENTRIES,
}

/// How far a prune may go. None: no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Dentries evicted in a prune, seen otherwise; exceeded by less than a batch.
    pub dentries: Option<NonZeroU64>,
    /// Time spent walking.
    pub time: Option<Duration>,
    /// Prune on a filesystem type that pruning is not tested on.
    pub any_filesystem: bool,
}

/// At least 1, since 0 means no bound.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1)
}

/// What a walk is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// Count, and tell directories one by one down to this depth. Nothing changes.
    Census {
        /// 0: only the total; 1: the directory's children; and so on.
        depth: u32,
    },
    /// Tell the directory's own cached children by name. Nothing changes.
    List,
    /// Count what a prune would evict. Nothing changes.
    DryRun(Mode),
    /// Evict.
    Prune(Mode, Bounds),
}

impl Walk {
    fn begin(self) -> abi::Begin {
        let (mode, flags, depth, bounds) = match self {
            Self::Census { depth } => (abi::MODE_CENSUS, 0, depth, Bounds::default()),
            Self::List => (abi::MODE_LIST, 0, 0, Bounds::default()),
            Self::DryRun(mode) => (mode as u32, abi::BEGIN_DRY_RUN, 0, Bounds::default()),
            Self::Prune(mode, bounds) => {
                let flags = if bounds.any_filesystem {
                    abi::BEGIN_ANY_FS
                } else {
                    0
                };
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

/// Why a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All was walked.
    Complete,
    /// [`Session::stop`].
    Stopped,
    /// A bound of the walk: dentries or time.
    Bound,
    /// Directories deeper than the module can stand were left out.
    Depth,
    /// The directory was moved or removed meanwhile.
    Moved,
}

/// A cached child of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// Its inode number as the kernel keeps it; 0 of a negative one.
    pub ino: u64,
    flags: u32,
}

impl Entry {
    /// What it is the name of.
    pub fn kind(&self) -> &'static str {
        match self.flags & (abi::ENTRY_NEGATIVE | abi::ENTRY_DIR | abi::ENTRY_FILE) {
            abi::ENTRY_NEGATIVE => "negative",
            abi::ENTRY_DIR => "directory",
            abi::ENTRY_FILE => "file",
            _ => "other",
        }
    }

    /// Whether the name is known to be absent.
    pub fn is_negative(&self) -> bool {
        self.flags & abi::ENTRY_NEGATIVE != 0
    }

    /// Whether anything refers to it, its own children included.
    pub fn is_referenced(&self) -> bool {
        self.flags & abi::ENTRY_REFERENCED != 0
    }

    /// Whether it has cached children.
    pub fn has_children(&self) -> bool {
        self.flags & abi::ENTRY_CHILDREN != 0
    }

    /// Whether it is on the superblock's LRU list.
    pub fn is_on_lru(&self) -> bool {
        self.flags & abi::ENTRY_LRU != 0
    }

    /// Whether something is mounted on it.
    pub fn is_mountpoint(&self) -> bool {
        self.flags & abi::ENTRY_MOUNTPOINT != 0
    }

    /// Whether it is being looked up at this moment.
    pub fn is_in_lookup(&self) -> bool {
        self.flags & abi::ENTRY_IN_LOOKUP != 0
    }
}

/// One record of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A directory is entered.
    Enter {
        /// Its name below its parent.
        name: OsString,
    },
    /// The directory entered last is left.
    Leave {
        /// Of its own children.
        own: Box<Counters>,
        /// Of all that is below it.
        below: Box<Counters>,
        /// Its walk did not reach the end.
        partial: bool,
        /// Referenced by something besides its children and the session.
        in_use: bool,
    },
    /// A child of the directory, in [`Mode::List`].
    Entry(Entry),
    /// All so far.
    Progress(Box<Counters>),
    /// The end.
    Total {
        /// Why it ended.
        status: Status,
        /// Of everything below the directory.
        counters: Box<Counters>,
    },
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
    /// Ends the walk early, once; the records up to the total still come.
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

/// The first record in `bytes`, and how many of them it takes.
fn parse(bytes: &[u8]) -> Result<(Record, usize), SessionError> {
    let header = bytes
        .get(..size_of::<abi::Header>())
        .ok_or(SessionError::Malformed("cut off in its header"))?;
    let [len, kind, flags, name_len] = [0, 4, 8, 12].map(|at| u32_at(header, at));
    let len = len as usize;
    let body = bytes
        .get(header.len()..len)
        .filter(|_| len.is_multiple_of(8))
        .ok_or(SessionError::Malformed(
            "its length is not that of a record",
        ))?;
    let name = || {
        let name = body.get(..name_len as usize);
        let name = name.ok_or(SessionError::Malformed("its name is cut off"))?;
        Ok(OsString::from_vec(name.to_vec()))
    };
    let record = match kind {
        abi::REC_ENTER => Record::Enter { name: name()? },
        abi::REC_ENTRY => Record::Entry(Entry {
            name: name()?,
            ino: header[16..]
                .first_chunk()
                .copied()
                .map_or(0, u64::from_ne_bytes),
            flags,
        }),
        abi::REC_LEAVE => Record::Leave {
            own: counters(body, 0)?,
            below: counters(body, 1)?,
            partial: flags & abi::REC_PARTIAL != 0,
            in_use: flags & abi::REC_IN_USE != 0,
        },
        abi::REC_PROGRESS => Record::Progress(counters(body, 0)?),
        abi::REC_TOTAL => Record::Total {
            status: status(flags)?,
            counters: counters(body, 0)?,
        },
        _ => return Err(SessionError::Malformed("its kind is unknown")),
    };
    Ok((record, len))
}

fn status(flags: u32) -> Result<Status, SessionError> {
    Ok(match flags {
        abi::STATUS_COMPLETE => Status::Complete,
        abi::STATUS_STOPPED => Status::Stopped,
        abi::STATUS_MAX_DENTRIES | abi::STATUS_MAX_TIME => Status::Bound,
        abi::STATUS_DEPTH => Status::Depth,
        abi::STATUS_MOVED => Status::Moved,
        _ => return Err(SessionError::Malformed("its status is unknown")),
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..]
        .first_chunk()
        .copied()
        .map_or(0, u32::from_ne_bytes)
}

fn counters(body: &[u8], index: usize) -> Result<Box<Counters>, SessionError> {
    const LEN: usize = size_of::<Counters>();
    let bytes = body
        .get(index * LEN..)
        .and_then(|rest| rest.first_chunk::<LEN>())
        .ok_or(SessionError::Malformed("its counters are cut off"))?;
    // SAFETY: `Counters` is `repr(C)` and made of `u64` alone (asserted in abi.rs by its size), so
    // it has no padding and every bit pattern is valid; sizes are equal by type.
    Ok(Box::new(unsafe {
        std::mem::transmute_copy::<[u8; LEN], Counters>(bytes)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_module_depends_on_the_kernel() {
        let first = |release| how_to_get_the_module(release).remove(0);
        assert!(first("6.18.44-x").contains("older than Linux 7.2"));
        assert!(
            how_to_get_the_module("7.3.4+deb13-amd64")[1].contains("--release 7.3.4+deb13-amd64")
        );
        assert!(first("7.2.0").contains("CONFIG_RUST"));
        assert!(first("?").contains("CONFIG_RUST"));
    }

    /// A record as the module writes it on this machine.
    fn record(kind: u32, flags: u32, name: &[u8], counters: &[u64]) -> Vec<u8> {
        let body = counters.len() * 8 + name.len().next_multiple_of(8);
        let len = (size_of::<abi::Header>() + body) as u32;
        let mut bytes = Vec::new();
        for field in [len, kind, flags, name.len() as u32] {
            bytes.extend(field.to_ne_bytes());
        }
        bytes.extend([0; 16]);
        bytes.extend(counters.iter().flat_map(|counter| counter.to_ne_bytes()));
        bytes.extend(name);
        bytes.resize(len as usize, 0);
        bytes
    }

    fn figures(from: u64) -> Vec<u64> {
        (from..).take(abi::NCOUNTERS).collect()
    }

    #[test]
    fn records() {
        let enter = record(abi::REC_ENTER, 0, b"a\xff\n", &[]);
        let name = OsString::from_vec(b"a\xff\n".to_vec());
        assert_eq!(parse(&enter).unwrap(), (Record::Enter { name }, 40));

        let both = [figures(1), figures(100)].concat();
        let leave = record(abi::REC_LEAVE, abi::REC_PARTIAL, b"", &both);
        match parse(&leave).unwrap() {
            (
                Record::Leave {
                    own,
                    below,
                    partial,
                    in_use,
                },
                len,
            ) => {
                assert_eq!((own.total, own.skipped_dirty), (1, 23));
                assert_eq!((below.total, below.skipped_dirty), (100, 122));
                assert_eq!((partial, in_use, len), (true, false, leave.len()));
            }
            other => panic!("{other:?}"),
        }

        let total = record(abi::REC_TOTAL, abi::STATUS_MOVED, b"", &figures(1));
        match parse(&total).unwrap().0 {
            Record::Total { status, counters } => {
                assert_eq!(status, Status::Moved);
                assert_eq!(counters.moved, 20);
            }
            other => panic!("{other:?}"),
        }
    }

    /// No record, however broken, is read beyond its end.
    #[test]
    fn records_that_are_none() {
        let whole = record(abi::REC_LEAVE, 0, b"", &[figures(1), figures(1)].concat());
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err());
        }
        let mut longer = record(abi::REC_ENTER, 0, b"name", &[]);
        longer[12] = 200;
        assert!(parse(&longer).is_err(), "a name beyond its record");
        longer[0] += 1;
        assert!(parse(&longer).is_err(), "a length that is no multiple of 8");
        for len in [0_u32, 8, 24, u32::MAX] {
            let mut short = record(abi::REC_PROGRESS, 0, b"", &figures(1));
            short[..4].copy_from_slice(&len.to_ne_bytes());
            assert!(parse(&short).is_err(), "{len}");
        }
        for (kind, flags) in [(0, 0), (6, 0), (abi::REC_TOTAL, 77)] {
            assert!(parse(&record(kind, flags, b"", &figures(1))).is_err());
        }
        for kind in [abi::REC_LEAVE, abi::REC_PROGRESS, abi::REC_TOTAL] {
            assert!(parse(&record(kind, 0, b"", &[1, 2])).is_err());
        }
    }

    #[test]
    fn without_a_device_there_is_no_module() {
        let missing = Path::new("/nonexistent/slabscope");
        assert!(matches!(
            Device::open_at(missing),
            Err(SessionError::NoModule(path)) if path == missing
        ));
        let other = Device::open_at(Path::new("/dev/null")).unwrap_err();
        assert!(other.to_string().contains("not slabscope's"), "{other}");
    }
}
