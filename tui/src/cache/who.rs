//! Who fills a cache: the process, and for dentries the directory, that makes it grow.
//!
//! The kernel's own tracing counts it: events at the functions that make what is counted, and a
//! histogram for each, kept in the kernel. Nothing is armed before a user asks for it; what is
//! armed has an instance of tracefs of its own, a bound, and is removed on every way out.

mod arm;
mod events;
mod handle;
pub mod histogram;
mod owner;
mod place;
mod process;
mod tally;
mod tracefs;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::text::printable;
use crate::kernel::source::{Mount, mounts};
use arm::Armed;
pub use arm::{disarm, left, remove_left};
pub use events::{Counts, Event, Events};
pub use owner::Owner;
pub use place::{Identity, device};
pub use process::Process;
pub use tally::{Directory, Reading, Row, Tally};
pub use tracefs::Tracefs;

/// The command that mounts tracefs at its usual place.
pub const MOUNT_TRACEFS: &str = "mount -t tracefs tracefs /sys/kernel/tracing";

/// The subject of a trace, as the user gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// All dentries that are made, with the directories they are made in.
    Everywhere,
    /// Dentries that are made below this directory, on its filesystem.
    Below(PathBuf),
    /// Objects that are allocated from this slab cache.
    Cache(String),
}

/// The subject of a trace, as the kernel takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Dentries; None: of all filesystems.
    Dentries {
        /// Device number of the superblock, in the kernel's encoding.
        dev: Option<u64>,
    },
    /// Objects of a slab cache.
    Cache {
        /// Its name.
        name: String,
    },
}

/// The kernel's means of tracing, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Way {
    /// Events on functions, by ftrace (Linux 6.4, CONFIG_FPROBE_EVENTS).
    Fprobe,
    /// Events on functions, by kprobes (CONFIG_KPROBE_EVENTS).
    Kprobe,
    /// The allocator's own tracepoints: they do not report which directory.
    Kmem,
}

impl Way {
    /// Its name as text.
    pub fn words(self) -> &'static str {
        match self {
            Self::Fprobe => "fprobe events",
            Self::Kprobe => "kprobe events",
            Self::Kmem => "tracepoints",
        }
    }
}

/// Entries of a histogram by default.
pub const ROWS: u32 = 2048;

/// The number of entries that the kernel makes of `wanted`: a power of two
/// (kernel/trace/trace_events_hist.c: `parse_map_size()`, Linux 7.3).
pub fn rows(wanted: u32) -> Result<u32, String> {
    const LEAST: u32 = 1 << 7;
    const MOST: u32 = 1 << 17;
    if (LEAST..=MOST).contains(&wanted) {
        Ok(wanted.next_power_of_two())
    } else {
        Err(format!("not between {LEAST} and {MOST}"))
    }
}

/// A way that the kernel refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The way.
    pub way: Way,
    /// The functions that it needs.
    pub functions: Vec<&'static str>,
    /// The kernel's reason.
    pub why: String,
}

/// Why a trace is impossible.
#[derive(Debug, thiserror::Error)]
pub enum WhoError {
    /// There is no tracefs.
    #[error(
        "tracefs is not mounted: an allocation trace needs it\n\
         to have it: sudo {MOUNT_TRACEFS}"
    )]
    NotMounted,
    /// The user has no permission.
    #[error("{}: {cause}\nonly root may trace: sudo slabscope", printable(.path))]
    Denied {
        /// The file.
        path: PathBuf,
        /// The kernel's error.
        cause: io::Error,
    },
    /// The kernel's lockdown forbids it.
    #[error(
        "the kernel is locked down ({0}): tracing is forbidden; Secure Boot or lockdown= on its command line causes that"
    )]
    LockedDown(String),
    /// This kernel has none of the ways.
    #[error("this kernel cannot trace that:{}", told(.0))]
    NoWay(Vec<Refused>),
    /// There is no such slab cache.
    #[error("no slab cache is named {}; `slabscope slabs` lists them", printable(.0))]
    NoCache(String),
    /// A directory that cannot be traced.
    #[error("{}: {why}", printable(.path))]
    NoDirectory {
        /// The directory.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The kernel refused what was written or read.
    #[error("{}: {}", printable(.path), refusal(.cause, .reason))]
    Refused {
        /// The file.
        path: PathBuf,
        /// The error.
        cause: io::Error,
        /// The kernel's own message, if there is one.
        reason: Option<String>,
    },
    /// The instance stays, since a process has a file of it open.
    #[error(
        "{}: a process has a file of it open: it stays, disarmed, and the next start of slabscope removes it",
        printable(.instance)
    )]
    InUse {
        /// The instance of tracefs.
        instance: PathBuf,
    },
    /// A histogram is not as the kernel writes it.
    #[error("{}: {source}", printable(.path))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The parse error.
        source: histogram::Malformed,
    },
}

