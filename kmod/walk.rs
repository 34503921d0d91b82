// SPDX-License-Identifier: GPL-2.0

//! The walk: an explicit stack of directories, deepest last, each with its cursor. It goes on
//! only while its reader reads, and can stand still anywhere between two batches.

use crate::{
    abi::{
        self,
        Begin,
        Counters, //
    },
    buffer::Buffer,
    dcache::{
        Entered,
        Evict,
        Left,
        Limits,
        Root,
        SpareCursor,
        Stay, //
    },
    inodes::{
        self,
        Held,
        Hold, //
    },
    root::Who,
};
use kernel::{
    prelude::*,
    time::{
        Delta,
        Instant,
        Monotonic, //
    },
};

/// How many directories deep a walk can stand.
pub(crate) const MAX_DEPTH: usize = 256;

/// Bytes of records that wait to be read.
pub(crate) const BUFFER: usize = 64 << 10;

/// A session takes no more than 256 KiB: for each directory it stands in a frame and a cursor of 192
/// bytes, where no debugging makes dentries larger; the records; all inodes that are held.
const _: () = assert!(
    MAX_DEPTH * (core::mem::size_of::<Frame>() + 192) + BUFFER + (256 * 8 + 40) <= 256 << 10
);

/// Bounds of one hold of a directory's lock, in children and in time. A walk that evicts takes a
/// lock for each child, and so handles fewer. A lookup there waits as long: on PREEMPT_RT, too,
/// where the lock does not show that it is waited for.
const CENSUS: Limits = Limits {
    children: 1024,
    ns: 500_000,
};
const PRUNE: Limits = Limits {
    children: 256,
    ns: 200_000,
};

/// How long a `read()` walks before it returns what it has.
const SLICE: Delta = Delta::from_millis(100);

/// The same until a first slice is over: the first figures are wanted soon.
const FIRST_SLICE: Delta = Delta::from_millis(10);

/// How long inodes that are held are handled before the walk looks about; one that is being written
/// may take longer.
const HANDLE_NS: u64 = 10_000_000;

/// A directory on the stack.
struct Frame {
    entered: Entered,
    ino: u64,
    own: Counters,
    below: Counters,
    /// Children that hold a reference to the directory and stay.
    refs: u64,
    partial: bool,
    /// All children were seen.
    at_end: bool,
}

/// A walk under way.
pub(crate) struct Walk {
    /// Innermost last; empty once the walk has ended.
    frames: KVVec<Frame>,
    /// Allocated before a directory is pinned, so that entering it cannot fail.
    spare: Option<SpareCursor>,
    /// Inodes of the innermost directory's children, to be handled before the walk goes on.
    held: Option<Held>,
    /// Pages that wait in lists of their CPUs are yet to be counted as what they are.
    drains: bool,
    pub(crate) begin: Begin,
    evict: Evict,
    limits: Limits,
    /// The frame of which `held` holds children's inodes.
    holder: usize,
    pub(crate) dev: u64,
    pub(crate) total: Counters,
    pub(crate) status: u32,
    walked: Delta,
    /// What `walked` was at the last PROGRESS record.
    reported: Delta,
    /// Until the prune is logged.
    pub(crate) who: Option<Who>,
    /// Dropped last: keeps the superblock.
    pub(crate) root: Root,
}

impl Walk {
    /// Starts a walk of what [`Begin`], which was checked, asks for.
    pub(crate) fn new(root: Root, begin: Begin) -> Result<Self> {
        let evict = match begin.mode {
            _ if !begin.changes() => Evict::Nothing,
            abi::MODE_NEGATIVE => Evict::Negative,
            abi::MODE_DENTRIES | abi::MODE_INODES => Evict::Unused,
            _ => Evict::Nothing,
        };
        let held = hold(&begin);
        let mut limits = match (evict, held) {
            (Evict::Nothing, None) => CENSUS,
            _ => PRUNE,
        };
        if begin.batch != 0 {
            limits.children = begin.batch.min(limits.children);
        }
        let mut frames = KVVec::with_capacity(MAX_DEPTH, GFP_KERNEL_ACCOUNT)?;
        let dir = root.dir();
        let dev = dir.dev();
        let frame = Frame::new(SpareCursor::new(&dir)?.enter(dir)?, 0);
        frames.push(frame, GFP_KERNEL)?;
        let write_back = begin.flags & abi::BEGIN_WRITEBACK != 0;
        let held = held
            .map(|how| Held::new(&root, how, write_back))
            .transpose()?;
        let drains = held.is_some() && begin.changes();
        let who = begin.changes().then(Who::current);
        Ok(Self {
            frames,
            spare: None,
            held,
            drains,
            begin,
            evict,
            limits,
            holder: 0,
            dev,
            total: Counters::default(),
            status: abi::STATUS_COMPLETE,
            walked: Delta::ZERO,
            reported: Delta::ZERO,
            who,
            root,
        })
    }

