//! Writes a recording.

mod bounds;
mod rows;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags, params};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::delta::{self, State};
use super::reader::milliseconds;
use super::{RecordingError, schema};
use crate::base::trusted;
use crate::kernel::observer::Observation;
use bounds::keep_bounds;
use rows::{Kind, add_cgroups, add_minute, event, figures, numbered};

/// How long what is kept, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Time between two samples.
    pub interval: Duration,
    /// Samples are kept for this long.
    pub samples: Duration,
    /// The figures of each minute are kept for this long.
    pub minutes: Duration,
    /// Bytes in use of the file; the oldest makes room.
    pub most_bytes: u64,
}

/// Whose figures they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The machine's name.
    pub host: Option<String>,
    /// The kernel's release.
    pub kernel: Option<String>,
    /// What changes with each boot (/proc/sys/kernel/random/boot_id).
    pub boot: Option<String>,
}

/// Samples from one with all caches to the next: an hour of a recording has a dozen. To show a moment
/// at most as many are read.
const WHOLE_EVERY: u32 = 300;

/// Bytes of a page of the file. Smaller ones would halve what each commit writes, and hold one sample of a busy
/// machine each, half empty.
const PAGE: u32 = 4096;

/// A clock that differs by more from that of the boot has been set.
const JUMP: i64 = 1_000;

/// Writes to a recording.
#[derive(Debug)]
pub struct Recorder {
    db: Connection,
    path: PathBuf,
    /// Held open and locked: nobody else records to it. Closed behind the database, as closing any
    /// file of it would end the locks that SQLite has on it.
    _lock: Option<File>,
    settings: Settings,
    page_bytes: Option<u64>,
    run: i64,
    ids: HashMap<Kind, u32>,
    /// What the last sample in the file stands for, and how many of the kind followed a whole one.
    state: Option<(State, u32)>,
    last: Option<Last>,
    /// Samples that could not be written since the last one that was.
    lost: u64,
    cgroups: HashMap<PathBuf, i64>,
}

/// When the last sample was taken, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Last {
    time: i64,
    boot: i64,
}

