//! Why bytes do not follow objects.

use super::seen::Probe;
use super::{Check, DEMO, Experiment, Look, NO_DEMO, Part};

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 8,
    name: "partial",
    title: "Why bytes do not follow objects",
    about: &[
        "Memory is freed a slab at a time: only when each of its objects is free. A slab with one object left in it is as large as \
         a full one. Nothing can move that object, since the kernel does not know who points to it.",
        "Two more things come between free() and free memory. Objects that are freed by RCU wait until nobody can be reading them any \
         more. And each processor keeps some free objects at hand, in sheaves, which count as allocated.",
    ],
    counts: [100_000, 10_000],
    set_up: &[DEMO],
    clean_up: &[NO_DEMO],
    parts: &[HALF, SECOND, SHRUNK, SHEAVES, FLUSHED, RCU],
    next: "In slabscope the column Use% of the slab caches is this: objects against room. After a prune, the ledger shows what was freed at once and what was not. `cargo lab learn 9` is about what comes again.",
    own_boot: false,
};

const LOOK: Look = Look {
    command: "slabscope",
    hint: "The slab caches: type /demo and Enter. Compare the objects in use with all objects, and the size.",
};

macro_rules! slabs {
    ($cache:literal) => {
        Probe {
            name: concat!("slabs of ", $cache),
            read: concat!("awk '$1 == \"", $cache, "\" { print $15 }' /proc/slabinfo"),
        }
    };
}

macro_rules! objects {
    ($cache:literal) => {
        Probe {
            name: concat!("objects of ", $cache, " in use"),
            read: concat!("awk '$1 == \"", $cache, "\" { print $2 }' /proc/slabinfo"),
        }
    };
}

const HALF_SLABS: Probe = slabs!("demo_half");
const HALF_OBJECTS: Probe = objects!("demo_half");
const SECOND_SLABS: Probe = slabs!("demo_second");
const SECOND_OBJECTS: Probe = objects!("demo_second");
const SHEAF_SLABS: Probe = slabs!("demo_sheaf");
const SHEAF_OBJECTS: Probe = objects!("demo_sheaf");

const HALF: Part = Part {
    title: "Free half of the objects",
    text: "A cache with {n} objects of 256 bytes. Those of the second half, one slab after the other, are freed.",
    prepare: &[
        "echo create demo_half 256 nomerge >/dev/slabscope_demo",
        "echo alloc demo_half {n} >/dev/slabscope_demo",
    ],
    probes: &[HALF_OBJECTS, HALF_SLABS],
    question: "How many of the slabs go?",
    commands: &["echo free demo_half half >/dev/slabscope_demo"],
    checks: &[Check {
        what: "slabs that stay, of those before",
        figure: |seen| seen.after(HALF_SLABS) / seen.before(HALF_SLABS),
        low: 0.45,
        high: 0.75,
    }],
    answer: "Half, but for a few: neighbours were freed, so whole slabs became empty. Bytes followed objects.",
    look: Some(LOOK),
    needs: None,
};

const SECOND: Part = Part {
    title: "Free every second object",
    text: "Another cache like it. As many objects are freed, but every second one.",
    prepare: &[
        "echo create demo_second 256 nomerge >/dev/slabscope_demo",
        "echo alloc demo_second {n} >/dev/slabscope_demo",
    ],
    probes: &[SECOND_OBJECTS, SECOND_SLABS],
    question: "How many of the slabs go this time?",
    commands: &["echo free demo_second second >/dev/slabscope_demo"],
    checks: &[
        Check {
            what: "objects in use that went, of those before",
            figure: |seen| -seen.grew(SECOND_OBJECTS) / seen.before(SECOND_OBJECTS),
            low: 0.4,
            high: 0.55,
        },
        Check {
            what: "slabs that went, for each object that went",
            figure: |seen| seen.grew(SECOND_SLABS) / seen.grew(SECOND_OBJECTS),
            low: 0.0,
            high: 0.002,
        },
    ],
    answer: "None: each has objects left. This is what happens when names of all ages share slabs: half of the dentries are \
             pruned, and little memory is freed at first.",
    look: Some(LOOK),
    needs: None,
};

