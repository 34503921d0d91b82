//! One table: what a key does where. The help screen and the bottom line are made from it.

use crossterm::event::KeyCode;

use crate::model::{Column, Mode, Model, Screen};
use crate::session;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table below says what each does")]
pub enum Action {
    Quit,
    Help,
    Close,
    Screen(Screen),
    Freeze,
    Move(i64),
    Page(i64),
    Sort(Column),
    Reverse,
    Filter,
    FilterErase,
    FilterClear,
    SortMenu,
    SortChosen,
    Class,
    Mark,
    Summary,
    Refresh,
    Faster,
    Slower,
    Theme,
    Mouse,
    Suspend,
    Detail,
    DetailClose,
    PlanShrink,
    Shrink,
    CycleSort,
    Enter,
    Up,
    Recount,
    PlanRow,
    PlanHere,
    Cancel,
    Choose(session::Mode),
    Urge,
    Prune,
}

/// Where a binding holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On the slab screen.
    Slabs,
    /// In the list of mounts.
    Mounts,
    /// In a directory.
    Tree,
    /// On the history screen.
    History,
    /// In every list.
    Lists,
    /// On every screen.
    Everywhere,
    /// While the filter is typed.
    Filter,
    /// In the menu of columns.
    SortMenu,
    /// While one cache is looked at closely.
    Detail,
    /// While a plan to shrink a cache is shown.
    ShrinkPlan,
    /// While a cache is being shrunk.
    Shrinking,
    /// While a plan is shown.
    Plan,
    /// While a dry run or a prune is under way.
    Running,
    /// While the help is shown.
    Help,
    /// While help, a ledger or an error is shown.
    Message,
}

impl Scope {
    /// In words, for the help screen.
    pub fn words(self) -> &'static str {
        match self {
            Self::Slabs => "Slabs, with slabtop's sort keys",
            Self::Mounts => "Tree: mounts",
            Self::Tree => "Tree",
            Self::History => "History",
            Self::Lists => "Every list",
            Self::Everywhere => "Every screen",
            Self::Filter => "Typing a filter",
            Self::SortMenu => "The sort menu",
            Self::Detail => "A cache",
            Self::ShrinkPlan => "A plan to shrink",
            Self::Shrinking => "While a cache is being shrunk",
            Self::Plan => "A plan",
            Self::Running => "While counting or pruning",
            Self::Help => "Help",
            Self::Message => "Ledger, error, help",
        }
    }
}

/// A line of the table.
#[derive(Debug)]
pub struct Binding {
    /// Where.
    pub scope: Scope,
    /// Any of these keys.
    pub keys: &'static [KeyCode],
    /// The keys' names on the screen.
    pub label: &'static str,
    /// Two words for the bottom line; empty: not there.
    pub hint: &'static str,
    /// A line for the help screen; empty: not there.
    pub help: &'static str,
    /// What it does.
    pub action: Action,
}

const fn bind(
    scope: Scope,
    keys: &'static [KeyCode],
    label: &'static str,
    hint: &'static str,
    help: &'static str,
    action: Action,
) -> Binding {
    Binding {
        scope,
        keys,
        label,
        hint,
        help,
        action,
    }
}

use Action as A;
use KeyCode::{Backspace, Char, Down, End, Enter, Esc, Home, Left, PageDown, PageUp, Right, Up};
use Scope as S;

