//! The page of hotspots.

use std::path::Path;
use std::time::Duration;

use crate::cache::hotspots::{Heat, Hotspot, Hotspots, HotspotsError, SoFar};

/// A count of all filesystems under way.
#[derive(Debug)]
pub struct Hunt {
    /// The worker's number of it.
    pub job: u64,
    /// When it began.
    pub since: Duration,
    /// How far it has come.
    pub so_far: SoFar,
    /// It was told to end.
    pub stopping: bool,
}

/// The page, kept for the session.
#[derive(Debug, Default)]
pub struct HotspotsPage {
    /// The count that is under way.
    pub hunt: Option<Hunt>,
    /// What the last one found, and when it ended.
    pub found: Option<(Hotspots, Duration)>,
    /// What the one before it found, if that was everything.
    pub before: Option<Hotspots>,
    /// Why the last one found nothing.
    pub error: Option<HotspotsError>,
    /// What the directories are sorted by.
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

    /// What a directory had the time before. None: it was not known, or not among the greatest.
    pub fn had(&self, path: &Path) -> Option<u64> {
        let before = self.before.as_ref()?;
        let row = before.rows.iter().find(|row| row.path == path)?;
        Some(self.heat.of(&row.own, before.dentry_size))
    }
}
