//! From the key to the ledger. An effect that prunes comes out of [`confirmed`] alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Effect, counting};
use crate::base::text::{count, printable};
use crate::cache::history::Marker;
use crate::cache::holders::Holders;
use crate::kernel::session::{self, Counters};
use crate::kernel::source::{Mount, Sample};
use crate::kernel::target::LookError;
use crate::reclaim::ladder::Rung;
use crate::reclaim::prune::{PruneError, PrunePlan, PruneReport, Task};
use crate::ui::model::{
    Ask, Confirm, Figures, Held, InputMode, Ledger, Model, Origin, Page, Pruning, Turn, TurnEnd,
};

/// The initial mode of a plan.
const LEAST: session::PruneMode = session::PruneMode::Negative;

/// Plans for the marked rows; if there are none, for the selected one.
pub(super) fn plan_row(model: &mut Model) -> Vec<Effect> {
    if model.who_is_shown() {
        return match super::who::directory(model) {
            Some(path) => plan_elsewhere(model, path),
            None => Vec::new(),
        };
    }
    if model.page == Some(Page::Hotspots) {
        let selected = model.hotspots.selected();
        // No path leads to what a mount hides: a prune of the one above takes it in.
        let path = selected.map(|row| row.hidden_below.as_ref().unwrap_or(&row.path).clone());
        return path.map_or(Vec::new(), |path| plan_elsewhere(model, path));
    }
    let marked = model.outermost_marks().into_iter();
    let marked: Vec<_> = marked.map(|(path, _)| path.clone()).collect();
    if !marked.is_empty() {
        return plan(model, marked, LEAST);
    }
    let Some(place) = model.tree.place() else {
        return Vec::new();
    };
    if place.listed().is_some() {
        let selected = super::browse::selected(model);
        return selected.map_or(Vec::new(), |place| plan_pages(model, place.path));
    }
    let path = match place.rows().get(place.index()) {
        Some(row) if !row.name.is_empty() => place.path.join(&row.name),
        // If it is the only row, it counts all there is below.
        Some(_) if place.rows().len() == 1 || place.mount.is_memory() => place.path.clone(),
        Some(_) => {
            let key = model.keymap.key("prune-here");
            model.notice = Some(format!(
                "a prune takes all below a directory: choose a row, or {key} for all shown here"
            ));
            return Vec::new();
        }
        None => return Vec::new(),
    };
    plan(model, vec![path], LEAST)
}

/// Plans for a directory that the tree need not have shown: its filesystem is found among our own
/// mounts.
fn plan_elsewhere(model: &mut Model, path: PathBuf) -> Vec<Effect> {
    let known = matches!(model.tree.mounts, Some(Ok(_))) && model.tree.namespace.is_none();
    let read = (!known).then_some(Effect::ReadMounts);
    read.into_iter()
        .chain(plan(model, vec![path], LEAST))
        .collect()
}

/// Plans for the directory shown.
pub(super) fn plan_here(model: &mut Model) -> Vec<Effect> {
    match model.tree.place() {
        Some(place) if place.listed().is_some() => {
            let path = place.path.clone();
            plan_pages(model, path)
        }
        Some(place) => plan(model, vec![place.path.clone()], LEAST),
        None => Vec::new(),
    }
}

/// Plans for the directories of the layers of the overlay on the screen.
pub(super) fn plan_layers(model: &mut Model) -> Vec<Effect> {
    let InputMode::Confirm(confirm) = &model.mode else {
        return Vec::new();
    };
    let (mode, layers) = (confirm.mode, confirm.layers());
    if layers.is_empty() {
        return Vec::new();
    }
    let mut effects = stop_looking(confirm);
    effects.extend(plan(model, layers, mode));
    if let Some(Effect::Plan { layers, .. }) = effects.last_mut() {
        *layers = true;
    }
    effects
}

