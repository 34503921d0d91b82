//! One table: what a key does where. The help screen, the bottom line and the keys of the
//! configuration are made from it.

use std::borrow::Cow;
use std::collections::BTreeMap;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Where.
    pub scope: Scope,
    /// In the configuration; empty: the keys are fixed. Bindings with one name have the same keys.
    pub name: &'static str,
    /// Any of these keys, the one to show first.
    pub keys: Cow<'static, [KeyCode]>,
    /// Two words for the bottom line; empty: not there.
    pub hint: &'static str,
    /// A line for the help screen; empty: not there.
    pub help: &'static str,
    /// What it does.
    pub action: Action,
}

const fn bind(
    scope: Scope,
    name: &'static str,
    keys: &'static [KeyCode],
    hint: &'static str,
    help: &'static str,
    action: Action,
) -> Binding {
    Binding {
        scope,
        name,
        keys: Cow::Borrowed(keys),
        hint,
        help,
        action,
    }
}

impl Binding {
    /// The first key's name on the screen.
    pub fn label(&self) -> String {
        self.keys.first().map(|&key| label(key)).unwrap_or_default()
    }

    /// In a word, for errors.
    fn word(&self) -> &'static str {
        let words = [self.name, self.hint, self.help];
        words
            .into_iter()
            .find(|word| !word.is_empty())
            .unwrap_or("fixed")
    }
}

use Action as A;
use KeyCode::{Backspace, Char, Down, End, Enter, Esc, Home, Left, PageDown, PageUp, Right, Up};
use Scope as S;

