//! The scopes of keys.

use Scope as S;

/// The scope of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On the slab screen.
    Slabs,
    /// In the list of mounts.
    Mounts,
    /// In a directory.
    Tree,
    /// On the screen of filesystems.
    Filesystems,
    /// On the screen of cgroups.
    Cgroups,
    /// On the page of negative names.
    Names,
    /// On the page of hotspots.
    Hotspots,
    /// On the who screen.
    Who,
    /// While a trace awaits confirmation.
    WhoPlan,
    /// While the path of an export is typed.
    Export,
    /// On the history screen.
    History,
    /// In every list.
    Lists,
    /// On every screen.
    Everywhere,
    /// While the filter is typed.
    Filter,
    /// While a path is typed.
    Jump,
    /// While the name of an action or of a place is typed.
    Palette,
    /// While a text to find is typed.
    Search,
    /// While a search goes from match to match.
    Found,
    /// In the menu of columns.
    SortMenu,
    /// While one cache is looked at closely.
    Detail,
    /// While a plan for a wider rung of the ladder is shown.
    RungPlan,
    /// While its amount is typed.
    RungAmount,
    /// While the word that confirms it is typed.
    RungWord,
    /// In the list of wider rungs.
    Wider,
    /// While the program asks whether to quit.
    Leave,
    /// While the kernel's settings are shown.
    Settings,
    /// While a plan is shown.
    Plan,
    /// While a dry run or a prune is under way.
    Running,
    /// While the help is shown.
    Help,
    /// While a ledger is shown.
    Ledger,
    /// While help, a ledger or an error is shown.
    Message,
}

impl Scope {
    /// Its name on the help screen.
    pub fn words(self) -> &'static str {
        match self {
            Self::Slabs => "Slabs, with slabtop's sort keys",
            Self::Mounts => "Tree: mounts",
            Self::Tree => "Tree",
            Self::Filesystems => "Filesystems",
            Self::Cgroups => "Cgroups",
            Self::Names => "Negative names",
            Self::Hotspots => "Hotspots",
            Self::Who => "Allocation trace",
            Self::WhoPlan => "Before a trace",
            Self::Export => "An export",
            Self::History => "History",
            Self::Lists => "Every list",
            Self::Everywhere => "Every screen",
            Self::Filter => "Typing a filter",
            Self::Jump => "Typing a path",
            Self::Palette => "Typing an action or a place",
            Self::Search => "Typing a text to find",
            Self::Found => "After a search",
            Self::SortMenu => "The sort menu",
            Self::Detail => "A cache",
            Self::RungPlan => "A plan to reclaim",
            Self::RungAmount => "Typing an amount",
            Self::RungWord => "Typing the word",
            Self::Wider => "Broader rungs",
            Self::Leave => "Before quitting",
            Self::Settings => "The kernel's settings",
            Self::Plan => "A plan",
            Self::Running => "While counting or pruning",
            Self::Help => "Help",
            Self::Ledger => "A ledger",
            Self::Message => "Ledger, error, help",
        }
    }
}

/// The scopes that hold together, the innermost first: within them a key has one action.
pub(super) const TOGETHER: &[&[Scope]] = &[
    SLABS,
    MOUNTS,
    TREE,
    FILESYSTEMS,
    CGROUPS,
    HISTORY,
    HELP,
    LEDGER,
    NAMES,
    HOTSPOTS,
    WHO,
    &[S::WhoPlan],
    &[S::Export],
    &[S::Filter],
    &[S::Jump],
    &[S::Palette],
    &[S::Search],
    &[S::Found],
    &[S::SortMenu],
    &[S::Detail],
    &[S::Plan],
    &[S::RungPlan],
    &[S::RungAmount],
    &[S::RungWord],
    &[S::Wider],
    &[S::Leave],
    &[S::Settings],
    &[S::Running],
];
pub(crate) const SLABS: &[Scope] = &[S::Slabs, S::Lists, S::Everywhere];
pub(crate) const MOUNTS: &[Scope] = &[S::Mounts, S::Lists, S::Everywhere];
pub(crate) const FILESYSTEMS: &[Scope] = &[S::Filesystems, S::Lists, S::Everywhere];
pub(crate) const CGROUPS: &[Scope] = &[S::Cgroups, S::Lists, S::Everywhere];
pub(crate) const TREE: &[Scope] = &[S::Tree, S::Lists, S::Everywhere];
pub(crate) const HOTSPOTS: &[Scope] = &[S::Hotspots, S::Lists, S::Everywhere];
pub(crate) const WHO: &[Scope] = &[S::Who, S::Lists, S::Everywhere];
pub(crate) const NAMES: &[Scope] = &[S::Names, S::Lists, S::Everywhere];
pub(crate) const HISTORY: &[Scope] = &[S::History, S::Lists, S::Everywhere];
pub(crate) const LEDGER: &[Scope] = &[S::Ledger, S::Message];
pub(crate) const HELP: &[Scope] = &[S::Help, S::Message];