fn plan(model: &mut Model, paths: Vec<PathBuf>, mode: session::PruneMode) -> Vec<Effect> {
    let mounts = paths.iter().filter_map(|path| mount_of(model, path));
    if let Some(mount) = mounts.into_iter().find(Mount::is_memory) {
        model.notice = Some(super::pinned(&mount));
        return Vec::new();
    }
    let mut effects = counting::stop(model);
    let job = model.next_job();
    model.mode = InputMode::Planning {
        job,
        paths: paths.clone(),
        mode,
        so_far: Box::default(),
    };
    effects.push(Effect::Plan {
        job,
        paths,
        layers: false,
    });
    effects
}

fn mount_of(model: &Model, path: &Path) -> Option<Mount> {
    let marked = model.marks.get(path).map(|marked| &marked.mount);
    marked
        .or_else(|| Mount::of(model.tree.mounts(), path))
        .or(model.tree.place().map(|place| &place.mount))
        .cloned()
}

pub(super) fn planned(
    model: &mut Model,
    job: u64,
    result: Result<Option<Vec<PrunePlan>>, LookError>,
) {
    let mode = match model.mode {
        InputMode::Planning { job: of, mode, .. } if of == job => mode,
        _ => return,
    };
    model.mode = match result {
        Ok(None) => model.below(),
        Ok(Some(plans)) => {
            let task = |plan: PrunePlan| {
                let mount = mount_of(model, &plan.target.path)?;
                Some(Task { plan, mount })
            };
            match plans.into_iter().map(task).collect() {
                Some(tasks) => InputMode::Confirm(Box::new(Confirm {
                    job,
                    tasks,
                    mode,
                    writeback: false,
                    held: Held::Unasked,
                })),
                None => InputMode::Failed {
                    what: "There is no plan",
                    error: "the filesystem is not in the list of mounts".into(),
                },
            }
        }
        Err(error) => InputMode::Failed {
            what: "There is no plan",
            error: error.to_string(),
        },
    };
}

/// Without the module, page cache is another rung, with a plan of its own.
pub(super) fn choose(model: &mut Model, mode: session::PruneMode) -> Vec<Effect> {
    let InputMode::Confirm(confirm) = &mut model.mode else {
        return Vec::new();
    };
    match (&confirm.tasks[..], mode) {
        ([task], session::PruneMode::Pages) if !confirm.prunes() => {
            let path = task.plan.target.path.clone();
            let mut effects = stop_looking(confirm);
            effects.extend(plan_pages(model, path));
            return effects;
        }
        (_, session::PruneMode::Pages) if !confirm.prunes() => {
            let notice = "without the module, page cache is dropped one directory at a time";
            model.notice = Some(notice.into());
        }
        _ => confirm.mode = mode,
    }
    Vec::new()
}

/// Selects the mode this many steps away.
pub(super) fn choose_next(model: &mut Model, by: isize) {
    if let InputMode::Confirm(confirm) = &mut model.mode {
        let at = session::MODES.iter().position(|mode| *mode == confirm.mode);
        let next = at.and_then(|at| session::MODES.get(at.checked_add_signed(by)?));
        // That choice would request another plan.
        let apart =
            |mode: &session::PruneMode| *mode == session::PruneMode::Pages && !confirm.prunes();
        let next = next.filter(|mode| !apart(mode));
        confirm.mode = *next.unwrap_or(&confirm.mode);
    }
}

/// Switches whether dirty files are written first.
pub(super) fn write_back(model: &mut Model) {
    if let InputMode::Confirm(confirm) = &mut model.mode {
        confirm.writeback = !confirm.writeback;
    }
}

/// Scans /proc for processes that hold what stays.
pub(super) fn ask_holders(model: &mut Model) -> Vec<Effect> {
    let job = model.last_job + 1;
    let InputMode::Confirm(confirm) = &mut model.mode else {
        return Vec::new();
    };
    if matches!(confirm.held, Held::Looking(_)) {
        return Vec::new();
    }
    if !confirm.has_holders() {
        model.notice = Some("nothing here is in use: no process holds any of it".into());
        return Vec::new();
    }
    model.last_job = job;
    confirm.held = Held::Looking(job);
    let tasks = confirm.tasks.iter();
    let below = tasks.map(|task| task.plan.target.path.clone()).collect();
    vec![Effect::Holders { job, below }]
}

