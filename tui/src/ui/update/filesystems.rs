//! The screen of filesystems.

use std::path::PathBuf;

use super::{Effect, counting, jump, mounts};
use crate::ui::keymap::Action;
use crate::ui::model::Model;

/// Reads the mounts, and what the shrinkers could free of them.
pub(super) fn show(model: &mut Model) -> Vec<Effect> {
    model.arrange_filesystems();
    vec![mounts::read(model), Effect::ReadFreeable]
}

pub(super) fn act(model: &mut Model, action: Action) -> Option<Vec<Effect>> {
    Some(match action {
        Action::Enter => enter(model),
        Action::Recount => show(model),
        Action::RecountRow => {
            let row = model.filesystems.selected();
            let points = row.map(|row| row.reach()).unwrap_or_default();
            mounts::count(model, points)
        }
        Action::CountAll => count_all(model),
        Action::Cancel => escape(model),
        _ => return None,
    })
}

/// Enters the directory at the mount point.
fn enter(model: &mut Model) -> Vec<Effect> {
    let Some(row) = model.filesystems.selected() else {
        return Vec::new();
    };
    let point = row.mount().point.clone();
    let mut effects = counting::stop(model);
    model.page = None;
    effects.extend(jump::open(model, point));
    effects
}

/// Counts each filesystem on a disk or network once.
fn count_all(model: &mut Model) -> Vec<Effect> {
    let rows = model.filesystems.rows.iter();
    let rows = rows.filter(|row| row.mount().is_stored());
    let points: Vec<PathBuf> = rows.flat_map(|row| row.reach()).collect();
    if points.is_empty() {
        let key = model.keymap.key("recount-row");
        model.notice = Some(format!(
            "no filesystem is on a disk or network: {key} counts the selected one"
        ));
    }
    mounts::count(model, points)
}

/// Ends the counts under way, or else clears the filter.
fn escape(model: &mut Model) -> Vec<Effect> {
    let effects = mounts::stop(model);
    if effects.is_empty() && !model.filesystems.order.filter.text().is_empty() {
        return super::filter::clear(model);
    }
    effects
}
