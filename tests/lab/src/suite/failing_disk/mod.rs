//! A disk that fails to write: an application reads its own writes, or gets an error, as it does
//! without slabscope.

mod disk;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Case;
use crate::guest::Guest;
use crate::setup::archive::numbers;
use disk::{BTRFS, BTRFS_IN_PLACE, Disk, EXT4, Kind, NO_JOURNAL, NO_LOAD, XFS};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::failed_write_is_kept_and_reported",
        run: |_, guest| failed_data(guest, &EXT4, Disk::Flakey, PRUNES),
    },
    Case {
        name: "ext4::bad_block_of_inodes_is_reported",
        run: |_, guest| failed_inode(guest, &NO_JOURNAL, FLUSH, WRITING),
    },
    Case {
        name: "ext4::nothing_goes_once_it_has_given_up_writing",
        run: |_, guest| given_up_by_ext4(guest),
    },
    Case {
        name: "btrfs::nothing_goes_once_it_has_given_up_writing",
        run: |_, guest| given_up_by_btrfs(guest),
    },
    Case {
        name: "ext4::nothing_goes_after_a_sync_that_failed",
        run: |_, guest| failed_sync(guest),
    },
    // The same on other filesystems.
    Case {
        name: "ext4::failed_write_without_journal_is_kept_and_reported",
        run: |_, guest| failed_data(guest, &NO_JOURNAL, Disk::Flakey, PRUNES),
    },
    Case {
        name: "xfs::failed_write_is_kept_and_reported",
        run: |_, guest| failed_data(guest, &XFS, Disk::Flakey, PRUNES),
    },
    Case {
        name: "ext4::bad_block_of_data_is_kept_and_reported",
        run: |_, guest| failed_data(guest, &EXT4, Disk::BadData, WRITING),
    },
    // The same once more, with a disk that fails in another way.
    Case {
        name: "ext4::bad_block_of_data_without_journal_is_kept_and_reported",
        run: |_, guest| failed_data(guest, &NO_JOURNAL, Disk::BadData, PRUNES),
    },
    Case {
        name: "xfs::bad_block_of_data_is_kept_and_reported",
        run: |_, guest| failed_data(guest, &XFS, Disk::BadData, PRUNES),
    },
    Case {
        name: "ext4::bad_block_of_inodes_in_each_mode",
        run: |_, guest| failed_inode(guest, &NO_JOURNAL, FLUSH, PRUNES),
    },
    Case {
        name: "ext4::bad_block_of_inodes_beside_an_unused_journal",
        run: |_, guest| failed_inode(guest, &NO_LOAD, FLUSH, WRITING),
    },
    Case {
        name: "ext4::bad_block_of_inodes_under_a_journal",
        run: |_, guest| failed_inode(guest, &EXT4, FREEZE, PRUNES),
    },
];

/// Linux 6.1 itself takes back what btrfs failed to write: there is nothing to keep.
pub(super) const ON_BTRFS: &[Case] = &[
    Case {
        name: "btrfs::failed_write_is_kept_and_reported",
        run: |_, guest| failed_data(guest, &BTRFS, Disk::Flakey, PRUNES),
    },
    Case {
        name: "btrfs::bad_block_of_data_is_kept_and_reported",
        run: |_, guest| failed_data(guest, &BTRFS_IN_PLACE, Disk::BadData, PRUNES),
    },
];

/// Upper bound on the time of all steps of an application.
const PATIENCE: Duration = Duration::from_secs(300);

/// Directory of the files, with one for each prune: a file that its application holds open, and one
/// that it opens again.
const TOP: &str = "/mnt/second";
const FILES: [&str; 2] = ["held", "let_go"];

/// An action between the failed write and the next read of the files: its name, and the command.
/// The last one reaches all of them.
type Prune = (&'static str, &'static str);

const NOTHING: Prune = ("nothing", "true");

const PRUNES: &[Prune] = &[
    ("dentries", "slabscope prune {} --mode dentries --yes"),
    ("pages", "slabscope prune {} --mode pages --yes"),
    ("inodes", "slabscope prune {} --mode inodes --yes"),
    WRITING[0],
    WRITING[1],
    (
        "pages without the module",
        "slabscope reclaim --pages {} --yes",
    ),
    WRITING[2],
    ("superblock", "slabscope reclaim --superblock {} --yes"),
];

/// Prunes that write dirty files.
const WRITING: &[Prune] = &[
    (
        "pages, writing",
        "slabscope prune {} --mode pages --writeback --yes",
    ),
    (
        "inodes, writing",
        "slabscope prune {} --mode inodes --writeback --yes",
    ),
    (
        "pages without the module, writing",
        "slabscope reclaim --pages {} --writeback --yes",
    ),
];

