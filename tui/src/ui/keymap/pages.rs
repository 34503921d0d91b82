//! What keys ask for on the pages that cover the tree, and in the boxes over a screen.

use crate::reclaim::ladder::Rung;

/// What a key asks for about a directory's negative names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table below says what each does")]
pub enum NamesAction {
    Open,
    Choose,
    Back,
    Focus,
    Again,
    LookUp,
    Export,
    Format,
    Erase,
    Write,
    Cancel,
}

/// What a key asks for about a wider rung of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table below says what each does")]
pub enum RungAction {
    PlanRow,
    Everybody,
    Step(Rung),
    Option,
    Adjust(bool),
    Type,
    Erase,
    Typed,
    Untype,
    Wider,
    Widen,
    Unwiden,
    Run,
}

/// What a key asks for about the kernel's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table below says what each does")]
pub enum SettingsAction {
    Open,
    Adjust(bool),
    Change,
    Back,
}

/// What a key asks for about who fills a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table below says what each does")]
pub enum WhoAction {
    Open,
    Again,
    Start,
    Stop,
    Sort,
    Enter,
    Files,
    Cgroup,
    Back,
}

/// What a key asks for about the hotspots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table below says what each does")]
pub enum HotspotsAction {
    Open,
    Again,
    Sort,
    Enter,
    Names,
    Back,
}
