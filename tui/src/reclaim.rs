//! Actions: prunes by the module, the rungs of the ladder that user space climbs alone, kernel
//! settings, and the record of all of them.
//!
//! Each of user space's rungs (page cache below a directory, a superblock, a memory cgroup,
//! everybody) has a file; what they have in common is here.
//!
//! A [`Reclaimer`] is a plan: whom it hits, what it is known to hold, the command that does the
//! same. To [`carry_out`] a plan takes the figures, opens the record, acts, waits until what was
//! freed has left the figures, takes them again and writes the record.

pub mod audit;
pub mod cache;
pub mod carousel;
pub mod cgroup;
pub mod everybody;
mod figures;
pub mod ladder;
pub mod pages;
pub mod prune;
pub mod shrink;
pub mod shrinker;
pub mod superblock;
pub mod tune;

use std::fmt::Debug;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::base::text::{printable, reason};
use crate::kernel::paths::Kind;
use crate::kernel::reach::{self, Unreached};
use crate::kernel::source::{Cause, Kernel, SourceError};
use crate::reclaim::audit::{Action, AuditEntry, AuditError, Log, Report};
use crate::reclaim::shrink::ShrinkError;
pub use figures::{Change, Figure, Unit, figure, machine};

/// Why there is no plan, or a plan was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ReclaimError {
    /// A file of the kernel, or a directory, cannot be opened or written.
    #[error("{}: {}", printable(.path), reason(.source))]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file of the kernel cannot be read or understood.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It would do harm, or might wait for ever: its name, and why.
    #[error("{0}")]
    Refused(String),
    /// This kernel does not have it: its name, and the remedy.
    #[error("{0}")]
    Missing(String),
    /// Only root may.
    #[error("{0}")]
    Permission(String),
    /// It is no longer what the plan was made for.
    #[error("{}: {what}; look again", printable(.path))]
    Changed {
        /// Its path.
        path: PathBuf,
        /// What changed.
        what: String,
    },
    /// A server had to be asked on the way there, and did not answer until the wait was ended.
    #[error("{}: its filesystem did not answer before the wait was stopped{}", printable(.path), crate::kernel::reach::still_waits(*.left))]
    Unanswered {
        /// The file.
        path: PathBuf,
        /// The process that the kernel keeps waiting.
        left: Option<u32>,
    },
    /// A slab cache was not shrunk.
    #[error(transparent)]
    Shrink(#[from] ShrinkError),
    /// It cannot be recorded.
    #[error("{0}\n{remedy}", remedy = AuditError::REMEDY)]
    Unrecorded(#[from] AuditError),
}

impl ReclaimError {
    /// An error of a file.
    pub fn file(path: &Path, source: impl Into<io::Error>) -> Self {
        let (path, source) = (path.into(), source.into());
        Self::File { path, source }
    }

    /// Whether a user with more rights could do it.
    pub fn is_permission(&self) -> bool {
        match self {
            Self::Permission(_) => true,
            Self::File { source, .. } | Self::Shrink(ShrinkError::Write { source, .. }) => {
                source.kind() == io::ErrorKind::PermissionDenied
            }
            Self::Source(error) => matches!(
                error.cause,
                Cause::Unreadable(io::ErrorKind::PermissionDenied, _)
            ),
            _ => false,
        }
    }

    /// What the user can do about it; empty if the message says it.
    pub fn remedy(&self) -> &'static str {
        if self.is_permission() {
            return "only root may: sudo slabscope";
        }
        match self {
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::ReadOnlyFilesystem => {
                    "it is read-only here, as in a container: run slabscope outside of it"
                }
                io::ErrorKind::NotFound => "check the path: it was removed or never existed",
                _ => "",
            },
            Self::Source(error) => error.remedy(),
            Self::Shrink(error) => error.remedy(),
            _ => "",
        }
    }
}

/// Progress of an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all, if that is known.
    pub of: Option<u64>,
    /// Unit: `files`, `bytes`. Empty: the kernel does not report progress.
    pub unit: &'static str,
    /// The step under way.
    pub doing: &'static str,
}

/// Gets the progress, and may end the action.
pub type Flow<'a> = dyn FnMut(&Progress) -> ControlFlow<()> + 'a;

/// Opens what a path leads to (`O_PATH`), as long as `flow` says.
fn open(path: &Path, kind: Kind, flow: &mut Flow<'_>) -> Result<OwnedFd, ReclaimError> {
    let progress = Progress {
        doing: "asking the filesystem for the path",
        ..Progress::default()
    };
    reach::open(path, kind, &mut || flow(&progress)).map_err(|error| match error {
        Unreached::Refused(source) => ReclaimError::file(path, source),
        Unreached::Ended(left) => ReclaimError::Unanswered {
            path: path.into(),
            left,
        },
    })
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is complete.
    Complete,
    /// The kernel freed less than it was asked to.
    Less,
    /// The user stopped it.
    Stopped,
    /// A bound on number or time was reached.
    Bound,
    /// It failed when a part of it was done: why.
    Failed(String),
    /// Abandoned: a system call that nothing interrupts goes on in the process of this number.
    Left(u32),
}

