//! The rungs that user space climbs alone, from the command line: each one's ledger against the
//! kernel's own figures, read at the same time, and what it must leave alone.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::fixture::{Background, Fs, ends_with, json};
use super::{Case, Context};
use crate::agent::SCRATCH_DISK;
use crate::guest::Guest;
use crate::guest::payload::DEMO;
use crate::guest::probe::DentryState;
use crate::setup::kernel::has;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ladder::superblock",
        run: superblock,
    },
    Case {
        name: "ladder::superblock_remounted",
        run: superblock_remounted,
    },
    Case {
        name: "ladder::superblock_options",
        run: superblock_options,
    },
    Case {
        name: "ladder::shrinker",
        run: shrinker,
    },
    Case {
        name: "ladder::everybody",
        run: everybody,
    },
];

/// memory.reclaim spares anonymous memory by `swappiness=0`.
pub(super) const WITHOUT_SWAP: &[Case] = &[Case {
    name: "ladder::cgroup",
    run: cgroup,
}];

pub(super) const WITH_MODULE: &[Case] = &[Case {
    name: "ladder::cache",
    run: cache,
}];

const NAMES: u64 = 20_000;

/// Dentries that commands make and free meanwhile.
const NOISE: i64 = 400;

const LOOP_FILE: &str = "/tmp/second.ext4";

/// An ext4 of its own on /mnt/second.
fn second(guest: &Guest) -> Result<()> {
    guest
        .sh(&format!(
            "modprobe loop && truncate -s 64M {LOOP_FILE} && mke2fs -q -F -t ext4 {LOOP_FILE} && \
             mount -o loop,noinit_itable {LOOP_FILE} /mnt/second && mkdir -p /mnt/second/d"
        ))
        .map(drop)
}

/// A figure of a ledger, before and after.
pub(super) fn ledger(document: &Value, key: &str) -> Result<[i64; 2]> {
    let rows = document["ledger"].as_array().context("no ledger")?;
    let row = rows.iter().find(|row| row["key"] == key);
    let row = row.with_context(|| format!("no {key} in {document}"))?;
    let figure = |at: &str| {
        row[at]
            .as_i64()
            .with_context(|| format!("no {at} in {row}"))
    };
    Ok([figure("before")?, figure("after")?])
}

/// The ledger's dentries equal the kernel's from right before and right after.
fn agrees(document: &Value, before: &DentryState, after: &DentryState) -> Result<[i64; 2]> {
    let told = ledger(document, "dentries")?;
    for (told, read) in told.iter().zip([before, after]) {
        ensure!(
            (told - read.dentries).abs() < NOISE,
            "the ledger has {told} dentries where dentry-state has {}: {document}",
            read.dentries
        );
    }
    Ok(told)
}

/// Number of names below a directory that have to be looked up anew.
fn cold(guest: &Guest, dir: &str) -> Result<u64> {
    guest.count_calls(
        "ext4_lookup",
        "agent",
        &format!("agent lookups {dir} {NAMES} name_"),
    )
}

