//! The worker: one thread that does long jobs, one after the other.

mod acts;
mod browse;
mod cancelled;
mod hotspots;
mod names;
mod rungs;

use std::convert::Infallible;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::Event;
use super::dentries::Dentries;
use super::gather::Gather;
use crate::cache::census::{Census, stream};
use crate::cache::holders::{self, Holders};
use crate::kernel::session::Counters;
use crate::kernel::source::dentry_state::Cost;
use crate::kernel::source::{Kernel, cgroups, slab_attributes};
use crate::kernel::target::{LookError, Target};
use crate::reclaim::audit;
use crate::reclaim::prune::PrunePlan;
use crate::ui::model::Part;
use crate::ui::update::{Effect, Msg, NamesEffect};
use cancelled::Cancelled;

/// The thread's other end.
pub(super) struct Worker {
    effects: Sender<Effect>,
    cancelled: Arc<Cancelled>,
    /// The job under way leaves something behind: see [`leaves`].
    leaving: Arc<AtomicBool>,
    /// Is closed at the thread's end.
    ended: Receiver<Infallible>,
}

impl Worker {
    pub(super) fn start(
        start: Instant,
        root: PathBuf,
        audit: audit::Log,
        events: Sender<Event>,
    ) -> io::Result<Self> {
        let (effects, receiver) = channel();
        let (end, ended) = channel();
        let cancelled = Arc::new(Cancelled::default());
        let leaving = Arc::new(AtomicBool::new(false));
        let mut work = Work {
            start,
            events,
            cancelled: Arc::clone(&cancelled),
            kernel: Kernel::new(&root),
            dentries: Dentries::below(&root),
            root,
            audit,
        };
        let leaves_now = Arc::clone(&leaving);
        super::thread(move || {
            let _end: Sender<Infallible> = end;
            for effect in receiver {
                leaves_now.store(leaves(&effect), Ordering::SeqCst);
                if work.cancelled.is_all() {
                    return;
                }
                if let Some(msg) = work.perform(effect) {
                    work.send(msg);
                }
                leaves_now.store(false, Ordering::SeqCst);
            }
        })?;
        Ok(Self {
            effects,
            cancelled,
            leaving,
            ended,
        })
    }

    /// Ends all jobs. It waits only for one that leaves something behind, and for at most
    /// `LONGEST`: the job may be on a server that does not answer.
    pub(super) fn finish(self) {
        const LONGEST: Duration = Duration::from_secs(5);
        self.cancelled.all();
        drop(self.effects);
        if self.leaving.load(Ordering::SeqCst) {
            // It is an error in any case: nothing is ever sent.
            let _ = self.ended.recv_timeout(LONGEST);
        }
    }

    /// Accepts an effect; a cancellation overtakes waiting ones.
    pub(super) fn take(&self, effect: Effect) {
        match effect {
            Effect::Cancel { job } => self.cancelled.job(job),
            // The thread ends with the program alone.
            effect => drop(self.effects.send(effect)),
        }
    }
}

/// Whether it must reach its end: otherwise an audit line would be missing, or half a file would
/// stay.
fn leaves(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Prune { .. }
            | Effect::Rung { .. }
            | Effect::Change { .. }
            | Effect::Save(_)
            | Effect::Names(NamesEffect::Export { .. })
    )
}

struct Work {
    start: Instant,
    events: Sender<Event>,
    cancelled: Arc<Cancelled>,
    kernel: Kernel,
    dentries: Dentries,
    root: PathBuf,
    audit: audit::Log,
}

impl Work {
    fn send(&self, msg: Msg) {
        // Nothing listens once the program ends.
        drop(self.events.send(super::msg(msg)));
    }