/// The table. Of two bindings of a key the scope that comes first in [`scopes`] wins.
#[rustfmt::skip]
pub const BINDINGS: &[Binding] = &[
    bind(S::Lists, "down", &[Char('j'), Down], "", "down", A::Move(1)),
    bind(S::Lists, "up", &[Char('k'), Up], "", "up", A::Move(-1)),
    bind(S::Lists, "page-down", &[PageDown], "", "a page down", A::Page(1)),
    bind(S::Lists, "page-up", &[PageUp], "", "a page up", A::Page(-1)),
    bind(S::Lists, "first", &[Char('g'), Home], "", "first", A::Move(i64::MIN)),
    bind(S::Lists, "last", &[Char('G'), End], "", "last", A::Move(i64::MAX)),
    bind(S::Slabs, "detail", &[Enter, Right], "detail", "the cache in detail", A::Detail),
    bind(S::Slabs, "sort-menu", &[Char('S')], "sort", "sort by any column, growth too", A::SortMenu),
    bind(S::Slabs, "filter", &[Char('/')], "filter", "names with a text, or ~regex", A::Filter),
    bind(S::Slabs, "mark", &[Char('m')], "mark", "mark, then compare with the mark", A::Mark),
    bind(S::Slabs, "freeze", &[Char('f')], "freeze", "freeze the figures", A::Freeze),
    bind(S::Slabs, "class", &[Char('t')], "R/U", "all, reclaimable, unreclaimable", A::Class),
    bind(S::Slabs, "reverse", &[Char('r')], "reverse", "reverse the order", A::Reverse),
    bind(S::Slabs, "shrink", &[Char('K')], "shrink", "give back the cache's empty slabs", A::PlanShrink),
    bind(S::Slabs, "summary", &[Char('i')], "info", "slabtop's summary on, off", A::Summary),
    bind(S::Slabs, "sort-active", &[Char('a')], "", "by active objects", A::Sort(Column::Active)),
    bind(S::Slabs, "sort-objects-per-slab", &[Char('b')], "", "by objects per slab", A::Sort(Column::ObjectsPerSlab)),
    bind(S::Slabs, "sort-size", &[Char('c')], "", "by cache size", A::Sort(Column::Size)),
    bind(S::Slabs, "sort-slabs", &[Char('l')], "", "by slabs", A::Sort(Column::Slabs)),
    bind(S::Slabs, "sort-name", &[Char('n')], "", "by name", A::Sort(Column::Name)),
    bind(S::Slabs, "sort-objects", &[Char('o')], "", "by objects", A::Sort(Column::Objects)),
    bind(S::Slabs, "sort-pages-per-slab", &[Char('p')], "", "by pages per slab", A::Sort(Column::PagesPerSlab)),
    bind(S::Slabs, "sort-object-size", &[Char('s')], "", "by object size", A::Sort(Column::ObjectSize)),
    bind(S::Slabs, "sort-use", &[Char('u')], "", "by use: active of all objects", A::Sort(Column::Use)),
    bind(S::Slabs, "sort-active-slabs", &[Char('v')], "", "by active slabs", A::Sort(Column::ActiveSlabs)),
    bind(S::Slabs, "", &[Esc], "", "", A::FilterClear),
    bind(S::Filter, "", &[Enter], "keep filter", "keep the filter", A::Close),
    bind(S::Filter, "", &[Esc], "no filter", "show all again", A::FilterClear),
    bind(S::Filter, "", &[Backspace], "", "", A::FilterErase),
    bind(S::SortMenu, "", &[Enter], "sort", "sort by the column", A::SortChosen),
    bind(S::SortMenu, "down", &[Char('j'), Down], "down", "", A::Move(1)),
    bind(S::SortMenu, "up", &[Char('k'), Up], "up", "", A::Move(-1)),
    bind(S::SortMenu, "reverse", &[Char('r')], "reverse", "reverse the order", A::Reverse),
    bind(S::SortMenu, "", &[Esc, Char('q')], "close", "close", A::Close),
    bind(S::SortMenu, "sort-menu", &[Char('S')], "", "", A::Close),
    bind(S::Detail, "shrink", &[Char('K')], "shrink", "give back its empty slabs", A::PlanShrink),
    bind(S::Detail, "down", &[Char('j'), Down], "down", "more of the text", A::Move(1)),
    bind(S::Detail, "up", &[Char('k'), Up], "up", "", A::Move(-1)),
    bind(S::Detail, "page-down", &[PageDown], "", "", A::Page(1)),
    bind(S::Detail, "page-up", &[PageUp], "", "", A::Page(-1)),
    bind(S::Detail, "first", &[Char('g'), Home], "", "", A::Move(i64::MIN)),
    bind(S::Detail, "last", &[Char('G'), End], "", "", A::Move(i64::MAX)),
    bind(S::Detail, "freeze", &[Char('f')], "freeze", "freeze the figures", A::Freeze),
    bind(S::Detail, "refresh", &[Char(' ')], "", "", A::Refresh),
    bind(S::Detail, "theme", &[Char('T')], "", "", A::Theme),
    bind(S::Detail, "", &[Esc, Enter, Char('q'), Backspace, Left], "table", "back to the table", A::DetailClose),
    bind(S::Detail, "slabs", &[Char('1')], "slabs", "", A::DetailClose),
    bind(S::Detail, "tree", &[Char('2')], "tree", "", A::Screen(Screen::Tree)),
    bind(S::Detail, "history", &[Char('3')], "history", "", A::Screen(Screen::History)),
    bind(S::Detail, "help", &[Char('?')], "help", "this help", A::Help),
    bind(S::ShrinkPlan, "", &[Char('y')], "shrink", "carry the plan out", A::Shrink),
    bind(S::ShrinkPlan, "", &[Enter], "", "does nothing: no accidents", A::Urge),
    bind(S::ShrinkPlan, "", &[Esc, Char('n'), Char('q')], "cancel", "cancel", A::Cancel),
    bind(S::Shrinking, "", &[Esc, Char('q')], "leave", "leave it", A::Cancel),
    bind(S::Mounts, "walk-in", &[Enter, Char('l'), Right], "walk in", "", A::Enter),
    bind(S::Mounts, "recount", &[Char('r')], "reread", "", A::Recount),
    bind(S::Tree, "walk-in", &[Enter, Char('l'), Right], "in", "walk in and count", A::Enter),
    bind(S::Tree, "walk-out", &[Backspace, Char('h'), Left], "up", "up", A::Up),
    bind(S::Tree, "prune-row", &[Char('p')], "prune row", "plan to prune below the row", A::PlanRow),
    bind(S::Tree, "prune-here", &[Char('P')], "all here", "plan to prune below the directory", A::PlanHere),
    bind(S::Tree, "next-sort", &[Char('s')], "sort", "sort by the next column", A::CycleSort),
    bind(S::Tree, "recount", &[Char('r')], "recount", "count again", A::Recount),
    bind(S::Tree, "", &[Esc], "", "end a count under way", A::Cancel),
    bind(S::History, "freeze", &[Char('f')], "freeze", "freeze the charts, or let them run", A::Freeze),
    bind(S::Plan, "", &[Char('y')], "prune", "carry the plan out", A::Prune),
    bind(S::Plan, "", &[Char('1')], "negatives", "only negative dentries", A::Choose(session::Mode::Negative)),
    bind(S::Plan, "", &[Char('2')], "all unused", "all unused dentries", A::Choose(session::Mode::Dentries)),
    bind(S::Plan, "", &[Up, Char('k')], "", "", A::Choose(session::Mode::Negative)),
    bind(S::Plan, "", &[Down, Char('j')], "", "", A::Choose(session::Mode::Dentries)),
    bind(S::Plan, "", &[Enter], "", "does nothing: no accidents", A::Urge),
    bind(S::Plan, "", &[Esc, Char('n'), Char('q')], "cancel", "cancel", A::Cancel),
    bind(S::Running, "", &[Esc, Char('q')], "stop", "stop it", A::Cancel),
    bind(S::Help, "down", &[Char('j'), Down], "down", "", A::Move(1)),
    bind(S::Help, "up", &[Char('k'), Up], "up", "", A::Move(-1)),
    bind(S::Help, "page-down", &[PageDown], "", "", A::Page(1)),
    bind(S::Help, "", &[Char(' ')], "", "a page down", A::Page(1)),
    bind(S::Help, "page-up", &[PageUp], "", "", A::Page(-1)),
    bind(S::Message, "", &[Esc, Enter, Char('q')], "close", "close", A::Close),
    bind(S::Message, "help", &[Char('?')], "", "", A::Close),
    bind(S::Message, "slabs", &[Char('1')], "slabs", "", A::Screen(Screen::Slabs)),
    bind(S::Message, "tree", &[Char('2')], "tree", "", A::Screen(Screen::Tree)),
    bind(S::Message, "history", &[Char('3')], "history", "", A::Screen(Screen::History)),
    bind(S::Everywhere, "slabs", &[Char('1')], "slabs", "slab caches", A::Screen(Screen::Slabs)),
    bind(S::Everywhere, "tree", &[Char('2')], "tree", "tree by what is cached", A::Screen(Screen::Tree)),
    bind(S::Everywhere, "history", &[Char('3')], "history", "charts over time", A::Screen(Screen::History)),
    bind(S::Everywhere, "refresh", &[Char(' ')], "", "refresh at once", A::Refresh),
    bind(S::Everywhere, "faster", &[Char('+'), Char('=')], "", "refresh more often", A::Faster),
    bind(S::Everywhere, "slower", &[Char('-')], "", "refresh less often", A::Slower),
    bind(S::Everywhere, "theme", &[Char('T')], "", "the next theme of four", A::Theme),
    bind(S::Everywhere, "mouse", &[Char('M')], "", "mouse on, off", A::Mouse),
    bind(S::Everywhere, "", &[Char('\u{1a}')], "", "suspend; fg comes back", A::Suspend),
    bind(S::Everywhere, "help", &[Char('?')], "help", "this help", A::Help),
    bind(S::Everywhere, "quit", &[Char('q')], "quit", "quit, like Ctrl-C", A::Quit),
];

