//! What drop_caches frees.

use super::seen::{INODES, Probe, UNUSED};
use super::{Check, EXT4, Experiment, Look, NO_EXT4, Part};

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 4,
    name: "drop_caches",
    title: "drop_caches 1, 2, 3",
    about: &[
        "Writing to /proc/sys/vm/drop_caches frees clean caches of the whole machine: 1 the page cache, 2 dentries, inodes and \
         what else has a shrinker, 3 first 1, then 2. It is for tests, and for nothing else: it takes every \
         process's cache.",
        "What it does not free: pages that are dirty or under writeback, pages that are mapped, dentries and inodes in use, and \
         with 2 alone inodes that have pages. This follows one file's pages from write to eviction first.",
    ],
    counts: [20_000, 2_000],
    set_up: &[EXT4, "mkdir /mnt/ext4/data"],
    clean_up: &[NO_EXT4],
    parts: &[WRITE, DIRTY_STAY, FSYNC, EVICT, READ, TWO, THREE],
    next: "`slabscope` without the module shows how much of a file is cached (Enter on it in the tree). Experiment 9 measures \
           what it costs when what was dropped is needed again.",
    own_boot: false,
};

/// Bytes of the file in the page cache.
const CACHED: Probe = Probe {
    name: "the file's bytes in the page cache",
    read: "agent pages /mnt/ext4/file | awk '{ print $2 }'",
};

/// Those that are not on the disk yet.
const DIRTY: Probe = Probe {
    name: "of these dirty",
    read: "agent pages /mnt/ext4/file | awk '{ print $4 }'",
};

/// Pages that writeback has begun to write, since boot.
const WRITTEN: Probe = Probe {
    name: "pages written back since boot",
    read: "awk '$1 == \"nr_written\" { print $2 }' /proc/vmstat",
};

const SIZE: f64 = (64 << 20) as f64;
const PAGES: f64 = SIZE / 4096.0;

const WRITE: Part = Part {
    title: "write() fills the page cache",
    text: "64 MiB are written to a file. The agent asks cachestat(2) what of it is in memory, and what of that is dirty: newer \
           than the disk.",
    prepare: &[],
    probes: &[CACHED, DIRTY, WRITTEN],
    question: "When write() has returned, how much of the file is on the disk?",
    commands: &["dd if=/dev/zero of=/mnt/ext4/file bs=1M count=64 status=none"],
    checks: &[
        Check {
            what: "the file's bytes in memory, of its size",
            figure: |seen| seen.after(CACHED) / SIZE,
            low: 1.0,
            high: 1.0,
        },
        Check {
            what: "dirty ones, of its size",
            figure: |seen| seen.after(DIRTY) / SIZE,
            low: 0.5,
            high: 1.0,
        },
    ],
    answer: "Nothing yet, or little: it is in memory, and dirty. The kernel writes it later (30 s, or when there is too much).",
    look: None,
    needs: None,
};

const DIRTY_STAY: Part = Part {
    title: "drop_caches does not take dirty pages",
    text: "The file is dirty still. drop_caches is asked for everything.",
    prepare: &["dd if=/dev/zero of=/mnt/ext4/file bs=1M count=64 conv=notrunc status=none"],
    probes: &[CACHED, DIRTY, UNUSED],
    question: "How much of the file is in memory after it?",
    commands: &["echo 3 >/proc/sys/vm/drop_caches && echo dropped 1"],
    checks: &[Check {
        what: "the file's bytes that stay, of those before",
        figure: |seen| seen.after(CACHED) / seen.before(CACHED) * seen.said("dropped"),
        low: 0.5,
        high: 1.0,
    }],
    answer: "All that was dirty. That is why people are advised to sync first, and why dropping caches never loses data.",
    look: None,
    needs: None,
};

const FSYNC: Part = Part {
    title: "fsync() cleans them",
    text: "sync FILE calls fsync(), which writes the dirty pages back and waits. Meanwhile they are under writeback, \
           which the loop shows.",
    prepare: &["dd if=/dev/zero of=/mnt/ext4/file bs=1M count=64 conv=notrunc status=none"],
    probes: &[CACHED, DIRTY, WRITTEN],
    question: "How much of the file is in memory after fsync()?",
    commands: &[
        "sync /mnt/ext4/file & for i in 1 2 3 4 5; do agent pages /mnt/ext4/file; done; wait",
    ],
    checks: &[
        Check {
            what: "dirty bytes that are left",
            figure: |seen| seen.after(DIRTY),
            low: 0.0,
            high: 0.0,
        },
        Check {
            what: "pages written back, of the file's",
            figure: |seen| seen.grew(WRITTEN) / PAGES,
            low: 0.5,
            high: 2.0,
        },
        Check {
            what: "clean bytes of the file in memory, of its size",
            figure: |seen| (seen.after(CACHED) - seen.after(DIRTY)) / SIZE,
            low: 1.0,
            high: 1.0,
        },
    ],
    answer: "All of it: clean pages stay until somebody needs the memory. Now they may go.",
    look: None,
    needs: None,
};

