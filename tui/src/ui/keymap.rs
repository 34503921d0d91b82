//! The table of keys and their actions by scope. It is the source of the help screen, the bottom
//! line and the configurable keys.

mod chosen;
mod names;
mod pages;
mod scope;

use std::borrow::Cow;

use crossterm::event::KeyCode;

use crate::kernel::session;
use crate::reclaim::ladder::Rung;
use crate::ui::columns::Column;
use crate::ui::screen::Screen;
pub use chosen::{Keymap, configurable};
pub use names::{control, key, label};
pub use pages::{HotspotsAction, NamesAction, RungAction, SettingsAction, WhoAction};
pub use scope::Scope;
use scope::TOGETHER;
pub(crate) use scope::{
    CGROUPS, FILESYSTEMS, HELP, HISTORY, HOTSPOTS, LEDGER, MOUNTS, NAMES, SLABS, TREE, WHO,
};

/// The action of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table below says what each does")]
pub enum Action {
    /// Back; from a screen itself it ends the program.
    Quit,
    /// Ends the program, whatever is under way.
    Leave,
    Help,
    Close,
    Screen(Screen),
    Freeze,
    Move(i64),
    Page(i64),
    Sort(Column),
    Reverse,
    Palette,
    PaletteErase,
    PaletteComplete,
    PaletteGo,
    Search,
    SearchErase,
    SearchKeep,
    SearchNext(i64),
    SearchBack,
    Copy,
    Save,
    Filter,
    FilterErase,
    FilterClear,
    SortMenu,
    SortChosen,
    /// Shows or hides the column of the menu's line.
    ToggleColumn,
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
    Names(NamesAction),
    Hotspots(HotspotsAction),
    Who(WhoAction),
    PlanShrink,
    CycleSort,
    DirectoriesFirst,
    Enter,
    Up,
    Recount,
    MarkRow,
    Unmark,
    RecountRow,
    CountAll,
    LookUp,
    PageCache,
    Jump,
    JumpErase,
    JumpKeep,
    JumpGo,
    PlanRow,
    PlanHere,
    Cancel,
    Choose(session::PruneMode),
    /// The mode this many steps away, with its sign.
    ChooseNext(isize),
    /// Switches whether dirty files are written first.
    WriteBack,
    Zoom(bool),
    Pan(i64),
    Cursor(i64),
    NextMark(i64),
    Reopen,
    Follow,
    Urge,
    Holders,
    /// Plans for the layers of an overlay.
    Layers,
    Prune,
    Rung(RungAction),
    Settings(SettingsAction),
}

impl Action {
    /// Whether it queries the cache of the running kernel.
    pub fn counts(self) -> bool {
        matches!(
            self,
            Self::Enter
                | Self::Recount
                | Self::RecountRow
                | Self::CountAll
                | Self::LookUp
                | Self::JumpGo
                | Self::Names(NamesAction::Open)
                | Self::Hotspots(HotspotsAction::Open)
        )
    }

    /// A word for what it changes in the kernel, or leads to; None: it only looks.
    pub fn acts(self) -> Option<&'static str> {
        match self {
            Self::PlanShrink => Some("shrinking"),
            Self::PlanRow | Self::PlanHere | Self::Prune => Some("pruning"),
            Self::Rung(_) => Some("reclaiming"),
            Self::Settings(SettingsAction::Open) => None,
            Self::Settings(_) => Some("changing a setting"),
            Self::MarkRow | Self::Unmark => Some("marking for a prune"),
            Self::Who(WhoAction::Open | WhoAction::Again | WhoAction::Start) => {
                Some("having the kernel trace")
            }
            _ => None,
        }
    }
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The scope in which it holds.
    pub scope: Scope,
    /// Its name in the configuration; empty: the keys are fixed. Bindings with one name have the
    /// same keys.
    pub name: &'static str,
    /// Its keys, the one to show first.
    pub keys: Cow<'static, [KeyCode]>,
    /// Two words for the bottom line; empty: not shown there.
    pub hint: &'static str,
    /// A line for the help screen; empty: not shown there.
    pub help: &'static str,
    /// Its action.
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

    /// A word for it in errors.
    fn word(&self) -> &'static str {
        let words = [self.name, self.hint, self.help];
        words
            .into_iter()
            .find(|word| !word.is_empty())
            .unwrap_or("fixed")
    }
}

