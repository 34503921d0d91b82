//! What is cached elsewhere than it seems: in an overlay's layers, below a hidden directory, and
//! inodes that no name leads to.

use anyhow::{Context as _, Result, ensure};

use super::fixture::{Background, Fs, json};
use super::{Case, Context};
use crate::guest::Guest;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "apart::layers_of_an_overlay_are_offered",
        run: layers,
    },
    Case {
        name: "apart::names_below_a_mount_are_reached",
        run: hidden,
    },
    Case {
        name: "apart::inodes_that_inotify_keeps_are_counted",
        run: watched,
    },
];

const NAMES: u64 = 5_000;

/// A failed lookup in an overlay is cached once more in each layer that has the directory: the plan
/// has a command for each, and those free them.
fn layers(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh(
        "cd /mnt/ext4 && mkdir -p upper work one/app two/app && cd / && mount -t overlay overlay /mnt/overlay \
         -o lowerdir=/mnt/ext4/one:/mnt/ext4/two,upperdir=/mnt/ext4/upper,workdir=/mnt/ext4/work",
    )?;
    guest.failed_lookups("/mnt/overlay/app", NAMES, "n_")?;
    let plan = json(
        guest,
        "slabscope prune /mnt/overlay/app --dry-run --json",
        0,
    )?;
    ensure!(plan["predicted"] == NAMES, "{plan}");
    let of_layers = plan["layers"].as_array().context("no layers")?;
    let mut freed = 0;
    for layer in of_layers {
        let command = layer["command"].as_str().context("no command")?;
        let predicted = layer["predicted"].as_u64().context("no figure")?;
        // The upper one has no such directory.
        if predicted == 0 {
            continue;
        }
        let done = json(guest, &format!("{command} --yes --json"), 0)?;
        ensure!(done["freed"] == predicted, "{layer}: {done}");
        freed += predicted;
    }
    ensure!(freed == 2 * NAMES, "{freed} names in the layers: {plan}");
    guest.sh("umount /mnt/overlay /mnt/ext4")?;
    guest.unload_module()
}

/// The hot spots name a directory that a mount hides, and the command that reaches it.
fn hidden(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh("mkdir -p /mnt/ext4/above/under")?;
    guest.failed_lookups("/mnt/ext4/above/under", NAMES, "n_")?;
    guest.sh("mount -t tmpfs tmpfs /mnt/ext4/above/under")?;
    let said = guest.sh("slabscope hotspots")?;
    let row = said
        .lines()
        .find(|line| line.contains("/mnt/ext4/above/under (hidden by a mount"))
        .with_context(|| format!("not named: {said}"))?;
    let command = row
        .split_once("reached by ")
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .with_context(|| format!("no command: {row}"))?;
    let done = json(guest, &format!("{command} --yes --json"), 0)?;
    ensure!(done["freed"] == NAMES, "`{command}`: {done}");
    guest.sh("umount -R /mnt/ext4")?;
    guest.unload_module()
}

/// Inodes whose names are no longer cached, as a process watches them.
fn watched(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.fresh_ext4()?;
    guest.sh("mkdir /mnt/ext4/top && agent files /mnt/ext4/top 100 && sync")?;
    let watch = Background::start(
        guest,
        "agent watch $(find /mnt/ext4/top -type f)",
        "watching",
    )?;
    guest.sh("echo 2 >/proc/sys/vm/drop_caches")?;
    let census = json(guest, "slabscope census /mnt/ext4 --watches --json", 0)?;
    ensure!(census["watched_inodes"] == 100, "{census}");
    let said = guest.sh("slabscope census /mnt/ext4 --watches")?;
    ensure!(said.contains("100 inodes"), "{said}");
    watch.end()?;
    let after = json(guest, "slabscope census /mnt/ext4 --watches --json", 0)?;
    ensure!(after["watched_inodes"] == 0, "{after}");
    Fs::Ext4.unmount(guest)
}
