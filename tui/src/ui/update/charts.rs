//! The charts of the history screen: zoom, pan, the cursor.

use std::time::Duration;

use crate::ui::model::{Model, Window};

/// The default window, and the time of the oldest point.
fn bounds(model: &Model) -> (Window, Duration) {
    let usual = model.window();
    (usual, model.history.begin().unwrap_or(usual.end))
}

pub(super) fn zoom(model: &mut Model, closer: bool) {
    let (usual, _) = bounds(model);
    model.charts.zoom(usual, closer);
}

pub(super) fn pan(model: &mut Model, steps: i64) {
    let (usual, first) = bounds(model);
    model.charts.pan(usual, first, steps);
}

pub(super) fn step(model: &mut Model, steps: i64) {
    let (usual, first) = bounds(model);
    let columns = crate::ui::view::chart::columns(model.size.0);
    model.charts.step(usual, first, steps, columns);
}

/// Moves the cursor to the next or previous prune or shrink.
pub(super) fn mark(model: &mut Model, steps: i64) {
    let (usual, first) = bounds(model);
    let from = model.charts.moment().unwrap_or(usual.end);
    let mut times: Vec<_> = model.history.markers.iter().map(|m| m.at).collect();
    times.sort();
    let found = match steps {
        0.. => times.into_iter().find(|&at| at > from),
        _ => times.into_iter().rfind(|&at| at < from),
    };
    match found {
        Some(at) => model.charts.show(usual, first, at),
        None => model.notice = Some("no prune in that direction".into()),
    }
}
