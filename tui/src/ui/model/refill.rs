//! Whether the pruned directories are refilled: they are counted again for a minute.

use std::time::Duration;

use crate::base::text::{count, duration, percent, short};

/// Times of the counts after the end of a prune.
const TIMES: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
    Duration::from_secs(60),
];

/// How far the pruned directories are refilled.
#[derive(Debug, Default)]
pub struct Refill {
    /// End of the prune, since the start.
    since: Duration,
    /// Dentries of the pruned kind that were left then.
    left: u64,
    /// Dentries that went.
    freed: u64,
    /// The last count, and its time.
    last: Option<(Duration, u64)>,
    /// The worker's job that counts.
    pub job: Option<u64>,
    /// Why it can no longer be counted.
    pub failed: Option<String>,
}

impl Refill {
    /// The refill after a prune that ended `since` the start and left `left` dentries.
    pub fn new(since: Duration, left: u64, freed: u64) -> Self {
        Self {
            since,
            left,
            freed,
            ..Self::default()
        }
    }

    /// Whether a count is due.
    pub fn is_due(&self, now: Duration) -> bool {
        let elapsed = now.saturating_sub(self.since);
        let last = self
            .last
            .map_or(Duration::ZERO, |(at, _)| at.saturating_sub(self.since));
        let due = TIMES.iter().any(|&time| last < time && time <= elapsed);
        due && self.freed > 0 && self.job.is_none() && self.failed.is_none()
    }

    /// Stores the number of dentries that are there now.
    pub fn counted(&mut self, at: Duration, there: u64) {
        self.last = Some((at, there));
    }

    /// Text for the ledger.
    pub fn words(&self) -> String {
        if let Some(error) = &self.failed {
            return format!("cannot be counted: {error}");
        }
        let Some((at, there)) = self.last else {
            return format!("next count below it in {}", duration(TIMES[0]));
        };
        let elapsed = at.saturating_sub(self.since);
        let back = there.saturating_sub(self.left);
        let share = percent(back, self.freed).unwrap_or(0);
        let seconds = elapsed.as_secs();
        let rate = short(back as f64 / elapsed.as_secs_f64().max(1.0));
        if share >= 10 {
            return format!("{share} % in {seconds} s, {rate}/s: the workload is refilling it");
        }
        let back = count(back);
        match (share, elapsed >= TIMES[TIMES.len() - 1]) {
            (0, true) => format!("{back} in {seconds} s: nobody needed it"),
            (_, true) => format!("{back} in {seconds} s, {rate}/s"),
            (_, false) => format!("{back} in {seconds} s, {rate}/s so far"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn refill_is_counted_for_a_minute_and_no_more_often_than_needed() {
        let mut refill = Refill::new(seconds(100), 7, 1_000);
        let mut times = Vec::new();
        for now in 100..400 {
            if refill.is_due(seconds(now)) {
                times.push(now - 100);
                refill.counted(seconds(now), 7);
            }
        }
        assert_eq!(times, [5, 10, 20, 40, 60]);
        let mut late = Refill::new(seconds(0), 0, 1);
        assert!(late.is_due(seconds(300)), "missed ones are made up for");
        late.counted(seconds(300), 0);
        assert!(!late.is_due(seconds(301)), "once");
        assert!(
            !Refill::new(seconds(0), 0, 0).is_due(seconds(30)),
            "nothing went"
        );
        late.job = Some(1);
        assert!(!late.is_due(seconds(500)));
    }

    #[test]
    fn words_say_how_fast_the_workload_refills() {
        let mut refill = Refill::new(seconds(100), 100, 1_000_000);
        assert_eq!(refill.words(), "next count below it in 5.0 s");
        refill.counted(seconds(105), 150);
        assert_eq!(refill.words(), "50 in 5 s, 10/s so far");
        refill.counted(seconds(140), 800_100);
        assert_eq!(
            refill.words(),
            "80 % in 40 s, 20.0k/s: the workload is refilling it"
        );
        refill.counted(seconds(160), 90);
        assert_eq!(refill.words(), "0 in 60 s: nobody needed it");
        refill.counted(seconds(160), 50_100);
        assert_eq!(refill.words(), "50,000 in 60 s, 833/s");
        refill.failed = Some("no module".into());
        assert_eq!(refill.words(), "cannot be counted: no module");
    }
}
