//! Actions of keys on the pages that cover the tree, and in the boxes over a screen.

use crate::reclaim::ladder::Rung;

/// Actions on a directory's negative names.
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

/// Actions on a wider rung of the ladder.
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

/// Actions on the kernel's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table below says what each does")]
pub enum SettingsAction {
    Open,
    Adjust(bool),
    Change,
    Back,
}

/// Actions on the who screen.
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

/// Actions on the hotspots.
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
