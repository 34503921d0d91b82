//! Refusals of the wider rungs: bad input, harm, and endless waits.

use anyhow::{Result, ensure};

use super::fixture::{Background, ends_with};
use super::{Case, Context};
use crate::guest::{COMMAND_TIMEOUT, Guest};

pub(super) const CASES: &[Case] = &[Case {
    name: "ladder::bad_input",
    run: bad_input,
}];

/// On 6.1 a path below such a mount is reported as missing instead.
pub(super) const SERVED: &[Case] = &[Case {
    name: "ladder::unanswered",
    run: unanswered,
}];

/// A command, its exit code, and a part of its output.
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
        "it is a pseudo filesystem",
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
];

const CGROUPS: &[Refusal] = &[
    (
        "unshare -m sh -c 'umount /sys/fs/cgroup && slabscope reclaim --cgroup /sys/fs/cgroup/a --amount 1M --dry-run'",
        3,
        "cgroup2 is not mounted",
    ),
    (
        "slabscope reclaim --cgroup /mnt/ext4 --amount 1M --yes",
        1,
        "those are below /sys/fs/cgroup",
    ),
    (
        "slabscope reclaim --cgroup /sys/fs/cgroup/none --amount 1M --yes",
        1,
        "there is no such cgroup",
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
];

/// Actions that only root may do.
const FOR_ROOT: [&str; 5] = [
    "reclaim --all 1 --yes",
    "reclaim --superblock /mnt/ext4 --yes",
    "reclaim --cgroup /sys/fs/cgroup --amount 1M --yes",
    "reclaim --cache dentry --yes",
    "tune vm.vfs_cache_pressure 150 --yes",
];

/// Impossible or harmful actions are refused with the reason; hanging ones can be interrupted.
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
    for (command, status, part) in dentry_negative(guest)? {
        let said = ends_with(guest, command, status)?;
        ensure!(said.contains(part), "`{command}`: {said}");
    }
    for command in FOR_ROOT {
        let nobody = "env HOME=/tmp setpriv --reuid 65534 --regid 65534 --clear-groups";
        let said = ends_with(guest, &format!("{nobody} slabscope {command}"), 4)?;
        ensure!(said.contains("only root"), "`{command}` as nobody: {said}");
    }
    guest.sh("umount /mnt/tmpfs /mnt/ext4").map(drop)
}

/// A setting that older kernels lack, and the values that it takes where it exists.
fn dentry_negative(guest: &Guest) -> Result<[Refusal; 1]> {
    let has = guest.exec("test -e /proc/sys/fs/dentry-negative", COMMAND_TIMEOUT)?;
    let command = "slabscope tune fs.dentry-negative 2 --yes";
    Ok([match has.status {
        0 => (command, 2, "takes 0 to 1"),
        _ => (command, 3, "this kernel has none"),
    }])
}

/// A filesystem whose program never answers.
fn unanswered(_: &Context, guest: &Guest) -> Result<()> {
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
        "timeout -s INT -k 20 20 slabscope reclaim --superblock /mnt/second --any-filesystem --yes",
        0,
    )?;
    ensure!(said.contains("complete"), "{said}");
    dead.end()?;
    guest.sh("umount /mnt/second").map(drop)
}
