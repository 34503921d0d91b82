//! The page of hotspots.

use std::path::Path;
use std::time::Duration;

use crate::cache::hotspots::{Heat, Hotspot, Hotspots, HotspotsError, SoFar};

/// A count of all filesystems under way.
#[derive(Debug)]
pub struct Hunt {
    /// Number of the worker's job.
    pub job: u64,
    /// When it began, since the start.
    pub since: Duration,
    /// Its progress.
    pub so_far: SoFar,
    /// Its end was requested.
    pub stopping: bool,
}

/// The page, kept for the session.
#[derive(Debug, Default)]
pub struct HotspotsPage {
    /// The count that is under way.
    pub hunt: Option<Hunt>,
    /// The result of the last count, and when it ended.
    pub found: Option<(Hotspots, Duration)>,
    /// The result of the count before it, if that was complete.
    pub before: Option<Hotspots>,
    /// Why the last count failed.
    pub error: Option<HotspotsError>,
    /// Sort key of the directories.
    pub heat: Heat,
    /// The selected row.
    pub at: usize,
}

impl HotspotsPage {
    /// The rows shown.
    pub fn rows(&self) -> &[Hotspot] {
        match &self.found {
            Some((found, _)) => &found.rows[..found.above_zero(self.heat)],
            None => &[],
        }
    }

    /// The selected directory.
    pub fn selected(&self) -> Option<&Hotspot> {
        self.rows().get(self.at)
    }

    /// The directory's figure in the count before. None: it is not known, or was not among the
    /// greatest.
    pub fn had(&self, path: &Path) -> Option<u64> {
        let before = self.before.as_ref()?;
        let row = before.rows.iter().find(|row| row.path == path)?;
        Some(self.heat.of(&row.own, before.dentry_size))
    }
}
