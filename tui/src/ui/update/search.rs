//! A search moves the cursor to a row, and hides none.

use super::Effect;
use crate::base::filter::Filter;
use crate::ui::model::{InputMode, Model};

/// Opens the field.
pub(super) fn begin(model: &mut Model) {
    let (len, from) = model.rows();
    if len == 0 || model.row_name(from).is_none() {
        model.notice = Some("no list to search here".into());
        return;
    }
    model.mode = InputMode::Search {
        text: String::new(),
        from,
        typing: true,
    };
}

/// The text was changed: the first match from the row on that was selected before.
pub(super) fn set(model: &mut Model, text: String) -> Vec<Effect> {
    if let InputMode::Search { text: of, from, .. } = &mut model.mode {
        *of = text;
        let from = *from;
        select(model, from);
        find(model, 0, 1);
    }
    Vec::new()
}

pub(super) fn erase(model: &mut Model) -> Vec<Effect> {
    let InputMode::Search { text, .. } = &model.mode else {
        return Vec::new();
    };
    let mut text = text.clone();
    text.pop();
    set(model, text)
}

/// Enter: the text stands, and keys go from match to match.
pub(super) fn keep(model: &mut Model) {
    if let InputMode::Search { text, typing, .. } = &mut model.mode {
        *typing = false;
        if text.is_empty() {
            model.mode = model.below();
        }
    }
}

/// The next match, or the previous one; behind the last comes the first.
pub(super) fn next(model: &mut Model, by: i64) {
    find(model, 1, by);
}

/// Esc while typing: the row from before.
pub(super) fn back(model: &mut Model) {
    if let InputMode::Search { from, .. } = model.mode {
        select(model, from);
    }
    model.mode = model.below();
}

/// Selects the first match from `skip` rows behind the selected one on, in the direction of `by`.
fn find(model: &mut Model, skip: usize, by: i64) {
    let InputMode::Search { text, .. } = &model.mode else {
        return;
    };
    let (filter, (len, at)) = (Filter::new(text.clone()), model.rows());
    let row = |step: usize| match by > 0 {
        true => (at + step) % len,
        false => (at + len - step) % len,
    };
    let fits = |&at: &usize| model.row_name(at).is_some_and(|name| filter.fits(&name));
    match (skip..len + skip).map(row).find(fits) {
        Some(found) => select(model, found),
        None => model.notice = Some(format!("no row matches \"{text}\"")),
    }
}

fn select(model: &mut Model, to: usize) {
    let (_, at) = model.rows();
    let steps = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    super::moved(model, steps(to).saturating_sub(steps(at)));
}
