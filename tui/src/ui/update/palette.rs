//! Typing the name of an action or of a place.

use super::{Effect, counting, jump, show, stepped};
use crate::ui::model::{InputMode, Model, Screen};
use crate::ui::palette::{Choice, Goal, choices};

/// Opens the field. The cgroups are read once, so that they complete the text.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    model.mode = InputMode::Palette {
        text: String::new(),
        at: 0,
    };
    if model.cgroups.at.is_some() || model.cgroups.reading.is_some() {
        return Vec::new();
    }
    let job = model.next_job();
    model.cgroups.reading = Some(job);
    vec![Effect::ReadCgroups { job }]
}

/// The lines, and the selected one of them.
fn selected(model: &Model) -> Option<(usize, Vec<Choice>)> {
    match &model.mode {
        InputMode::Palette { text, at } => Some((*at, choices(model, text))),
        _ => None,
    }
}

pub(super) fn moved(model: &mut Model, steps: i64) {
    let Some((at, all)) = selected(model) else {
        return;
    };
    let to = stepped(at, steps, all.len());
    if let InputMode::Palette { at, .. } = &mut model.mode {
        *at = to;
    }
}

pub(super) fn erase(model: &mut Model) {
    if let InputMode::Palette { text, at } = &mut model.mode {
        text.pop();
        *at = 0;
    }
}

/// Tab: the text of the selected line; of the first that is longer, if it is typed already.
pub(super) fn complete(model: &mut Model) {
    let Some((at, all)) = selected(model) else {
        return;
    };
    let InputMode::Palette { text, at: line } = &mut model.mode else {
        return;
    };
    let longer = |choice: &&Choice| choice.text != *text;
    if let Some(choice) = all.iter().skip(at).find(longer) {
        text.clone_from(&choice.text);
        *line = 0;
    }
}

/// Enter: goes to the selected line.
pub(super) fn go(model: &mut Model) -> Vec<Effect> {
    let Some((at, mut all)) = selected(model) else {
        return Vec::new();
    };
    model.mode = model.below();
    if at >= all.len() {
        model.notice = Some("nothing has this name here".into());
        return Vec::new();
    }
    match all.swap_remove(at).goal {
        Goal::Act(action) => super::act(model, action),
        Goal::Directory(path) => {
            leave_pages(model);
            jump::to(model, &path)
        }
        Goal::Process(pid) => {
            leave_pages(model);
            let mut effects = show(model, Screen::Tree);
            effects.extend(counting::stop(model));
            effects.push(Effect::ReadMountsOf { pid });
            effects
        }
        Goal::Cgroup(path) => {
            leave_pages(model);
            model.cgroups.reveal(&path);
            show(model, Screen::Cgroups)
        }
        Goal::Cache(cache) => {
            leave_pages(model);
            // It may be hidden by what is filtered out.
            (model.slabs.detail, model.slabs.class) = (None, None);
            model.slabs.filter = Default::default();
            model.slabs.selected = Some(cache);
            show(model, Screen::Slabs)
        }
    }
}

/// What covers the screens is left behind.
fn leave_pages(model: &mut Model) {
    (model.page, model.who.over) = (None, None);
    model.mode = InputMode::Browse;
}
