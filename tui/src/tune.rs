//! Two settings of the kernel that say how long dentries and inodes stay: read, explained, changed by
//! explicit action alone, and put back by what the audit's file says they were.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde::Deserialize;

use crate::audit::{self, Action, AuditError, Log, Record};
use crate::reclaim::ReclaimError;
use crate::source::{Kernel, KernelFs, KernelTree, SourceError};

/// Where the settings are.
const SYSCTL: &str = "proc/sys";

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As sysctl(8) names it.
    pub name: &'static str,
    /// Below the root.
    pub path: &'static str,
    /// What it says.
    pub meaning: &'static str,
    /// What a change does.
    pub change: &'static str,
    /// The kernel's own value.
    pub default: u64,
    /// The greatest that it takes.
    pub greatest: u64,
    /// Only newer kernels have it.
    pub newer: bool,
}

/// All of them (fs/dcache.c: `vm_dcache_sysctls`, `fs_dcache_sysctls`, Linux 7.3).
pub const SETTINGS: [Setting; 2] = [
    Setting {
        name: "vm.vfs_cache_pressure",
        path: "proc/sys/vm/vfs_cache_pressure",
        meaning: "how eagerly dentries and inodes are reclaimed; page cache is at 100",
        change: "less keeps them longer, 0 for ever (the machine can run out of memory); much more makes \
                 reclaim scan for objects that are not there. Nothing goes at once: it is heeded when \
                 memory is short",
        default: 100,
        greatest: i32::MAX as u64,
        newer: false,
    },
    Setting {
        name: "fs.dentry-negative",
        path: "proc/sys/fs/dentry-negative",
        meaning: "1: a removed file's name is forgotten; 0: it is kept as absent",
        change: "1 keeps removals from leaving negative dentries; names that are looked up in vain are \
                 cached as before, and those that are cached stay",
        default: 0,
        greatest: 1,
        newer: true,
    },
];

/// What came of a change.
#[derive(Debug)]
pub struct Done {
    /// Whether it was made.
    pub result: Result<(), ReclaimError>,
    /// What was recorded.
    pub record: Record,
    /// Whether it was.
    pub recorded: Result<(), AuditError>,
}

impl Setting {
    /// By its name, or by the last part of it.
    pub fn of(name: &str) -> Option<&'static Self> {
        let is = |setting: &&Self| {
            let last = setting.name.split('.').next_back();
            setting.name == name || last == Some(name)
        };
        SETTINGS.iter().find(is)
    }

    /// Its value now. Not found: this kernel does not have it.
    pub fn read(&self, kernel: &Kernel) -> Result<u64, SourceError> {
        kernel.setting(self.path)
    }

    /// Changes it, and records what it was. None: it has this value already, so nothing is written,
    /// and the record keeps what it was before.
    pub fn set(
        &self,
        kernel: &Kernel,
        value: u64,
        audit: &Log,
    ) -> Result<Option<Done>, ReclaimError> {
        if value > self.greatest {
            return Err(ReclaimError::Refused(format!(
                "{} takes 0 to {}, not {value}",
                self.name, self.greatest
            )));
        }
        let was = self.read(kernel)?;
        if was == value {
            return Ok(None);
        }
        // What cannot be recorded does not run.
        let file = audit.open()?;
        Ok(Some(self.write(kernel, [was, value], file)))
    }

    fn write(&self, kernel: &Kernel, [was, value]: [u64; 2], mut file: audit::Open) -> Done {
        let path = kernel.root().join(self.path);
        let mut record = Record {
            mode: Some(self.name),
            setting: Some([was, value]),
            ..Record::new(Action::Tune, &path, 0)
        };
        let below = Path::new(self.path).strip_prefix(SYSCTL).unwrap_or(&path);
        let tree = KernelTree::open(kernel.root(), Path::new(SYSCTL), KernelFs::Proc);
        let opened = tree.and_then(|tree| tree.writable(below));
        let written = opened.and_then(|mut file| file.write_all(value.to_string().as_bytes()));
        record.outcome = match &written {
            Ok(()) => "complete".into(),
            Err(error) => format!("failed: {error}"),
        };
        Done {
            result: written.map_err(|error| ReclaimError::file(&path, error)),
            recorded: file.write(&record),
            record,
        }
    }

    /// What it was before it was last changed, by the audit's file. None: it was not.
    pub fn former(&self, audit: &Log) -> Result<Option<u64>, ReclaimError> {
        let Log::File(path) = audit else {
            return Ok(None);
        };
        match fs::read_to_string(path) {
            Ok(text) => Ok(former(&text, self.name)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ReclaimError::file(path, error)),
        }
    }
}

/// Of the last line that changed it. One from a value to itself would hide what it was.
fn former(text: &str, name: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Line {
        action: String,
        mode: Option<String>,
        outcome: String,
        from: Option<u64>,
        to: Option<u64>,
    }
    // Lines that are torn, or of other programs, say nothing.
    let mut lines = text
        .lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let last = lines.find(|line| {
        line.action == Action::Tune.name()
            && line.mode.as_deref() == Some(name)
            && line.outcome == "complete"
            && line.from != line.to
    });
    last?.from
}

