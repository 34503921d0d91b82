//! The worker's jobs for the page of negative names.

use std::os::fd::AsFd;

use super::Work;
use crate::negatives::export::export;
use crate::negatives::listing;
use crate::prune::Target;
use crate::update::{Msg, NamesEffect, NamesMsg};

impl Work {
    pub(super) fn names(&self, effect: NamesEffect) -> Msg {
        Msg::Names(match effect {
            NamesEffect::List { job, path } => {
                let result = Target::open(&path).and_then(|target| {
                    let dir = target.dir.as_fd();
                    Ok(listing(dir, &mut |so_far| self.progress(job, so_far))?)
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
                to,
                format,
            } => {
                let result = Target::open(&path).map_err(Into::into).and_then(|target| {
                    export(&target, &to, format, &mut |so_far| {
                        self.progress(job, so_far)
                    })
                });
                NamesMsg::Exported { job, result }
            }
        })
    }
}
