//! The files of one cgroup, of both versions.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::io::Errno;

use super::{Cgroup, CgroupMemory, Version};
use crate::kernel::source::Files;
use crate::kernel::source::kernel_tree::KernelTree;
use crate::kernel::source::memory_stat::{self, MemoryStat};
use crate::kernel::source::slab_attributes::{Class, read_class};
use crate::kernel::source::{
    Kernel, Malformed, SourceError, excerpt, number, slabinfo, text, unreadable,
};

/// Reads the files of a cgroup.
pub(super) struct Reader {
    files: Files,
    version: Version,
    classes: HashMap<String, Class>,
}

impl Reader {
    pub(super) fn new(root: &Path, version: Version) -> Self {
        Self {
            files: Files::new(root),
            version,
            classes: HashMap::new(),
        }
    }

    /// Adds the figures of the files in a directory.
    pub(super) fn fill(
        &mut self,
        tree: &KernelTree,
        directory: impl AsFd,
        cgroup: &mut Cgroup,
    ) -> Result<(), SourceError> {
        let file = |name: &'static str| optional(tree, &directory, name);
        match self.version {
            Version::V2 => {
                let dying = file("cgroup.stat")?.map(|text| dying(&text));
                (cgroup.dying, cgroup.dying_memory) = dying.unwrap_or_default();
                let Some(stat) = parsed(file, "memory.stat", memory_stat::parse)? else {
                    // Where the controller is not enabled none of its files is there.
                    return Ok(());
                };
                cgroup.current = parsed(file, "memory.current", bytes)?;
                cgroup.max = parsed(file, "memory.max", limit)?.flatten();
                cgroup.high = parsed(file, "memory.high", limit)?.flatten();
                cgroup.pressure = parsed(file, "memory.pressure", pressure)?;
                cgroup.stat = Some(memory(&stat.value, stat.skipped.lines == 0));
                cgroup.unread = stat
                    .skipped
                    .first
                    .map(|first| malformed("memory.stat", first));
            }
            Version::V1 => {
                let Some(stat) = parsed(file, "memory.stat", memory_stat::parse_v1)? else {
                    return Ok(());
                };
                cgroup.current = parsed(file, "memory.usage_in_bytes", bytes)?;
                cgroup.max = parsed(file, "memory.limit_in_bytes", limit_v1)?.flatten();
                cgroup.stat = Some(CgroupMemory {
                    file: stat.file,
                    anon: stat.anon,
                    kernel: parsed(file, "memory.kmem.usage_in_bytes", bytes)?,
                    ..CgroupMemory::default()
                });
                self.slabs(tree, &directory, cgroup);
            }
        }
        Ok(())
    }

    /// memory.kmem.slabinfo of v1: the caches of this cgroup alone, by object as memory.stat of v2
    /// counts them. From Linux 5.9 on it is there and empty, before 4.5 it is an error where no limit
    /// of kernel memory is set (mm/slab_common.c: `memcg_slab_show()`).
    fn slabs(&mut self, tree: &KernelTree, directory: impl AsFd, cgroup: &mut Cgroup) {
        let Some(stat) = &mut cgroup.stat else {
            return;
        };
        let Ok(read) = tree.read(directory, "memory.kmem.slabinfo") else {
            return;
        };
        let Ok(caches) = slabinfo::parse(&read) else {
            return;
        };
        let (mut reclaimable, mut unreclaimable) = (Some(0_u64), Some(0_u64));
        for cache in caches.value {
            let size = cache.objects.saturating_mul(cache.object_size);
            // Those of one cgroup have its number and name behind their own: `dentry(7:job)`.
            let name = cache.name.split('(').next().unwrap_or_default();
            if size == 0 {
                continue;
            }
            let add = |sum: &mut Option<u64>| *sum = sum.map(|sum| sum.saturating_add(size));
            match self.class(name) {
                Class::Reclaimable => add(&mut reclaimable),
                Class::Unreclaimable => add(&mut unreclaimable),
                Class::Unknown => (reclaimable, unreclaimable) = (None, None),
            }
            stat.caches.push((name.to_owned(), size));
        }
        let all = stat.caches.iter().map(|(_, size)| size);
        stat.slab = Some(all.fold(0, |sum, size| sum.saturating_add(*size)));
        stat.slab_reclaimable = reclaimable;
        stat.slab_unreclaimable = unreclaimable;
    }

    fn class(&mut self, name: &str) -> Class {
        if let Some(&class) = self.classes.get(name) {
            return class;
        }
        let class = read_class(&self.files, name);
        self.classes.insert(name.to_owned(), class);
        class
    }
}

