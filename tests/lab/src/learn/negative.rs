//! What a negative dentry is.

use super::seen::{DENTRY_OBJECTS, NEGATIVE, UNUSED};
use super::{Check, EXT4, Experiment, Look, NO_EXT4, Part};

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 1,
    name: "negative",
    title: "What a negative dentry is",
    about: &[
        "A lookup of a name that is not there leaves something behind: a dentry without an inode, called negative. It \
         remembers the absence, so that the next lookup of that name need not ask the filesystem.",
        "It is a struct dentry as any other, from the slab cache `dentry`. Nobody uses it, so it waits on the LRU list of its \
         filesystem, in number as /proc/sys/fs/dentry-state tells (`sar -v` calls the second figure there dentunusd). Age \
         does not remove it, and there is no limit: only a shortage of memory does, or somebody who prunes.",
    ],
    counts: [1_000_000, 20_000],
    set_up: &[EXT4, "mkdir /mnt/ext4/a /mnt/ext4/b"],
    clean_up: &[NO_EXT4],
    parts: &[STAT, OPEN, AGAIN, PRUNE],
    next: "`cargo lab learn 2` does the same on tmpfs, where nothing stays. On a machine of yours, `slabscope hotspots` finds \
           the directories with the most of them, and `n` on a directory lists their names by shape.",
    own_boot: false,
};

const LOOK: Look = Look {
    command: "slabscope /mnt/ext4",
    hint: "The tree of /mnt/ext4: the column of negative dentries counts below each directory. Key 1 has the slab caches: \
           watch the row dentry.",
};

const CAME: Check = Check {
    what: "negative dentries that came, for each name",
    figure: |seen| seen.grew(NEGATIVE) / seen.n,
    low: 0.98,
    high: 1.05,
};

const STAT: Part = Part {
    title: "Ask for names that are not there",
    text: "The agent calls stat() for {n} names in /mnt/ext4/a, an empty directory. Each call fails with ENOENT.",
    prepare: &[],
    probes: &[NEGATIVE, UNUSED, DENTRY_OBJECTS],
    question: "The directory is empty before and after. What has the kernel more of then?",
    commands: &["agent lookups /mnt/ext4/a {n} stat_"],
    checks: &[
        CAME,
        Check {
            what: "unused dentries that came, for each name",
            figure: |seen| seen.grew(UNUSED) / seen.n,
            low: 0.98,
            high: 1.05,
        },
        Check {
            what: "objects of the slab cache, for each name",
            figure: |seen| seen.grew(DENTRY_OBJECTS) / seen.n,
            low: 0.9,
            high: 1.1,
        },
    ],
    answer: "A dentry for every name that was asked for, all of them negative, all unused, on the LRU.",
    look: Some(LOOK),
    needs: None,
};

const OPEN: Part = Part {
    title: "open() does the same",
    text: "Other names, and open() instead of stat(): any system call that takes a path looks it up in the same way.",
    prepare: &[],
    probes: &[NEGATIVE, DENTRY_OBJECTS],
    question: "Programs that search a path for a file (libraries, PHP includes, shells) open names in turn until one is there. \
               What do they leave?",
    commands: &["agent lookups --open /mnt/ext4/a {n} open_"],
    checks: &[CAME],
    answer: "A negative dentry for each place where the file was not.",
    look: Some(LOOK),
    needs: None,
};

const AGAIN: Part = Part {
    title: "The second time, the filesystem is not asked",
    text: "The names of the first step again. ext4_lookup() is what the kernel calls when it does not know a name: a probe \
           (tracefs, kprobe_events) counts its calls.",
    prepare: &[],
    probes: &[NEGATIVE],
    question: "{n} lookups that fail: how often is ext4 asked?",
    commands: &["agent calls ext4_lookup agent lookups /mnt/ext4/a {n} stat_"],
    checks: &[Check {
        what: "calls of ext4_lookup(), for each name",
        figure: |seen| seen.said("ext4_lookup") / seen.n,
        low: 0.0,
        high: 0.01,
    }],
    answer: "Never, but for a few by the way. That is what a negative dentry is good for, and why a prune of names that are \
             in use costs: see experiment 9.",
    look: None,
    needs: None,
};

const PRUNE: Part = Part {
    title: "Prune one directory, keep the other",
    text: "As many names in /mnt/ext4/b, then slabscope prunes /mnt/ext4/a alone. The names in b are asked for again after it.",
    prepare: &["agent lookups /mnt/ext4/b {n} kept_"],
    probes: &[NEGATIVE, UNUSED, DENTRY_OBJECTS],
    question: "drop_caches would have taken everything on the machine. Does ext4 hear of the names in b?",
    commands: &[
        "slabscope prune /mnt/ext4/a --yes",
        "agent calls ext4_lookup agent lookups /mnt/ext4/b {n} kept_",
    ],
    checks: &[
        Check {
            what: "negative dentries that went, for each name in a",
            figure: |seen| -seen.grew(NEGATIVE) / (2.0 * seen.n),
            low: 0.97,
            high: 1.02,
        },
        Check {
            what: "calls of ext4_lookup(), for each name in b",
            figure: |seen| seen.said("ext4_lookup") / seen.n,
            low: 0.0,
            high: 0.01,
        },
    ],
    answer: "The names of both earlier steps are gone from a, and ext4 is not asked for one of b.",
    look: Some(LOOK),
    needs: None,
};
