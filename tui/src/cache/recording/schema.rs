//! The tables of a recording, and whether a file is one. docs/user/recording.md describes them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::RecordingError;

/// `slab`, in the header of the file: file(1) and this program tell a recording by it.
pub const APPLICATION: u32 = 0x736c_6162;

/// Version of the tables. Files of a newer one are refused.
pub const VERSION: u32 = 1;

/// All tables. Times are milliseconds since 1970, UTC; sizes are bytes; NULL is unknown.
pub const TABLES: &str = "
CREATE TABLE run(
    id INTEGER PRIMARY KEY,
    begin_ms INTEGER NOT NULL,
    boot TEXT,
    host TEXT,
    kernel TEXT,
    page_bytes INTEGER,
    interval_ms INTEGER NOT NULL,
    program TEXT NOT NULL
);
CREATE TABLE cache(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    raw_name BLOB,
    nth INTEGER NOT NULL,
    class TEXT,
    object_bytes INTEGER NOT NULL,
    objects_per_slab INTEGER NOT NULL,
    pages_per_slab INTEGER NOT NULL
);
CREATE TABLE sample(
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    boot_ms INTEGER NOT NULL,
    whole INTEGER NOT NULL,
    caches BLOB,
    memory_bytes INTEGER, available_bytes INTEGER,
    slab_bytes INTEGER, sreclaimable_bytes INTEGER, sunreclaim_bytes INTEGER,
    dentries INTEGER, dentries_lru INTEGER, dentries_lru_negative INTEGER,
    inodes INTEGER, inodes_lru INTEGER
);
CREATE INDEX sample_time ON sample(time_ms);
CREATE INDEX sample_whole ON sample(id) WHERE whole;
CREATE TABLE minute(
    time_ms INTEGER PRIMARY KEY,
    memory_bytes INTEGER, available_bytes INTEGER,
    slab_bytes INTEGER, sreclaimable_bytes INTEGER, sunreclaim_bytes INTEGER,
    dentries INTEGER, dentries_lru INTEGER, dentries_lru_negative INTEGER,
    inodes INTEGER, inodes_lru INTEGER
);
CREATE TABLE cache_minute(
    time_ms INTEGER,
    cache INTEGER,
    active_objects INTEGER,
    objects INTEGER,
    slab_bytes INTEGER,
    PRIMARY KEY(time_ms, cache)
) WITHOUT ROWID;
CREATE TABLE cgroup(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE cgroup_minute(
    time_ms INTEGER,
    cgroup INTEGER,
    slab_reclaimable_bytes INTEGER,
    slab_unreclaimable_bytes INTEGER,
    current_bytes INTEGER,
    limit_bytes INTEGER,
    PRIMARY KEY(time_ms, cgroup)
) WITHOUT ROWID;
CREATE TABLE event(id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
CREATE VIEW cache_history AS
    SELECT datetime(time_ms / 1000, 'unixepoch') AS time_utc, name, class, active_objects, objects, slab_bytes
    FROM cache_minute JOIN cache ON cache = cache.id ORDER BY time_ms;
CREATE VIEW cgroup_history AS
    SELECT datetime(time_ms / 1000, 'unixepoch') AS time_utc, path, slab_reclaimable_bytes, slab_unreclaimable_bytes,
        current_bytes, limit_bytes
    FROM cgroup_minute JOIN cgroup ON cgroup = cgroup.id ORDER BY time_ms;
";

/// The file of SQLite's that has this name behind the recording's.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Bytes of the header of a file of SQLite, by its file format.
const HEADER: usize = 100;

/// Whether a file is a recording that this program reads; false: it is empty. SQLite would say of
/// any file that is none that it is damaged, or would take one of another program for its own.
pub fn check(path: &Path, file: &File) -> Result<bool, RecordingError> {
    let failed = |error| RecordingError::io(path, error);
    let length = file.metadata().map_err(failed)?.len();
    if length == 0 {
        return Ok(false);
    }
    let foreign = || RecordingError::Foreign(path.into());
    let mut header = [0; HEADER];
    match file.read_exact_at(&mut header, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(foreign()),
        read => read.map_err(failed)?,
    }
    let word = |at: usize| {
        let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        u32::from_be_bytes(bytes)
    };
    if &header[..16] != b"SQLite format 3\0" || word(68) != APPLICATION {
        return Err(foreign());
    }
    if word(60) > VERSION {
        return Err(RecordingError::Newer(path.into(), word(60)));
    }
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        page => u64::from(page),
    };
    // The count holds if the two counters of changes agree.
    let pages = (word(24) == word(92)).then_some(u64::from(word(28)));
    let whole = pages.unwrap_or(0).saturating_mul(page);
    // What was killed while it moved pages from the log to the file goes on with that: the first
    // page, which has the count, is moved before the others are there.
    let logged = std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    match length < whole && !logged {
        true => Err(RecordingError::Truncated(path.into(), length, whole)),
        false => Ok(true),
    }
}
