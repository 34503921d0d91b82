//! Two settings of the kernel that decide how long dentries and inodes stay: read, explained,
//! changed by explicit action alone, and restored to the value in the audit file.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use serde::Deserialize;

use crate::kernel::source::{Kernel, KernelFs, KernelTree, SourceError};
use crate::reclaim::ReclaimError;
use crate::reclaim::audit::{Action, AuditEntry, BEGUN, Log, Report};

/// Directory of the settings, below the root.
const SYSCTL: &str = "proc/sys";

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name for sysctl(8).
    pub name: &'static str,
    /// Its path below the root.
    pub path: &'static str,
    /// Its meaning.
    pub meaning: &'static str,
    /// What a change does.
    pub change: &'static str,
    /// The kernel's own value.
    pub default: u64,
    /// The greatest value that the kernel accepts.
    pub greatest: u64,
    /// Only newer kernels have it.
    pub newer: bool,
}

/// Both settings (fs/dcache.c: `vm_dcache_sysctls`, `fs_dcache_sysctls`, Linux 7.3).
pub const SETTINGS: [Setting; 2] = [
    Setting {
        name: "vm.vfs_cache_pressure",
        path: "proc/sys/vm/vfs_cache_pressure",
        meaning: "how eagerly dentries and inodes are reclaimed; page cache is at 100",
        change: "lower keeps them longer, 0 = never reclaimed (the machine can run out of \
                 memory); much higher makes reclaim scan for objects that do not exist. Nothing goes at once: it \
                 applies under memory pressure",
        default: 100,
        greatest: i32::MAX as u64,
        newer: false,
    },
    Setting {
        name: "fs.dentry-negative",
        path: "proc/sys/fs/dentry-negative",
        meaning: "1: a removed file's name is forgotten; 0: it stays as a negative dentry",
        change: "1 stops removals from leaving negative dentries; failed lookups \
                 are cached as before, and what is cached stays",
        default: 0,
        greatest: 1,
        newer: true,
    },
];

/// The outcome of a change.
pub type TuneReport = Report<(), ReclaimError>;

impl Setting {
    /// The setting of this name, or of this last part of a name.
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

    /// Changes it, and records the old value. None: it has this value already, so nothing is
    /// written, and the record keeps the older one.
    pub fn set(
        &self,
        kernel: &Kernel,
        value: u64,
        audit: &Log,
    ) -> Result<Option<TuneReport>, ReclaimError> {
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
        let path = kernel.root().join(self.path);
        let record = AuditEntry {
            mode: Some(self.name),
            setting: Some([was, value]),
            ..AuditEntry::new(Action::Tune, &path, 0)
        };
        let done = audit.around(record, |record| {
            let written = self.write(kernel, value);
            record.outcome = match &written {
                Ok(()) => "complete".into(),
                Err(error) => format!("failed: {error}"),
            };
            written
        });
        match done.result {
            Err(error @ ReclaimError::Unrecorded(_)) => Err(error),
            _ => Ok(Some(done)),
        }
    }

    fn write(&self, kernel: &Kernel, value: u64) -> Result<(), ReclaimError> {
        let path = kernel.root().join(self.path);
        let below = Path::new(self.path).strip_prefix(SYSCTL).unwrap_or(&path);
        let tree = KernelTree::open(kernel.root(), Path::new(SYSCTL), KernelFs::Proc);
        let opened = tree.and_then(|tree| tree.writable(below));
        let written = opened.and_then(|mut file| file.write_all(value.to_string().as_bytes()));
        written.map_err(|error| ReclaimError::file(&path, error))
    }

    /// Its value before the last change, by the audit file.
    pub fn former(&self, audit: &Log) -> Result<Former, ReclaimError> {
        let Some(file) = audit.read()? else {
            return Ok(Former::default());
        };
        former(&mut BufReader::new(file), self.name).map_err(|error| {
            let path = audit.path().unwrap_or(Path::new(""));
            ReclaimError::file(path, error)
        })
    }
}

/// The former value of a setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Former {
    /// None: it was not changed.
    pub value: Option<u64>,
    /// Lines that are no records: torn, not UTF-8, of another program.
    pub skipped: u64,
}

/// By the last line that changed it. A change from a value to itself would hide the former value. A
/// change that began and has no outcome may have written its value: it counts.
fn former(text: &mut dyn BufRead, name: &str) -> io::Result<Former> {
    #[derive(Deserialize)]
    struct Line {
        action: String,
        mode: Option<String>,
        outcome: String,
        from: Option<u64>,
        to: Option<u64>,
    }
    /// Bytes of a line. A record's path has 4 KiB at most.
    const LONGEST: u64 = 64 << 10;
    let mut former = Former::default();
    let mut begun = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        let len = text.take(LONGEST).read_until(b'\n', &mut line)?;
        if len == 0 {
            break;
        }
        if len as u64 == LONGEST && !line.ends_with(b"\n") {
            text.skip_until(b'\n')?;
        }
        let Ok(line) = serde_json::from_slice::<Line>(&line) else {
            former.skipped += 1;
            continue;
        };
        let of_it = line.action == Action::Tune.name() && line.mode.as_deref() == Some(name);
        if !of_it || line.from == line.to {
            continue;
        }
        begun = match &*line.outcome {
            BEGUN => line.from,
            "complete" => {
                former.value = line.from;
                None
            }
            _ => None,
        };
    }
    former.value = begun.or(former.value);
    Ok(former)
}

