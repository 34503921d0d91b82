//! The census: what the kernel has cached below a directory, a row for each child directory.

use std::cmp::Reverse;
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::kernel::reader::{self, Look};
use crate::kernel::session::{Counters, Entry, Record, SessionError, Status};
use crate::kernel::source::dentry_state::Cost;

/// A directory with cached children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryCount {
    /// Its path below the directory counted: a name or, deeper down, names and slashes. A name may
    /// hold any byte but `/` and NUL.
    pub name: OsString,
    /// Counts of its direct children.
    pub own: Counters,
    /// Counts of everything below it.
    pub below: Counters,
    /// Referenced by something besides its children.
    pub in_use: bool,
    /// The walk was ended before it had seen everything below.
    pub partial: bool,
    /// Dentries below it came or went while they were counted, so that part of it was counted anew.
    pub changed: bool,
}

/// What is cached below one directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Counts of everything below the directory; the directory itself is not counted.
    pub here: Counters,
    /// The directories with cached children, each behind those below it.
    pub rows: Vec<DirectoryCount>,
    /// Directories without a row, since there were too many to keep.
    pub more: u64,
    /// Not everything was walked: the figures are lower bounds.
    pub partial: bool,
    /// How long it took.
    pub took: Duration,
    /// The reader that counted: it decides what of [`Counters`] is known.
    pub reader: reader::Kind,
    /// Dentries came or went while it was made, so that part of it was counted anew.
    pub changed: bool,
    /// What counting cost in dentries, where it was measured.
    pub cost: Option<Cost>,
}

/// What a census reports while it goes on.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A directory right below the one counted is entered.
    Entered(OsString),
    /// A directory is counted.
    Row(Box<DirectoryCount>),
    /// What is counted of everything so far.
    SoFar(Box<Counters>),
}

/// Counts what is cached below `dir`, without looking anything up, with a row for each directory
/// down to `depth`. `progress` gets the number of dentries counted so far and may end the census,
/// which then is partial.
pub fn census(
    dir: BorrowedFd<'_>,
    depth: u32,
    progress: &mut dyn FnMut(&Counters) -> ControlFlow<()>,
) -> Result<Census, SessionError> {
    let mut rows = Vec::new();
    let mut census = stream(dir, depth, &mut |seen| {
        match seen {
            Seen::Entered(_) => {}
            Seen::Row(row) => rows.push(*row),
            Seen::SoFar(so_far) => return progress(&so_far),
        }
        ControlFlow::Continue(())
    })?;
    census.rows = rows;
    Ok(census)
}

/// As [`census`], but `each` gets the rows, and what else is seen, as the walk reports them: the
/// census that is returned has none. `each` may end it.
pub fn stream(
    dir: BorrowedFd<'_>,
    depth: u32,
    each: &mut dyn FnMut(Seen) -> ControlFlow<()>,
) -> Result<Census, SessionError> {
    let start = Instant::now();
    let reader = reader::open()?;
    let mut census = Census {
        reader: reader.kind(),
        ..Census::default()
    };
    let mut session = reader.begin(dir, Look::Census { depth })?;
    let mut entered = PathBuf::new();
    while let Some(record) = session.next() {
        let seen = match record? {
            Record::Enter { name, .. } => {
                let top = entered.as_os_str().is_empty();
                entered.push(&name);
                if !top {
                    continue;
                }
                Seen::Entered(name)
            }
            Record::Leave {
                own,
                below,
                partial,
                in_use,
                changed,
            } => {
                let row = Box::new(DirectoryCount {
                    name: entered.clone().into_os_string(),
                    own: *own,
                    below: *below,
                    in_use,
                    partial,
                    changed,
                });
                if !entered.pop() {
                    return Err(SessionError::Malformed(
                        "a directory is left that was not entered",
                    ));
                }
                Seen::Row(row)
            }
            Record::Progress(so_far) => Seen::SoFar(so_far),
            Record::Total { status, counters } => {
                census.here = *counters;
                census.partial = status != Status::Complete;
                continue;
            }
            Record::Entry(_) => return Err(SessionError::Malformed("a name in a census")),
        };
        if each(seen).is_break() {
            session.stop()?;
        }
    }
    census.took = start.elapsed();
    census.changed = session.changed();
    Ok(census)
}

/// The `most` rows with the most dentries below, in no order. Any dentry figure of another row,
/// which is part of that number, is at most the least of theirs.
pub fn greatest(rows: &mut [DirectoryCount], most: usize) -> &[DirectoryCount] {
    if rows.len() <= most {
        return rows;
    }
    rows.select_nth_unstable_by_key(most, |row| Reverse(row.below.total));
    &rows[..most]
}

/// Leaves the [`greatest`] `kept` rows, and returns how many are left out.
pub fn keep_greatest(rows: &mut Vec<DirectoryCount>, kept: usize) -> u64 {
    let left = greatest(rows, kept).len();
    let out = rows.len() - left;
    rows.truncate(left);
    out as u64
}

/// Bytes that a prune of all prunable dentries frees.
pub fn freeable(counters: &Counters, dentry_size: u64) -> u64 {
    let objects = counters.prunable.saturating_mul(dentry_size);
    objects.saturating_add(counters.external_bytes)
}

/// Bytes that a prune of the prunable negative dentries frees.
pub fn freeable_negatives(counters: &Counters, dentry_size: u64) -> u64 {
    let objects = counters.negative_prunable.saturating_mul(dentry_size);
    objects.saturating_add(counters.negative_external_bytes)
}

/// The outcome of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// All names were reported.
    pub complete: bool,
    /// Names came or went meanwhile, so that part was read anew.
    pub changed: bool,
}

/// Reports the cached children of `dir` by name, as long as `each` goes on.
pub fn list(
    dir: BorrowedFd<'_>,
    each: &mut dyn FnMut(&Entry) -> ControlFlow<()>,
) -> Result<Listed, SessionError> {
    let mut session = reader::open()?.begin(dir, Look::List)?;
    let mut complete = false;
    for record in session.by_ref() {
        match record? {
            Record::Entry(entry) if each(&entry).is_break() => break,
            Record::Total { status, .. } => {
                complete = status == Status::Complete;
                break;
            }
            _ => {}
        }
    }
    Ok(Listed {
        complete,
        changed: session.changed(),
    })
}
