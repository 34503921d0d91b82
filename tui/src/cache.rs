//! What the figures mean: counts of a subtree, names that are cached as absent, who holds and who
//! makes dentries, and how all of it changes.

pub mod census;
pub mod difference;
pub mod history;
pub mod holders;
pub mod hotspots;
pub mod negatives;
pub mod notes;
pub mod recording;
pub mod shapes;
pub mod verdict;
pub mod who;
