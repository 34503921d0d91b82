//! Actions of this session, and where they are recorded.

use crate::reclaim::audit::{AuditEntry, Log};

/// The log of this session.
#[derive(Debug, Default)]
pub struct Journal {
    /// All actions, done or failed, oldest first.
    pub records: Vec<AuditEntry>,
    /// The audit log that has each of them, too.
    pub file: Log,
    /// Why the last record is in no file; None: it is in one.
    pub failed: Option<String>,
    /// Why one of them is in no file: the first such. The program's exit code shows it.
    pub unrecorded: Option<String>,
    /// Number of the newest records that are above the screen.
    pub scroll: usize,
}

impl Journal {
    /// Adds a record; `failed`: why it is in no file.
    pub fn push(&mut self, record: AuditEntry, failed: Option<String>) {
        self.records.push(record);
        self.unrecorded = self.unrecorded.take().or_else(|| failed.clone());
        self.failed = failed;
        self.scroll = 0;
    }
}