/// All of one filesystem goes; the other ext4, and open files, stay.
fn superblock(_: &Context, guest: &Guest) -> Result<()> {
    guest.fresh_ext4()?;
    second(guest)?;
    guest.sh("mkdir /mnt/ext4/d /mnt/ext4/bind && agent files /mnt/ext4/held 50 && mount --bind /mnt/ext4/d /mnt/tmpfs")?;
    let held = Background::start(guest, "agent hold /mnt/ext4/held/*/*", "holding")?;
    for dir in ["/mnt/ext4/d", "/mnt/second/d"] {
        guest.failed_lookups(dir, NAMES, "name_")?;
    }
    let plan = ends_with(
        guest,
        "slabscope reclaim --superblock /mnt/ext4/d --dry-run",
        0,
    )?;
    for part in [
        "mounted at /mnt/tmpfs too",
        "narrower:",
        "reclaim --pages /mnt/ext4/d",
    ] {
        ensure!(
            plan.contains(part),
            "the plan does not say `{part}`: {plan}"
        );
    }
    let before = guest.dentry_state()?;
    let done = json(
        guest,
        "slabscope reclaim --superblock /mnt/ext4/d --yes --json",
        0,
    )?;
    let after = guest.dentry_state()?;
    let rungs = done["ladder"].as_array().context("no ladder")?;
    let this: Vec<&Value> = rungs.iter().filter(|row| row["this"] == true).collect();
    ensure!(
        matches!(this[..], [row] if row["rung"] == "superblock" && row["command"] == done["command"]),
        "not this rung's command: {done}"
    );
    let [told, left] = agrees(&done, &before, &after)?;
    ensure!(
        told - left > NAMES as i64 - NOISE && told - left < NAMES as i64 + 2 * NOISE,
        "of {NAMES} names {} went: {done}",
        told - left
    );
    let [gone, kept] = [cold(guest, "/mnt/ext4/d")?, cold(guest, "/mnt/second/d")?];
    ensure!(
        gone >= NAMES && kept < 20,
        "looked up again: {gone} of the filesystem's names, {kept} of the other's"
    );
    let audit = guest.sh("tail -n 1 /root/.local/state/slabscope/audit.jsonl")?;
    let recorded =
        r#""action":"reclaim","path":"/mnt/ext4","filesystem":"ext4","mode":"superblock""#;
    ensure!(audit.contains(recorded), "recorded is {audit}");
    held.end()?;
    guest
        .sh(&format!(
            "umount /mnt/tmpfs /mnt/second /mnt/ext4 && rm {LOOP_FILE}"
        ))
        .map(drop)
}

/// Inodes of one superblock too, by the kernel's own shrinker if it is shown; otherwise the program
/// says so.
fn shrinker(context: &Context, guest: &Guest) -> Result<()> {
    const FILES: i64 = 2_000;
    for fs in [Fs::Ext4, Fs::Xfs, Fs::Btrfs] {
        let dir = fs.fresh(guest)?;
        // Empty: an inode with page cache is not on the LRU.
        guest.sh(&format!(
            "mkdir {dir}/d && cd {dir}/d && seq {FILES} | xargs touch && sync -f . && cd / && umount {dir} && \
             mount {SCRATCH_DISK} {dir} && ls -l {dir}/d >/dev/null"
        ))?;
        let reclaim = format!("slabscope reclaim --superblock {dir} --inodes --yes --json");
        if has(&context.lab.cache, &context.lab.kernel, "SHRINKER_DEBUG")? {
            let done = json(guest, &reclaim, 0)?;
            for figure in ["inode_objects", "dentries"] {
                let [before, after] = ledger(&done, figure)?;
                ensure!(
                    before - after > FILES * 9 / 10,
                    "{dir}: of {FILES} files {before} {figure}, then {after}: {done}"
                );
            }
            ensure!(
                done["predicted_bytes"]
                    .as_u64()
                    .is_some_and(|most| most > 0),
                "{done}"
            );
        } else {
            let said = ends_with(guest, &reclaim, 3)?;
            ensure!(said.contains("CONFIG_SHRINKER_DEBUG"), "{said}");
        }
        fs.unmount(guest)?;
        fs.check(guest)?;
    }
    Ok(())
}

/// On no filesystem does a reconfiguration without options change an option.
fn superblock_options(_: &Context, guest: &Guest) -> Result<()> {
    for (fs, changed) in [
        (Fs::Ext4, "rw,noatime,commit=17,errors=continue"),
        (Fs::Xfs, "rw,inode32"),
        (Fs::Btrfs, "rw,noacl,compress=zstd:3,commit=17"),
        (Fs::Overlay, "rw"),
    ] {
        let dir = fs.fresh(guest)?;
        guest.sh(&format!("mkdir {dir}/d"))?;
        for options in [changed, "ro"] {
            stays_as_it_is(guest, dir, options)?;
        }
        fs.unmount(guest)?;
        fs.check(guest)?;
    }
    Ok(())
}