/// Whether the module does it, and evicts more than dentries: it still sees errors that have been
/// reported.
fn remembers(command: &str) -> bool {
    command.contains("--mode pages") || command.contains("--mode inodes")
}

/// Writes metadata that is only in memory.
const FLUSH: &str = "sync /dev/failing";
const FREEZE: &str = "fsfreeze -f /mnt/second";

/// Steps of an application, and the indices of those whose words are compared, run by run.
#[derive(Default)]
struct Steps {
    steps: Vec<String>,
    looks: Vec<Vec<usize>>,
}

impl Steps {
    fn on(&mut self, file: &str, steps: &[&str]) {
        self.steps.push(format!("on:{file}"));
        self.steps.extend(steps.iter().map(|&step| step.into()));
    }

    fn sh(&mut self, script: &str) {
        self.steps.push(format!("sh:{script}"));
    }

    fn begin_run(&mut self) {
        self.looks.push(Vec::new());
    }

    fn look(&mut self, file: &str, steps: &[&str]) {
        self.on(file, &[]);
        for &step in steps {
            if let Some(run) = self.looks.last_mut() {
                run.push(self.steps.len());
            }
            self.steps.push(step.into());
        }
    }

    /// Prunes a directory, whose second file is not open meanwhile.
    fn prune(&mut self, dir: &str, command: &str) {
        let let_go = format!("{dir}/{}", FILES[1]);
        self.on(&let_go, &["close"]);
        let command = command.replace("{}", dir);
        self.sh(&format!("{command} >>{dir}.said 2>&1; true"));
        self.look(&let_go, &["open"]);
    }

    /// Takes the steps; returns the compared words of each run, when all others were `ok`.
    fn take(&self, guest: &Guest) -> Result<Vec<Vec<String>>> {
        let quoted: Vec<String> = self
            .steps
            .iter()
            .map(|step| format!("'{}'", step.replace('\'', "'\\''")))
            .collect();
        let command = format!("agent application {}", quoted.join(" "));
        let said = guest.sh_within(&command, PATIENCE)?;
        let words: Vec<&str> = said.lines().collect();
        ensure!(words.len() == self.steps.len(), "cut off: {said}");
        for (at, (step, &word)) in self.steps.iter().zip(&words).enumerate() {
            let looked_at = self.looks.iter().flatten().any(|&look| look == at);
            ensure!(looked_at || word == "ok", "{step}: {word}");
        }
        let of_run = |looks: &Vec<usize>| looks.iter().map(|&at| words[at].to_owned()).collect();
        Ok(self.looks.iter().map(of_run).collect())
    }
}

fn mount(guest: &Guest, kind: &Kind, disk: Disk) -> Result<()> {
    let Kind { make, options, .. } = kind;
    let device = disk.device();
    guest
        .sh(&format!(
            "modprobe -a xfs btrfs; {make} {device} >/dev/null && mount -o {options} {device} {TOP}"
        ))
        .map(drop)
}

/// Whatever is done to files whose data could not be written, the application's words are the same
/// as without that.
fn failed_data(guest: &Guest, kind: &Kind, disk: Disk, prunes: &[Prune]) -> Result<()> {
    guest.load_module()?;
    disk.make(guest)?;
    mount(guest, kind, disk)?;
    let prunes: Vec<Prune> = [NOTHING].iter().chain(prunes).copied().collect();
    let dirs: Vec<String> = (0..prunes.len())
        .map(|number| format!("{TOP}/{number}"))
        .collect();
    guest.sh(&format!("mkdir {}", dirs.join(" ")))?;
    let said = data_words(guest, disk, &prunes, &dirs)?;
    let control = &said[0];
    ensure!(
        control[..] == ["ok", "n", "EIO", "n", "n", "EIO", "n"],
        "the disk did not fail: {control:?}"
    );
    let old = numbers(guest.release()) < numbers("6.5");
    let mut wrong = Vec::new();
    for ((said, dir), (what, command)) in said.iter().zip(&dirs).zip(&prunes).skip(1) {
        let report = guest.sh(&format!("cat {dir}.said"))?;
        let (first, again) = said.split_at(control.len());
        // Without the module, an error that has been reported is invisible.
        let warned = report.contains("another run takes them for clean");
        // Before Linux 6.5 its check counts as the report of the error: who opens the file again is not told.
        let check = command.contains("reclaim --pages") && !command.contains("--writeback");
        let unseen = old && check;
        let expected = match unseen {
            true => &["ok", "n", "EIO", "n", "n", "ok", "n"].map(str::to_owned)[..],
            false => &control[..],
        };
        let as_expected = first == expected
            && again.iter().all(|word| word == "ok" || word == "n")
            && warned == command.contains("reclaim --pages");
        if !as_expected {
            wrong.push(format!("{what}: {said:?} instead of {control:?}; {report}"));
        }
    }
    guest.sh(&format!(
        "umount {TOP} && {} {} 2>&1",
        kind.check,
        disk.device()
    ))?;
    disk.remove(guest)?;
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    guest.unload_module()
}

