//! Prunes of inodes: those of one of two equal trees go, inodes in use or dirty stay, and nothing
//! is lost.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::fixture::{Background, Fs, ends_with};
use super::{Case, Context};
use crate::agent::SCRATCH_DISK;
use crate::guest::Guest;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::inodes",
        run: |context, guest| inodes(context, guest, Fs::Ext4),
    },
    Case {
        name: "xfs::inodes",
        run: |context, guest| inodes(context, guest, Fs::Xfs),
    },
    Case {
        name: "btrfs::inodes",
        run: |context, guest| inodes(context, guest, Fs::Btrfs),
    },
    Case {
        name: "ext4::inodes_taken_meanwhile",
        run: taken_meanwhile,
    },
    Case {
        name: "writers",
        run: writers,
    },
];

/// Longer than any storm of the usual run: a run that requests it has the time for whole trees,
/// too.
const LONG: Duration = Duration::from_secs(60);

/// Files in a tree: 50,000 where there is time, fewer in the usual run, since making them takes the emulated disk long.
fn files(context: &Context<'_>) -> u64 {
    if context.storm > LONG { 50_000 } else { 3_000 }
}

const PATIENCE: Duration = Duration::from_secs(600);

impl Fs {
    /// The slab cache of its inodes.
    fn inode_cache(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4_inode_cache",
            Self::Xfs => "xfs_inode",
            Self::Btrfs => "btrfs_inode",
            Self::Overlay => "ovl_inode",
            Self::Tmpfs => "shmem_inode_cache",
        }
    }
}

/// Makes a filesystem with two equal trees, none of which is cached.
pub(super) fn two_trees(guest: &Guest, fs: Fs, files: u64) -> Result<()> {
    let dir = fs.fresh(guest)?;
    guest.sh_within(
        &format!(
            "agent make {dir}/one {files} && agent make {dir}/other {files} &&
             umount {dir} && mount {SCRATCH_DISK} {dir}"
        ),
        PATIENCE,
    )?;
    Ok(())
}

/// The output of `agent read`: files, bytes, sectors read from the disk.
pub(super) fn read(guest: &Guest, top: &str) -> Result<[u64; 3]> {
    let said = guest.sh_within(&format!("agent read {top}"), PATIENCE)?;
    let numbers: Vec<u64> = said
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    numbers[..].try_into().context(said)
}

/// Prunes as a user would on the command line, and returns a figure of the program's output.
pub(super) fn pruned(guest: &Guest, arguments: &str) -> Result<serde_json::Value> {
    let said = guest.sh_within(
        &format!("slabscope prune {arguments} --json --yes"),
        PATIENCE,
    )?;
    serde_json::from_str(&said).context("no JSON")
}

/// A whole number in the result of [`pruned`].
pub(super) fn number(said: &serde_json::Value, name: &str) -> Result<u64> {
    said[name]
        .as_u64()
        .with_context(|| format!("no {name} in {said}"))
}

/// Objects in use in the filesystem's inode cache: objects that CPUs keep ready are returned first.
fn cached(guest: &Guest, fs: Fs) -> Result<u64> {
    let cache = fs.inode_cache();
    guest.sh(&format!("echo 1 >/sys/kernel/slab/{cache}/shrink"))?;
    Ok(guest.slab(cache)?.active_objects)
}

