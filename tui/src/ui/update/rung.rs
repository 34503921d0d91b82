//! From the key to the ledger of a wider rung of the ladder. Only [`confirmed`] returns an effect
//! that reclaims.

use std::path::PathBuf;
use std::time::Duration;

use super::Effect;
use crate::base::text::printable;
use crate::cache::history::Marker;
use crate::kernel::source::{Cache, CacheId, Sample};
use crate::reclaim::everybody::What;
use crate::reclaim::{self, Progress, ReclaimError};
use crate::ui::model::{
    Ask, ConfirmRung, Figures, Filesystem, InputMode, Model, Origin, RungLedger, RungPlan,
    RunningRung, Screen,
};

/// News of a rung.
#[derive(Debug)]
pub enum RungMsg {
    /// A plan was made; None: the planning was ended.
    Planned {
        /// The job's number.
        job: u64,
        /// The plan, or why there is none.
        result: Result<Option<RungPlan>, ReclaimError>,
    },
    /// Progress of a rung.
    Progress {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// Its progress.
        progress: Progress,
    },
    /// It has ended.
    Ended {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// Its outcome.
        ended: Box<EndedRung>,
    },
}

/// A rung that has ended.
#[derive(Debug)]
pub struct EndedRung {
    /// When it began, since the start.
    pub began: Duration,
    /// Wall-clock time of its beginning, as text.
    pub clock: String,
    /// Its report.
    pub done: reclaim::ReclaimReport,
    /// Sample from after freed objects have left the figures.
    pub sample: Sample,
}

/// Plans for the selected filesystem, or the selected cgroup.
pub(super) fn plan_row(model: &mut Model) -> Vec<Effect> {
    match model.screen {
        Screen::Filesystems => {
            let point = model.filesystems.selected().map(Filesystem::mount);
            match point.map(|mount| (mount.is_memory(), mount.clone())) {
                Some((true, mount)) => {
                    model.notice = Some(super::pinned(&mount));
                    Vec::new()
                }
                Some((false, mount)) => {
                    let (point, inodes) = (mount.point, false);
                    plan(model, Ask::Superblock { point, inodes }, Origin::Row)
                }
                None => Vec::new(),
            }
        }
        Screen::Cgroups => {
            let page = &model.cgroups;
            let row = page
                .selected()
                .and_then(|row| Some((row, row.cgroup.stat.as_ref()?)));
            let Some((row, stat)) = row else {
                model.notice =
                    Some("its memory is counted in a cgroup above: select that one".into());
                return Vec::new();
            };
            let path = row.cgroup.path.as_os_str();
            // The root's row is the whole machine.
            let (directory, from) = match path.is_empty() {
                true => (page.mount.clone(), Origin::Anywhere),
                false => (page.mount.join(path), Origin::Row),
            };
            // Less than this is not worth a plan; the kernel takes no less than a page.
            const LEAST: u64 = 1 << 20;
            let amount = stat.slab_reclaimable.unwrap_or(0).max(LEAST);
            plan(model, Ask::Cgroup { directory, amount }, from)
        }
        _ => Vec::new(),
    }
}

pub(super) fn of_cache(name: &str) -> Ask {
    Ask::Cache { name: name.into() }
}

