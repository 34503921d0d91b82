//! What keys ask for on the pages that cover the tree.

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