/// Why a setting cannot be read, for people.
pub fn why_not(setting: &Setting, error: &SourceError) -> String {
    let missing = error.path.parent().is_some_and(Path::exists) && !error.path.exists();
    match missing && setting.newer {
        true => "this kernel has none; newer ones do".into(),
        false => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn tree(name: &str) -> PathBuf {
        let name = format!("slabscope-tune-{name}-{}", std::process::id());
        let root = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("proc/sys/vm")).unwrap();
        fs::create_dir_all(root.join("proc/sys/fs")).unwrap();
        fs::write(root.join("proc/sys/vm/vfs_cache_pressure"), "100\n").unwrap();
        root
    }

    #[test]
    fn a_change_is_recorded_and_taken_back() {
        let root = tree("back");
        let audit = Log::File(root.join("audit.jsonl"));
        let kernel = Kernel::new(&root);
        let pressure = Setting::of("vfs_cache_pressure").unwrap();
        assert_eq!(pressure.former(&audit).unwrap(), None);
        let done = pressure.set(&kernel, 200, &audit).unwrap().unwrap();
        assert!(done.result.is_ok() && done.recorded.is_ok());
        assert_eq!(done.record.setting, Some([100, 200]));
        assert_eq!(pressure.read(&kernel).unwrap(), 200);
        assert_eq!(pressure.former(&audit).unwrap(), Some(100));
        pressure.set(&kernel, 100, &audit).unwrap();
        assert_eq!(pressure.former(&audit).unwrap(), Some(200));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn setting_that_is_a_link_is_not_written() {
        let root = tree("link");
        let file = root.join("proc/sys/vm/vfs_cache_pressure");
        fs::rename(&file, root.join("else")).unwrap();
        std::os::unix::fs::symlink("../../../else", &file).unwrap();
        let kernel = Kernel::new(&root);
        let pressure = Setting::of("vfs_cache_pressure").unwrap();
        let done = pressure.set(&kernel, 200, &Log::Off).unwrap().unwrap();
        assert!(done.result.is_err());
        assert_eq!(fs::read(root.join("else")).unwrap(), b"100\n");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn what_is_so_already_is_neither_written_nor_recorded() {
        let root = tree("already");
        let audit = Log::File(root.join("audit.jsonl"));
        let kernel = Kernel::new(&root);
        let pressure = Setting::of("vfs_cache_pressure").unwrap();
        pressure.set(&kernel, 200, &audit).unwrap();
        let recorded = fs::read(root.join("audit.jsonl")).unwrap();
        assert!(pressure.set(&kernel, 200, &audit).unwrap().is_none());
        assert_eq!(fs::read(root.join("audit.jsonl")).unwrap(), recorded);
        assert_eq!(pressure.former(&audit).unwrap(), Some(100));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_change_that_cannot_be_recorded_is_told_as_a_change() {
        let root = tree("full");
        let kernel = Kernel::new(&root);
        let pressure = Setting::of("vfs_cache_pressure").unwrap();
        let done = pressure.write(&kernel, [100, 200], audit::Open::full());
        assert!(done.result.is_ok());
        let error = done.recorded.unwrap_err().to_string();
        assert!(error.contains("/dev/full"), "{error}");
        assert_eq!(done.record.setting, Some([100, 200]));
        assert_eq!(done.record.outcome, "complete");
        assert_eq!(pressure.read(&kernel).unwrap(), 200);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn what_is_not_there_or_not_taken_is_told() {
        let root = tree("told");
        let kernel = Kernel::new(&root);
        let negative = Setting::of("fs.dentry-negative").unwrap();
        let error = negative.read(&kernel).unwrap_err();
        assert_eq!(
            why_not(negative, &error),
            "this kernel has none; newer ones do"
        );
        let error = negative.set(&kernel, 2, &Log::Off).unwrap_err();
        assert_eq!(error.to_string(), "fs.dentry-negative takes 0 to 1, not 2");
        assert!(Setting::of("swappiness").is_none());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn the_last_change_that_worked_counts() {
        let line = |mode: &str, outcome: &str, from: u64| {
            format!(
                "{{\"action\":\"tune\",\"mode\":\"{mode}\",\"outcome\":\"{outcome}\",\"from\":{from},\"to\":9}}\n"
            )
        };
        let text = [
            line("vm.vfs_cache_pressure", "complete", 50),
            line("fs.dentry-negative", "complete", 1),
            line("vm.vfs_cache_pressure", "failed: denied", 60),
            line("vm.vfs_cache_pressure", "complete", 9),
            "{\"action\":\"prune\",\"outcome\":\"complete\"}\n{\"torn".into(),
        ];
        assert_eq!(former(&text.concat(), "vm.vfs_cache_pressure"), Some(50));
        assert_eq!(former("", "vm.vfs_cache_pressure"), None);
    }
}
