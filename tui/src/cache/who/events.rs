//! The events that show who makes what, in the order in which they are tried.

use super::{Subject, Way};

/// Events that go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// The kernel's means of tracing.
    pub way: Way,
    /// One histogram each.
    pub events: Vec<Event>,
    /// Events that report names of directories: only armed where their numbers lead to no path.
    pub names: Vec<Event>,
    /// What they do not report, as text; empty: they report everything.
    pub lacks: &'static str,
}

impl Events {
    /// The functions that are watched, or the tracepoints.
    pub fn functions(&self) -> Vec<&'static str> {
        let name = |event: &Event| match event.group {
            Some(_) => event.name,
            None => event.function,
        };
        self.events.iter().map(name).collect()
    }

    /// Text for the way, and what it does not report.
    pub fn words(&self) -> String {
        let on = self.functions().join(", ");
        let mut text = format!("{} on {on}", self.way.words());
        if !self.lacks.is_empty() {
            text += &format!(", which do not report {}", self.lacks);
        }
        text
    }
}

/// One event, with the histogram that counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name; its group is that of the process, or for a tracepoint [`Event::group`].
    pub name: &'static str,
    /// The group of a tracepoint, which already exists.
    pub group: Option<&'static str>,
    /// The definition without its group: kind, function, arguments. Empty of a tracepoint.
    pub kind: &'static str,
    /// The function that it is on.
    pub function: &'static str,
    /// Its arguments.
    pub arguments: String,
    /// Keys of the histogram, separated by commas.
    pub keys: &'static str,
    /// Sums of the histogram, or empty.
    pub values: &'static str,
    /// Behind `if`, or empty.
    pub filter: String,
    /// The meaning of its count.
    pub counts: Counts,
}

/// The meaning of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Something is made.
    Made,
    /// Something is freed.
    Freed,
}

impl Event {
    /// The line for dynamic_events; None: there is nothing to define.
    pub fn definition(&self, group: &str) -> Option<String> {
        let Self {
            kind,
            name,
            function,
            arguments,
            ..
        } = self;
        self.group
            .is_none()
            .then(|| format!("{kind}:{group}/{name} {function} {arguments}"))
    }

    /// The line for the event's trigger file.
    pub fn trigger(&self, rows: u32) -> String {
        let mut trigger = format!("hist:keys={}", self.keys);
        if !self.values.is_empty() {
            trigger += &format!(":vals={}", self.values);
        }
        trigger += &format!(":size={rows}");
        if !self.filter.is_empty() {
            trigger += &format!(" if {}", self.filter);
        }
        trigger
    }
}

const BY_THREAD: &str = "common_pid.execname";

/// Sets of events, tried one after the other until the kernel takes one.
pub fn candidates(subject: &Subject) -> Vec<Events> {
    match subject {
        Subject::Dentries { dev } => dentries(*dev),
        Subject::Cache { name } => vec![slab(name)],
    }
}

fn dentries(dev: Option<u64>) -> Vec<Events> {
    let mut all = Vec::new();
    for (way, kind) in [(Way::Fprobe, "f"), (Way::Kprobe, "p")] {
        let [events, names] = outcomes(kind, dev);
        all.push(Events {
            way,
            events,
            names,
            lacks: "",
        });
        let [events, names] = lookups(kind, dev);
        all.push(Events {
            way,
            events,
            names,
            lacks: "whether there is a file of the name",
        });
    }
    if dev.is_some() {
        // Without the kernel's types the device of an event cannot be read, so no filter can use
        // it.
        return all;
    }
    for (way, kind) in [(Way::Fprobe, "f"), (Way::Kprobe, "p")] {
        all.push(Events {
            way,
            events: names(kind),
            names: Vec::new(),
            lacks: "whether there is a file of the name, and which directory of its name it is",
        });
    }
    all.push(Events {
        lacks: "the directories",
        ..slab("dentry")
    });
    all
}

fn filter(dev: Option<u64>) -> String {
    dev.map(|dev| format!("dev == {dev}")).unwrap_or_default()
}

