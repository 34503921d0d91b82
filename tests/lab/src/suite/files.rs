//! Rungs that act file by file, or on settings: page cache below a directory, and `tune`.

use anyhow::{Context as _, Result, ensure};

use super::fixture::{ends_with, json};
use super::ladder::ledger;
use super::{Case, Context};
use crate::guest::{COMMAND_TIMEOUT, Guest};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ladder::pages",
        run: pages,
    },
    Case {
        name: "ladder::tune",
        run: tune,
    },
];

/// Page cache of the files below one directory goes, and none beside it; no dirty file loses a
/// write.
fn pages(_: &Context, guest: &Guest) -> Result<()> {
    guest.fresh_ext4()?;
    guest.sh("cd /mnt/ext4 && agent files one 500 && agent files two 500 && sync -f .")?;
    let resident = |dir: &str| -> Result<i64> {
        let plan = format!("slabscope reclaim --pages /mnt/ext4/{dir} --dry-run --json");
        let told = json(guest, &plan, 0)?["predicted_bytes"].as_i64();
        told.context("the plan does not tell")
    };
    let [one, two] = [resident("one")?, resident("two")?];
    ensure!(
        one > 2_000_000 && two > 2_000_000,
        "only {one} and {two} bytes are cached"
    );
    let part = json(
        guest,
        "slabscope reclaim --pages /mnt/ext4/one --max 10 --yes --json",
        5,
    )?;
    ensure!(part["status"] == "bound reached", "{part}");
    let done = json(
        guest,
        "slabscope reclaim --pages /mnt/ext4/one --yes --json",
        0,
    )?;
    let [left, kept] = [resident("one")?, resident("two")?];
    ensure!(
        left == 0 && kept == two,
        "{left} bytes are left, beside it {kept} of {two}: {done}"
    );
    let [before, after] = ledger(&done, "page_cache_bytes")?;
    ensure!(
        before - after > one / 2,
        "the ledger has {before} and {after} where {one} went"
    );
    without_module(guest)?;
    guest.sh("cd /mnt/ext4 && for i in 1 2 3; do head -c 70000 /dev/urandom >one/dirty$i; done; md5sum one/dirty* >/tmp/sums")?;
    json(
        guest,
        "slabscope reclaim --pages /mnt/ext4/one --yes --json",
        0,
    )?;
    json(
        guest,
        "slabscope reclaim --pages /mnt/ext4/one --writeback --yes --json",
        0,
    )?;
    ensure!(resident("one")? == 0, "written pages stay");
    guest.sh("umount /mnt/ext4 && mount /dev/lab-scratch /mnt/ext4 && cd /mnt/ext4 && md5sum -c --quiet /tmp/sums")?;
    guest.sh("umount /mnt/ext4").map(drop)
}

/// A prune of page cache needs no module; any other prune names wider rungs that need none.
fn without_module(guest: &Guest) -> Result<()> {
    let done = json(
        guest,
        "slabscope prune /mnt/ext4/two --mode pages --yes --json",
        0,
    )?;
    let left = guest.sh("agent resident /mnt/ext4/two")?;
    ensure!(
        done["rung"] == "pages" && left.trim() == "0",
        "{left} bytes are left: {done}"
    );
    let refused = ends_with(
        guest,
        "slabscope prune /mnt/ext4/two --mode dentries --yes",
        3,
    )?;
    ensure!(
        refused.contains("slabscope reclaim --superblock /mnt/ext4/two")
            && refused.contains("the whole filesystem"),
        "{refused}"
    );
    Ok(())
}

/// An explicit action changes a setting, and the record restores it; a missing one is refused.
fn tune(_: &Context, guest: &Guest) -> Result<()> {
    for (setting, file, value) in [
        ("vm.vfs_cache_pressure", "vm/vfs_cache_pressure", "150"),
        ("fs.dentry-negative", "fs/dentry-negative", "1"),
    ] {
        let has = guest.exec(&format!("test -e /proc/sys/{file}"), COMMAND_TIMEOUT)?;
        if has.status == 0 {
            tuned(guest, setting, file, value)?;
        } else {
            let said = ends_with(guest, &format!("slabscope tune {setting} {value} --yes"), 3)?;
            ensure!(said.contains("this kernel has none"), "{said}");
        }
    }
    Ok(())
}

fn tuned(guest: &Guest, setting: &str, file: &str, value: &str) -> Result<()> {
    let read = || guest.sh(&format!("cat /proc/sys/{file}"));
    let before = read()?;
    let shown = ends_with(guest, "slabscope tune", 0)?;
    ensure!(
        shown.contains(&format!("{setting} = {} ", before.trim())),
        "{shown}"
    );
    let tune = format!("slabscope tune {setting} {value}");
    ends_with(guest, &format!("{tune} </dev/null"), 2)?;
    ensure!(read()? == before, "{setting} changed without a word");
    ends_with(guest, &format!("{tune} --yes"), 0)?;
    ensure!(read()?.trim() == value, "{setting} is {}", read()?);
    ends_with(
        guest,
        &format!("slabscope tune {setting} --restore --yes"),
        0,
    )?;
    ensure!(
        read()? == before,
        "{setting} is {} and was {before}",
        read()?
    );
    Ok(())
}