/// What memory.stat of v2 says; `whole`: all of it was understood. Slab objects are counted in
/// `kernel`, sockets are not.
fn memory(stat: &MemoryStat, whole: bool) -> CgroupMemory {
    let add = |sum: u64, figure: u64| sum.saturating_add(figure);
    let slab = stat.slab_reclaimable.zip(stat.slab_unreclaimable);
    let slab = slab.map(|(reclaimable, unreclaimable)| add(reclaimable, unreclaimable));
    let named = [
        ("percpu", stat.percpu),
        ("vmalloc", stat.vmalloc),
        ("stacks", stat.kernel_stack),
        ("page tables", stat.pagetables),
    ];
    let mut parts: Vec<_> = named
        .into_iter()
        .filter_map(|(name, size)| Some((name, size?)))
        .collect();
    // What remains is known if all that is named is.
    if let (Some(kernel), Some(slab), true) = (stat.kernel, slab, whole) {
        let named = parts.iter().fold(slab, |sum, (_, size)| add(sum, *size));
        parts.push(("other", kernel.saturating_sub(named)));
    }
    parts.retain(|(_, size)| *size > 0);
    parts.sort_by_key(|(_, size)| u64::MAX - size);
    CgroupMemory {
        slab_reclaimable: stat.slab_reclaimable,
        slab_unreclaimable: stat.slab_unreclaimable,
        slab,
        file: stat.file,
        anon: stat.anon,
        kernel: stat.kernel,
        parts,
        caches: Vec::new(),
    }
}

/// Adds the slabs of all descendants to each cgroup: its other figures already include them.
pub(super) fn add_slabs_below(all: &mut [Cgroup]) {
    let mut caches: Vec<HashMap<String, u64>> = Vec::with_capacity(all.len());
    for cgroup in all.iter_mut() {
        let own = cgroup
            .stat
            .as_mut()
            .map(|stat| std::mem::take(&mut stat.caches));
        caches.push(own.into_iter().flatten().collect());
    }
    let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
    // Children come behind their parents.
    for at in (0..all.len()).rev() {
        let own = std::mem::take(&mut caches[at]);
        let child = all[at].stat.clone();
        let above = all[at]
            .parent
            .and_then(|parent| Some((parent, all[parent].stat.as_mut()?)));
        if let (Some(child), Some((parent, stat))) = (child, above) {
            stat.slab = sum(stat.slab, child.slab);
            stat.slab_reclaimable = sum(stat.slab_reclaimable, child.slab_reclaimable);
            stat.slab_unreclaimable = sum(stat.slab_unreclaimable, child.slab_unreclaimable);
            for (name, size) in &own {
                let below = caches[parent].entry(name.clone()).or_default();
                *below = below.saturating_add(*size);
            }
        }
        if let Some(stat) = &mut all[at].stat {
            stat.caches = own.into_iter().collect();
            stat.caches.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        }
    }
}

/// The root counts only what is charged to some cgroup: of slab a part, of v2 often none. What it
/// stands for is the machine, of which meminfo has the figures. A container's top is no root: it has
/// a limit's files.
pub(super) fn of_machine(top: &mut Cgroup, kernel: &mut Kernel) {
    let version = top.version;
    let Some(stat) = &mut top.stat else {
        return;
    };
    if version == Version::V2 && top.current.is_some() {
        return;
    }
    let memory = kernel.sample_bare().memory.ok();
    stat.slab_reclaimable = memory.as_ref().and_then(|memory| memory.sreclaimable);
    stat.slab_unreclaimable = memory.as_ref().and_then(|memory| memory.sunreclaim);
    stat.slab = memory.as_ref().and_then(|memory| memory.slab);
    stat.caches.clear();
    stat.kernel = None;
    stat.parts.clear();
}

