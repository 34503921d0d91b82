// SPDX-License-Identifier: GPL-2.0

//! What a file that is open on the device can be asked for. How it is asked, and how its answers reach
//! user space, is its front's: slabscope_main.rs, or plain/core.rs and plain/plain.c.

use crate::{
    abi::{
        self,
        Begin,
        Counters,
        Header,
        Info, //
    },
    buffer::Buffer,
    dcache::Root,
    walk::{
        self,
        Walk, //
    },
};
use kernel::prelude::*;

/// Every mode that [`Begin::mode`] accepts, as [`Info::modes`] reports them.
const MODES: u32 = 1 << abi::MODE_CENSUS
    | 1 << abi::MODE_LIST
    | 1 << abi::MODE_NEGATIVE
    | 1 << abi::MODE_DENTRIES
    | 1 << abi::MODE_INODES
    | 1 << abi::MODE_PAGES;

/// What the module can do.
pub(crate) fn info(read_only: bool) -> Info {
    Info {
        size: size_of::<Info>() as u32,
        version: abi::VERSION,
        modes: MODES,
        flags: if read_only { abi::INFO_READ_ONLY } else { 0 },
        max_depth: walk::MAX_DEPTH as u32,
        reserved: 0,
    }
}

/// The state of an open file.
pub(crate) enum State {
    /// Before the first BEGIN.
    Idle,
    /// Something is to be read yet.
    Walking(Walk, Buffer),
    /// The last record was read, and nothing is held any more.
    Done,
}

impl State {
    /// Begins a walk.
    ///
    /// # Safety
    ///
    /// As of [`Root::new`]: the caller is an ioctl.
    pub(crate) unsafe fn begin(&mut self, begin: Begin, read_only: bool) -> Result {
        let mut flags = 0;
        if begin.prunes() {
            flags |= abi::BEGIN_DRY_RUN | abi::BEGIN_ANY_FS;
        }
        if begin.holds() {
            flags |= abi::BEGIN_WRITEBACK;
        }
        if begin.size as usize != size_of::<Begin>()
            || begin.version != abi::VERSION
            || begin.mode >= u32::BITS
            || MODES & (1 << begin.mode) == 0
            || begin.flags & !flags != 0
            || begin.reserved != 0
        {
            return Err(EINVAL);
        }
        let changes = begin.changes();
        if changes && read_only {
            return Err(EROFS);
        }
        if matches!(self, Self::Walking(..)) {
            return Err(EBUSY);
        }
        // SAFETY: by the contract.
        let root = unsafe { Root::new(begin.fd)? };
        root.check(changes, begin.flags & abi::BEGIN_ANY_FS != 0)?;
        let out = Buffer::new(walk::BUFFER)?;
        *self = Self::Walking(Walk::new(root, begin)?, out);
        Ok(())
    }

    /// Has the walk end; what it holds goes as it is read on.
    pub(crate) fn stop(&mut self) -> Result {
        match self {
            Self::Idle => return Err(EINVAL),
            Self::Walking(walk, _) => walk.stop(abi::STATUS_STOPPED),
            Self::Done => {}
        }
        Ok(())
    }

    /// Walks on, and has as many whole records as fit into `room` bytes copied: `copy` yields how many
    /// bytes it has copied.
    pub(crate) fn read(&mut self, room: usize, copy: impl FnOnce(&[u8]) -> usize) -> Result<usize> {
        if room < abi::MIN_READ {
            return Err(EINVAL);
        }
        let (walk, out) = match self {
            Self::Idle => return Err(EINVAL),
            Self::Walking(walk, out) => (walk, out),
            Self::Done => return Ok(0),
        };
        if out.is_empty() {
            // What was found before an error is still reported; the error at the next read.
            if let Err(error) = walk.run(out) {
                if out.is_empty() {
                    return Err(error);
                }
            }
        }
        let len = whole_records(out.rest(), room);
        if copy(&out.rest()[..len]) != len {
            return Err(EFAULT);
        }
        out.consume(len);
        if walk.ended() && out.is_empty() {
            *self = Self::Done;
        }
        Ok(len)
    }
}

/// Evicts the unused dentries below a directory; what was counted is in `found`, in failure, too. A
/// signal ends it.
pub(crate) fn shrink(root: Root, found: &mut Counters, read_only: bool) -> Result {
    if read_only {
        return Err(EROFS);
    }
    root.check(true, false)?;
    let begin = Begin {
        mode: abi::MODE_DENTRIES,
        ..Begin::default()
    };
    let mut out = Buffer::new(abi::MIN_READ)?;
    let mut walk = Walk::new(root, begin)?;
    while !walk.ended() {
        let done = walk.run(&mut out);
        *found = *walk.total();
        done?;
        out.clear();
    }
    Ok(())
}

/// How many bytes the whole records take that fit in `room`.
fn whole_records(bytes: &[u8], room: usize) -> usize {
    let mut end = 0;
    while let Some(&len) = bytes[end..].first_chunk::<4>() {
        let next = end + u32::from_ne_bytes(len) as usize;
        if next > room.min(bytes.len()) || next < end + size_of::<Header>() {
            break;
        }
        end = next;
    }
    end
}
