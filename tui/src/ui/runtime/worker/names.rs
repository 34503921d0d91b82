//! The worker's jobs for the page of negative names.

use std::os::fd::AsFd;
use std::path::Path;

use super::Work;
use crate::cache::negatives::export::export;
use crate::cache::negatives::listing;
use crate::kernel::reader;
use crate::kernel::target::{LookError, Target};
use crate::ui::update::{Msg, NamesEffect, NamesMsg};

impl Work {
    pub(super) fn names(&self, effect: NamesEffect) -> Msg {
        Msg::Names(match effect {
            NamesEffect::List { job, path, lookup } => {
                let result = self.open(job, &path, lookup).and_then(|target| {
                    let dir = target.dir.as_fd();
                    Ok(listing(dir, &mut self.progress(job))?)
                });
                let at = self.start.elapsed();
                NamesMsg::Listed { job, at, result }
            }
            NamesEffect::Sift {
                job,
                listing,
                only,
                filter,
            } => {
                let rows = listing.sift(only, &filter, &mut || self.goes_on(job));
                NamesMsg::Sifted { job, rows }
            }
            NamesEffect::Export {
                job,
                path,
                lookup,
                to,
                format,
            } => {
                let target = self.open(job, &path, lookup).map_err(Into::into);
                let result =
                    target.and_then(|target| export(&target, &to, format, &mut self.progress(job)));
                NamesMsg::Exported { job, result }
            }
        })
    }

    /// Opens a directory; without a reader nothing is looked up for it.
    fn open(&self, job: u64, path: &Path, lookup: bool) -> Result<Target, LookError> {
        reader::works()?;
        Target::open_if(path, lookup, &mut || self.goes_on(job))
    }
}