/// The table. Of two bindings of a key the scope that comes first in [`scopes`] wins.
#[rustfmt::skip]
pub const BINDINGS: &[Binding] = &[
    bind(S::Slabs, &[Enter, Right], "Enter", "detail", "the cache in detail", A::Detail),
    bind(S::Slabs, &[Char('S')], "S", "sort", "sort by any column, growth too", A::SortMenu),
    bind(S::Slabs, &[Char('/')], "/", "filter", "names with a text, or ~regex", A::Filter),
    bind(S::Slabs, &[Char('m')], "m", "mark", "mark, then compare with the mark", A::Mark),
    bind(S::Slabs, &[Char('f')], "f", "freeze", "freeze the figures", A::Freeze),
    bind(S::Slabs, &[Char('t')], "t", "R/U", "all, reclaimable, unreclaimable", A::Class),
    bind(S::Slabs, &[Char('r')], "r", "reverse", "reverse the order", A::Reverse),
    bind(S::Slabs, &[Char('K')], "K", "shrink", "give back the cache's empty slabs", A::PlanShrink),
    bind(S::Slabs, &[Char('i')], "i", "info", "slabtop's summary on, off", A::Summary),
    bind(S::Slabs, &[Char('a')], "a", "", "by active objects", A::Sort(Column::Active)),
    bind(S::Slabs, &[Char('b')], "b", "", "by objects per slab", A::Sort(Column::ObjectsPerSlab)),
    bind(S::Slabs, &[Char('c')], "c", "", "by cache size", A::Sort(Column::Size)),
    bind(S::Slabs, &[Char('l')], "l", "", "by slabs", A::Sort(Column::Slabs)),
    bind(S::Slabs, &[Char('n')], "n", "", "by name", A::Sort(Column::Name)),
    bind(S::Slabs, &[Char('o')], "o", "", "by objects", A::Sort(Column::Objects)),
    bind(S::Slabs, &[Char('p')], "p", "", "by pages per slab", A::Sort(Column::PagesPerSlab)),
    bind(S::Slabs, &[Char('s')], "s", "", "by object size", A::Sort(Column::ObjectSize)),
    bind(S::Slabs, &[Char('u')], "u", "", "by use: active of all objects", A::Sort(Column::Use)),
    bind(S::Slabs, &[Char('v')], "v", "", "by active slabs", A::Sort(Column::ActiveSlabs)),
    bind(S::Slabs, &[Esc], "Esc", "", "", A::FilterClear),
    bind(S::Filter, &[Enter], "Enter", "keep filter", "keep the filter", A::Close),
    bind(S::Filter, &[Esc], "Esc", "no filter", "show all again", A::FilterClear),
    bind(S::Filter, &[Backspace], "Backspace", "", "", A::FilterErase),
    bind(S::SortMenu, &[Enter], "Enter", "sort", "sort by the column", A::SortChosen),
    bind(S::SortMenu, &[Down, Char('j')], "j", "down", "", A::Move(1)),
    bind(S::SortMenu, &[Up, Char('k')], "k", "up", "", A::Move(-1)),
    bind(S::SortMenu, &[Char('r')], "r", "reverse", "reverse the order", A::Reverse),
    bind(S::SortMenu, &[Esc, Char('q'), Char('S')], "Esc", "close", "close", A::Close),
    bind(S::Detail, &[Char('K')], "K", "shrink", "give back its empty slabs", A::PlanShrink),
    bind(S::Detail, &[Char('j'), Down], "j", "down", "more of the text (also Down)", A::Move(1)),
    bind(S::Detail, &[Char('k'), Up], "k", "up", "", A::Move(-1)),
    bind(S::Detail, &[PageDown], "PgDn", "", "", A::Page(1)),
    bind(S::Detail, &[PageUp], "PgUp", "", "", A::Page(-1)),
    bind(S::Detail, &[Char('g'), Home], "g", "", "", A::Move(i64::MIN)),
    bind(S::Detail, &[Char('G'), End], "G", "", "", A::Move(i64::MAX)),
    bind(S::Detail, &[Char('f')], "f", "freeze", "freeze the figures", A::Freeze),
    bind(S::Detail, &[Char(' ')], "Space", "", "", A::Refresh),
    bind(S::Detail, &[Char('T')], "T", "", "", A::Theme),
    bind(S::Detail, &[Esc, Enter, Backspace, Left, Char('q')], "Esc", "table", "back to the table (also Enter, q)", A::DetailClose),
    bind(S::Detail, &[Char('1')], "1", "slabs", "", A::DetailClose),
    bind(S::Detail, &[Char('2')], "2", "tree", "", A::Screen(Screen::Tree)),
    bind(S::Detail, &[Char('3')], "3", "history", "", A::Screen(Screen::History)),
    bind(S::Detail, &[Char('?')], "?", "help", "this help", A::Help),
    bind(S::ShrinkPlan, &[Char('y')], "y", "shrink", "carry the plan out", A::Shrink),
    bind(S::ShrinkPlan, &[Enter], "Enter", "", "does nothing: no accidents", A::Urge),
    bind(S::ShrinkPlan, &[Esc, Char('n'), Char('q')], "Esc", "cancel", "cancel (also n, q)", A::Cancel),
    bind(S::Shrinking, &[Esc, Char('q')], "Esc", "leave", "leave it", A::Cancel),
    bind(S::Mounts, &[Enter, Right], "Enter", "walk in", "", A::Enter),
    bind(S::Mounts, &[Char('r')], "r", "reread", "", A::Recount),
    bind(S::Tree, &[Enter, Right, Char('l')], "Enter", "in", "walk in and count (also l, Right)", A::Enter),
    bind(S::Tree, &[Backspace, Left, Char('h')], "Bksp", "up", "up (also h, Left)", A::Up),
    bind(S::Tree, &[Char('p')], "p", "prune row", "plan to prune below the row", A::PlanRow),
    bind(S::Tree, &[Char('P')], "P", "all here", "plan to prune below the directory", A::PlanHere),
    bind(S::Tree, &[Char('s')], "s", "sort", "sort by the next column", A::CycleSort),
    bind(S::Tree, &[Char('r')], "r", "recount", "count again", A::Recount),
    bind(S::Tree, &[Esc], "Esc", "", "end a count under way", A::Cancel),
    bind(S::History, &[Char('f')], "f", "freeze", "freeze the charts, or let them run", A::Freeze),
    bind(S::Plan, &[Char('y')], "y", "prune", "carry the plan out", A::Prune),
    bind(S::Plan, &[Char('1')], "1", "negatives", "only negative dentries", A::Choose(session::Mode::Negative)),
    bind(S::Plan, &[Char('2')], "2", "all unused", "all unused dentries", A::Choose(session::Mode::Dentries)),
    bind(S::Plan, &[Up, Char('k')], "k", "", "", A::Choose(session::Mode::Negative)),
    bind(S::Plan, &[Down, Char('j')], "j", "", "", A::Choose(session::Mode::Dentries)),
    bind(S::Plan, &[Enter], "Enter", "", "does nothing: no accidents", A::Urge),
    bind(S::Plan, &[Esc, Char('n'), Char('q')], "Esc", "cancel", "cancel (also n, q)", A::Cancel),
    bind(S::Running, &[Esc, Char('q')], "Esc", "stop", "stop it", A::Cancel),
    bind(S::Help, &[Down, Char('j')], "j", "down", "", A::Move(1)),
    bind(S::Help, &[Up, Char('k')], "k", "up", "", A::Move(-1)),
    bind(S::Help, &[PageDown, Char(' ')], "PgDn", "", "", A::Page(1)),
    bind(S::Help, &[PageUp], "PgUp", "", "", A::Page(-1)),
    bind(S::Message, &[Esc, Enter, Char('q'), Char('?')], "Esc", "close", "close", A::Close),
    bind(S::Message, &[Char('1')], "1", "slabs", "", A::Screen(Screen::Slabs)),
    bind(S::Message, &[Char('2')], "2", "tree", "", A::Screen(Screen::Tree)),
    bind(S::Message, &[Char('3')], "3", "history", "", A::Screen(Screen::History)),
    bind(S::Lists, &[Down, Char('j')], "j", "", "down (also Down)", A::Move(1)),
    bind(S::Lists, &[Up, Char('k')], "k", "", "up (also Up)", A::Move(-1)),
    bind(S::Lists, &[PageDown], "PgDn", "", "a page down", A::Page(1)),
    bind(S::Lists, &[PageUp], "PgUp", "", "a page up", A::Page(-1)),
    bind(S::Lists, &[Char('g'), Home], "g", "", "first (also Home)", A::Move(i64::MIN)),
    bind(S::Lists, &[Char('G'), End], "G", "", "last (also End)", A::Move(i64::MAX)),
    bind(S::Everywhere, &[Char('1')], "1", "slabs", "slab caches", A::Screen(Screen::Slabs)),
    bind(S::Everywhere, &[Char('2')], "2", "tree", "tree by what is cached", A::Screen(Screen::Tree)),
    bind(S::Everywhere, &[Char('3')], "3", "history", "charts over time", A::Screen(Screen::History)),
    bind(S::Everywhere, &[Char(' ')], "Space", "", "refresh at once", A::Refresh),
    bind(S::Everywhere, &[Char('+'), Char('=')], "+", "", "refresh more often", A::Faster),
    bind(S::Everywhere, &[Char('-')], "-", "", "refresh less often", A::Slower),
    bind(S::Everywhere, &[Char('T')], "T", "", "the next theme of four", A::Theme),
    bind(S::Everywhere, &[Char('M')], "M", "", "mouse on, off", A::Mouse),
    bind(S::Everywhere, &[], "Ctrl-Z", "", "suspend; fg comes back", A::Suspend),
    bind(S::Everywhere, &[Char('?')], "?", "help", "this help", A::Help),
    bind(S::Everywhere, &[Char('q')], "q", "quit", "quit (also Ctrl-C)", A::Quit),
];

