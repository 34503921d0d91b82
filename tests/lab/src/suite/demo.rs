//! The demonstration module: its actions, its refusals, and that it leaves nothing behind.

use anyhow::{Context as _, Result, ensure};

use super::fixture::ends_with;
use super::{Case, Context};
use crate::guest::Guest;
use crate::guest::payload::DEMO;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "learn::demo_module",
        run: demo_module,
    },
    Case {
        name: "learn::demo_refusals",
        run: demo_refusals,
    },
];

/// KiB of all slabs, once all deferred frees of RCU are done.
fn slab(guest: &Guest) -> Result<i64> {
    let text = guest.sh("awk '/^Slab:/ { print $2 }' /proc/meminfo")?;
    Ok(text.trim().parse()?)
}

/// One of each: the actions of the module's steps, and that an unload in the midst leaves `Slab:`
/// unchanged.
fn demo_module(_: &Context<'_>, guest: &Guest) -> Result<()> {
    const OBJECTS: i64 = 20_000;
    // Its first load makes inodes in sysfs and debugfs that stay cached.
    guest.sh(&format!("insmod {DEMO} && rmmod slabscope_demo"))?;
    let before = slab(guest)?;
    guest.sh(&format!("insmod {DEMO}"))?;
    let mode = guest.sh("stat -c '%a %U' /dev/slabscope_demo")?;
    ensure!(mode.trim() == "600 root", "/dev/slabscope_demo is {mode}");
    for command in [
        "create demo_a 1000 nomerge",
        "create demo_b 1000 reclaim ctor",
        "create demo_c 72",
        &format!("alloc demo_a {OBJECTS}"),
        &format!("alloc demo_b {OBJECTS}"),
        "free demo_b second",
        "shrink demo_b",
        "register demo_b",
        "alloc demo_c 100\nfree demo_c rcu\ndestroy demo_c",
    ] {
        tell(guest, command).with_context(|| command.to_owned())?;
    }
    let said = guest.sh("cat /dev/slabscope_demo")?;
    for line in [
        "demo_a size 1000 objects 20000 constructed 0",
        "demo_b size 1000 objects 10000 constructed ",
        "shrinker demo_b counts ",
        "rcu queued 100 waiting 100 ",
    ] {
        ensure!(said.contains(line), "no \"{line}\": {said}");
    }
    ensure!(!said.contains("demo_c"), "{said}");
    let held = slab(guest)? - before;
    ensure!(
        held > 2 * OBJECTS * 9 / 10,
        "two caches with {OBJECTS} objects of 1,000 bytes take {held} KiB only"
    );
    guest.sh("rmmod slabscope_demo")?;
    let left = slab(guest)? - before;
    ensure!(left < held / 20, "{left} KiB of slabs stay of {held}");
    ensure!(
        !guest.sh("cat /proc/slabinfo")?.contains("demo_"),
        "a cache stays"
    );
    Ok(())
}

/// Writes a command to the module.
fn tell(guest: &Guest, command: &str) -> Result<()> {
    guest
        .sh(&format!("printf '%s\\n' '{command}' >/dev/slabscope_demo"))
        .map(drop)
}

/// The module refuses unknown or forbidden commands with the right errno.
fn demo_refusals(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.sh(&format!("insmod {DEMO}"))?;
    tell(
        guest,
        "create demo_a 1000 ctor\nalloc demo_a 10\nregister demo_a",
    )?;
    for (command, why) in [
        ("nonsense", "Invalid argument"),
        ("create demo_a 1000", "File exists"),
        ("create demo_b 8", "Invalid argument"),
        ("create demo_b 100000", "Invalid argument"),
        ("create other 1000", "Invalid argument"),
        ("create demo_b 1000 quickly", "Invalid argument"),
        ("alloc demo_b 10", "No such file or directory"),
        ("alloc demo_a many", "Invalid argument"),
        ("alloc demo_a 1 2", "Invalid argument"),
        ("alloc demo_a 99999999", "No space left on device"),
        ("destroy demo_a", "Device or resource busy"),
        ("leak demo_a", "Device or resource busy"),
        ("free demo_a rcu", "Invalid argument"),
        ("register demo_a", "Device or resource busy"),
    ] {
        let said = ends_with(
            guest,
            &format!("env echo '{command}' >/dev/slabscope_demo"),
            1,
        )?;
        ensure!(said.contains(why), "{command}: {said}");
    }
    let held = ends_with(guest, "exec 3</dev/slabscope_demo; rmmod slabscope_demo", 1)?;
    ensure!(
        held.contains("in use"),
        "the module unloads while its device is open: {held}"
    );
    guest.sh("rmmod slabscope_demo").map(drop)
}
