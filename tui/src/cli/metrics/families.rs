//! The figures of an observation as metric families, in OpenMetrics.
//!
//! All of them are gauges of this moment. So the text is also understood by node_exporter's
//! textfile collector, which reads Prometheus' older format and knows no other type that would fit.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeMetric, MetricEncoder, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::base::text::{printable, printable_bytes};
use crate::kernel::observer::Observation;
use crate::kernel::source::{Cache, Cgroup, CgroupMemory, Class, Sample};

/// Bytes of slab from which on a cache or a cgroup has series of its own.
const LEAST_BYTES: u64 = 1 << 20;

/// Caches, and cgroups, that have series: a machine has some 250 of the one, and users make as many
/// of the other as they like.
const MOST: usize = 40;

/// The whole text, which ends in `# EOF`.
pub(super) fn text(observation: Observation) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("slabscope");
    registry.register_collector(Box::new(Families(observation)));
    let mut page = String::new();
    text::encode(&mut page, &registry)?;
    Ok(page)
}

#[derive(Debug)]
struct Families(Observation);

/// Name and value of each label.
type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Observation {
            at,
            sample,
            cgroups,
        } = &self.0;
        let mut out = Out(&mut encoder);
        out.plain(
            "build_info",
            "The version of slabscope that took the figures",
            [(vec![("version", env!("CARGO_PKG_VERSION"))], 1)],
        )?;
        out.in_unit(
            ("sample_timestamp", Unit::Seconds),
            "When the figures were taken, since 1970",
            [(vec![], seconds(*at))],
        )?;
        let up = [
            ("slabinfo", sample.caches.is_ok()),
            ("meminfo", sample.memory.is_ok()),
            ("dentry-state", sample.dentries.is_ok()),
            ("inode-nr", sample.inodes.is_ok()),
            ("cgroups", cgroups.is_ok()),
        ];
        out.plain(
            "source_up",
            "Whether a file of the kernel could be read: without it its figures are missing",
            up.map(|(source, up)| (vec![("source", source)], u64::from(up))),
        )?;
        memory(&mut out, sample)?;
        counters(&mut out, sample)?;
        caches(&mut out, sample)?;
        let all = cgroups.as_ref().as_ref().map(|cgroups| &cgroups.all[..]);
        self::cgroups(&mut out, all.unwrap_or_default())
    }
}

fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// Writes families; one without a figure is left out.
struct Out<'a, 'e>(&'a mut DescriptorEncoder<'e>);

impl Out<'_, '_> {
    fn plain<'l, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<'l>, V)>,
    ) -> fmt::Result {
        self.family(name, None, help, series)
    }

    /// The unit becomes the end of the name.
    fn in_unit<'l, V: EncodeGaugeValue>(
        &mut self,
        (name, unit): (&str, Unit),
        help: &str,
        series: impl IntoIterator<Item = (Labels<'l>, V)>,
    ) -> fmt::Result {
        self.family(name, Some(&unit), help, series)
    }

    fn family<'l, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        unit: Option<&Unit>,
        help: &str,
        series: impl IntoIterator<Item = (Labels<'l>, V)>,
    ) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        // As the registry ends the help of its own.
        let help = format!("{help}.");
        let mut family = self
            .0
            .encode_descriptor(name, &help, unit, MetricType::Gauge)?;
        series.try_for_each(|(labels, value)| one(&mut family, &labels, value))
    }

    /// A family of one series, if the figure is known.
    fn figure(&mut self, name: &str, help: &str, figure: Option<u64>) -> fmt::Result {
        self.plain(name, help, figure.map(|figure| (vec![], figure)))
    }
}

fn one<V: EncodeGaugeValue>(
    family: &mut MetricEncoder<'_>,
    labels: &Labels<'_>,
    value: V,
) -> fmt::Result {
    ConstGauge::new(value).encode(family.encode_family(labels)?)
}

fn memory(out: &mut Out<'_, '_>, sample: &Sample) -> fmt::Result {
    let Ok(memory) = &sample.memory else {
        return Ok(());
    };
    let classes = [
        ("true", memory.sreclaimable),
        ("false", memory.sunreclaim),
        // Kernels before 2.6.19 only report the sum.
        (
            "unknown",
            memory.slab.filter(|_| memory.sreclaimable.is_none()),
        ),
    ];
    out.in_unit(
        ("memory", Unit::Bytes),
        "All memory, MemTotal of /proc/meminfo",
        memory.total.map(|total| (vec![], total)),
    )?;
    out.in_unit(
        ("slab", Unit::Bytes),
        "Pages of all slab caches, SReclaimable and SUnreclaim of /proc/meminfo",
        classes
            .into_iter()
            .filter_map(|(reclaimable, bytes)| Some((vec![("reclaimable", reclaimable)], bytes?))),
    )
}

