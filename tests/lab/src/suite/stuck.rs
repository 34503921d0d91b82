//! Blocked operations that do not block a killed process.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Case;
use super::fixture::Background;
use crate::agent::SCRATCH_DISK;
use crate::guest::Guest;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "stuck::prune_ends_beside_a_realtime_hog",
        run: |_, guest| hog(guest),
    },
    Case {
        name: "stuck::prune_of_a_disk_that_does_not_answer_is_killed",
        run: |_, guest| no_answer(guest),
    },
    Case {
        name: "stuck::prune_beside_an_fsync_that_does_not_end_is_killed",
        run: |_, guest| no_fsync(guest),
    },
    Case {
        name: "stuck::sessions_end_no_drain_of_each_other",
        run: |_, guest| drains(guest),
    },
];

/// Upper bound on the time of an undisturbed command.
const SOON: Duration = Duration::from_secs(4);

/// A program that takes a CPU from all others, for some seconds.
const HOG: &str = "timeout 12 chrt -f 50 taskset -c 1 sh -c 'echo hogging; while :; do :; done'";

/// Runs a command that is killed after two seconds, and returns its status and whether it ended
/// soon.
fn killed(guest: &Guest, command: &str) -> Result<(i32, bool)> {
    let start = Instant::now();
    let output = guest.exec(
        &format!("timeout -s KILL 2 {command}"),
        Duration::from_secs(60),
    )?;
    Ok((output.status, start.elapsed() < SOON))
}

/// Neither a prune nor an unload of the module waits for a CPU that may never run our work.
fn hog(guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh("mkdir /mnt/ext4/top && agent files /mnt/ext4/top 100 && sync")?;
    let limit = guest.sh("cat /proc/sys/kernel/sched_rt_runtime_us")?;
    let hogged = guest.sh("echo -1 >/proc/sys/kernel/sched_rt_runtime_us
         for server in /sys/kernel/debug/sched/*_server/cpu1/runtime; do test ! -e $server || echo 0 >$server; done");
    let hog = Background::start(guest, HOG, "hogging")?;
    let pruned = killed(
        guest,
        "agent device open begin:dir=/mnt/ext4/top,mode=5 drain",
    );
    let unloaded = killed(guest, "rmmod slabscope");
    // It ends by itself, with its children.
    guest.sh(&format!(
        "while kill -0 {} 2>/dev/null; do sleep 0.2; done
         echo {} >/proc/sys/kernel/sched_rt_runtime_us
         for server in /sys/kernel/debug/sched/*_server/cpu1/runtime; do test ! -e $server || echo 50000000 >$server; done",
        hog.pid(),
        limit.trim()
    ))?;
    hogged?;
    ensure!(pruned? == (0, true), "a prune waits for the CPU");
    let (status, soon) = unloaded?;
    ensure!(soon, "rmmod waits for the CPU, with status {status}");
    if status != 0 {
        guest.unload_module()?;
    }
    guest.sh("umount /mnt/ext4").map(drop)
}

/// A prune that writes to a disk that does not answer ends when it is killed. The file grows: if it
/// had been truncated before, XFS would write it as it is closed.
fn no_answer(guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.sh(&format!(
        "modprobe dm-mod && modprobe xfs &&
         dmsetup create silent --table \"0 $(blockdev --getsz {SCRATCH_DISK}) linear {SCRATCH_DISK} 0\" &&
         dmsetup mknodes && mkfs.xfs -q -f -K /dev/mapper/silent && mount /dev/mapper/silent /mnt/second &&
         mkdir /mnt/second/top && cd /mnt/second/top && seq 10000 >file && sync file && seq 20000 >>file &&
         dmsetup suspend --noflush --nolockfs silent"
    ))?;
    let pruned = killed(
        guest,
        "agent device open begin:dir=/mnt/second/top,mode=5,flags=4 drain",
    );
    guest.sh("dmsetup resume silent && umount /mnt/second && dmsetup remove silent")?;
    ensure!(pruned? == (137, true), "a prune waits for the disk");
    guest.unload_module()
}

/// A prune that writes an inode which another process is writing, to a disk that does not answer,
/// ends when it is killed. Without a journal, `fsync` itself writes the inode.
fn no_fsync(guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.sh(&format!(
        "modprobe dm-mod &&
         dmsetup create silent --table \"0 $(blockdev --getsz {SCRATCH_DISK}) linear {SCRATCH_DISK} 0\" &&
         dmsetup mknodes && mke2fs -q -F -t ext4 -O ^has_journal -E nodiscard /dev/mapper/silent &&
         mount -o noinit_itable /dev/mapper/silent /mnt/second &&
         mkdir /mnt/second/top && cd /mnt/second/top && seq 10000 >file && sync file && chmod 600 file &&
         dmsetup suspend --noflush --nolockfs silent"
    ))?;
    let fsync = Background::start(
        guest,
        "sh -c 'echo begins; exec sync /mnt/second/top/file'",
        "begins",
    )?;
    let stuck = guest.sh(&format!(
        "until grep -q '^State:.D' /proc/{0}/status && test \"$(cat /proc/{0}/comm)\" = sync; do sleep 0.05; done
         chmod 644 /mnt/second/top/file",
        fsync.pid()
    ));
    let pruned = killed(
        guest,
        "agent device open begin:dir=/mnt/second/top,mode=5,flags=4 drain",
    );
    guest.sh("dmsetup resume silent")?;
    fsync.end()?;
    guest.sh("umount /mnt/second && dmsetup remove silent")?;
    stuck?;
    ensure!(pruned? == (137, true), "a prune waits for an fsync");
    guest.unload_module()
}

/// Sessions that begin and end while others wait for a CPU find that each CPU's list was emptied
/// for them.
fn drains(guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    let said = guest.sh("agent drains /mnt/ext4 4 100")?;
    guest.sh("umount /mnt/ext4")?;
    ensure!(said == "400 prunes, 0 busy\n", "{said}");
    guest.unload_module()
}
