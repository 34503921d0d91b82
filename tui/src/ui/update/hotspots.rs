//! The page of hotspots.

use std::time::Duration;

use super::{Effect, counting, jump, names, stepped};
use crate::base::text::printable;
use crate::cache::hotspots::{Heat, Hotspots, HotspotsError, SoFar};
use crate::kernel::source::Mount;
use crate::ui::keymap::HotspotsAction;
use crate::ui::model::{Hunt, Model, Page, Screen};

/// Reports of the worker on a count of all filesystems.
#[derive(Debug)]
pub enum HotspotsMsg {
    /// Its progress.
    SoFar {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// Its progress.
        so_far: SoFar,
    },
    /// It has ended.
    Found {
        /// The job's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// The hotspots, or why there are none.
        result: Result<Hotspots, HotspotsError>,
    },
}

pub(super) fn act(model: &mut Model, action: HotspotsAction) -> Vec<Effect> {
    match action {
        HotspotsAction::Open => {
            model.screen = Screen::Tree;
            (model.page, model.who.over) = (Some(Page::Hotspots), None);
            model.mode = model.below();
            if model.hotspots.found.is_none() && model.hotspots.hunt.is_none() {
                return again(model);
            }
        }
        HotspotsAction::Again => return again(model),
        HotspotsAction::Sort => sort(model),
        HotspotsAction::Enter => return enter(model),
        HotspotsAction::Names => return names_of(model),
        HotspotsAction::Back => return back(model),
    }
    Vec::new()
}

/// Counts all filesystems.
fn again(model: &mut Model) -> Vec<Effect> {
    let mut effects = stop(model);
    let job = model.next_job();
    model.hotspots.error = None;
    model.hotspots.hunt = Some(Hunt {
        job,
        since: model.now,
        so_far: SoFar::default(),
        stopping: false,
    });
    effects.push(Effect::Hotspots { job });
    effects
}

/// Ends a count under way.
pub(super) fn stop(model: &mut Model) -> Vec<Effect> {
    let hunt = model.hotspots.hunt.as_mut();
    let Some(hunt) = hunt.filter(|hunt| !hunt.stopping) else {
        return Vec::new();
    };
    hunt.stopping = true;
    vec![Effect::Cancel { job: hunt.job }]
}

/// Ends a count under way, or leaves the page.
fn back(model: &mut Model) -> Vec<Effect> {
    let hunt = &model.hotspots.hunt;
    if hunt.as_ref().is_some_and(|hunt| !hunt.stopping) {
        return stop(model);
    }
    model.page = None;
    model.mode = model.below();
    Vec::new()
}

fn sort(model: &mut Model) {
    let page = &mut model.hotspots;
    page.heat = match page.heat {
        Heat::Negative => Heat::Freeable,
        Heat::Freeable => Heat::Negative,
    };
    page.at = 0;
    if let Some((found, _)) = &mut page.found {
        found.sort(page.heat);
    }
}

pub(super) fn moved(model: &mut Model, steps: i64) {
    let page = &mut model.hotspots;
    page.at = stepped(page.at, steps, page.rows().len());
}

/// Enters the directory; if a mount hides it, no path leads there: then enters the one above, whose
/// prune includes it.
fn enter(model: &mut Model) -> Vec<Effect> {
    let Some(selected) = model.hotspots.selected() else {
        return Vec::new();
    };
    let above = selected.hidden_below.clone();
    let path = above.clone().unwrap_or_else(|| selected.path.clone());
    model.page = None;
    model.mode = model.below();
    let mut effects = counting::stop(model);
    effects.extend(jump::open(model, path));
    if above.is_some() {
        let hint = "a mount hides the directory: a prune of this one, above it, takes it in";
        model.notice = Some(hint.into());
    }
    effects
}

fn names_of(model: &mut Model) -> Vec<Effect> {
    let Some(selected) = model.hotspots.selected() else {
        return Vec::new();
    };
    if let Some(above) = &selected.hidden_below {
        let hint = format!(
            "hidden by a mount: no path leads to it; a prune below {} takes it in",
            printable(above)
        );
        model.notice = Some(hint);
        return Vec::new();
    }
    let path = selected.path.clone();
    let counted = model
        .hotspots
        .found
        .iter()
        .flat_map(|(found, _)| &found.filesystems);
    let mounts: Vec<Mount> = counted.map(|counted| counted.mount.clone()).collect();
    match Mount::of(&mounts, &path).cloned() {
        Some(mount) => names::show(model, path, mount, true),
        None => Vec::new(),
    }
}

pub(super) fn happened(model: &mut Model, msg: HotspotsMsg) {
    let (HotspotsMsg::SoFar { job, at, .. } | HotspotsMsg::Found { job, at, .. }) = &msg;
    model.now = model.now.max(*at);
    let page = &mut model.hotspots;
    let Some(hunt) = page.hunt.as_mut().filter(|hunt| hunt.job == *job) else {
        return;
    };
    match msg {
        HotspotsMsg::SoFar { so_far, .. } => hunt.so_far = so_far,
        HotspotsMsg::Found { at, result, .. } => {
            page.hunt = None;
            match result {
                Ok(mut found) => {
                    found.sort(page.heat);
                    let old = page.found.replace((found, at)).map(|(old, _)| old);
                    // The part of a count that was ended is no basis for comparison.
                    if let Some(old) = old.filter(|old| !old.ended) {
                        page.before = Some(old);
                    }
                    page.at = stepped(page.at, 0, page.rows().len());
                }
                Err(error) => page.error = Some(error),
            }
        }
    }
}
