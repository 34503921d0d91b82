//! The tree screen's promises: looking changes nothing, and names are shown by their shapes.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::fixture::ends_with;
use super::reading::{
    SOON, STILL, numbers, quit, row_of, select, select_directory, start, walk_into_ext4,
};
use super::{Case, Context};
use crate::agent::lookups;
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
    Case {
        name: "ext4::names",
        run: names,
    },
    Case {
        name: "ext4::hotspots",
        run: hotspots,
    },
];

const DIRECTORIES: u64 = 20;
/// In each directory: files, in directories of a hundred, and names that are cached as absent.
const FILES: u64 = 600;
const ABSENT: u64 = 1_900;

/// Entering directories that hold 50,000 cached dentries makes next to none; looking with stat
/// does.
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
    let mut screen = start(guest)?;
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
    quit(screen)?;
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
    walk_into_ext4(screen)?;
    select_directory(screen, "tree")?;
    screen.send("\r")?;
    screen.wait_for(" /mnt/ext4/tree ", SOON)?;
    screen.wait_for(" below: ", SOON)
}

fn walk_in_and_out(screen: &mut Screen<'_>, directory: u64) -> Result<()> {
    select_directory(screen, &directory.to_string())?;
    screen.send("\r")?;
    screen.wait_for(&format!(" /mnt/ext4/tree/{directory} "), SOON)?;
    screen.wait_for(" below: ", SOON)?;
    let below = row_of(screen, |row| row.contains(" below: "))?;
    // Besides the planted names, the directories of the files.
    ensure!(
        numbers(&below)[0] == (FILES + FILES / 100 + ABSENT) as f64,
        "what is cached below {directory}: {below}"
    );
    screen.send("\u{7f}")?;
    screen.wait_gone(&format!(" /mnt/ext4/tree/{directory} "), SOON)
}

/// The planted names, by shape and number, and the commands that look such names up.
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
        "for n in $(seq 1 100); do cat /proc/sys/kernel/random/uuid; done >/tmp/uuids
         for id in $(cat /tmp/uuids); do test -e $id.tmp; done",
    ),
];

/// Module and filesystem, with the names below /mnt/ext4/dir.
fn plant(guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    for (_, _, command) in PLANTED {
        guest.sh(&format!(
            "mkdir -p /mnt/ext4/dir && cd /mnt/ext4/dir && {{ {command}; }}; true"
        ))?;
    }
    Ok(())
}

fn planted() -> u64 {
    PLANTED.iter().map(|&(_, count, _)| count).sum()
}

fn shapes(_: &Context<'_>, guest: &Guest) -> Result<()> {
    plant(guest)?;
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

/// A name that would colour the terminal and break the line, as the program shows and writes it.
const HOSTILE: &str = "evil\\u{1b}[31m\\nred";

/// The page of names shows the shapes with their numbers, the names of one alone, and writes all to
/// a file; the cache stays unchanged.
fn names(_: &Context<'_>, guest: &Guest) -> Result<()> {
    plant(guest)?;
    guest.sh(
        "rm -f /tmp/names.txt; cd /mnt/ext4/dir; ! test -e \"$(printf 'evil\\033[31m\\nred')\"",
    )?;
    let mut screen = start(guest)?;
    walk_into_ext4(&mut screen)?;
    select_directory(&mut screen, "dir")?;
    screen.wait_still(STILL, SOON)?;
    let before = guest.dentry_state()?;
    screen.send("n")?;
    screen.wait_for("5,101 names are cached as absent, in 3 shapes", SOON)?;
    for (shape, count, _) in PLANTED {
        let row = row_of(&screen, |row| row.contains(shape))?;
        ensure!(numbers(&row)[0] == count as f64, "{count} of {row}");
    }
    let others = row_of(&screen, |row| row.contains("other shapes"))?;
    ensure!(numbers(&others)[0] == 1.0, "one hostile name: {others}");
    names_of_a_shape(&mut screen, "core.<number>", "2,000 names of core.<number>")?;
    names_of_a_shape(&mut screen, "other shapes", HOSTILE)?;
    export(guest, &mut screen)?;
    let made = guest.dentry_state()?.dentries - before.dentries;
    ensure!(
        made.abs() < 100,
        "listing and writing the names changed the number of dentries by {made}"
    );
    quit(screen)?;
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// To the names of a shape, and back to all.
fn names_of_a_shape(screen: &mut Screen<'_>, shape: &str, shown: &str) -> Result<()> {
    select(screen, |row| row.contains(shape))?;
    screen.send("\r")?;
    screen.wait_for(shown, SOON)?;
    screen.send("\u{1b}")?;
    screen.wait_for("\u{2500} 5,101 names \u{2500}", SOON)
}

/// The file has each name once, and is private to its owner.
fn export(guest: &Guest, screen: &mut Screen<'_>) -> Result<()> {
    screen.send("e")?;
    screen.wait_for("negatives-dir.txt", SOON)?;
    screen.send(&"\u{7f}".repeat("negatives-dir.txt".len()))?;
    screen.wait_gone("negatives", SOON)?;
    screen.send("/tmp/names.txt\r")?;
    screen.wait_for("5,101 names are in /tmp/names.txt", SOON)?;
    let uuids = guest.sh("cat /tmp/uuids")?;
    let mut expected: Vec<String> = (0..3000)
        .map(|index| lookups::name("sess_", index))
        .chain((1..=2000).map(|number| format!("core.{number}")))
        .chain(uuids.lines().map(|uuid| format!("{uuid}.tmp")))
        .chain([HOSTILE.to_owned()])
        .collect();
    expected.sort_unstable();
    let written = guest.sh("cat /tmp/names.txt")?;
    let mut written: Vec<&str> = written.lines().collect();
    written.sort_unstable();
    ensure!(
        written == expected,
        "the file has {} lines, and not the names that were planted",
        written.len()
    );
    let mode = guest.sh("stat -c %a /tmp/names.txt")?;
    ensure!(mode.trim() == "600", "the file's mode is {mode}");
    Ok(())
}

/// The directory of the lookups is found without walking to it.
fn hotspots(_: &Context<'_>, guest: &Guest) -> Result<()> {
    plant(guest)?;
    let said = ends_with(guest, "slabscope hotspots --json", 0)?;
    let document: Value = serde_json::from_str(&said).context("no JSON")?;
    let directories = document["directories"]
        .as_array()
        .context("no directories")?;
    let found = directories
        .iter()
        .find(|directory| directory["path"] == "/mnt/ext4/dir")
        .context("/mnt/ext4/dir is not listed")?;
    let negative = found["own"]["negative"].as_u64();
    ensure!(negative >= Some(planted()), "{found}");
    let mut screen = start(guest)?;
    screen.send("2")?;
    screen.wait_for("/mnt/ext4", SOON)?;
    screen.send("H")?;
    screen.wait_for("directories by own negatives", SOON)?;
    screen.wait_for(" counted ", SOON)?;
    let wanted = |row: &str| row.trim_end().ends_with(" /mnt/ext4/dir");
    let row = row_of(&screen, wanted)?;
    ensure!(numbers(&row)[0] >= planted() as f64, "{row}");
    select(&mut screen, wanted)?;
    screen.send("\r")?;
    screen.wait_for(" below: ", SOON)?;
    let title = screen.rows().get(1).cloned().unwrap_or_default();
    ensure!(title.starts_with(" /mnt/ext4/dir "), "walked to {title}");
    quit(screen)?;
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}
