//! The current actions of the keys, and which of them are shown.

use crossterm::event::KeyCode;

use crate::ui::keymap::{
    Action, Binding, CGROUPS, FILESYSTEMS, HELP, HISTORY, HOTSPOTS, LEDGER, MOUNTS, NAMES,
    RungAction, SLABS, Scope, Scope as S, TREE, WHO,
};
use crate::ui::model::{Ask, InputMode, Model, Screen};

/// The current action of `key`.
pub fn action(model: &Model, key: KeyCode) -> Option<Action> {
    let mut scopes = scopes(model).iter();
    scopes.find_map(|&scope| {
        let mut bindings = model.keymap.bindings();
        let binding = bindings.find(|b| b.scope == scope && b.keys.contains(&key))?;
        Some(binding.action)
    })
}

/// The bindings that the bottom line shows now, the innermost scope first.
pub fn hints(model: &Model) -> impl Iterator<Item = &Binding> {
    let shown = Action::Screen(model.screen);
    scopes(model).iter().flat_map(move |&scope| {
        let of_scope =
            move |b: &&Binding| b.scope == scope && !b.hint.is_empty() && b.action != shown;
        let bindings = model.keymap.bindings().filter(of_scope);
        bindings.filter(|binding| {
            let action = binding.action;
            // A binding that leads back has a hint of its own.
            let quits = action != Action::Quit || matches!(model.mode, InputMode::Browse);
            quits && is_offered(model, binding) && fits_plan(model, action)
        })
    })
}

/// Whether a key changes anything in the plan that is shown.
fn fits_plan(model: &Model, action: Action) -> bool {
    if let InputMode::Confirm(confirm) = &model.mode {
        return match action {
            Action::Prune | Action::WriteBack => confirm.prunes(),
            Action::Holders => confirm.has_holders(),
            _ => true,
        };
    }
    let (InputMode::ConfirmRung(confirm), Action::Rung(action)) = (&model.mode, action) else {
        return true;
    };
    let ask = &confirm.plan.ask;
    match action {
        RungAction::Type => matches!(ask, Ask::Cgroup { .. }),
        RungAction::Adjust(_) => matches!(ask, Ask::Cgroup { .. } | Ask::Everybody { .. }),
        RungAction::Option => ask.has_option(),
        _ => true,
    }
}

/// Whether a binding is shown at all: in read-only mode, those that act are not.
pub fn is_offered(model: &Model, binding: &Binding) -> bool {
    let way = matches!(
        binding.scope,
        S::Plan | S::RungPlan | S::RungAmount | S::RungWord | S::WhoPlan
    );
    model.inert.is_none() || !way && binding.action.acts().is_none()
}

/// The current scopes, the innermost first.
pub fn scopes(model: &Model) -> &'static [Scope] {
    scopes_in(model, &model.mode)
}

/// The scopes in one of the modes.
pub fn scopes_in(model: &Model, mode: &InputMode) -> &'static [Scope] {
    match (mode, model.screen) {
        (InputMode::Filter, _) => &[S::Filter],
        (InputMode::Names, _) => NAMES,
        (InputMode::Hotspots, _) => HOTSPOTS,
        (InputMode::Who, _) => WHO,
        (InputMode::ConfirmWho(_), _) => &[S::WhoPlan],
        (InputMode::Export(_), _) => &[S::Export],
        (InputMode::Jump { .. }, _) => &[S::Jump],
        (InputMode::Palette { .. }, _) => &[S::Palette],
        (InputMode::Search { typing: true, .. }, _) => &[S::Search],
        (InputMode::Search { typing: false, .. }, _) => &[S::Found],
        (InputMode::Planning { .. } | InputMode::Pruning(_), _) => &[S::Running],
        (InputMode::PlanningRung { .. } | InputMode::RunningRung(_), _) => &[S::Running],
        (InputMode::Confirm(_) | InputMode::ConfirmRung(_), _) if model.asking.wider.is_some() => {
            &[S::Wider]
        }
        (InputMode::ConfirmRung(confirm), _) if confirm.typing.is_some() => &[S::RungAmount],
        (InputMode::ConfirmRung(confirm), _) if confirm.word.is_some() => &[S::RungWord],
        (InputMode::Leave, _) => &[S::Leave],
        (InputMode::ConfirmRung(_), _) => &[S::RungPlan],
        (InputMode::Settings(_), _) => &[S::Settings],
        (InputMode::Confirm(_), _) => &[S::Plan],
        (InputMode::SortMenu { .. }, _) => &[S::SortMenu],
        (InputMode::Detail, _) => &[S::Detail],
        (InputMode::Help { typing: true, .. }, _) => &[S::Filter],
        (InputMode::Help { .. }, _) => HELP,
        (InputMode::Ledger, _) => LEDGER,
        (InputMode::RungLedger(_) | InputMode::Failed { .. }, _) => &[S::Message],
        (InputMode::Browse, Screen::Slabs) => SLABS,
        (InputMode::Browse, Screen::Filesystems) => FILESYSTEMS,
        (InputMode::Browse, Screen::Cgroups) => CGROUPS,
        (InputMode::Browse, Screen::History) => HISTORY,
        (InputMode::Browse, Screen::Tree) if model.tree.stack.is_empty() => MOUNTS,
        (InputMode::Browse, Screen::Tree) => TREE,
    }
}
