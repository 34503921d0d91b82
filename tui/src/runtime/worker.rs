//! The worker: one thread that does what takes long, one job after the other.

mod acts;
mod browse;
mod hotspots;
mod names;

use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Event;
use super::dentries::Dentries;
use super::gather::Gather;
use crate::audit;
use crate::census::{Census, Cost, stream};
use crate::holders::{self, Holders};
use crate::model::Part;
use crate::prune::{Plan, PruneError, Target};
use crate::session::Counters;
use crate::shrink;
use crate::source::{Kernel, Source, slab_attributes};
use crate::update::{Effect, Msg};

/// The thread's other end.
pub(super) struct Worker {
    effects: Sender<Effect>,
    /// All jobs up to this number are to end early.
    cancelled: Arc<AtomicU64>,
}

impl Worker {
    pub(super) fn start(
        start: Instant,
        root: PathBuf,
        audit: audit::Log,
        events: Sender<Event>,
    ) -> Self {
        let (effects, receiver) = channel();
        let cancelled = Arc::new(AtomicU64::new(0));
        let mut work = Work {
            start,
            events,
            cancelled: Arc::clone(&cancelled),
            kernel: Kernel::new(&root),
            dentries: Dentries::below(&root),
            root,
            audit,
        };
        thread::spawn(move || {
            for effect in receiver {
                if let Some(msg) = work.perform(effect) {
                    work.send(msg);
                }
            }
        });
        Self { effects, cancelled }
    }

    /// Takes an effect on; a cancellation overtakes all jobs.
    pub(super) fn take(&self, effect: Effect) {
        match effect {
            Effect::Cancel { job } => {
                self.cancelled.fetch_max(job, Ordering::Relaxed);
            }
            // The thread ends with the program alone.
            effect => drop(self.effects.send(effect)),
        }
    }
}

struct Work {
    start: Instant,
    events: Sender<Event>,
    cancelled: Arc<AtomicU64>,
    kernel: Kernel,
    dentries: Dentries,
    root: PathBuf,
    audit: audit::Log,
}

impl Work {
    fn send(&self, msg: Msg) {
        // Nobody listens any more once the program is ending.
        drop(self.events.send(super::msg(msg)));
    }

    fn perform(&mut self, effect: Effect) -> Option<Msg> {
        Some(match effect {
            Effect::Quit
            | Effect::Cancel { .. }
            | Effect::Refresh
            | Effect::Interval(_)
            | Effect::Mouse(_)
            | Effect::Suspend => return None,
            Effect::ReadAttributes { cache } => {
                let result = slab_attributes::read(&self.root, &cache);
                Msg::Attributes { cache, result }
            }
            Effect::PlanShrink { job, cache } => {
                let sample = self.kernel.sample();
                let result = shrink::Plan::new(&self.root, &cache, &sample);
                Msg::ShrinkPlanned { job, result }
            }
            Effect::Shrink { job, plan } => self.shrink(job, plan),
            Effect::ReadMounts => Msg::Mounts(self.kernel.mounts()),
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
            Effect::Plan { job, paths } => {
                let result = self.plan(job, &paths);
                Msg::Planned { job, result }
            }
            Effect::Holders { job, below } => Msg::Held {
                job,
                result: self.holders(job, &below),
            },
            Effect::Recount { job, below, mode } => {
                let result = self.recount(job, &below, mode);
                let at = self.start.elapsed();
                Msg::Recounted { job, at, result }
            }
            Effect::Prune { job, tasks, mode } => {
                self.prune(job, tasks, mode);
                return None;
            }
        })
    }

    fn census(
        &self,
        job: u64,
        path: &Path,
        rows: bool,
        lookup: bool,
    ) -> Result<Census, PruneError> {
        let before = self.dentries.now();
        let target = Target::open_if(path, lookup)?;
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
                // What was counted before is worth something.
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
        goes_on(&self.cancelled, job)
    }

    /// A plan for each directory; None: it was cancelled.
    fn plan(&self, job: u64, paths: &[PathBuf]) -> Result<Option<Vec<Plan>>, PruneError> {
        let mut plans = Vec::new();
        for path in paths {
            let target = Target::open(path)?;
            match Plan::new(target, &mut |so_far| self.progress(job, so_far))? {
                Some(plan) => plans.push(plan),
                None => return Ok(None),
            }
        }
        Ok(Some(plans))
    }

    /// Looks for those that hold what is below the directories, for so long at most.
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

    /// Tells how far a job has come and whether it goes on.
    fn progress(&self, job: u64, so_far: &Counters) -> ControlFlow<()> {
        let flow = self.goes_on(job);
        if flow.is_continue() {
            let at = self.start.elapsed();
            let so_far = Box::new(*so_far);
            self.send(Msg::Progress { job, at, so_far });
        }
        flow
    }
}

/// Whether a job goes on.
fn goes_on(cancelled: &AtomicU64, job: u64) -> ControlFlow<()> {
    if cancelled.load(Ordering::Relaxed) >= job {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}
