//! A walk by BPF: the worklist of directories, depth first, and the records that it yields, which are
//! those of the module's session.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant};

use super::layout::{Child, FOUND_CHANGED, FOUND_GONE, FOUND_PARTIAL, Found, UNITS};
use super::load::{BpfError, Loaded, give_back};
use super::request::{Counted, Request};
use crate::abi::Counters;
use crate::kernel::reader::Records;
use crate::kernel::session::plus;
use crate::kernel::session::{Entry, Record, SessionError, Status};

/// How often the walk reports how far it is.
const PROGRESS: Duration = Duration::from_millis(50);

/// A walk under way.
pub struct Walk<'d> {
    /// None: the walk has ended, and the program is free for the next.
    loaded: Option<Box<Loaded>>,
    root: BorrowedFd<'d>,
    kind: Kind,
    limit: u64,
    request: Option<Request>,
    /// Innermost last.
    frames: Vec<Frame>,
    total: Counters,
    status: Status,
    changed: bool,
    ready: VecDeque<Record>,
    reported: Instant,
}

enum Kind {
    /// Down to which depth directories are reported.
    Census { depth: u32 },
    /// Names that were reported already: part of a directory may be read again.
    List { seen: HashSet<u64> },
}

/// A directory that was entered.
struct Frame {
    own: Counters,
    below: Counters,
    found: Found,
    partial: bool,
    /// Its directories that are yet to be counted, the next one last.
    pending: Vec<Child>,
    /// Those that are counted, the next one last.
    counted: Vec<(Child, Counted)>,
}

impl<'d> Walk<'d> {
    /// Counts what is cached below `dir`.
    pub fn census(loaded: Box<Loaded>, dir: BorrowedFd<'d>, depth: u32) -> Self {
        Self::new(loaded, dir, Kind::Census { depth })
    }

    /// Lists the cached children of `dir`.
    pub fn list(loaded: Box<Loaded>, dir: BorrowedFd<'d>) -> Self {
        let seen = HashSet::new();
        Self::new(loaded, dir, Kind::List { seen })
    }

    fn new(loaded: Box<Loaded>, root: BorrowedFd<'d>, kind: Kind) -> Self {
        let limit = limit();
        let list = matches!(kind, Kind::List { .. });
        Self {
            loaded: Some(loaded),
            root,
            kind,
            limit,
            request: Some(Request::root(root, list, limit)),
            frames: Vec::new(),
            total: Counters::default(),
            status: Status::Complete,
            changed: false,
            ready: VecDeque::new(),
            reported: Instant::now(),
        }
    }

    /// One run, or one directory left.
    fn step(&mut self) -> Result<(), SessionError> {
        if self.status == Status::Stopped {
            self.request = None;
            self.leave();
            return Ok(());
        }
        if let Some(mut request) = self.request.take() {
            return self.run(&mut request).map(|done| {
                if done {
                    self.take(request);
                } else {
                    self.request = Some(request);
                }
            });
        }
        let Some(frame) = self.frames.last_mut() else {
            self.end();
            return Ok(());
        };
        if let Some((child, counted)) = frame.counted.pop() {
            self.enter(&child, counted);
        } else if frame.pending.is_empty() {
            self.leave();
        } else {
            let from = frame.pending.len().saturating_sub(UNITS);
            let units: Vec<_> = frame.pending[from..]
                .iter()
                .map(|child| child.unit)
                .collect();
            self.request = Some(Request::of(&units, self.limit));
        }
        Ok(())
    }

    fn run(&mut self, request: &mut Request) -> Result<bool, SessionError> {
        let Some(loaded) = &mut self.loaded else {
            return Ok(true);
        };
        let done = request.run(loaded).map_err(SessionError::Bpf)?;
        let knows_flags = loaded.kind().knows_flags();
        if let Kind::List { seen } = &mut self.kind {
            for child in request.take_children() {
                if seen.insert(child.unit.dentry ^ child.unit.hash_len.rotate_left(17)) {
                    let name = OsString::from_vec(child.name().to_vec());
                    let entry = Entry::new(name, child.ino, child.flags, knows_flags);
                    self.ready.push_back(Record::Entry(entry));
                }
            }
        } else if self.reported.elapsed() >= PROGRESS && !done {
            self.reported = Instant::now();
            let so_far = plus(self.total, &request.so_far());
            self.ready.push_back(Record::Progress(Box::new(so_far)));
        }
        Ok(done)
    }