impl Recorder {
    /// Records to the file at `path`, an absolute one, which is made if need be and goes on if it is
    /// a recording.
    pub fn open(path: &Path, settings: Settings, about: &About) -> Result<Self, RecordingError> {
        let file =
            trusted::append_private(path).map_err(|error| RecordingError::io(path, error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Err(RecordingError::Busy(path.into())),
            locked => locked.map_err(|error| RecordingError::io(path, error))?,
        }
        let is_recording = schema::check(path, &file)?;
        for suffix in ["-wal", "-shm", "-journal"] {
            let beside = schema::beside(path, suffix);
            match trusted::open_private(&beside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(RecordingError::io(&beside, error));
                }
                _ => {}
            }
        }
        let failed = |error| RecordingError::Sqlite(path.into(), error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let db = Connection::open_with_flags(path, flags).map_err(failed)?;
        let mut recorder = Self::new(db, path.into(), Some(file), settings);
        recorder.begin(is_recording, about).map_err(failed)?;
        Ok(recorder)
    }

    /// Records in memory; [`Self::bytes`] has the file.
    pub fn in_memory(settings: Settings, about: &About) -> Result<Self, RecordingError> {
        let failed = |error| RecordingError::Sqlite(PathBuf::new(), error);
        let db = Connection::open_in_memory().map_err(failed)?;
        let mut recorder = Self::new(db, PathBuf::new(), None, settings);
        recorder.begin(false, about).map_err(failed)?;
        Ok(recorder)
    }

    fn new(db: Connection, path: PathBuf, lock: Option<File>, settings: Settings) -> Self {
        Self {
            db,
            path,
            _lock: lock,
            settings,
            page_bytes: None,
            run: 0,
            ids: HashMap::new(),
            state: None,
            last: None,
            lost: 0,
            cgroups: HashMap::new(),
        }
    }

    fn begin(&mut self, is_recording: bool, about: &About) -> rusqlite::Result<()> {
        let db = &mut self.db;
        db.busy_timeout(Duration::from_secs(2))?;
        if !is_recording {
            db.pragma_update(None, "page_size", PAGE)?;
            let made = db.transaction()?;
            made.execute_batch(schema::TABLES)?;
            made.pragma_update(None, "application_id", schema::APPLICATION)?;
            made.pragma_update(None, "user_version", schema::VERSION)?;
            made.commit()?;
        }
        // Only now: the file itself then has the tables and says what it is, and not the log alone.
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        // In KiB, and pages: the log is as small as the memory.
        db.pragma_update(None, "cache_size", -512)?;
        db.pragma_update(None, "wal_autocheckpoint", 256)?;
        db.pragma_update(None, "temp_store", "MEMORY")?;
        db.set_prepared_statement_cache_capacity(32);
        let interval = i64::try_from(self.settings.interval.as_millis()).unwrap_or(i64::MAX);
        let before: Option<Option<String>> =
            match db.query_row("SELECT boot FROM run ORDER BY id DESC LIMIT 1", [], |row| {
                row.get(0)
            }) {
                Err(rusqlite::Error::QueryReturnedNoRows) => None,
                boot => Some(boot?),
            };
        let now = milliseconds(SystemTime::now());
        let begun = db.transaction()?;
        begun.execute(
            "INSERT INTO run(begin_ms, boot, host, kernel, interval_ms, program) VALUES(?, ?, ?, ?, ?, ?)",
            params![now, about.boot, about.host, about.kernel, interval, env!("CARGO_PKG_VERSION")],
        )?;
        self.run = begun.last_insert_rowid();
        if before.is_some_and(|before| before != about.boot) {
            event(&begun, now, "boot", "the machine was started anew")?;
        }
        event(&begun, now, "start", "the recorder was started")?;
        begun.commit()
    }

    /// Adds what was observed, `since_boot` with the time that the machine slept.
    ///
    /// An error that [passes](RecordingError::passes) costs this sample alone.
    pub fn add(
        &mut self,
        observation: &Observation,
        since_boot: Duration,
    ) -> Result<(), RecordingError> {
        let added = self.try_add(observation, since_boot);
        if added.is_err() {
            self.lost += 1;
            // The next one cannot build on what is not there.
            self.state = None;
            self.ids.clear();
            self.cgroups.clear();
        }
        added.map_err(|error| RecordingError::Sqlite(self.path.clone(), error))
    }

    fn try_add(&mut self, observation: &Observation, since_boot: Duration) -> rusqlite::Result<()> {
        let sample = &observation.sample;
        let now = Last {
            time: milliseconds(observation.at),
            boot: i64::try_from(since_boot.as_millis()).unwrap_or(i64::MAX),
        };
        let added = self.db.transaction()?;
        if self.page_bytes != sample.page_size {
            added.execute(
                "UPDATE run SET page_bytes = ? WHERE id = ?",
                params![sample.page_size, self.run],
            )?;
        }
        for (kind, text) in irregular(self.last, now, self.settings.interval, self.lost) {
            event(&added, now.time, kind, &text)?;
        }
        let state = match &sample.caches {
            Ok(caches) => Some(numbered(&added, &mut self.ids, caches)?),
            Err(_) => None,
        };
        let before = self.state.take().filter(|(_, since)| *since < WHOLE_EVERY);
        let whole = before.is_none();
        let (before, since) = before.unwrap_or_default();
        let delta = state.as_ref().map(|state| delta::encode(&before, state));
        figures(
            &added,
            "INSERT INTO sample(run, time_ms, boot_ms, whole, caches, memory_bytes, available_bytes, slab_bytes, \
             sreclaimable_bytes, sunreclaim_bytes, dentries, dentries_lru, dentries_lru_negative, inodes, inodes_lru) \
             VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![self.run, now.time, now.boot, whole, delta],
            sample,
        )?;
        let minute = |time: i64| time.div_euclid(60_000);
        let is_minute = self
            .last
            .is_none_or(|last| minute(last.time) != minute(now.time));
        if is_minute {
            add_minute(&added, now.time, observation, state.as_ref(), &self.ids)?;
            add_cgroups(&added, now.time, observation, &mut self.cgroups)?;
            keep_bounds(&added, now.time, &self.settings)?;
        }
        added.commit()?;
        self.page_bytes = sample.page_size;
        self.state = state.map(|state| (state, since + 1));
        self.last = Some(now);
        self.lost = 0;
        Ok(())
    }

    /// Adds an event: `kind` a word, `text` a sentence without its end.
    pub fn event(&mut self, at: SystemTime, kind: &str, text: &str) -> Result<(), RecordingError> {
        event(&self.db, milliseconds(at), kind, text).map_err(|error| self.failed(error))
    }

    /// The whole recording as a file has it.
    pub fn bytes(&self) -> Result<Vec<u8>, RecordingError> {
        let data = self
            .db
            .serialize("main")
            .map_err(|error| self.failed(error))?;
        Ok(data.to_vec())
    }

    /// Ends it in order: nothing is left beside the file.
    pub fn close(mut self) -> Result<(), RecordingError> {
        self.event(SystemTime::now(), "stop", "the recorder was stopped")?;
        let Self {
            db, path, _lock, ..
        } = self;
        // The lock is dropped behind it.
        db.close()
            .map_err(|(_, error)| RecordingError::Sqlite(path, error))
    }

    fn failed(&self, error: rusqlite::Error) -> RecordingError {
        RecordingError::Sqlite(self.path.clone(), error)
    }
}

/// What happened between two samples that does not show in their figures: rates over it would be
/// nonsense.
fn irregular(
    last: Option<Last>,
    now: Last,
    interval: Duration,
    lost: u64,
) -> Vec<(&'static str, String)> {
    let mut events = Vec::new();
    if lost > 0 {
        let lost = crate::base::text::counted(lost, "sample");
        events.push(("lost", format!("{lost} could not be written")));
    }
    let Some(last) = last else {
        return events;
    };
    let (wall, boot) = (now.time - last.time, now.boot - last.boot);
    if (wall - boot).abs() > JUMP {
        let seconds = (wall - boot) as f64 / 1000.0;
        events.push(("clock", format!("the clock was set by {seconds:+.1} s")));
    }
    let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
    if lost == 0 && boot > interval.saturating_mul(5).saturating_add(JUMP) {
        let seconds = boot as f64 / 1000.0;
        events.push((
            "gap",
            format!("no sample for {seconds:.1} s: the machine slept, or had no time"),
        ));
    }
    events
}

#[cfg(test)]
mod tests;
