//! Reads a recording, also one that is being written to.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};

use super::delta::{self, State};
use super::{About, RecordingError, schema};
use crate::kernel::source::{
    Cache, CacheId, Cause, Class, DentryState, InodeNr, Memory, Merged, Sample, SourceError,
};

/// A recording that is read.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
    path: PathBuf,
}

/// What was recorded of one moment.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When it was.
    pub at: SystemTime,
    /// Number of the run of the recorder: one that was started anew has another.
    pub run: i64,
    /// The figures. What was not recorded of them is an error of its own.
    pub sample: Sample,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it was noted.
    pub at: SystemTime,
    /// One or two words: `boot`, `clock`, `stands out`.
    pub kind: String,
    /// What happened.
    pub text: String,
}

/// A figure of the machine that is kept over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// SReclaimable, in bytes.
    Sreclaimable,
    /// SUnreclaim, in bytes.
    Sunreclaim,
    /// All dentries.
    Dentries,
    /// Negative dentries on the LRU.
    Negative,
}

impl Figure {
    fn column(self) -> &'static str {
        match self {
            Self::Sreclaimable => "sreclaimable_bytes",
            Self::Sunreclaim => "sunreclaim_bytes",
            Self::Dentries => "dentries",
            Self::Negative => "dentries_lru_negative",
        }
    }
}

/// A figure over time, in order.
pub type Series = Vec<(SystemTime, u64)>;

/// A cgroup at two moments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupGrowth {
    /// Its path, escaped.
    pub path: String,
    /// Bytes of slab at the first.
    pub first: u64,
    /// Bytes of slab at the last.
    pub last: u64,
    /// Bytes that it used at the last; None: unknown.
    pub current: Option<u64>,
    /// Its limit at the last; None: it has none.
    pub limit: Option<u64>,
}

impl Reader {
    /// Opens a recording.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let failed = |error| RecordingError::io(path, error);
        // What is no regular file may wait for somebody, or do something.
        let found = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        let stat = fstat(found.map_err(|errno| failed(errno.into()))?);
        let stat = stat.map_err(|errno| failed(errno.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(failed(io::Error::new(
                ErrorKind::InvalidInput,
                "not a regular file",
            )));
        }
        let file = std::fs::File::open(path).map_err(failed)?;
        if !schema::check(path, &file)? {
            return Err(RecordingError::Foreign(path.into()));
        }
        Self::connect(path).map_err(|error| RecordingError::Sqlite(path.into(), error))
    }

    fn connect(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        // Another person may have made the file: nothing in it is run.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        db.pragma_update(None, "cell_size_check", true)?;
        db.pragma_update(None, "query_only", true)?;
        db.busy_timeout(Duration::from_secs(5))?;
        Ok(Self {
            db,
            path: path.into(),
        })
    }

    fn failed(&self, error: rusqlite::Error) -> RecordingError {
        RecordingError::Sqlite(self.path.clone(), error)
    }

    /// The times of the first and the last sample, or of the minutes before; None: there is none.
    pub fn span(&self) -> Result<Option<(SystemTime, SystemTime)>, RecordingError> {
        let query = "SELECT min(a), max(b) FROM (SELECT min(time_ms) AS a, max(time_ms) AS b FROM sample \
                     UNION ALL SELECT min(time_ms), max(time_ms) FROM minute)";
        let span = self.db.query_row(query, [], |row| {
            Ok(row
                .get::<_, Option<i64>>(0)?
                .zip(row.get::<_, Option<i64>>(1)?))
        });
        let span = span.map_err(|error| self.failed(error))?;
        Ok(span.map(|(first, last)| (time(first), time(last))))
    }

    /// Whose figures the last run recorded.
    pub fn about(&self) -> Result<About, RecordingError> {
        let query = "SELECT host, kernel, boot FROM run ORDER BY id DESC LIMIT 1";
        let about = self.db.query_row(query, [], |row| {
            Ok(About {
                host: row.get(0)?,
                kernel: row.get(1)?,
                boot: row.get(2)?,
            })
        });
        let about = about.optional().map_err(|error| self.failed(error))?;
        Ok(about.unwrap_or_default())
    }

    /// The last sample up to a time; None: it begins later.
    pub fn until(&self, at: SystemTime) -> Result<Option<Moment>, RecordingError> {
        self.moment("time_ms <= ? ORDER BY time_ms DESC, id DESC", at)
    }

    /// The first sample from a time on; None: it ends before.
    pub fn from(&self, at: SystemTime) -> Result<Option<Moment>, RecordingError> {
        self.moment("time_ms >= ? ORDER BY time_ms, id", at)
    }

