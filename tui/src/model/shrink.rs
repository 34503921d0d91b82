//! From the plan to shrink a cache to what it freed.

use std::time::Duration;

use crate::shrink::{Outcome, Plan};

/// A plan to shrink a cache, before the person's eyes.
#[derive(Debug)]
pub struct ConfirmShrink {
    /// The very plan that is carried out.
    pub plan: Plan,
    /// Another key was pressed than the ones that say yes or no.
    pub urged: bool,
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