fn told(refused: &[Refused]) -> String {
    let line = |refused: &Refused| {
        let Refused {
            way,
            functions,
            why,
        } = refused;
        format!("\n{} on {}: {why}", way.words(), functions.join(", "))
    };
    refused.iter().map(line).collect()
}

fn refusal(cause: &io::Error, reason: &Option<String>) -> String {
    match reason {
        Some(reason) => format!("{} ({cause})", printable(reason)),
        None => cause.to_string(),
    }
}

impl WhoError {
    /// The meaning of an error of a file of tracefs.
    fn of(path: PathBuf, cause: io::Error, reason: Option<String>) -> Self {
        if tracefs::is_denied(&cause) {
            return match tracefs::locked_down(Path::new("/")) {
                Some(how) => Self::LockedDown(how),
                None => Self::Denied { path, cause },
            };
        }
        Self::Refused {
            path,
            cause,
            reason,
        }
    }

    /// Whether the kernel lacks something, so that another way may do.
    fn is_refused(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

/// A trace that runs until it is dropped or ended.
#[derive(Debug)]
pub struct Watch {
    armed: Armed,
    tally: Tally,
}

impl Watch {
    /// Starts a trace, by the first way that the kernel takes, or by `only` this one. Leftovers of
    /// dead processes are removed first.
    pub fn start(spec: &Spec, rows: u32, only: Option<Way>) -> Result<Self, WhoError> {
        let proc = Path::new("/proc");
        let mounts = mounted(proc)?;
        let tracefs = Tracefs::find(&mounts).ok_or(WhoError::NotMounted)?;
        remove_left(&tracefs, proc)?;
        let subject = spec.subject(&mounts)?;
        let armed = Armed::new(&tracefs, proc, &subject, rows, only)?;
        let below = match spec {
            Spec::Below(path) => Some(path.clone()),
            _ => None,
        };
        let tally = Tally::new(proc, mounts, below);
        Ok(Self { armed, tally })
    }

    /// The events that are armed, and what they do not report.
    pub fn events(&self) -> &Events {
        self.armed.events()
    }

    /// What was counted so far.
    pub fn read(&mut self) -> Result<Reading, WhoError> {
        let reading = self.tally.rows(&self.armed.read()?);
        // From here on their names are reported: once that is refused, it is not tried again.
        let nameless = |row: &Row| row.directory.as_ref().is_some_and(Directory::is_nameless);
        if reading.rows.iter().any(nameless) {
            let _ = self.armed.name_directories();
        }
        Ok(reading)
    }

    /// Ends the trace, and returns an error if something is left.
    pub fn end(self) -> Result<(), WhoError> {
        self.armed.end()
    }
}

fn mounted(proc: &Path) -> Result<Vec<Mount>, WhoError> {
    let path = proc.join("self/mountinfo");
    let text = fs::read(&path).and_then(|text| mounts::parse(&text).map_err(io::Error::other));
    text.map_err(|cause| WhoError::Refused {
        path,
        cause,
        reason: None,
    })
}

/// The tracefs of this machine.
pub fn tracefs() -> Result<Tracefs, WhoError> {
    Tracefs::find(&mounted(Path::new("/proc"))?).ok_or(WhoError::NotMounted)
}

impl Spec {
    fn subject(&self, mounts: &[Mount]) -> Result<Subject, WhoError> {
        match self {
            Self::Everywhere => Ok(Subject::Dentries { dev: None }),
            Self::Below(path) => {
                let dev = Mount::of(mounts, path).and_then(device);
                let none = || WhoError::NoDirectory {
                    path: path.clone(),
                    why: "no filesystem is mounted there".into(),
                };
                let dev = Some(dev.ok_or_else(none)?);
                Ok(Subject::Dentries { dev })
            }
            // It becomes part of a filter, where a quote would end it.
            Self::Cache(name) if name.is_empty() || name.contains(['"', '\n', '\\']) => {
                Err(WhoError::NoCache(name.clone()))
            }
            Self::Cache(name) => Ok(Subject::Cache { name: name.clone() }),
        }
    }

    /// Text for what is counted.
    pub fn words(&self) -> String {
        match self {
            Self::Everywhere => "dentries".into(),
            Self::Below(path) => format!("dentries below {}", printable(path)),
            Self::Cache(name) => format!("objects of {}", printable(name)),
        }
    }
}