pub(super) fn held(model: &mut Model, job: u64, result: std::io::Result<Holders>) {
    if let InputMode::Confirm(confirm) = &mut model.mode
        && matches!(confirm.held, Held::Looking(of) if of == job)
    {
        confirm.held = match result {
            Ok(found) => Held::Found(found),
            Err(error) => Held::Failed(error.to_string()),
        };
    }
}

/// Plans for a directory, on one of the rungs that reach below it alone.
pub(super) fn plan_for(model: &mut Model, path: PathBuf, rung: Rung) -> Vec<Effect> {
    let no_module = model
        .ladder
        .iter()
        .any(|step| step.rung == Rung::Negative && step.why_not.is_some());
    match rung {
        Rung::Pages if no_module => plan_pages(model, path),
        _ => plan(model, vec![path], rung.mode().unwrap_or(LEAST)),
    }
}

/// Without the module: the narrowest that works, the page cache of the files below.
fn plan_pages(model: &mut Model, path: PathBuf) -> Vec<Effect> {
    let ask = Ask::Pages {
        path: path.clone(),
        writeback: false,
    };
    super::rung::plan(model, ask, Origin::Directory(path))
}

/// Ends a scan for holders.
pub(super) fn stop_looking(confirm: &Confirm) -> Vec<Effect> {
    match confirm.held {
        Held::Looking(job) => vec![Effect::Cancel { job }],
        _ => Vec::new(),
    }
}

/// `y`: carries out the plan on the screen, and nothing else.
pub(super) fn confirmed(model: &mut Model) -> Vec<Effect> {
    let confirm = match std::mem::replace(&mut model.mode, InputMode::Browse) {
        // It stays: it lists the rungs that work here.
        InputMode::Confirm(confirm) if !confirm.prunes() => {
            model.mode = InputMode::Confirm(confirm);
            model.notice = Some("needs the module: > lists what works here".into());
            return Vec::new();
        }
        InputMode::Confirm(confirm) => *confirm,
        other => {
            model.mode = other;
            return Vec::new();
        }
    };
    let mut effects = stop_looking(&confirm);
    if let Some(why) = confirm.refused() {
        model.notice = Some(why);
        return effects;
    }
    let (mode, writeback) = (confirm.mode, confirm.writeback && confirm.mode.may_write());
    let would_go = |task: &Task| task.plan.predicted(mode, writeback) > 0;
    let (tasks, idle): (Vec<Task>, Vec<Task>) = confirm.tasks.into_iter().partition(would_go);
    if tasks.is_empty() {
        model.notice = Some("nothing to prune in this mode".into());
        return effects;
    }
    let job = model.next_job();
    // So that the drop is visible.
    model.frozen = None;
    model.marks.clear();
    let part = |task: &Task| Turn::new(task, mode, writeback, model.sizes(&task.mount));
    let parts = tasks.iter().map(part).collect();
    model.mode = InputMode::Pruning(Box::new(Pruning {
        job,
        mode,
        parts,
        skipped: idle.into_iter().map(|task| task.plan.target.path).collect(),
        since: model.now,
        so_far: Box::default(),
        stopping: false,
    }));
    effects.push(Effect::Prune {
        job,
        tasks,
        mode,
        writeback,
    });
    effects
}

pub(super) fn began(
    model: &mut Model,
    job: u64,
    at: Duration,
    clock: String,
    sample: Sample,
) -> Vec<Effect> {
    if let InputMode::Pruning(pruning) = &mut model.mode
        && pruning.job == job
        && let Some((0, _)) = pruning.turn()
    {
        pruning.since = at;
    }
    if let Some(part) = turn(model, job) {
        part.before = Some(Figures::of(&sample, Some(&part.mount)));
        part.began = Some(at);
        part.clock.clone_from(&clock);
        let label = label(part);
        model.history.markers.push(Marker { at, label });
    }
    super::take(model, at, sample)
}