/// Where the keys are now, the innermost first.
pub fn scopes(model: &Model) -> &'static [Scope] {
    match (&model.mode, model.screen) {
        (Mode::Filter, _) => &[S::Filter],
        (Mode::Planning { .. } | Mode::Pruning(_), _) => &[S::Running],
        (Mode::Confirm(_), _) => &[S::Plan],
        (Mode::SortMenu { .. }, _) => &[S::SortMenu],
        (Mode::Detail, _) => &[S::Detail],
        (Mode::ConfirmShrink(_), _) => &[S::ShrinkPlan],
        (Mode::PlanningShrink { .. } | Mode::Shrinking { .. }, _) => &[S::Shrinking],
        (Mode::Help { .. }, _) => &[S::Help, S::Message],
        (Mode::Ledger | Mode::Shrunk(_) | Mode::Failed { .. }, _) => &[S::Message],
        (Mode::Browse, Screen::Slabs) => &[S::Slabs, S::Lists, S::Everywhere],
        (Mode::Browse, Screen::History) => &[S::History, S::Everywhere],
        (Mode::Browse, Screen::Tree) if model.tree.stack.is_empty() => {
            &[S::Mounts, S::Lists, S::Everywhere]
        }
        (Mode::Browse, Screen::Tree) => &[S::Tree, S::Lists, S::Everywhere],
    }
}

