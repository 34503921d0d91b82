//! A disk that fails to write: an application reads what it wrote, or hears of it, as it does without slabscope.

use anyhow::{Context as _, Result, ensure};

use super::Case;
use crate::agent::SCRATCH_DISK;
use crate::guest::Guest;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::failed_write_is_kept_and_reported",
        run: |_, guest| failed_write(guest, &EXT4),
    },
    Case {
        name: "ext4::failed_write_without_journal_is_kept_and_reported",
        run: |_, guest| failed_write(guest, &NO_JOURNAL),
    },
    Case {
        name: "xfs::failed_write_is_kept_and_reported",
        run: |_, guest| failed_write(guest, &XFS),
    },
    Case {
        name: "btrfs::failed_write_is_kept_and_reported",
        run: |_, guest| failed_write(guest, &BTRFS),
    },
];

/// How a filesystem is made and mounted here, on a disk that fails when told to.
struct Kind {
    make: &'static str,
    options: &'static str,
    check: &'static str,
}

const EXT4: Kind = Kind {
    make: "mke2fs -q -F -t ext4 -E nodiscard",
    options: "noinit_itable,commit=600",
    check: "e2fsck -fn",
};
const NO_JOURNAL: Kind = Kind {
    make: "mke2fs -q -F -t ext4 -E nodiscard -O ^has_journal",
    options: "noinit_itable",
    check: "e2fsck -fn",
};
const XFS: Kind = Kind {
    make: "mkfs.xfs -q -f -K",
    options: "defaults",
    check: "xfs_repair -n",
};
const BTRFS: Kind = Kind {
    make: "mkfs.btrfs -q -f -K",
    options: "commit=600",
    check: "btrfs check --readonly",
};

/// What is done between the failed write and the next look at the file.
const PRUNES: [(&str, &str); 9] = [
    ("negative", "slabscope prune {} --mode negative --yes"),
    ("dentries", "slabscope prune {} --mode dentries --yes"),
    ("pages", "slabscope prune {} --mode pages --yes"),
    (
        "pages, writing",
        "slabscope prune {} --mode pages --writeback --yes",
    ),
    ("inodes", "slabscope prune {} --mode inodes --yes"),
    (
        "inodes, writing",
        "slabscope prune {} --mode inodes --writeback --yes",
    ),
    (
        "pages without the module",
        "slabscope reclaim --pages {} --yes",
    ),
    (
        "pages without the module, writing",
        "slabscope reclaim --pages {} --writeback --yes",
    ),
    ("superblock", "slabscope reclaim --superblock {} --yes"),
];

/// A disk that dm-flakey has fail every write, or do as it is told.
const DISK: &str = "/dev/mapper/flaky";

fn table(rule: &str) -> String {
    format!("$(blockdev --getsz {SCRATCH_DISK}) {rule}")
}

/// A script that has the disk fail from now on, or work; what is under way stays so.
fn disk(works: bool) -> String {
    let rule = if works {
        format!("linear {SCRATCH_DISK} 0")
    } else {
        format!("flakey {SCRATCH_DISK} 0 0 1 1 error_writes")
    };
    let table = table(&rule);
    format!(
        "dmsetup suspend --noflush --nolockfs flaky && \
         dmsetup load flaky --table \"0 {table}\" && dmsetup resume flaky"
    )
}

fn application(guest: &Guest, file: &str, steps: &[&str]) -> Result<Vec<String>> {
    let quoted: Vec<String> = steps.iter().map(|step| format!("'{step}'")).collect();
    let said = guest.sh(&format!("agent application {file} {}", quoted.join(" ")))?;
    Ok(said.lines().map(str::to_owned).collect())
}

/// The words of an application whose write fails, while something is done to its file, once and again.
fn words(guest: &Guest, dir: &str, command: &str, opened: bool) -> Result<Vec<String>> {
    let file = format!("{dir}/file");
    let prune = format!("sh:{} >/tmp/pruned 2>&1; true", command.replace("{}", dir));
    let [fails, works] = [false, true].map(|works| format!("sh:{}", disk(works)));
    let mut steps = vec![
        "open", "write:o", "fsync", "write:n", &fails, "flush", &works,
    ];
    // What is open is kept by its application; else the inode is nobody's.
    let again: &[&str] = match opened {
        true => &[&prune],
        false => &["close", &prune, "open"],
    };
    steps.extend(again);
    let at = steps.len();
    steps.extend(["reads", "fsync", "reads"]);
    // By now somebody has heard of it.
    steps.extend(again);
    steps.push("reads");
    let mut said = application(guest, &file, &steps)?;
    ensure!(
        said[..at].iter().all(|word| word == "ok"),
        "{steps:?}: {said:?}"
    );
    Ok(said.split_off(at))
}

/// Without the module nobody sees an error that has been reported: up to there, all is as without slabscope.
fn is_as(said: &[String], control: &[String], command: &str) -> bool {
    const REPORTED: usize = 3;
    let compared = match command.contains("reclaim --pages") {
        true => REPORTED,
        false => control.len(),
    };
    said[..compared] == control[..compared]
}

/// Whatever is done to the file meanwhile, the application's words are those that it has without.
fn failed_write(guest: &Guest, kind: &Kind) -> Result<()> {
    guest.load_module()?;
    guest.sh(&format!(
        "modprobe dm-flakey && modprobe -a xfs btrfs && dmsetup create flaky --table \"0 {}\" && dmsetup mknodes",
        table(&format!("linear {SCRATCH_DISK} 0"))
    ))?;
    let mut wrong = Vec::new();
    for opened in [true, false] {
        let mut control = Vec::new();
        for (what, command) in [("nothing", "true")].into_iter().chain(PRUNES) {
            let Kind { make, options, .. } = kind;
            let dir = "/mnt/second/dir";
            guest.sh(&format!(
                "{make} {DISK} >/dev/null && mount -o {options} {DISK} /mnt/second && mkdir {dir}"
            ))?;
            let said = words(guest, dir, command, opened).context(what)?;
            guest.sh("umount /mnt/second")?;
            if control.is_empty() {
                ensure!(said[1] == "EIO", "the disk did not fail: {said:?}");
                control = said;
            } else if !is_as(&said, &control, command) {
                let report = guest.sh("cat /tmp/pruned")?;
                wrong.push(format!(
                    "{what} (open: {opened}): {said:?} instead of {control:?}; {report}"
                ));
            }
        }
    }
    guest.sh(&format!("{} {DISK} 2>&1; dmsetup remove flaky", kind.check))?;
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    guest.unload_module()
}
