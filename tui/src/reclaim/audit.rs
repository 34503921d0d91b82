//! The record of actions: for each prune, shrink and so on a line of JSON before it and one after
//! it, appended to a file that outlives the session. An action that cannot be recorded does not
//! run, and a killed one has left its first line.

mod entry;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use crate::base::text::{printable, reason};
use crate::base::trusted;

pub use entry::{Action, AuditEntry, BEGUN};

/// Destination of the records, as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Setting {
    /// The file in the user's state directory.
    #[default]
    Auto,
    /// No record.
    None,
    /// This file.
    File(PathBuf),
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            path if Path::new(path).is_absolute() => Ok(Self::File(path.into())),
            _ => Err("audit is \"auto\", \"none\" or a path that begins with /".into()),
        }
    }
}

/// Destination of the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Log {
    /// This file.
    File(PathBuf),
    /// No record: the user configured that.
    #[default]
    Off,
    /// No record: there is no home directory to put the file into.
    Homeless,
}

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be opened or written.
    #[error("the audit file {}: {}", printable(.path), reason(.source))]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// No directory for the file is known.
    #[error("there is no audit file: neither XDG_STATE_HOME nor HOME is set")]
    Homeless,
}

impl AuditError {
    fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.into(),
            source,
        }
    }

    /// The remedy.
    pub const REMEDY: &str = "Actions that cannot be recorded do not run: set `audit` in config.toml to another file, or to \"none\".";
}

/// An action that was carried out or failed.
#[derive(Debug)]
pub struct Report<T, E> {
    /// What it did.
    pub result: Result<T, E>,
    /// Its entry in the record.
    pub record: AuditEntry,
    /// Whether its outcome was recorded.
    pub recorded: Result<(), AuditError>,
}

impl Log {
    /// `variable` looks up XDG_STATE_HOME and HOME.
    pub fn new(setting: &Setting, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let state = || crate::base::xdg::directory(variable, "XDG_STATE_HOME", ".local/state");
        match setting {
            Setting::None => Self::Off,
            Setting::File(path) => Self::File(path.clone()),
            Setting::Auto => match state() {
                Some(state) => Self::File(state.join("slabscope/audit.jsonl")),
                None => Self::Homeless,
            },
        }
    }

    /// By the setting and this process's environment.
    pub fn of(setting: &Setting) -> Self {
        Self::new(setting, |name| std::env::var_os(name))
    }

    /// The file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Off | Self::Homeless => None,
        }
    }

    /// Whether a record could be begun: an action that cannot be recorded needs no confirmation.
    pub fn check(&self) -> Result<(), AuditError> {
        self.open().map(drop)
    }

    /// Appends a line about the action that is about to run, and reserves room for the line with
    /// its outcome. Without both nothing may be done.
    pub fn begin(&self, record: &AuditEntry) -> Result<Begun, AuditError> {
        let mut begun = self.open()?;
        begun.append(&record.line(true))?;
        Ok(begun)
    }

    /// Runs an action between the two lines of its record: what cannot be recorded does not run. The action
    /// notes its outcome in the entry.
    pub fn around<T, E: From<AuditError>>(
        &self,
        mut record: AuditEntry,
        act: impl FnOnce(&mut AuditEntry) -> Result<T, E>,
    ) -> Report<T, E> {
        match self.begin(&record) {
            Ok(begun) => begun.finish(record, act),
            Err(error) => {
                record.outcome = format!("failed: {error}");
                Report {
                    result: Err(error.into()),
                    record,
                    recorded: Ok(()),
                }
            }
        }
    }

    /// Opens the file for reading. None: there is none, or recording is off.
    pub(crate) fn read(&self) -> Result<Option<File>, AuditError> {
        let Self::File(path) = self else {
            return Ok(None);
        };
        match trusted::open_private(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(AuditError::file(path, source)),
        }
    }

    fn open(&self) -> Result<Begun, AuditError> {
        let path = match self {
            Self::File(path) => path,
            Self::Off => return Ok(Begun(None)),
            Self::Homeless => return Err(AuditError::Homeless),
        };
        let opened = trusted::append_private(path).and_then(|file| {
            reserve(&file)?;
            Ok(Begun(Some((file, path.clone()))))
        });
        opened.map_err(|source| AuditError::file(path, source))
    }
}

/// Reserves room behind the end of the file for two lines, so that no action begins that fills the
/// filesystem before its outcome is written. Paths have at most 4 KiB, which escapes and base64
/// make several times as long.
fn reserve(file: &File) -> io::Result<()> {
    const ROOM: u64 = 64 << 10;
    let end = file.metadata()?.len();
    let mut taken = || fallocate(file, FallocateFlags::KEEP_SIZE, end, ROOM);
    match rustix::io::retry_on_intr(&mut taken) {
        // Not every filesystem can: then writing the line itself shows it.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        done => Ok(done?),
    }
}

/// Whether the last line is incomplete: the disk was full, or the machine went down.
fn is_torn(file: &File) -> io::Result<bool> {
    let mut last = *b"\n";
    if let Some(at) = file.metadata()?.len().checked_sub(1) {
        file.read_at(&mut last, at)?;
    }
    Ok(last != *b"\n")
}

/// A record whose first line is written; None: recording is off.
#[derive(Debug)]
pub struct Begun(Option<(File, PathBuf)>);

impl Begun {
    /// Appends the outcome.
    pub fn end(mut self, record: &AuditEntry) -> Result<(), AuditError> {
        self.append(&record.line(false))
    }