    fn moment(&self, which: &str, at: SystemTime) -> Result<Option<Moment>, RecordingError> {
        let query = format!("SELECT id FROM sample WHERE {which} LIMIT 1");
        let id = self
            .db
            .query_row(&query, [milliseconds(at)], |row| row.get::<_, i64>(0));
        let id = id.optional();
        let moment = id.and_then(|id| id.map(|id| self.rebuilt(id)).transpose());
        moment.map_err(|error| self.failed(error))
    }

    /// The sample with this number, from the whole one before it.
    fn rebuilt(&self, id: i64) -> rusqlite::Result<Moment> {
        let mut state = Some(State::new());
        let mut deltas = self.db.prepare_cached(
            "SELECT caches FROM sample WHERE id <= ?1 \
             AND id >= (SELECT max(id) FROM sample WHERE whole AND id <= ?1) ORDER BY id",
        )?;
        let mut rows = deltas.query([id])?;
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(0)?.as_blob_or_null()?;
            state = state
                .zip(bytes)
                .and_then(|(mut state, bytes)| delta::apply(&mut state, bytes).map(|()| state));
        }
        let caches = match state {
            Some(state) => Ok(self.caches(&state)?),
            None => Err(not_recorded("/proc/slabinfo")),
        };
        self.db.query_row(
            "SELECT sample.time_ms, sample.run, run.page_bytes, memory_bytes, available_bytes, slab_bytes, \
             sreclaimable_bytes, sunreclaim_bytes, dentries, dentries_lru, dentries_lru_negative, inodes, inodes_lru \
             FROM sample LEFT JOIN run ON run.id = sample.run WHERE sample.id = ?",
            [id],
            |row| moment(row, caches),
        )
    }

    fn caches(&self, state: &State) -> rusqlite::Result<Vec<Cache>> {
        let mut kinds = self.db.prepare_cached(
            "SELECT id, name, raw_name, nth, class, object_bytes, objects_per_slab, pages_per_slab FROM cache",
        )?;
        let mut rows = kinds.query([])?;
        let mut caches = Vec::with_capacity(state.len());
        while let Some(row) = rows.next()? {
            let Some(figures) = state.get(&row.get(0)?) else {
                continue;
            };
            caches.push(Cache {
                name: row.get(1)?,
                raw_name: row.get::<_, Option<Vec<u8>>>(2)?.map(Into::into),
                nth: row.get(3)?,
                twins: 0,
                class: match row.get_ref(4)?.as_str_or_null()? {
                    Some("reclaimable") => Class::Reclaimable,
                    Some("unreclaimable") => Class::Unreclaimable,
                    _ => Class::Unknown,
                },
                object_size: figure(row, 5)?.unwrap_or_default(),
                objects_per_slab: figure(row, 6)?.unwrap_or_default(),
                pages_per_slab: figure(row, 7)?.unwrap_or_default(),
                active: figures.active,
                objects: figures.objects,
                active_slabs: figures.active_slabs,
                slabs: figures.slabs,
            });
        }
        let mut named: HashMap<String, u32> = HashMap::new();
        for cache in &caches {
            *named.entry(cache.name.clone()).or_default() += 1;
        }
        for cache in &mut caches {
            cache.twins = named.get(&cache.name).map_or(0, |all| all - 1);
        }
        Ok(caches)
    }

    /// What happened between two times, both included, in the order in which it was noted.
    pub fn events(&self, from: SystemTime, to: SystemTime) -> Result<Vec<Event>, RecordingError> {
        let query =
            "SELECT time_ms, kind, text FROM event WHERE time_ms BETWEEN ? AND ? ORDER BY id";
        let event = |row: &Row<'_>| {
            Ok(Event {
                at: time(row.get(0)?),
                kind: row.get(1)?,
                text: row.get(2)?,
            })
        };
        self.list(query, params![milliseconds(from), milliseconds(to)], event)
    }

    /// A figure of the machine in each minute between two times.
    pub fn machine(
        &self,
        figure: Figure,
        from: SystemTime,
        to: SystemTime,
    ) -> Result<Series, RecordingError> {
        let column = figure.column();
        let query = format!(
            "SELECT time_ms, {column} FROM minute \
             WHERE time_ms BETWEEN ? AND ? AND {column} >= 0 ORDER BY time_ms"
        );
        let between = [milliseconds(from), milliseconds(to)];
        self.list(&query, params![between[0], between[1]], point)
    }

    /// Bytes of the slabs of a cache in each minute between two times.
    pub fn cache(
        &self,
        cache: &CacheId,
        from: SystemTime,
        to: SystemTime,
    ) -> Result<Series, RecordingError> {
        let query = "SELECT time_ms, sum(slab_bytes) AS bytes FROM cache_minute JOIN cache ON cache = cache.id \
                     WHERE time_ms BETWEEN ? AND ? AND name = ? AND nth = ? GROUP BY time_ms HAVING bytes >= 0 ORDER BY time_ms";
        let between = [milliseconds(from), milliseconds(to)];
        self.list(
            query,
            params![between[0], between[1], cache.name, cache.nth],
            point,
        )
    }

    /// The cgroups at the first and the last minute between two times, the one with the most slab
    /// first.
    pub fn cgroups(
        &self,
        from: SystemTime,
        to: SystemTime,
    ) -> Result<Vec<CgroupGrowth>, RecordingError> {
        let query = "WITH slab AS (
                SELECT time_ms, cgroup, slab_reclaimable_bytes + slab_unreclaimable_bytes AS bytes, current_bytes, limit_bytes
                FROM cgroup_minute WHERE time_ms BETWEEN ?1 AND ?2
            ), ends AS (SELECT cgroup, min(time_ms) AS first, max(time_ms) AS last FROM slab WHERE bytes >= 0 GROUP BY cgroup)
            SELECT path, a.bytes, b.bytes, b.current_bytes, b.limit_bytes FROM ends
            JOIN slab AS a ON a.cgroup = ends.cgroup AND a.time_ms = first
            JOIN slab AS b ON b.cgroup = ends.cgroup AND b.time_ms = last
            JOIN cgroup ON cgroup.id = ends.cgroup ORDER BY b.bytes DESC, path";
        let growth = |row: &Row<'_>| {
            Ok(CgroupGrowth {
                path: row.get(0)?,
                first: figure(row, 1)?.unwrap_or_default(),
                last: figure(row, 2)?.unwrap_or_default(),
                current: figure(row, 3)?,
                limit: figure(row, 4)?,
            })
        };
        self.list(query, params![milliseconds(from), milliseconds(to)], growth)
    }

    fn list<T>(
        &self,
        query: &str,
        params: &[&dyn rusqlite::ToSql],
        each: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, RecordingError> {
        let listed = self.db.prepare_cached(query).and_then(|mut query| {
            let rows = query.query_map(params, each)?;
            rows.collect()
        });
        listed.map_err(|error| self.failed(error))
    }
}

