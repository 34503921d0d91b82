//! The wider rungs of the ladder from the screen: each one's ledger against figures read at the
//! same time.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::reading::{SOON, STILL, ledger_row, numbers, quit, row_of, select, start};
use super::{Case, Context};
use crate::guest::Guest;
use crate::guest::screen::Screen;

pub(super) const CASES: &[Case] = &[Case {
    name: "rungs::from_the_screen",
    run: from_the_screen,
}];

/// memory.reclaim spares anonymous memory by `swappiness=0`.
pub(super) const WITHOUT_SWAP: &[Case] = &[Case {
    name: "rungs::cgroup",
    run: cgroup,
}];

const CGROUPS: &str = "/sys/fs/cgroup";

/// Failed lookups in each of two cgroups: some 12 MiB of dentries.
const NAMES: u64 = 60_000;

/// Requested bytes of them.
const ASKED: u64 = 8 << 20;

/// Dentries that the program and commands make and free meanwhile.
const NOISE: f64 = 600.0;

/// Bytes of page cache that commands and the log add meanwhile, and the rounding of a hundred MiB.
const PAGES_NOISE: f64 = 3e6;

/// Bytes of a file whose page cache goes.
const BIG: f64 = 32e6;

/// A cgroup below the root, with failed lookups in a directory of its own.
fn filled(guest: &Guest, name: &str) -> Result<()> {
    guest
        .sh_within(
            &format!(
                "echo +memory > {CGROUPS}/cgroup.subtree_control && mkdir -p {CGROUPS}/{name} /mnt/ext4/{name} && \
                 (echo 0 > {CGROUPS}/{name}/cgroup.procs && exec agent lookups /mnt/ext4/{name} {NAMES} name_)"
            ),
            Duration::from_secs(120),
        )
        .map(drop)
}

/// slab_reclaimable of a cgroup, in bytes.
fn slab(guest: &Guest, name: &str) -> Result<u64> {
    let text = guest.sh(&format!(
        "awk '/^slab_reclaimable / {{ print $2 }}' {CGROUPS}/{name}/memory.stat"
    ))?;
    Ok(text.trim().parse()?)
}

/// Bytes in a row behind its label: before and after.
fn before_and_after(row: &str, label: &str) -> Result<[f64; 2]> {
    let rest = row.split_once(label).context("no label")?.1;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let bytes = |at: usize| -> Option<f64> {
        let figure: f64 = words.get(at)?.parse().ok()?;
        let unit = match *words.get(at + 1)? {
            "B" => 1.0,
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            "GiB" => 1024.0 * 1024.0 * 1024.0,
            _ => return None,
        };
        Some(figure * unit)
    };
    let both = bytes(0).zip(bytes(2)).context("not two sizes")?;
    Ok([both.0, both.1])
}

/// One cgroup's slab falls by the request, its sibling's stays.
fn cgroup(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.fresh_ext4()?;
    for name in ["filled", "beside"] {
        filled(guest, name)?;
    }
    let mut screen = start(guest)?;
    screen.send("4")?;
    screen.wait_for(" filled", SOON)?;
    select(&mut screen, |row| row.trim_end().ends_with(" filled"))?;
    screen.send("p")?;
    screen.wait_for("Reclaim: the cgroup", SOON)?;
    screen.send("a8M\r")?;
    screen.wait_for("8.0 MiB: + doubles it", SOON)?;
    screen.wait_for("type y to reclaim", SOON)?;
    screen.send("\r")?;
    screen.wait_for("nothing is reclaimed before you type y", SOON)?;
    let before = [slab(guest, "filled")?, slab(guest, "beside")?];
    ensure!(
        before.iter().all(|&slab| slab > NAMES * 150),
        "the names are not charged to the cgroups: {before:?}"
    );
    screen.send("y")?;
    screen.wait_for("Reclaimed: the cgroup", Duration::from_secs(120))?;
    screen.wait_still(STILL, SOON)?;
    let after = [slab(guest, "filled")?, slab(guest, "beside")?];
    let fell = before[0].saturating_sub(after[0]);
    ensure!(
        fell * 100 >= ASKED * 80,
        "asked for {ASKED}, its slab fell by {fell}"
    );
    ensure!(
        after[1] * 100 > before[1] * 99,
        "the sibling's slab fell from {} to {}",
        before[1],
        after[1]
    );
    let row = row_of(&screen, |row| row.contains(" its slabs "))?;
    let told = before_and_after(&row, "its slabs ")?;
    for (told, read) in told.iter().zip([before[0], after[0]]) {
        // A MiB is shown with one decimal, and freed memory is counted a moment later.
        ensure!(
            (told - read as f64).abs() < 400_000.0,
            "the ledger has {told}, memory.stat {read}: {row}"
        );
    }
    screen.send("\u{1b}")?;
    screen.wait_gone("Reclaimed: ", SOON)?;
    quit(screen)?;
    guest.sh(&format!(
        "umount /mnt/ext4; rmdir {CGROUPS}/filled {CGROUPS}/beside; echo -memory > {CGROUPS}/cgroup.subtree_control"
    ))?;
    Ok(())
}

