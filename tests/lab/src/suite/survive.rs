//! Files in use, and a tree with many concurrent users, under every kind of prune.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::fixture::Fs;
use super::{Case, Context};
use crate::guest::Guest;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::files_survive",
        run: |_, guest| files_survive(guest, Fs::Ext4),
    },
    Case {
        name: "xfs::files_survive",
        run: |_, guest| files_survive(guest, Fs::Xfs),
    },
    Case {
        name: "btrfs::files_survive",
        run: |_, guest| files_survive(guest, Fs::Btrfs),
    },
    Case {
        name: "overlay::files_survive",
        run: |_, guest| files_survive(guest, Fs::Overlay),
    },
    Case {
        name: "ext4::storm",
        run: |context, guest| storm(context, guest, Fs::Ext4),
    },
    Case {
        name: "xfs::storm",
        run: |context, guest| storm(context, guest, Fs::Xfs),
    },
    Case {
        name: "btrfs::storm",
        run: |context, guest| storm(context, guest, Fs::Btrfs),
    },
    Case {
        name: "overlay::storm",
        run: |context, guest| storm(context, guest, Fs::Overlay),
    },
];

/// Content, locks, watches, mappings, programs: nothing notices (agent/survive.rs), and the filesystem is clean.
fn files_survive(guest: &Guest, fs: Fs) -> Result<()> {
    guest.load_module()?;
    let dir = fs.fresh(guest)?;
    guest.sh(&format!("agent survive {dir}/top"))?;
    fs.unmount(guest)?;
    fs.check(guest)?;
    guest.unload_module()
}

/// Dentries of other filesystems that may appear or vanish: those of processes, sysfs, the tests'
/// commands.
const SLACK: i64 = 100;

/// Two prunes and a census at once, and all other actions on trees (agent/storm.rs): none fails,
/// and no dentry is left over.
fn storm(context: &Context, guest: &Guest, fs: Fs) -> Result<()> {
    const DISK: &str = "/tmp/second.img";
    guest.load_module()?;
    guest.sh(&format!(
        "modprobe loop && truncate -s 64M {DISK} && mke2fs -q -F -t ext4 {DISK} && losetup /dev/loop0 {DISK}"
    ))?;
    // Once without a storm, so that dentries of the first mount are not counted.
    let time = context.storm;
    let mut left = Vec::new();
    for seconds in [1, time.as_secs()] {
        let dir = fs.fresh(guest)?;
        guest.sh_within(
            &format!("agent storm {dir}/top /dev/loop0 {seconds}"),
            time + Duration::from_secs(90),
        )?;
        fs.unmount(guest)?;
        guest.sh("sync; sleep 0.3; echo 2 >/proc/sys/vm/drop_caches")?;
        left.push(guest.dentry_state()?.dentries);
    }
    ensure!(
        left[1] <= left[0] + SLACK,
        "{} dentries before the storm, {} after",
        left[0],
        left[1]
    );
    fs.check(guest)?;
    guest.sh(&format!(
        "losetup -d /dev/loop0 && e2fsck -fn {DISK} && rm {DISK}"
    ))?;
    guest.unload_module()
}