const EVICT: Part = Part {
    title: "drop_caches 1 takes clean pages",
    text: "Files are made and read, so that there are dentries and inodes too, and everything is written back. Then 1.",
    prepare: &["agent files /mnt/ext4/data {n} && sync"],
    probes: &[CACHED, INODES, UNUSED],
    question: "The page cache goes. Do the inodes of the {n} files?",
    commands: &["echo 1 >/proc/sys/vm/drop_caches && echo dropped 1"],
    checks: &[
        Check {
            what: "the file's bytes in memory that went, of its size",
            figure: |seen| -seen.grew(CACHED) / SIZE,
            low: 1.0,
            high: 1.0,
        },
        Check {
            what: "inodes that went, for each small file",
            figure: |seen| -seen.grew(INODES) / seen.n / seen.said("dropped"),
            low: -0.2,
            high: 0.2,
        },
    ],
    answer: "They stay, and so do the dentries: 1 is about pages alone. (Inodes without pages may go with the next shortage.)",
    look: Some(LOOK),
    needs: None,
};

const LOOK: Look = Look {
    command: "slabscope /mnt/ext4",
    hint: "The tree: inodes and pages below data/. Key 1 has the caches ext4_inode_cache and dentry.",
};

/// Once the dentries are gone, the tree has none to find the inodes by.
const LOOK_AT_CACHES: Look = Look {
    command: "slabscope",
    hint: "The caches ext4_inode_cache and dentry. In the tree (key 2) nothing is below data/: it finds inodes by their dentries.",
};

const READ: Part = Part {
    title: "read() fills it again",
    text: "The file is read from the disk.",
    prepare: &[],
    probes: &[CACHED, DIRTY],
    question: "How much of the file is in memory, and how much of that is dirty?",
    commands: &["cat /mnt/ext4/file >/dev/null"],
    checks: &[Check {
        what: "the file's bytes that came, of its size",
        figure: |seen| seen.grew(CACHED) / SIZE,
        low: 1.0,
        high: 1.0,
    }],
    answer: "All of it, and clean: it is what is on the disk.",
    look: None,
    needs: None,
};

const TWO: Part = Part {
    title: "2 takes dentries and inodes, but not inodes with pages",
    text: "Everything is dropped, and the {n} small files are read again: each inode has a page. Then 2.",
    prepare: &[
        "echo 3 >/proc/sys/vm/drop_caches && find /mnt/ext4/data -type f -exec cat {} + >/dev/null",
    ],
    probes: &[UNUSED, INODES, CACHED],
    question: "Dentries and inodes are asked for. Which of the two goes?",
    commands: &["echo 2 >/proc/sys/vm/drop_caches && echo dropped 1"],
    checks: &[
        Check {
            what: "unused dentries that went, for each file",
            figure: |seen| -seen.grew(UNUSED) / seen.n,
            low: 0.9,
            high: f64::INFINITY,
        },
        Check {
            what: "inodes that went, for each file",
            figure: |seen| -seen.grew(INODES) / seen.n / seen.said("dropped"),
            low: -0.3,
            high: 0.3,
        },
    ],
    answer: "The dentries. An inode with pages is not on the LRU list of inodes (inode_add_lru() in fs/inode.c): its pages have \
             to go first.",
    look: Some(LOOK_AT_CACHES),
    needs: None,
};

const THREE: Part = Part {
    title: "3 takes all of it",
    text: "Pages first, then dentries and inodes, which have no pages any more. The large file is read again before.",
    prepare: &["cat /mnt/ext4/file >/dev/null"],
    probes: &[UNUSED, INODES, CACHED],
    question: "Why is 3 not the same as 2, then 1?",
    commands: &["echo 3 >/proc/sys/vm/drop_caches"],
    checks: &[
        Check {
            what: "inodes that went, for each file",
            figure: |seen| -seen.grew(INODES) / seen.n,
            low: 0.9,
            high: f64::INFINITY,
        },
        Check {
            what: "the file's bytes in memory that went, of its size",
            figure: |seen| -seen.grew(CACHED) / SIZE,
            low: 1.0,
            high: 1.0,
        },
    ],
    answer: "Because the inodes that 2 had to leave are free to go once 1 has taken their pages.",
    look: Some(LOOK_AT_CACHES),
    needs: None,
};
