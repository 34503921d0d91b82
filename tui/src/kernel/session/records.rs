//! The records of a walk: bytes as the device writes them, as typed values.

use std::ffi::OsString;
use std::mem::size_of;
use std::os::unix::ffi::OsStringExt;

use super::{Counters, SessionError};
use crate::abi;

/// Why a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All was walked.
    Complete,
    /// [`Records::stop`](crate::kernel::reader::Records::stop).
    Stopped,
    /// A bound of the walk: dentries or time.
    Bound,
    /// Directories deeper than the module can stand were left out.
    Depth,
    /// The directory was moved or removed meanwhile.
    Moved,
}

impl Status {
    /// In JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Bound => "bound reached",
            Self::Depth => "all but directories that are too deep",
            Self::Moved => "all but directories that were moved away",
        }
    }
}

/// A cached child of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// Its inode number as the kernel keeps it; 0 of a negative one.
    pub ino: u64,
    flags: u32,
    /// Its reader knows what the kernel keeps in the dentry's flags.
    knows_flags: bool,
}

impl Entry {
    /// A child; `flags` are `ENTRY_` of the ABI. Those of the LRU, of mount points and of lookups
    /// count only if the reader `knows_flags`.
    pub(crate) fn new(name: OsString, ino: u64, flags: u32, knows_flags: bool) -> Self {
        Self {
            name,
            ino,
            flags,
            knows_flags,
        }
    }

    /// Its type: `negative`, `directory`, `file` or `other`.
    pub fn kind(&self) -> &'static str {
        match self.flags & (abi::ENTRY_NEGATIVE | abi::ENTRY_DIR | abi::ENTRY_FILE) {
            abi::ENTRY_NEGATIVE => "negative",
            abi::ENTRY_DIR => "directory",
            abi::ENTRY_FILE => "file",
            _ => "other",
        }
    }

    /// Whether the name is known to be absent.
    pub fn is_negative(&self) -> bool {
        self.flags & abi::ENTRY_NEGATIVE != 0
    }

    /// Whether anything refers to it, its own children included.
    pub fn is_referenced(&self) -> bool {
        self.flags & abi::ENTRY_REFERENCED != 0
    }

    /// Whether it has cached children.
    pub fn has_children(&self) -> bool {
        self.flags & abi::ENTRY_CHILDREN != 0
    }

    /// Whether it is on the superblock's LRU list; None: the reader does not know.
    pub fn is_on_lru(&self) -> Option<bool> {
        self.knows_flags.then_some(self.flags & abi::ENTRY_LRU != 0)
    }

    /// Whether something is mounted on it; None: the reader does not know.
    pub fn is_mountpoint(&self) -> Option<bool> {
        self.knows_flags
            .then_some(self.flags & abi::ENTRY_MOUNTPOINT != 0)
    }

    /// Whether a lookup of it is under way; None: the reader does not know.
    pub fn is_in_lookup(&self) -> Option<bool> {
        self.knows_flags
            .then_some(self.flags & abi::ENTRY_IN_LOOKUP != 0)
    }
}

/// One record of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A directory is entered.
    Enter {
        /// Its name below its parent.
        name: OsString,
        /// Its inode number as the kernel keeps it.
        ino: u64,
    },
    /// The directory entered last is left.
    Leave {
        /// Counts of its own children.
        own: Box<Counters>,
        /// Counts of all that is below it.
        below: Box<Counters>,
        /// Its walk did not reach the end.
        partial: bool,
        /// Referenced by something besides its children and the session.
        in_use: bool,
        /// Dentries below it came or went in a way that part of it was counted anew.
        changed: bool,
    },
    /// A child of the directory, in [`super::Walk::List`].
    Entry(Entry),
    /// All so far.
    Progress(Box<Counters>),
    /// The end.
    Total {
        /// Why it ended.
        status: Status,
        /// Counts of everything below the directory.
        counters: Box<Counters>,
    },
}

/// The first record in `bytes`, and how many of them it takes.
pub(super) fn parse(bytes: &[u8]) -> Result<(Record, usize), SessionError> {
    let header = bytes
        .get(..size_of::<abi::Header>())
        .ok_or(SessionError::Malformed("cut off in its header"))?;
    let [len, kind, flags, name_len] = [0, 4, 8, 12].map(|at| u32_at(header, at));
    let len = len as usize;
    let body = bytes
        .get(header.len()..len)
        .filter(|_| len.is_multiple_of(8))
        .ok_or(SessionError::Malformed(
            "its length is not that of a record",
        ))?;
    let name = || {
        let name = body.get(..name_len as usize);
        let name = name.ok_or(SessionError::Malformed("its name is cut off"))?;
        Ok(OsString::from_vec(name.to_vec()))
    };
    let ino = header[16..].first_chunk().copied();
    let ino = ino.map_or(0, u64::from_ne_bytes);
    let record = match kind {
        abi::REC_ENTER => Record::Enter { name: name()?, ino },
        abi::REC_ENTRY => Record::Entry(Entry::new(name()?, ino, flags, true)),
        abi::REC_LEAVE => Record::Leave {
            own: counters(body, 0)?,
            below: counters(body, 1)?,
            partial: flags & abi::REC_PARTIAL != 0,
            in_use: flags & abi::REC_IN_USE != 0,
            // The module's walk keeps its place.
            changed: false,
        },
        abi::REC_PROGRESS => Record::Progress(counters(body, 0)?),
        abi::REC_TOTAL => Record::Total {
            status: status(flags)?,
            counters: counters(body, 0)?,
        },
        _ => return Err(SessionError::Malformed("its kind is unknown")),
    };
    Ok((record, len))
}

