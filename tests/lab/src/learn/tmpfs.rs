//! Why tmpfs has no negative dentries.

use super::seen::{NEGATIVE, UNUSED};
use super::{Check, Experiment, Look, Part};

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 2,
    name: "tmpfs",
    title: "Why tmpfs has no negative dentries",
    about: &[
        "On a disk, a lookup that fails reads a directory: it is worth remembering. tmpfs has no directory to read. What \
         exists there is what has a dentry, and those are pinned. A name that is not in the dentry cache is not there: \
         the cache is the filesystem.",
        "So a negative dentry would save nothing, and the kernel does not keep it. The same holds for everything that is \
         built on fs/libfs.c.",
    ],
    counts: [1_000_000, 20_000],
    set_up: &["mount -t tmpfs tmpfs /mnt/tmpfs && mkdir /mnt/tmpfs/d"],
    clean_up: &["if mountpoint -q /mnt/tmpfs; then umount /mnt/tmpfs; fi"],
    parts: &[NOTHING_STAYS, AGAIN, WHY],
    next: "`cargo lab learn 3`: names that were there once. A directory of temporary files on tmpfs does not have that \
           leak, which is one reason to have /tmp there.",
    own_boot: false,
};

const CALLS: Check = Check {
    what: "calls of simple_lookup(), for each name",
    figure: |seen| seen.said("simple_lookup") / seen.n,
    low: 0.99,
    high: 1.05,
};

/// Of each lookup that reached the filesystem: nothing can pass where none did.
const KEPT: Check = Check {
    what: "negative dentries that stay, for each call",
    figure: |seen| seen.grew(NEGATIVE) / seen.said("simple_lookup"),
    low: -0.02,
    high: 0.02,
};

const NOTHING_STAYS: Part = Part {
    title: "Ask for names that are not there",
    text: "As in experiment 1, on tmpfs: stat() for {n} names in an empty directory. simple_lookup() is tmpfs' function for \
           a name that is not cached; its calls are counted.",
    prepare: &[],
    probes: &[NEGATIVE, UNUSED],
    question: "How many negative dentries are there after {n} failed lookups?",
    commands: &["agent calls simple_lookup agent lookups /mnt/tmpfs/d {n} name_"],
    checks: &[CALLS, KEPT],
    answer: "None of them stays: each was freed as soon as the lookup released it.",
    look: Some(Look {
        command: "slabscope /mnt/tmpfs",
        hint: "The tree of /mnt/tmpfs: no negative dentries, and everything that there is counts as in use, since it is pinned.",
    }),
    needs: None,
};

const AGAIN: Part = Part {
    title: "Ask again",
    text: "The same names a second time. On ext4 the filesystem was not asked any more.",
    prepare: &[],
    probes: &[NEGATIVE],
    question: "How often is simple_lookup() called this time?",
    commands: &["agent calls simple_lookup agent lookups /mnt/tmpfs/d {n} name_"],
    checks: &[CALLS, KEPT],
    answer: "As often as before: a dentry is made and freed for each lookup. It costs an allocation, and no reading.",
    look: None,
    needs: None,
};

const WHY: Part = Part {
    title: "The kernel's own reason",
    text: "The function of the kernel that runs here, from the source that it was built from. DCACHE_DONTCACHE in d_flags \
           says: free it when nobody uses it any more (dput() in fs/dcache.c asks retain_dentry(), which says no).",
    prepare: &[],
    probes: &[],
    question: "Where does simple_lookup() look for the name?",
    commands: &["cat /run/learn/simple_lookup.c"],
    checks: &[Check {
        what: "mentions of DCACHE_DONTCACHE",
        figure: |seen| seen.times("DCACHE_DONTCACHE"),
        low: 1.0,
        high: f64::INFINITY,
    }],
    answer: "Nowhere: who calls it has looked in the dentry cache already. It marks the dentry and hands it back without an \
             inode.",
    look: None,
    needs: None,
};
