//! What stays of files that were written and synced: nothing.

use anyhow::{Result, ensure};

use super::Case;
use super::fixture::{Fs, json};
use super::inodes::{number, pruned};
use crate::guest::Guest;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::unsynced",
        run: |_, guest| on(guest, Fs::Ext4),
    },
    Case {
        name: "xfs::unsynced",
        run: |_, guest| on(guest, Fs::Xfs),
    },
    Case {
        name: "btrfs::unsynced",
        run: |_, guest| on(guest, Fs::Btrfs),
    },
];

const FILES: u64 = 300;

fn on(guest: &Guest, fs: Fs) -> Result<()> {
    fs.fresh(guest)?;
    synced(guest, fs)
}

/// Of a tree that is written and synced nothing stays, and nothing is said to.
fn synced(guest: &Guest, fs: Fs) -> Result<()> {
    guest.load_module()?;
    let top = format!("{}/top", fs.dir());
    guest.sh(&format!("agent make {top} {FILES} && sync"))?;
    let planned = json(
        guest,
        &format!("slabscope prune {top} --mode inodes --dry-run --json"),
        0,
    )?;
    ensure!(number(&planned, "unsynced")? == 0, "{planned}");
    let done = pruned(guest, &format!("{top} --mode inodes"))?;
    for stays in ["unsynced", "skipped_dirty"] {
        ensure!(number(&done, stays)? == 0, "{done}");
    }
    ensure!(number(&done, "inodes_evicted")? >= FILES, "{done}");
    fs.unmount(guest)?;
    fs.check(guest)?;
    guest.unload_module()
}
