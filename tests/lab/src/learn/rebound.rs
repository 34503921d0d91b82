//! What comes back after a prune.

use super::seen::UNUSED;
use super::{Check, EXT4, Experiment, Look, NO_EXT4, Part};

const MAKE: &str = "agent files /mnt/ext4/used {n} && agent files /mnt/ext4/idle {n} && sync";

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 9,
    name: "rebound",
    title: "Prune and rebound",
    about: &[
        "Memory in a cache is not wasted: somebody may need it again. What a prune wins is what does not come back, and what it costs \
         is what the filesystem is asked again.",
        "Two trees of files, as large as each other. One is used by a program that looks at all of its files now and then and \
         holds some open; nobody looks at the other any more. slabscope cannot know which is which. You can: by the \
         rebound.",
    ],
    counts: [20_000, 4_000],
    set_up: &[
        EXT4,
        MAKE,
        "mkdir -p /run/learn; setsid agent hold $(find /mnt/ext4/used -name '*00') >/run/learn/held 2>&1 & echo $! >/run/learn/holder",
        "until grep -q holding /run/learn/held; do sleep 0.1; done",
    ],
    clean_up: &[
        "if test -e /run/learn/holder; then kill $(cat /run/learn/holder); while kill -0 $(cat /run/learn/holder) 2>/dev/null; do sleep 0.1; done; rm /run/learn/holder /run/learn/held; fi",
        NO_EXT4,
    ],
    parts: &[IDLE, USED, REBOUND, SECOND_ROUND],
    next: "On a machine of yours: prune, and look at the tree again after a minute. What has come back was in use. The history \
           (key 3) marks each prune, so that the rebound shows behind it.",
    own_boot: false,
};

const LOOK: Look = Look {
    command: "slabscope /mnt/ext4",
    hint: "The tree: idle/ and used/, with what is cached below each, and what of it is in use.",
};

const IDLE: Part = Part {
    title: "Prune what nobody uses",
    text: "All unused dentries below /mnt/ext4/idle, and with them the inodes that nobody else refers to.",
    prepare: &["slabscope prune --mode dentries --dry-run /mnt/ext4/idle"],
    probes: &[UNUSED],
    question: "There are {n} files in it. How many of their dentries go?",
    commands: &["slabscope prune --mode dentries --yes /mnt/ext4/idle"],
    checks: &[Check {
        what: "unused dentries that went, for each file",
        figure: |seen| -seen.grew(UNUSED) / seen.n,
        low: 0.95,
        high: 1.1,
    }],
    answer: "All of them, and their directories'.",
    look: Some(LOOK),
    needs: None,
};

const USED: Part = Part {
    title: "Prune what is in use",
    text: "The same below /mnt/ext4/used, of which a process holds some files open.",
    prepare: &[],
    probes: &[UNUSED],
    question: "What becomes of the files that are open?",
    commands: &["slabscope prune --mode dentries --yes /mnt/ext4/used"],
    checks: &[Check {
        what: "unused dentries that went, for each file",
        figure: |seen| -seen.grew(UNUSED) / seen.n,
        low: 0.9,
        high: 1.1,
    }],
    answer: "Their dentries stay: a prune never takes what is in use. Everything else goes as in the idle tree, though it will be \
             needed again.",
    look: Some(LOOK),
    needs: None,
};

const REBOUND: Part = Part {
    title: "The program goes on",
    text: "Now the program looks at its files (find asks for the size of each). The calls of ext4_lookup() are counted: each reads \
           a directory, and most then an inode.",
    prepare: &[],
    probes: &[UNUSED],
    question: "How much of what was pruned in the two trees is cached again?",
    commands: &["agent calls ext4_lookup find /mnt/ext4/used -size +1"],
    checks: &[
        Check {
            what: "calls of ext4_lookup(), for each file",
            figure: |seen| seen.said("ext4_lookup") / seen.n,
            low: 0.9,
            high: 1.1,
        },
        Check {
            what: "unused dentries that came, for each file",
            figure: |seen| seen.grew(UNUSED) / seen.n,
            low: 0.9,
            high: 1.1,
        },
    ],
    answer: "That of the tree in use: all of it, at the cost of a lookup for each file. That of the idle tree stays away: the prune won \
             its half, and the other half was work for nothing.",
    look: Some(LOOK),
    needs: None,
};

const SECOND_ROUND: Part = Part {
    title: "And the round after that",
    text: "The program looks at its files once more.",
    prepare: &[],
    probes: &[UNUSED],
    question: "How often is ext4 asked this time?",
    commands: &["agent calls ext4_lookup find /mnt/ext4/used -size +1"],
    checks: &[Check {
        what: "calls of ext4_lookup(), for each file",
        figure: |seen| seen.said("ext4_lookup") / seen.n,
        low: 0.0,
        high: 0.05,
    }],
    answer: "Never: it is cached again. A prune costs its user one round.",
    look: None,
    needs: None,
};
