//! The rung of last resort: names cached as absent go without the module, and nothing else does.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::fixture::{Fs, ends_with};
use super::{Case, Context};
use crate::agent::lookups;
use crate::guest::Guest;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::carousel",
        run: |_, guest| carousel(guest, Fs::Ext4),
    },
    Case {
        name: "xfs::carousel",
        run: |_, guest| carousel(guest, Fs::Xfs),
    },
    Case {
        name: "btrfs::carousel",
        run: |_, guest| carousel(guest, Fs::Btrfs),
    },
];

/// With the names that the module lists.
pub(super) const WITH_MODULE: &[Case] = &[Case {
    name: "ext4::carousel_listed",
    run: listed,
}];

const NAMES: u64 = 20_000;
const SIBLINGS: u64 = 1_000;

/// Dentries that commands make and free meanwhile.
const NOISE: i64 = 400;

/// Runs it on a directory, and returns its document.
fn run(guest: &Guest, arguments: &str) -> Result<Value> {
    let command = format!("slabscope reclaim --json --yes --carousel {arguments}");
    let said = guest.sh_within(&command, Duration::from_secs(120))?;
    serde_json::from_str(&said).with_context(|| format!("no JSON: {said}"))
}

/// How often the filesystem is asked for names, in another round.
fn asked(guest: &Guest, fs: Fs, dir: &str, count: u64, prefix: &str) -> Result<u64> {
    let function = match fs {
        Fs::Xfs => "xfs_vn_lookup",
        Fs::Btrfs => "btrfs_lookup",
        _ => "ext4_lookup",
    };
    let lookups = format!("agent lookups {dir} {count} {prefix}");
    guest.count_calls(function, "agent", &lookups)
}

/// The names of one directory go, those beside and below it stay, and so does every file.
fn carousel(guest: &Guest, fs: Fs) -> Result<()> {
    let top = fs.fresh(guest)?;
    let dir = format!("{top}/d");
    guest.sh(&format!(
        "mkdir -p {dir}/below && echo kept >{dir}/file && ln -s nowhere {dir}/link"
    ))?;
    guest.failed_lookups(&dir, NAMES, "sess_")?;
    guest.failed_lookups(&format!("{dir}/below"), SIBLINGS, "conf_")?;
    let names: Vec<u8> = (0..NAMES)
        .map(|index| lookups::name("sess_", index) + "\n")
        .chain(["file\n".to_owned()])
        .flat_map(String::into_bytes)
        .collect();
    let status = guest.stream(
        "cat >/tmp/names",
        &names,
        Duration::from_secs(60),
        |_, _| (),
    )?;
    ensure!(status == 0, "the names do not reach the guest: {status}");
    let before = guest.dentry_state()?;
    let done = run(guest, &format!("{dir} --names /tmp/names"))?;
    let after = guest.dentry_state()?;
    ensure!(
        done["status"] == "complete"
            && done["notes_after"][0] == format!("{} names removed", "20,000"),
        "{done}"
    );
    let fell = before.dentries - after.dentries;
    ensure!(
        (fell - NAMES as i64).abs() < NOISE,
        "of {NAMES} names {fell} dentries went: {done}"
    );
    let found = guest.sh(&format!("cd {dir} && ls && cat file && readlink link"))?;
    ensure!(
        found
            .split_whitespace()
            .eq(["below", "file", "link", "kept", "nowhere"]),
        "the directory holds {found}"
    );
    let kept = asked(guest, fs, &format!("{dir}/below"), SIBLINGS, "conf_")?;
    let gone = asked(guest, fs, &dir, NAMES, "sess_")?;
    ensure!(
        kept == 0 && gone >= NAMES,
        "looked up again: {gone} names of the directory, {kept} of the one below"
    );
    refused_read_only(guest, top, &dir)?;
    fs.unmount(guest)?;
    fs.check(guest)
}

fn refused_read_only(guest: &Guest, top: &str, dir: &str) -> Result<()> {
    guest.sh(&format!("mount -o remount,ro {top}"))?;
    let refused = format!("slabscope reclaim --carousel {dir} --names /tmp/names --yes");
    let said = ends_with(guest, &refused, 1)?;
    ensure!(said.contains("mounted read-only"), "{said}");
    Ok(())
}

/// The names that the module lists go, by its own census; a killed run leaves one link, which the
/// next one removes.
fn listed(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    let dir = "/mnt/ext4/d";
    guest.sh(&format!("mkdir -p {dir}/chosen {dir}/other"))?;
    for (below, count) in [("", NAMES), ("/chosen", SIBLINGS), ("/other", SIBLINGS)] {
        guest.failed_lookups(&format!("{dir}{below}"), count, "sess_")?;
    }
    killed(guest, dir)?;
    let done = run(guest, &format!("{dir} {dir}/chosen"))?;
    ensure!(done["status"] == "complete", "{done}");
    let said = ends_with(guest, &format!("slabscope census {dir} --json"), 0)?;
    let census: Value = serde_json::from_str(&said).context("no JSON")?;
    ensure!(census["below"]["negative"] == SIBLINGS, "{census}");
    let found = guest.sh(&format!("ls -A {dir} {dir}/chosen"))?;
    ensure!(
        !found.contains("sess_") && !found.contains("slabscope"),
        "{found}"
    );
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// Killed while its link exists. It has its own name for most of the time.
fn killed(guest: &Guest, dir: &str) -> Result<()> {
    guest.sh(&format!(
        "slabscope reclaim --carousel {dir} --yes >/tmp/said 2>&1 & run=$!
         until ls -A {dir} | grep -qE 'sess_|slabscope'; do
             kill -0 $run || {{ echo it ended before its link was seen:; cat /tmp/said; exit 1; }}
         done
         pkill -KILL -P $run; wait $run
         left=$(ls -A {dir} | grep -E 'sess_|slabscope')
         test $(echo $left | wc -w) = 1 || {{ echo left: $left; cat /tmp/said; exit 1; }}"
    ))?;
    let said = ends_with(
        guest,
        &format!("slabscope reclaim --carousel {dir} --max 1 --yes"),
        5,
    )?;
    ensure!(said.contains("removed a symbolic link"), "{said}");
    let left = guest.sh(&format!(
        "ls -A {dir} /root/.local/state/slabscope/carousel"
    ))?;
    ensure!(
        !left.contains("sess_") && !left.contains("slabscope-") && !left.contains(".json"),
        "{left}"
    );
    Ok(())
}
