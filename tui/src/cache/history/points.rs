//! The points of the charts: each sample of the last hour or so, and of the time before one in ten
//! seconds, then one in two minutes, so that days fit into little memory.

use std::collections::VecDeque;
use std::time::Duration;

use super::Point;

/// Least distance between the points of each ring, the newest ring first.
const APART: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_secs(10),
    Duration::from_secs(120),
];

/// The points kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Points {
    /// Oldest first in each; all in a ring are older than all in the one before it.
    rings: [VecDeque<Point>; APART.len()],
}

impl Points {
    /// Points in a ring: an hour at one a second, ten hours, five days.
    const CAPACITY: usize = 3600;

    /// The newest point.
    pub(super) fn last(&self) -> Option<&Point> {
        self.rings.iter().find_map(VecDeque::back)
    }

    /// The oldest point.
    pub(super) fn first(&self) -> Option<&Point> {
        self.rings.iter().rev().find_map(VecDeque::front)
    }

    /// Keeps a point that is newer than all others.
    pub(super) fn push(&mut self, point: Point) {
        let mut point = Some(point);
        for (ring, apart) in self.rings.iter_mut().zip(APART) {
            let Some(kept) = point.take() else {
                return;
            };
            // A point too close to the last one is dropped.
            if ring.back().is_none_or(|last| kept.at >= last.at + apart) {
                ring.push_back(kept);
            }
            if ring.len() > Self::CAPACITY {
                point = ring.pop_front();
            }
        }
    }

    /// The points from the last one before `from` up to `to`, oldest first.
    pub(super) fn between(&self, from: Duration, to: Duration) -> impl Iterator<Item = &Point> {
        let mut newer_has_one_before = false;
        let mut ranges = self.rings.each_ref().map(|ring| {
            let first = ring.partition_point(|point| point.at < from);
            let end = ring.partition_point(|point| point.at <= to);
            let before = usize::from(first > 0 && !newer_has_one_before);
            newer_has_one_before |= first > 0;
            ring.range((first - before).min(end)..end)
        });
        ranges.reverse();
        ranges.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn points(times: impl IntoIterator<Item = u64>) -> Points {
        let mut points = Points::default();
        for time in times {
            points.push(Point {
                at: seconds(time),
                memory: None,
                dentries: None,
            });
        }
        points
    }

    fn times(points: &Points, from: u64, to: u64) -> Vec<u64> {
        let between = points.between(seconds(from), seconds(to));
        between.map(|point| point.at.as_secs()).collect()
    }

    #[test]
    fn days_of_points_fit_and_the_last_hour_is_complete() {
        let day = 24 * 3600;
        let points = points(0..7 * day);
        let kept: usize = points.rings.iter().map(VecDeque::len).sum();
        assert!(kept <= APART.len() * Points::CAPACITY, "{kept}");
        assert_eq!(times(&points, 7 * day - 60, 7 * day).len(), 61);
        let hours = times(&points, 7 * day - 5 * 3600, 7 * day - 4 * 3600);
        assert!((360..=362).contains(&hours.len()), "{}", hours.len());
        let old = times(&points, 3 * day, 3 * day + 3600);
        assert!((30..=32).contains(&old.len()), "{old:?}");
        assert!(points.first().unwrap().at <= seconds(2 * day + day / 2));
        assert_eq!(points.last().unwrap().at, seconds(7 * day - 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// In order, without gaps at the seams, and with one point before the beginning.
        #[test]
        fn window_has_no_gaps_and_one_point_before_it(steps in proptest::collection::vec(1_u64..40, 1..9_000), from in 0_u64..200_000, long in 0_u64..200_000) {
            let mut at = 0;
            let all: Vec<u64> = steps.iter().map(|step| { at += step; at }).collect();
            let points = points(all.iter().copied());
            let to = from + long;
            let window = times(&points, from, to);
            prop_assert!(window.is_sorted_by(|a, b| a < b));
            prop_assert!(window.iter().skip(1).all(|&time| (from..=to).contains(&time)));
            let first = points.first().unwrap().at.as_secs();
            if first < from && from <= to {
                prop_assert!(window.first().is_some_and(|&time| time < from));
            }
            let newest = all.iter().rev().take(Points::CAPACITY / 2);
            let expected = newest.filter(|&&time| (from..=to).contains(&time)).count();
            let recent = all.len().saturating_sub(Points::CAPACITY / 2);
            let seen = window.iter().filter(|&&time| (from..=to).contains(&time) && time >= all[recent]).count();
            prop_assert_eq!(seen, expected);
        }
    }
}
