//! What stays of files that were written and synced: nothing, except on ext4 without a journal.

use anyhow::{Context as _, Result, ensure};

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
        name: "ext4::unsynced_without_a_journal",
        run: |_, guest| without_a_journal(guest),
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

/// Nothing of a tree that is written and synced stays, and no inode is reported as unsynced.
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

/// The scratch disk with written files, synced as a whole.
fn plant(guest: &Guest) -> Result<()> {
    guest
        .sh(&format!(
            "umount /mnt/ext4 2>/dev/null
             mke2fs -q -F -t ext4 -O ^has_journal -E nodiscard /dev/lab-scratch &&
             mount -o noinit_itable /dev/lab-scratch /mnt/ext4 &&
             agent make /mnt/ext4/top {FILES} && sync"
        ))
        .map(drop)
}

/// sync(2) writes the inodes and waits for the device, and does not clear their mark, as fsync(2)
/// does (fs/fs-writeback.c: `__writeback_single_inode()`, Linux 7.3). Nothing frees an inode with a
/// mark: the plan says which, and names what frees them.
fn without_a_journal(guest: &Guest) -> Result<()> {
    guest.load_module()?;
    plant(guest)?;
    let marked = kernel_marks(guest)?;
    let plan = |writeback: &str| {
        let command =
            format!("slabscope prune /mnt/ext4/top --mode inodes {writeback} --dry-run --json");
        json(guest, &command, 0)
    };
    let planned = plan("")?;
    let unsynced = number(&planned, "unsynced")?;
    ensure!((unsynced >= FILES) == marked, "{planned}");
    let done = pruned(guest, "/mnt/ext4/top --mode inodes")?;
    ensure!(number(&done, "unsynced")? == unsynced, "{planned} {done}");
    ensure!(
        number(&done, "inodes_evicted")? == number(&planned, "predicted_inodes")?,
        "{planned} {done}"
    );
    plant(guest)?;
    let planned = plan("--writeback")?;
    ensure!(planned["page_cache_is_least"] == marked, "{planned}");
    let done = pruned(guest, "/mnt/ext4/top --mode inodes --writeback")?;
    ensure!(number(&done, "unsynced")? == 0, "{done}");
    let evicted = number(&done, "inodes_evicted")?;
    ensure!(
        evicted >= FILES && evicted == number(&planned, "predicted_inodes")?,
        "{planned} {done}"
    );
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// Whether this kernel has the mark: since Linux 7.3 its own drop_caches leaves all such inodes.
fn kernel_marks(guest: &Guest) -> Result<bool> {
    let objects = || -> Result<u64> {
        let line = guest.sh("grep '^ext4_inode_cache ' /proc/slabinfo")?;
        let number = line.split_whitespace().nth(1).context("no figure")?;
        number.parse().context("no number")
    };
    let before = objects()?;
    guest.sh("echo 3 >/proc/sys/vm/drop_caches; sleep 1")?;
    // CPUs keep some freed ones, which still count.
    let stay = objects()?.saturating_add(FILES / 2) > before;
    plant(guest)?;
    Ok(stay)
}