/// Page cache, as the ledger counts it, in bytes.
fn page_cache(guest: &Guest) -> Result<f64> {
    let text = guest.sh(
        "awk '/^(Cached|Buffers):/ { n += $2 } /^Shmem:/ { n -= $2 } END { print n * 1024 }' /proc/meminfo",
    )?;
    Ok(text.trim().parse()?)
}

/// Carries out the plan on the screen, and compares the ledger's dentries and page cache with
/// dentry-state and meminfo. Returns the dentries, then the page cache, before and after.
fn carried_out(guest: &Guest, screen: &mut Screen<'_>, title: &str) -> Result<[[f64; 2]; 2]> {
    screen.wait_for("type y to reclaim", SOON)?;
    let (before, pages_before) = (guest.dentry_state()?.dentries as f64, page_cache(guest)?);
    screen.send("y")?;
    if title.ends_with("the whole system") {
        let host = guest.sh("uname -n")?;
        let word = host.trim().split('.').next().unwrap_or_default();
        screen.wait_for(&format!("type {word} and Enter to reclaim: _"), SOON)?;
        screen.send(word)?;
        screen.wait_for(&format!("to reclaim: {word}_"), SOON)?;
        screen.send("\r")?;
    }
    screen.wait_for(title, Duration::from_secs(120))?;
    screen.wait_still(STILL, SOON)?;
    let (after, pages_after) = (guest.dentry_state()?.dentries as f64, page_cache(guest)?);
    let row = row_of(screen, |row| row.contains(" page cache  "))?;
    let pages = before_and_after(&row, "page cache ")?;
    for (told, read) in pages.iter().zip([pages_before, pages_after]) {
        ensure!(
            (told - read).abs() < PAGES_NOISE,
            "the ledger has {told} bytes of page cache, meminfo {read}: {row}"
        );
    }
    let row = ledger_row(screen, "dentries")?;
    let told = numbers(row.split_once("dentries").map_or("", |(_, rest)| rest));
    ensure!(told.len() >= 2, "no figures: {row}");
    for (told, read) in told.iter().zip([before, after]) {
        ensure!(
            (told - read).abs() < NOISE,
            "the ledger has {told} dentries, dentry-state {read}: {row}"
        );
    }
    screen.send("\u{1b}")?;
    screen.wait_gone(title, SOON)?;
    Ok([[told[0], told[1]], pages])
}

