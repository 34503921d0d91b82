//! The rungs that user space climbs alone, from the command line: each one's ledger against the kernel's own figures,
//! read beside it, and what it must leave alone.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::fixture::{Background, Fs, ends_with};
use super::{Case, Context};
use crate::guest::Guest;
use crate::guest::probe::DentryState;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ladder::superblock",
        run: superblock,
    },
    Case {
        name: "ladder::superblock_options",
        run: superblock_options,
    },
    Case {
        name: "ladder::cgroup",
        run: cgroup,
    },
    Case {
        name: "ladder::everybody",
        run: everybody,
    },
    Case {
        name: "ladder::pages",
        run: pages,
    },
    Case {
        name: "ladder::tune",
        run: tune,
    },
    Case {
        name: "ladder::bad_input",
        run: bad_input,
    },
];

const NAMES: u64 = 20_000;

/// Dentries that commands make and lose meanwhile.
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

/// Runs a command that prints one JSON document.
fn json(guest: &Guest, command: &str, status: i32) -> Result<Value> {
    let output = guest.exec(command, Duration::from_secs(120))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status == status,
        "`{command}` ended with {} instead of {status}: {errors}",
        output.status
    );
    serde_json::from_slice(&output.stdout).with_context(|| format!("`{command}` tells no JSON"))
}

