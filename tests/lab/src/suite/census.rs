//! The census on each filesystem: exact, and without a trace.

use anyhow::{Context as _, Result, ensure};

use super::fixture::{Background, Fs, device, device_as};
use super::{Case, Context};
use crate::guest::Guest;
use slabscope::abi::Counters;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::census_exact",
        run: |_, guest| census_exact(guest, Fs::Ext4),
    },
    Case {
        name: "xfs::census_exact",
        run: |_, guest| census_exact(guest, Fs::Xfs),
    },
    Case {
        name: "btrfs::census_exact",
        run: |_, guest| census_exact(guest, Fs::Btrfs),
    },
    Case {
        name: "overlay::census_exact",
        run: |_, guest| census_exact(guest, Fs::Overlay),
    },
    Case {
        name: "tmpfs::census_exact",
        run: |_, guest| census_exact(guest, Fs::Tmpfs),
    },
];

/// With events of a probe counted.
pub(super) const COUNTED: &[Case] = &[Case {
    name: "ext4::census_keeps_reference_bits",
    run: census_keeps_reference_bits,
}];

/// Counts of the tree that agent/tree.rs makes.
pub(super) fn expected(fs: Fs) -> Counters {
    let (dirs, files, other, negative) = (13, 18, 2, 29);
    let on_disk = Counters {
        total: dirs + files + other + negative,
        negative,
        // An open file, one that is removed besides, a working directory, a mountpoint.
        in_use: 4,
        // The directories of the open files.
        pinned: 1,
        prunable: dirs + files + other + negative - 5,
        negative_prunable: negative,
        // All but the open files: a directory gets onto the LRU when it is made, and stays when it
        // gets children.
        lru: dirs + files + other + negative - 2,
        dirs,
        files,
        other,
        mountpoints: 1,
        // 2 files and 5 absent names of 60 bytes, in 96 with their header.
        external_names: 7,
        external_bytes: 7 * 96,
        negative_external_bytes: 5 * 96,
        // One file has two names.
        inodes: dirs + files - 1 + other,
        pages: files - 1,
        dirty: 2,
        ..Counters::default()
    };
    match fs {
        Fs::Ext4 | Fs::Xfs | Fs::Btrfs => on_disk,
        // Pages and their state belong to the inodes of the layer below.
        Fs::Overlay => Counters {
            pages: 0,
            dirty: 0,
            ..on_disk
        },
        // Keeps no absent names, and its dentries hold every name: nothing could be read again.
        Fs::Tmpfs => Counters {
            total: dirs + files + other,
            in_use: dirs + files + other,
            dirs,
            files,
            other,
            mountpoints: 1,
            inodes: dirs + files - 1 + other,
            pages: files - 1,
            dirty: 0,
            ..Counters::default()
        },
    }
}

/// The module's count is the known one, for the whole and for each directory, and ten censuses
/// change nothing.
fn census_exact(guest: &Guest, fs: Fs) -> Result<()> {
    guest.load_module()?;
    let top = format!("{}/tree", fs.fresh(guest)?);
    let tree = Background::start(guest, &format!("agent tree {top}"), "ready")?;
    let before = entries(guest, &top)?;
    let begin = format!("begin:dir={top}");
    let said = device_as(guest, "", &["open", &begin, "count"])?;
    let wanted = format!("status 0 {:?}", expected(fs));
    let counted = without_dirt(fs, &said[2]);
    ensure!(counted == wanted, "expected {wanted}\ncounted  {counted}");
    leaves_no_trace(guest, &begin)?;
    let after = entries(guest, &top)?;
    ensure!(
        before == after,
        "entries before {before}\nand after {after}"
    );
    rows_are_exact(guest, fs, &top)?;
    device(
        guest,
        &[("open", "ok"), (&begin, "ok"), ("count", &said[2])],
    )?;
    tree.end()?;
    fs.unmount(guest)?;
    guest.unload_module()
}