/// A value that only some cgroups have. With psi=0 the file of the pressure cannot be read.
fn optional(
    tree: &KernelTree,
    directory: impl AsFd,
    name: &'static str,
) -> Result<Option<String>, SourceError> {
    match tree.read(directory, name) {
        Ok(bytes) => Ok(Some(text(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.raw_os_error() == Some(Errno::OPNOTSUPP.raw_os_error()) => Ok(None),
        Err(error) => Err(unreadable(Path::new(name), &error)),
    }
}

fn parsed<T>(
    file: impl Fn(&'static str) -> Result<Option<String>, SourceError>,
    name: &'static str,
    parse: fn(&str) -> Result<T, Malformed>,
) -> Result<Option<T>, SourceError> {
    let Some(text) = file(name)? else {
        return Ok(None);
    };
    let named = |error| malformed(name, error);
    parse(&text).map(Some).map_err(named)
}

fn malformed(name: &'static str, malformed: Malformed) -> SourceError {
    SourceError {
        path: name.into(),
        cause: malformed.into(),
    }
}

/// memory.current: a figure (mm/memcontrol.c: `memory_current_read()`).
pub fn bytes(text: &str) -> Result<u64, Malformed> {
    let figure = text.trim_ascii_end();
    number(figure).ok_or_else(|| no_figure(1, "bytes", figure))
}

/// memory.max, memory.high: a figure, or `max` (mm/memcontrol.c: `seq_puts_memcg_tunable()`).
pub fn limit(text: &str) -> Result<Option<u64>, Malformed> {
    match text.trim_ascii_end() {
        "max" => Ok(None),
        _ => bytes(text).map(Some),
    }
}

/// memory.limit_in_bytes: without a limit LONG_MAX in whole pages, of whatever size (mm/
/// page_counter.h: `PAGE_COUNTER_MAX`).
fn limit_v1(text: &str) -> Result<Option<u64>, Malformed> {
    const NONE: u64 = i64::MAX as u64 - (1 << 20);
    Ok(Some(bytes(text)?).filter(|limit| *limit < NONE))
}

/// cgroup.stat: lines of `nr_dying_descendants 123` (kernel/cgroup/cgroup.c: `cgroup_stat_show()`).
fn dying(text: &str) -> (Option<u64>, Option<u64>) {
    let figure = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        let (_, value) = lines.find(|(key, _)| *key == name)?;
        number(value)
    };
    (
        figure("nr_dying_descendants"),
        figure("nr_dying_subsys_memory"),
    )
}

/// memory.pressure: of `some` the mean of ten seconds (kernel/sched/psi.c: `psi_show()`).
pub fn pressure(text: &str) -> Result<f64, Malformed> {
    let mut fields = text.lines().next().unwrap_or_default().split(' ');
    let mean = match (fields.next(), fields.next()) {
        (Some("some"), Some(field)) => field.strip_prefix("avg10="),
        _ => None,
    };
    let mean = mean.ok_or_else(|| Malformed::new(1, "not some avg10="))?;
    let figure: Option<f64> = mean.parse().ok();
    let percent = figure.filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| no_figure(1, "avg10", mean))
}

fn no_figure(line: usize, name: &str, text: &str) -> Malformed {
    Malformed::new(line, format!("{name} is no figure: {}", excerpt(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_pressure_are_parsed() {
        assert_eq!(limit("max\n"), Ok(None));
        assert_eq!(limit("67108864\n"), Ok(Some(67_108_864)));
        assert_eq!(bytes("0\n"), Ok(0));
        let text = "some avg10=1.53 avg60=0.87 avg300=0.20 total=71329\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(pressure(text), Ok(1.53));
        for bad in ["", "\n", "Max\n", "-1\n", "18446744073709551616\n", "1 2\n"] {
            assert!(limit(bad).is_err(), "{bad:?}");
        }
        for bad in [
            "",
            "full avg10=0.00",
            "some avg60=0.00",
            "some avg10=NaN",
            "some avg10=101",
        ] {
            assert!(pressure(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn missing_limit_of_v1_is_none_with_pages_of_any_size() {
        for none in ["9223372036854771712\n", "9223372036854710272\n"] {
            assert_eq!(limit_v1(none), Ok(None));
        }
        assert_eq!(limit_v1("1073741824\n"), Ok(Some(1 << 30)));
    }

    #[test]
    fn dying_cgroups_that_are_not_reported_are_unknown() {
        let text = "nr_descendants 7\nnr_subsys_memory 3\nnr_dying_descendants 22\nnr_dying_subsys_memory 23\n";
        assert_eq!(dying(text), (Some(22), Some(23)));
        assert_eq!(
            dying("nr_descendants 7\nnr_dying_descendants 0\n"),
            (Some(0), None)
        );
        assert_eq!(dying(""), (None, None));
    }

    #[test]
    fn root_has_no_figure_of_what_is_charged_beside_those_of_the_machine() {
        for version in [Version::V1, Version::V2] {
            let mut top = Cgroup {
                version,
                stat: Some(CgroupMemory {
                    slab: Some(1),
                    kernel: Some(2),
                    file: Some(3),
                    ..CgroupMemory::default()
                }),
                ..Cgroup::default()
            };
            of_machine(&mut top, &mut Kernel::new("/nowhere"));
            let stat = top.stat.unwrap_or_default();
            assert_eq!((stat.slab, stat.kernel, stat.file), (None, None, Some(3)));
        }
    }

    #[test]
    fn root_has_the_slab_figures_of_meminfo() {
        let fixture = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/fixtures/6.18.44-fc-v509"
        );
        let mut top = Cgroup {
            version: Version::V2,
            stat: Some(CgroupMemory {
                slab_reclaimable: Some(0),
                ..CgroupMemory::default()
            }),
            ..Cgroup::default()
        };
        let mut kernel = Kernel::new(fixture);
        let memory = kernel.sample_bare().memory.unwrap_or_default();
        assert!(memory.sreclaimable > Some(1 << 20));
        of_machine(&mut top, &mut kernel);
        let stat = top.stat.unwrap_or_default();
        assert_eq!(stat.slab_reclaimable, memory.sreclaimable);
        assert_eq!(stat.slab, memory.slab);
    }

    #[test]
    fn kernel_memory_is_named_by_what_it_is() {
        let stat = MemoryStat {
            kernel: Some(100),
            percpu: Some(20),
            vmalloc: Some(40),
            slab_reclaimable: Some(10),
            slab_unreclaimable: Some(5),
            ..MemoryStat::default()
        };
        let parts = [("vmalloc", 40), ("other", 25), ("percpu", 20)];
        assert_eq!(memory(&stat, true).parts, parts);
        let remainder_unknown = [("vmalloc", 40), ("percpu", 20)];
        assert_eq!(memory(&stat, false).parts, remainder_unknown);
        let before_5_18 = MemoryStat {
            kernel: None,
            ..stat
        };
        assert_eq!(
            memory(&before_5_18, true).parts,
            [("vmalloc", 40), ("percpu", 20)]
        );
    }
}
