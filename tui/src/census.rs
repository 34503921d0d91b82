//! The census: what the kernel has cached below a directory, a row for each child directory.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use crate::session::{Counters, Device, Mode, Record, SessionError, Status, Walk};

/// A child directory that is cached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name, as the kernel has it: any bytes but `/` and NUL.
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
    /// The child directories that have cached children, in the kernel's order.
    pub rows: Vec<Row>,
    /// Not everything was walked: the figures are lower bounds.
    pub partial: bool,
    /// How long it took.
    pub took: Duration,
}

/// Counts what is cached below `dir`, looking nothing up. `progress` hears of the dentries counted
/// so far and may end the census, which then is partial.
pub fn census(
    dir: BorrowedFd<'_>,
    progress: &mut dyn FnMut(&Counters) -> ControlFlow<()>,
) -> Result<Census, SessionError> {
    let start = Instant::now();
    let walk = Walk {
        mode: Mode::Census,
        depth: 1,
        dry_run: false,
    };
    let mut session = Device::open()?.begin(dir, walk)?;
    let mut census = Census::default();
    let mut entered = None;
    while let Some(record) = session.next() {
        match record? {
            Record::Enter { name } => entered = Some(name),
            Record::Leave {
                own,
                below,
                partial,
                in_use,
            } => {
                let name = entered.take().ok_or(SessionError::Malformed(
                    "a directory is left that was not entered",
                ))?;
                census.rows.push(Row {
                    name,
                    own: *own,
                    below: *below,
                    in_use,
                    partial,
                });
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
        }
    }
    census.took = start.elapsed();
    Ok(census)
}