const SHRUNK: Part = Part {
    title: "A shrink does not help",
    text: "The cache is asked to give back what it can (K in slabscope, or 1 to /sys/kernel/slab/CACHE/shrink).",
    prepare: &[],
    probes: &[SECOND_OBJECTS, SECOND_SLABS],
    question: "Why can the kernel not put the objects together, as a disk is defragmented?",
    commands: &["echo shrink demo_second >/dev/slabscope_demo && echo shrunk 1"],
    checks: &[Check {
        what: "slabs that stay, of those before",
        figure: |seen| seen.after(SECOND_SLABS) / seen.before(SECOND_SLABS) * seen.said("shrunk"),
        low: 0.95,
        high: 1.0,
    }],
    answer: "It would have to find every pointer to them. Page migration can, for user memory; slab objects are referred to by their \
             address from anywhere.",
    look: None,
    needs: None,
};

const SHEAVES: Part = Part {
    title: "Sheaves: free, and yet in use",
    text: "A third cache: a thousand objects are allocated, and all are freed again.",
    prepare: &["echo create demo_sheaf 256 nomerge >/dev/slabscope_demo"],
    probes: &[SHEAF_OBJECTS, SHEAF_SLABS],
    question: "The module has no object any more. How many does /proc/slabinfo call in use?",
    commands: &[
        "echo alloc demo_sheaf 1000 >/dev/slabscope_demo && echo free demo_sheaf all >/dev/slabscope_demo",
        "grep demo_sheaf /dev/slabscope_demo; echo sheaf $(cat /sys/kernel/slab/demo_sheaf/sheaf_capacity)",
    ],
    checks: &[Check {
        what: "objects that are called in use",
        figure: |seen| seen.after(SHEAF_OBJECTS),
        low: 1.0,
        high: 1000.0,
    }],
    answer: "Some: each processor keeps up to two sheaves of free objects for itself, and the node a barn with more, so that the \
             next allocation need not lock anything. To the slabs they are in use.",
    look: Some(LOOK),
    needs: None,
};

const FLUSHED: Part = Part {
    title: "A shrink empties sheaves",
    text: "That cache is asked to give back what it can.",
    prepare: &[],
    probes: &[SHEAF_OBJECTS, SHEAF_SLABS],
    question: "How many objects and slabs are left?",
    commands: &["echo shrink demo_sheaf >/dev/slabscope_demo"],
    checks: &[
        Check {
            what: "objects that are called in use",
            figure: |seen| seen.after(SHEAF_OBJECTS),
            low: 0.0,
            high: 0.0,
        },
        Check {
            what: "slabs",
            figure: |seen| seen.after(SHEAF_SLABS),
            low: 0.0,
            high: 0.0,
        },
    ],
    answer: "None: now the figures are exact.",
    look: None,
    needs: None,
};

const RCU: Part = Part {
    title: "Freed by RCU",
    text: "Dentries and inodes are freed by RCU: lookups read them without a lock, so they stay until every such reader is done (a \
           grace period). The rest of demo_second is freed in this way; the module counts what is not free yet when the last \
           object was given to RCU, and how long it took.",
    prepare: &[],
    probes: &[SECOND_OBJECTS, SECOND_SLABS],
    question: "How many are free at that moment?",
    commands: &[
        "echo free demo_second rcu >/dev/slabscope_demo",
        "cat /dev/slabscope_demo",
    ],
    checks: &[
        Check {
            what: "objects not free yet, of those given to RCU",
            figure: |seen| seen.said("waiting") / seen.said("queued"),
            low: 1.0,
            high: 1.0,
        },
        Check {
            what: "slabs that stay after it, of those before",
            figure: |seen| seen.after(SECOND_SLABS) / seen.before(SECOND_SLABS),
            low: 0.0,
            high: 0.5,
        },
    ],
    answer: "None. That is why slabscope takes a second sample after a prune: the memory comes some milliseconds later.",
    look: None,
    needs: None,
};
