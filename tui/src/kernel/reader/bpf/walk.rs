//! A walk by BPF: the worklist of directories, depth first, and the records that it yields, which are
//! those of the module's session.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant};

use super::layout::{FOUND_CHANGED, FOUND_GONE, FOUND_PARTIAL};
use super::load::Loaded;
use super::pool::give_back;
use super::request::{Counted, Request, Waiting, limit};
use super::told::Told;
use crate::abi::Counters;
use crate::kernel::reader::Records;
use crate::kernel::session::plus;
use crate::kernel::session::{Entry, Record, SessionError, Status};

/// Interval of the walk's progress reports.
const PROGRESS: Duration = Duration::from_millis(50);

/// A walk under way.
pub struct Walk<'d> {
    /// None: the walk has ended, and the program is free for the next.
    loaded: Option<Box<Loaded>>,
    root: BorrowedFd<'d>,
    kind: Kind,
    limit: u64,
    request: Option<Request>,
    /// Directories that are entered, innermost last.
    frames: Vec<Frame>,
    total: Counters,
    status: Status,
    changed: bool,
    ready: VecDeque<Record>,
    reported: Instant,
    held: Duration,
}

enum Kind {
    /// Directories are reported down to `depth`.
    Census { depth: u32 },
    /// What was listed already: part of a directory may be read again.
    List(Told),
}

/// A directory that was entered.
struct Frame {
    own: Counters,
    below: Counters,
    dentry: u64,
    extra: i32,
    external_bytes: u64,
    partial: bool,
    /// Counted anew in part, or gone, or something below it was.
    changed: bool,
    /// It was no longer there: its counts are none, and its name is not known.
    gone: bool,
    /// Whether it has records.
    reported: bool,
    /// Its directories that are yet to be counted, the next one last.
    pending: Vec<Waiting>,
    /// Those that are counted, the next one last.
    counted: Vec<Counted>,
}

impl<'d> Walk<'d> {
    /// Counts what is cached below `dir`.
    pub fn census(loaded: Box<Loaded>, dir: BorrowedFd<'d>, depth: u32) -> Self {
        Self::new(loaded, dir, Kind::Census { depth })
    }

    /// Lists the cached children of `dir`.
    pub fn list(loaded: Box<Loaded>, dir: BorrowedFd<'d>) -> Self {
        Self::new(loaded, dir, Kind::List(Told::default()))
    }

    fn new(loaded: Box<Loaded>, root: BorrowedFd<'d>, kind: Kind) -> Self {
        let limit = limit();
        let request = match kind {
            Kind::Census { .. } => Request::root(root, limit),
            Kind::List(_) => Request::list(root, limit),
        };
        Self {
            loaded: Some(loaded),
            root,
            kind,
            limit,
            request: Some(request),
            frames: Vec::new(),
            total: Counters::default(),
            status: Status::Complete,
            changed: false,
            ready: VecDeque::new(),
            reported: Instant::now(),
            held: Duration::ZERO,
        }
    }

    /// The longest time that one run kept its processor.
    pub fn held(&self) -> Duration {
        self.held
    }

    /// One run, or one directory left.
    fn step(&mut self) -> Result<(), SessionError> {
        if self.status == Status::Stopped {
            self.request = None;
            self.leave();
            return Ok(());
        }
        if let Some(mut request) = self.request.take() {
            let counted = self.run(&mut request)?;
            match counted {
                Some(counted) => self.take(counted),
                None => self.request = Some(request),
            }
            return Ok(());
        }
        let names = self.is_reported(self.frames.len());
        let Some(frame) = self.frames.last_mut() else {
            self.end();
            return Ok(());
        };
        if let Some(counted) = frame.counted.pop() {
            self.enter(counted);
        } else if frame.pending.is_empty() {
            self.leave();
        } else {
            let request = Request::last_of(&frame.pending, frame.dentry, names, self.limit);
            self.request = Some(request);
        }
        Ok(())
    }

