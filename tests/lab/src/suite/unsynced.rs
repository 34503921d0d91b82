//! What stays of files that were written and synced: nothing, but for inodes of ext4 without a journal since Linux 7.3.

use anyhow::{Result, ensure};

use super::fixture::{Fs, json};
use super::inodes::{number, pruned};
use super::{Case, Context};
use crate::agent::SCRATCH_DISK;
use crate::guest::Guest;
use crate::setup::archive::numbers;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::unsynced",
        run: |_, guest| on(guest, Fs::Ext4),
    },
    Case {
        name: "ext4::unsynced_without_journal",
        run: without_journal,
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

/// After sync(2) the inodes keep I_METADATA_WRITEBACK from Linux 7.3 on, until an fsync() waits for them.
fn without_journal(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.sh(&format!(
        "mke2fs -q -F -t ext4 -O ^has_journal -E nodiscard {SCRATCH_DISK} && mount -o noinit_itable {SCRATCH_DISK} /mnt/ext4"
    ))?;
    synced(guest, Fs::Ext4, numbers(guest.release()) >= numbers("7.3"))
}

fn on(guest: &Guest, fs: Fs) -> Result<()> {
    fs.fresh(guest)?;
    synced(guest, fs, false)
}

/// Of a tree that is written and synced nothing stays, or all of it until it is waited for.
fn synced(guest: &Guest, fs: Fs, stays: bool) -> Result<()> {
    guest.load_module()?;
    let top = format!("{}/top", fs.dir());
    guest.sh(&format!("agent make {top} {FILES} && sync"))?;
    let all = FILES + FILES.div_ceil(100) + 1;
    let planned = json(
        guest,
        &format!("slabscope prune {top} --mode inodes --dry-run --json"),
        0,
    )?;
    let done = pruned(guest, &format!("{top} --mode inodes"))?;
    for said in [&planned, &done] {
        let kept = number(said, "unsynced")?;
        ensure!(
            if stays { kept >= FILES } else { kept == 0 },
            "{all} inodes synced, it says {said}"
        );
    }
    ensure!(
        number(&planned, "unsynced")? == number(&done, "unsynced")?,
        "planned {planned}, done {done}"
    );
    ensure!(number(&done, "skipped_dirty")? == 0, "{done}");
    let evicted = number(&done, "inodes_evicted")?;
    ensure!(
        evicted + number(&done, "unsynced")? >= FILES && (evicted >= FILES) != stays,
        "{done}"
    );
    if stays {
        written_back(guest, &top)?;
    }
    fs.unmount(guest)?;
    fs.check(guest)?;
    guest.unload_module()
}

/// The kernel's own reclaim leaves them, too; --writeback has them go.
fn written_back(guest: &Guest, top: &str) -> Result<()> {
    guest
        .sh("echo 3 >/proc/sys/vm/drop_caches; echo 1 >/sys/kernel/slab/ext4_inode_cache/shrink")?;
    let left = guest.slab("ext4_inode_cache")?.active_objects;
    ensure!(left >= FILES, "drop_caches leaves {left}");
    guest.sh(&format!(
        "find {top} -type f -exec stat -c %i {{}} + >/dev/null"
    ))?;
    let plan = format!("slabscope prune {top} --mode inodes --writeback --dry-run --json");
    let planned = json(guest, &plan, 0)?;
    ensure!(number(&planned, "predicted_inodes")? >= FILES, "{planned}");
    let done = pruned(guest, &format!("{top} --mode inodes --writeback"))?;
    ensure!(
        number(&done, "inodes_evicted")? >= FILES && number(&done, "unsynced")? == 0,
        "{done}"
    );
    Ok(())
}