/// A time and a figure.
fn point(row: &Row<'_>) -> rusqlite::Result<(SystemTime, u64)> {
    let value = figure(row, 1)?.unwrap_or_default();
    Ok((time(row.get(0)?), value))
}

fn moment(row: &Row<'_>, caches: Result<Vec<Cache>, SourceError>) -> rusqlite::Result<Moment> {
    let memory = Memory {
        total: figure(row, 3)?,
        available: figure(row, 4)?,
        slab: figure(row, 5)?,
        sreclaimable: figure(row, 6)?,
        sunreclaim: figure(row, 7)?,
    };
    let dentries = DentryState {
        total: figure(row, 8)?,
        lru: figure(row, 9)?,
        lru_negative: figure(row, 10)?,
    };
    let inodes = InodeNr {
        total: figure(row, 11)?,
        lru: figure(row, 12)?,
    };
    Ok(Moment {
        at: time(row.get(0)?),
        run: row.get(1)?,
        sample: Sample {
            caches,
            memory: known(memory, "/proc/meminfo"),
            dentries: known(dentries, "/proc/sys/fs/dentry-state"),
            inodes: known(inodes, "/proc/sys/fs/inode-nr"),
            merged: Arc::new(Merged::default()),
            page_size: figure(row, 2)?,
            gaps: Vec::new(),
        },
    })
}

/// Figures of which any was recorded.
fn known<T: Default + PartialEq>(figures: T, path: &str) -> Result<T, SourceError> {
    match figures == T::default() {
        true => Err(not_recorded(path)),
        false => Ok(figures),
    }
}

fn not_recorded(path: &str) -> SourceError {
    SourceError {
        path: path.into(),
        cause: Cause::Unreadable(ErrorKind::NotFound, "it was not recorded".into()),
    }
}

/// A figure; NULL is unknown, and so is what no recorder writes.
fn figure(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    let figure: Option<i64> = row.get(column)?;
    Ok(figure.and_then(|figure| u64::try_from(figure).ok()))
}

fn time(milliseconds: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// Milliseconds since 1970.
pub(super) fn milliseconds(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
