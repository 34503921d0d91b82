//! Rows of the tree that are marked for one plan.

use std::path::PathBuf;

use crate::kernel::source::Mount;
use crate::ui::model::{Marked, Model};

/// Space: marks the selected row, or removes the mark, and goes on to the next.
pub(super) fn toggle(model: &mut Model) {
    let Some((path, marked)) = selected(model) else {
        model.notice = Some("only a directory can be marked".into());
        return;
    };
    if marked.mount.is_memory() {
        model.notice = Some(super::pinned(&marked.mount));
        return;
    }
    if model.marks.remove(&path).is_none() {
        model.marks.insert(path, marked);
    }
    let [plans, clears] = ["prune-row", "unmark"].map(|name| model.keymap.key(name));
    model.notice = Some(match model.marks.len() {
        0 => "nothing is marked".into(),
        n => format!("{n} marked: {plans} plans for all of them, {clears} clears marks"),
    });
    super::tree::moved(model, 1);
}

/// The selected directory, as it is marked.
fn selected(model: &Model) -> Option<(PathBuf, Marked)> {
    let place = model.tree.place()?;
    let row = place.rows().get(place.index())?;
    let path = (!row.name.is_empty()).then(|| place.path.join(&row.name))?;
    let mount = Mount::of(model.tree.mounts(), &path).unwrap_or(&place.mount);
    let marked = Marked {
        mount: mount.clone(),
        below: Box::new(row.below),
    };
    Some((path, marked))
}