    fn append(&mut self, line: &io::Result<Vec<u8>>) -> Result<(), AuditError> {
        let Some((file, path)) = &mut self.0 else {
            return Ok(());
        };
        let written = match line {
            Ok(line) => write(file, line),
            Err(error) => Err(io::Error::other(error.to_string())),
        };
        written.map_err(|source| AuditError::file(path, source))
    }

    fn finish<T, E>(
        self,
        mut record: AuditEntry,
        act: impl FnOnce(&mut AuditEntry) -> Result<T, E>,
    ) -> Report<T, E> {
        let result = act(&mut record);
        Report {
            recorded: self.end(&record),
            result,
            record,
        }
    }

    /// A log on a full disk.
    #[cfg(test)]
    fn full() -> Self {
        let path = PathBuf::from("/dev/full");
        let file = File::options().append(true).open(&path).unwrap();
        Self(Some((file, path)))
    }
}

/// Writes in one call, so that lines of two programs do not mix.
fn write(file: &mut File, line: &[u8]) -> io::Result<()> {
    match is_torn(file)? {
        true => file.write_all(&[b"\n", line].concat()),
        false => file.write_all(line),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    fn directory(name: &str) -> PathBuf {
        let name = format!("slabscope-audit-{name}-{}", std::process::id());
        let path = crate::private::directory().join(name);
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn action_whose_outcome_cannot_be_recorded_is_done_and_says_so() {
        let record = AuditEntry::new(Action::Tune, Path::new("/"), 0);
        let report = Begun::full().finish(record, |record| {
            record.outcome = "complete".into();
            Ok::<_, AuditError>(())
        });
        assert!(report.result.is_ok());
        assert_eq!(report.record.outcome, "complete");
        let error = report.recorded.unwrap_err().to_string();
        assert!(error.contains("/dev/full"), "{error}");
    }

    #[test]
    fn each_action_appends_a_line_that_only_the_owner_can_read() {
        let directory = directory("lines");
        let path = directory.join("state/slabscope/audit.jsonl");
        let log = Log::File(path.clone());
        for name in [&b"/a\nb"[..], b"/\xff"] {
            let mut record = AuditEntry::new(Action::Prune, Path::new(OsStr::from_bytes(name)), 7);
            record.outcome = "complete".into();
            log.begin(&record).unwrap().end(&record).unwrap();
        }
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let outcomes: Vec<_> = lines.iter().map(|line| &line["outcome"]).collect();
        assert_eq!(outcomes, ["begun", "complete", "begun", "complete"]);
        for line in &lines {
            assert_eq!(line["schema"], "slabscope.audit/2");
            assert_eq!(line["predicted"], 7);
            assert_eq!(line["pid"], std::process::id());
            assert_eq!(line["freed"].is_null(), line["outcome"] == "begun");
            assert_eq!(line["took_ns"].is_null(), line["outcome"] == "begun");
        }
        assert_eq!(lines[0]["path"], "/a\nb");
        assert_eq!(lines[3]["path"], "/\\xff");
        assert_eq!(lines[3]["path_base64"], "L/8=");
        let time = lines[0]["time"].as_str().unwrap();
        assert!(
            time.parse::<jiff::Timestamp>().is_ok() && time.ends_with('Z'),
            "{time}"
        );
        assert_eq!(time.len(), "2026-11-22T00:00:00Z".len());
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn link_or_shared_file_is_refused() {
        let directory = directory("refused");
        fs::create_dir_all(&directory).unwrap();
        let link = directory.join("link");
        symlink(directory.join("elsewhere"), &link).unwrap();
        let fifo = directory.join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        for path in [link, fifo, directory.clone()] {
            let error = Log::File(path.clone()).check().unwrap_err();
            assert!(
                error.to_string().contains(path.to_str().unwrap()),
                "{error}"
            );
        }
        assert!(!directory.join("elsewhere").exists());
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn incomplete_line_spoils_no_other() {
        let directory = directory("torn");
        let path = directory.join("audit.jsonl");
        let log = Log::File(path.clone());
        log.check().unwrap();
        fs::write(&path, "{\"schema\":\"slabsc").unwrap();
        let record = AuditEntry::new(Action::Prune, Path::new("/"), 7);
        log.begin(&record).unwrap().end(&record).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let whole = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert_eq!(text.lines().filter(whole).count(), 2, "{text}");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn path_follows_setting_and_environment() {
        let log = |setting: &str, xdg: &str, home: &str| {
            Log::new(&setting.parse().unwrap(), |name| match name {
                "XDG_STATE_HOME" if !xdg.is_empty() => Some(xdg.into()),
                "HOME" if !home.is_empty() => Some(home.into()),
                _ => None,
            })
        };
        let file = |path: &str| Log::File(path.into());
        assert_eq!(log("auto", "/s", "/h"), file("/s/slabscope/audit.jsonl"));
        assert_eq!(
            log("auto", "relative", "/h"),
            file("/h/.local/state/slabscope/audit.jsonl")
        );
        assert_eq!(log("auto", "", ""), Log::Homeless);
        assert_eq!(log("/var/log/x", "/s", "/h"), file("/var/log/x"));
        assert_eq!(log("none", "/s", "/h"), Log::Off);
        assert!("audit.jsonl".parse::<Setting>().is_err());
        assert!(Log::Homeless.check().is_err());
        let nothing = AuditEntry::new(Action::Shrink, Path::new("/"), 0);
        assert!(Log::Off.begin(&nothing).unwrap().end(&nothing).is_ok());
    }
}
