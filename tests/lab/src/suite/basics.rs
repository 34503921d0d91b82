//! The kernel and the module.

use anyhow::{Result, ensure};

use super::{Case, Context};
use crate::guest::Guest;
use crate::guest::log::Mark;

pub(super) const CASES: &[Case] = &[Case {
    name: "boot",
    run: boot,
}];

pub(super) const WITH_MODULE: &[Case] = &[Case {
    name: "module_loads",
    run: module_loads,
}];

pub(super) const COUNTED: &[Case] = &[Case {
    name: "ext4::failed_lookups",
    run: failed_lookups,
}];

/// The stock kernel runs, and has nothing to complain about.
fn boot(context: &Context<'_>, guest: &Guest) -> Result<()> {
    let release = guest.sh("uname -r")?;
    ensure!(
        release.trim() == context.lab.kernel.release,
        "the guest runs {release}"
    );
    guest.check_log(Mark::default())
}

/// The module loads, its device is root's alone, and it unloads.
fn module_loads(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    let mode = guest.sh("stat -c '%a %U %F' /dev/slabscope")?;
    ensure!(
        mode.trim() == "600 root character special file",
        "/dev/slabscope is {mode}"
    );
    guest.unload_module()?;
    let left = guest.exec("test -e /dev/slabscope", crate::guest::COMMAND_TIMEOUT)?;
    ensure!(left.status == 1, "/dev/slabscope stays after the module");
    Ok(())
}

/// The tests' own tools: a failed lookup leaves a negative dentry, and asks the filesystem once only.
fn failed_lookups(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.fresh_ext4()?;
    guest.sh("mkdir /mnt/ext4/d")?;
    let before = guest.dentry_state()?;
    let lookups = "agent lookups /mnt/ext4/d 5000 name_";
    let first = guest.count_calls("ext4_lookup", "agent", lookups)?;
    let after = guest.dentry_state()?;
    let second = guest.count_calls("ext4_lookup", "agent", lookups)?;
    ensure!(
        (5000..5020).contains(&first),
        "5000 new names asked ext4 {first} times"
    );
    ensure!(second < 20, "5000 known names asked ext4 {second} times");
    let grown = after.dentries - before.dentries;
    ensure!(
        (5000..5200).contains(&grown),
        "5000 failed lookups left {grown} dentries"
    );
    let slab = guest.slab("dentry")?;
    ensure!(
        slab.objects >= slab.active_objects && slab.active_objects > 5000,
        "{slab:?}"
    );
    guest.sh("umount /mnt/ext4").map(drop)
}
