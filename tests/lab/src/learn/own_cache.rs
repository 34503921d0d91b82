//! Making slab caches.

use super::seen::{Probe, RECLAIMABLE, UNRECLAIMABLE};
use super::{Check, DEMO, Experiment, Look, NO_DEMO, Part};

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 5,
    name: "own_cache",
    title: "Make your own slab cache",
    about: &[
        "A slab cache hands out objects of one size. It takes pages from the page allocator a slab at a time (some pages that lie \
         together), and divides them. The module slabscope_demo (kmod/demo) makes caches on command: what is written \
         to /dev/slabscope_demo is a command, what is read from it is what there is.",
        "SLAB_RECLAIM_ACCOUNT is only a promise: \"a shrinker can free these objects\". The kernel counts such slabs as \
         SReclaimable, all others as SUnreclaim.",
    ],
    counts: [50_000, 5_000],
    set_up: &[DEMO],
    clean_up: &[NO_DEMO],
    parts: &[UNRECLAIM, RECLAIM, MERGED, ALONE, CONSTRUCTED, GIVEN_BACK],
    next: "`cargo lab learn 6` gives such a cache a shrinker, `cargo lab learn 8` frees every second object. The commands work \
           in `cargo lab shell` too: docs/user/demo.md has all of them.",
    own_boot: false,
};

const LOOK: Look = Look {
    command: "slabscope",
    hint: "The slab caches. Type /demo and Enter to see those of the module alone, Enter on one to have it explained.",
};

const SIZE: f64 = 1000.0;

/// Slabs of the first cache.
const SLABS: Probe = Probe {
    name: "slabs of demo_odd",
    read: "awk '$1 == \"demo_odd\" { print $15 }' /proc/slabinfo",
};

/// Their bytes.
const SLAB_BYTES: Probe = Probe {
    name: "bytes of these slabs",
    read: "awk '$1 == \"demo_odd\" { print $15 * $6 * 4096 }' /proc/slabinfo",
};

/// Objects that they have room for.
const ROOM: Probe = Probe {
    name: "objects that they have room for",
    read: "awk '$1 == \"demo_odd\" { print $3 }' /proc/slabinfo",
};

const UNRECLAIM: Part = Part {
    title: "An odd size",
    text: "A cache for objects of 1,000 bytes, which do not divide a page, with {n} objects. `nomerge` comes later.",
    prepare: &[],
    probes: &[RECLAIMABLE, UNRECLAIMABLE, ROOM, SLAB_BYTES],
    question: "How many bytes of memory does an object of 1,000 bytes take?",
    commands: &[
        "echo create demo_odd 1000 nomerge >/dev/slabscope_demo",
        "echo alloc demo_odd {n} >/dev/slabscope_demo",
        "grep demo_odd /proc/slabinfo",
    ],
    checks: &[
        Check {
            what: "bytes of SUnreclaim, for each object",
            figure: |seen| seen.grew(UNRECLAIMABLE) * 1024.0 / seen.n,
            low: 950.0,
            high: 1200.0,
        },
        Check {
            what: "bytes of SReclaimable, for each object",
            figure: |seen| seen.grew(RECLAIMABLE) * 1024.0 / seen.said("demo_odd"),
            low: -100.0,
            high: 100.0,
        },
        Check {
            what: "bytes of slab for each object that fits",
            figure: |seen| seen.after(SLAB_BYTES) / seen.after(ROOM),
            low: SIZE,
            high: 1.1 * SIZE,
        },
    ],
    answer: "A little more: what is left at the end of each slab is wasted. The kernel chooses the slab's size so that it is not \
             much (calculate_order() in mm/slub.c).",
    look: Some(LOOK),
    needs: None,
};

const RECLAIM: Part = Part {
    title: "SLAB_RECLAIM_ACCOUNT",
    text: "The same with the flag: `reclaim`.",
    prepare: &[],
    probes: &[RECLAIMABLE, UNRECLAIMABLE],
    question: "Where do these objects show? And can the kernel reclaim them now?",
    commands: &[
        "echo create demo_cache 1000 reclaim >/dev/slabscope_demo",
        "echo alloc demo_cache {n} >/dev/slabscope_demo",
        "grep demo_cache /dev/slabscope_demo",
    ],
    checks: &[
        Check {
            what: "bytes of SReclaimable, for each object",
            figure: |seen| seen.grew(RECLAIMABLE) * 1024.0 / seen.n,
            low: 950.0,
            high: 1200.0,
        },
        Check {
            what: "bytes of SUnreclaim, for each object",
            figure: |seen| seen.grew(UNRECLAIMABLE) * 1024.0 / seen.said("objects"),
            low: -100.0,
            high: 100.0,
        },
    ],
    answer: "In SReclaimable, so that `free` calls them available. But no: the kernel does not know how to free one. The flag \
             is bookkeeping; the shrinker comes in experiment 6.",
    look: Some(LOOK),
    needs: None,
};