    fn perform(&mut self, effect: Effect) -> Option<Msg> {
        Some(match effect {
            Effect::Quit
            | Effect::Cancel { .. }
            | Effect::Refresh
            | Effect::Interval(_)
            | Effect::Mouse(_)
            | Effect::Copy(_)
            | Effect::Who(_)
            | Effect::Suspend => return None,
            Effect::ReadAttributes { cache } => {
                let result = slab_attributes::read(&self.root, &cache);
                Msg::Attributes { cache, result }
            }
            Effect::ReadMounts => {
                let read = self.kernel.mounts_and_gap();
                let gap = read.as_ref().ok().and_then(|(_, gap)| gap.clone());
                self.send(Msg::MountsGap(gap));
                Msg::Mounts(read.map(|(mounts, _)| mounts))
            }
            Effect::ReadFreeable => Msg::Freeable(self.freeable()),
            Effect::ReadCgroups { job } => {
                let result = cgroups::read(&self.root, &mut || self.goes_on(job));
                let at = self.start.elapsed();
                Msg::Cgroups { job, at, result }
            }
            Effect::ReadMountsOf { pid } => {
                let result = self.kernel.mounts_of(pid);
                Msg::MountsOf { pid, result }
            }
            Effect::Census {
                job,
                path,
                rows,
                lookup,
            } => {
                let result = self.census(job, &path, rows, lookup);
                let at = self.start.elapsed();
                Msg::Counted { job, at, result }
            }
            Effect::Hotspots { job } => self.hotspots(job),
            Effect::Names(effect) => self.names(effect),
            Effect::Browse(effect) => self.browse(effect),
            Effect::Plan { job, paths, layers } => {
                self.tell_ladder(paths.first().map(PathBuf::as_path));
                let result = self.plan(job, &paths, layers);
                Msg::Planned { job, result }
            }
            Effect::PlanRung { job, ask } => self.plan_rung(job, ask),
            Effect::Rung { job, plan } => self.rung(job, &plan),
            Effect::Save(changes) => Msg::Saved(crate::ui::config::save(&changes)),
            Effect::ReadSettings => self.settings(),
            Effect::Change { which, to } => return self.change(which, to),
            Effect::Holders { job, below } => Msg::Held {
                job,
                result: self.holders(job, &below),
            },
            Effect::Recount { job, below, mode } => {
                let result = self.recount(job, &below, mode);
                let at = self.start.elapsed();
                Msg::Recounted { job, at, result }
            }
            Effect::Prune {
                job,
                tasks,
                mode,
                writeback,
            } => {
                self.prune(job, tasks, mode, writeback);
                return None;
            }
        })
    }

    fn census(&self, job: u64, path: &Path, rows: bool, lookup: bool) -> Result<Census, LookError> {
        let before = self.dentries.now();
        let target = Target::open_if(path, lookup, &mut || self.goes_on(job))?;
        let opened = self.dentries.now();
        let mut gather = Gather::default();
        let result = stream(target.dir.as_fd(), rows.into(), &mut |seen| {
            if let Some(part) = gather.see(seen, Instant::now()) {
                self.part(job, part);
            }
            self.goes_on(job)
        });
        match result {
            Ok(mut census) => {
                census.cost = Cost::between(before, opened, self.dentries.now());
                Ok(gather.finish(census))
            }
            Err(error) => {
                // The counts so far are worth something.
                self.part(job, gather.all());
                Err(error.into())
            }
        }
    }

    fn part(&self, job: u64, part: Part) {
        let at = self.start.elapsed();
        let part = Box::new(part);
        self.send(Msg::Counting { job, at, part });
    }

    fn goes_on(&self, job: u64) -> ControlFlow<()> {
        self.cancelled.flow(job)
    }

    /// A plan for each directory; None: it was cancelled. Not each of an overlay's layers has each
    /// of its directories.
    fn plan(
        &self,
        job: u64,
        paths: &[PathBuf],
        layers: bool,
    ) -> Result<Option<Vec<PrunePlan>>, LookError> {
        let mut plans = Vec::new();
        let mut missing = None;
        for path in paths {
            let target = match Target::open(path, &mut || self.goes_on(job)) {
                Err(error) if layers && error.is_missing() => {
                    missing = Some(error);
                    continue;
                }
                opened => opened?,
            };
            match PrunePlan::new(target, &mut self.progress(job))? {
                Some(plan) => plans.push(plan),
                None => return Ok(None),
            }
        }
        match missing {
            Some(error) if plans.is_empty() => Err(error),
            _ => Ok(Some(plans)),
        }
    }

    /// Scans for processes that hold what is below the directories, for a bounded time.
    fn holders(&self, job: u64, below: &[PathBuf]) -> io::Result<Holders> {
        const LONGEST: Duration = Duration::from_secs(10);
        let begin = Instant::now();
        holders::scan(&self.root.join("proc"), below, &mut || {
            if begin.elapsed() > LONGEST {
                return ControlFlow::Break(());
            }
            self.goes_on(job)
        })
    }

    /// Reports the progress of a job, and returns whether it goes on.
    fn progress(&self, job: u64) -> impl FnMut(&Counters) -> ControlFlow<()> + use<> {
        let (events, cancelled) = (self.events.clone(), Arc::clone(&self.cancelled));
        let start = self.start;
        move |so_far| {
            let flow = cancelled.flow(job);
            if flow.is_continue() {
                let (at, so_far) = (start.elapsed(), Box::new(*so_far));
                // The receiver is gone once the program ends.
                drop(events.send(super::msg(Msg::Progress { job, at, so_far })));
            }
            flow
        }
    }
}

#[cfg(test)]
mod tests;
