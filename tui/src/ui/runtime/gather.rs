//! Gathers the records of a census into parts for the screen.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use crate::cache::census::{Census, DirectoryCount, Seen, greatest, keep_greatest};
use crate::kernel::session::Counters;
use crate::kernel::session::{minus, plus};
use crate::ui::model::{KEPT, Part};

/// Time between two parts; the first of all and the first with a row are sent at once.
const PACE: Duration = Duration::from_millis(100);

/// Rows of a part: several screens of them, and few enough that sorting them does not delay a key.
/// The end of the census has the rest.
const TOLD: usize = 256;

/// A census that is being gathered.
#[derive(Default)]
pub(super) struct Gather {
    sent: Option<Instant>,
    /// A part with a row was sent.
    told: bool,
    /// The rows with the most dentries so far.
    rows: Vec<DirectoryCount>,
    /// Number of the other rows.
    more: u64,
    /// The module's last count of all so far.
    so_far: Counters,
    /// All directories so far.
    closed: Counters,
    /// The directory that was entered, and the counts at that time.
    entered: Option<(OsString, Counters)>,
}

impl Gather {
    /// Takes a record. Returns a part if it is time for one.
    pub(super) fn see(&mut self, seen: Seen, now: Instant) -> Option<Part> {
        match seen {
            Seen::Entered(name) => self.entered = Some((name, self.so_far())),
            Seen::Row(row) => {
                self.closed = plus(self.closed, &row.below);
                self.entered = None;
                self.rows.push(*row);
                if self.rows.len() > 2 * KEPT {
                    self.more += keep_greatest(&mut self.rows, KEPT);
                }
            }
            Seen::SoFar(so_far) => self.so_far = *so_far,
        }
        let due = |sent| now.duration_since(sent) >= PACE;
        let first = !self.told && !self.rows.is_empty();
        (first || self.sent.is_none_or(due)).then(|| {
            self.told |= first;
            self.sent = Some(now);
            self.part(TOLD)
        })
    }

    /// All that was gathered, for a census that fails.
    pub(super) fn all(&mut self) -> Part {
        self.part(KEPT)
    }

    fn part(&mut self, most: usize) -> Part {
        let so_far = self.so_far();
        let under_way = self.entered.as_ref();
        let under_way = under_way.map(|(name, then)| (name.clone(), minus(so_far, then)));
        let all = self.rows.len();
        let rows = greatest(&mut self.rows, most).to_vec();
        Part {
            more: self.more + (all - rows.len()) as u64,
            rows,
            under_way,
            so_far: Box::new(so_far),
        }
    }

    /// Adds the rows to the final census.
    pub(super) fn finish(mut self, census: Census) -> Census {
        let more = self.more + keep_greatest(&mut self.rows, KEPT);
        Census {
            rows: self.rows,
            more,
            ..census
        }
    }

    /// The module reports all so far from time to time, and directories when it leaves them: the
    /// greater one counts.
    fn so_far(&self) -> Counters {
        if self.so_far.total > self.closed.total {
            self.so_far
        } else {
            self.closed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(total: u64) -> Counters {
        Counters {
            total,
            ..Default::default()
        }
    }

    fn row(name: &str, total: u64) -> DirectoryCount {
        DirectoryCount {
            name: name.into(),
            own: counters(total),
            below: counters(total),
            in_use: false,
            partial: false,
            changed: false,
        }
    }

    #[test]
    fn parts_are_sent_at_a_pace_with_all_so_far() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let boxed = |name, total| Seen::Row(Box::new(row(name, total)));
        let mut gather = Gather::default();
        let part = gather.see(Seen::Entered("a".into()), at(1)).unwrap();
        assert_eq!(part.under_way, Some(("a".into(), counters(0))), "at once");
        let part = gather.see(boxed("a", 10), at(2)).unwrap();
        assert_eq!(part.rows, [row("a", 10)], "nor does the first row wait");
        assert!(gather.see(Seen::Entered("b".into()), at(3)).is_none());
        let so_far = Box::new(counters(1_000));
        let part = gather.see(Seen::SoFar(so_far), at(102)).unwrap();
        assert_eq!(part.rows, [row("a", 10)]);
        assert_eq!(part.under_way, Some(("b".into(), counters(990))));
        assert_eq!(part.so_far.total, 1_000);
        assert!(gather.see(boxed("b", 2_000), at(103)).is_none());
        let part = gather.see(Seen::Entered("c".into()), at(202)).unwrap();
        assert_eq!(part.rows, [row("a", 10), row("b", 2_000)]);
        assert_eq!(part.so_far.total, 2_010, "two directories are known");
        assert_eq!(part.under_way, Some(("c".into(), counters(0))));
        gather.see(boxed("c", 1), at(203));
        let census = gather.finish(Census::default());
        assert_eq!(census.rows, [row("a", 10), row("b", 2_000), row("c", 1)]);
    }

    #[test]
    fn greatest_of_many_rows_are_sent_and_kept() {
        let start = Instant::now();
        let mut gather = Gather::default();
        gather.see(Seen::Entered("0".into()), start);
        for n in 0..5 * KEPT {
            gather.see(Seen::Row(Box::new(row(&n.to_string(), n as u64))), start);
        }
        let most = |rows: &[DirectoryCount]| rows.iter().map(|row| row.below.total).max();
        for (part, told) in [(gather.part(TOLD), TOLD), (gather.all(), KEPT)] {
            assert_eq!(part.rows.len(), told);
            assert_eq!(part.rows.len() as u64 + part.more, 5 * KEPT as u64);
            assert_eq!(most(&part.rows), Some(5 * KEPT as u64 - 1));
        }
        let census = gather.finish(Census::default());
        assert_eq!(census.rows.len(), KEPT);
        assert_eq!(census.rows.len() as u64 + census.more, 5 * KEPT as u64);
        assert_eq!(most(&census.rows), Some(5 * KEPT as u64 - 1));
    }
}
