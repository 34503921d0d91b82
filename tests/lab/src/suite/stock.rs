//! Stock kernels without the module: the oldest as well as the newest.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::fixture::ends_with;
use super::reading::{
    SOON, STILL, ledger_row, numbers, quit, row_of, select, select_directory, start, walk_into_ext4,
};
use super::{Case, Context};
use crate::guest::Guest;
use crate::guest::screen::Screen;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "stock::screen",
        run: screen,
    },
    Case {
        name: "stock::doctor",
        run: doctor,
    },
];

/// These compare with the counts of tracing.
pub(super) const COUNTED: &[Case] = &[Case {
    name: "stock::main_job",
    run: main_job,
}];

/// The slabs, the mounts, the names of a directory: each screen shows the kernel's own figures.
fn screen(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.fresh_ext4()?;
    guest.sh("mkdir /mnt/ext4/one /mnt/ext4/two")?;
    // A reader that counts shows only directories with cached names.
    for dir in ["/mnt/ext4/one", "/mnt/ext4/two"] {
        guest.failed_lookups(dir, 100, "name_")?;
    }
    let mut screen = start(guest)?;
    screen.wait_for("dentry", SOON)?;
    into_ext4(&mut screen)?;
    for name in [" one/", " two/"] {
        screen.wait_for(name, SOON)?;
    }
    screen.send("3")?;
    screen.wait_for("superblocks, by", SOON)?;
    screen.wait_for("/mnt/ext4", SOON)?;
    quit(screen)?;
    guest.sh("umount /mnt/ext4").map(drop)
}

/// Each feature that this kernel offers or lacks has a line, and a missing one a remedy that leads
/// on.
fn doctor(context: &Context<'_>, guest: &Guest) -> Result<()> {
    let output = guest.exec("slabscope doctor --json", Duration::from_secs(60))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let document: Value =
        serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))?;
    let release = &context.lab.kernel.release;
    ensure!(
        text.contains(release.as_str()),
        "{release} is not named: {document}"
    );
    let said = ends_with(guest, "slabscope doctor", output.status)?;
    ensure!(
        said.lines()
            .any(|line| line.split_whitespace().nth(1) == Some("module")),
        "no line about the module: {said}"
    );
    Ok(())
}

/// From any screen into the filesystem that is mounted on /mnt/ext4.
fn into_ext4(screen: &mut Screen<'_>) -> Result<()> {
    screen.send("2")?;
    screen.wait_for("/mnt/ext4", SOON)?;
    select(screen, |row| {
        row.split_whitespace().nth(2) == Some("/mnt/ext4")
    })?;
    screen.send("\r")?;
    screen.wait_for(" /mnt/ext4 ", SOON)?;
    screen.wait_still(STILL, SOON)
}

const LOOKUPS: u64 = 200_000;
const SIBLINGS: u64 = 1_000;