/// The current directory of a prune.
fn turn(model: &mut Model, job: u64) -> Option<&mut Turn> {
    match &mut model.mode {
        InputMode::Pruning(pruning) if pruning.job == job => {
            let (index, _) = pruning.turn()?;
            pruning.parts.get_mut(index)
        }
        _ => None,
    }
}

/// The marker's text in the charts.
fn label(part: &Turn) -> String {
    let name = part.path.file_name().map(printable).unwrap_or_default();
    let clock = &part.clock;
    match &part.end {
        None => format!("pruned {name}/ {clock}"),
        Some(_) => format!("pruned {name}/ {} {clock}", count(part.moved())),
    }
}

/// The prune below one directory has ended.
pub(super) fn ended(
    model: &mut Model,
    job: u64,
    at: Duration,
    pruned: PruneReport,
    last: bool,
) -> Vec<Effect> {
    let unrecorded = match &pruned.done.result {
        Err(PruneError::Unrecorded(error)) => Err(error.to_string()),
        _ => pruned.done.recorded.map_err(|error| error.to_string()),
    };
    let moved = pruned.done.record.freed;
    super::record(model, pruned.done.record, unrecorded);
    if let Some(part) = turn(model, job) {
        let after = Figures::of(&pruned.after, Some(&part.mount));
        let result = pruned.done.result.map_err(|error| error.to_string());
        let failed = result.is_err() && moved == 0;
        part.end = Some(TurnEnd {
            result,
            moved,
            after,
        });
        let (began, label) = (part.began, label(part));
        let markers = &mut model.history.markers;
        let marker = markers.iter().rposition(|marker| Some(marker.at) == began);
        match marker {
            Some(marker) if failed => drop(markers.remove(marker)),
            Some(marker) => markers[marker].label = label,
            None => {}
        }
    }
    let mut effects = super::take(model, at, *pruned.after);
    match std::mem::replace(&mut model.mode, InputMode::Browse) {
        InputMode::Pruning(mut pruning) if pruning.job == job => {
            *pruning.so_far = Counters::default();
            if last {
                model.mode = closed(model, *pruning);
                effects.extend(counting::stale(model));
            } else {
                model.mode = InputMode::Pruning(pruning);
            }
        }
        other => model.mode = other,
    }
    effects
}

/// The view after the prune: the ledger, or why there is none.
fn closed(model: &mut Model, pruning: Pruning) -> InputMode {
    let failed = match &pruning.parts[..] {
        [part] => part.error(),
        _ => None,
    };
    if let Some(error) = failed {
        return InputMode::Failed {
            what: "Prune aborted",
            error: error.to_owned(),
        };
    }
    let ledger = Ledger::new(pruning.mode, pruning.parts, pruning.skipped, model.now);
    model.ledgers.push(ledger);
    model.reopened = None;
    InputMode::Ledger
}

/// The ledger of the prune at the charts' cursor; without one, of the last prune.
pub(super) fn reopen(model: &mut Model) {
    let began = |ledger: &Ledger, at: Duration| {
        let mut parts = ledger.parts.iter();
        parts.any(|part| part.began == Some(at))
    };
    let here = match model.history_window().cursor {
        Some(at) => model.ledgers.iter().position(|ledger| began(ledger, at)),
        None => model.ledgers.len().checked_sub(1),
    };
    let prunes = model.keymap.key("previous-prune");
    match here {
        Some(at) => {
            model.reopened = Some(at);
            model.mode = InputMode::Ledger;
        }
        None if model.ledgers.is_empty() => model.notice = Some("nothing was pruned yet".into()),
        None => {
            model.notice = Some(format!(
                "no prune at the cursor: {prunes} goes to the previous one"
            ))
        }
    }
}