/// An application's words about two files in each directory, whose data fails to be written all at
/// once, and a prune of each directory.
fn data_words(
    guest: &Guest,
    disk: Disk,
    prunes: &[Prune],
    dirs: &[String],
) -> Result<Vec<Vec<String>>> {
    let files: Vec<String> = dirs
        .iter()
        .flat_map(|dir| FILES.map(|file| format!("{dir}/{file}")))
        .collect();
    let mut steps = Steps::default();
    for file in &files {
        steps.on(file, &["open", "write:o", "fsync"]);
    }
    steps.sh(&disk.find(&files));
    for file in &files {
        steps.on(file, &["write:n"]);
    }
    steps.sh(&disk.turn(false));
    for file in &files {
        steps.on(file, &["flush"]);
    }
    // The end of a write, after its pages are clean, continues in the background.
    steps.sh("sleep 0.3");
    steps.sh(&disk.turn(true));
    for (dir, (_, command)) in dirs.iter().zip(prunes) {
        steps.begin_run();
        steps.prune(dir, command);
        for file in FILES {
            steps.look(&format!("{dir}/{file}"), &["reads", "fsync", "reads"]);
        }
        // By now the error has been reported to somebody.
        if remembers(command) {
            steps.prune(dir, command);
            for file in FILES {
                steps.look(&format!("{dir}/{file}"), &["reads"]);
            }
        }
    }
    steps.take(guest)
}

/// sync(2) reports no error, but the filesystem does: what could not be written stays in memory.
fn failed_sync(guest: &Guest) -> Result<()> {
    // Of metadata that cannot be written ext4 complains in the kernel's log.
    let disk = Disk::BadData;
    disk.make(guest)?;
    mount(guest, &EXT4, disk)?;
    let file = format!("{TOP}/{}", FILES[0]);
    let mut steps = Steps::default();
    steps.on(&file, &["open", "write:o", "fsync"]);
    steps.sh(&disk.find(std::slice::from_ref(&file)));
    steps.on(&file, &["write:n"]);
    steps.sh(&disk.turn(false));
    steps.sh("slabscope reclaim --all 3 --sync --yes >/tmp/said 2>&1; echo $? >>/tmp/said");
    steps.sh(&disk.turn(true));
    steps.begin_run();
    steps.look(&file, &["reads", "fsync"]);
    let words = steps.take(guest)?;
    let said = guest.sh("cat /tmp/said")?;
    ensure!(
        words[0] == ["n", "EIO"]
            && said.contains("reports a failed write")
            && said.ends_with("\n5\n"),
        "the application hears {words:?}; {said}"
    );
    guest.sh(&format!("umount {TOP}"))?;
    disk.remove(guest)
}