use Action as A;
use HotspotsAction as H;
use KeyCode::{Backspace, Char, Down, End, Enter, Esc, Home, Left, PageDown, PageUp, Right, Up};
use NamesAction as N;
use RungAction as R;
use Scope as S;
use SettingsAction as T;
use WhoAction as W;

/// The table. If two bindings have the same key, the scope that is first in
/// [`scopes`](crate::ui::keys_now::scopes) wins.
#[rustfmt::skip]
pub const BINDINGS: &[Binding] = &[
    bind(S::Lists, "down", &[Char('j'), Down], "", "down", A::Move(1)),
    bind(S::Lists, "up", &[Char('k'), Up], "", "up", A::Move(-1)),
    bind(S::Lists, "page-down", &[PageDown], "", "a page down", A::Page(1)),
    bind(S::Lists, "page-up", &[PageUp], "", "a page up", A::Page(-1)),
    bind(S::Lists, "first", &[Char('g'), Home], "", "first", A::Move(i64::MIN)),
    bind(S::Lists, "last", &[Char('G'), End], "", "last", A::Move(i64::MAX)),
    bind(S::Lists, "search", &[Char('\\')], "", "go to a name; then n, N", A::Search),
    bind(S::Slabs, "detail", &[Enter, Right], "detail", "the cache in detail", A::Detail),
    bind(S::Slabs, "sort-menu", &[Char('S')], "sort", "sort by any column, growth too", A::SortMenu),
    bind(S::Slabs, "filter", &[Char('/')], "filter", "filter names: text or ~regex", A::Filter),
    bind(S::Slabs, "mark", &[Char('m')], "mark", "mark, then compare with the mark", A::Mark),
    bind(S::Slabs, "freeze", &[Char('f')], "freeze", "freeze the figures", A::Freeze),
    bind(S::Slabs, "class", &[Char('t')], "class", "all, reclaimable, unreclaimable", A::Class),
    bind(S::Slabs, "reverse", &[Char('r')], "reverse", "reverse the order", A::Reverse),
    bind(S::Slabs, "shrink", &[Char('K')], "shrink", "free the cache's empty slabs", A::PlanShrink),
    bind(S::Slabs, "who", &[Char('w')], "who", "trace who allocates objects (asks)", A::Who(W::Open)),
    bind(S::Slabs, "summary", &[Char('i')], "info", "slabtop's summary on, off", A::Summary),
    bind(S::Slabs, "refresh", &[Char(' ')], "", "refresh at once", A::Refresh),
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
    bind(S::Palette, "", &[Enter], "go", "go there, or do it", A::PaletteGo),
    bind(S::Palette, "", &[KeyCode::Tab], "complete", "complete the text", A::PaletteComplete),
    bind(S::Palette, "", &[Down], "", "the next line", A::Move(1)),
    bind(S::Palette, "", &[Up], "", "the previous line", A::Move(-1)),
    bind(S::Palette, "", &[Esc], "cancel", "cancel", A::Close),
    bind(S::Palette, "", &[Backspace], "", "", A::PaletteErase),
    bind(S::Search, "", &[Enter], "stay", "stay at the match", A::SearchKeep),
    bind(S::Search, "", &[Down], "", "the next match", A::SearchNext(1)),
    bind(S::Search, "", &[Up], "", "the previous match", A::SearchNext(-1)),
    bind(S::Search, "", &[Esc], "back", "back to the row from before", A::SearchBack),
    bind(S::Search, "", &[Backspace], "", "", A::SearchErase),
    bind(S::Found, "", &[Char('n')], "next", "the next match", A::SearchNext(1)),
    bind(S::Found, "", &[Char('N')], "previous", "the previous match", A::SearchNext(-1)),
    bind(S::Found, "", &[Esc], "end", "end the search; any other key, too", A::Close),
    bind(S::Filter, "", &[Enter], "apply", "apply the filter", A::Close),
    bind(S::Filter, "", &[Esc], "clear", "clear the filter", A::FilterClear),
    bind(S::Filter, "", &[Backspace], "", "", A::FilterErase),
    bind(S::Jump, "", &[Enter], "go there", "go there", A::JumpGo),
    bind(S::Jump, "", &[Esc], "stay here", "stay here", A::Close),
    bind(S::Jump, "", &[Backspace], "", "", A::JumpErase),
    bind(S::Jump, "", &[Right, End, KeyCode::Tab], "", "", A::JumpKeep),
    bind(S::SortMenu, "", &[Enter], "sort", "sort by the column", A::SortChosen),
    bind(S::SortMenu, "", &[Char(' ')], "show, hide", "show or hide the column (slabs)", A::ToggleColumn),
    bind(S::SortMenu, "down", &[Char('j'), Down], "down", "", A::Move(1)),
    bind(S::SortMenu, "up", &[Char('k'), Up], "up", "", A::Move(-1)),
    bind(S::SortMenu, "reverse", &[Char('r')], "reverse", "reverse the order", A::Reverse),
    bind(S::SortMenu, "", &[Esc, Char('q')], "close", "close", A::Close),
    bind(S::SortMenu, "sort-menu", &[Char('S')], "", "", A::Close),
    bind(S::Detail, "shrink", &[Char('K')], "shrink", "free its empty slabs", A::PlanShrink),
    bind(S::Detail, "who", &[Char('w')], "who", "trace who allocates objects (asks)", A::Who(W::Open)),
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
    bind(S::Detail, "filesystems", &[Char('3')], "", "", A::Screen(Screen::Filesystems)),
    bind(S::Detail, "cgroups", &[Char('4')], "", "", A::Screen(Screen::Cgroups)),
    bind(S::Detail, "history", &[Char('5')], "history", "", A::Screen(Screen::History)),
    bind(S::Detail, "help", &[Char('?')], "help", "this help", A::Help),
    bind(S::Mounts, "walk-in", &[Enter, Char('l'), Right], "open", "open and count", A::Enter),
    bind(S::Mounts, "count-all", &[Char('a')], "count all", "count all on disk or network", A::CountAll),
    bind(S::Mounts, "recount-row", &[Char('u')], "count", "count what is cached of the row", A::RecountRow),
    bind(S::Mounts, "jump", &[Char('o')], "open", "open a path, or a process's mounts", A::Jump),
    bind(S::Mounts, "recount", &[Char('R')], "reread", "read the list again", A::Recount),
    bind(S::Mounts, "walk-out", &[Backspace, Char('h'), Left], "", "from a process's mounts to our own", A::Up),
    bind(S::Mounts, "stop-count", &[Char('c')], "", "stop a count, as Esc", A::Cancel),
    bind(S::Mounts, "", &[Esc], "", "", A::Cancel),
    bind(S::Tree, "walk-in", &[Enter, Char('l'), Right], "in", "open and count", A::Enter),
    bind(S::Tree, "walk-out", &[Backspace, Char('h'), Left], "up", "up", A::Up),
    bind(S::Tree, "prune-row", &[Char('p')], "prune row", "plan to prune below the row", A::PlanRow),
    bind(S::Tree, "prune-here", &[Char('P')], "all here", "plan to prune below the directory", A::PlanHere),
    bind(S::Tree, "sort-menu", &[Char('S')], "sort", "sort by any column", A::SortMenu),
    bind(S::Tree, "filter", &[Char('/')], "filter", "filter names: text or ~regex", A::Filter),
    bind(S::Tree, "recount", &[Char('R')], "recount", "count again", A::Recount),
    bind(S::Tree, "mark-row", &[Char(' ')], "mark", "mark: one plan for all marked rows", A::MarkRow),
    bind(S::Tree, "unmark", &[Char('U')], "", "clear all marks", A::Unmark),
    bind(S::Tree, "recount-row", &[Char('u')], "", "count the row again", A::RecountRow),
    bind(S::Tree, "jump", &[Char('o')], "open", "open a path, or a process's mounts", A::Jump),
    bind(S::Tree, "page-cache", &[Char('C')], "", "without module: page cache of files", A::PageCache),
    bind(S::Tree, "look-up", &[Char('L')], "", "look up what is not cached, and count", A::LookUp),
    bind(S::Tree, "stop-count", &[Char('c')], "", "stop a count, as Esc", A::Cancel),
    bind(S::Tree, "next-sort", &[Char('s')], "", "sort by the next column", A::CycleSort),
    bind(S::Tree, "reverse", &[Char('r')], "", "reverse the order", A::Reverse),
    bind(S::Tree, "directories-first", &[Char('d')], "", "directories first, or mixed", A::DirectoriesFirst),
    bind(S::Tree, "", &[Esc], "", "", A::Cancel),
    bind(S::History, "recount", &[Char('R')], "", "read the figures at once", A::Refresh),
    bind(S::Tree, "names", &[Char('n')], "names", "the row's negative names, by shape", A::Names(N::Open)),
    bind(S::Filesystems, "walk-in", &[Enter, Char('l'), Right], "tree", "open it in the tree", A::Enter),
    bind(S::Filesystems, "recount-row", &[Char('u')], "count", "count what is cached of the row", A::RecountRow),
    bind(S::Filesystems, "count-all", &[Char('a')], "count all", "count all on disk or network", A::CountAll),
    bind(S::Filesystems, "plan-rung", &[Char('p')], "reclaim", "plan to reclaim from the superblock", A::Rung(R::PlanRow)),
    bind(S::Filesystems, "sort-menu", &[Char('S')], "sort", "sort by any column", A::SortMenu),
    bind(S::Filesystems, "filter", &[Char('/')], "filter", "filter names: text or ~regex", A::Filter),
    bind(S::Filesystems, "recount", &[Char('R')], "reread", "read the list again", A::Recount),
    bind(S::Filesystems, "next-sort", &[Char('s')], "", "sort by the next column", A::CycleSort),
    bind(S::Filesystems, "reverse", &[Char('r')], "", "reverse the order", A::Reverse),
    bind(S::Filesystems, "stop-count", &[Char('c')], "", "stop a count, as Esc", A::Cancel),
    bind(S::Filesystems, "", &[Esc], "", "", A::Cancel),
    bind(S::Cgroups, "walk-in", &[Enter, Char('l'), Right], "open, close", "expand or collapse", A::Enter),
    bind(S::Cgroups, "walk-out", &[Backspace, Char('h'), Left], "", "close; to the one above", A::Up),
    bind(S::Cgroups, "plan-rung", &[Char('p')], "reclaim", "plan to reclaim from the cgroup", A::Rung(R::PlanRow)),
    bind(S::Cgroups, "sort-menu", &[Char('S')], "sort", "sort by any column", A::SortMenu),
    bind(S::Cgroups, "filter", &[Char('/')], "filter", "filter paths: text or ~regex", A::Filter),
    bind(S::Cgroups, "freeze", &[Char('f')], "freeze", "freeze the figures", A::Freeze),
    bind(S::Cgroups, "recount", &[Char('R')], "", "read the figures at once", A::Refresh),
    bind(S::Cgroups, "next-sort", &[Char('s')], "", "sort by the next column", A::CycleSort),
    bind(S::Cgroups, "reverse", &[Char('r')], "", "reverse the order", A::Reverse),
    bind(S::Cgroups, "", &[Esc], "", "", A::Cancel),
    bind(S::Tree, "who", &[Char('w')], "who", "trace dentry creation below (asks)", A::Who(W::Open)),
    bind(S::Mounts, "who", &[Char('w')], "who", "trace who creates dentries (asks)", A::Who(W::Open)),
    bind(S::Who, "walk-in", &[Enter, Char('l'), Right], "go there", "to the directory, in the tree", A::Who(W::Enter)),
    bind(S::Who, "stop-count", &[Char('c')], "stop", "stop the trace", A::Who(W::Stop)),
    bind(S::Who, "jump", &[Char('o')], "open files", "what the process has open", A::Who(W::Files)),
    bind(S::Who, "", &[Char('C')], "cgroup", "to the process's cgroup", A::Who(W::Cgroup)),
    bind(S::Who, "next-sort", &[Char('s')], "sort", "by created, rate, not freed, process", A::Who(W::Sort)),
    bind(S::Who, "prune-row", &[Char('p')], "prune", "plan to prune below the directory", A::PlanRow),
    bind(S::Who, "filter", &[Char('/')], "filter", "filter rows: text or ~regex", A::Filter),
    bind(S::Who, "recount", &[Char('R')], "again", "restart (asks)", A::Who(W::Again)),
    bind(S::Who, "", &[Esc], "back", "back: the trace goes on", A::Who(W::Back)),
    bind(S::Who, "walk-out", &[Backspace, Char('h'), Left], "", "the same", A::Who(W::Back)),
    bind(S::WhoPlan, "", &[Char('y')], "trace", "start the trace", A::Who(W::Start)),
    bind(S::WhoPlan, "", &[PageDown, Char(' ')], "", "more of the text", A::Page(1)),
    bind(S::WhoPlan, "", &[PageUp], "", "", A::Page(-1)),
    bind(S::WhoPlan, "", &[Down, Char('j')], "", "", A::Move(1)),
    bind(S::WhoPlan, "", &[Up, Char('k')], "", "", A::Move(-1)),
    bind(S::WhoPlan, "", &[Enter], "", "does nothing: no accidents", A::Urge),
    bind(S::WhoPlan, "", &[Esc, Char('n'), Char('q')], "cancel", "cancel", A::Close),
    bind(S::Hotspots, "walk-in", &[Enter, Char('l'), Right], "go there", "go to the directory", A::Hotspots(H::Enter)),
    bind(S::Hotspots, "prune-row", &[Char('p')], "prune", "plan to prune below the directory", A::PlanRow),
    bind(S::Hotspots, "names", &[Char('n')], "names", "its negative names, by shape", A::Hotspots(H::Names)),
    bind(S::Hotspots, "next-sort", &[Char('s')], "sort", "by negative dentries, by freeable bytes", A::Hotspots(H::Sort)),
    bind(S::Hotspots, "recount", &[Char('R')], "recount", "count all filesystems again", A::Hotspots(H::Again)),
    bind(S::Hotspots, "", &[Esc], "back", "stop; back", A::Hotspots(H::Back)),
    bind(S::Hotspots, "walk-out", &[Backspace, Char('h'), Left], "", "the same", A::Hotspots(H::Back)),
    bind(S::Names, "walk-in", &[Enter, Char('l'), Right], "only these", "only the names of the shape", A::Names(N::Choose)),
    bind(S::Names, "", &[KeyCode::Tab], "shapes/names", "switch between names and shapes", A::Names(N::Focus)),
    bind(S::Names, "filter", &[Char('/')], "filter", "filter names: text or ~regex", A::Filter),
    bind(S::Names, "export", &[Char('e')], "export", "write all names to a file", A::Names(N::Export)),
    bind(S::Names, "recount", &[Char('R')], "again", "list again", A::Names(N::Again)),
    bind(S::Names, "look-up", &[Char('L')], "", "look up what is not cached, and list", A::Names(N::LookUp)),
    bind(S::Names, "", &[Esc], "back", "stop; show all names; back", A::Names(N::Back)),
    bind(S::Names, "walk-out", &[Backspace, Char('h'), Left], "", "the same", A::Names(N::Back)),
    bind(S::Export, "", &[Enter], "write", "write the file", A::Names(N::Write)),
    bind(S::Export, "", &[KeyCode::Tab], "format", "one name a line, or NUL-terminated", A::Names(N::Format)),
    bind(S::Export, "", &[Esc], "cancel", "cancel", A::Names(N::Cancel)),
    bind(S::Export, "", &[Backspace], "", "", A::Names(N::Erase)),
    bind(S::History, "zoom-in", &[Char('z')], "zoom", "zoom in", A::Zoom(true)),
    bind(S::History, "zoom-out", &[Char('Z')], "zoom out", "zoom out", A::Zoom(false)),
    bind(S::History, "cursor-back", &[Left, Char('h')], "cursor", "cursor back, with values", A::Cursor(-1)),
    bind(S::History, "cursor-on", &[Right, Char('l')], "", "cursor forward", A::Cursor(1)),
    bind(S::History, "pan-back", &[Char('<')], "", "scroll back by half a chart", A::Pan(-1)),
    bind(S::History, "pan-on", &[Char('>')], "", "scroll forward by half a chart", A::Pan(1)),
    bind(S::History, "previous-prune", &[Char('[')], "prunes", "cursor to the previous prune", A::NextMark(-1)),
    bind(S::History, "next-prune", &[Char(']')], "", "cursor to the next prune", A::NextMark(1)),
    bind(S::History, "ledger", &[Enter], "ledger", "the ledger of the prune at the cursor, or of the last one", A::Reopen),
    bind(S::History, "", &[Esc], "", "cursor off, back to now", A::Follow),
    bind(S::History, "freeze", &[Char('f')], "freeze", "freeze or resume the charts", A::Freeze),
    bind(S::Plan, "", &[Char('y')], "prune", "carry out the plan", A::Prune),
    bind(S::Plan, "", &[Char('1')], "negatives", "only negative dentries", A::Choose(session::PruneMode::Negative)),
    bind(S::Plan, "", &[Char('2')], "all unused", "all unused dentries", A::Choose(session::PruneMode::Dentries)),
    bind(S::Plan, "", &[Char('3')], "inodes", "unused dentries and their inodes", A::Choose(session::PruneMode::Inodes)),
    bind(S::Plan, "", &[Char('4')], "pages", "page cache of files", A::Choose(session::PruneMode::Pages)),
    bind(S::Plan, "", &[Char('>')], "broader", "broader rungs: filesystem, cgroup, all", A::Rung(R::Wider)),
    bind(S::Plan, "", &[Up, Char('k')], "", "", A::ChooseNext(-1)),
    bind(S::Plan, "", &[Down, Char('j')], "", "", A::ChooseNext(1)),
    bind(S::Plan, "", &[Char('W')], "", "write dirty files first, or leave them", A::WriteBack),
    bind(S::Plan, "", &[Char('w')], "who", "which processes hold dentries", A::Holders),
    bind(S::Plan, "", &[Char('l')], "", "plan for an overlay's layers instead", A::Layers),
    bind(S::Plan, "", &[Char('Y')], "", "copy the command", A::Copy),
    bind(S::Plan, "", &[PageDown, Char(' ')], "", "more of the text", A::Page(1)),
    bind(S::Plan, "", &[PageUp], "", "", A::Page(-1)),
    bind(S::Plan, "", &[Enter], "", "does nothing: no accidents", A::Urge),
    bind(S::Plan, "", &[Esc, Char('n'), Char('q')], "cancel", "cancel", A::Cancel),
    bind(S::RungPlan, "", &[Char('y')], "reclaim", "carry out the plan", A::Rung(R::Run)),
    bind(S::RungPlan, "", &[Char('+'), Char('='), Down, Char('j')], "more", "more; the next choice", A::Rung(R::Adjust(true))),
    bind(S::RungPlan, "", &[Char('-'), Up, Char('k')], "less", "less; the choice before", A::Rung(R::Adjust(false))),
    bind(S::RungPlan, "", &[Char('i')], "option", "toggle the plan's option", A::Rung(R::Option)),
    bind(S::RungPlan, "", &[Char('a')], "amount", "type an amount", A::Rung(R::Type)),
    bind(S::RungPlan, "", &[Char('1')], "", "", A::Rung(R::Step(Rung::Negative))),
    bind(S::RungPlan, "", &[Char('2')], "", "", A::Rung(R::Step(Rung::Dentries))),
    bind(S::RungPlan, "", &[Char('3')], "", "", A::Rung(R::Step(Rung::Inodes))),
    bind(S::RungPlan, "", &[Char('4')], "", "below one directory (also 1, 2, 3)", A::Rung(R::Step(Rung::Pages))),
    bind(S::RungPlan, "", &[Char('>')], "broader", "the other broad rungs", A::Rung(R::Wider)),
    bind(S::RungPlan, "", &[Char('Y')], "", "copy the command", A::Copy),
    bind(S::RungPlan, "", &[PageDown, Char(' ')], "", "more of the text", A::Page(1)),
    bind(S::RungPlan, "", &[PageUp], "", "", A::Page(-1)),
    bind(S::RungPlan, "", &[Enter], "", "does nothing: no accidents", A::Urge),
    bind(S::RungPlan, "", &[Esc, Char('n'), Char('q')], "cancel", "cancel", A::Cancel),
    bind(S::RungWord, "", &[Enter], "reclaim", "carry out the plan, if the word matches", A::Rung(R::Run)),
    bind(S::RungWord, "", &[Esc], "cancel", "back to the plan", A::Rung(R::Untype)),
    bind(S::RungWord, "", &[Backspace], "", "", A::Rung(R::Erase)),
    bind(S::Wider, "", &[Enter, Right], "plan", "make its plan", A::Rung(R::Widen)),
    bind(S::Wider, "", &[Down, Char('j')], "down", "the next one", A::Move(1)),
    bind(S::Wider, "", &[Up, Char('k')], "up", "the previous one", A::Move(-1)),
    bind(S::Wider, "", &[Esc, Char('q'), Char('<'), Left], "back", "back to the plan", A::Rung(R::Unwiden)),
    bind(S::Leave, "", &[Char('y')], "quit", "quit, and stop the trace", A::Leave),
    bind(S::Leave, "", &[Enter], "", "does nothing: no accidents", A::Urge),
    bind(S::Leave, "", &[Esc, Char('n'), Char('q')], "stay", "stay", A::Close),
    bind(S::RungAmount, "", &[Enter], "apply", "apply the amount", A::Rung(R::Typed)),
    bind(S::RungAmount, "", &[Esc], "keep", "keep the previous amount", A::Rung(R::Untype)),
    bind(S::RungAmount, "", &[Backspace], "", "", A::Rung(R::Erase)),
    bind(S::Settings, "", &[Char('y')], "change", "change it", A::Settings(T::Change)),
    bind(S::Settings, "", &[Char('j'), Down], "next", "the next setting", A::Move(1)),
    bind(S::Settings, "", &[Char('k'), Up], "", "the previous one", A::Move(-1)),
    bind(S::Settings, "", &[Char('+'), Char('='), Right], "more", "propose more", A::Settings(T::Adjust(true))),
    bind(S::Settings, "", &[Char('-'), Left], "less", "propose less", A::Settings(T::Adjust(false))),
    bind(S::Settings, "", &[Char('b')], "back", "propose the previous value", A::Settings(T::Back)),
    bind(S::Settings, "", &[PageDown, Char(' ')], "", "more of the text", A::Page(1)),
    bind(S::Settings, "", &[PageUp], "", "", A::Page(-1)),
    bind(S::Settings, "", &[Enter], "", "does nothing: no accidents", A::Urge),
    bind(S::Settings, "", &[Esc, Char('n'), Char('q')], "leave", "leave", A::Close),
    bind(S::Running, "", &[Esc, Char('q')], "stop", "stop it", A::Cancel),
    bind(S::Help, "down", &[Char('j'), Down], "down", "", A::Move(1)),
    bind(S::Help, "up", &[Char('k'), Up], "up", "", A::Move(-1)),
    bind(S::Help, "page-down", &[PageDown], "", "", A::Page(1)),
    bind(S::Help, "", &[Char(' ')], "", "a page down", A::Page(1)),
    bind(S::Help, "page-up", &[PageUp], "", "", A::Page(-1)),
    bind(S::Help, "filter", &[Char('/')], "find", "only the lines with a text", A::Filter),
    bind(S::Ledger, "shrink", &[Char('K')], "shrink", "free empty dentry slabs", A::PlanShrink),
    bind(S::Message, "", &[Esc, Enter, Char('q')], "close", "close", A::Close),
    bind(S::Help, "help", &[Char('?')], "", "", A::Close),
    bind(S::Message, "slabs", &[Char('1')], "slabs", "", A::Screen(Screen::Slabs)),
    bind(S::Message, "tree", &[Char('2')], "tree", "", A::Screen(Screen::Tree)),
    bind(S::Message, "filesystems", &[Char('3')], "", "", A::Screen(Screen::Filesystems)),
    bind(S::Message, "cgroups", &[Char('4')], "", "", A::Screen(Screen::Cgroups)),
    bind(S::Message, "history", &[Char('5')], "history", "", A::Screen(Screen::History)),
    bind(S::Everywhere, "palette", &[Char(':')], "any action", "any action, path, PID by name", A::Palette),
    bind(S::Everywhere, "hotspots", &[Char('H')], "hotspots", "directories by negatives", A::Hotspots(H::Open)),
    bind(S::Everywhere, "slabs", &[Char('1')], "", "slab caches", A::Screen(Screen::Slabs)),
    bind(S::Everywhere, "tree", &[Char('2')], "", "tree by what is cached", A::Screen(Screen::Tree)),
    bind(S::Everywhere, "filesystems", &[Char('3')], "", "what each filesystem holds", A::Screen(Screen::Filesystems)),
    bind(S::Everywhere, "cgroups", &[Char('4')], "", "slab of each cgroup", A::Screen(Screen::Cgroups)),
    bind(S::Everywhere, "history", &[Char('5')], "", "charts over time", A::Screen(Screen::History)),
    bind(S::Everywhere, "copy", &[Char('Y')], "", "copy the row's path or name", A::Copy),
    bind(S::Everywhere, "everybody", &[Char('E')], "", "drop caches, system-wide", A::Rung(R::Everybody)),
    bind(S::Everywhere, "settings", &[Char('V')], "", "kernel settings for caches", A::Settings(T::Open)),
    bind(S::Everywhere, "faster", &[Char('+'), Char('=')], "", "refresh more often", A::Faster),
    bind(S::Everywhere, "slower", &[Char('-')], "", "refresh less often", A::Slower),
    bind(S::Everywhere, "save", &[], "", "save theme, interval, columns, order", A::Save),
    bind(S::Everywhere, "theme", &[Char('T')], "", "the next theme of four", A::Theme),
    bind(S::Everywhere, "mouse", &[Char('M')], "", "mouse on, off", A::Mouse),
    bind(S::Everywhere, "", &[Char('\u{1a}')], "", "suspend; fg resumes", A::Suspend),
    bind(S::Everywhere, "help", &[Char('?')], "help", "this help", A::Help),
    bind(S::Everywhere, "quit", &[Char('q')], "quit", "back; quit (Ctrl-C: at once)", A::Quit),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_y_in_a_plan_acts() {
        for (action, scope) in [
            (Action::Prune, Scope::Plan),
            (Action::Settings(SettingsAction::Change), Scope::Settings),
            (Action::Who(WhoAction::Start), Scope::WhoPlan),
        ] {
            let acts: Vec<_> = BINDINGS.iter().filter(|b| b.action == action).collect();
            assert_eq!(acts.len(), 1);
            assert_eq!((acts[0].scope, &*acts[0].keys), (scope, &[Char('y')][..]));
        }
    }

    #[test]
    fn key_has_one_meaning_on_all_screens_but_slabtops() {
        // Esc leads back from whatever is shown; the arrows move a cursor in charts.
        let apart = |b: &&Binding| {
            let screen = matches!(
                b.scope,
                Scope::Mounts
                    | Scope::Tree
                    | Scope::Filesystems
                    | Scope::Cgroups
                    | Scope::Names
                    | Scope::Hotspots
                    | Scope::Who
                    | Scope::History
                    | Scope::Lists
                    | Scope::Everywhere
            );
            screen && !b.name.is_empty() && !b.name.starts_with("cursor-")
        };
        // A plan is for what is selected, as opening is.
        let meaning = |b: &Binding| match b.name {
            "plan-rung" => "prune-row",
            "ledger" => "walk-in",
            name => name,
        };
        let all: Vec<_> = BINDINGS.iter().filter(apart).collect();
        for one in &all {
            for other in all.iter().filter(|other| meaning(other) != meaning(one)) {
                let both = one.keys.iter().find(|key| other.keys.contains(key));
                assert_eq!(both, None, "{} and {}", one.name, other.name);
            }
        }
    }

    #[test]
    fn slabtops_letters_keep_their_meaning() {
        let meaning = |key| {
            let mut bindings = BINDINGS.iter();
            let found = bindings.find(|b| b.scope == Scope::Slabs && b.keys.contains(&key));
            found.map(|binding| binding.action)
        };
        for shape in crate::ui::columns::Column::sortable() {
            if "abclnopsuv".contains(shape.letter) {
                let sorts = Some(Action::Sort(shape.column));
                assert_eq!(meaning(Char(shape.letter)), sorts, "{}", shape.letter);
            }
        }
    }
}
