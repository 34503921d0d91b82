//! From the plan of a wider rung of the ladder to its ledger, and the kernel's settings.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Model;
use crate::reclaim::everybody::What;
use crate::reclaim::ladder;
use crate::reclaim::tune::SETTINGS;
use crate::reclaim::{Figure, Outcome, Progress, Reclaimer};

/// A request for a rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Page cache of the files below a directory, without the module.
    Pages {
        /// The directory.
        path: PathBuf,
        /// Dirty files are written first.
        writeback: bool,
    },
    /// One superblock.
    Superblock {
        /// Its mount point.
        point: PathBuf,
        /// Inodes too.
        inodes: bool,
    },
    /// One memory cgroup.
    Cgroup {
        /// Its directory.
        directory: PathBuf,
        /// Bytes to reclaim.
        amount: u64,
    },
    /// The slabs of one slab cache that hold no object.
    Cache {
        /// Its name.
        name: String,
    },
    /// Names cached as absent in one directory, by writing to it.
    Carousel {
        /// The directory.
        path: PathBuf,
    },
    /// The whole machine.
    Everybody {
        /// What is dropped.
        what: What,
        /// All dirty data is written first.
        sync: bool,
    },
}

impl Ask {
    /// The directory that it is for, if there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Pages { path, .. } | Self::Carousel { path } => Some(path),
            Self::Superblock { point, .. } => Some(point),
            Self::Cgroup { .. } | Self::Cache { .. } | Self::Everybody { .. } => None,
        }
    }

    /// The directory that it is for, or that of the cgroup.
    pub fn place(&self) -> Option<&Path> {
        match self {
            Self::Cgroup { directory, .. } => Some(directory),
            other => other.path(),
        }
    }

    /// Whether it has an option to turn on and off.
    pub fn has_option(&self) -> bool {
        match self {
            Self::Pages { .. } | Self::Superblock { .. } | Self::Everybody { .. } => true,
            Self::Cgroup { .. } | Self::Cache { .. } | Self::Carousel { .. } => false,
        }
    }

    /// Its place on the ladder.
    pub fn rung(&self) -> ladder::Rung {
        match self {
            Self::Pages { .. } => ladder::Rung::Pages,
            Self::Superblock { .. } => ladder::Rung::Superblock,
            Self::Cgroup { .. } => ladder::Rung::Cgroup,
            Self::Cache { .. } => ladder::Rung::Cache,
            Self::Everybody { .. } => ladder::Rung::Everybody,
            Self::Carousel { .. } => ladder::Rung::Carousel,
        }
    }
}

/// The plan on the screen: no other is carried out.
#[derive(Debug)]
pub struct RungPlan {
    /// The request.
    pub ask: Ask,
    /// The rung that carries it out.
    pub rung: Box<dyn Reclaimer>,
    /// The figures when the plan was made.
    pub now: Vec<Figure>,
}

/// A plan on the screen.
#[derive(Debug)]
pub struct ConfirmRung {
    /// Number of the worker's job.
    pub job: u64,
    /// The plan.
    pub plan: RungPlan,
    /// Where the user requested it: a reach beyond that is shown in red.
    pub from: Origin,
    /// A plan for something else is being made in its place, by the worker's job of this number.
    pub replanning: Option<u64>,
    /// The amount as it is typed.
    pub typing: Option<String>,
    /// `y` was typed; an action on the whole machine needs a word, too: the text so far.
    pub word: Option<String>,
}

/// The place of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The row that it affects.
    Row,
    /// A directory, which is much less.
    Directory(PathBuf),
    /// The ledger of the last prune, which is shown again afterwards.
    Ledger,
    /// No particular place.
    Anywhere,
}

impl ConfirmRung {
    /// The directory that it is for, or was requested at.
    pub fn directory(&self) -> Option<&Path> {
        match &self.from {
            Origin::Directory(path) => Some(path),
            _ => self.plan.ask.path(),
        }
    }