/// A figure of a ledger, before and after.
fn ledger(document: &Value, key: &str) -> Result<[i64; 2]> {
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

/// The ledger's dentries are what the kernel said right before and right after.
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

/// How many of the names below a directory have to be looked up anew.
fn cold(guest: &Guest, dir: &str) -> Result<u64> {
    guest.count_calls(
        "ext4_lookup",
        "agent",
        &format!("agent lookups {dir} {NAMES} name_"),
    )
}

/// All of one filesystem goes; the other ext4, and what is held open, stay.
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

/// On no filesystem does a reconfiguration without options change an option.
fn superblock_options(_: &Context, guest: &Guest) -> Result<()> {
    for (fs, changed) in [
        (Fs::Ext4, "rw,noatime,commit=17,errors=continue"),
        (Fs::Xfs, "rw,inode32"),
        (Fs::Btrfs, "rw,compress=zstd:3,commit=17"),
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

fn stays_as_it_is(guest: &Guest, dir: &str, options: &str) -> Result<()> {
    // By the older call, which overlay takes options by.
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

/// Of two cgroups full of negative dentries one is reclaimed.
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
    // There is no more: told, and no error.
    let more = "slabscope reclaim --cgroup /sys/fs/cgroup/one --amount 1G --yes --json";
    let done = json(guest, more, 5)?;
    ensure!(done["status"] == "less reclaimed than asked", "{done}");
    guest
        .sh("rmdir /sys/fs/cgroup/one /sys/fs/cgroup/two && umount /mnt/ext4")
        .map(drop)
}

/// Of the file whose page cache goes.
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
    let shrunk = json(guest, "slabscope reclaim --cache dentry --yes --json", 0)?;
    let [slabs, fewer] = ledger(&shrunk, "slabs")?;
    ensure!(fewer <= slabs, "{shrunk}");
    guest.sh("umount /mnt/ext4").map(drop)
}

/// Page cache of the files below one directory goes, beside it none; of dirty files what was written is lost by none.
fn pages(_: &Context, guest: &Guest) -> Result<()> {
    guest.fresh_ext4()?;
    guest.sh("cd /mnt/ext4 && agent files one 500 && agent files two 500 && sync -f .")?;
    let resident = |dir: &str| -> Result<i64> {
        let plan = format!("slabscope reclaim --pages /mnt/ext4/{dir} --dry-run --json");
        let told = json(guest, &plan, 0)?["predicted_bytes"].as_i64();
        told.context("the plan does not tell")
    };
    let [one, two] = [resident("one")?, resident("two")?];
    ensure!(
        one > 2_000_000 && two > 2_000_000,
        "only {one} and {two} bytes are cached"
    );
    let part = json(
        guest,
        "slabscope reclaim --pages /mnt/ext4/one --max 10 --yes --json",
        5,
    )?;
    ensure!(part["status"] == "bound reached", "{part}");
    let done = json(
        guest,
        "slabscope reclaim --pages /mnt/ext4/one --yes --json",
        0,
    )?;
    let [left, kept] = [resident("one")?, resident("two")?];
    ensure!(
        left == 0 && kept == two,
        "{left} bytes are left, beside it {kept} of {two}: {done}"
    );
    let [before, after] = ledger(&done, "page_cache_bytes")?;
    ensure!(
        before - after > one / 2,
        "the ledger has {before} and {after} where {one} went"
    );
    guest.sh("cd /mnt/ext4 && for i in 1 2 3; do head -c 70000 /dev/urandom >one/dirty$i; done; md5sum one/dirty* >/tmp/sums")?;
    json(
        guest,
        "slabscope reclaim --pages /mnt/ext4/one --yes --json",
        0,
    )?;
    json(
        guest,
        "slabscope reclaim --pages /mnt/ext4/one --writeback --yes --json",
        0,
    )?;
    ensure!(resident("one")? == 0, "written pages stay");
    guest.sh("umount /mnt/ext4 && mount /dev/lab-scratch /mnt/ext4 && cd /mnt/ext4 && md5sum -c --quiet /tmp/sums")?;
    guest.sh("umount /mnt/ext4").map(drop)
}

/// A setting is changed by explicit action and put back by what was recorded.
fn tune(_: &Context, guest: &Guest) -> Result<()> {
    for (setting, file, value) in [
        ("vm.vfs_cache_pressure", "vm/vfs_cache_pressure", "150"),
        ("fs.dentry-negative", "fs/dentry-negative", "1"),
    ] {
        let read = || guest.sh(&format!("cat /proc/sys/{file}"));
        let before = read()?;
        let shown = ends_with(guest, "slabscope tune", 0)?;
        ensure!(
            shown.contains(&format!("{setting} = {} ", before.trim())),
            "{shown}"
        );
        ends_with(
            guest,
            &format!("slabscope tune {setting} {value} </dev/null"),
            2,
        )?;
        ensure!(read()? == before, "{setting} changed without a word");
        ends_with(guest, &format!("slabscope tune {setting} {value} --yes"), 0)?;
        ensure!(read()?.trim() == value, "{setting} is {}", read()?);
        ends_with(
            guest,
            &format!("slabscope tune {setting} --restore --yes"),
            0,
        )?;
        ensure!(
            read()? == before,
            "{setting} is {} and was {before}",
            read()?
        );
    }
    Ok(())
}

/// A command, its exit code, and a part of what it says.
type Refusal = (&'static str, i32, &'static str);

const SUPERBLOCKS: &[Refusal] = &[
    (
        "fsfreeze -f /mnt/ext4; slabscope reclaim --superblock /mnt/ext4 --yes; status=$?; \
         fsfreeze -u /mnt/ext4; exit $status",
        1,
        "frozen",
    ),
    (
        "slabscope reclaim --superblock /proc --yes",
        1,
        "the kernel makes it up",
    ),
    (
        "slabscope reclaim --superblock /proc --any-filesystem --yes",
        0,
        "complete",
    ),
    (
        "slabscope reclaim --superblock /mnt/tmpfs --any-filesystem --yes",
        1,
        "nothing would go",
    ),
    (
        "slabscope reclaim --superblock /mnt/ext4/none --yes",
        1,
        "/mnt/ext4/none",
    ),
    (
        "slabscope reclaim --superblock /mnt/ext4 --inodes --yes",
        3,
        "CONFIG_SHRINKER_DEBUG",
    ),
];

const CGROUPS: &[Refusal] = &[
    (
        "unshare -m sh -c 'umount /sys/fs/cgroup && slabscope reclaim --cgroup /sys/fs/cgroup/a --amount 1M --dry-run'",
        3,
        "cgroup v2 is not mounted",
    ),
    (
        "slabscope reclaim --cgroup /mnt/ext4 --amount 1M --yes",
        1,
        "those are below /sys/fs/cgroup",
    ),
    (
        "slabscope reclaim --cgroup /sys/fs/cgroup/none --amount 1M --yes",
        1,
        "No such file",
    ),
    (
        "slabscope reclaim --cgroup /sys/fs/cgroup --yes",
        2,
        "--amount",
    ),
    (
        "slabscope reclaim --cgroup /sys/fs/cgroup --amount x --yes",
        2,
        "64M",
    ),
    (
        "slabscope reclaim --cgroup /sys/fs/cgroup --amount -1 --yes",
        2,
        "-1",
    ),
    (
        "slabscope reclaim --cgroup /sys/fs/cgroup --amount 1 --yes",
        1,
        "less than a page",
    ),
];

const OTHERS: &[Refusal] = &[
    ("slabscope reclaim --all 4 --yes", 2, "1 (page cache)"),
    ("slabscope reclaim --all 3 </dev/null", 2, "--yes"),
    ("slabscope reclaim --cache none --yes", 1, "no such cache"),
    ("slabscope reclaim", 2, "--superblock"),
    (
        "slabscope --read-only reclaim --all 1 --yes",
        2,
        "read-only",
    ),
    ("slabscope tune vm.vfs_cache_pressure -1 --yes", 2, "-1"),
    (
        "slabscope tune fs.dentry-negative 2 --yes",
        2,
        "takes 0 to 1",
    ),
];

/// What nobody but root may.
const FOR_ROOT: [&str; 5] = [
    "reclaim --all 1 --yes",
    "reclaim --superblock /mnt/ext4 --yes",
    "reclaim --cgroup /sys/fs/cgroup --amount 1M --yes",
    "reclaim --cache dentry --yes",
    "tune fs.dentry-negative 1 --yes",
];

/// What cannot be done, or would do harm, is refused with the reason; what hangs can be left.
fn bad_input(_: &Context, guest: &Guest) -> Result<()> {
    guest.fresh_ext4()?;
    guest.sh("mount -t ramfs ramfs /mnt/tmpfs")?;
    for (command, status, part) in [SUPERBLOCKS, CGROUPS, OTHERS].concat() {
        let said = ends_with(guest, command, status)?;
        ensure!(
            said.contains(part),
            "`{command}` does not say `{part}`: {said}"
        );
    }
    for command in FOR_ROOT {
        let nobody = "env HOME=/tmp setpriv --reuid 65534 --regid 65534 --clear-groups";
        let said = ends_with(guest, &format!("{nobody} slabscope {command}"), 4)?;
        ensure!(said.contains("only root"), "`{command}` as nobody: {said}");
    }
    guest.sh("umount /mnt/tmpfs /mnt/ext4")?;
    unanswered(guest)
}

/// A filesystem whose program never answers.
fn unanswered(guest: &Guest) -> Result<()> {
    let script = "exec 3<>/dev/fuse
         mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 dead /mnt/second
         echo mounted; exec sleep 1000";
    let dead = Background::start(guest, &format!("sh -c '{script}'"), "mounted")?;
    let said = ends_with(
        guest,
        "slabscope reclaim --superblock /mnt/second/a --yes",
        1,
    )?;
    ensure!(said.contains("does not answer"), "{said}");
    let refused = ends_with(guest, "slabscope reclaim --pages /mnt/second --yes", 1)?;
    ensure!(refused.contains("does not answer"), "{refused}");
    let said = ends_with(
        guest,
        "timeout -s INT -k 20 2 slabscope reclaim --superblock /mnt/second --any-filesystem --yes",
        0,
    )?;
    ensure!(said.contains("complete"), "{said}");
    dead.end()?;
    guest.sh("umount /mnt/second").map(drop)
}