fn status(flags: u32) -> Result<Status, SessionError> {
    Ok(match flags {
        abi::STATUS_COMPLETE => Status::Complete,
        abi::STATUS_STOPPED => Status::Stopped,
        abi::STATUS_MAX_DENTRIES | abi::STATUS_MAX_TIME => Status::Bound,
        abi::STATUS_DEPTH => Status::Depth,
        abi::STATUS_MOVED => Status::Moved,
        _ => return Err(SessionError::Malformed("its status is unknown")),
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..]
        .first_chunk()
        .copied()
        .map_or(0, u32::from_ne_bytes)
}

fn counters(body: &[u8], index: usize) -> Result<Box<Counters>, SessionError> {
    const LEN: usize = size_of::<Counters>();
    let bytes = body
        .get(index * LEN..)
        .and_then(|rest| rest.first_chunk::<LEN>())
        .ok_or(SessionError::Malformed("its counters are cut off"))?;
    // SAFETY: `Counters` is `repr(C)` and made of `u64` alone (asserted in abi.rs by its size), so
    // it has no padding and every bit pattern is valid; sizes are equal by type.
    Ok(Box::new(unsafe {
        std::mem::transmute_copy::<[u8; LEN], Counters>(bytes)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record as the module writes it on this machine.
    fn record(kind: u32, flags: u32, name: &[u8], counters: &[u64]) -> Vec<u8> {
        let body = counters.len() * 8 + name.len().next_multiple_of(8);
        let len = (size_of::<abi::Header>() + body) as u32;
        let mut bytes = Vec::new();
        for field in [len, kind, flags, name.len() as u32] {
            bytes.extend(field.to_ne_bytes());
        }
        bytes.extend([0; 16]);
        bytes.extend(counters.iter().flat_map(|counter| counter.to_ne_bytes()));
        bytes.extend(name);
        bytes.resize(len as usize, 0);
        bytes
    }

    fn figures(from: u64) -> Vec<u64> {
        (from..).take(abi::NCOUNTERS).collect()
    }

    #[test]
    fn flags_that_the_reader_does_not_know_are_unknown() {
        let flags = abi::ENTRY_FILE | abi::ENTRY_LRU;
        let known = |knows| {
            let entry = Entry::new("x".into(), 1, flags, knows);
            [
                entry.is_on_lru(),
                entry.is_mountpoint(),
                entry.is_in_lookup(),
            ]
        };
        assert_eq!(known(true), [Some(true), Some(false), Some(false)]);
        assert_eq!(known(false), [None; 3]);
    }

    #[test]
    fn records_are_parsed() {
        let enter = record(abi::REC_ENTER, 0, b"a\xff\n", &[]);
        let name = OsString::from_vec(b"a\xff\n".to_vec());
        assert_eq!(parse(&enter).unwrap(), (Record::Enter { name, ino: 0 }, 40));

        let both = [figures(1), figures(100)].concat();
        let leave = record(abi::REC_LEAVE, abi::REC_PARTIAL, b"", &both);
        match parse(&leave).unwrap() {
            (
                Record::Leave {
                    own,
                    below,
                    partial,
                    in_use,
                    ..
                },
                len,
            ) => {
                assert_eq!((own.total, own.skipped_dirty), (1, 23));
                assert_eq!((below.total, below.skipped_dirty), (100, 122));
                assert_eq!((partial, in_use, len), (true, false, leave.len()));
            }
            other => panic!("{other:?}"),
        }

        let total = record(abi::REC_TOTAL, abi::STATUS_MOVED, b"", &figures(1));
        match parse(&total).unwrap().0 {
            Record::Total { status, counters } => {
                assert_eq!(status, Status::Moved);
                assert_eq!(counters.moved, 20);
            }
            other => panic!("{other:?}"),
        }
    }

    /// No record, however broken, is read beyond its end.
    #[test]
    fn malformed_records_are_refused() {
        let whole = record(abi::REC_LEAVE, 0, b"", &[figures(1), figures(1)].concat());
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err());
        }
        let mut longer = record(abi::REC_ENTER, 0, b"name", &[]);
        longer[12] = 200;
        assert!(parse(&longer).is_err(), "a name beyond its record");
        longer[0] += 1;
        assert!(parse(&longer).is_err(), "a length that is no multiple of 8");
        for len in [0_u32, 8, 24, u32::MAX] {
            let mut short = record(abi::REC_PROGRESS, 0, b"", &figures(1));
            short[..4].copy_from_slice(&len.to_ne_bytes());
            assert!(parse(&short).is_err(), "{len}");
        }
        for (kind, flags) in [(0, 0), (6, 0), (abi::REC_TOTAL, 77)] {
            assert!(parse(&record(kind, flags, b"", &figures(1))).is_err());
        }
        for kind in [abi::REC_LEAVE, abi::REC_PROGRESS, abi::REC_TOTAL] {
            assert!(parse(&record(kind, 0, b"", &[1, 2])).is_err());
        }
    }
}