/// Plans for the selected slab cache; at a ledger, for that of dentries.
pub(super) fn plan_cache(model: &mut Model) -> Vec<Effect> {
    if matches!(model.mode, InputMode::Ledger) {
        return plan(model, of_cache("dentry"), Origin::Ledger);
    }
    let selected = match &model.slabs.detail {
        Some(detail) => Some(detail.cache.clone()),
        None => model.selected_cache().map(Cache::id),
    };
    match selected {
        Some(CacheId { name, nth: 0 }) => plan(model, Ask::Cache { name }, Origin::Row),
        Some(_) => {
            model.notice = Some("sysfs only shrinks the oldest cache of this name".into());
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// Requests a plan.
pub(super) fn plan(model: &mut Model, ask: Ask, from: Origin) -> Vec<Effect> {
    let mut effects = super::counting::stop(model);
    let job = model.next_job();
    model.mode = InputMode::PlanningRung {
        job,
        ask: ask.clone(),
        from,
        progress: Progress::default(),
    };
    effects.push(Effect::PlanRung { job, ask });
    effects
}

pub(super) fn happened(model: &mut Model, msg: RungMsg) -> Vec<Effect> {
    match msg {
        RungMsg::Planned { job, result } => {
            planned(model, job, result);
            Vec::new()
        }
        RungMsg::Progress {
            job,
            at,
            progress: now,
        } => {
            model.now = model.now.max(at);
            match &mut model.mode {
                InputMode::PlanningRung {
                    job: of, progress, ..
                } if *of == job => *progress = now,
                InputMode::RunningRung(running) if running.job == job => running.progress = now,
                _ => {}
            }
            Vec::new()
        }
        RungMsg::Ended { job, at, ended } => self::ended(model, job, at, *ended),
    }
}

fn planned(model: &mut Model, job: u64, result: Result<Option<RungPlan>, ReclaimError>) {
    match std::mem::replace(&mut model.mode, InputMode::Browse) {
        InputMode::PlanningRung { job: of, from, .. } if of == job => {
            model.mode = match result {
                Ok(Some(plan)) => InputMode::ConfirmRung(Box::new(ConfirmRung {
                    job,
                    plan,
                    from,
                    replanning: None,
                    typing: None,
                    word: None,
                })),
                Ok(None) => back(model, &from),
                Err(error) => failed("There is no plan", &error),
            };
        }
        InputMode::ConfirmRung(mut confirm) if confirm.replanning == Some(job) => {
            confirm.replanning = None;
            match result {
                Ok(Some(plan)) => (confirm.plan, confirm.job) = (plan, job),
                Ok(None) => {}
                // The former view stays.
                Err(error) => model.notice = Some(format!("{error} {}", error.remedy())),
            }
            model.mode = InputMode::ConfirmRung(confirm);
        }
        other => model.mode = other,
    }
}

/// The view that replaces the plan.
fn back(model: &Model, from: &Origin) -> InputMode {
    match from {
        Origin::Ledger => InputMode::Ledger,
        Origin::Row | Origin::Directory(_) | Origin::Anywhere => model.below(),
    }
}

fn failed(what: &'static str, error: &ReclaimError) -> InputMode {
    let error = format!("{error}\n{}", error.remedy());
    InputMode::Failed { what, error }
}

/// Requests the plan on the screen again, with a change.
fn replan(model: &mut Model, change: impl FnOnce(&mut Ask)) -> Vec<Effect> {
    let job = model.last_job + 1;
    let InputMode::ConfirmRung(confirm) = &mut model.mode else {
        return Vec::new();
    };
    let mut ask = confirm.plan.ask.clone();
    change(&mut ask);
    if ask == confirm.plan.ask {
        return Vec::new();
    }
    model.last_job = job;
    let before = confirm.replanning.replace(job);
    let cancel = before.map(|job| Effect::Cancel { job });
    cancel
        .into_iter()
        .chain([Effect::PlanRung { job, ask }])
        .collect()
}

/// Switches the option of the rung.
pub(super) fn option(model: &mut Model) -> Vec<Effect> {
    replan(model, |ask| match ask {
        Ask::Superblock { inodes, .. } => *inodes ^= true,
        Ask::Everybody { sync, .. } => *sync ^= true,
        Ask::Pages { writeback, .. } => *writeback ^= true,
        Ask::Cgroup { .. } | Ask::Cache { .. } | Ask::Carousel { .. } => {}
    })
}

/// Raises or lowers the amount.
pub(super) fn adjust(model: &mut Model, up: bool) -> Vec<Effect> {
    let page = model.host.page_size;
    replan(model, |ask| match ask {
        Ask::Cgroup { amount, .. } => {
            *amount = match up {
                true => amount.saturating_mul(2),
                false => (*amount / 2).max(page),
            };
        }
        Ask::Everybody { what, .. } => {
            let number = if up {
                what.number() + 1
            } else {
                what.number() - 1
            };
            *what = What::of(number).unwrap_or(*what);
        }
        Ask::Pages { .. } | Ask::Superblock { .. } | Ask::Cache { .. } | Ask::Carousel { .. } => {}
    })
}

/// The amount that is being typed.
pub(super) fn typing(model: &mut Model) -> Option<&mut String> {
    match &mut model.mode {
        InputMode::ConfirmRung(confirm) => confirm.typing.as_mut().or(confirm.word.as_mut()),
        _ => None,
    }
}

pub(super) fn type_amount(model: &mut Model) -> Vec<Effect> {
    if let InputMode::ConfirmRung(confirm) = &mut model.mode
        && matches!(confirm.plan.ask, Ask::Cgroup { .. })
    {
        confirm.typing = Some(String::new());
    }
    Vec::new()
}

/// Enter: accepts the amount and requests a plan for it; nothing else happens.
pub(super) fn typed(model: &mut Model) -> Vec<Effect> {
    let Some(text) = typing(model).cloned() else {
        return Vec::new();
    };
    match crate::base::parse::size(&text) {
        Ok(bytes) => {
            if let InputMode::ConfirmRung(confirm) = &mut model.mode {
                confirm.typing = None;
            }
            replan(model, |ask| {
                if let Ask::Cgroup { amount, .. } = ask {
                    *amount = bytes;
                }
            })
        }
        Err(why) => {
            model.notice = Some(why);
            Vec::new()
        }
    }
}

/// Whether an action on the whole machine is confirmed: `y` alone only asks for the word.
fn agreed(model: &mut Model) -> bool {
    let word = model.host.word().to_owned();
    let InputMode::ConfirmRung(confirm) = &mut model.mode else {
        return false;
    };
    let everybody = matches!(confirm.plan.ask, Ask::Everybody { .. });
    if !everybody || confirm.replanning.is_some() || confirm.word.as_ref() == Some(&word) {
        return true;
    }
    if confirm.word.is_none() {
        confirm.word = Some(String::new());
    } else {
        model.notice = Some(format!("does not match {word}: Esc cancels"));
    }
    false
}

/// `y`: carries out the plan on the screen, and nothing else.
pub(super) fn confirmed(model: &mut Model) -> Vec<Effect> {
    if !agreed(model) {
        return Vec::new();
    }
    match std::mem::replace(&mut model.mode, InputMode::Browse) {
        InputMode::ConfirmRung(confirm) if confirm.replanning.is_none() => {
            let job = model.next_job();
            // So that the drop is visible.
            model.frozen = None;
            let plan = confirm.plan;
            model.mode = InputMode::RunningRung(Box::new(RunningRung {
                job,
                ask: plan.ask.clone(),
                from: confirm.from,
                reach: plan.rung.reach(),
                predicted: plan.rung.predicted(&plan.now),
                since: model.now,
                progress: Progress::default(),
                stopping: false,
            }));
            vec![Effect::Rung { job, plan }]
        }
        InputMode::ConfirmRung(confirm) => {
            model.notice = Some("the plan is being updated: read it first".into());
            model.mode = InputMode::ConfirmRung(confirm);
            Vec::new()
        }
        other => {
            model.mode = other;
            Vec::new()
        }
    }
}

fn ended(model: &mut Model, job: u64, at: Duration, ended: EndedRung) -> Vec<Effect> {
    let recorded = match &ended.done.result {
        Err(ReclaimError::Unrecorded(error)) => Err(error.to_string()),
        _ => ended.done.recorded.map_err(|error| error.to_string()),
    };
    super::record(model, ended.done.record, recorded);
    let after = Figures::of(&ended.sample, None);
    let mut effects = super::take(model, at, ended.sample);
    let running = match std::mem::replace(&mut model.mode, InputMode::Browse) {
        InputMode::RunningRung(running) if running.job == job => *running,
        other => {
            model.mode = other;
            return effects;
        }
    };
    let evicts_nothing = matches!(running.ask, Ask::Cache { .. });
    model.mode = match ended.done.result {
        Ok(outcome) => {
            let (at, clock) = (ended.began, ended.clock);
            let label = format!("{} {clock}", label(&running.ask));
            model.history.markers.push(Marker { at, label });
            if let (Origin::Ledger, Some(ledger)) = (&running.from, model.ledger_mut()) {
                ledger.shrunk = Some((outcome.fell("slabs").unwrap_or(0), after));
                model.mode = InputMode::Ledger;
                return effects;
            }
            InputMode::RungLedger(Box::new(RungLedger {
                ask: running.ask,
                reach: running.reach,
                predicted: running.predicted,
                clock,
                outcome,
            }))
        }
        Err(error) => failed("Not carried out", &error),
    };
    if evicts_nothing {
        return effects;
    }
    // The counts are stale.
    model.tree.totals.clear();
    effects.extend(super::counting::stale(model));
    if model.screen == Screen::Filesystems {
        effects.push(Effect::ReadFreeable);
    }
    effects
}

/// The marker's text in the charts.
fn label(ask: &Ask) -> String {
    let name = |path: &PathBuf| match path.file_name() {
        Some(name) => printable(name),
        None => "/".into(),
    };
    match ask {
        Ask::Pages { path, .. } => format!("page cache of {}/", name(path)),
        Ask::Superblock { point, .. } => format!("superblock of {}", printable(point)),
        Ask::Cgroup { directory, .. } => format!("cgroup {}", name(directory)),
        Ask::Cache { name } => format!("shrank {}", printable(name)),
        Ask::Everybody { what, .. } => format!("drop_caches {}", what.number()),
        Ask::Carousel { path } => format!("names of {}/", name(path)),
    }
}

/// Esc: ends what is under way, or cancels the plan; None: neither is shown.
pub(super) fn cancel(model: &mut Model) -> Option<Vec<Effect>> {
    Some(match &mut model.mode {
        InputMode::PlanningRung { job, from, .. } => {
            let cancel = Effect::Cancel { job: *job };
            let from = from.clone();
            model.mode = back(model, &from);
            vec![cancel]
        }
        InputMode::ConfirmRung(confirm) => {
            let (replanning, from) = (confirm.replanning, confirm.from.clone());
            model.mode = back(model, &from);
            model.notice = Some("cancelled: nothing was reclaimed".into());
            replanning
                .map(|job| Effect::Cancel { job })
                .into_iter()
                .collect()
        }
        InputMode::RunningRung(running) => {
            running.stopping = true;
            vec![Effect::Cancel { job: running.job }]
        }
        _ => return None,
    })
}