    fn run(&mut self, request: &mut Request) -> Result<Option<Vec<Counted>>, SessionError> {
        let Some(loaded) = &mut self.loaded else {
            return Ok(Some(Vec::new()));
        };
        let knows_flags = loaded.kind().knows_flags();
        let ran = request.run(loaded).map_err(SessionError::Bpf)?;
        if let Kind::List(told) = &mut self.kind {
            told.keep(ran.kept);
            for child in ran.children {
                if told.is_new(child.dentry ^ child.hash_len.rotate_left(17)) {
                    let name = OsString::from_vec(child.name().to_vec());
                    let entry = Entry::new(name, child.ino, child.flags, knows_flags);
                    self.ready.push_back(Record::Entry(entry));
                }
            }
        } else if ran.counted.is_none() && self.reported.elapsed() >= PROGRESS {
            self.reported = Instant::now();
            let so_far = plus(self.total, &ran.so_far());
            self.ready.push_back(Record::Progress(Box::new(so_far)));
        }
        self.held = self.held.max(request.held());
        Ok(ran.counted)
    }

    /// Takes the answer to a request: of the directory where the walk begins, or of some of the
    /// innermost one's.
    fn take(&mut self, mut counted: Vec<Counted>) {
        if let Some(frame) = self.frames.last_mut() {
            let rest = frame.pending.len().saturating_sub(counted.len());
            frame.pending.truncate(rest);
            frame.counted = counted;
            return;
        }
        if let Some(root) = counted.pop() {
            self.push(root, false);
        }
    }

    fn push(&mut self, mut counted: Counted, reported: bool) {
        // In the kernel's order, the next one last.
        counted.children.reverse();
        let own = Counters::from(counted.counts);
        self.total = plus(self.total, &own);
        let changed = counted.flags & (FOUND_CHANGED | FOUND_GONE) != 0;
        self.changed |= changed;
        let partial = counted.flags & FOUND_PARTIAL != 0;
        if partial && self.status == Status::Complete {
            self.status = Status::Bound;
        }
        self.frames.push(Frame {
            own,
            below: Counters::default(),
            dentry: counted.dentry,
            extra: counted.extra,
            external_bytes: counted.external_bytes,
            partial,
            changed,
            gone: counted.flags & FOUND_GONE != 0,
            reported,
            pending: counted.children,
            counted: Vec::new(),
        });
    }

    fn enter(&mut self, mut counted: Counted) {
        // One that is gone has no name any more.
        let reported = self.is_reported(self.frames.len()) && !counted.name.is_empty();
        if reported {
            let name = OsString::from_vec(std::mem::take(&mut counted.name).into_vec());
            let ino = counted.ino;
            self.ready.push_back(Record::Enter { name, ino });
        }
        self.push(counted, reported);
    }

    /// Whether a directory `depth` levels below the root has records.
    fn is_reported(&self, depth: usize) -> bool {
        match self.kind {
            Kind::Census { depth: most } => depth <= most as usize,
            Kind::List(_) => false,
        }
    }

    /// Leaves the innermost directory, and counts it in its parent: only now is it known whether it
    /// could be evicted.
    fn leave(&mut self) {
        let Some(frame) = self.frames.pop() else {
            return self.end();
        };
        let below = plus(frame.below, &frame.own);
        let Some(parent) = self.frames.last_mut() else {
            return self.end();
        };
        let partial = frame.partial || self.status == Status::Stopped;
        // The total of its parent includes one that is gone: nothing is promised of it.
        let known = !partial && !frame.gone;
        let in_use = frame.extra > 0 && known;
        let mut itself = Counters::default();
        if in_use {
            itself.in_use = 1;
        } else if !known || below.in_use + below.pinned > 0 {
            itself.pinned = 1;
        } else {
            itself.prunable = 1;
            itself.external_names = u64::from(frame.external_bytes != 0);
            itself.external_bytes = frame.external_bytes;
        }
        parent.own = plus(parent.own, &itself);
        parent.below = plus(parent.below, &below);
        parent.partial |= self.status == Status::Stopped;
        parent.changed |= frame.changed;
        self.total = plus(self.total, &itself);
        if frame.reported {
            self.ready.push_back(Record::Leave {
                own: Box::new(frame.own),
                below: Box::new(below),
                partial,
                in_use,
                changed: frame.changed,
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