/// Waits until it is at most `most`. A filesystem may free inodes late: XFS looks every five
/// seconds.
fn falls_to(guest: &Guest, fs: Fs, most: u64) -> Result<u64> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let now = cached(guest, fs)?;
        if now <= most || Instant::now() > deadline {
            ensure!(
                now <= most,
                "{now} objects in {}, not {most}",
                fs.inode_cache()
            );
            return Ok(now);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Over 99 % of one tree's inodes leave the slab; nothing of the other has to be read again.
fn inodes(context: &Context<'_>, guest: &Guest, fs: Fs) -> Result<()> {
    guest.load_module()?;
    let files = files(context);
    two_trees(guest, fs, files)?;
    let (dir, before) = (fs.dir(), cached(guest, fs)?);
    let [_, bytes, cold] = read(guest, &format!("{dir}/one"))?;
    read(guest, &format!("{dir}/other"))?;
    // The first read after a write sets the time of access (relatime), which leaves inodes dirty on
    // ext4.
    guest.sh("sync")?;
    ensure!(
        cold * 512 >= bytes,
        "{cold} sectors of {bytes} bytes came from the disk"
    );
    // A hundred directories and more in each.
    let full = cached(guest, fs)?;
    ensure!(
        full >= before + 2 * files,
        "{before} inodes before, {full} with both trees"
    );

    let done = pruned(guest, &format!("{dir}/one --mode inodes"))?;
    let evicted = number(&done, "inodes_evicted")?;
    let (all, freed) = (
        files + files / 100,
        number(&done, "page_cache_freed_bytes")?,
    );
    ensure!(
        evicted * 100 >= all * 99,
        "{evicted} of {all} inodes: {done}"
    );
    ensure!(
        freed * 100 >= bytes * 99,
        "{freed} of {bytes} bytes: {done}"
    );
    let left = falls_to(guest, fs, full - all * 99 / 100)?;
    ensure!(
        left >= before + files,
        "the other tree's inodes went: {left} are left"
    );

    let [_, _, warm] = read(guest, &format!("{dir}/other"))?;
    ensure!(
        warm == 0,
        "{warm} sectors of the other tree were read again"
    );
    let [count, again, cold] = read(guest, &format!("{dir}/one"))?;
    ensure!(
        (count, again) == (files, bytes),
        "{count} files with {again} bytes are left"
    );
    ensure!(
        cold * 512 >= bytes,
        "of {bytes} bytes only {cold} sectors were read again"
    );
    fs.unmount(guest)?;
    fs.check(guest)?;
    guest.unload_module()
}

/// Inodes that other processes use between two steps of their eviction: afterwards none is evicted
/// when its last dentry goes, as one with `I_DONTCACHE` would be.
fn taken_meanwhile(context: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    two_trees(guest, Fs::Ext4, 500)?;
    let top = "/mnt/ext4/one";
    // With times of access set and written, so that inodes stay clean from now on.
    read(guest, top)?;
    guest.sh("sync")?;
    let readers: Vec<_> = (0..2)
        .map(|_| Background::start(guest, &format!("agent disturb {top}"), "disturbing"))
        .collect::<Result<_>>()?;
    let seconds = (context.storm.as_secs() / 4).max(1);
    let said = guest.sh_within(
        &format!(
            "end=$(($(date +%s) + {seconds})); times=0
             while [ $(date +%s) -lt $end ]; do
                 agent device open begin:dir={top},mode=4 count; times=$((times + 1))
             done"
        ),
        PATIENCE,
    )?;
    for what in ["busy", "evict_attempted"] {
        let none = format!(" {what}: 0,");
        let some = |line: &str| line.contains(&format!(" {what}: ")) && !line.contains(&none);
        ensure!(said.lines().any(some), "no {what}: {said}");
    }
    for reader in readers {
        reader.end()?;
    }
    read(guest, top)?;
    guest.sh(&format!("slabscope prune {top} --mode dentries --yes"))?;
    let [count, _, sectors] = read(guest, top)?;
    ensure!(
        (count, sectors) == (500, 0),
        "{sectors} sectors of {count} files were read again: inodes went with their dentries"
    );
    Fs::Ext4.unmount(guest)?;
    Fs::Ext4.check(guest)?;
    guest.unload_module()
}

/// Eight writers on each of three filesystems at once, beside prunes of inodes and pages: all that
/// was written exists, before and after the next mount, and the filesystems are clean.
fn writers(context: &Context<'_>, guest: &Guest) -> Result<()> {
    const DISKS: [(&str, &str, &str, &str); 2] = [
        ("/dev/loop0", "/mnt/xfs", "mkfs.xfs -q -f", "xfs_repair -n"),
        (
            "/dev/loop1",
            "/mnt/btrfs",
            "mkfs.btrfs -q -f",
            "btrfs check --readonly",
        ),
    ];
    guest.load_module()?;
    Fs::Ext4.fresh(guest)?;
    guest.sh("modprobe loop; modprobe xfs; modprobe btrfs; rm -f /tmp/*.img")?;
    for (disk, dir, make, _) in DISKS {
        let image = format!("/tmp{}.img", &disk[4..]);
        guest.sh(&format!(
            "truncate -s 400M {image} && losetup {disk} {image} && {make} {disk} && mount {disk} {dir}"
        ))?;
    }
    let tops = "/mnt/ext4/top /mnt/xfs/top /mnt/btrfs/top";
    let seconds = if context.storm > LONG {
        180
    } else {
        context.storm.as_secs()
    };
    guest.sh_within(
        &format!(
            "agent writers {seconds} {tops}
             for top in {tops}; do (cd $top && find . -type f -exec sha256sum {{}} + >/tmp/$(echo $top | tr / _)); done"
        ),
        context.storm + PATIENCE,
    )?;
    for (disk, dir, _, check) in DISKS {
        guest.sh(&format!(
            "umount {dir} && {check} {disk} 2>&1 && mount {disk} {dir}"
        ))?;
    }
    Fs::Ext4.unmount(guest)?;
    Fs::Ext4.check(guest)?;
    guest.sh(&format!("mount {SCRATCH_DISK} /mnt/ext4"))?;
    guest.sh(&format!(
        "for top in {tops}; do (cd $top && sha256sum --quiet -c /tmp/$(echo $top | tr / _)) || exit 1; done"
    ))?;
    for (disk, dir, ..) in DISKS {
        guest.sh(&format!("umount {dir} && losetup -d {disk}"))?;
    }
    guest.sh("rm /tmp/*.img; umount /mnt/ext4")?;
    let said = ends_with(guest, "slabscope prune / --writeback", 2)?;
    ensure!(said.contains("needs --mode inodes"), "{said}");
    guest.unload_module()
}
