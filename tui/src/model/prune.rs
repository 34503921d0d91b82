//! From the plan that is shown to the ledger.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::comes_back;
use crate::model::tree::negatives_come_back;
use crate::prune::{Outcome, Plan};
use crate::session::{Counters, Mode};
use crate::source::{Cache, Mount, Sample};

/// A plan before the person's eyes.
#[derive(Debug)]
pub struct Confirm {
    /// The very plan that is carried out.
    pub plan: Plan,
    /// The filesystem it is on.
    pub mount: Mount,
    /// Which of its modes is chosen.
    pub mode: Mode,
    /// Another key was pressed than the ones that say yes or no.
    pub urged: bool,
}

impl Confirm {
    /// Bytes that come back in `mode`, given the bytes of a dentry object.
    pub fn bytes(&self, mode: Mode, dentry_size: u64) -> u64 {
        match mode {
            Mode::Negative => negatives_come_back(&self.plan.found, dentry_size),
            Mode::Dentries => comes_back(&self.plan.found, dentry_size),
        }
    }
}

/// A prune under way.
#[derive(Debug)]
pub struct Pruning {
    /// The worker's number of it.
    pub job: u64,
    /// Below which directory. The plan itself went with the effect: it holds the directory open,
    /// which would keep it in use.
    pub path: PathBuf,
    /// How.
    pub mode: Mode,
    /// Dentries that are expected to go.
    pub predicted: u64,
    /// Bytes that are expected to come back.
    pub predicted_bytes: Option<u64>,
    /// When it began.
    pub since: Duration,
    /// Wall clock then, for people.
    pub clock: String,
    /// Before it.
    pub before: Option<Figures>,
    /// Done so far.
    pub so_far: Box<Counters>,
    /// The person asked it to stop.
    pub stopping: bool,
}

/// What a ledger compares.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// The dentry cache.
    pub dentry: Option<Cache>,
    /// Bytes of SReclaimable.
    pub sreclaimable: Option<u64>,
}

impl Figures {
    /// Out of a sample.
    pub fn of(sample: &Sample) -> Self {
        Self {
            dentry: sample.cache("dentry").cloned(),
            sreclaimable: sample.memory.as_ref().ok().map(|m| m.sreclaimable),
        }
    }
}

/// What a prune was predicted to free, and what it freed.
#[derive(Debug)]
pub struct Ledger {
    /// What was carried out.
    pub pruning: Pruning,
    /// What the module says it did.
    pub outcome: Outcome,
    /// After it.
    pub after: Figures,
}
