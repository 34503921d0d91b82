//! The rung that the arguments name.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{Args, Exit, Failure, absolute, so_far};
use crate::base::say::ProgressLine;
use crate::kernel::aside::attended;
use crate::kernel::source::{Kernel, Source};
use crate::reclaim::carousel::names;
use crate::reclaim::shrink;
use crate::reclaim::superblock::Request;
use crate::reclaim::{
    Progress, ReclaimError, Reclaimer, carousel, cgroup, everybody, pages, superblock,
};

impl Args {
    /// The plan for the requested rung.
    pub(super) fn plan(&self, kernel: &mut Kernel) -> Result<Box<dyn Reclaimer>, Failure> {
        if let Some(path) = &self.pages {
            return self.pages(kernel, path);
        }
        if let Some(path) = &self.superblock {
            let request = Request {
                inodes: self.inodes,
                any_filesystem: self.any_filesystem,
                bound: self.timeout,
            };
            let mut go_on = |_: &Progress| ControlFlow::Continue(());
            let plan = superblock::Plan::new(kernel, &absolute(path), request, &mut go_on)?;
            return Ok(Box::new(plan));
        }
        if let (Some(path), Some(amount)) = (&self.cgroup, self.amount) {
            let plan = cgroup::Plan::new(kernel, &absolute(path), amount, self.timeout)?;
            return Ok(Box::new(plan));
        }
        if let Some(name) = &self.cache {
            let sample = kernel.sample();
            // A user without access to slabinfo gets that error, not "no such cache".
            sample
                .caches
                .as_ref()
                .map_err(|error| ReclaimError::from(error.clone()))?;
            let plan = shrink::ShrinkPlan::new(kernel.root(), name, &sample);
            return Ok(Box::new(plan.map_err(ReclaimError::from)?));
        }
        if let Some((first, below)) = self.carousel.split_first() {
            return self.carousel(kernel, first, below);
        }
        let what = self.all.unwrap_or(everybody::What::Slab);
        let plan = everybody::Plan::new(kernel, what, self.sync, self.timeout)?;
        Ok(Box::new(plan))
    }

    fn carousel(
        &self,
        kernel: &mut Kernel,
        first: &Path,
        below: &[PathBuf],
    ) -> Result<Box<dyn Reclaimer>, Failure> {
        if self.names.is_some() && !below.is_empty() {
            let message = "--names applies to one directory: run it once for each";
            return Err(Failure::new(Exit::Usage, message));
        }
        let request = carousel::Request {
            force: self.force,
            any_filesystem: self.any_filesystem,
            max: self.max,
            bound: self.timeout,
            names_from: self.names.as_deref().map(from_the_root),
        };
        let state = carousel::leftover::directory();
        let mut plan = carousel::Plan::new(kernel, &absolute(first), request, state)?;
        for path in below {
            plan.and(kernel, &absolute(path))?;
        }
        let mut shown = ProgressLine::default();
        let begin = Instant::now();
        let mut go_on = |progress: &Progress| {
            shown.show(|| so_far(progress));
            match self.timeout.is_some_and(|most| begin.elapsed() > most) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let plan = plan.list(&mut |target| match self.names.clone() {
            // It may be a pipe without a writer.
            Some(file) => attended(move |_| names::read(&file), &mut go_on).transpose(),
            None => names::cached(target, &mut go_on),
        });
        drop(shown);
        let stopped = || Failure::new(Exit::Partial, "");
        Ok(Box::new(plan?.ok_or_else(stopped)?))
    }

    fn pages(&self, kernel: &Kernel, path: &Path) -> Result<Box<dyn Reclaimer>, Failure> {
        let request = pages::Request {
            writeback: self.writeback,
            max: self.max,
            bound: self.timeout,
            any_filesystem: self.any_filesystem,
        };
        // Nothing is half-done yet: Ctrl-C ends the program as it usually does.
        let mut shown = ProgressLine::default();
        let mut go_on = |progress: &Progress| {
            shown.show(|| so_far(progress));
            ControlFlow::Continue(())
        };
        let plan = pages::Plan::new(kernel, &absolute(path), request, &mut go_on);
        drop(shown);
        let stopped = || Failure::new(Exit::Partial, "");
        Ok(Box::new(plan?.ok_or_else(stopped)?))
    }
}

/// Standard input has no path.
fn from_the_root(file: &Path) -> PathBuf {
    match file == Path::new("-") {
        true => file.into(),
        false => absolute(file),
    }
}
