//! What the keys do now, and which of them are shown.

use crossterm::event::KeyCode;

use crate::ui::keymap::{
    Action, Binding, CGROUPS, FILESYSTEMS, HELP, HISTORY, HOTSPOTS, LEDGER, MOUNTS, NAMES,
    RungAction, SLABS, Scope, Scope as S, TREE, WHO,
};
use crate::ui::model::{Ask, Mode, Model, Screen};

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
    if let (Mode::Confirm(confirm), Action::Prune | Action::WriteBack) = (&model.mode, action) {
        return confirm.prunes();
    }
    let (Mode::ConfirmRung(confirm), Action::Rung(action)) = (&model.mode, action) else {
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

/// Whether a binding is to be shown at all: where nothing may act, nothing that acts is.
pub fn is_offered(model: &Model, binding: &Binding) -> bool {
    let way = matches!(
        binding.scope,
        S::Plan | S::RungPlan | S::RungAmount | S::RungWord | S::WhoPlan
    );
    model.inert.is_none() || !way && binding.action.acts().is_none()
}

/// Where the keys are now, the innermost first.
pub fn scopes(model: &Model) -> &'static [Scope] {
    match (&model.mode, model.screen) {
        (Mode::Filter, _) => &[S::Filter],
        (Mode::Names, _) => NAMES,
        (Mode::Hotspots, _) => HOTSPOTS,
        (Mode::Who, _) => WHO,
        (Mode::ConfirmWho(_), _) => &[S::WhoPlan],
        (Mode::Export(_), _) => &[S::Export],
        (Mode::Jump { .. }, _) => &[S::Jump],
        (Mode::Planning { .. } | Mode::Pruning(_), _) => &[S::Running],
        (Mode::PlanningRung { .. } | Mode::RunningRung(_), _) => &[S::Running],
        (Mode::Confirm(_) | Mode::ConfirmRung(_), _) if model.asking.wider.is_some() => &[S::Wider],
        (Mode::ConfirmRung(confirm), _) if confirm.typing.is_some() => &[S::RungAmount],
        (Mode::ConfirmRung(confirm), _) if confirm.word.is_some() => &[S::RungWord],
        (Mode::Leave, _) => &[S::Leave],
        (Mode::ConfirmRung(_), _) => &[S::RungPlan],
        (Mode::Settings(_), _) => &[S::Settings],
        (Mode::Confirm(_), _) => &[S::Plan],
        (Mode::SortMenu { .. }, _) => &[S::SortMenu],
        (Mode::Detail, _) => &[S::Detail],
        (Mode::Help { .. }, _) => HELP,
        (Mode::Ledger, _) => LEDGER,
        (Mode::RungLedger(_) | Mode::Failed { .. }, _) => &[S::Message],
        (Mode::Browse, Screen::Slabs) => SLABS,
        (Mode::Browse, Screen::Filesystems) => FILESYSTEMS,
        (Mode::Browse, Screen::Cgroups) => CGROUPS,
        (Mode::Browse, Screen::History) => HISTORY,
        (Mode::Browse, Screen::Tree) if model.tree.stack.is_empty() => MOUNTS,
        (Mode::Browse, Screen::Tree) => TREE,
    }
}