/// Whatever is done to files whose inodes cannot be written, `fsync` reports an error if it does
/// without slabscope; and in any case if slabscope writes one in vain before a script does: for at
/// least one file, as before Linux 7.3 ext4 reports only the first of those in a block.
fn failed_inode(guest: &Guest, kind: &Kind, script: &str, prunes: &[Prune]) -> Result<()> {
    guest.load_module()?;
    let control = inode_words(guest, kind, script, NOTHING.1)?;
    let mut wrong = Vec::new();
    for (what, command) in prunes {
        let said = inode_words(guest, kind, script, command).context(*what)?;
        let as_control = |(word, control): (&String, &String)| {
            word == control || (control == "ok" && word == "EIO")
        };
        let written = remembers(command) && command.contains("--writeback") && script == FLUSH;
        let good = said.iter().zip(&control).all(as_control)
            && (!written || said.iter().any(|word| word == "EIO"));
        if !good {
            wrong.push(format!("{what}: {said:?} instead of {control:?}"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    guest.unload_module()
}

/// On a new disk each time: an error of its metadata is one of all its files.
fn inode_words(guest: &Guest, kind: &Kind, script: &str, command: &str) -> Result<Vec<String>> {
    let disk = Disk::BadInodes;
    disk.make(guest)?;
    mount(guest, kind, disk)?;
    let dir = format!("{TOP}/dir");
    guest.sh(&format!("mkdir {dir}"))?;
    let files = FILES.map(|file| format!("{dir}/{file}"));
    let mut steps = Steps::default();
    for file in &files {
        steps.on(file, &["open", "write:o", "fsync"]);
    }
    steps.sh(&disk.find(&files));
    for file in &files {
        steps.on(file, &["write:n", "flush"]);
    }
    steps.sh(&disk.turn(false));
    steps.begin_run();
    steps.prune(&dir, command);
    let (not, either) = match command == NOTHING.1 {
        true => ("!", ""),
        false => ("", "; true"), // nothing may be left to be written
    };
    steps.sh(&format!("{not} {script} 2>/dev/null{either}"));
    steps.sh(&disk.turn(true));
    for file in &files {
        steps.look(file, &["reads", "fsync", "reads"]);
    }
    steps.prune(&dir, command);
    for file in &files {
        steps.look(file, &["reads"]);
    }
    let words = steps.take(guest)?;
    guest.sh(&format!("umount {TOP}"))?;
    kept_for_its_device(guest, kind, disk)?;
    disk.remove(guest)?;
    Ok(words.concat())
}

/// ext4 with an error of its own: the disk is well.
fn given_up_by_ext4(guest: &Guest) -> Result<()> {
    let disk = Disk::BadData;
    let kind = Kind {
        options: "noinit_itable,commit=600,noatime,errors=remount-ro",
        ..EXT4
    };
    let name = disk.device().trim_start_matches("/dev/");
    let error = format!("echo 1 >/sys/fs/ext4/{name}/trigger_fs_error");
    given_up(guest, &kind, disk, &error)
}

/// btrfs whose transaction could not be written, and was aborted.
fn given_up_by_btrfs(guest: &Guest) -> Result<()> {
    let disk = Disk::Flakey;
    let kind = Kind {
        options: "commit=600,noatime",
        ..BTRFS
    };
    let error = format!(
        "{}
         touch {TOP}/last; ! sync -f {TOP}
         {}
         grep -q ' {TOP} btrfs ro,' /proc/mounts",
        disk.turn(false),
        disk.turn(true)
    );
    given_up(guest, &kind, disk, &error)
}

/// A filesystem that has given up writing may have clean pages that are the only copy, and does not
/// report which.
fn given_up(guest: &Guest, kind: &Kind, disk: Disk, error: &str) -> Result<()> {
    guest.load_module()?;
    disk.make(guest)?;
    mount(guest, kind, disk)?;
    let dir = format!("{TOP}/dir");
    guest.sh(&format!(
        "mkdir {dir} && for n in $(seq 10); do echo word >{dir}/$n; done && sync && grep -q . {dir}/*
         {error}
         ! touch {dir}/another"
    ))?;
    let mut wrong = Vec::new();
    for mode in ["pages", "inodes"] {
        let said = guest.sh(&format!(
            "slabscope prune {dir} --mode {mode} --yes --json; true"
        ))?;
        let document: serde_json::Value = serde_json::from_str(&said).context("no JSON")?;
        // If nothing may be evicted, the output is the plan alone.
        let went = |key: &str| document[key].as_u64().unwrap_or(0) > 0;
        let kept = document["failed_writes"] == 10
            && !went("page_cache_freed_bytes")
            && !went("inodes_evicted");
        if !kept {
            wrong.push(said);
        }
    }
    // Where mountinfo shows it: always of btrfs, of ext4 on some kernels only.
    if guest.exec(&format!("grep -E ' {TOP} (btrfs|ext4) ' /proc/mounts | grep -qE '[ ,](ro|emergency_ro|shutdown),'"), PATIENCE)?.status == 0 {
        for rung in ["--pages", "--superblock"] {
            let said = guest.sh(&format!("slabscope reclaim {rung} {dir} --yes 2>&1; echo $?"))?;
            if !said.contains("has given up writing") || said.ends_with("\n0\n") {
                wrong.push(format!("{rung}: {said}"));
            }
        }
    }
    guest.sh(&format!("umount {TOP}"))?;
    disk.remove(guest)?;
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    guest.unload_module()
}

/// The device's error stays with it: what is cached of it after a new mount is kept too.
fn kept_for_its_device(guest: &Guest, kind: &Kind, disk: Disk) -> Result<()> {
    let said = guest.sh(&format!(
        "mount -o {} {} {TOP} && mkdir {TOP}/new && agent files {TOP}/new 10 && sync
         slabscope prune {TOP}/new --mode inodes --writeback --yes --json && umount {TOP}",
        kind.options,
        disk.device()
    ))?;
    let document: serde_json::Value = serde_json::from_str(&said).context("no JSON")?;
    ensure!(
        document["inodes_evicted"] == 0,
        "inodes of a device that has failed went: {said}"
    );
    Ok(())
}
