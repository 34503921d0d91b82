// SPDX-License-Identifier: GPL-2.0

//! What a walk reports: its records, and its line in the kernel log.

use crate::{
    abi::{
        self,
        Counters,
        Header, //
    },
    buffer::Buffer,
    dcache::Batch,
    walk::Walk,
};
use kernel::prelude::*;

impl Walk {
    /// One line in the kernel log, once.
    pub(crate) fn log(&mut self) {
        let Some(who) = self.who.take() else {
            return;
        };
        let what = match self.begin.mode {
            abi::MODE_NEGATIVE => c"negative dentries",
            abi::MODE_DENTRIES => c"unused dentries",
            abi::MODE_INODES => c"unused dentries and inodes",
            _ => c"page cache",
        };
        let status = match self.status {
            _ if !self.ended() => c"closed before the end",
            abi::STATUS_COMPLETE => c"complete",
            abi::STATUS_STOPPED => c"stopped",
            abi::STATUS_DEPTH => c"all but directories that are too deep",
            abi::STATUS_MOVED => c"all but directories that were moved out",
            _ => c"ended at its bound",
        };
        let inodes = self.begin.holds();
        self.root.log(&who, what, &self.total, inodes, status);
    }

    /// In a dry run, what would have been done is reported as done.
    pub(crate) fn as_told(&self, found: &Counters) -> Counters {
        let mut found = *found;
        if self.begin.flags & abi::BEGIN_DRY_RUN == 0 {
            return found;
        }
        found.moved = match self.begin.mode {
            abi::MODE_NEGATIVE => found.negative_prunable,
            abi::MODE_PAGES => 0,
            _ => found.prunable,
        };
        match self.begin.mode {
            abi::MODE_INODES => {
                found.evict_attempted = found.inodes_prunable;
                found.pages_evicted = found.pages_prunable;
            }
            abi::MODE_PAGES => {
                let stay = found.dirty_pages + found.writeback_pages + found.failed_pages;
                found.pages_evicted = found.pages.saturating_sub(stay);
            }
            _ => {}
        }
        found
    }

    /// Writes a record of counters.
    pub(crate) fn put(
        &self,
        out: &mut Buffer,
        kind: u32,
        flags: u32,
        ino: u64,
        found: &[&Counters],
    ) -> Result {
        let len = size_of::<Header>() + found.len() * size_of::<Counters>();
        out.push(&Header {
            len: len as u32,
            kind,
            flags,
            name_len: 0,
            ino,
            dev: self.dev,
        })?;
        for found in found {
            out.push(*found)?;
        }
        Ok(())
    }

    /// Writes the record of a directory that is entered.
    pub(crate) fn put_name(&self, out: &mut Buffer, batch: &Batch) -> Result {
        let name = batch.name();
        let padding = name.len().next_multiple_of(8) - name.len();
        out.push(&Header {
            len: (size_of::<Header>() + name.len() + padding) as u32,
            kind: abi::REC_ENTER,
            flags: 0,
            name_len: name.len() as u32,
            ino: batch.ino(),
            dev: self.dev,
        })?;
        out.push_bytes(name)?;
        out.push_bytes(&[0; 8][..padding])
    }
}