/// On tmpfs, an inode whose times changed counts as dirty, and is never cleaned: their number
/// depends on the clock's ticks.
fn without_dirt(fs: Fs, counted: &str) -> String {
    match counted.split_once(", dirty: ") {
        Some((before, after)) if fs == Fs::Tmpfs => {
            format!(
                "{before}, dirty: 0{}",
                after.trim_start_matches(char::is_numeric)
            )
        }
        _ => counted.to_owned(),
    }
}

/// Ten censuses, some deep and in single steps, do not change /proc/sys/fs/dentry-state.
fn leaves_no_trace(guest: &Guest, begin: &str) -> Result<()> {
    let (deep, slow) = (format!("{begin},depth=9"), format!("{begin},batch=1"));
    let mut steps = vec!["open", "state", "state"];
    for _ in 0..5 {
        steps.extend([&deep, "drain", &slow, "drain"]);
    }
    steps.push("state");
    let said = device_as(guest, "", &steps)?;
    let (before, after) = (&said[2], said.last().context("nothing was said")?);
    ensure!(
        before == after,
        "dentry-state was {before}, is {after}: {said:?}"
    );
    Ok(())
}

/// The output of `slabscope ls` for every directory of the tree, with membership of the LRU.
fn entries(guest: &Guest, top: &str) -> Result<String> {
    guest.sh(&format!(
        "for dir in '' /files /empty /empty/absent /held /chain/1/2/3; do \
         slabscope ls --json {top}$dir || exit; done"
    ))
}

/// The command prints the same, row by row.
fn rows_are_exact(guest: &Guest, fs: Fs, top: &str) -> Result<()> {
    let text = guest.sh(&format!("slabscope census --json --sort name {top}"))?;
    let json: serde_json::Value = serde_json::from_str(&text).context("no JSON")?;
    let expected = expected(fs);
    for (key, figure) in [
        ("dentries", expected.total),
        ("negative", expected.negative),
        ("in_use", expected.in_use),
        ("prunable", expected.prunable),
        ("on_lru", expected.lru),
        ("inodes", expected.inodes),
        ("page_cache_bytes", expected.pages * 4096),
    ] {
        ensure!(
            json["below"][key] == figure,
            "{key} is not {figure}: {text}"
        );
    }
    let rows: Vec<(&str, u64, u64)> = json["directories"]
        .as_array()
        .context("no directories")?
        .iter()
        .map(|row| {
            let figure = |part: &str| row[part]["dentries"].as_u64().unwrap_or_default();
            (
                row["name"].as_str().unwrap_or_default(),
                figure("own"),
                figure("below"),
            )
        })
        .collect();
    let absent = |count| if fs == Fs::Tmpfs { 0 } else { count };
    let wanted = [
        ("chain", 1, 4),
        ("empty", 4, 4 + absent(4)),
        ("files", 13 + absent(25), 13 + absent(25)),
        ("held", 3, 3),
        ("mountpoint", 1, 1),
    ];
    ensure!(rows == wanted, "expected {wanted:?}, the rows are {rows:?}");
    Ok(())
}

/// A shrinker gives a second chance to the names that were used again, and to no other: ten
/// censuses neither set nor clear their reference bit.
fn census_keeps_reference_bits(_: &Context, guest: &Guest) -> Result<()> {
    const NAMES: u64 = 5000;
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh("mkdir /mnt/ext4/fresh; slabscope module status; echo 2 >/proc/sys/vm/drop_caches")?;
    guest.failed_lookups("/mnt/ext4/fresh", NAMES, "fresh_")?;
    // Each file is opened twice, which sets its bit.
    guest.sh(&format!("agent files /mnt/ext4/used {NAMES}"))?;
    let mut steps = vec![("open", "ok")];
    for _ in 0..10 {
        steps.extend([("begin:dir=/mnt/ext4", "ok"), ("drain", "status 0")]);
    }
    device(guest, &steps)?;
    // LRU_ROTATE of include/linux/list_lru.h.
    let rotated =
        guest.count_returns("dentry_lru_isolate", 2, "echo 2 >/proc/sys/vm/drop_caches")?;
    ensure!(
        (NAMES..NAMES + 2000).contains(&rotated),
        "{NAMES} names were used again, {rotated} got a second chance"
    );
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}