/// A remount during the reconfiguration takes effect, read-only or writable, whichever of the two
/// is first.
fn superblock_remounted(_: &Context, guest: &Guest) -> Result<()> {
    let dir = Fs::Ext4.fresh(guest)?;
    let said = guest.sh_within(
        &format!(
            "for to in ro rw; do for n in 0 1 2 3 4 5 6 7 8 9; do
                 mount -o remount,rw {dir} && dd if=/dev/zero of={dir}/dirty bs=1M count=30 status=none
                 test $to = ro || mount -o remount,ro {dir}
                 (sleep 0.$n; mount -o remount,$to {dir}) &
                 slabscope reclaim --superblock {dir} --yes >/tmp/said 2>&1; status=$?; wait
                 of=$(grep ' {dir} ' /proc/self/mountinfo)
                 case $of in *' '$to,*' - '*' '$to*) ;; *) echo \"$to $n: $status $of\"; cat /tmp/said;; esac
             done; done"
        ),
        Duration::from_secs(300),
    )?;
    ensure!(said.is_empty(), "{said}");
    guest.sh(&format!("mount -o remount,rw {dir}"))?;
    Fs::Ext4.unmount(guest)
}

fn stays_as_it_is(guest: &Guest, dir: &str, options: &str) -> Result<()> {
    // By the older call, with which overlay takes options.
    guest.sh(&format!(
        "LIBMOUNT_FORCE_MOUNT2=always mount -o remount,{options} {dir}"
    ))?;
    guest.failed_lookups(&format!("{dir}/d"), 2_000, "name_")?;
    let read = || guest.sh(&format!("grep ' {dir} ' /proc/self/mountinfo"));
    let before = read()?;
    let reclaim = format!("slabscope reclaim --superblock {dir} --yes --json");
    let done = json(guest, &reclaim, 0)?;
    let after = read()?;
    ensure!(
        before == after,
        "the options were\n{before}and are\n{after}"
    );
    let [told, left] = ledger(&done, "dentries")?;
    ensure!(
        told - left > 1_800,
        "{dir} {options}: {told} dentries, then {left}"
    );
    Ok(())
}

/// A figure of a cgroup's memory.stat.
fn memory(guest: &Guest, cgroup: &str, name: &str) -> Result<i64> {
    let text = guest.sh(&format!("cat /sys/fs/cgroup/{cgroup}/memory.stat"))?;
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let found = lines.find(|(key, _)| *key == name);
    let (_, value) = found.with_context(|| format!("no {name} in {text}"))?;
    value.parse().with_context(|| format!("{name} is {value}"))
}

/// One of two cgroups full of negative dentries is reclaimed.
fn cgroup(_: &Context, guest: &Guest) -> Result<()> {
    const AMOUNT: i64 = 4 << 20;
    guest.fresh_ext4()?;
    guest.sh("echo +memory >/sys/fs/cgroup/cgroup.subtree_control && mkdir /sys/fs/cgroup/one /sys/fs/cgroup/two")?;
    for name in ["one", "two"] {
        guest.sh_within(
            &format!(
                "mkdir /mnt/ext4/{name} && echo $$ >/sys/fs/cgroup/{name}/cgroup.procs && \
                 agent lookups /mnt/ext4/{name} 30000 name_"
            ),
            Duration::from_secs(120),
        )?;
    }
    let slabs = || -> Result<[i64; 2]> {
        let of = |name| memory(guest, name, "slab_reclaimable");
        Ok([of("one")?, of("two")?])
    };
    let before = slabs()?;
    ensure!(
        before[0] > AMOUNT,
        "only {before:?} bytes of slabs were made"
    );
    let reclaim = "slabscope reclaim --cgroup /sys/fs/cgroup/one --amount 4M";
    let plan = ends_with(guest, &format!("{reclaim} --dry-run"), 0)?;
    ensure!(
        plan.contains("page cache goes too") && plan.contains("echo '4194304 swappiness=0'"),
        "the plan is {plan}"
    );
    let done = json(guest, &format!("{reclaim} --yes --json"), 0)?;
    let after = slabs()?;
    let fell = before[0] - after[0];
    ensure!(
        fell >= AMOUNT * 8 / 10,
        "of {AMOUNT} bytes {fell} went: {done}"
    );
    ensure!(
        (before[1] - after[1]).abs() * 100 < before[1],
        "the other cgroup's slabs were {} and are {}",
        before[1],
        after[1]
    );
    let told = ledger(&done, "cgroup_slab_reclaimable_bytes")?;
    for (told, read) in told.iter().zip([before[0], after[0]]) {
        ensure!(
            (told - read).abs() < 1 << 18,
            "the ledger has {told}, memory.stat {read}"
        );
    }
    // There is no more to free: reported, and no error.
    let more = "slabscope reclaim --cgroup /sys/fs/cgroup/one --amount 1G --yes --json";
    let done = json(guest, more, 5)?;
    ensure!(done["status"] == "less reclaimed than asked", "{done}");
    guest
        .sh("rmdir /sys/fs/cgroup/one /sys/fs/cgroup/two && umount /mnt/ext4")
        .map(drop)
}

