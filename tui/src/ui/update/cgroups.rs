//! The screen of cgroups, which are read while it is shown.

use std::time::Duration;

use super::Effect;
use crate::kernel::source::{Cgroups, CgroupsError};
use crate::ui::keymap::Action;
use crate::ui::model::{Model, Screen};

/// Reads them, if the screen is shown and a reading is due.
pub(super) fn due(model: &mut Model) -> Option<Effect> {
    let shown = model.screen == Screen::Cgroups && model.frozen.is_none();
    if !shown || !model.cgroups.is_due(model.now) {
        return None;
    }
    let job = model.next_job();
    model.cgroups.reading = Some(job);
    Some(Effect::ReadCgroups { job })
}

/// They were read; None: the reading was ended.
pub(super) fn read(
    model: &mut Model,
    job: u64,
    at: Duration,
    result: Result<Option<Cgroups>, CgroupsError>,
) {
    model.now = model.now.max(at);
    if model.cgroups.reading != Some(job) {
        return;
    }
    model.cgroups.reading = None;
    match result {
        Ok(Some(cgroups)) => model.cgroups.take(at, cgroups),
        Ok(None) => {}
        Err(error) => {
            model.cgroups.at = Some(at);
            model.cgroups.rows.clear();
            model.cgroups.shown.clear();
            model.cgroups.error = Some(error);
        }
    }
}

pub(super) fn act(model: &mut Model, action: Action) -> Option<Vec<Effect>> {
    match action {
        Action::Enter => toggle(model),
        Action::Up => close(model),
        Action::Freeze => {
            super::freeze(model);
            return Some(due(model).into_iter().collect());
        }
        Action::Cancel => {
            if !model.cgroups.order.filter.text().is_empty() {
                return Some(super::filter::clear(model));
            }
        }
        _ => return None,
    }
    Some(Vec::new())
}

/// Opens the selected one, or closes it.
fn toggle(model: &mut Model) {
    let Some(row) = model.cgroups.selected() else {
        return;
    };
    let path = row.cgroup.path.clone();
    if !model.cgroups.order.filter.is_none() {
        model.notice = Some("all matches are shown: Esc shows the tree again".into());
    } else if row.has_children {
        model.cgroups.selected = Some(path.clone());
        model.cgroups.toggle(&path);
    } else {
        model.notice = Some("there is no cgroup below it".into());
    }
}

/// Closes the selected one if it is open, or goes to its parent.
fn close(model: &mut Model) {
    let Some(row) = model.cgroups.selected() else {
        return;
    };
    let path = row.cgroup.path.clone();
    if row.has_children && model.cgroups.is_open(&row.cgroup) {
        model.cgroups.selected = Some(path.clone());
        model.cgroups.toggle(&path);
    } else if let Some(parent) = path.parent() {
        model.cgroups.selected = Some(parent.to_owned());
    }
}
