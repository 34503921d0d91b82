//! Who fills a cache: the process, and for dentries the directory, behind the growth.
//!
//! Told by the kernel's own tracing: events at the functions that make what is counted, and a
//! histogram for each, kept in the kernel. Nothing is armed before somebody asks for it; what is
//! armed has an instance of tracefs of its own, a bound, and is taken away on every way out.

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

/// How to have tracefs, where it usually is.
pub const MOUNT_TRACEFS: &str = "mount -t tracefs tracefs /sys/kernel/tracing";

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// Who makes dentries, and in which directories.
    Everywhere,
    /// The same, below this directory, on its filesystem.
    Below(PathBuf),
    /// Who allocates objects of this slab cache.
    Cache(String),
}

/// The same as the kernel is told it.
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

/// By which of the kernel's means it is found out, in the order in which they are tried.
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
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Fprobe => "fprobe events",
            Self::Kprobe => "kprobe events",
            Self::Kmem => "tracepoints",
        }
    }
}

/// Entries of a histogram, unless somebody asks for another number.
pub const ROWS: u32 = 2048;

/// As many entries as the kernel would make of so many asked for: a power of two (kernel/trace/
/// trace_events_hist.c: `parse_map_size()`, Linux 7.3).
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
    /// Which.
    pub way: Way,
    /// The functions that it needs.
    pub functions: Vec<&'static str>,
    /// Why.
    pub why: String,
}

/// Why nobody can tell who fills a cache.
#[derive(Debug, thiserror::Error)]
pub enum WhoError {
    /// There is no tracefs.
    #[error(
        "tracefs is not mounted: an allocation trace needs it\n\
         to have it: sudo {MOUNT_TRACEFS}"
    )]
    NotMounted,
    /// Not for this user.
    #[error("{}: {cause}\nonly root may trace: sudo slabscope", printable(.path))]
    Denied {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        cause: io::Error,
    },
    /// Not on this machine.
    #[error(
        "the kernel is locked down ({0}): tracing is forbidden; Secure Boot or lockdown= on its command line causes that"
    )]
    LockedDown(String),
    /// Nothing that tells it is in this kernel.
    #[error("this kernel cannot trace that:{}", told(.0))]
    NoWay(Vec<Refused>),
    /// There is no such slab cache.
    #[error("no slab cache is named {}; `slabscope slabs` lists them", printable(.0))]
    NoCache(String),
    /// A directory that cannot be watched.
    #[error("{}: {why}", printable(.path))]
    NoDirectory {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The kernel refused what was written or read.
    #[error("{}: {}", printable(.path), refusal(.cause, .reason))]
    Refused {
        /// The file.
        path: PathBuf,
        /// The error.
        cause: io::Error,
        /// The kernel's own words, if it has any.
        reason: Option<String>,
    },
    /// It is not removed, since somebody has a file of it open.
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
        /// What is wrong.
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
    /// What an error of a file of tracefs means.
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

/// The kernel watches until it is dropped or ended.
#[derive(Debug)]
pub struct Watch {
    armed: Armed,
    tally: Tally,
}

impl Watch {
    /// Has the kernel watch, by the first way that it takes, or by `only` this one. What dead
    /// processes left is taken away first.
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

    /// By what it is found out, and what that does not tell.
    pub fn events(&self) -> &Events {
        self.armed.events()
    }

    /// What was counted so far.
    pub fn read(&mut self) -> Result<Reading, WhoError> {
        let reading = self.tally.rows(&self.armed.read()?);
        // From here on their names are told: once it is refused, nobody asks again.
        let nameless = |row: &Row| row.directory.as_ref().is_some_and(Directory::is_nameless);
        if reading.rows.iter().any(nameless) {
            let _ = self.armed.name_directories();
        }
        Ok(reading)
    }

    /// Ends it, and says whether all is as it was.
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

    /// What is counted, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Everywhere => "dentries".into(),
            Self::Below(path) => format!("dentries below {}", printable(path)),
            Self::Cache(name) => format!("objects of {}", printable(name)),
        }
    }
}
