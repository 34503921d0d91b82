//! A request to the BPF program: directories to count, run by run until all are.

use std::os::fd::{AsRawFd, BorrowedFd};

use super::layout::{CHILDREN, Child, Found, State, UNITS, Unit};
use super::load::{BpfError, Loaded};
use crate::abi::Counters;

/// How long a run may keep its processor: preemption is off meanwhile.
const RUN_NS: u64 = 200_000;

/// Runs that the kernel may skip (it does not let a program interrupt itself) before that is an error.
const SKIPPED: u32 = 1000;

/// Directories that are counted.
pub(super) struct Request {
    state: Box<State>,
    units: usize,
    /// Of each directory.
    children: Vec<Vec<Child>>,
    asked: bool,
    skipped: u32,
}

/// A directory that was counted.
pub(super) struct Counted {
    pub(super) found: Found,
    pub(super) children: Vec<Child>,
}

impl Request {
    /// The directory that is open. `limit`: see [`State::limit`].
    pub(super) fn root(dir: BorrowedFd<'_>, list: bool, limit: u64) -> Self {
        let mut request = Self::of(&[Unit::default()], limit);
        request.state.fd = dir.as_raw_fd();
        request.state.list = list.into();
        request
    }

    /// Up to [`UNITS`] directories that were found.
    pub(super) fn of(units: &[Unit], limit: u64) -> Self {
        let mut state = State::zeroed();
        let units = &units[..units.len().min(UNITS)];
        state.work[..units.len()].copy_from_slice(units);
        state.units = units.len() as u32;
        state.max_ns = RUN_NS;
        state.limit = limit;
        Self {
            state,
            units: units.len(),
            children: units.iter().map(|_| Vec::new()).collect(),
            asked: false,
            skipped: 0,
        }
    }

    /// One run. Whether all directories are counted.
    pub(super) fn run(&mut self, loaded: &mut Loaded) -> Result<bool, BpfError> {
        if !self.asked {
            loaded.ask(&self.state)?;
            self.asked = true;
        }
        let state = loaded.run()?;
        if state.error != 0 {
            return Err(BpfError::Misreads("it does not find the open directory"));
        }
        if state.runs == self.state.runs {
            self.skipped += 1;
            if self.skipped > SKIPPED {
                return Err(BpfError::Other("the kernel does not run it".into()));
            }
            return Ok(false);
        }
        self.skipped = 0;
        if let Some(children) = self.children.get_mut(state.kept_of as usize) {
            children.truncate(state.kept as usize);
        }
        for child in &state.child[..(state.children as usize).min(CHILDREN)] {
            if let Some(children) = self.children.get_mut(child.of as usize) {
                children.push(*child);
            }
        }
        self.state = state;
        Ok(self.state.at as usize >= self.units)
    }

    /// The children reported so far of the directory under way, which are taken out: of a list.
    pub(super) fn take_children(&mut self) -> Vec<Child> {
        self.children
            .first_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// What the program knows of this kernel: `KNOWN_`.
    pub(super) fn known(&self) -> u32 {
        self.state.known
    }

    /// All that was counted so far.
    pub(super) fn so_far(&self) -> Counters {
        let mut sum = Counters::default();
        let done = (self.state.at as usize).min(self.units);
        for found in &self.state.found[..done] {
            sum = crate::kernel::session::plus(sum, &found.counts.into());
        }
        if done < self.units {
            sum = crate::kernel::session::plus(sum, &self.state.counts.into());
        }
        sum
    }

    /// The directories, once all are counted.
    pub(super) fn counted(self) -> Vec<Counted> {
        let found = self.state.found.iter().copied();
        let both = found.zip(self.children);
        both.map(|(found, children)| Counted { found, children })
            .collect()
    }
}