/// Why a setting cannot be read, as text.
pub fn why_not(setting: &Setting, error: &SourceError) -> String {
    let missing = error.path.parent().is_some_and(Path::exists) && !error.path.exists();
    match missing && setting.newer {
        true => "this kernel has none; newer ones do".into(),
        false => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    fn tree(name: &str) -> PathBuf {
        let name = format!("slabscope-tune-{name}-{}", std::process::id());
        let root = crate::private::directory().join(name);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("proc/sys/vm")).unwrap();
        fs::create_dir_all(root.join("proc/sys/fs")).unwrap();
        fs::write(root.join("proc/sys/vm/vfs_cache_pressure"), "100\n").unwrap();
        root
    }

    #[test]
    fn change_is_recorded_and_restored() {
        let root = tree("back");
        let audit = Log::File(root.join("audit.jsonl"));
        let kernel = Kernel::new(&root);
        let pressure = Setting::of("vfs_cache_pressure").unwrap();
        assert_eq!(pressure.former(&audit).unwrap(), Former::default());
        let done = pressure.set(&kernel, 200, &audit).unwrap().unwrap();
        assert!(done.result.is_ok() && done.recorded.is_ok());
        assert_eq!(done.record.setting, Some([100, 200]));
        assert_eq!(pressure.read(&kernel).unwrap(), 200);
        assert_eq!(pressure.former(&audit).unwrap().value, Some(100));
        pressure.set(&kernel, 100, &audit).unwrap();
        assert_eq!(pressure.former(&audit).unwrap().value, Some(200));
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
    fn unchanged_value_is_neither_written_nor_recorded() {
        let root = tree("already");
        let audit = Log::File(root.join("audit.jsonl"));
        let kernel = Kernel::new(&root);
        let pressure = Setting::of("vfs_cache_pressure").unwrap();
        pressure.set(&kernel, 200, &audit).unwrap();
        let recorded = fs::read(root.join("audit.jsonl")).unwrap();
        assert!(pressure.set(&kernel, 200, &audit).unwrap().is_none());
        assert_eq!(fs::read(root.join("audit.jsonl")).unwrap(), recorded);
        assert_eq!(pressure.former(&audit).unwrap().value, Some(100));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn missing_setting_and_refused_value_are_reported() {
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
    fn last_successful_change_counts() {
        let line = |mode: &str, outcome: &str, from: u64| {
            format!(
                "{{\"action\":\"tune\",\"mode\":\"{mode}\",\"outcome\":\"{outcome}\",\"from\":{from},\"to\":9}}\n"
            )
        };
        let read = |text: &[u8]| former(&mut &*text, "vm.vfs_cache_pressure").unwrap();
        let of = |value, skipped| Former { value, skipped };
        let text = [
            line("vm.vfs_cache_pressure", "complete", 50),
            line("fs.dentry-negative", "complete", 1),
            line("vm.vfs_cache_pressure", "begun", 60),
            line("vm.vfs_cache_pressure", "failed: denied", 60),
            line("vm.vfs_cache_pressure", "complete", 9),
            "{\"action\":\"prune\",\"outcome\":\"complete\"}\n{\"torn".into(),
        ];
        assert_eq!(read(text.concat().as_bytes()), of(Some(50), 1));
        assert_eq!(read(b""), of(None, 0));
        // Killed between the two lines, it may have written the value.
        let begun = line("vm.vfs_cache_pressure", "begun", 70);
        assert_eq!(read((text[0].clone() + &begun).as_bytes()), of(Some(70), 0));
    }

    /// One byte that is not UTF-8 hid the former value of all settings.
    #[test]
    fn former_value_is_found_beside_lines_of_any_bytes() {
        let line = "{\"action\":\"tune\",\"mode\":\"vm.vfs_cache_pressure\",\
                    \"outcome\":\"complete\",\"from\":50,\"to\":9}\n";
        let long = vec![b'x'; 200_000];
        for bad in [&b"\xff\n"[..], b"\0\n", b"\n", &[&long[..], b"\n"].concat()] {
            for text in [
                [bad, line.as_bytes()].concat(),
                [line.as_bytes(), bad].concat(),
                [line.as_bytes(), bad.strip_suffix(b"\n").unwrap()].concat(),
            ] {
                let found = former(&mut &text[..], "vm.vfs_cache_pressure").unwrap();
                assert_eq!(found.value, Some(50), "{bad:?}");
                assert!(found.skipped <= 1, "{bad:?}");
            }
        }
    }
}
