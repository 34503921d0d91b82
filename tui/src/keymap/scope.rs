//! Where keys hold.

/// Where a binding holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On the slab screen.
    Slabs,
    /// In the list of mounts.
    Mounts,
    /// In a directory.
    Tree,
    /// On the page of negative names.
    Names,
    /// On the page of hotspots.
    Hotspots,
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
    /// While a ledger is shown.
    Ledger,
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
            Self::Names => "Negative names",
            Self::Hotspots => "Hotspots",
            Self::Export => "An export",
            Self::History => "History",
            Self::Lists => "Every list",
            Self::Everywhere => "Every screen",
            Self::Filter => "Typing a filter",
            Self::Jump => "Typing a path",
            Self::SortMenu => "The sort menu",
            Self::Detail => "A cache",
            Self::ShrinkPlan => "A plan to shrink",
            Self::Shrinking => "While a cache is being shrunk",
            Self::Plan => "A plan",
            Self::Running => "While counting or pruning",
            Self::Help => "Help",
            Self::Ledger => "A ledger",
            Self::Message => "Ledger, error, help",
        }
    }
}
