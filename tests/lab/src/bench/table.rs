//! The measures, their bounds, and the table.

use std::fmt::Write as _;

use crate::agent::bench::{Bench, Sample};

/// The meaning of a measure's figure, and its bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// The module's time by the other's: at most the first; up to the second counts as reached.
    AtMost(f64, f64),
    /// The other's time by the module's.
    TimesFaster(f64),
    /// Kilobytes of 1024 bytes.
    Kib(f64),
    /// Megabytes of 1024 kilobytes.
    Mib(f64),
    /// No bound: one time relative to another, for information.
    Told,
}

/// One measure.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Its name in filters and samples.
    pub name: &'static str,
    /// The measurement that makes it.
    pub bench: Bench,
    /// Its description.
    pub what: &'static str,
    /// Its bound.
    pub bound: Bound,
}

/// All measures, those of one bench beside each other.
pub static MEASURES: [Measure; 39] = [
    measure(
        "negative",
        Bench::Negatives,
        Bound::AtMost(1.0, 1.1),
        "NEGATIVE of 1,000,000 by drop_caches",
    ),
    measure(
        "negative_peer",
        Bench::Negatives,
        Bound::AtMost(1.0, 1.1),
        "the same by shrink_dcache_parent",
    ),
    measure(
        "census",
        Bench::Negatives,
        Bound::AtMost(0.06, 0.06),
        "CENSUS by NEGATIVE of the same",
    ),
    measure(
        "dentries",
        Bench::Tree,
        Bound::AtMost(1.0, 1.1),
        "DENTRIES of 50,000 files by shrink_dcache_parent",
    ),
    measure(
        "inodes",
        Bench::Inodes,
        Bound::AtMost(1.1, 1.1),
        "INODES of 50,000 files by drop_caches of 3",
    ),
    measure(
        "read_nothing",
        Bench::Reread,
        Bound::Told,
        "reading 50,000 files, 50,000 absent names again",
    ),
    measure(
        "read_negative",
        Bench::Reread,
        Bound::Told,
        "the same after NEGATIVE",
    ),
    measure(
        "read_dentries",
        Bench::Reread,
        Bound::Told,
        "the same after DENTRIES",
    ),
    measure(
        "read_pages",
        Bench::Reread,
        Bound::Told,
        "the same after PAGES",
    ),
    measure(
        "read_inodes",
        Bench::Reread,
        Bound::Told,
        "the same after INODES",
    ),
    measure(
        "read_dropped",
        Bench::Reread,
        Bound::Told,
        "the same after drop_caches of 3",
    ),
    measure(
        "unlink",
        Bench::Unlink,
        Bound::TimesFaster(20.0),
        "create and unlink each of 200,000 by NEGATIVE",
    ),
    measure(
        "carousel",
        Bench::Unlink,
        Bound::AtMost(1.5, 1.5),
        "a link through 200,000 by create and unlink",
    ),
    measure(
        "stall",
        Bench::Stall,
        Bound::AtMost(0.25, 0.25),
        "worst stall in NEGATIVE by shrink_dcache_parent",
    ),
    measure(
        "stall_caches",
        Bench::Stall,
        Bound::AtMost(2.0, 2.0),
        "the same by that in drop_caches",
    ),
    measure(
        "stall_nothing",
        Bench::Stall,
        Bound::AtMost(2.0, 2.0),
        "the same by that with nothing under way",
    ),
    measure(
        "kill",
        Bench::Kill,
        Bound::TimesFaster(50.0),
        "SIGKILL to end, shrink_dcache_parent by NEGATIVE",
    ),
    measure(
        "held",
        Bench::Held,
        Bound::TimesFaster(100.0),
        "behind 65,000 open files: the same, at least",
    ),
    measure(
        "memory",
        Bench::Scale,
        Bound::Kib(256.0),
        "KiB of kernel memory in a session 256 deep",
    ),
    measure(
        "scale",
        Bench::Scale,
        Bound::AtMost(1.25, 1.25),
        "cost per dentry, of 5,000,000 by of 100,000",
    ),
    measure(
        "keys_census",
        Bench::Keys,
        Bound::AtMost(2.0, 2.0),
        "key to frame in a census of 5,000,000 by idle",
    ),
    measure(
        "keys_names",
        Bench::Keys,
        Bound::AtMost(2.0, 2.0),
        "the same among 1,000,000 names by in few rows",
    ),
    measure(
        "keys_memory",
        Bench::Keys,
        Bound::Mib(64.0),
        "MiB that the program had at most meanwhile",
    ),
    measure(
        "keys_first_row",
        Bench::Keys,
        Bound::AtMost(0.1, 0.1),
        "Enter to first row by to the census' end",
    ),
    measure(
        "who_event",
        Bench::Who,
        Bound::AtMost(1.5, 1.5),
        "who: an event by one of a trigger armed by hand",
    ),
    measure(
        "who_lookup",
        Bench::Who,
        Bound::AtMost(2.0, 2.0),
        "a failed lookup while watched by one before",
    ),
    measure(
        "who_after",
        Bench::Who,
        Bound::AtMost(1.0, 1.1),
        "a failed lookup after by one before",
    ),
    measure(
        "who_read",
        Bench::Who,
        Bound::AtMost(3.0, 3.0),
        "2,048 rows read and shown by the bare read",
    ),
    measure(
        "bpf_negative",
        Bench::Readers,
        Bound::AtMost(12.0, 12.0),
        "census of 1,000,000 negatives, BPF by module",
    ),
    measure(
        "bpf_files",
        Bench::Readers,
        Bound::AtMost(3.5, 3.5),
        "the same of 50,000 files",
    ),
    measure(
        "direct_negative",
        Bench::Readers,
        Bound::AtMost(3.0, 3.0),
        "the negatives by direct loads, by module",
    ),
    measure(
        "direct_files",
        Bench::Readers,
        Bound::AtMost(2.0, 2.0),
        "the files by direct loads, by module",
    ),
    measure(
        "bpf_stall",
        Bench::ReaderCosts,
        Bound::AtMost(2.0, 2.0),
        "worst stall in censuses by BPF by in nothing",
    ),
    measure(
        "bpf_run",
        Bench::Readers,
        Bound::AtMost(250.0, 250.0),
        "microseconds of its longest run",
    ),
    measure(
        "bpf_load",
        Bench::ReaderCosts,
        Bound::Told,
        "milliseconds to load, verify and check it",
    ),
    measure(
        "direct_run",
        Bench::Readers,
        Bound::AtMost(250.0, 250.0),
        "the same of that with direct loads",
    ),
    measure(
        "direct_load",
        Bench::ReaderCosts,
        Bound::Told,
        "the same of that with direct loads",
    ),
    measure(
        "bpf_list",
        Bench::ReaderCosts,
        Bound::Mib(64.0),
        "MiB of ls --via bpf of 5,000,000 names",
    ),
    measure(
        "bpf_memory",
        Bench::ReaderCosts,
        Bound::Mib(64.0),
        "MiB of a census of 5,000,000 in 100,000 dirs",
    ),
];