/// The scopes that hold together, the innermost first: within them a key does one thing.
const TOGETHER: [&[Scope]; 12] = [
    SLABS,
    MOUNTS,
    TREE,
    HISTORY,
    HELP,
    &[S::Filter],
    &[S::SortMenu],
    &[S::Detail],
    &[S::ShrinkPlan],
    &[S::Shrinking],
    &[S::Plan],
    &[S::Running],
];
const SLABS: &[Scope] = &[S::Slabs, S::Lists, S::Everywhere];
const MOUNTS: &[Scope] = &[S::Mounts, S::Lists, S::Everywhere];
const TREE: &[Scope] = &[S::Tree, S::Lists, S::Everywhere];
const HISTORY: &[Scope] = &[S::History, S::Everywhere];
const HELP: &[Scope] = &[S::Help, S::Message];

/// The table with the keys that the person chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap(Vec<Binding>);

impl Default for Keymap {
    fn default() -> Self {
        Self(BINDINGS.to_vec())
    }
}

impl Keymap {
    /// With the keys of `chosen` in place of those of the bindings with the same name.
    pub fn new(chosen: &BTreeMap<&'static str, Vec<KeyCode>>) -> Result<Self, String> {
        let mut keymap = Self::default();
        for binding in &mut keymap.0 {
            if let Some(keys) = chosen.get(binding.name) {
                binding.keys = Cow::Owned(keys.clone());
            }
        }
        for scopes in TOGETHER {
            keymap.check(scopes)?;
        }
        Ok(keymap)
    }