    /// Whether the last record was written.
    pub(crate) fn ended(&self) -> bool {
        self.frames.is_empty()
    }

    /// What was counted so far.
    pub(crate) fn total(&self) -> &Counters {
        &self.total
    }

    /// Takes note of why not all is walked; the first reason that ends the walk stays.
    pub(crate) fn stop(&mut self, status: u32) {
        if !self.is_stopped() {
            self.status = status;
        }
    }

    /// Whether nothing new is entered or evicted any more.
    fn is_stopped(&self) -> bool {
        !matches!(
            self.status,
            abi::STATUS_COMPLETE | abi::STATUS_DEPTH | abi::STATUS_MOVED
        )
    }

    /// Takes note that a directory was left out; the walk goes on.
    fn leave_out(&mut self, status: u32) {
        self.stop(status);
        self.set_partial();
    }

    /// Walks until the buffer is full, a slice of time is over, a signal is pending, or the end.
    pub(crate) fn run(&mut self, out: &mut Buffer) -> Result {
        let start = Instant::<Monotonic>::now();
        let result = self.run_slice(start, out);
        self.walked += start.elapsed();
        result
    }

    fn run_slice(&mut self, start: Instant<Monotonic>, out: &mut Buffer) -> Result {
        if core::mem::take(&mut self.drains) {
            inodes::drain();
        }
        while !self.ended() && out.room() >= 3 * abi::MAX_RECORD {
            if kernel::current!().signal_pending() {
                // Stopped or frozen, the caller goes on as if nothing had been; a handler decides.
                return if out.is_empty() {
                    Err(ERESTARTSYS)
                } else {
                    Ok(())
                };
            }
            self.step(out)?;
            let walked = self.walked + start.elapsed();
            self.check_bounds(walked);
            let slice = if walked < SLICE { FIRST_SLICE } else { SLICE };
            if walked - self.reported >= slice && !self.ended() {
                self.reported = walked;
                let total = self.as_told(&self.total);
                return self.put(out, abi::REC_PROGRESS, 0, 0, &[&total]);
            }
        }
        Ok(())
    }

    fn check_bounds(&mut self, walked: Delta) {
        let Begin {
            max_dentries,
            max_ns,
            ..
        } = self.begin;
        let done = match self.begin.mode {
            _ if !self.begin.changes() => self.total.total,
            abi::MODE_PAGES => self.total.evict_attempted,
            _ => self.total.moved,
        };
        if max_dentries != 0 && done >= max_dentries {
            self.stop(abi::STATUS_MAX_DENTRIES);
        }
        if max_ns != 0 && walked.as_nanos() as u64 >= max_ns {
            self.stop(abi::STATUS_MAX_TIME);
        }
    }

    /// One batch of the innermost directory, or its end.
    fn step(&mut self, out: &mut Buffer) -> Result {
        if self.is_stopped() {
            if let Some(held) = &mut self.held {
                held.release();
            }
            self.set_partial();
            return self.leave(out);
        }
        let depth = self.frames.len().saturating_sub(1);
        let Some(frame) = self.frames.last_mut() else {
            return Ok(());
        };
        // A filesystem may be frozen at any time.
        let changes = self.begin.changes();
        self.root
            .check(changes, self.begin.flags & abi::BEGIN_ANY_FS != 0)?;
        if let Some(held) = self.held.as_mut().filter(|held| !held.is_empty()) {
            let found = held.handle(HANDLE_NS);
            if let Some(parent) = self.frames.get_mut(self.holder) {
                parent.own.add(&found);
            }
            self.total.add(&found);
            return Ok(());
        }
        if frame.at_end {
            return self.leave(out);
        }
        if self.spare.is_none() {
            self.spare = Some(SpareCursor::new(frame.entered.dir())?);
        }
        if changes && depth > 0 && !self.is_in_place() {
            self.leave_out(abi::STATUS_MOVED);
            return self.leave(out);
        }
        self.batch(out)
    }

    /// Whether the innermost directory is still below the one that the walk began at.
    fn is_in_place(&self) -> bool {
        match (self.frames.first(), self.frames.last()) {
            (Some(root), Some(frame)) => frame.entered.dir().is_below(root.entered.dir()),
            _ => true,
        }
    }

