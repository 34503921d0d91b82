//! A request to the BPF program: directories to count, run by run until all are.

use std::fs;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use super::layout::{CHILDREN, Child, Counts, Found, State, UNITS, Unit};
use super::load::{BpfError, Loaded};
use crate::abi::Counters;
use crate::kernel::session::plus;

/// How long a run goes on before it ends: preemption is off meanwhile. It looks at the clock after each 64 plain
/// negatives, so that it keeps the processor for some 50 us more, 250 at most (`cargo lab bench readers --instructions`).
const RUN_NS: u64 = 190_000;

/// Runs that the kernel may skip (it does not let a program interrupt itself) before that is an error.
const SKIPPED: u32 = 1000;

/// A directory that waits to be counted. Millions may, so that it is no more than what names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    dentry: u64,
    hash_len: u64,
}

/// Directories that are counted.
pub(super) struct Request {
    state: State,
    units: Vec<Unit>,
    /// For each directory, its children that have children, as far as it is counted.
    children: Vec<Vec<Waiting>>,
    asked: bool,
    skipped: u32,
}

/// A directory that was counted.
pub(super) struct Counted {
    pub(super) dentry: u64,
    pub(super) ino: u64,
    /// If the request wants it, and the directory is what it was.
    pub(super) name: Box<[u8]>,
    pub(super) counts: Counts,
    pub(super) flags: u32,
    /// References to it besides its children's.
    pub(super) extra: i32,
    /// Bytes that its own name has allocated.
    pub(super) external_bytes: u64,
    pub(super) children: Vec<Waiting>,
}

impl Counted {
    fn new(dentry: u64, found: &Found, children: Vec<Waiting>) -> Self {
        Self {
            dentry,
            ino: found.ino,
            name: found.name().into(),
            counts: found.counts,
            flags: found.flags,
            extra: found.extra,
            external_bytes: found.external_bytes,
            children,
        }
    }
}

/// What one run did.
pub(super) struct Ran<'r> {
    /// The children that a list reports.
    pub(super) children: &'r [Child],
    /// How many of the children that were reported before still hold.
    pub(super) kept: usize,
    /// The request's directories that are counted so far.
    found: &'r [Found],
    /// Counts of the directory under way.
    counts: Counts,
    /// Set once all directories are counted.
    pub(super) counted: Option<Vec<Counted>>,
}

impl Ran<'_> {
    /// What all of the request's directories come to so far.
    pub(super) fn so_far(&self) -> Counters {
        let found = self.found.iter().map(|found| found.counts);
        found.fold(self.counts.into(), |sum, counts| plus(sum, &counts.into()))
    }
}

impl Request {
    /// Lists the directory that is open. `limit`: see [`State::limit`].
    pub(super) fn list(dir: BorrowedFd<'_>, limit: u64) -> Self {
        let mut request = Self::root(dir, limit);
        request.state.list = 1;
        request
    }

    /// Counts the directory that is open.
    pub(super) fn root(dir: BorrowedFd<'_>, limit: u64) -> Self {
        let mut request = Self::of(vec![Unit::default()], limit);
        request.state.fd = dir.as_raw_fd();
        request
    }

    /// Counts up to [`UNITS`] directories of one, from the end; with their names or without.
    pub(super) fn last_of(waiting: &[Waiting], parent: u64, names: bool, limit: u64) -> Self {
        let from = waiting.len().saturating_sub(UNITS);
        let unit = |waiting: &Waiting| Unit {
            dentry: waiting.dentry,
            parent,
            hash_len: waiting.hash_len,
        };
        let mut request = Self::of(waiting[from..].iter().map(unit).collect(), limit);
        request.state.names = names.into();
        request
    }

    fn of(units: Vec<Unit>, limit: u64) -> Self {
        let mut state = State::default();
        state.units = units.len() as u32;
        state.max_ns = RUN_NS;
        state.limit = limit;
        Self {
            state,
            children: units.iter().map(|_| Vec::new()).collect(),
            units,
            asked: false,
            skipped: 0,
        }
    }

    /// Runs the program once.
    pub(super) fn run<'r>(&mut self, loaded: &'r mut Loaded) -> Result<Ran<'r>, BpfError> {
        if !self.asked {
            loaded.ask(&self.state, &self.units)?;
            self.asked = true;
        }
        let (state, rows) = loaded.run()?;
        match state.error {
            0 => {}
            -1 => return Err(BpfError::Misreads("it does not find the open directory")),
            _ => return Err(BpfError::Misreads("dentries are larger than expected")),
        }
        if state.runs == self.state.runs {
            self.skipped += 1;
            if self.skipped > SKIPPED {
                return Err(BpfError::Other("the kernel does not run it".into()));
            }
            return Ok(Ran {
                children: &[],
                kept: usize::MAX,
                found: &[],
                counts: self.state.counts,
                counted: None,
            });
        }
        self.skipped = 0;
        self.state = state;
        let children = &rows.child[..(state.children as usize).min(CHILDREN)];
        if state.list == 0 {
            self.wait_for(children);
        }
        let over = (state.at as usize).min(self.units.len());
        let found = &rows.found[..over];
        Ok(Ran {
            children,
            kept: state.kept as usize,
            found,
            counts: state.counts,
            counted: (over == self.units.len()).then(|| self.counted(found)),
        })
    }

    fn counted(&mut self, found: &[Found]) -> Vec<Counted> {
        let units = self.units.iter().zip(found).zip(&mut self.children);
        units
            .map(|((unit, found), children)| {
                // The root's is found by the program.
                let dentry = if unit.parent == 0 {
                    self.state.dir
                } else {
                    unit.dentry
                };
                Counted::new(dentry, found, std::mem::take(children))
            })
            .collect()
    }

    fn wait_for(&mut self, found: &[Child]) {
        if let Some(children) = self.children.get_mut(self.state.kept_of as usize) {
            children.truncate(self.state.kept as usize);
        }
        for child in found {
            if let Some(children) = self.children.get_mut(child.of as usize) {
                children.push(Waiting {
                    dentry: child.dentry,
                    hash_len: child.hash_len,
                });
            }
        }
    }

    /// What the program knows of this kernel: `KNOWN_`.
    pub(super) fn known(&self) -> u32 {
        self.state.known
    }

    /// The longest run so far.
    pub(super) fn held(&self) -> Duration {
        Duration::from_nanos(self.state.held_ns)
    }
}

/// No directory can have more children than the machine has dentries; twice as many are met only
/// where the list is changed as fast as it is read.
pub(super) fn limit() -> u64 {
    let text = fs::read_to_string("/proc/sys/fs/dentry-state");
    let total = text.ok().and_then(|text| {
        let total = text.split_ascii_whitespace().next()?;
        total.parse::<u64>().ok()
    });
    total.map_or(u64::MAX, |total| total.saturating_mul(2).max(100_000))
}
