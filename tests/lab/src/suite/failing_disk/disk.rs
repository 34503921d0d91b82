//! Disks that fail to write on request, and filesystems on them.

use anyhow::Result;

use crate::agent::SCRATCH_DISK;
use crate::guest::Guest;

/// How a filesystem is made, mounted, and checked after it is unmounted.
pub(super) struct Kind {
    pub(super) make: &'static str,
    pub(super) options: &'static str,
    pub(super) check: &'static str,
}

pub(super) const EXT4: Kind = Kind {
    make: "mke2fs -q -F -t ext4 -b 4096 -E nodiscard",
    options: "noinit_itable,commit=600",
    check: "e2fsck -fn",
};
pub(super) const NO_JOURNAL: Kind = Kind {
    make: "mke2fs -q -F -t ext4 -b 4096 -E nodiscard -O ^has_journal",
    options: "noinit_itable",
    check: "e2fsck -fn",
};
/// There is a journal, and the mount does not use it.
pub(super) const NO_LOAD: Kind = Kind {
    options: "noinit_itable,noload",
    ..EXT4
};
pub(super) const XFS: Kind = Kind {
    make: "mkfs.xfs -q -f -K",
    options: "defaults",
    check: "xfs_repair -n",
};
pub(super) const BTRFS: Kind = Kind {
    make: "mkfs.btrfs -q -f -K",
    options: "commit=600",
    check: "btrfs check --readonly",
};
/// Data is written in place, at the disk addresses that the filesystem reports: a disk of one
/// device has its first chunk of data there.
pub(super) const BTRFS_IN_PLACE: Kind = Kind {
    options: "commit=600,nodatacow",
    ..BTRFS
};

/// A disk, and the part of it that fails.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Disk {
    /// dm-flakey fails every write.
    Flakey,
    /// null_blk fails the blocks that hold data of files.
    BadData,
    /// null_blk fails the blocks of ext4's inode table that hold files.
    BadInodes,
}

/// Directory of null_blk's disk in configfs.
const NULL_BLK: &str = "/sys/kernel/config/nullb/failing";

fn table(rule: &str) -> String {
    format!("$(blockdev --getsz {SCRATCH_DISK}) {rule}")
}

impl Disk {
    /// Path of its device.
    pub(super) fn device(self) -> &'static str {
        match self {
            Self::Flakey => "/dev/mapper/flaky",
            Self::BadData | Self::BadInodes => "/dev/failing",
        }
    }

    /// Makes it, empty.
    pub(super) fn make(self, guest: &Guest) -> Result<()> {
        let script = match self {
            Self::Flakey => format!(
                "modprobe dm-flakey && dmsetup create flaky --table \"0 {}\" && dmsetup mknodes",
                table(&format!("linear {SCRATCH_DISK} 0"))
            ),
            Self::BadData | Self::BadInodes => format!(
                "modprobe null_blk nr_devices=0
                 mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
                 mkdir {NULL_BLK} && cd {NULL_BLK} && echo 1 >memory_backed && echo 512 >size && echo 1 >power"
            ),
        };
        guest.sh(&script).map(drop)
    }

    /// Removes it, and all that it holds.
    pub(super) fn remove(self, guest: &Guest) -> Result<()> {
        let script = match self {
            Self::Flakey => "dmsetup remove flaky".to_owned(),
            Self::BadData | Self::BadInodes => {
                format!("echo 0 >{NULL_BLK}/power && rmdir {NULL_BLK}")
            }
        };
        guest.sh(&script).map(drop)
    }

    /// A script that finds the sectors of files that are to fail.
    pub(super) fn find(self, files: &[String]) -> String {
        let files = files.join(" ");
        let device = self.device();
        let found = match self {
            Self::Flakey => return "true".into(),
            Self::BadData => format!(
                "for file in {files}; do filefrag -v -b512 $file; done |
                 tr .: '  ' | while read n _ _ from to _; do
                     case $n in [0-9]*) echo $from-$to;; esac
                 done"
            ),
            Self::BadInodes => format!(
                "for file in {files}; do debugfs -R \"imap <$(stat -c %i $file)>\" {device} 2>/dev/null; done |
                 tr -d , | while read _ _ _ block _; do
                     case $block in [0-9]*) echo $((block * 8))-$((block * 8 + 7));; esac
                 done | sort -u"
            ),
        };
        format!("{found} >/tmp/bad && grep -q - /tmp/bad")
    }

    /// A script that makes it fail from now on, or work; writes under way are not affected.
    pub(super) fn turn(self, works: bool) -> String {
        let rule = match (self, works) {
            (Self::Flakey, true) => format!("linear {SCRATCH_DISK} 0"),
            (Self::Flakey, false) => format!("flakey {SCRATCH_DISK} 0 0 1 1 error_writes"),
            (_, works) => {
                let sign = if works { '-' } else { '+' };
                return format!(
                    "while read range; do echo {sign}$range >{NULL_BLK}/badblocks; done </tmp/bad"
                );
            }
        };
        format!(
            "dmsetup suspend --noflush --nolockfs flaky && \
             dmsetup load flaky --table \"0 {}\" && dmsetup resume flaky",
            table(&rule)
        )
    }
}
