//! What the keys do now, and which of them are shown.

use crossterm::event::KeyCode;

use super::scope::scopes;
use super::{Action, Binding, RungAction, S};
use crate::model::{Ask, Mode, Model};

/// What `key` does now.
pub fn action(model: &Model, key: KeyCode) -> Option<Action> {
    let mut scopes = scopes(model).iter();
    scopes.find_map(|&scope| {
        let mut bindings = model.keymap.bindings();
        let binding = bindings.find(|b| b.scope == scope && b.keys.contains(&key))?;
        Some(binding.action)
    })
}

/// The bindings for the bottom line now, the innermost scope first.
pub fn hints(model: &Model) -> impl Iterator<Item = &Binding> {
    let shown = Action::Screen(model.screen);
    scopes(model).iter().flat_map(move |&scope| {
        let of_scope =
            move |b: &&Binding| b.scope == scope && !b.hint.is_empty() && b.action != shown;
        let bindings = model.keymap.bindings().filter(of_scope);
        bindings.filter(|binding| {
            let action = binding.action;
            // What leads back has a hint of its own.
            let quits = action != Action::Quit || matches!(model.mode, Mode::Browse);
            quits && is_offered(model, binding) && fits_plan(model, action)
        })
    })
}

/// Whether a key has something to change in the plan that is shown.
fn fits_plan(model: &Model, action: Action) -> bool {
    let (Mode::ConfirmRung(confirm), Action::Rung(action)) = (&model.mode, action) else {
        return true;
    };
    let ask = &confirm.plan.ask;
    match action {
        RungAction::Type => matches!(ask, Ask::Cgroup { .. }),
        RungAction::Adjust(_) => matches!(ask, Ask::Cgroup { .. } | Ask::Everybody { .. }),
        RungAction::Option => !matches!(ask, Ask::Cgroup { .. } | Ask::Carousel { .. }),
        _ => true,
    }
}

/// Whether a binding is to be shown at all: where nothing may act, nothing that acts is.
pub fn is_offered(model: &Model, binding: &Binding) -> bool {
    let way = matches!(
        binding.scope,
        S::Plan | S::ShrinkPlan | S::RungPlan | S::RungAmount | S::RungWord | S::WhoPlan
    );
    model.inert.is_none() || !way && binding.action.acts().is_none()
}