/// Pages without the module, the superblock, everybody, and a setting: each once, each recorded.
fn from_the_screen(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.fresh_ext4()?;
    guest.sh(&format!(
        "mkdir -p /mnt/ext4/names && agent files /mnt/ext4/data 200 && head -c {BIG} /dev/zero >/mnt/ext4/data/big && sync"
    ))?;
    guest.failed_lookups("/mnt/ext4/names", 20_000, "name_")?;
    guest.sh("rm -f /root/.local/state/slabscope/audit.jsonl; find /mnt/ext4/data -type f -exec cat {} + >/dev/null")?;
    let mut screen = start(guest)?;
    pages(guest, &mut screen)?;
    superblock(guest, &mut screen)?;
    screen.send("E")?;
    screen.wait_for("every process, container and user", SOON)?;
    let [[before, after], _] = carried_out(guest, &mut screen, "Reclaimed: the whole system")?;
    ensure!(after < before, "drop_caches took no dentry");
    setting(guest, &mut screen)?;
    quit(screen)?;
    let lines = guest.sh("cat /root/.local/state/slabscope/audit.jsonl")?;
    // Each has a line before it and one after it.
    for (part, times) in [
        (r#""mode":"pages""#, 2),
        (r#""mode":"superblock""#, 2),
        (r#""mode":"everybody""#, 2),
        (r#""action":"tune""#, 4),
        (r#""outcome":"begun""#, 5),
    ] {
        let found = lines.matches(part).count();
        ensure!(found == times, "{part} is recorded {found} times: {lines}");
    }
    guest.sh("umount /mnt/ext4").map(drop)
}

/// Without the module a plan of the tree leads to the page cache below the directory.
fn pages(guest: &Guest, screen: &mut Screen<'_>) -> Result<()> {
    screen.send("2")?;
    screen.wait_for("/mnt/ext4", SOON)?;
    select(screen, |row| {
        row.split_whitespace().nth(2) == Some("/mnt/ext4")
    })?;
    screen.send("\r")?;
    screen.wait_for("data/", SOON)?;
    select(screen, |row| row.contains(" data/"))?;
    screen.send("p")?;
    screen.wait_for("1 to 3 need the module", SOON)?;
    screen.send("4")?;
    screen.wait_for("Reclaim: page cache below /mnt/ext4/data", SOON)?;
    let [_, [before, after]] = carried_out(guest, screen, "Reclaimed: page cache")?;
    ensure!(
        before - after > BIG - PAGES_NOISE,
        "of {BIG} bytes of page cache {} went",
        before - after
    );
    Ok(())
}

fn superblock(guest: &Guest, screen: &mut Screen<'_>) -> Result<()> {
    screen.send("3")?;
    screen.wait_for("superblocks, by", SOON)?;
    select(screen, |row| row.contains(" /mnt/ext4"))?;
    screen.send("p")?;
    screen.wait_for("Reclaim: the superblock of /mnt/ext4", SOON)?;
    let [[before, after], _] = carried_out(guest, screen, "Reclaimed: the superblock")?;
    ensure!(
        before - after > 20_000.0 - NOISE,
        "of 20,000 names {} went",
        before - after
    );
    Ok(())
}

/// Changed by `y`, and restored the same way.
fn setting(guest: &Guest, screen: &mut Screen<'_>) -> Result<()> {
    let value = || guest.sh("cat /proc/sys/vm/vfs_cache_pressure");
    ensure!(value()?.trim() == "100", "it is {}", value()?);
    screen.send("V")?;
    screen.wait_for("vm.vfs_cache_pressure   100", SOON)?;
    screen.send("+")?;
    screen.wait_for("type y to change it", SOON)?;
    screen.send("\r")?;
    screen.wait_for("nothing is changed before you type y", SOON)?;
    ensure!(value()?.trim() == "100", "Enter changed it to {}", value()?);
    screen.send("y")?;
    screen.wait_for("was 100: b proposes it", SOON)?;
    ensure!(value()?.trim() == "150", "it is {}", value()?);
    screen.send("b")?;
    screen.wait_for("type y to change it", SOON)?;
    ensure!(
        value()?.trim() == "150",
        "one key changed it to {}",
        value()?
    );
    screen.send("y")?;
    screen.wait_for("vm.vfs_cache_pressure   100", SOON)?;
    ensure!(value()?.trim() == "100", "it is {}", value()?);
    screen.send("\u{1b}")?;
    screen.wait_gone("vm.vfs_cache_pressure", SOON)
}
