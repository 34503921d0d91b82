//! One slab cache: the slabs of it that hold no object (see [`crate::reclaim::shrink`]).

use std::path::Path;

use super::{Ended, Figure, Flow, Outcome, Ran, ReclaimError, Reclaimer, machine};
use crate::base::shell::quoted;
use crate::base::text::{bytes, count, counted};
use crate::kernel::source::Kernel;
use crate::reclaim::audit::AuditEntry;
use crate::reclaim::shrink::{self, ShrinkPlan};

impl Reclaimer for ShrinkPlan {
    fn name(&self) -> &'static str {
        "cache"
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn reach(&self) -> String {
        let mut reach = format!(
            "one slab cache, {}: its slabs without objects",
            self.cache.name
        );
        if !self.merged.is_empty() {
            reach += &format!("; {} are the same cache", self.merged.join(", "));
        }
        reach
    }

    fn notes(&self) -> Vec<String> {
        let partial = self.partial.map_or("-".into(), count);
        let bytes = |slabs: u64| bytes(slabs.saturating_mul(self.slab_bytes()));
        let [slabs, unallocated] = [self.cache.slabs, self.unallocated()];
        vec![
            format!(
                "now {}, {}; {partial} of them partly used",
                counted(slabs, "slab"),
                bytes(slabs)
            ),
            format!(
                "unallocated objects would fill {}, {}; how many slabs are empty shows afterwards",
                counted(unallocated, "slab"),
                bytes(unallocated)
            ),
            "nothing is evicted: objects stay, and so do partly used slabs".into(),
            "costs a pass over its partial slabs; later allocations take new slabs".into(),
        ]
    }

    fn command(&self) -> String {
        format!("echo 1 > {}", quoted(&self.path))
    }

    fn measure(&self, kernel: &mut Kernel) -> Vec<Figure> {
        let name = &self.cache.name;
        let sample = kernel.sample_bare();
        let cache = sample.cache(name);
        let page = rustix::param::page_size() as u64;
        let mut figures = vec![
            Figure::count("slabs", "its slabs", cache.map(|cache| cache.slabs)),
            Figure::bytes(
                "slab_bytes",
                "their bytes",
                cache.map(|cache| cache.size(page)),
            ),
            Figure::count(
                "partial",
                "partly used",
                shrink::partial(kernel.root(), name),
            ),
            Figure::count("objects", "objects", cache.and_then(|cache| cache.active)),
            Figure::bytes(
                "idle_bytes",
                "idle bytes",
                cache.and_then(|cache| cache.idle(page)),
            ),
        ];
        figures.extend(machine(kernel));
        figures
    }

    fn predicted(&self, _: &[Figure]) -> Option<u64> {
        Some(self.unallocated().saturating_mul(self.slab_bytes()))
    }

    fn record(&self, _: &[Figure]) -> AuditEntry {
        shrink::record(self)
    }

    fn freed_bytes(&self, outcome: &Outcome) -> u64 {
        outcome
            .fell("slabs")
            .unwrap_or(0)
            .saturating_mul(self.slab_bytes())
    }

    fn freed(&self, outcome: &Outcome) -> u64 {
        outcome.fell("slabs").unwrap_or(0)
    }

    fn run(&self, _: &mut Flow<'_>) -> Result<Ran, ReclaimError> {
        self.write()?;
        Ok(Ended::Complete.into())
    }
}

impl ShrinkPlan {
    /// Bytes of one of its slabs.
    fn slab_bytes(&self) -> u64 {
        let page = rustix::param::page_size() as u64;
        self.cache.pages_per_slab.saturating_mul(page)
    }
}
