//! The main job, as a user does it: look at the slabs, walk to the directory, prune it, see the
//! drop.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::reading::{
    SOON, STILL, close, numbers, numbers_of, quit, row_of, select_directory, start, text_behind,
    walk_into_ext4,
};
use super::{Case, Context};
use crate::guest::Guest;
use crate::guest::screen::Screen;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::main_job",
        run: main_job,
    },
    Case {
        name: "ext4::killed_in_a_prune",
        run: killed_in_a_prune,
    },
];

const LOOKUPS: u64 = 1_000_000;
const SIBLINGS: u64 = 1_000;

fn main_job(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    through_the_screen(guest)?;
    guest.unload_module()
}

/// With a module that is loaded.
pub(super) fn through_the_screen(guest: &Guest) -> Result<()> {
    guest.fresh_ext4()?;
    guest.sh("mkdir -p /mnt/ext4/1/2/3 /mnt/ext4/other")?;
    guest.failed_lookups("/mnt/ext4/1/2/3", LOOKUPS, "sess_")?;
    guest.failed_lookups("/mnt/ext4/other", SIBLINGS, "conf_")?;
    let before = guest.slab("dentry")?;
    let mut screen = start(guest)?;
    frozen_figures_are_the_kernels(guest, &mut screen)?;
    walk_to(&mut screen)?;
    prune(&mut screen)?;
    the_prune_is_recorded(guest)?;
    let after = guest.slab("dentry")?;
    ensure!(
        after.objects * 20 < before.objects,
        "the dentry slab fell only from {before:?} to {after:?}"
    );
    the_sibling_is_untouched(guest)?;
    the_drop_is_charted(&mut screen)?;
    quit(screen)?;
    guest.sh("umount /mnt/ext4").map(drop)
}

/// Whether a row is that of the cache dentry.
fn of_dentry(row: &str) -> bool {
    row.split_whitespace().nth(1) == Some("dentry")
}

/// The frozen screen shows the kernel's figures, read over another channel.
fn frozen_figures_are_the_kernels(guest: &Guest, screen: &mut Screen<'_>) -> Result<()> {
    screen.wait_for("SReclaimable", SOON)?;
    screen.wait_until("the dentry row", SOON, |screen| {
        screen.contents().lines().any(of_dentry)
    })?;
    settle(guest)?;
    screen.send("f")?;
    screen.wait_for("FROZEN", SOON)?;
    screen.wait_still(STILL, SOON)?;
    let state = guest.dentry_state()?;
    let slab = guest.slab("dentry")?;
    let kib = sreclaimable(guest)?;
    // Behind the name its size; the use has a sign.
    let row = numbers_of(screen, of_dentry)?;
    close(row[1], slab.objects as f64, "OBJS of dentry")?;
    for (label, kernel) in [
        ("dentries ", state.dentries),
        ("on LRU", state.unused),
        ("  negative ", state.negative),
    ] {
        let text = text_behind(screen, label)?;
        close(numbers(&text)[0], kernel as f64, label)?;
    }
    let text = text_behind(screen, "SReclaimable")?;
    ensure!(text.contains("MiB"), "SReclaimable is not in MiB: {text}");
    // A MiB is shown with one decimal.
    let shown = numbers(&text)[0] * 1024.0;
    ensure!(
        (shown - kib as f64).abs() < 52.0 + kib as f64 / 1000.0,
        "SReclaimable {shown} KiB, the kernel {kib}"
    );
    screen.send("f")?;
    screen.wait_gone("FROZEN", SOON)
}

/// Waits until the kernel's figures stay the same for longer than the screen takes between two
/// samples: the program's first look at /sys/kernel/slab makes dentries and inodes there.
fn settle(guest: &Guest) -> Result<()> {
    let deadline = Instant::now() + SOON;
    let figures = || -> Result<(i64, u64)> {
        let state = guest.dentry_state()?;
        Ok((state.dentries, sreclaimable(guest)?))
    };
    let mut last = figures()?;
    loop {
        thread::sleep(Duration::from_millis(2500));
        let now = figures()?;
        if last.0.abs_diff(now.0) < 50 && last.1.abs_diff(now.1) < 50 {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "the kernel's figures do not settle: {last:?}, {now:?}"
        );
        last = now;
    }
}

/// KiB
fn sreclaimable(guest: &Guest) -> Result<u64> {
    let text = guest.sh("awk '/^SReclaimable:/ { print $2 }' /proc/meminfo")?;
    Ok(text.trim().parse()?)
}

/// From the filesystems down to /mnt/ext4/1.
fn walk_to(screen: &mut Screen<'_>) -> Result<()> {
    walk_into_ext4(screen)?;
    let text = row_of(screen, |row| row.trim_end().ends_with(" other/"))?;
    ensure!(
        numbers(&text)[0] == SIBLINGS as f64,
        "negatives in other/: {text}"
    );
    sort_by_negatives(screen)?;
    select_directory(screen, "1")?;
    screen.send("\r")?;
    screen.wait_for("/mnt/ext4/1 ", SOON)?;
    screen.wait_for(" below: ", SOON)?;
    screen.wait_for("2/", SOON)
}