fn counters(out: &mut Out<'_, '_>, sample: &Sample) -> fmt::Result {
    let dentries = sample.dentries.as_ref().ok();
    let inodes = sample.inodes.as_ref().ok();
    let known = |figure: Option<Option<u64>>| figure.flatten();
    for (name, help, figure) in [
        (
            "dentries",
            "All dentries",
            known(dentries.map(|of| of.total)),
        ),
        (
            "dentries_lru",
            "Dentries on the LRU of their filesystem",
            known(dentries.map(|of| of.lru)),
        ),
        (
            "dentries_lru_negative",
            "Negative dentries on the LRU: names cached as absent",
            known(dentries.map(|of| of.lru_negative)),
        ),
        ("inodes", "All inodes", known(inodes.map(|of| of.total))),
        (
            "inodes_lru",
            "Inodes on the LRU of their filesystem",
            known(inodes.map(|of| of.lru)),
        ),
    ] {
        out.figure(name, help, figure)?;
    }
    Ok(())
}

/// A cache that has series.
struct Shown<'a> {
    cache: &'a Cache,
    label: String,
    bytes: u64,
}

/// The largest caches, each with a label that no other one has: two series with the same labels
/// would make Prometheus reject the whole page.
fn shown(sample: &Sample) -> Vec<Shown<'_>> {
    let (Ok(caches), Some(page_size)) = (&sample.caches, sample.page_size) else {
        return Vec::new();
    };
    let sized = caches.iter().map(|cache| (cache, cache.size(page_size)));
    let mut large: Vec<_> = sized.filter(|(_, bytes)| *bytes >= LEAST_BYTES).collect();
    // By name where equal, so that the same ones are shown in each page.
    large.sort_by_key(|(cache, bytes)| (u64::MAX - bytes, &cache.name, cache.nth));
    large.truncate(MOST);
    let shown = large.into_iter().map(|(cache, bytes)| Shown {
        cache,
        label: label(cache),
        bytes,
    });
    shown.collect()
}

/// The name of a cache. Of several with one name the oldest has it as it is, and the others the
/// number of those that are older behind a character that no escaped name holds.
fn label(cache: &Cache) -> String {
    let name = match &cache.raw_name {
        Some(bytes) => printable_bytes(bytes),
        None => printable(&cache.name),
    };
    match cache.nth {
        0 => name,
        nth => format!("{name}\\#{nth}"),
    }
}

fn caches(out: &mut Out<'_, '_>, sample: &Sample) -> fmt::Result {
    let shown = shown(sample);
    let labels = |of: &'_ Shown<'_>| {
        let class = match of.cache.class {
            Class::Reclaimable => "true",
            Class::Unreclaimable => "false",
            Class::Unknown => "unknown",
        };
        (of.label.clone(), class)
    };
    let labels: Vec<_> = shown.iter().map(labels).collect();
    let series = || {
        let labels = labels.iter();
        let labels =
            labels.map(|(cache, class)| vec![("cache", &cache[..]), ("reclaimable", class)]);
        shown.iter().zip(labels)
    };
    out.in_unit(
        ("slab_cache", Unit::Bytes),
        "Pages of a slab cache: of the 40 largest with 1 MiB and more",
        series().map(|(of, labels)| (labels, of.bytes)),
    )?;
    out.plain(
        "slab_cache_objects",
        "Objects allocated from a slab cache: of the same caches",
        series().filter_map(|(of, labels)| Some((labels, of.cache.active?))),
    )
}

fn cgroups(out: &mut Out<'_, '_>, all: &[Cgroup]) -> fmt::Result {
    let slab = |cgroup: &Cgroup| cgroup.stat.as_ref().and_then(|stat| stat.slab);
    let mut shown: Vec<_> = all
        .iter()
        .filter_map(|cgroup| Some((cgroup, slab(cgroup)?)))
        .filter(|(cgroup, slab)| *slab >= LEAST_BYTES || cgroup.is_filled_by_slab())
        .collect();
    // What is about to be killed is never cut off by what is merely large.
    shown
        .sort_by_key(|(cgroup, slab)| (!cgroup.is_filled_by_slab(), u64::MAX - slab, &cgroup.path));
    shown.truncate(MOST);
    let shown: Vec<_> = shown
        .into_iter()
        .map(|(cgroup, _)| (cgroup, printable(cgroup.full())))
        .collect();
    let part = |reclaimable: &'static str, figure: fn(&CgroupMemory) -> Option<u64>| {
        shown.iter().filter_map(move |(cgroup, path)| {
            let bytes = cgroup.stat.as_ref().and_then(figure)?;
            let labels = vec![("cgroup", &path[..]), ("reclaimable", reclaimable)];
            Some((labels, bytes))
        })
    };
    out.in_unit(
        ("cgroup_slab", Unit::Bytes),
        "Slab objects of a cgroup and of those below it: of the 40 with the most, from 1 MiB",
        part("true", |stat| stat.slab_reclaimable)
            .chain(part("false", |stat| stat.slab_unreclaimable)),
    )?;
    out.plain(
        "cgroup_filled_by_slab",
        "1: the cgroup uses 90 % of its limit and more, and more of that is slab than anything else",
        shown.iter().map(|(cgroup, path)| {
            let filled = u64::from(cgroup.is_filled_by_slab());
            (vec![("cgroup", &path[..])], filled)
        }),
    )
}

#[cfg(test)]
mod tests;
