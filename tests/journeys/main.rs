//! Journeys: what a person types, and what the screen then says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod browse;
mod charts;
mod every_screen;
mod holders;
mod hotspots;
mod jump;
mod ledger;
mod log;
mod marks;
mod mounts;
mod names;
mod prune;
mod prune_screens;
mod read_only;
mod slab_detail;
mod slabs;
mod small;
#[path = "../support/mod.rs"]
mod support;
mod tree;
mod tree_counting;
mod tree_screens;
mod tree_table;

use slabscope::prune::PruneError;
use slabscope::session::SessionError;
use slabscope::source::{Cause, SourceError};

fn no_module() -> PruneError {
    SessionError::NoModule("/dev/slabscope".into()).into()
}

fn unreadable(path: &str, kind: std::io::ErrorKind, text: &str) -> SourceError {
    SourceError {
        path: path.into(),
        cause: Cause::Unreadable(kind, text.into()),
    }
}