/// Where a lookup puts what it found, or that it found nothing, into the cache: both functions have
/// been there, with these arguments, since before BTF (fs/dcache.c, Linux 7.3; neither calls the
/// other). An inode's address has its uppermost bit set, as all of the kernel's.
///
/// A histogram has three keys at most, and two sums besides its count (kernel/trace/tracing_map.h:
/// `TRACING_MAP_KEYS_MAX`, `TRACING_MAP_VALS_MAX`): an inode's generation, which never changes, is
/// read from its sum.
fn outcomes(kind: &'static str, dev: Option<u64>) -> [Vec<Event>; 2] {
    let event = |name, function, dentry| Event {
        name,
        group: None,
        kind,
        function,
        arguments: format!(
            "dev={dentry}->d_sb->s_dev ino={dentry}->d_parent->d_inode->i_ino \
             gen={dentry}->d_parent->d_inode->i_generation there=inode:b1@63/64"
        ),
        keys: "common_pid.execname,dev,ino",
        values: "there,gen",
        filter: filter(dev),
        counts: Counts::Made,
    };
    let named = |name, function, dentry: &'static str| Event {
        name,
        arguments: format!(
            "dev={dentry}->d_sb->s_dev ino={dentry}->d_parent->d_inode->i_ino \
             dir={dentry}->d_parent->d_name.name:string"
        ),
        ..by_name(event(name, function, dentry))
    };
    let made = [
        ("splice", "d_splice_alias", "dentry"),
        ("add", "d_add", "entry"),
    ];
    let names = [
        ("splice_name", "d_splice_alias", "dentry"),
        ("add_name", "d_add", "entry"),
    ];
    [
        made.map(|(name, function, dentry)| event(name, function, dentry))
            .into(),
        names
            .map(|(name, function, dentry)| named(name, function, dentry))
            .into(),
    ]
}

/// The same event, for the names of directories.
fn by_name(event: Event) -> Event {
    Event {
        keys: "dev,ino,dir",
        values: "",
        ..event
    }
}

/// Where a lookup makes a dentry, before its outcome is known (fs/namei.c: `__lookup_slow()`,
/// `lookup_one_qstr_excl()`, Linux 7.3).
fn lookups(kind: &'static str, dev: Option<u64>) -> [Vec<Event>; 2] {
    let event = |name, function| Event {
        name,
        group: None,
        kind,
        function,
        arguments: "dev=parent->d_sb->s_dev ino=parent->d_inode->i_ino \
                    gen=parent->d_inode->i_generation"
            .into(),
        keys: "common_pid.execname,dev,ino",
        values: "gen",
        filter: filter(dev),
        counts: Counts::Made,
    };
    let named = |name, function| Event {
        arguments: "dev=parent->d_sb->s_dev ino=parent->d_inode->i_ino \
                    dir=parent->d_name.name:string"
            .into(),
        ..by_name(event(name, function))
    };
    [
        vec![
            event("parallel", "d_alloc_parallel"),
            event("alloc", "d_alloc"),
        ],
        vec![
            named("parallel_name", "d_alloc_parallel"),
            named("alloc_name", "d_alloc"),
        ],
    ]
}

/// The same by the names alone, for a kernel without BTF: it knows itself where a dentry has its
/// name (kernel/trace/trace_probe.c: `traceprobe_expand_dentry_args()`, Linux 7.3).
fn names(kind: &'static str) -> Vec<Event> {
    let event = |name, function| Event {
        name,
        group: None,
        kind,
        function,
        arguments: "dir=$arg1:%pd".into(),
        keys: "common_pid.execname,dir",
        values: "",
        filter: String::new(),
        counts: Counts::Made,
    };
    vec![
        event("parallel", "d_alloc_parallel"),
        event("alloc", "d_alloc"),
    ]
}

/// The tracepoints of the allocator (include/trace/events/kmem.h, Linux 7.3).
fn slab(cache: &str) -> Events {
    let event = |name, values, filter, counts| Event {
        name,
        group: Some("kmem"),
        kind: "",
        function: "",
        arguments: String::new(),
        keys: BY_THREAD,
        values,
        filter,
        counts,
    };
    let named = format!("name == \"{cache}\"");
    let alloc = event(
        "kmem_cache_alloc",
        "bytes_alloc",
        named.clone(),
        Counts::Made,
    );
    match Kmalloc::of(cache) {
        // kfree's tracepoint reports no size.
        Some(kmalloc) => Events {
            way: Way::Kmem,
            names: Vec::new(),
            events: vec![
                alloc,
                event("kmalloc", "bytes_alloc", kmalloc.filter(), Counts::Made),
            ],
            lacks: "what is freed",
        },
        None => Events {
            way: Way::Kmem,
            names: Vec::new(),
            events: vec![alloc, event("kmem_cache_free", "", named, Counts::Freed)],
            lacks: "",
        },
    }
}

/// One of the caches that kmalloc() takes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kmalloc {
    bytes: u64,
    /// The bits of [`FLAGS`] that lead to this one.
    set: u64,
    /// The bits that lead away from it.
    clear: u64,
}