    /// Whether it reaches further than the row under the cursor, or writes to the filesystem.
    pub fn is_wide(&self) -> bool {
        match (&self.plan.ask, &self.from) {
            (Ask::Everybody { .. } | Ask::Carousel { .. }, _) => true,
            (Ask::Pages { .. }, _) | (_, Origin::Row | Origin::Ledger) => false,
            (_, Origin::Directory(_) | Origin::Anywhere) => true,
        }
    }
}

/// A rung being carried out.
#[derive(Debug)]
pub struct RunningRung {
    /// Number of the worker's job.
    pub job: u64,
    /// The request.
    pub ask: Ask,
    /// Where it was requested.
    pub from: Origin,
    /// What it affects.
    pub reach: String,
    /// Upper bound on the bytes freed.
    pub predicted: Option<u64>,
    /// When it began, since the start.
    pub since: Duration,
    /// Its progress.
    pub progress: Progress,
    /// The user stopped it.
    pub stopping: bool,
}

/// The outcome of a rung.
#[derive(Debug)]
pub struct RungLedger {
    /// The request.
    pub ask: Ask,
    /// What it affected.
    pub reach: String,
    /// Upper bound on the bytes freed, as predicted.
    pub predicted: Option<u64>,
    /// Wall-clock time of its beginning, as text.
    pub clock: String,
    /// Its outcome.
    pub outcome: Outcome,
}

/// A setting of the kernel, as it is now.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its value, or why that is not known.
    pub value: Result<u64, String>,
    /// Its value before the last change, by the audit file; None: unknown.
    pub former: Option<u64>,
}

/// The kernel's settings on the screen.
#[derive(Debug, Default)]
pub struct Settings {
    /// The settings, in the order of [`SETTINGS`]; empty: they are not read yet.
    pub now: Vec<Setting>,
    /// The selected one.
    pub at: usize,
    /// The proposed value; None: no change.
    pub proposed: Option<u64>,
}

impl Settings {
    /// The value of the selected one, if it is known.
    pub fn value(&self) -> Option<u64> {
        self.now.get(self.at)?.value.as_ref().ok().copied()
    }

    /// Raises or lowers the proposed value.
    pub fn adjust(&mut self, up: bool) {
        let (Some(value), Some(setting)) = (self.value(), SETTINGS.get(self.at)) else {
            return;
        };
        let next = step(self.proposed.unwrap_or(value), setting.greatest, up);
        self.proposed = Some(next).filter(|&next| next != value);
    }
}

/// The next useful value.
fn step(value: u64, greatest: u64, up: bool) -> u64 {
    const STEPS: [u64; 9] = [0, 1, 10, 50, 100, 150, 200, 400, 1_000];
    let mut steps = STEPS.into_iter().filter(|&step| step <= greatest);
    let next = match up {
        true => steps.find(|&step| step > value),
        false => steps.rfind(|&step| step < value),
    };
    next.unwrap_or(value)
}

impl Model {
    /// A setting's value before the last change: in this session, or else by the audit file.
    pub fn former(&self, settings: &Settings, at: usize) -> Option<u64> {
        let name = SETTINGS.get(at)?.name;
        let mut records = self.journal.records.iter().rev();
        let last = records.find_map(|record| match record.setting {
            Some([was, _]) if record.mode == Some(name) && record.outcome == "complete" => {
                Some(was)
            }
            _ => None,
        });
        last.or(settings.now.get(at)?.former)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stop_at_the_least_and_the_greatest_value() {
        assert_eq!(step(100, 1_000_000, true), 150);
        assert_eq!(step(120, 1_000_000, false), 100);
        assert_eq!(step(0, 1, true), 1);
        assert_eq!((step(1, 1, true), step(0, 1, false)), (1, 0));
        assert_eq!(step(5_000, 1_000_000, true), 5_000);
    }
}