    /// Takes the answer to a request: of the directory where the walk begins, or of some of the
    /// innermost one's.
    fn take(&mut self, request: Request) {
        let mut counted = request.counted();
        if let Some(frame) = self.frames.last_mut() {
            let from = frame.pending.len().saturating_sub(counted.len());
            let children = frame.pending.drain(from..);
            frame.counted = children.zip(counted).collect();
            return;
        }
        if let Some(root) = counted.pop() {
            self.push(root);
        }
    }

    fn push(&mut self, counted: Counted) {
        let Counted {
            found,
            mut children,
        } = counted;
        // In the kernel's order, the next one last.
        children.reverse();
        let own = Counters::from(found.counts);
        self.total = plus(self.total, &own);
        self.changed |= found.flags & (FOUND_CHANGED | FOUND_GONE) != 0;
        let partial = found.flags & (FOUND_PARTIAL | FOUND_GONE) != 0;
        if found.flags & FOUND_PARTIAL != 0 && self.status == Status::Complete {
            self.status = Status::Bound;
        }
        self.frames.push(Frame {
            own,
            below: Counters::default(),
            found,
            partial,
            pending: children,
            counted: Vec::new(),
        });
    }

    fn enter(&mut self, child: &Child, counted: Counted) {
        if self.is_reported(self.frames.len()) {
            let name = OsString::from_vec(child.name().to_vec());
            let ino = child.ino;
            self.ready.push_back(Record::Enter { name, ino });
        }
        self.push(counted);
    }

    /// Whether a directory so many levels below the root has records.
    fn is_reported(&self, depth: usize) -> bool {
        match self.kind {
            Kind::Census { depth: most } => depth <= most as usize,
            Kind::List { .. } => false,
        }
    }

    /// Leaves the innermost directory, and counts it in its parent: whether it would go can be said
    /// only now.
    fn leave(&mut self) {
        let Some(frame) = self.frames.pop() else {
            return self.end();
        };
        let below = plus(frame.below, &frame.own);
        let depth = self.frames.len();
        let Some(parent) = self.frames.last_mut() else {
            return self.end();
        };
        let partial = frame.partial || self.status == Status::Stopped;
        let in_use = frame.found.extra > 0 && !partial;
        let mut itself = Counters::default();
        if in_use {
            itself.in_use = 1;
        } else if partial || below.in_use + below.pinned > 0 {
            itself.pinned = 1;
        } else {
            itself.prunable = 1;
            itself.external_names = u64::from(frame.found.external_bytes != 0);
            itself.external_bytes = frame.found.external_bytes;
        }
        parent.own = plus(parent.own, &itself);
        parent.below = plus(parent.below, &below);
        parent.partial |= self.status == Status::Stopped;
        self.total = plus(self.total, &itself);
        if self.is_reported(depth) {
            self.ready.push_back(Record::Leave {
                own: Box::new(frame.own),
                below: Box::new(below),
                partial,
                in_use,
            });
        }
    }

    fn end(&mut self) {
        if let Some(loaded) = self.loaded.take() {
            give_back(loaded);
            self.ready.push_back(Record::Total {
                status: self.status,
                counters: Box::new(self.total),
            });
        }
    }

    /// After an error nothing of the walk is of use.
    fn fail(&mut self) {
        self.loaded = None;
        self.request = None;
        self.frames.clear();
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Record, SessionError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Some(Ok(record));
            }
            self.loaded.as_ref()?;
            if let Err(error) = self.step() {
                self.fail();
                return Some(Err(error));
            }
        }
    }
}

impl Records for Walk<'_> {
    fn stop(&mut self) -> Result<(), SessionError> {
        self.status = Status::Stopped;
        Ok(())
    }

    fn changed(&self) -> bool {
        self.changed
    }
}

impl std::fmt::Debug for Walk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk")
            .field("root", &self.root)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        if let Some(loaded) = self.loaded.take() {
            give_back(loaded);
        }
    }
}

/// No directory can have more children than the machine has dentries; twice as many are met only
/// where the list is changed as fast as it is read.
fn limit() -> u64 {
    let text = fs::read_to_string("/proc/sys/fs/dentry-state");
    let total = text.ok().and_then(|text| {
        let total = text.split_ascii_whitespace().next()?;
        total.parse::<u64>().ok()
    });
    total.map_or(u64::MAX, |total| total.saturating_mul(2).max(100_000))
}

/// The first run of a fresh program: `list` of one directory, by name.
pub(super) fn names(
    loaded: &mut Loaded,
    dir: BorrowedFd<'_>,
    each: &mut dyn FnMut(&Child) -> bool,
) -> Result<u32, BpfError> {
    let mut request = Request::root(dir, true, limit());
    loop {
        let done = request.run(loaded)?;
        let found = request.take_children().iter().any(&mut *each);
        if done || found {
            return Ok(request.known());
        }
    }
}