/// What `key` does now.
pub fn action(model: &Model, key: KeyCode) -> Option<Action> {
    let mut scopes = scopes(model).iter();
    scopes.find_map(|&scope| {
        let mut bindings = BINDINGS.iter();
        let binding = bindings.find(|b| b.scope == scope && b.keys.contains(&key))?;
        Some(binding.action)
    })
}

/// The bindings for the bottom line now, the innermost scope first.
pub fn hints(model: &Model) -> impl Iterator<Item = &'static Binding> {
    let shown = Action::Screen(model.screen);
    scopes(model).iter().flat_map(move |&scope| {
        let of_scope =
            move |b: &&Binding| b.scope == scope && !b.hint.is_empty() && b.action != shown;
        BINDINGS.iter().filter(of_scope)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_bound_twice_in_a_scope() {
        for (at, a) in BINDINGS.iter().enumerate() {
            for b in &BINDINGS[at + 1..] {
                let shared = a.keys.iter().find(|key| b.keys.contains(key));
                assert!(
                    a.scope != b.scope || shared.is_none(),
                    "{shared:?} in {:?}",
                    a.scope
                );
            }
        }
    }

    #[test]
    fn only_y_in_a_plan_acts() {
        for (action, scope) in [
            (Action::Prune, Scope::Plan),
            (Action::Shrink, Scope::ShrinkPlan),
        ] {
            let acts: Vec<_> = BINDINGS.iter().filter(|b| b.action == action).collect();
            assert_eq!(acts.len(), 1);
            assert_eq!((acts[0].scope, acts[0].keys), (scope, &[Char('y')][..]));
        }
    }

    #[test]
    fn slabtops_letters_keep_their_meaning() {
        let meaning = |key| {
            let mut bindings = BINDINGS.iter();
            let found = bindings.find(|b| b.scope == Scope::Slabs && b.keys.contains(&key));
            found.map(|binding| binding.action)
        };
        for shape in crate::model::Column::sortable() {
            if "abclnopsuv".contains(shape.letter) {
                let sorts = Some(Action::Sort(shape.column));
                assert_eq!(meaning(Char(shape.letter)), sorts, "{}", shape.letter);
            }
        }
    }
}
