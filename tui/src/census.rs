//! The census: what the kernel has cached below a directory, a row for each child directory.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::session::{Counters, Device, Entry, Record, SessionError, Status, Walk};

/// A directory with cached children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its path below the directory counted: a name or, deeper down, names and slashes. A name may
    /// hold any byte but `/` and NUL.
    pub name: OsString,
    /// Of its direct children.
    pub own: Counters,
    /// Of everything below it.
    pub below: Counters,
    /// Referenced by something besides its children.
    pub in_use: bool,
    /// The walk was ended before it had seen everything below.
    pub partial: bool,
}

/// What is cached below one directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Of everything below the directory; the directory itself is not counted.
    pub here: Counters,
    /// The directories with cached children, each behind those below it.
    pub rows: Vec<Row>,
    /// Not everything was walked: the figures are lower bounds.
    pub partial: bool,
    /// How long it took.
    pub took: Duration,
}

/// Counts what is cached below `dir`, looking nothing up, with a row for each directory down to
/// `depth`. `progress` hears of the dentries counted so far and may end the census, which then is
/// partial.
pub fn census(
    dir: BorrowedFd<'_>,
    depth: u32,
    progress: &mut dyn FnMut(&Counters) -> ControlFlow<()>,
) -> Result<Census, SessionError> {
    let start = Instant::now();
    let mut session = Device::open()?.begin(dir, Walk::Census { depth })?;
    let mut census = Census::default();
    let mut entered = PathBuf::new();
    while let Some(record) = session.next() {
        match record? {
            Record::Enter { name } => entered.push(name),
            Record::Leave {
                own,
                below,
                partial,
                in_use,
            } => {
                census.rows.push(Row {
                    name: entered.clone().into_os_string(),
                    own: *own,
                    below: *below,
                    in_use,
                    partial,
                });
                if !entered.pop() {
                    return Err(SessionError::Malformed(
                        "a directory is left that was not entered",
                    ));
                }
            }
            Record::Progress(so_far) => {
                if progress(&so_far).is_break() {
                    session.stop()?;
                }
            }
            Record::Total { status, counters } => {
                census.here = *counters;
                census.partial = status != Status::Complete;
            }
            Record::Entry(_) => return Err(SessionError::Malformed("a name in a census")),
        }
    }
    census.took = start.elapsed();
    Ok(census)
}

/// Tells the cached children of `dir` by name, as long as `each` goes on. Returns whether all were
/// told.
pub fn list(
    dir: BorrowedFd<'_>,
    each: &mut dyn FnMut(&Entry) -> ControlFlow<()>,
) -> Result<bool, SessionError> {
    for record in Device::open()?.begin(dir, Walk::List)? {
        match record? {
            Record::Entry(entry) if each(&entry).is_break() => return Ok(false),
            Record::Total { status, .. } => return Ok(status == Status::Complete),
            _ => {}
        }
    }
    Ok(false)
}