/// include/linux/gfp_types.h: `___GFP_DMA_BIT`, `___GFP_RECLAIMABLE_BIT`, `___GFP_ACCOUNT_BIT`,
/// Linux 6.10 to 7.3.
const DMA: u64 = 1 << 0;
const RECLAIMABLE: u64 = 1 << 4;
const ACCOUNT: u64 = 1 << 22;

impl Kmalloc {
    /// By its name: `kmalloc-512`, `kmalloc-rcl-1k` (mm/slab_common.c: `kmalloc_info`). Which
    /// flags lead where: include/linux/slab.h: `kmalloc_type()`, Linux 7.3.
    fn of(cache: &str) -> Option<Self> {
        let (set, clear, size) = if let Some(size) = cache.strip_prefix("dma-kmalloc-") {
            (DMA, 0, size)
        } else if let Some(size) = cache.strip_prefix("kmalloc-rcl-") {
            (RECLAIMABLE, DMA, size)
        } else if let Some(size) = cache.strip_prefix("kmalloc-cg-") {
            (ACCOUNT, DMA | RECLAIMABLE, size)
        } else {
            (
                0,
                DMA | RECLAIMABLE | ACCOUNT,
                cache.strip_prefix("kmalloc-")?,
            )
        };
        let (digits, unit) = match size.strip_suffix('k') {
            Some(digits) => (digits, 1 << 10),
            None => match size.strip_suffix('M') {
                Some(digits) => (digits, 1 << 20),
                None => (size, 1),
            },
        };
        let bytes = digits.parse::<u64>().ok()?.checked_mul(unit)?;
        Some(Self { bytes, set, clear })
    }

    fn filter(self) -> String {
        let Self { bytes, set, clear } = self;
        let mut filter = format!("bytes_alloc == {bytes}");
        if set != 0 {
            filter += &format!(" && gfp_flags & {set}");
        }
        if clear != 0 {
            filter += &format!(" && !(gfp_flags & {clear})");
        }
        filter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_tried_in_order() {
        let ways = |dev| -> Vec<_> {
            let all = candidates(&Subject::Dentries { dev });
            all.iter()
                .map(|events| (events.way, events.events[0].function))
                .collect()
        };
        let typed = [
            (Way::Fprobe, "d_splice_alias"),
            (Way::Fprobe, "d_alloc_parallel"),
            (Way::Kprobe, "d_splice_alias"),
            (Way::Kprobe, "d_alloc_parallel"),
        ];
        assert_eq!(
            ways(Some(7)),
            typed,
            "the others cannot be kept to a filesystem"
        );
        let kmem = (Way::Kmem, "");
        let named = [
            (Way::Fprobe, "d_alloc_parallel"),
            (Way::Kprobe, "d_alloc_parallel"),
        ];
        assert_eq!(ways(None), [&typed[..], &named, &[kmem]].concat());
    }

    #[test]
    fn events_are_defined_in_the_kernels_syntax() {
        let dentries = candidates(&Subject::Dentries {
            dev: Some(266_338_304),
        });
        let add = &dentries[0].events[1];
        let definition = add.definition("slabscope_1_2_3").unwrap();
        assert!(definition.starts_with("f:slabscope_1_2_3/add d_add dev=entry->d_sb->s_dev ino="));
        assert_eq!(
            add.trigger(2048),
            "hist:keys=common_pid.execname,dev,ino:vals=there,gen:size=2048 if dev == 266338304"
        );
        let cache = &candidates(&Subject::Cache {
            name: "kmalloc-512".into(),
        })[0];
        assert_eq!(cache.events[1].definition("any"), None);
        assert_eq!(
            cache.events[1].trigger(128),
            "hist:keys=common_pid.execname:vals=bytes_alloc:size=128 if bytes_alloc == 512 && !(gfp_flags & 4194321)"
        );
    }

    #[test]
    fn caches_of_kmalloc_are_found_by_name() {
        let filter = |name| Kmalloc::of(name).map(Kmalloc::filter);
        let expected = [
            (
                "kmalloc-8k",
                Some("bytes_alloc == 8192 && !(gfp_flags & 4194321)"),
            ),
            (
                "kmalloc-rcl-96",
                Some("bytes_alloc == 96 && gfp_flags & 16 && !(gfp_flags & 1)"),
            ),
            (
                "kmalloc-cg-1k",
                Some("bytes_alloc == 1024 && gfp_flags & 4194304 && !(gfp_flags & 17)"),
            ),
            ("dma-kmalloc-64", Some("bytes_alloc == 64 && gfp_flags & 1")),
            ("dentry", None),
            ("kmalloc-", None),
        ];
        for (name, filter_of) in expected {
            assert_eq!(filter(name).as_deref(), filter_of, "{name}");
        }
    }
}
