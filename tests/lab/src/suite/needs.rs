//! Needs of tests, and the tests that run on each series.

use std::fmt;

use super::{COUNTS, ON_NEWEST, SMOKE, WITH_ALL, has};
use crate::setup::archive::numbers;
use crate::setup::own::OWN;
use crate::setup::suite::{OLDER, OLDEST_WITH_MODULE, Suite};

/// What a test needs of its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The modules, which are built for some series.
    Module,
    /// A series from this one on, for a feature of the kernel itself.
    Since(&'static str),
    /// A stock kernel: with BTF, and objects that no checks enlarge.
    Btf,
}

impl Need {
    fn met_by(self, series: &str) -> bool {
        match self {
            Self::Module => series == OWN || Suite::of(series).is_ok_and(|suite| suite.module),
            Self::Since(oldest) => series == OWN || numbers(series) >= numbers(oldest),
            Self::Btf => series != OWN,
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module => write!(
                f,
                "the module, which is built for kernels from {OLDEST_WITH_MODULE} on"
            ),
            Self::Since(oldest) => write!(f, "Linux {oldest} or later"),
            Self::Btf => f.write_str("a stock kernel"),
        }
    }
}

/// The part of the tests that runs on a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All that the series supports.
    All,
    /// All that run by default.
    Usual,
    /// Of those, all but long ones that the newest series runs.
    Short,
    /// Of those, the ones that need the module; and one of the BPF reader.
    Module,
    /// A few that show whether anything works.
    Smoke,
}

/// A series, and its part of the tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The series.
    pub series: String,
    /// Its tests.
    pub part: Part,
}

/// Why a test does not run on a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// The kernel lacks something.
    Lacks(Need),
    /// It runs on other series, to keep the whole run short.
    Elsewhere,
    /// It runs with --all, for the same reason.
    WithAll,
}

impl Tested {
    /// All tests that a series supports.
    pub fn all(series: &str) -> Self {
        Self {
            series: series.to_owned(),
            part: Part::All,
        }
    }

    /// The default: nearly everything on the newest series; on the other ones with the module the
    /// tests that need it; on older ones those that do not; on the oldest a few.
    pub fn usual(series: &str, newest: bool) -> Self {
        let older = OLDER.iter().any(|(older, _)| *older == series);
        let oldest = OLDER.last().is_some_and(|(oldest, _)| *oldest == series);
        let part = match (newest, older) {
            (true, _) => Part::Usual,
            _ if oldest => Part::Smoke,
            (_, true) => Part::Short,
            (_, false) => Part::Module,
        };
        Self {
            series: series.to_owned(),
            part,
        }
    }

    /// Why a test does not run on the series; None: it runs.
    pub fn leaves_out(&self, name: &str, needs: &[Need]) -> Option<LeftOut> {
        let lacks = needs.iter().find(|need| !need.met_by(&self.series));
        if let Some(need) = lacks {
            return Some(LeftOut::Lacks(*need));
        }
        if self.part != Part::All && has(WITH_ALL, name) {
            return Some(LeftOut::WithAll);
        }
        let here = match self.part {
            Part::All | Part::Usual => true,
            Part::Short => !has(ON_NEWEST, name),
            Part::Module => {
                (needs.contains(&Need::Module) && !has(ON_NEWEST, name)) || name == COUNTS
            }
            Part::Smoke => SMOKE.contains(&name),
        };
        (!here).then_some(LeftOut::Elsewhere)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lacks(need) => write!(f, "they need {need}"),
            Self::Elsewhere => f.write_str("they run on other series; --all runs them here too"),
            Self::WithAll => f.write_str("they show the same as others; --all runs them"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases;
    use super::*;

    fn run_on(tested: &Tested) -> Vec<&'static str> {
        cases()
            .filter(|(needs, case)| tested.leaves_out(case.name, needs).is_none())
            .map(|(_, case)| case.name)
            .collect()
    }

    #[test]
    fn each_series_runs_its_part_and_the_newest_nearly_everything() {
        let all = run_on(&Tested::all("7.3"));
        assert_eq!(all.len(), cases().count());
        let usual = run_on(&Tested::usual("7.3", true));
        let left: Vec<_> = all.iter().filter(|name| !usual.contains(name)).collect();
        assert!(left.contains(&&"ext4::bad_block_of_inodes_in_each_mode"));
        let why = Tested::usual("7.3", true).leaves_out(left[0], &[]);
        assert_eq!(why, Some(LeftOut::WithAll));
        assert!(left.len() < 8, "{left:?}");
        let second = run_on(&Tested::usual("7.2", false));
        assert!(second.contains(&"ext4::main_job") && !second.contains(&"ladder::superblock"));
        assert!(second.contains(&"ext4::failed_write_is_kept_and_reported"));
        assert!(!second.contains(&"xfs::failed_write_is_kept_and_reported"));
        for older in ["6.12", "6.1"] {
            let tests = run_on(&Tested::usual(older, false));
            assert!(tests.contains(&"stock::main_job") && tests.contains(&"ladder::superblock"));
            assert!(tests.contains(&"cgroups::doctor_remedies"));
            assert!(!tests.contains(&"ext4::main_job") && !tests.contains(&"cgroups::dying"));
        }
        assert_eq!(run_on(&Tested::usual("5.10", false)), SMOKE);
    }

    #[test]
    fn omitted_test_has_its_cause() {
        let tested = Tested::all("6.12");
        let module = tested.leaves_out("x", &[Need::Module]).unwrap();
        assert_eq!(
            module.to_string(),
            "they need the module, which is built for kernels from 7.2 on"
        );
        assert_eq!(tested.leaves_out("x", &[Need::Since("6.1")]), None);
        let since = Tested::all("5.10").leaves_out("x", &[Need::Since("6.1")]);
        assert_eq!(since, Some(LeftOut::Lacks(Need::Since("6.1"))));
        assert!(Tested::all(OWN).leaves_out("x", &[Need::Module]).is_none());
    }
}
