//! tracefs: its mount, and writing to it so that what others armed stays.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::WhoError;
use crate::kernel::source::{KernelFs, KernelTree, Mount, lockdown};

/// Its usual mount point.
pub(super) const USUAL: &str = "/sys/kernel/tracing";

/// A mounted tracefs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracefs {
    /// Its mount point.
    root: PathBuf,
}

impl Tracefs {
    /// The first mount by path: the usual one sorts before that in debugfs, which is deprecated.
    pub fn find(mounts: &[Mount]) -> Option<Self> {
        let mounted = mounts.iter().filter(|mount| &*mount.fs == "tracefs");
        let usual = |mount: &&Mount| (mount.point != Path::new(USUAL), mount.point.clone());
        let root = mounted.min_by_key(usual)?.point.clone();
        Some(Self { root })
    }

    /// A file of it.
    pub fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    /// The directory of an instance.
    pub fn instance(&self, name: &str) -> PathBuf {
        self.root.join("instances").join(name)
    }

    /// Defines a dynamic event, or with `-:` removes one. The error has the kernel's own reason.
    pub fn define(&self, definition: &str) -> Result<(), WhoError> {
        let file = self.path("dynamic_events");
        let log = self.path("error_log");
        self.append(&file, definition)
            .map_err(|error| WhoError::of(file, error, reason(&log)))
    }

    /// Writes a line to a file of it, and of no other filesystem. Opened to be truncated, these files
    /// would lose what others wrote (kernel/trace/trace_dynevent.c: `dyn_event_open()`,
    /// trace_events_trigger.c: `event_trigger_regex_open()`, Linux 7.3).
    pub(super) fn append(&self, file: &Path, line: &str) -> io::Result<()> {
        let tree = KernelTree::open(Path::new("/"), &self.root, KernelFs::Tracefs)?;
        let mut file = tree.appendable(file.strip_prefix(&self.root).unwrap_or(file))?;
        file.write_all(format!("{line}\n").as_bytes())
    }

    /// The dynamic events, as `GROUP/EVENT`. Those of other users of it are among them.
    pub fn defined(&self) -> Result<Vec<String>, WhoError> {
        let file = self.path("dynamic_events");
        let text = fs::read(&file).map_err(|error| WhoError::of(file, error, None))?;
        let text = String::from_utf8_lossy(&text);
        Ok(text.lines().filter_map(event).map(str::to_owned).collect())
    }

    /// The instances.
    pub fn instances(&self) -> Result<Vec<String>, WhoError> {
        let directory = self.path("instances");
        let failed = |error| WhoError::of(directory.clone(), error, None);
        let names = fs::read_dir(&directory).map_err(failed)?.flatten();
        Ok(names
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect())
    }
}

/// `GROUP/EVENT` of a line of dynamic_events: `f:GROUP/EVENT d_add dev=...`, `f16:...`.
fn event(line: &str) -> Option<&str> {
    line.split_once(':')?.1.split(' ').next()
}

/// Why the kernel refused what was written last: the last `error: ` of its log.
pub(super) fn reason(log: &Path) -> Option<String> {
    let text = fs::read(log).ok()?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().rev().find(|line| line.contains(": error: "))?;
    Some(line.split_once(": error: ")?.1.trim().to_owned())
}

/// The lockdown level that forbids tracing; None: it is allowed.
pub(super) fn locked_down(root: &Path) -> Option<String> {
    // security/lockdown/lockdown.c, Linux 7.3: LOCKDOWN_TRACEFS is above LOCKDOWN_INTEGRITY_MAX.
    lockdown(root).filter(|level| level == "confidentiality")
}

/// Whether an error is one of rights.
pub(super) fn is_denied(error: &io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_place_is_first() {
        let mount = |fs: &str, point: &str| Mount {
            fs: fs.into(),
            point: point.into(),
            ..Mount::default()
        };
        let debug = mount("tracefs", "/sys/kernel/debug/tracing");
        let usual = mount("tracefs", USUAL);
        let find = |mounts: &[Mount]| Tracefs::find(mounts).map(|found| found.root);
        assert_eq!(find(&[debug.clone(), usual]), Some(USUAL.into()));
        assert_eq!(find(std::slice::from_ref(&debug)), Some(debug.point));
        assert_eq!(find(&[mount("ext4", "/")]), None);
    }

    #[test]
    fn event_of_a_definition_is_found() {
        assert_eq!(event("f:g/e d_add dev=entry->d_sb->s_dev"), Some("g/e"));
        assert_eq!(event("p16:g/e d_add"), Some("g/e"));
        assert_eq!(event("nonsense"), None);
    }
}