    fn set_partial(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.partial = true;
        }
    }

    fn batch(&mut self, out: &mut Buffer) -> Result {
        let depth = self.frames.len();
        self.holder = depth.saturating_sub(1);
        let Some(frame) = self.frames.last_mut() else {
            return Ok(());
        };
        let entered = &mut frame.entered;
        let mut batch = if self.begin.mode == abi::MODE_LIST {
            entered.list(self.limits, out, 2 * abi::MAX_RECORD)
        } else {
            entered.batch(self.evict, self.limits, self.held.as_mut())
        };
        frame.own.add(batch.found());
        frame.refs += batch.refs();
        self.total.add(batch.found());
        frame.at_end = batch.end();
        let Some(child) = batch.take_child() else {
            // What is held is handled first.
            let held = self.held.as_ref().is_some_and(|held| !held.is_empty());
            return if batch.end() && !held {
                self.leave(out)
            } else {
                Ok(())
            };
        };
        if depth == MAX_DEPTH {
            self.leave_out(abi::STATUS_DEPTH);
            self.count(|found| found.pinned += 1);
            drop(child);
            return Ok(());
        }
        let Some(spare) = self.spare.take() else {
            return Err(EINVAL); // step() has just filled it
        };
        // Within the capacity, so this does not allocate.
        self.frames
            .push(Frame::new(spare.enter(child)?, batch.ino()), GFP_KERNEL)?;
        if depth as u32 <= self.begin.depth {
            self.put_name(out, &batch)?;
        }
        Ok(())
    }

    /// Counts something about a child of the innermost directory.
    fn count(&mut self, count: impl Fn(&mut Counters)) {
        if let Some(frame) = self.frames.last_mut() {
            count(&mut frame.own);
        }
        count(&mut self.total);
    }

    /// Leaves the innermost directory, and counts it in its parent.
    fn leave(&mut self, out: &mut Buffer) -> Result {
        let depth = self.frames.len().saturating_sub(1);
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let Frame {
            entered,
            ino,
            own,
            mut below,
            refs,
            partial,
            at_end: _,
        } = frame;
        let evict = self.evict == Evict::Unused && depth > 0 && !partial;
        let dir = entered.into_dir();
        let left = dir.leave(refs, evict, self.held.as_mut());
        self.holder = depth.saturating_sub(1);
        below.add(&own);
        let Some(parent) = self.frames.last_mut() else {
            return self.end(out);
        };
        parent.below.add(&below);
        let stays = partial || below.in_use + below.pinned > 0;
        self.count_left(&left, stays, partial);
        if depth as u32 <= self.begin.depth {
            let mut flags = if partial { abi::REC_PARTIAL } else { 0 };
            if left.in_use() && !partial {
                flags |= abi::REC_IN_USE;
            }
            let (own, below) = (self.as_told(&own), self.as_told(&below));
            self.put(out, abi::REC_LEAVE, flags, ino, &[&own, &below])?;
        }
        Ok(())
    }

    /// Counts a directory that was left: whether it stays could not be said before its children
    /// were seen.
    fn count_left(&mut self, left: &Left, stays: bool, partial: bool) {
        if left.evicted() {
            if let Some(parent) = self.frames.last_mut() {
                parent.refs = parent.refs.saturating_sub(1);
            }
        }
        let busy = self.evict == Evict::Unused;
        let dry = self.held.is_some() && !self.begin.changes();
        self.count(|found| {
            if left.evicted() {
                found.moved += 1;
            } else if left.in_use() && !partial {
                found.in_use += 1;
                return;
            } else if stays {
                found.pinned += 1;
                return;
            } else if busy {
                found.busy += 1;
            }
            found.prunable += 1;
            found.external_names += u64::from(left.external_bytes != 0);
            found.external_bytes += left.external_bytes;
            match left.sole_user().filter(|_| dry) {
                Some(Stay::Not) => found.inodes_prunable += 1,
                Some(Stay::Dirty) => found.skipped_dirty += 1,
                Some(Stay::Unsynced) => found.unsynced += 1,
                Some(Stay::Failed) => found.write_failed += 1,
                None => {}
            }
        });
    }

    fn end(&mut self, out: &mut Buffer) -> Result {
        self.log();
        let total = self.as_told(&self.total);
        self.put(out, abi::REC_TOTAL, self.status, 0, &[&total])
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        self.log();
        // Innermost first, as a walk leaves them.
        while self.frames.pop().is_some() {}
    }
}

impl Begin {
    /// Whether anything is evicted, or written.
    pub(crate) fn changes(&self) -> bool {
        self.prunes() && self.flags & abi::BEGIN_DRY_RUN == 0
    }

    /// Whether the mode is one of a prune.
    pub(crate) fn prunes(&self) -> bool {
        matches!(
            self.mode,
            abi::MODE_NEGATIVE | abi::MODE_DENTRIES | abi::MODE_INODES | abi::MODE_PAGES
        )
    }

    /// Whether the mode has to do with inodes.
    pub(crate) fn holds(&self) -> bool {
        matches!(self.mode, abi::MODE_INODES | abi::MODE_PAGES)
    }
}

/// What is done with inodes that are held; None: none are.
fn hold(begin: &Begin) -> Option<Hold> {
    match begin.mode {
        _ if !begin.holds() => None,
        _ if !begin.changes() => Some(Hold::Dirty),
        abi::MODE_INODES => Some(Hold::Evicted),
        _ => Some(Hold::Pages),
    }
}

impl Frame {
    fn new(entered: Entered, ino: u64) -> Self {
        Self {
            entered,
            ino,
            own: Counters::default(),
            below: Counters::default(),
            refs: 0,
            partial: false,
            at_end: false,
        }
    }
}
