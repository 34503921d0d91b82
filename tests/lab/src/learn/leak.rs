//! Destroying a cache that still holds objects.

use super::seen::{Probe, UNRECLAIMABLE};
use super::{Check, DEMO, Experiment, NO_DEMO, Part};

pub(super) const EXPERIMENT: Experiment = Experiment {
    number: 7,
    name: "leak",
    title: "Leaking objects",
    about: &[
        "kmem_cache_destroy() is meant for a cache whose objects are all freed. With some left, what becomes of their slabs? They \
         cannot be freed: somebody may hold a pointer.",
        "An old kernel kept the cache in its list with the name in the memory of a module that was then unloaded: the next reader of \
         /proc/slabinfo brought an oops. This one warns, takes the cache out of slabinfo and sysfs, and leaves the slabs \
         where they are.",
    ],
    counts: [2_000, 2_000],
    set_up: &[
        DEMO,
        "echo create demo_leak 4096 nomerge >/dev/slabscope_demo",
        "echo alloc demo_leak {n} >/dev/slabscope_demo",
    ],
    clean_up: &[NO_DEMO],
    parts: &[LEAKED, UNLOADED],
    next: "What leaked is freed by the next boot only. In slabscope, watch SUnreclaim against the sum of the caches: a gap \
           between them is memory with no name.",
    own_boot: true,
};

const BYTES: f64 = 4096.0;

const ROWS: Probe = Probe {
    name: "rows of demo_leak in /proc/slabinfo",
    read: "grep -c '^demo_leak ' /proc/slabinfo || true",
};

const NAMES: Probe = Probe {
    name: "directories of it in sysfs",
    read: "ls -d /sys/kernel/slab/demo_leak 2>/dev/null | wc -l",
};

const LEAKED: Part = Part {
    title: "Destroy it anyway",
    text: "The cache has {n} objects of 4,096 bytes. The module's command `leak` destroys it.",
    prepare: &[],
    probes: &[ROWS, NAMES, UNRECLAIMABLE],
    question: "What does the kernel's log say, and does the memory come back?",
    commands: &[
        "echo leak demo_leak >/dev/slabscope_demo",
        "dmesg | grep -A 1 'still has objects'; echo leaked 1",
    ],
    checks: &[
        Check {
            what: "rows of it in /proc/slabinfo",
            figure: |seen| seen.after(ROWS),
            low: 0.0,
            high: 0.0,
        },
        Check {
            what: "directories of it in /sys/kernel/slab",
            figure: |seen| seen.after(NAMES),
            low: 0.0,
            high: 0.0,
        },
        Check {
            what: "warnings in the kernel's log",
            figure: |seen| seen.times("still has objects"),
            low: 1.0,
            high: f64::INFINITY,
        },
        Check {
            what: "bytes of SUnreclaim that came back, for each object",
            figure: |seen| -seen.grew(UNRECLAIMABLE) * 1024.0 / seen.n / seen.said("leaked"),
            low: -0.1 * BYTES,
            high: 0.1 * BYTES,
        },
    ],
    answer: "A warning with the cache's name and a call trace (`dmesg` has all of it), and no: 8 MiB stay in SUnreclaim, and \
             nothing in /proc/slabinfo or sysfs says whose they are.",
    look: None,
    needs: None,
};

const UNLOADED: Part = Part {
    title: "Unload the module, read slabinfo",
    text: "What an old kernel did not survive: the module that made the cache goes, then everybody reads slabinfo.",
    prepare: &[],
    probes: &[UNRECLAIMABLE],
    question: "Does the memory come back with the module's end?",
    commands: &[
        "rmmod slabscope_demo && echo unloaded 1",
        "wc -l </proc/slabinfo",
    ],
    checks: &[Check {
        what: "bytes of SUnreclaim that came back, for each object",
        figure: |seen| -seen.grew(UNRECLAIMABLE) * 1024.0 / seen.n / seen.said("unloaded"),
        low: -0.1 * BYTES,
        high: 0.1 * BYTES,
    }],
    answer: "No. The kernel does not know who allocated an object; only the cache's owner does, and it is gone.",
    look: None,
    needs: None,
};