/// Caches that have a row of their own.
const ROWS: Probe = Probe {
    name: "rows in /proc/slabinfo",
    read: "grep -c -e '^demo_twin ' -e '^demo_alone ' -e '^demo_ctor ' /proc/slabinfo || true",
};

/// Caches that have a name.
const NAMES: Probe = Probe {
    name: "names in /sys/kernel/slab",
    read: "ls -d /sys/kernel/slab/demo_twin /sys/kernel/slab/demo_alone /sys/kernel/slab/demo_ctor 2>/dev/null | wc -l",
};

const MERGED: Part = Part {
    title: "A twin is merged",
    text: "Another cache of the same size and flags. The allocator gives it the slabs of the one that is there.",
    prepare: &[],
    probes: &[ROWS, NAMES],
    question: "Does /proc/slabinfo have a row for demo_twin?",
    commands: &[
        "echo create demo_twin 1000 reclaim >/dev/slabscope_demo",
        "echo names $(( $(cat /sys/kernel/slab/demo_twin/aliases) + 1 )); readlink /sys/kernel/slab/demo_twin",
    ],
    checks: &[
        Check {
            what: "new rows, for each new name",
            figure: |seen| seen.grew(ROWS) / seen.grew(NAMES),
            low: 0.0,
            high: 0.0,
        },
        Check {
            what: "names of the one cache",
            figure: |seen| seen.said("names"),
            low: 2.0,
            high: f64::INFINITY,
        },
    ],
    answer: "No: it is an alias, a symbolic link in /sys/kernel/slab. So a row of slabinfo may be several caches, whose users cannot be distinguished. slabscope says so in the detail of a cache.",
    look: Some(LOOK),
    needs: None,
};

const ALONE: Part = Part {
    title: "How to prevent it",
    text: "Two more of the same size: one with SLAB_NO_MERGE, one with a constructor. (The boot parameter slab_nomerge prevents it \
           for all caches.)",
    prepare: &[],
    probes: &[ROWS, NAMES],
    question: "Why is a cache with a constructor not merged?",
    commands: &[
        "echo create demo_alone 1000 reclaim nomerge >/dev/slabscope_demo",
        "echo create demo_ctor 1000 reclaim ctor >/dev/slabscope_demo",
    ],
    checks: &[Check {
        what: "new rows, for each new name",
        figure: |seen| seen.grew(ROWS) / seen.grew(NAMES),
        low: 1.0,
        high: 1.0,
    }],
    answer: "Its free objects must stay as they were constructed, and another user would overwrite them.",
    look: Some(LOOK),
    needs: None,
};

const CONSTRUCTED: Part = Part {
    title: "When a constructor is called",
    text: "A hundred objects are allocated and freed, ten times over: a thousand allocations. The module counts the calls of its \
           constructor.",
    prepare: &[],
    probes: &[],
    question: "How many calls are there: 100, 1,000, or something else?",
    commands: &[
        "for i in 1 2 3 4 5 6 7 8 9 10; do echo alloc demo_ctor 100 >/dev/slabscope_demo; echo free demo_ctor all >/dev/slabscope_demo; done",
        "grep demo_ctor /dev/slabscope_demo",
    ],
    checks: &[Check {
        what: "calls of the constructor, for each allocation",
        figure: |seen| seen.said("constructed") / 1000.0,
        low: 0.09,
        high: 0.5,
    }],
    answer: "One for each object of each new slab. Objects that come back are handed out as they are: that is what constructors \
             are for.",
    look: None,
    needs: None,
};

const GIVEN_BACK: Part = Part {
    title: "Free, shrink, destroy",
    text: "Half of the objects of demo_odd are freed, those that were allocated last; then the rest, and the cache is \
           asked to give empty slabs back.",
    prepare: &["echo free demo_odd half >/dev/slabscope_demo; grep demo_odd /proc/slabinfo"],
    probes: &[SLABS, ROOM, UNRECLAIMABLE],
    question: "With all objects freed, how many slabs stay?",
    commands: &[
        "echo free demo_odd all >/dev/slabscope_demo",
        "echo shrink demo_odd >/dev/slabscope_demo",
    ],
    checks: &[Check {
        what: "slabs that are left",
        figure: |seen| seen.after(SLABS),
        low: 0.0,
        high: 0.0,
    }],
    answer: "None after a shrink. Without one the cache keeps some: objects in per-CPU sheaves, and a few empty slabs for the next \
             that comes.",
    look: Some(LOOK),
    needs: None,
};