    /// That no key has two meanings where `scopes` hold.
    fn check(&self, scopes: &[Scope]) -> Result<(), String> {
        let mut seen: Vec<(KeyCode, &Binding)> = Vec::new();
        for binding in self.0.iter().filter(|b| scopes.contains(&b.scope)) {
            for &key in &*binding.keys {
                let mut others = seen.iter().filter(|(other, _)| *other == key);
                if let Some((_, other)) = others.find(|(_, b)| b.action != binding.action) {
                    return Err(format!(
                        "the key {} has two meanings, {} and {}, in: {}",
                        label(key),
                        other.word(),
                        binding.word(),
                        scopes[0].words()
                    ));
                }
                seen.push((key, binding));
            }
        }
        Ok(())
    }

    /// The bindings that have a key.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.0.iter().filter(|binding| !binding.keys.is_empty())
    }

    /// The key to show for the bindings of this name.
    pub fn key(&self, name: &str) -> String {
        let found = self.bindings().find(|binding| binding.name == name);
        found.map_or_else(|| "(no key)".to_owned(), Binding::label)
    }
}

/// The bindings that can be given other keys: one of each name, with the line of help.
pub fn configurable() -> impl Iterator<Item = &'static Binding> {
    let first = |(at, b): &(usize, &Binding)| {
        let same = |other: &Binding| other.name == b.name && !other.help.is_empty();
        !b.name.is_empty() && BINDINGS.iter().position(same) == Some(*at)
    };
    BINDINGS.iter().enumerate().filter(first).map(|(_, b)| b)
}

/// Keys that are not a character, as the screen names them.
const NAMED: [(&str, KeyCode); 15] = [
    ("Enter", Enter),
    ("Esc", Esc),
    ("Space", Char(' ')),
    ("Bksp", Backspace),
    ("Tab", KeyCode::Tab),
    ("Up", Up),
    ("Down", Down),
    ("Left", Left),
    ("Right", Right),
    ("PgUp", PageUp),
    ("PgDn", PageDown),
    ("Home", Home),
    ("End", End),
    ("Ins", KeyCode::Insert),
    ("Del", KeyCode::Delete),
];

/// The name of a key on the screen and in the configuration.
pub fn label(key: KeyCode) -> String {
    let named = NAMED.iter().find(|(_, code)| *code == key);
    match (named, key) {
        (Some((name, _)), _) => (*name).to_owned(),
        (None, Char(c)) if c.is_ascii_control() => {
            format!("Ctrl-{}", char::from(c as u8 | 0x40))
        }
        (None, Char(c)) => c.to_string(),
        (None, key) => key.to_string(),
    }
}

/// With the control key, a letter is the control character that a terminal sends for it.
pub fn control(letter: char) -> Option<KeyCode> {
    let letter = letter.to_ascii_lowercase();
    letter
        .is_ascii_lowercase()
        .then(|| Char(char::from(letter as u8 & 0x1f)))
}

/// The key of that name, if a binding may have it.
pub fn key(name: &str) -> Result<KeyCode, String> {
    let shown = crate::text::printable(name);
    let mut chars = name.chars();
    let found = match (chars.next(), chars.next()) {
        (Some(c), None) if c == '\\' || shown == name => Some(Char(c)),
        _ => named(&name.to_ascii_lowercase()),
    };
    match found {
        None => {
            let names = NAMED.map(|(name, _)| name).join(", ");
            Err(format!(
                "{shown} is not a key: a key is a character, Ctrl-A to Ctrl-Z, F1 to F12, or {names}"
            ))
        }
        Some(Esc) => Err("Esc cancels, and can do nothing else".to_owned()),
        // Held down too long, the key that asks for a plan must not carry it out.
        Some(Char('y')) => Err("y carries out a plan, and can do nothing else".to_owned()),
        // Ctrl-C and Ctrl-Z always work; for the other two a terminal sends Tab and Enter.
        Some(Char('\u{3}' | '\u{1a}' | '\t' | '\r')) => {
            Err(format!("{shown} cannot be given another meaning"))
        }
        Some(key) => Ok(key),
    }
}

