//! Rows of the tree that are marked for one plan.

use std::path::PathBuf;

use crate::model::{Model, Place};
use crate::source::Mount;

/// Space: marks the selected row, or takes the mark away, and goes on to the next.
pub(super) fn toggle(model: &mut Model) {
    let Some(path) = model.tree.place().and_then(selected) else {
        model.notice = Some("only a directory can be marked".into());
        return;
    };
    let mount = Mount::of(model.tree.mounts(), &path);
    if let Some(mount) = mount.filter(|mount| mount.is_memory()) {
        model.notice = Some(super::prune::pinned(mount));
        return;
    }
    if !model.marks.remove(&path) {
        model.marks.insert(path);
    }
    let [plans, clears] = ["prune-row", "unmark"].map(|name| model.keymap.key(name));
    model.notice = Some(match model.marks.len() {
        0 => "nothing is marked".into(),
        n => format!("{n} marked: {plans} plans for all of them, {clears} takes the marks away"),
    });
    super::tree::moved(model, 1);
}

fn selected(place: &Place) -> Option<PathBuf> {
    let row = place.rows().get(place.index())?;
    (!row.name.is_empty()).then(|| place.path.join(&row.name))
}

/// The marked directories; one below another that is marked goes with that.
pub(super) fn outermost(model: &Model) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = Vec::new();
    // In the order of paths, all that is below a directory comes right behind it.
    for path in &model.marks {
        if !paths.last().is_some_and(|above| path.starts_with(above)) {
            paths.push(path.clone());
        }
    }
    paths
}
