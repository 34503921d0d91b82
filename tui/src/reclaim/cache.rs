//! One slab cache: the slabs of it that hold no object (see [`crate::reclaim::shrink`]).

use std::path::Path;

use super::{Ended, Figure, Flow, Outcome, Ran, ReclaimError, Rung, machine};
use crate::base::shell::quoted;
use crate::base::text::counted;
use crate::kernel::source::Kernel;
use crate::reclaim::audit::Record;
use crate::reclaim::shrink::{self, Plan};

impl Rung for Plan {
    fn name(&self) -> &'static str {
        "cache"
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn reach(&self) -> String {
        let mut reach = format!(
            "one slab cache, {}: slabs that hold no object",
            self.cache.name
        );
        if !self.merged.is_empty() {
            reach += &format!("; {} are the same cache", self.merged.join(", "));
        }
        reach
    }

    fn notes(&self) -> Vec<String> {
        vec![
            format!(
                "its objects that are not allocated would fill {}",
                counted(self.unallocated(), "slab")
            ),
            "nothing is evicted: objects stay, and so do slabs that are partly used".into(),
        ]
    }

    fn command(&self) -> String {
        format!("echo 1 > {}", quoted(&self.path))
    }

    fn measure(&self, kernel: &mut Kernel) -> Vec<Figure> {
        let name = &self.cache.name;
        let sample = kernel.sample_bare();
        let slabs = sample.cache(name).map(|cache| cache.slabs);
        let mut figures = vec![
            Figure::count("slabs", "its slabs", slabs),
            Figure::count(
                "partial",
                "partly used",
                shrink::partial(kernel.root(), name),
            ),
        ];
        figures.extend(machine(kernel));
        figures
    }

    fn predicted(&self, _: &[Figure]) -> Option<u64> {
        Some(self.unallocated().saturating_mul(self.slab_bytes()))
    }

    fn record(&self, _: &[Figure]) -> Record {
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

impl Plan {
    /// Bytes of one of its slabs.
    fn slab_bytes(&self) -> u64 {
        let page = rustix::param::page_size() as u64;
        self.cache.pages_per_slab.saturating_mul(page)
    }
}
