//! From the plan to shrink a cache to what it freed.

use std::time::Duration;

use crate::reclaim::shrink::{Outcome, Plan};

/// A plan to shrink a cache, before the person's eyes.
#[derive(Debug)]
pub struct ConfirmShrink {
    /// The worker's number of it.
    pub job: u64,
    /// The very plan that is carried out.
    pub plan: Plan,
    /// The ledger of a prune is below.
    pub from_ledger: bool,
}

/// A cache that was shrunk.
#[derive(Debug)]
pub struct Shrunk {
    /// What was carried out.
    pub plan: Plan,
    /// When it began, since the start of the program.
    pub at: Duration,
    /// Wall clock then, for people.
    pub clock: String,
    /// What it did.
    pub outcome: Outcome,
}
