//! From the plan of a wider rung of the ladder to its ledger, and the kernel's settings.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Model;
use crate::reclaim::everybody::What;
use crate::reclaim::ladder;
use crate::reclaim::tune::SETTINGS;
use crate::reclaim::{Figure, Outcome, Progress, Reclaimer};

/// What is asked for of a rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Page cache of the files below a directory, without the module.
    Pages {
        /// The directory.
        path: PathBuf,
        /// What is dirty is written first.
        writeback: bool,
    },
    /// One superblock.
    Superblock {
        /// Where it is mounted.
        point: PathBuf,
        /// Inodes too.
        inodes: bool,
    },
    /// One memory cgroup.
    Cgroup {
        /// Its directory.
        directory: PathBuf,
        /// So many bytes.
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
        /// All that is dirty is written first.
        sync: bool,
    },
}

impl Ask {
    /// The directory that it is about, if it is about one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Pages { path, .. } | Self::Carousel { path } => Some(path),
            Self::Superblock { point, .. } => Some(point),
            Self::Cgroup { .. } | Self::Cache { .. } | Self::Everybody { .. } => None,
        }
    }

    /// The directory that it is done at, of a cgroup, too.
    pub fn place(&self) -> Option<&Path> {
        match self {
            Self::Cgroup { directory, .. } => Some(directory),
            other => other.path(),
        }
    }

    /// Whether there is something to turn on and off.
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

/// The plan that is shown, and no other is carried out.
#[derive(Debug)]
pub struct RungPlan {
    /// What was asked for.
    pub ask: Ask,
    /// What does it.
    pub rung: Box<dyn Reclaimer>,
    /// The figures when the plan was made.
    pub now: Vec<Figure>,
}

/// A plan before the person's eyes.
#[derive(Debug)]
pub struct ConfirmRung {
    /// The worker's number of it.
    pub job: u64,
    /// It.
    pub plan: RungPlan,
    /// Where the person was who asked for it: what it reaches beyond that is said in red.
    pub from: Origin,
    /// A plan for something else is being made in its place, by the worker's job of this number.
    pub replanning: Option<u64>,
    /// The amount as it is typed.
    pub typing: Option<String>,
    /// `y` was typed; what hits everybody wants a word besides, which is this so far.
    pub word: Option<String>,
}

/// Where a plan was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// At the row of what it reaches.
    Row,
    /// At a directory, which is much less.
    Directory(PathBuf),
    /// At the ledger of the last prune, which is shown again afterwards.
    Ledger,
    /// Nowhere in particular.
    Anywhere,
}

impl ConfirmRung {
    /// The directory that it is about, or was asked for at.
    pub fn directory(&self) -> Option<&Path> {
        match &self.from {
            Origin::Directory(path) => Some(path),
            _ => self.plan.ask.path(),
        }
    }

    /// Whether it reaches wider than the row under the cursor, or writes to the filesystem.
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
    /// The worker's number of it.
    pub job: u64,
    /// What was asked for.
    pub ask: Ask,
    /// Where.
    pub from: Origin,
    /// Whom it hits.
    pub reach: String,
    /// At most this many bytes are expected.
    pub predicted: Option<u64>,
    /// When it began.
    pub since: Duration,
    /// How far it is.
    pub progress: Progress,
    /// The person asked it to stop.
    pub stopping: bool,
}

/// What a rung did.
#[derive(Debug)]
pub struct RungLedger {
    /// What was asked for.
    pub ask: Ask,
    /// Whom it hit.
    pub reach: String,
    /// At most this many bytes were expected.
    pub predicted: Option<u64>,
    /// Wall clock when it began, for people.
    pub clock: String,
    /// What it did.
    pub outcome: Outcome,
}

/// A setting of the kernel, as it is now.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its value, or why that is not known.
    pub value: Result<u64, String>,
    /// What it was before it was last changed, by the audit's file; None: that does not tell.
    pub former: Option<u64>,
}

/// The kernel's settings on the screen.
#[derive(Debug, Default)]
pub struct Settings {
    /// They, in the order of [`SETTINGS`]; none: they are not read yet.
    pub now: Vec<Setting>,
    /// The selected one.
    pub at: usize,
    /// What it would be changed to; None: nothing.
    pub proposed: Option<u64>,
}

impl Settings {
    /// The value of the selected one, if it is known.
    pub fn value(&self) -> Option<u64> {
        self.now.get(self.at)?.value.as_ref().ok().copied()
    }

    /// Proposes more, or less.
    pub fn adjust(&mut self, up: bool) {
        let (Some(value), Some(setting)) = (self.value(), SETTINGS.get(self.at)) else {
            return;
        };
        let next = step(self.proposed.unwrap_or(value), setting.greatest, up);
        self.proposed = Some(next).filter(|&next| next != value);
    }
}

/// The next value that is worth trying.
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
    /// What a setting was before it was last changed: in this session, or else by the audit's file.
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
    fn steps_end_at_the_ends() {
        assert_eq!(step(100, 1_000_000, true), 150);
        assert_eq!(step(120, 1_000_000, false), 100);
        assert_eq!(step(0, 1, true), 1);
        assert_eq!((step(1, 1, true), step(0, 1, false)), (1, 0));
        assert_eq!(step(5_000, 1_000_000, true), 5_000);
    }
}