const fn measure(name: &'static str, bench: Bench, bound: Bound, what: &'static str) -> Measure {
    Measure {
        name,
        bench,
        what,
        bound,
    }
}

/// A measure's figures, sorted.
#[derive(Clone, Debug)]
pub struct Row {
    measure: Measure,
    figures: Vec<f64>,
}

impl Row {
    /// Picks the measure's own samples.
    pub fn new(measure: &Measure, samples: &[Sample]) -> Self {
        let mut figures: Vec<f64> = samples
            .iter()
            .filter(|sample| sample.measure == measure.name)
            .map(|sample| match measure.bound {
                Bound::AtMost(..) | Bound::Told => sample.ours / sample.other,
                Bound::TimesFaster(_) => sample.other / sample.ours,
                Bound::Kib(_) => sample.ours / 1024.0,
                Bound::Mib(_) => sample.ours / 1024.0 / 1024.0,
            })
            .collect();
        figures.sort_by(f64::total_cmp);
        Self {
            measure: *measure,
            figures,
        }
    }

    fn median(&self) -> f64 {
        let (len, half) = (self.figures.len(), self.figures.len() / 2);
        match len {
            0 => f64::NAN,
            _ if len % 2 == 0 => f64::midpoint(self.figures[half - 1], self.figures[half]),
            _ => self.figures[half],
        }
    }

