//! The leak by creating and removing.

use super::seen::{DENTRY_OBJECTS, DENTRY_SIZE, NEGATIVE, Probe};
use super::{Check, EXT4, Experiment, Look, NO_EXT4, Part};

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 3,
    name: "temporary",
    title: "The leak by creating and removing files",
    about: &[
        "unlink() of a file that nobody has open does not free its dentry: the dentry turns negative and stays, since the \
         name may be asked for again. A program that makes files of random names and removes them (sessions, uploads, \
         compilers, editors) asks for none of them again, and leaves a dentry for each.",
        "Where the kernel has the sysctl fs.dentry-negative, 1 has unlink() free them.",
    ],
    counts: [100_000, 10_000],
    set_up: &[
        EXT4,
        "mkdir /mnt/ext4/t",
        "mkdir -p /run/learn && sysctl -n fs.dentry-negative >/run/learn/dentry-negative",
    ],
    clean_up: &[
        "if test -e /run/learn/dentry-negative; then sysctl -q fs.dentry-negative=$(cat /run/learn/dentry-negative) && rm /run/learn/dentry-negative; fi",
        "if test -d /sys/fs/cgroup/learn; then rmdir /sys/fs/cgroup/learn; fi",
        NO_EXT4,
    ],
    parts: &[RANDOM, SAME, WITH_SYSCTL, STILL, IN_CGROUP],
    next: "On a machine of yours: `slabscope hotspots`, then `n` on the directory. Names of one shape, such as `sess_<hex32>`, \
           tell which program it is. `cargo lab learn 9` is about what pruning them costs.",
    own_boot: false,
};

const LOOK: Look = Look {
    command: "slabscope /mnt/ext4",
    hint: "The tree: the negative dentries of t/ grow while the directory is empty. n on it lists their names by shape.",
};

/// Of each file that was made and removed: nothing can pass where there was none.
const PER_FILE: fn(&super::Seen) -> f64 = |seen| seen.grew(NEGATIVE) / seen.said("files");

const NONE_STAY: Check = Check {
    what: "negative dentries that stay, for each file",
    figure: PER_FILE,
    low: -0.02,
    high: 0.02,
};

const RANDOM: Part = Part {
    title: "Random names",
    text: "The agent makes {n} empty files of random names in /mnt/ext4/t, each removed before the next is made.",
    prepare: &[],
    probes: &[NEGATIVE, DENTRY_OBJECTS, DENTRY_SIZE],
    question: "The directory is empty again. How much memory does it take for each file that there was?",
    commands: &["agent temporary /mnt/ext4/t {n}"],
    checks: &[
        Check {
            what: "negative dentries that stay, for each file",
            figure: PER_FILE,
            low: 0.97,
            high: 1.05,
        },
        Check {
            what: "bytes of slab objects, for each file",
            figure: |seen| seen.grew(DENTRY_OBJECTS) * seen.after(DENTRY_SIZE) / seen.said("files"),
            low: 160.0,
            high: 300.0,
        },
    ],
    answer: "A dentry for each: some 200 bytes, which a thousand files a second make into 17 GB a day. Nothing takes them \
             back before memory is short.",
    look: Some(LOOK),
    needs: None,
};

const SAME: Part = Part {
    title: "One name again and again",
    text: "As many files, but all of the same name.",
    prepare: &[],
    probes: &[NEGATIVE],
    question: "How many negative dentries does this leave?",
    commands: &["agent temporary --same /mnt/ext4/t {n}"],
    checks: &[NONE_STAY],
    answer: "One: it is there for the next file, turns positive, and negative again. Not the number of files matters, but the \
             number of names.",
    look: None,
    needs: None,
};

const WITH_SYSCTL: Part = Part {
    title: "With fs.dentry-negative=1",
    text: "Random names once more, with the sysctl set. It goes back to what it was when you leave.",
    prepare: &["sysctl -q fs.dentry-negative=1"],
    probes: &[NEGATIVE],
    question: "Which of the two functions that leave negative dentries, lookup and unlink, does it change?",
    commands: &[
        "agent temporary /mnt/ext4/t {n}",
        "grep -A1 policy /run/learn/d_delete.c",
    ],
    checks: &[
        NONE_STAY,
        Check {
            what: "mentions of dentry_negative_policy in d_delete()",
            figure: |seen| seen.times("dentry_negative_policy"),
            low: 1.0,
            high: f64::INFINITY,
        },
    ],
    answer: "unlink() (and rmdir()) alone: d_delete() takes the name out of the cache where it would have kept it.",
    look: Some(LOOK),
    needs: NEEDS_SYSCTL,
};

const NEEDS_SYSCTL: Option<super::Need> = Some(super::Need {
    path: "/proc/sys/fs/dentry-negative",
    without: "This kernel has no sysctl fs.dentry-negative, so that this step cannot be shown on it.",
});

const STILL: Part = Part {
    title: "What the sysctl does not change",
    text: "It is set still. The agent asks for {n} names that never were.",
    prepare: &[],
    probes: &[NEGATIVE],
    question: "Do these leave negative dentries?",
    commands: &["agent lookups /mnt/ext4/t {n} never_"],
    checks: &[Check {
        what: "negative dentries that came, for each name",
        figure: |seen| seen.grew(NEGATIVE) / seen.n,
        low: 0.98,
        high: 1.05,
    }],
    answer: "As before: failed lookups go another way, which no sysctl closes.",
    look: None,
    needs: NEEDS_SYSCTL,
};

/// What the group took at most.
const PEAK: Probe = Probe {
    name: "the group's memory at its most, bytes",
    read: "cat /sys/fs/cgroup/learn/memory.peak",
};

/// How often it was at its limit.
const AT_LIMIT: Probe = Probe {
    name: "times that it was at its limit",
    read: "awk '$1 == \"max\" { print $2 }' /sys/fs/cgroup/learn/memory.events",
};

const IN_CGROUP: Part = Part {
    title: "In a memory cgroup with a limit",
    text: "Dentries are charged to the memory cgroup of who looks up. A group with 16 MiB asks for {n}0 names.",
    prepare: &[
        "echo +memory >/sys/fs/cgroup/cgroup.subtree_control && mkdir /sys/fs/cgroup/learn",
        "echo 16M >/sys/fs/cgroup/learn/memory.max",
    ],
    probes: &[NEGATIVE, PEAK, AT_LIMIT],
    question: "{n}0 dentries do not fit into 16 MiB. Does the program get killed, or how many stay?",
    commands: &[
        "(echo 0 >/sys/fs/cgroup/learn/cgroup.procs && exec agent lookups /mnt/ext4/t {n}0 group_)",
    ],
    checks: &[
        Check {
            what: "negative dentries that stay, for each name",
            figure: |seen| seen.grew(NEGATIVE) / (10.0 * seen.n),
            low: 0.01,
            high: 0.9,
        },
        Check {
            what: "the group's memory at its most, of its limit",
            figure: |seen| seen.after(PEAK) / f64::from(16 << 20),
            low: 0.9,
            high: 1.02,
        },
        Check {
            what: "times that it was at its limit",
            figure: |seen| seen.grew(AT_LIMIT),
            low: 1.0,
            high: f64::INFINITY,
        },
    ],
    answer: "It goes on: at its limit the group reclaims its own dentries, and only as many stay as fit. A container with a \
             limit fills its own memory with them, one without fills the machine's.",
    look: Some(Look {
        command: "slabscope /mnt/ext4",
        hint: "The tree: the negatives of t/ grow up to what fits, and stay there. Key 1, then Enter on dentry, explains the cache.",
    }),
    needs: None,
};