/// As a user does it without the module: see the cache, walk to the directory, see in its plan what
/// is cached there and which rungs work, take the narrowest rung that frees dentries, see the drop.
fn main_job(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.fresh_ext4()?;
    guest.sh("mkdir -p /mnt/ext4/1/2/3 /mnt/ext4/other")?;
    guest.failed_lookups("/mnt/ext4/1/2/3", LOOKUPS, "sess_")?;
    guest.failed_lookups("/mnt/ext4/other", SIBLINGS, "conf_")?;
    let before = guest.slab("dentry")?;
    let mut screen = start(guest)?;
    screen.wait_for(" dentry", SOON)?;
    walk_into_ext4(&mut screen)?;
    for (name, path) in [("1", "/mnt/ext4/1 "), ("2", "/mnt/ext4/1/2 ")] {
        select_directory(&mut screen, name)?;
        screen.send("\r")?;
        screen.wait_for(path, SOON)?;
        screen.wait_for(" below: ", SOON)?;
    }
    select_directory(&mut screen, "3")?;
    plan(&mut screen)?;
    screen.send(">")?;
    screen.wait_for("Other rungs", SOON)?;
    // The last of the list.
    screen.send("jjjj")?;
    screen.wait_still(STILL, SOON)?;
    screen.send("\r")?;
    screen.wait_for("Reclaim: negative dentries of /mnt/ext4/1/2/3", SOON)?;
    read_to_the_end(&mut screen)?;
    screen.send("y")?;
    screen.wait_for("Reclaimed: negative dentries", Duration::from_secs(300))?;
    screen.wait_still(STILL, SOON)?;
    let row = ledger_row(&screen, "dentries")?;
    let told = numbers(row.split_once("dentries").map_or("", |(_, rest)| rest));
    ensure!(
        told.len() >= 2 && told[0] - told[1] > LOOKUPS as f64 * 0.99,
        "of {LOOKUPS} names the ledger has: {row}"
    );
    let after = guest.slab("dentry")?;
    ensure!(
        after.objects * 5 < before.objects,
        "the dentry slab fell only from {before:?} to {after:?}"
    );
    let sibling = format!("agent lookups /mnt/ext4/other {SIBLINGS} conf_");
    let calls = guest.count_calls("ext4_lookup", "agent", &sibling)?;
    ensure!(calls == 0, "of the sibling's names {calls} had gone");
    let again = "agent lookups /mnt/ext4/1/2/3 5000 sess_";
    let calls = guest.count_calls("ext4_lookup", "agent", again)?;
    ensure!(calls >= 5000, "of 5000 names {calls} were looked up anew");
    screen.send("\u{1b}")?;
    screen.wait_gone("Reclaimed: ", SOON)?;
    the_drop_is_charted(&mut screen)?;
    quit(screen)?;
    guest.sh("umount /mnt/ext4").map(drop)
}

/// The plan without the module: the counts, and the rungs that work here.
fn plan(screen: &mut Screen<'_>) -> Result<()> {
    screen.send("p")?;
    screen.wait_for("Prune subtree /mnt/ext4/1/2/3", SOON)?;
    screen.wait_for("1 to 3 need the module", SOON)?;
    screen.wait_still(STILL, SOON)?;
    let row = row_of(screen, |row| row.contains("1 negative only"))?;
    let text = row.split_once("only").map_or("", |(_, rest)| rest);
    ensure!(
        numbers(text).first() == Some(&(LOOKUPS as f64)),
        "of {LOOKUPS} negatives the plan has: {row}"
    );
    screen.send("y")?;
    screen.wait_still(STILL, SOON)?;
    screen.wait_for("Prune subtree /mnt/ext4/1/2/3", SOON)
}

/// No question is answered before all of its text was shown.
fn read_to_the_end(screen: &mut Screen<'_>) -> Result<()> {
    for _ in 0..10 {
        screen.wait_still(STILL, SOON)?;
        if screen.snapshot().contents().contains("type y to reclaim") {
            return Ok(());
        }
        screen.send("\u{1b}[6~")?;
    }
    bail!("the plan has no end: {}", screen.snapshot().contents())
}

/// The chart of slab memory has a mark at the drop, and the history has the action.
fn the_drop_is_charted(screen: &mut Screen<'_>) -> Result<()> {
    screen.send("1")?;
    screen.wait_for("caches by", SOON)?;
    screen.wait_for("names of 3/", SOON)?;
    screen.send("5")?;
    screen.wait_for("/mnt/ext4/1/2/3", SOON)?;
    screen.wait_still(STILL, SOON)?;
    let row = row_of(screen, |row| row.contains("\u{2192}"))?;
    let (before, after) = row.split_once('\u{2192}').context("no before and after")?;
    let first = |text: &str| numbers(text).first().copied().unwrap_or_default();
    let before = numbers(before).last().copied().unwrap_or_default();
    ensure!(
        before > 30.0 && first(after) < 0.6 * before,
        "before and after of SReclaimable: {row}"
    );
    Ok(())
}