fn named(name: &str) -> Option<KeyCode> {
    if let Some((_, code)) = NAMED.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
        return Some(*code);
    }
    if let Some(letter) = name.strip_prefix("ctrl-") {
        let mut letters = letter.chars();
        return control(letters.next()?).filter(|_| letters.next().is_none());
    }
    let number = name.strip_prefix('f')?.parse().ok()?;
    (1..=12).contains(&number).then_some(KeyCode::F(number))
}

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
        (Mode::Help { .. }, _) => HELP,
        (Mode::Ledger | Mode::Shrunk(_) | Mode::Failed { .. }, _) => &[S::Message],
        (Mode::Browse, Screen::Slabs) => SLABS,
        (Mode::Browse, Screen::History) => HISTORY,
        (Mode::Browse, Screen::Tree) if model.tree.stack.is_empty() => MOUNTS,
        (Mode::Browse, Screen::Tree) => TREE,
    }
}

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
        model.keymap.bindings().filter(of_scope)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(keys: &[(&'static str, &str)]) -> Result<Keymap, String> {
        let keys = keys
            .iter()
            .map(|&(name, of)| (name, vec![key(of).unwrap()]));
        Keymap::new(&keys.collect())
    }

    #[test]
    fn no_key_has_two_meanings() {
        assert_eq!(Keymap::new(&BTreeMap::new()), Ok(Keymap::default()));
        let error = chosen(&[("help", "h")]).unwrap_err();
        assert_eq!(
            error,
            "the key h has two meanings, walk-out and help, in: Tree"
        );
        let error = chosen(&[("quit", "x"), ("down", "q"), ("up", "x")]).unwrap_err();
        assert!(
            error.contains("quit and up") || error.contains("up and quit"),
            "{error}"
        );
        let error = chosen(&[("quit", "x"), ("down", "q")]).unwrap_err();
        assert!(error.contains("close") && error.contains("down"), "{error}");
        assert!(chosen(&[("freeze", "m"), ("mark", "f")]).is_ok(), "swapped");
    }

    #[test]
    fn scopes_that_hold_together_are_all_told() {
        for binding in BINDINGS {
            assert!(
                TOGETHER
                    .iter()
                    .any(|scopes| scopes.contains(&binding.scope))
            );
        }
    }

    #[test]
    fn a_name_has_the_same_keys_wherever_it_is() {
        let mut names = Vec::new();
        for binding in configurable() {
            assert!(!names.contains(&binding.name), "{}", binding.name);
            names.push(binding.name);
        }
        for binding in BINDINGS.iter().filter(|b| !b.name.is_empty()) {
            let mut found = configurable().filter(|b| b.name == binding.name);
            assert_eq!(
                found.next().map(|b| &b.keys),
                Some(&binding.keys),
                "{}",
                binding.name
            );
        }
    }

    #[test]
    fn what_acts_and_what_cancels_has_no_name() {
        let fixed = [S::Plan, S::ShrinkPlan, S::Running, S::Shrinking, S::Filter];
        for binding in BINDINGS {
            if fixed.contains(&binding.scope) || binding.keys.contains(&Esc) {
                assert_eq!(binding.name, "", "{binding:?}");
            }
        }
        for name in ["y", "Esc", "ctrl-c", "Ctrl-Z", "ctrl-i", "ctrl-m"] {
            assert!(key(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_key_is_named_as_it_is_shown() {
        for binding in configurable() {
            for &code in &*binding.keys {
                assert_eq!(key(&label(code)), Ok(code));
            }
        }
        for (name, code) in [
            ("F", Char('F')),
            ("é", Char('é')),
            ("\\", Char('\\')),
            ("f12", KeyCode::F(12)),
            ("pgdn", PageDown),
            ("ctrl-f", Char('\u{6}')),
        ] {
            assert_eq!(key(name), Ok(code));
            assert!(label(code).eq_ignore_ascii_case(name), "{name}");
        }
        for name in [
            "", "FF", "f0", "f13", "ctrl-", "ctrl-1", "ctrl-ff", "\u{1b}", "\u{6}", "\u{202e}",
        ] {
            assert!(key(name).unwrap_err().contains("is not a key"), "{name:?}");
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
            assert_eq!((acts[0].scope, &*acts[0].keys), (scope, &[Char('y')][..]));
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