/// Size of the file whose page cache goes.
const SIZE: i64 = 16 << 20;

/// Dentries of all filesystems go, page cache by 1 and 3 alone, dirty pages by --sync.
fn everybody(_: &Context, guest: &Guest) -> Result<()> {
    guest.fresh_ext4()?;
    guest.sh("mkdir /mnt/ext4/d")?;
    guest.failed_lookups("/mnt/ext4/d", NAMES, "name_")?;
    guest.sh(
        "dd if=/dev/zero of=/mnt/ext4/file bs=1M count=16 status=none && sync /mnt/ext4/file",
    )?;
    let cached = || -> Result<i64> {
        let text = guest.sh("grep ^Cached: /proc/meminfo")?;
        let kib = text.split_whitespace().nth(1).context("no figure")?;
        Ok(kib.parse::<i64>()? << 10)
    };
    let full = cached()?;
    let before = guest.dentry_state()?;
    let done = json(guest, "slabscope reclaim --all 1 --yes --json", 0)?;
    let after = guest.dentry_state()?;
    let [told, left] = agrees(&done, &before, &after)?;
    ensure!((told - left).abs() < NOISE, "1 takes dentries: {done}");
    let left = cached()?;
    ensure!(
        full - left > SIZE * 9 / 10,
        "of {full} bytes {left} stayed: {done}"
    );
    guest.sh("dd if=/dev/zero of=/mnt/ext4/file bs=1M count=16 conv=notrunc status=none")?;
    let full = cached()?;
    let before = guest.dentry_state()?;
    let done = json(guest, "slabscope reclaim --all 3 --sync --yes --json", 0)?;
    let after = guest.dentry_state()?;
    let [told, left] = agrees(&done, &before, &after)?;
    ensure!(
        told - left > NAMES as i64 - NOISE,
        "3 leaves dentries: {done}"
    );
    let left = cached()?;
    ensure!(
        full - left > SIZE * 9 / 10,
        "of {full} bytes {left} stayed, dirty: {done}"
    );
    let [pages, fewer] = ledger(&done, "page_cache_bytes")?;
    ensure!(
        pages - fewer > SIZE * 9 / 10,
        "page cache was {pages} and is {fewer}"
    );
    guest.sh("umount /mnt/ext4").map(drop)
}

/// From a slab cache with no object left in use, the slabs that the allocator keeps go.
fn cache(_: &Context, guest: &Guest) -> Result<()> {
    guest.sh(&format!(
        "insmod {DEMO} && cd /dev && for command in 'create demo_a 1000 nomerge' 'alloc demo_a 20000' \
         'free demo_a all'; do echo $command >slabscope_demo; done"
    ))?;
    let before = i64::try_from(guest.slab("demo_a")?.slabs)?;
    let done = json(guest, "slabscope reclaim --cache demo_a --yes --json", 0)?;
    let after = i64::try_from(guest.slab("demo_a")?.slabs)?;
    ensure!(
        ledger(&done, "slabs")? == [before, after] && before > 0 && after < before,
        "{before} slabs, then {after}: {done}"
    );
    guest.sh("rmmod slabscope_demo").map(drop)
}