    fn verdict(&self) -> &'static str {
        let median = self.median();
        match self.measure.bound {
            Bound::AtMost(bound, _) | Bound::Kib(bound) | Bound::Mib(bound) if median <= bound => {
                "ok"
            }
            Bound::Told if !median.is_nan() => "",
            Bound::AtMost(_, reached) if median <= reached => "ok, within 1.1",
            Bound::TimesFaster(bound) if median >= bound => "ok",
            // Without a sample no bound is reached.
            _ => "MISSED",
        }
    }

    /// Whether the median is beyond the bound.
    pub fn missed(&self) -> bool {
        self.verdict() == "MISSED"
    }

    fn bound(&self) -> String {
        match self.measure.bound {
            Bound::AtMost(bound, _) => format!("<= {bound}"),
            Bound::TimesFaster(bound) => format!(">= {bound}"),
            Bound::Kib(bound) | Bound::Mib(bound) => format!("<= {bound}"),
            Bound::Told => String::new(),
        }
    }
}

/// A figure with three significant digits, where it has that many.
fn figure(value: f64) -> String {
    match value.abs() {
        0.0..0.1 => format!("{value:.4}"),
        0.1..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// The table as it is printed.
pub fn render(rows: &[Row]) -> String {
    let mut text = format!(
        "{:15} {:48} {:>6} {:>8}  {:17} {:8}\n",
        "name", "what", "rounds", "median", "(least - most)", "bound"
    );
    for row in rows {
        let end = |figures: Option<&f64>| figures.map_or_else(String::new, |value| figure(*value));
        let spread = format!(
            "({} - {})",
            end(row.figures.first()),
            end(row.figures.last())
        );
        // Writing to a String does not fail.
        writeln!(
            text,
            "{:15} {:48} {:>6} {:>8}  {spread:17} {:8} {}",
            row.measure.name,
            row.measure.what,
            row.figures.len(),
            figure(row.median()),
            row.bound(),
            row.verdict()
        )
        .ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, pairs: &[(f64, f64)]) -> Row {
        let samples: Vec<Sample> = pairs
            .iter()
            .map(|(ours, other)| Sample {
                measure: name.to_owned(),
                ours: *ours,
                other: *other,
            })
            .collect();
        let measure = MEASURES
            .iter()
            .find(|measure| measure.name == name)
            .unwrap();
        Row::new(measure, &samples)
    }

    #[test]
    fn bound_is_for_the_median() {
        let kept = row("negative", &[(0.9, 1.0), (1.5, 1.0), (0.8, 1.0)]);
        assert_eq!((kept.median(), kept.verdict()), (0.9, "ok"));
        assert_eq!(row("negative", &[(1.05, 1.0)]).verdict(), "ok, within 1.1");
        assert!(row("negative", &[(1.2, 1.0)]).missed());
        assert!(row("negative", &[]).missed());
        assert!(row("kill", &[(1.0, 49.0)]).missed());
        assert!(!row("kill", &[(1.0, 51.0)]).missed());
        assert!(row("memory", &[(257.0 * 1024.0, 1.0)]).missed());
    }

    #[test]
    fn table_fits_a_terminal_of_115_columns() {
        let rows: Vec<Row> = MEASURES
            .iter()
            .map(|measure| row(measure.name, &[(1.0, 1234.0), (1.0, 0.001)]))
            .collect();
        let text = render(&rows);
        assert_eq!(text.lines().count(), rows.len() + 1);
        assert!(text.lines().all(|line| line.len() <= 115), "{text}");
    }
}
