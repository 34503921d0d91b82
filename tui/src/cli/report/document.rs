//! A report for programs.

use serde::Serialize;

use super::Report;
use crate::base::moment;
use crate::cli::figures::{FIGURES, cache_name};

#[derive(Serialize)]
pub(super) struct Document {
    host: Option<String>,
    kernel: Option<String>,
    /// The first sample, in UTC.
    from: String,
    /// The last sample, in UTC.
    to: String,
    machine: Vec<Change>,
    /// By a line through the minutes since the last boot or change of the clock.
    sunreclaim_bytes_per_hour: Option<f64>,
    /// All that changed, what grew most first. `null`: not known.
    caches: Option<Vec<CacheRow>>,
    cgroups: Vec<CgroupRow>,
    events: Vec<EventRow>,
}

#[derive(Serialize)]
struct Change {
    name: String,
    before: Option<u64>,
    after: Option<u64>,
}

#[derive(Serialize)]
struct CacheRow {
    name: String,
    /// `null`: it was not there.
    before_bytes: Option<u64>,
    /// `null`: it is gone.
    after_bytes: Option<u64>,
    objects_change: Option<i64>,
}

#[derive(Serialize)]
struct CgroupRow {
    path: String,
    before_slab_bytes: u64,
    after_slab_bytes: u64,
    current_bytes: Option<u64>,
    limit_bytes: Option<u64>,
}

#[derive(Serialize)]
struct EventRow {
    time: String,
    kind: String,
    text: String,
}

impl Report {
    /// As JSON has it, with this many cgroups.
    pub(super) fn document(&self, limit: usize) -> Document {
        let machine = FIGURES.iter().map(|figure| Change {
            name: figure.key.into(),
            before: (figure.of)(&self.first.sample),
            after: (figure.of)(&self.last.sample),
        });
        let caches = self.changes.as_ref().map(|changes| {
            let caches = changes.iter().map(|change| CacheRow {
                name: cache_name(change),
                before_bytes: change.before,
                after_bytes: change.after,
                objects_change: change.objects,
            });
            caches.collect()
        });
        let cgroups = self.cgroups.iter().take(limit).map(|cgroup| CgroupRow {
            path: cgroup.path.clone(),
            before_slab_bytes: cgroup.first,
            after_slab_bytes: cgroup.last,
            current_bytes: cgroup.current,
            limit_bytes: cgroup.limit,
        });
        let events = self.events.iter().map(|event| EventRow {
            time: moment::utc(event.at),
            kind: event.kind.clone(),
            text: event.text.clone(),
        });
        Document {
            host: self.host.clone(),
            kernel: self.kernel.clone(),
            from: moment::utc(self.first.at),
            to: moment::utc(self.last.at),
            machine: machine.collect(),
            sunreclaim_bytes_per_hour: self.slope.map(|(_, slope)| slope * 3_600.0),
            caches,
            cgroups: cgroups.collect(),
            events: events.collect(),
        }
    }
}
