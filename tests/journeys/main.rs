//! Journeys: keys of a user, and the screens that follow.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod answers;
mod browse;
mod cgroups;
mod charts;
mod every_screen;
mod filesystems;
mod holders;
mod hotspots;
mod jump;
mod ledger;
mod log;
mod magnitudes;
mod marks;
mod mounts;
mod names;
mod palette;
mod prune;
mod prune_screens;
mod read_only;
mod rungs;
mod search;
mod settings;
mod sizes;
mod slab_detail;
mod slabs;
mod small;
#[path = "../support/mod.rs"]
mod support;
mod themes;
mod tree;
mod tree_counting;
mod tree_screens;
mod tree_table;
mod who;

use slabscope::kernel::session::SessionError;
use slabscope::kernel::source::{Cause, SourceError};
use slabscope::kernel::target::LookError;

/// Compares screens with their snapshots, in the smallest usual terminal and a large one.
fn snapshots(screens: impl Fn(u16, u16) -> Vec<(&'static str, support::App)>) {
    let _bound = support::snapshot::kept_in("../snapshots");
    for (columns, rows) in [(80, 24), (200, 50)] {
        for (name, mut app) in screens(columns, rows) {
            insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), app.screen());
        }
    }
}

fn no_module() -> LookError {
    SessionError::NoModule("/dev/slabscope".into()).into()
}

fn unreadable(path: &str, kind: std::io::ErrorKind, text: &str) -> SourceError {
    SourceError {
        path: path.into(),
        cause: Cause::Unreadable(kind, text.into()),
    }
}
