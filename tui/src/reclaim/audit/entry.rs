//! An entry of the record: what is written of an action before and after it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::base::json::Name;

/// The [`AuditEntry::mode`] that counts names; other rungs count bytes.
const OF_NAMES: &str = "carousel";

/// The outcome in an action's first line.
pub const BEGUN: &str = "begun";

/// An action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Dentries were pruned.
    Prune,
    /// A slab cache was shrunk.
    Shrink,
    /// One of the wider rungs of the ladder: [`AuditEntry::mode`] names it.
    Reclaim,
    /// A setting of the kernel was changed.
    Tune,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Prune, Self::Shrink, Self::Reclaim, Self::Tune];

    /// Its name in the record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prune => "prune",
            Self::Shrink => "shrink",
            Self::Reclaim => "reclaim",
            Self::Tune => "tune",
        }
    }
}

/// An action that ran, or was to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When it began: UTC, RFC 3339.
    pub time: String,
    /// User id of the process.
    pub uid: u32,
    /// User id of the user who called sudo.
    pub sudo_uid: Option<u32>,
    /// The action.
    pub action: Action,
    /// The directory below which it acts, or the file that it writes.
    pub path: PathBuf,
    /// Other directories that it acts in.
    pub also: Vec<PathBuf>,
    /// The type of the filesystem that was pruned.
    pub filesystem: Option<String>,
    /// Mode of a prune, name of a rung, or name of a setting.
    pub mode: Option<&'static str>,
    /// Dentries, slabs, names or bytes that were expected to go. Of slabs it is what unallocated objects would
    /// fill, of bytes the most that can.
    pub predicted: u64,
    /// Dentries, slabs, names or bytes that went.
    pub freed: u64,
    /// Old and new value of a setting.
    pub setting: Option<[u64; 2]>,
    /// `complete`, why it ended early, or why it did not run.
    pub outcome: String,
    /// How long it took.
    pub took: Duration,
    /// SReclaimable before and after, in bytes.
    pub sreclaimable: [Option<u64>; 2],
}

impl AuditEntry {
    /// The entry of an action that is about to begin.
    pub fn new(action: Action, path: &Path, predicted: u64) -> Self {
        let sudo = std::env::var("SUDO_UID").ok();
        Self {
            time: format!("{:.0}", jiff::Timestamp::now()),
            uid: rustix::process::getuid().as_raw(),
            sudo_uid: sudo.and_then(|uid| uid.parse().ok()),
            action,
            path: path.into(),
            also: Vec::new(),
            filesystem: None,
            mode: None,
            predicted,
            freed: 0,
            setting: None,
            outcome: String::new(),
            took: Duration::ZERO,
            sreclaimable: [None; 2],
        }
    }

    /// What [`Self::predicted`] and [`Self::freed`] count.
    pub fn unit(&self) -> &'static str {
        match self.action {
            Action::Prune => "dentries",
            Action::Shrink => "slabs",
            Action::Reclaim if self.mode == Some(OF_NAMES) => "names",
            Action::Reclaim => "bytes",
            Action::Tune => "value",
        }
    }

    /// The line; `begins`: of an action that is not done yet, and has no figures.
    pub(super) fn line(&self, begins: bool) -> io::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Line<'a> {
            schema: &'static str,
            time: &'a str,
            pid: u32,
            uid: u32,
            sudo_uid: Option<u32>,
            action: Action,
            #[serde(flatten)]
            path: Name<'a>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            also: Vec<Name<'a>>,
            filesystem: Option<&'a str>,
            mode: Option<&'static str>,
            unit: &'static str,
            predicted: u64,
            freed: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            from: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            to: Option<u64>,
            outcome: &'a str,
            took_ns: Option<u64>,
            sreclaimable_before_bytes: Option<u64>,
            sreclaimable_after_bytes: Option<u64>,
        }
        let took_ns = u64::try_from(self.took.as_nanos()).unwrap_or(u64::MAX);
        let mut line = serde_json::to_vec(&Line {
            schema: "slabscope.audit/2",
            time: &self.time,
            pid: std::process::id(),
            uid: self.uid,
            sudo_uid: self.sudo_uid,
            action: self.action,
            path: Name::keyed("path", &self.path),
            also: self
                .also
                .iter()
                .map(|path| Name::keyed("path", path))
                .collect(),
            filesystem: self.filesystem.as_deref(),
            mode: self.mode,
            unit: self.unit(),
            predicted: self.predicted,
            freed: (!begins).then_some(self.freed),
            from: self.setting.map(|[from, _]| from),
            to: self.setting.map(|[_, to]| to),
            outcome: if begins { BEGUN } else { &self.outcome },
            took_ns: (!begins).then_some(took_ns),
            sreclaimable_before_bytes: self.sreclaimable[0],
            sreclaimable_after_bytes: self.sreclaimable[1],
        })?;
        line.push(b'\n');
        Ok(line)
    }
}
