//! What was done this session, and where it is recorded.

use crate::reclaim::audit::{AuditEntry, Log};

/// The log of this session.
#[derive(Debug, Default)]
pub struct Journal {
    /// All that was done, or was to be, oldest first.
    pub records: Vec<AuditEntry>,
    /// Where each is recorded, too.
    pub file: Log,
    /// Why the last record is in no file, if it is not.
    pub failed: Option<String>,
    /// Why one of them is in no file: the first that is not. The program's exit code tells.
    pub unrecorded: Option<String>,
    /// Records, from the newest, that are above the screen.
    pub scroll: usize,
}

impl Journal {
    /// Takes a record, and why it is in no file, if it is not.
    pub fn push(&mut self, record: AuditEntry, failed: Option<String>) {
        self.records.push(record);
        self.unrecorded = self.unrecorded.take().or_else(|| failed.clone());
        self.failed = failed;
        self.scroll = 0;
    }
}
