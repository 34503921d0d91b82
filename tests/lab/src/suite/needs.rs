//! Needs of tests, and the tests that run on each series.

use std::fmt;

use super::{ON_NEWEST, ON_NEWEST_PLAIN, ON_OLD, ON_OLDER, ON_OLDEST};
use crate::setup::archive::numbers;
use crate::setup::own;
use crate::setup::suite::{Front, OLDER, OLDEST_WITH_RUST, Suite};

/// The series of the releases that packages are made for.
const PACKAGED: [&str; 2] = ["6.12", "6.1"];

/// What a test needs of its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Modules in Rust: the one to learn with, or the kernel's own shrink lists.
    Rust,
    /// A series from this one on, for a feature of the kernel itself.
    Since(&'static str),
    /// A series that a release of Debian with the packages' tools has of its own.
    Debian,
    /// A stock kernel: with BTF, and objects that no checks enlarge.
    Btf,
}

impl Need {
    fn met_by(self, series: &str) -> bool {
        let own = own::source_of(series);
        let source = own.unwrap_or(series);
        match self {
            Self::Rust => Suite::of(source).is_ok_and(|suite| suite.front == Front::Rust),
            Self::Debian => own.is_none() && PACKAGED.contains(&series),
            Self::Since(oldest) => numbers(source) >= numbers(oldest),
            Self::Btf => own.is_none(),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rust => write!(
                f,
                "modules in Rust, which are built for kernels from {OLDEST_WITH_RUST} on"
            ),
            Self::Debian => write!(
                f,
                "a release of Debian that packages are for: {}",
                PACKAGED.join(", ")
            ),
            Self::Since(oldest) => write!(f, "Linux {oldest} or later"),
            Self::Btf => f.write_str("a stock kernel"),
        }
    }
}

/// A series, and its part of the tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The series.
    pub series: String,
    /// The names of its tests; None: all that it supports.
    chosen: Option<&'static [&'static str]>,
}

/// Why a test does not run on a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// The kernel lacks something.
    Lacks(Need),
    /// It was not chosen, to keep the whole run short.
    NotChosen,
}

impl Tested {
    /// All tests that a series supports.
    pub fn all(series: &str) -> Self {
        Self {
            series: series.to_owned(),
            chosen: None,
        }
    }

    /// The default: something of everything on the newest series; on the other ones what differs there.
    pub fn usual(series: &str, newest: bool) -> Self {
        let older = OLDER.iter().position(|(older, _)| *older == series);
        let chosen = match older {
            _ if newest => ON_NEWEST,
            None => ON_NEWEST_PLAIN,
            Some(0) => ON_OLDER,
            Some(place) if place + 1 == OLDER.len() => ON_OLDEST,
            Some(_) => ON_OLD,
        };
        Self {
            series: series.to_owned(),
            chosen: Some(chosen),
        }
    }

    /// Why a test does not run on the series; None: it runs.
    pub fn leaves_out(&self, name: &str, needs: &[Need]) -> Option<LeftOut> {
        if let Some(need) = needs.iter().find(|need| !need.met_by(&self.series)) {
            return Some(LeftOut::Lacks(*need));
        }
        let here = self.chosen.is_none_or(|names| names.contains(&name));
        (!here).then_some(LeftOut::NotChosen)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lacks(need) => write!(f, "they need {need}"),
            Self::NotChosen => f.write_str("--all, --kernel or a filter runs them"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases;
    use super::*;
    use crate::setup::own::OWN;

    fn run_on(tested: &Tested) -> Vec<&'static str> {
        cases()
            .filter(|(needs, case)| tested.leaves_out(case.name, needs).is_none())
            .map(|(_, case)| case.name)
            .collect()
    }

    #[test]
    fn each_series_runs_every_test_that_was_chosen_for_it() {
        let somewhere = [run_on(&Tested::all("7.3")), run_on(&Tested::all("6.12"))].concat();
        for (_, case) in cases() {
            assert!(somewhere.contains(&case.name), "{} runs nowhere", case.name);
        }
        for (series, newest, chosen) in [
            ("7.3", true, ON_NEWEST),
            ("7.3-plain", false, ON_NEWEST_PLAIN),
            ("6.12", false, ON_OLDER),
            ("6.1", false, ON_OLD),
            ("5.10", false, ON_OLDEST),
        ] {
            let runs = run_on(&Tested::usual(series, newest));
            for name in chosen {
                assert!(runs.contains(name), "{name} does not run on {series}");
            }
            assert_eq!(runs.len(), chosen.len());
        }
    }

    #[test]
    fn test_that_no_series_has_by_default_says_what_runs_it() {
        let why = Tested::usual("7.3", true).leaves_out("xfs::storm", &[]);
        assert_eq!(
            why.unwrap().to_string(),
            "--all, --kernel or a filter runs them"
        );
    }

    #[test]
    fn omitted_test_has_its_cause() {
        let tested = Tested::all("6.12");
        let rust = tested.leaves_out("x", &[Need::Rust]).unwrap();
        assert_eq!(
            rust.to_string(),
            "they need modules in Rust, which are built for kernels from 7.2 on"
        );
        assert_eq!(tested.leaves_out("x", &[Need::Since("6.1")]), None);
        let since = Tested::all("5.10").leaves_out("x", &[Need::Since("6.1")]);
        assert_eq!(since, Some(LeftOut::Lacks(Need::Since("6.1"))));
        assert_eq!(Tested::all(OWN).leaves_out("x", &[Need::Rust]), None);
        let own = Tested::all("own-6.12");
        assert_eq!(own.leaves_out("x", &[Need::Since("6.12")]), None);
        for need in [Need::Rust, Need::Btf, Need::Debian] {
            assert_eq!(own.leaves_out("x", &[need]), Some(LeftOut::Lacks(need)));
        }
    }
}
