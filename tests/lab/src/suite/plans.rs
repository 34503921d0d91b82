//! Plans in the program: one for several directories, and stale ones that must not be carried out.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::fixture::ends_with;
use super::reading::{SOON, STILL, numbers, quit, row_of, select_directory, start, walk_into_ext4};
use super::{Case, Context};
use crate::guest::Guest;
use crate::guest::screen::Screen;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::marked",
        run: marked,
    },
    Case {
        name: "ext4::replaced",
        run: replaced,
    },
];

/// Negative dentries below a directory, by the command line.
fn negatives(guest: &Guest, dir: &str) -> Result<u64> {
    let said = ends_with(guest, &format!("slabscope census {dir} --json"), 0)?;
    let document: Value = serde_json::from_str(&said).context("no JSON")?;
    let negative = document["below"]["negative"].as_u64();
    negative.with_context(|| format!("no negatives in {said}"))
}

fn holds(guest: &Guest, dir: &str, expected: u64) -> Result<()> {
    let found = negatives(guest, dir)?;
    ensure!(
        found == expected,
        "{found} negative dentries below {dir} instead of {expected}"
    );
    Ok(())
}

/// The last outcomes in the audit file.
fn last_audits(guest: &Guest, count: usize) -> Result<Vec<String>> {
    let lines = guest.sh(&format!(
        "grep -v '\"outcome\":\"begun\"' /root/.local/state/slabscope/audit.jsonl | tail -n {count}"
    ))?;
    Ok(lines.lines().map(str::to_owned).collect())
}

/// One `y` prunes two directories, and not the third.
fn marked(_: &Context<'_>, guest: &Guest) -> Result<()> {
    const MARKED: [(&str, u64); 2] = [("one", 3000), ("two", 2000)];
    const KEPT: u64 = 500;
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh("cd /mnt/ext4 && mkdir one two kept")?;
    for (name, count) in MARKED {
        guest.failed_lookups(&format!("/mnt/ext4/{name}"), count, "name_")?;
    }
    guest.failed_lookups("/mnt/ext4/kept", KEPT, "name_")?;
    let mut screen = start(guest)?;
    walk_into_ext4(&mut screen)?;
    for (name, _) in MARKED {
        select_directory(&mut screen, name)?;
        screen.send(" ")?;
    }
    screen.wait_for("2 marked", SOON)?;
    screen.send("p")?;
    screen.wait_for("Prune 2 subtrees", SOON)?;
    screen.wait_for("type y to prune", SOON)?;
    screen.send("y")?;
    screen.wait_for("Pruned negative dentries below 2 directories", SOON)?;
    screen.wait_for("all of them", SOON)?;
    screen.wait_still(STILL, SOON)?;
    let total = row_of(&screen, |row| row.starts_with(" dentries "))?;
    ensure!(
        numbers(&total)[..2] == [5000.0, 5000.0],
        "predicted and pruned of both: {total}"
    );
    let audits = last_audits(guest, MARKED.len())?;
    for ((name, count), audit) in MARKED.iter().zip(&audits) {
        let path = format!(r#""path":"/mnt/ext4/{name}""#);
        let freed = format!(r#""freed":{count},"#);
        ensure!(
            audit.contains(&path) && audit.contains(&freed),
            "the audit file has no {path} {freed}: {audits:?}"
        );
        holds(guest, &format!("/mnt/ext4/{name}"), 0)?;
    }
    holds(guest, "/mnt/ext4/kept", KEPT)?;
    // In the ledger `q` would close only that.
    screen.send("\u{1b}")?;
    screen.wait_gone("Pruned negative dentries", SOON)?;
    quit(screen)?;
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

const LOOKUPS: u64 = 1000;

/// A plan is for the directory that it was made for, and for the same load of the module; else
/// nothing is pruned.
fn replaced(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh("mkdir /mnt/ext4/dir")?;
    guest.failed_lookups("/mnt/ext4/dir", LOOKUPS, "name_")?;
    let mut screen = start(guest)?;
    walk_into_ext4(&mut screen)?;
    plan(&mut screen, "dir")?;
    guest.sh("mv /mnt/ext4/dir /mnt/ext4/away && mkdir /mnt/ext4/dir")?;
    guest.failed_lookups("/mnt/ext4/dir", LOOKUPS, "name_")?;
    fails(
        guest,
        &mut screen,
        "not the directory that the plan was made for",
    )?;
    screen.wait_for(" below: ", SOON)?;
    for dir in ["/mnt/ext4/dir", "/mnt/ext4/away"] {
        holds(guest, dir, LOOKUPS)?;
    }
    plan(&mut screen, "away")?;
    guest.unload_module()?;
    fails(guest, &mut screen, "kernel module is not loaded")?;
    quit(screen)?;
    guest.load_module()?;
    holds(guest, "/mnt/ext4/away", LOOKUPS)?;
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

fn plan(screen: &mut Screen<'_>, directory: &str) -> Result<()> {
    select_directory(screen, directory)?;
    screen.send("p")?;
    screen.wait_for(&format!("Prune subtree /mnt/ext4/{directory} "), SOON)?;
    screen.wait_for("type y to prune", SOON)
}

/// `y` prunes nothing, says why, and that is recorded.
fn fails(guest: &Guest, screen: &mut Screen<'_>, why: &str) -> Result<()> {
    screen.send("y")?;
    screen.wait_for("Prune aborted", SOON)?;
    screen.wait_for(why, SOON)?;
    let audits = last_audits(guest, 1)?;
    ensure!(
        audits
            .iter()
            .all(|audit| audit.contains(r#""freed":0,"#) && audit.contains(why)),
        "the audit file: {audits:?}"
    );
    screen.send("\u{1b}")?;
    screen.wait_gone("Prune aborted", SOON)
}
