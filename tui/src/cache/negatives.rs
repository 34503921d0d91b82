//! The names that the kernel has cached as absent in one directory: listed, sifted, exported.

pub mod export;

use std::borrow::Cow;
use std::fmt;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use crate::base::filter::Filter;
use crate::base::text::printable_bytes;
use crate::cache::census::list;
use crate::cache::shapes::{Settled, Shapes};
use crate::kernel::session::{Counters, SessionError};

/// Most bytes of names that are kept.
const BYTES: usize = 24 << 20;
/// Most names that are kept.
const NAMES: usize = 1 << 20;
/// Names between two checks whether to go on.
const BATCH: u64 = 4096;

/// Names one after the other, as bytes: a million of them are no million allocations.
#[derive(Default)]
pub struct Names {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} names", self.len())
    }
}

impl Names {
    /// The memory is taken at once, so that it is never copied to more; what is not written to,
    /// the kernel does not give.
    pub(crate) fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(BYTES),
            ends: Vec::with_capacity(NAMES),
        }
    }

    /// Keeps a name, if there is room; says whether there was.
    pub(crate) fn push(&mut self, name: &[u8]) -> bool {
        let room = self.bytes.len() + name.len() <= BYTES && self.ends.len() < NAMES;
        if room {
            self.bytes.extend_from_slice(name);
            // Less than BYTES.
            self.ends.push(self.bytes.len() as u32);
        }
        room
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The name at this index.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)? as usize;
        let start = at
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        self.bytes.get(start..end)
    }

    /// All names, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|at| self.get(at))
    }
}

/// The absent names of a directory.
#[derive(Debug)]
pub struct Listing {
    /// Those that are kept, in the kernel's order: all, or the first ones if there are too many.
    pub names: Names,
    /// For each name kept, the number of its shape; [`OTHER`]: it has none.
    of: Vec<u16>,
    /// The shapes of all names, kept or not.
    pub shapes: Settled,
    /// Number of absent names.
    pub count: u64,
    /// Whether all were reported.
    pub complete: bool,
    /// How long it took.
    pub took: Duration,
}

/// The number that stands for no shape: there are at most 4096 shapes.
const OTHER: u16 = u16::MAX;

/// The names that are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Only {
    /// All names.
    #[default]
    All,
    /// Those of the shape of this number.
    Shape(usize),
    /// Those of no shape.
    Others,
}

impl Listing {
    /// A listing of these names.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut made = Making::new();
        names.into_iter().for_each(|name| made.add(name));
        made.done(true)
    }

    /// Number of names that are not kept.
    pub fn not_kept(&self) -> u64 {
        self.count.saturating_sub(self.names.len() as u64)
    }

    /// The names that the filter lets through, by their numbers. None if `flow` ends it.
    pub fn sift(
        &self,
        only: Only,
        filter: &Filter,
        flow: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Option<Vec<u32>> {
        let wanted = match only {
            Only::All => None,
            Only::Shape(shape) => Some(number(shape)),
            Only::Others => Some(OTHER),
        };
        let mut rows = Vec::new();
        for (at, (name, &of)) in (0..).zip(self.names.iter().zip(&self.of)) {
            if u64::from(at).is_multiple_of(BATCH) && flow().is_break() {
                return None;
            }
            if wanted.is_none_or(|wanted| wanted == of) && filter.fits(&shown(name)) {
                rows.push(at);
            }
        }
        Some(rows)
    }
}

fn number(shape: usize) -> u16 {
    u16::try_from(shape).unwrap_or(OTHER)
}

/// A name as the screen shows it, so that what is seen can be searched for.
fn shown(name: &[u8]) -> Cow<'_, str> {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'\\';
    match str::from_utf8(name) {
        Ok(text) if name.iter().all(plain) => text.into(),
        _ => printable_bytes(name).into(),
    }
}

/// A listing in the making.
struct Making {
    start: Instant,
    names: Names,
    shapes: Shapes,
}

impl Making {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            names: Names::new(),
            shapes: Shapes::default(),
        }
    }

    fn add(&mut self, name: &[u8]) {
        self.shapes.add(name);
        self.names.push(name);
    }

    fn done(self, complete: bool) -> Listing {
        let shapes = self.shapes.settle();
        let of = |name: &[u8]| shapes.of(name).map_or(OTHER, number);
        Listing {
            of: self.names.iter().map(of).collect(),
            count: shapes.names(),
            names: self.names,
            shapes,
            complete,
            took: self.start.elapsed(),
        }
    }
}

/// Lists the absent names in `dir`, without looking anything up. `progress` gets the number of
/// names reported and how many of these are absent, and may end it: then the listing has those so
/// far.
pub fn listing(
    dir: BorrowedFd<'_>,
    progress: &mut dyn FnMut(&Counters) -> ControlFlow<()>,
) -> Result<Listing, SessionError> {
    let mut made = Making::new();
    let complete = each(dir, progress, &mut |name| {
        made.add(name);
        ControlFlow::Continue(())
    })?;
    Ok(made.done(complete))
}

/// Calls `name` with each absent name in `dir`; returns whether the list is complete.
fn each(
    dir: BorrowedFd<'_>,
    progress: &mut dyn FnMut(&Counters) -> ControlFlow<()>,
    tell: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<bool, SessionError> {
    let mut so_far = Counters::default();
    let listed = list(dir, &mut |entry| {
        so_far.total += 1;
        if entry.is_negative() {
            so_far.negative += 1;
            if tell(entry.name.as_bytes()).is_break() {
                return ControlFlow::Break(());
            }
        }
        if so_far.total.is_multiple_of(BATCH) {
            return progress(&so_far);
        }
        ControlFlow::Continue(())
    })?;
    Ok(listed.complete)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sifted(listing: &Listing, only: Only, filter: &str) -> Vec<u32> {
        let go_on = &mut || ControlFlow::Continue(());
        listing.sift(only, &Filter::new(filter), go_on).unwrap()
    }

    #[test]
    fn names_are_sifted_by_shape_and_by_filter() {
        let names = [&b"core.1"[..], b"\xff\n", b"Core", b"core.22", b""];
        let listing = Listing::of(names);
        assert_eq!(listing.names.iter().collect::<Vec<_>>(), names);
        assert_eq!((listing.count, listing.not_kept()), (5, 0));
        assert_eq!(sifted(&listing, Only::All, ""), [0, 1, 2, 3, 4]);
        assert_eq!(sifted(&listing, Only::Shape(0), ""), [0, 3]);
        assert_eq!(sifted(&listing, Only::Others, ""), [1, 2, 4]);
        assert_eq!(sifted(&listing, Only::All, "CORE"), [0, 2, 3]);
        assert_eq!(sifted(&listing, Only::Shape(0), "~2$"), [3]);
        assert_eq!(sifted(&listing, Only::All, "\\xff\\n"), [1]);
        let end = &mut || ControlFlow::Break(());
        assert_eq!(listing.sift(Only::All, &Filter::default(), end), None);
    }

    #[test]
    fn first_of_too_many_names_are_kept_and_all_are_counted() {
        let long = [b'x'; 255];
        let listing = Listing::of(std::iter::repeat_n(&long[..], 110_000));
        assert_eq!(listing.count, 110_000);
        assert_eq!(listing.names.len(), BYTES / 255);
        assert_eq!(listing.not_kept(), 110_000 - (BYTES / 255) as u64);
        assert_eq!(listing.names.get(BYTES / 255), None);
        assert_eq!(listing.names.get(9), Some(&long[..]));
    }
}
