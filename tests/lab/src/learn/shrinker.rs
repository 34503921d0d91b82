//! A shrinker.

use super::seen::Probe;
use super::{Check, DEMO, EXT4, Experiment, Look, NO_DEMO, NO_EXT4, Need, Part};

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 6,
    name: "shrinker",
    title: "A shrinker of your own",
    about: &[
        "A shrinker is how a cache gives memory back. It has two functions: count says how many objects could be freed, scan is \
         asked to free some. Reclaim calls them when memory is short, in proportion to how much it has scanned without freeing enough; \
         drop_caches 2 calls all of them.",
        "The dentries and inodes of each filesystem have one. slabscope_demo registers one for a cache of its own, and counts the \
         calls.",
    ],
    counts: [50_000, 5_000],
    set_up: &[
        EXT4,
        DEMO,
        "echo create demo_shrunk 1000 reclaim nomerge >/dev/slabscope_demo",
    ],
    clean_up: &[NO_DEMO, NO_EXT4],
    parts: &[DROPPED, PRESSED, REFUSED, DEBUGFS],
    next: "In slabscope, K on a slab cache asks that cache alone to give back empty slabs: compare what it can and cannot free \
           with what a shrinker does. `cargo lab learn 8` is about the difference.",
    own_boot: false,
};

const ALLOC: &str = "echo free demo_shrunk all >/dev/slabscope_demo; echo alloc demo_shrunk {n} >/dev/slabscope_demo";

const OBJECTS: Probe = Probe {
    name: "objects of demo_shrunk",
    read: "awk '$1 == \"demo_shrunk\" { print $5 }' /dev/slabscope_demo",
};

const COUNTS: Probe = Probe {
    name: "calls of count",
    read: "awk '$1 == \"shrinker\" { n = $4 } END { print n + 0 }' /dev/slabscope_demo",
};

const SCANS: Probe = Probe {
    name: "calls of scan",
    read: "awk '$1 == \"shrinker\" { n = $6 } END { print n + 0 }' /dev/slabscope_demo",
};

const LOOK: Look = Look {
    command: "slabscope",
    hint: "The slab caches: type /demo and Enter, and watch the row demo_shrunk.",
};

const FREED: Check = Check {
    what: "objects that went, for each that there was",
    figure: |seen| -seen.grew(OBJECTS) / seen.before(OBJECTS),
    low: 0.9,
    high: 1.0,
};

const CALLED: Check = Check {
    what: "calls of scan",
    figure: |seen| seen.grew(SCANS),
    low: 1.0,
    high: f64::INFINITY,
};

const DROPPED: Part = Part {
    title: "drop_caches calls it",
    text: "{n} objects, a shrinker registered for them, and drop_caches 2.",
    prepare: &[ALLOC, "echo register demo_shrunk >/dev/slabscope_demo"],
    probes: &[OBJECTS, COUNTS, SCANS],
    question: "drop_caches knows nothing of this module. Are its objects freed?",
    commands: &[
        "echo 2 >/proc/sys/vm/drop_caches",
        "cat /dev/slabscope_demo",
    ],
    checks: &[FREED, CALLED],
    answer: "Yes: count reported how many there are, scan was asked for them. `asked` may be more than there are: drop_caches asks until little is freed.",
    look: Some(LOOK),
    needs: None,
};

const PRESSED: Part = Part {
    title: "A shortage of memory calls it",
    text: "Writing to reclaim of a NUMA node has the kernel reclaim as in a shortage: more than there is is asked for, so it tries \
           harder and harder, and gives up in the end.",
    prepare: &[
        ALLOC,
        // With hardly any page cache the kernel does not begin.
        "dd if=/dev/zero of=/mnt/ext4/fill bs=1M count=128 conv=fsync status=none",
    ],
    probes: &[OBJECTS, COUNTS, SCANS],
    question: "A shortage first asks softly: for 1/4096 of the objects, then 1/2048. What does our shrinker see?",
    commands: &[
        "echo 16G 2>/dev/null >/sys/devices/system/node/node0/reclaim || echo the kernel gave up",
        "cat /dev/slabscope_demo",
    ],
    checks: &[CALLED, FREED],
    answer: "Many calls of count, and scans for more and more objects, until all are gone. Page cache goes in the same way: the \
             larger the shortage, the more from each.",
    look: Some(LOOK),
    needs: Some(Need {
        path: "/sys/devices/system/node/node0/reclaim",
        without: "This kernel has no /sys/devices/system/node/node0/reclaim: a shortage cannot be asked for on it.",
    }),
};

const REFUSED: Part = Part {
    title: "One that refuses",
    text: "A shrinker may say SHRINK_STOP: not now (a lock is taken, say). The module's does so from now on.",
    prepare: &[ALLOC, "echo refuse >/dev/slabscope_demo"],
    probes: &[OBJECTS, SCANS],
    question: "Does drop_caches insist?",
    commands: &[
        "echo 2 >/proc/sys/vm/drop_caches",
        "cat /dev/slabscope_demo",
    ],
    checks: &[
        CALLED,
        Check {
            what: "objects that stay, for each that there was",
            figure: |seen| seen.said("objects") / seen.before(OBJECTS),
            low: 1.0,
            high: 1.0,
        },
    ],
    answer: "No: it goes on to the next shrinker, and the objects stay. They are still called reclaimable in /proc/meminfo. A \
             large SReclaimable that does not shrink may be this.",
    look: Some(LOOK),
    needs: None,
};

const DEBUGFS: Part = Part {
    title: "The interface in debugfs",
    text: "With CONFIG_SHRINKER_DEBUG each shrinker has a directory in debugfs: reading count calls it, writing \"cgroup node \
           objects\" to scan does.",
    prepare: &[ALLOC, "echo obey >/dev/slabscope_demo"],
    probes: &[OBJECTS, COUNTS, SCANS],
    question: "Which of the two changes anything?",
    commands: &[
        "cat /sys/kernel/debug/shrinker/slabscope-demo-*/count",
        "for scan in /sys/kernel/debug/shrinker/slabscope-demo-*/scan; do echo 0 0 {n} >$scan; done",
    ],
    checks: &[CALLED],
    answer: "scan: one shrinker alone, where drop_caches takes all.",
    look: None,
    needs: Some(Need {
        path: "/sys/kernel/debug/shrinker",
        without: "This kernel is built without CONFIG_SHRINKER_DEBUG (Debian's are), so there is no /sys/kernel/debug/shrinker. What \
                  the steps before have shown, calls by drop_caches and in a shortage, is what there is to see.",
    }),
};