impl Ended {
    /// Its text on the screen and in the record.
    pub fn name(&self) -> String {
        match self {
            Self::Complete => "complete".into(),
            Self::Less => "less reclaimed than asked".into(),
            Self::Stopped => "stopped".into(),
            Self::Bound => "bound reached".into(),
            Self::Failed(why) => format!("failed after a part: {why}"),
            Self::Left(pid) => format!("left: the kernel goes on with it in process {pid}"),
        }
    }
}

/// What a rung reports of its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub ended: Ended,
    /// Bytes freed, if it counts them itself.
    pub freed: Option<u64>,
    /// Amount freed in the record's unit, if that is not bytes.
    pub went: Option<u64>,
    /// Remarks besides the figures.
    pub notes: Vec<String>,
}

impl From<Ended> for Ran {
    fn from(ended: Ended) -> Self {
        Self {
            ended,
            freed: None,
            went: None,
            notes: Vec::new(),
        }
    }
}

/// A plan for one rung of the ladder.
pub trait Reclaimer: Debug + Send {
    /// Its name, as in the record: `superblock`.
    fn name(&self) -> &'static str;
    /// The path that it is for.
    fn path(&self) -> &Path;
    /// What it affects, in words.
    fn reach(&self) -> String;
    /// Side effects and warnings, to show before it runs.
    fn notes(&self) -> Vec<String>;
    /// The command that does the same.
    fn command(&self) -> String;
    /// The figures that it may move, now.
    fn measure(&self, kernel: &mut Kernel) -> Vec<Figure>;
    /// Upper bound on the bytes freed, by figures of [`Reclaimer::measure`].
    fn predicted(&self, now: &[Figure]) -> Option<u64>;
    /// The type of the filesystem that it affects, if it is one.
    fn filesystem(&self) -> Option<&str> {
        None
    }
    /// The audit entry before it runs; `now` are the figures then.
    fn record(&self, now: &[Figure]) -> AuditEntry {
        AuditEntry {
            filesystem: self.filesystem().map(str::to_owned),
            mode: Some(self.name()),
            ..AuditEntry::new(
                Action::Reclaim,
                self.path(),
                self.predicted(now).unwrap_or(0),
            )
        }
    }
    /// Bytes freed, by the narrowest figures there are: else slabs and page cache of the machine.
    fn freed_bytes(&self, outcome: &Outcome) -> u64 {
        let fell = |key| outcome.fell(key).unwrap_or(0);
        fell("sreclaimable_bytes").saturating_add(fell("page_cache_bytes"))
    }
    /// Amount freed, in the record's unit.
    fn freed(&self, outcome: &Outcome) -> u64 {
        outcome.went.unwrap_or(outcome.freed_bytes)
    }
    /// Runs it.
    fn run(&self, flow: &mut Flow<'_>) -> Result<Ran, ReclaimError>;
}

/// The outcome of a rung, with the figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// How long it took, without the wait for what was freed.
    pub took: Duration,
    /// Each figure, before and after.
    pub ledger: Vec<Change>,
    /// Bytes freed: see [`Reclaimer::freed_bytes`].
    pub freed_bytes: u64,
    /// Amount freed in the record's unit, if that is not bytes.
    pub went: Option<u64>,
    /// Remarks besides.
    pub notes: Vec<String>,
}

impl Outcome {
    /// By how much a figure fell; 0 if it rose, None if it is not known.
    pub fn fell(&self, key: &str) -> Option<u64> {
        let change = self.change(key)?;
        Some(change.before.value?.saturating_sub(change.after.value?))
    }

    /// The figure of this key.
    pub fn change(&self, key: &str) -> Option<&Change> {
        self.ledger.iter().find(|change| change.before.key == key)
    }
}

/// A plan that was carried out or failed.
pub type ReclaimReport = Report<Outcome, ReclaimError>;

/// Carries a plan out and records it.
pub fn carry_out(
    rung: &dyn Reclaimer,
    kernel: &mut Kernel,
    audit: &Log,
    flow: &mut Flow<'_>,
) -> ReclaimReport {
    let before = rung.measure(kernel);
    audit.around(rung.record(&before), |record| {
        let result = run(rung, kernel, before, flow);
        note(rung, record, &result);
        result
    })
}

