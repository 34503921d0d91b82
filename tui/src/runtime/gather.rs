//! What a census tells, gathered into the parts that the screen is told.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use crate::census::{Census, Seen, keep_greatest, minus, plus};
use crate::model::{KEPT, Part};
use crate::session::Counters;

/// Time between two parts; the first is told at once.
const PACE: Duration = Duration::from_millis(100);

/// A part that is being gathered.
pub(super) struct Gather {
    sent: Option<Instant>,
    part: Part,
    /// All rows so far.
    closed: Counters,
    /// The directory that was entered, and what was counted then.
    entered: Option<(OsString, Counters)>,
}

impl Gather {
    pub(super) fn new() -> Self {
        Self {
            sent: None,
            part: Part::default(),
            closed: Counters::default(),
            entered: None,
        }
    }

    /// Takes what is seen. A part, whenever it is time for one.
    pub(super) fn see(&mut self, seen: Seen, now: Instant) -> Option<Part> {
        match seen {
            Seen::Entered(name) => self.entered = Some((name, self.so_far())),
            Seen::Row(row) => {
                self.closed = plus(self.closed, &row.below);
                self.entered = None;
                self.part.rows.push(*row);
                if self.part.rows.len() > 2 * KEPT {
                    self.part.more += keep_greatest(&mut self.part.rows, KEPT);
                }
            }
            Seen::SoFar(so_far) => self.part.so_far = so_far,
        }
        let due = |sent| now.duration_since(sent) >= PACE;
        self.sent.is_none_or(due).then(|| {
            self.sent = Some(now);
            self.flush()
        })
    }

    /// What was not told yet.
    pub(super) fn flush(&mut self) -> Part {
        let so_far = self.so_far();
        let under_way = self.entered.as_ref();
        let next = Part {
            so_far: Box::new(so_far),
            ..Part::default()
        };
        Part {
            under_way: under_way.map(|(name, then)| (name.clone(), minus(so_far, then))),
            so_far: Box::new(so_far),
            ..std::mem::replace(&mut self.part, next)
        }
    }

    /// The last rows join what the census ended with.
    pub(super) fn finish(self, census: Census) -> Census {
        Census {
            rows: self.part.rows,
            ..census
        }
    }

    /// The module tells all so far from time to time, and of directories when it leaves them:
    /// whichever is more.
    fn so_far(&self) -> Counters {
        let told = *self.part.so_far;
        if told.total > self.closed.total {
            told
        } else {
            self.closed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::Row;

    fn counters(total: u64) -> Counters {
        Counters {
            total,
            ..Default::default()
        }
    }

    fn row(name: &str, total: u64) -> Row {
        Row {
            name: name.into(),
            own: counters(total),
            below: counters(total),
            in_use: false,
            partial: false,
        }
    }

    #[test]
    fn parts_come_at_a_pace_and_tell_each_row_once() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let boxed = |name, total| Seen::Row(Box::new(row(name, total)));
        let mut gather = Gather::new();
        let part = gather.see(Seen::Entered("a".into()), at(1)).unwrap();
        assert_eq!(part.under_way, Some(("a".into(), counters(0))), "at once");
        assert!(gather.see(boxed("a", 10), at(2)).is_none());
        assert!(gather.see(Seen::Entered("b".into()), at(3)).is_none());
        let so_far = Box::new(counters(1_000));
        let part = gather.see(Seen::SoFar(so_far), at(101)).unwrap();
        assert_eq!(part.rows, [row("a", 10)]);
        assert_eq!(part.under_way, Some(("b".into(), counters(990))));
        assert_eq!(part.so_far.total, 1_000);
        assert!(gather.see(boxed("b", 2_000), at(102)).is_none());
        let part = gather.see(Seen::Entered("c".into()), at(201)).unwrap();
        assert_eq!(part.rows, [row("b", 2_000)]);
        assert_eq!(part.so_far.total, 2_010, "two directories are known");
        assert_eq!(part.under_way, Some(("c".into(), counters(0))));
        gather.see(boxed("c", 1), at(202));
        let census = gather.finish(Census::default());
        assert_eq!(census.rows, [row("c", 1)]);
    }

    #[test]
    fn a_part_holds_no_more_rows_than_are_shown() {
        let start = Instant::now();
        let mut gather = Gather::new();
        gather.see(Seen::Entered("0".into()), start);
        for n in 0..5 * KEPT {
            gather.see(Seen::Row(Box::new(row(&n.to_string(), n as u64))), start);
        }
        let part = gather.flush();
        assert!(part.rows.len() <= 2 * KEPT);
        assert_eq!(part.rows.len() as u64 + part.more, 5 * KEPT as u64);
        let greatest = part.rows.iter().map(|row| row.below.total).max();
        assert_eq!(greatest, Some(5 * KEPT as u64 - 1));
    }
}
