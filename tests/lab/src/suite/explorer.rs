//! The tree screen's promises: looking changes nothing, and names are told by their shapes.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::fixture::ends_with;
use super::reading::{numbers, row_of, select};
use super::{Case, Context};
use crate::guest::Guest;
use crate::guest::screen::Screen;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::looking",
        run: looking,
    },
    Case {
        name: "ext4::shapes",
        run: shapes,
    },
];

const SOON: Duration = Duration::from_secs(30);

const DIRECTORIES: u64 = 20;
/// In each directory: files, in directories of a hundred, and names that are cached as absent.
const FILES: u64 = 600;
const ABSENT: u64 = 1_900;

/// Walking into directories that hold 50,000 cached dentries makes next to none; looking with stat does.
fn looking(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh_within(
        &format!(
            "for d in $(seq 10 $((9 + {DIRECTORIES}))); do
                 agent files /mnt/ext4/tree/$d {FILES} && agent lookups /mnt/ext4/tree/$d {ABSENT} || exit 1
             done >/dev/null; sync"
        ),
        Duration::from_secs(300),
    )?;
    let mut screen = guest.screen("exec slabscope", 80, 24)?;
    screen.wait_for("SReclaimable", SOON)?;
    walk_to_the_tree(&mut screen)?;
    let before = guest.dentry_state()?;
    for directory in 0..DIRECTORIES {
        walk_in_and_out(&mut screen, 10 + directory)?;
    }
    let made = guest.dentry_state()?.dentries - before.dentries;
    ensure!(
        made.abs() <= 100,
        "walking into {DIRECTORIES} directories changed the number of dentries by {made}"
    );
    screen.send("q")?;
    let status = screen.wait_exit(SOON)?;
    ensure!(status == 0, "slabscope ended with {status}");
    drop(screen);
    guest.sh("echo 2 >/proc/sys/vm/drop_caches")?;
    let before = guest.dentry_state()?;
    guest.sh("find /mnt/ext4/tree -size +100k")?;
    let made = guest.dentry_state()?.dentries - before.dentries;
    ensure!(
        made > 10_000,
        "the control: find made {made} dentries only of a cold tree"
    );
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

fn walk_to_the_tree(screen: &mut Screen<'_>) -> Result<()> {
    screen.send("2")?;
    screen.wait_for("/mnt/ext4", SOON)?;
    select(screen, |row| {
        row.split_whitespace().nth(2) == Some("/mnt/ext4")
    })?;
    screen.send("\r")?;
    screen.wait_for(" tree/", SOON)?;
    screen.wait_for(" below: ", SOON)?;
    select(screen, |row| row.trim_end().ends_with(" tree/"))?;
    screen.send("\r")?;
    screen.wait_for(" /mnt/ext4/tree ", SOON)?;
    screen.wait_for(" below: ", SOON)
}

fn walk_in_and_out(screen: &mut Screen<'_>, directory: u64) -> Result<()> {
    let name = format!(" {directory}/");
    select(screen, |row| row.trim_end().ends_with(&name))?;
    screen.send("\r")?;
    screen.wait_for(&format!(" /mnt/ext4/tree/{directory} "), SOON)?;
    screen.wait_for(" below: ", SOON)?;
    let below = row_of(screen, |row| row.contains(" below: "))?;
    // Besides what was planted, the directories that the files are in.
    ensure!(
        numbers(&below)[0] == (FILES + FILES / 100 + ABSENT) as f64,
        "what is cached below {directory}: {below}"
    );
    screen.send("\u{7f}")?;
    screen.wait_gone(&format!(" /mnt/ext4/tree/{directory} "), SOON)
}

/// What was planted, by shape and number, and the commands that look such names up.
const PLANTED: [(&str, u64, &str); 3] = [
    ("sess_<hex32>", 3000, "agent lookups . 3000 sess_"),
    (
        "core.<number>",
        2000,
        "for n in $(seq 1 2000); do test -e core.$n; done",
    ),
    (
        "<uuid>.tmp",
        100,
        "for n in $(seq 1 100); do test -e $(cat /proc/sys/kernel/random/uuid).tmp; done",
    ),
];

fn shapes(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    for (_, _, command) in PLANTED {
        guest.sh(&format!(
            "mkdir -p /mnt/ext4/dir && cd /mnt/ext4/dir && {{ {command}; }}; true"
        ))?;
    }
    let said = ends_with(
        guest,
        "slabscope ls /mnt/ext4/dir --negative --shapes --json",
        0,
    )?;
    let document: Value = serde_json::from_str(&said).context("no JSON")?;
    let found: Vec<(&str, u64)> = document["shapes"]
        .as_array()
        .context("no shapes")?
        .iter()
        .filter_map(|shape| Some((shape["shape"].as_str()?, shape["count"].as_u64()?)))
        .collect();
    let planted: Vec<(&str, u64)> = PLANTED
        .iter()
        .map(|&(shape, count, _)| (shape, count))
        .collect();
    ensure!(found == planted, "found {found:?}, planted {planted:?}");
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}