/// The directory with the most of them is first.
fn sort_by_negatives(screen: &mut Screen<'_>) -> Result<()> {
    screen.send("S")?;
    screen.wait_for("Sort by", SOON)?;
    screen.send("n")?;
    screen.wait_gone("Sort by", SOON)?;
    screen.wait_for("by negative \u{25bc}", SOON)?;
    let rows = screen.rows();
    let row_with = |name: &str| rows.iter().position(|row| row.trim_end().ends_with(name));
    ensure!(
        row_with(" 1/").is_some() && row_with(" 1/") < row_with(" other/"),
        "not sorted by negatives: {rows:?}"
    );
    Ok(())
}

/// The plan, Enter that does nothing, the confirmation, the ledger.
fn prune(screen: &mut Screen<'_>) -> Result<()> {
    screen.send("P")?;
    screen.wait_for("Prune subtree /mnt/ext4/1 ", SOON)?;
    screen.wait_for("1,000,000", SOON)?;
    screen.wait_for("type y to prune", SOON)?;
    screen.send("\r")?;
    screen.wait_for("nothing is pruned before you type y", SOON)?;
    screen.send("y")?;
    screen.wait_for(
        "Pruned negative dentries below /mnt/ext4/1",
        Duration::from_secs(120),
    )?;
    screen.wait_for("all of them", SOON)?;
    screen.wait_still(STILL, SOON)?;
    let ledger = row_of(screen, |row| row.starts_with(" dentries "))?;
    ensure!(
        numbers(&ledger)[..2] == [LOOKUPS as f64, LOOKUPS as f64],
        "predicted and pruned are not a million: {ledger}"
    );
    screen.send("\u{1b}")?;
    screen.wait_gone("Pruned negative dentries", SOON)
}

/// The last line of the audit file is that of the prune.
fn the_prune_is_recorded(guest: &Guest) -> Result<()> {
    let line = guest.sh("tail -n 1 /root/.local/state/slabscope/audit.jsonl")?;
    for part in [
        r#""action":"prune""#,
        r#""path":"/mnt/ext4/1""#,
        r#""filesystem":"ext4""#,
        r#""freed":1000000,"#,
        r#""outcome":"complete""#,
    ] {
        ensure!(line.contains(part), "the audit file has no {part}: {line}");
    }
    Ok(())
}

/// Cached names do not reach the filesystem; pruned ones do.
fn the_sibling_is_untouched(guest: &Guest) -> Result<()> {
    guest.sh("agent lookups /tmp 1 warm_")?;
    let sibling = guest.count_calls(
        "ext4_lookup",
        "agent",
        &format!("agent lookups /mnt/ext4/other {SIBLINGS} conf_"),
    )?;
    ensure!(
        sibling == 0,
        "looking the sibling's names up again called ext4_lookup {sibling} times"
    );
    let pruned = guest.count_calls(
        "ext4_lookup",
        "agent",
        "agent lookups /mnt/ext4/1/2/3 5000 sess_",
    )?;
    ensure!(
        pruned >= 5000,
        "looking 5000 pruned names up again called ext4_lookup {pruned} times only"
    );
    Ok(())
}

fn the_drop_is_charted(screen: &mut Screen<'_>) -> Result<()> {
    for size in [(80, 24), (200, 50)] {
        screen.resize(size.0, size.1)?;
        for (key, title) in [("1", "caches by"), ("5", "1 prune")] {
            screen.send(key)?;
            screen.wait_for(title, SOON)?;
            screen.wait_for("pruned 1/ ", SOON)?;
        }
    }
    screen.wait_for("1,000,000 dentries", SOON)?;
    screen.wait_still(STILL, SOON)?;
    let row = row_of(screen, |row| row.contains("1,000,000 dentries"))?;
    let (before, after) = row.split_once('\u{2192}').context("no before and after")?;
    let first = |text: &str| numbers(text).first().copied().unwrap_or_default();
    let before = numbers(before).last().copied().unwrap_or_default();
    ensure!(
        before > 150.0 && first(after) < 0.2 * before,
        "before and after of SReclaimable: {row}"
    );
    Ok(())
}

/// SIGKILL in the middle of a prune: what was pinned is released, and the module unloads.
fn killed_in_a_prune(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh("mkdir -p /mnt/ext4/1/2/3")?;
    guest.failed_lookups("/mnt/ext4/1/2/3", LOOKUPS, "sess_")?;
    let mut screen = start(guest)?;
    walk_into_ext4(&mut screen)?;
    select_directory(&mut screen, "1")?;
    screen.send("p")?;
    screen.wait_for("Prune subtree /mnt/ext4/1 ", SOON)?;
    screen.wait_for("type y to prune", SOON)?;
    let before = guest.dentry_state()?;
    screen.send("y")?;
    // The first progress is shown after a tenth of a second, the end after more than one.
    screen.wait_until("progress", SOON, |screen| {
        let contents = screen.contents();
        contents.contains(" of 1,000,000 dentries") && !contents.contains(" 0 of 1,000,000")
    })?;
    // The process at work: the one that was started only waits for it.
    guest.sh("pkill -KILL -n -x slabscope")?;
    let status = screen.wait_exit(SOON)?;
    ensure!(
        status == 128 + 9,
        "slabscope ended with {status}: was the prune over before the signal?"
    );
    drop(screen);
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()?;
    let log = guest.sh("dmesg | grep 'slabscope: .* pruned negative' | tail -n 1")?;
    ensure!(log.contains("closed before the end"), "the log says: {log}");
    let after = guest.dentry_state()?;
    ensure!(
        after.dentries < before.dentries - LOOKUPS as i64 + 1000,
        "from {before:?} to {after:?}"
    );
    Ok(())
}