fn run(
    rung: &dyn Reclaimer,
    kernel: &mut Kernel,
    before: Vec<Figure>,
    flow: &mut Flow<'_>,
) -> Result<Outcome, ReclaimError> {
    let start = Instant::now();
    let ran = rung.run(flow)?;
    let took = start.elapsed();
    let after = settled(&mut || rung.measure(kernel));
    let ledger = before
        .into_iter()
        .zip(after)
        .map(|(before, after)| Change { before, after })
        .collect();
    let mut outcome = Outcome {
        ended: ran.ended,
        took,
        ledger,
        freed_bytes: 0,
        went: ran.went,
        notes: ran.notes,
    };
    outcome.freed_bytes = ran.freed.unwrap_or_else(|| rung.freed_bytes(&outcome));
    Ok(outcome)
}

/// Figures once none of them falls any more: freed objects leave them an RCU grace period late.
fn settled(measure: &mut dyn FnMut() -> Vec<Figure>) -> Vec<Figure> {
    const STEP: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(3);
    let begin = Instant::now();
    let mut figures = measure();
    loop {
        thread::sleep(STEP);
        let next = measure();
        // A page that another program frees is no reason to wait.
        let fell = figures.iter().zip(&next).any(|(before, after)| {
            let fell = before
                .value
                .zip(after.value)
                .map(|(a, b)| a.saturating_sub(b));
            fell.is_some_and(|fell| fell > before.value.unwrap_or(0) / 100)
        });
        figures = next;
        if !fell || begin.elapsed() > LONGEST {
            return figures;
        }
    }
}

/// Notes the outcome in the record.
fn note(rung: &dyn Reclaimer, record: &mut AuditEntry, result: &Result<Outcome, ReclaimError>) {
    match result {
        Ok(outcome) => {
            if let Some(change) = outcome.change("sreclaimable_bytes") {
                record.sreclaimable = [change.before.value, change.after.value];
            }
            record.freed = rung.freed(outcome);
            record.took = outcome.took;
            record.outcome = outcome.ended.name();
        }
        Err(error) => record.outcome = format!("failed: {error}"),
    }
}

/// The error of a system call for the action `what`.
fn refused(what: &str, path: &Path, errno: Errno) -> ReclaimError {
    match errno {
        Errno::PERM | Errno::ACCESS => {
            ReclaimError::Permission(format!("{what} {}: {errno}", printable(path)))
        }
        Errno::BUSY => ReclaimError::Refused(format!(
            "{}: the filesystem is frozen: fsfreeze -u thaws it",
            printable(path)
        )),
        Errno::INVAL => ReclaimError::Refused(format!(
            "{}: {what} is refused by the filesystem, as after an error: the kernel's log says why",
            printable(path)
        )),
        errno => ReclaimError::file(path, errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rung that returns prepared figures.
    #[derive(Debug)]
    struct Taking(std::sync::Mutex<Vec<u64>>);

    impl Reclaimer for Taking {
        fn name(&self) -> &'static str {
            "taking"
        }
        fn path(&self) -> &Path {
            Path::new("/taken")
        }
        fn reach(&self) -> String {
            String::new()
        }
        fn notes(&self) -> Vec<String> {
            Vec::new()
        }
        fn command(&self) -> String {
            String::new()
        }
        fn measure(&self, _: &mut Kernel) -> Vec<Figure> {
            let mut left = self.0.lock().unwrap();
            let value = if left.len() > 1 {
                left.remove(0)
            } else {
                left[0]
            };
            vec![Figure::bytes(
                "sreclaimable_bytes",
                "SReclaimable",
                Some(value),
            )]
        }
        fn predicted(&self, now: &[Figure]) -> Option<u64> {
            figure(now, "sreclaimable_bytes")
        }
        fn run(&self, _: &mut Flow<'_>) -> Result<Ran, ReclaimError> {
            Ok(Ended::Less.into())
        }
    }

    fn go_on(_: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn ledger_waits_until_no_figure_falls_and_is_recorded() {
        let rung = Taking(vec![1_000, 900, 500, 200, 199].into());
        let mut kernel = Kernel::new("/");
        let done = carry_out(&rung, &mut kernel, &Log::Off, &mut go_on);
        let outcome = done.result.unwrap();
        assert_eq!(outcome.ledger[0].before.value, Some(1_000));
        assert_eq!(outcome.ledger[0].after.value, Some(199));
        assert_eq!(outcome.freed_bytes, 801);
        let record = done.record;
        assert_eq!((record.predicted, record.freed), (1_000, 801));
        assert_eq!(record.sreclaimable, [Some(1_000), Some(199)]);
        assert_eq!(record.outcome, "less reclaimed than asked");
    }

    #[test]
    fn action_that_cannot_be_recorded_does_not_run() {
        let rung = Taking(vec![5].into());
        let done = carry_out(&rung, &mut Kernel::new("/"), &Log::Homeless, &mut go_on);
        assert!(matches!(done.result, Err(ReclaimError::Unrecorded(_))));
        assert!(done.record.outcome.starts_with("failed: "));
    }
}
