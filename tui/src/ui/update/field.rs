//! Typing and pasting into the fields: filter, search, palette, path, file, amount, word.

use super::{Effect, filter, search};
use crate::ui::model::{InputMode, Model};

/// Bytes of the longest path (PATH_MAX of limits.h, without its NUL).
const PATH: usize = 4_095;

/// Bytes of the longest text in another field.
const SHORT: usize = 255;

/// Ctrl-U, as a terminal sends it.
const ERASE_ALL: char = '\u{15}';

/// A character is typed; None: there is no field that accepts it.
pub(super) fn typed(model: &mut Model, c: char) -> Option<Vec<Effect>> {
    let most = most(model);
    match c {
        ERASE_ALL => edit(model, String::clear),
        c if c.is_control() => None,
        c => edit(model, |text| put(text, c, most)),
    }
}

/// A text is pasted. Outside of the fields it presses no key, and a confirmation has to be typed.
/// Of several lines the first is taken, without control characters.
pub(super) fn pasted(model: &mut Model, text: &str) -> Vec<Effect> {
    let is_word = matches!(&model.mode, InputMode::ConfirmRung(confirm) if confirm.word.is_some());
    let trimmed = text.trim_end_matches(['\r', '\n']);
    let first = trimmed.split(['\r', '\n']).next().unwrap_or_default();
    let most = most(model);
    let mut left_out = first.len() < trimmed.len();
    let effects = match is_word {
        true => None,
        false => edit(model, |field| {
            for c in first.chars() {
                let before = field.len();
                if !c.is_control() {
                    put(field, c, most);
                }
                left_out |= field.len() == before;
            }
        }),
    };
    model.notice = match (&effects, is_word) {
        (None, true) => Some("type the answer: pasted text does not count".into()),
        (None, false) => Some("pasted text was dropped: there is no field to paste into".into()),
        (Some(_), _) => {
            left_out.then(|| "pasted in part: only the first line, as far as it fits".into())
        }
    };
    effects.unwrap_or_default()
}

fn most(model: &Model) -> usize {
    match model.mode {
        InputMode::Jump { .. } | InputMode::Palette { .. } | InputMode::Export(_) => PATH,
        _ => SHORT,
    }
}

fn put(text: &mut String, c: char, most: usize) {
    if text.len() + c.len_utf8() <= most {
        text.push(c);
    }
}

/// Changes the text of the field; None: there is none.
fn edit(model: &mut Model, change: impl FnOnce(&mut String)) -> Option<Vec<Effect>> {
    if let Some(text) = filter::of_help(model) {
        change(text);
        return Some(Vec::new());
    }
    match &mut model.mode {
        InputMode::Filter => {
            let mut text = model.filter().text().to_owned();
            change(&mut text);
            return Some(filter::set(model, text));
        }
        InputMode::Search {
            text, typing: true, ..
        } => {
            let mut text = text.clone();
            change(&mut text);
            return Some(search::set(model, text));
        }
        InputMode::Palette { text, at } => {
            change(text);
            *at = 0;
        }
        InputMode::Export(export) if export.job.is_none() => {
            change(&mut export.path);
            export.error = None;
        }
        InputMode::Export(_) => {}
        InputMode::Jump { text, offered } => {
            // The first character replaces the proposal.
            if std::mem::take(offered) {
                text.clear();
            }
            change(text);
        }
        InputMode::ConfirmRung(confirm) => {
            change(confirm.typing.as_mut().or(confirm.word.as_mut())?);
        }
        _ => return None,
    }
    Some(Vec::new())
}
