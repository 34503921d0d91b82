//! Rows of the tree that are marked for one plan.

use std::path::PathBuf;

use crate::kernel::source::Mount;
use crate::ui::model::Model;

/// Space: marks the selected row, or removes the mark, and goes on to the next.
pub(super) fn toggle(model: &mut Model) {
    let Some((path, mount)) = selected(model) else {
        model.notice = Some("only a directory can be marked".into());
        return;
    };
    if mount.is_memory() {
        model.notice = Some(super::pinned(&mount));
        return;
    }
    if model.marks.remove(&path).is_none() {
        model.marks.insert(path, mount);
    }
    let [plans, clears] = ["prune-row", "unmark"].map(|name| model.keymap.key(name));
    model.notice = Some(match model.marks.len() {
        0 => "nothing is marked".into(),
        n => format!("{n} marked: {plans} plans for all of them, {clears} clears marks"),
    });
    super::tree::moved(model, 1);
}

/// The selected directory and the mount it is on.
fn selected(model: &Model) -> Option<(PathBuf, Mount)> {
    let place = model.tree.place()?;
    let row = place.rows().get(place.index())?;
    let path = (!row.name.is_empty()).then(|| place.path.join(&row.name))?;
    let mount = Mount::of(model.tree.mounts(), &path).unwrap_or(&place.mount);
    Some((path, mount.clone()))
}

/// The marked directories; one below another of the same mount is part of that, as no prune leaves
/// the mount it begins on.
pub(super) fn outermost(model: &Model) -> Vec<PathBuf> {
    let mut kept: Vec<(&PathBuf, &Mount)> = Vec::new();
    // In the order of paths, children are behind their parents.
    for (path, mount) in &model.marks {
        let covers = |(above, of): &(&PathBuf, &Mount)| *of == mount && path.starts_with(above);
        if !kept.iter().any(covers) {
            kept.push((path, mount));
        }
    }
    kept.into_iter().map(|(path, _)| path.clone()).collect()
}
