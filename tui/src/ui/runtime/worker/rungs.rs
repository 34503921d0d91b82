//! The wider rungs of the ladder, and the kernel's settings.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Work;
use crate::kernel::source::Source;
use crate::reclaim::ladder::{Place, ladder};
use crate::reclaim::tune::{self, SETTINGS};
use crate::reclaim::{
    Progress, ReclaimError, Reclaimer, carousel, carry_out, cgroup, everybody, pages, shrink,
    shrinker, superblock,
};
use crate::ui::model::{Ask, RungPlan, Setting};
use crate::ui::update::{EndedRung, Msg, RungMsg, SettingsMsg};

/// Interval of the progress messages.
const PACE: Duration = Duration::from_millis(100);

impl Work {
    pub(super) fn plan_rung(&mut self, job: u64, ask: Ask) -> Msg {
        self.tell_ladder(ask.path());
        let result = self.make_rung(job, &ask).map(|rung| {
            let rung = rung?;
            let now = rung.measure(&mut self.kernel);
            Some(RungPlan { ask, rung, now })
        });
        Msg::Rung(RungMsg::Planned { job, result })
    }

    /// Sends the ladder for a directory.
    pub(super) fn tell_ladder(&self, path: Option<&Path>) {
        let place = Place::read(&self.kernel, path);
        self.send(Msg::Ladder(ladder(&place)));
    }

    /// Makes a plan; None: it was ended.
    fn make_rung(
        &mut self,
        job: u64,
        ask: &Ask,
    ) -> Result<Option<Box<dyn Reclaimer>>, ReclaimError> {
        let rung: Box<dyn Reclaimer> = match ask {
            Ask::Pages { path, writeback } => {
                let request = pages::Request {
                    writeback: *writeback,
                    ..pages::Request::default()
                };
                let mut flow = self.flow(job);
                match pages::Plan::new(&self.kernel, path, request, &mut flow)? {
                    Some(plan) => Box::new(plan),
                    None => return Ok(None),
                }
            }
            Ask::Superblock { point, inodes } => {
                let request = superblock::Request {
                    inodes: *inodes,
                    ..superblock::Request::default()
                };
                let mut flow = self.flow(job);
                let plan = superblock::Plan::new(&mut self.kernel, point, request, &mut flow)?;
                Box::new(plan)
            }
            Ask::Cgroup { directory, amount } => {
                Box::new(cgroup::Plan::new(&self.kernel, directory, *amount, None)?)
            }
            Ask::Cache { name } => {
                let sample = self.kernel.sample();
                Box::new(shrink::ShrinkPlan::new(&self.root, name, &sample)?)
            }
            Ask::Carousel { path } => {
                let request = carousel::Request::default();
                let state = carousel::leftover::directory();
                let plan = carousel::Plan::new(&mut self.kernel, path, request, state)?;
                let mut flow = self.flow(job);
                match plan.list(&mut |target| carousel::names::cached(target, &mut flow))? {
                    Some(plan) => Box::new(plan),
                    None => return Ok(None),
                }
            }
            Ask::Everybody { what, sync } => {
                Box::new(everybody::Plan::new(&mut self.kernel, *what, *sync, None)?)
            }
        };
        Ok(Some(rung))
    }

    /// Reports the progress of a job at intervals, and returns whether it goes on.
    fn flow(&self, job: u64) -> impl FnMut(&Progress) -> ControlFlow<()> + use<> {
        let (events, cancelled) = (self.events.clone(), std::sync::Arc::clone(&self.cancelled));
        let start = self.start;
        let mut told: Option<Instant> = None;
        move |progress| {
            if told.is_none_or(|told| told.elapsed() >= PACE) {
                told = Some(Instant::now());
                let (at, progress) = (start.elapsed(), *progress);
                let msg = Msg::Rung(RungMsg::Progress { job, at, progress });
                // Nothing listens once the program ends.
                drop(events.send(crate::ui::runtime::msg(msg)));
            }
            cancelled.flow(job)
        }
    }

    pub(super) fn rung(&mut self, job: u64, plan: &RungPlan) -> Msg {
        let before = self.kernel.sample();
        let began = self.start.elapsed();
        let clock = super::acts::clock();
        self.send(Msg::Sample {
            at: began,
            sample: Box::new(before),
        });
        let mut flow = self.flow(job);
        let done = carry_out(&*plan.rung, &mut self.kernel, &self.audit, &mut flow);
        let sample = self.kernel.sample();
        let at = self.start.elapsed();
        let ended = Box::new(EndedRung {
            began,
            clock,
            done,
            sample,
        });
        Msg::Rung(RungMsg::Ended { job, at, ended })
    }

    /// What the shrinkers of superblocks could free, or why that is not known.
    pub(super) fn freeable(&self) -> HashMap<Arc<str>, Result<u64, String>> {
        let mut seen = BTreeSet::new();
        let mounts = self.kernel.mounts().unwrap_or_default().into_iter();
        let mounts = mounts.filter(|mount| seen.insert(mount.superblock.clone()));
        let shrinkers = shrinker::Shrinkers::read(&self.root);
        let shrinkers = shrinkers.as_ref().map_err(|why| *why);
        let count = |mount: crate::kernel::source::Mount| {
            let freeable = match shrinkers.and_then(|shrinkers| shrinkers.of(&mount)) {
                Ok(shrinker) => shrinker.count().map_err(|error| error.to_string()),
                Err(why) => Err(why.to_string()),
            };
            (mount.superblock, freeable)
        };
        mounts.map(count).collect()
    }

    pub(super) fn settings(&self) -> Msg {
        let setting = |setting: &tune::Setting| Setting {
            value: setting
                .read(&self.kernel)
                .map_err(|error| tune::why_not(setting, &error)),
            former: setting
                .former(&self.audit)
                .ok()
                .and_then(|former| former.value),
        };
        Msg::Settings(SettingsMsg::Read(SETTINGS.iter().map(setting).collect()))
    }

    /// Changes a setting; None: there is no such setting.
    pub(super) fn change(&self, which: usize, to: u64) -> Option<Msg> {
        let result = SETTINGS
            .get(which)?
            .set(&self.kernel, to, &self.audit)
            .map(|done| done.map(Box::new));
        let at = self.start.elapsed();
        Some(Msg::Settings(SettingsMsg::Changed { at, result }))
    }
}
