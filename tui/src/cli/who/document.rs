//! JSON of `slabscope who --json`.

use std::time::Duration;

use serde::Serialize;

use super::{Found, per_second};
use crate::base::json::Name;
use crate::cache::who::{Row, Spec};

#[derive(Serialize)]
pub(super) struct Document<'a> {
    subject: &'static str,
    #[serde(flatten)]
    of: Option<Name<'a>>,
    by: &'static str,
    functions: Vec<&'static str>,
    not_told: &'a str,
    took_ns: u64,
    /// It ended before its time, or events were not counted.
    complete: bool,
    events: u64,
    dropped: u64,
    made: u64,
    own: u64,
    elsewhere: u64,
    unknown: u64,
    /// Growth of the cache in active objects meanwhile.
    growth: Option<i64>,
    rows: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    pid: u32,
    #[serde(flatten)]
    process: Name<'a>,
    #[serde(flatten)]
    command: Name<'a>,
    #[serde(flatten)]
    cgroup: Name<'a>,
    group: Option<String>,
    gone: bool,
    #[serde(flatten)]
    directory: Option<Name<'a>>,
    #[serde(flatten)]
    path: Option<Name<'a>>,
    inode: Option<u64>,
    made: u64,
    per_second: f64,
    absent: Option<u64>,
    bytes: Option<u64>,
    freed: Option<u64>,
}

/// The whole document, with at most `limit` rows.
pub(super) fn document<'a>(spec: &'a Spec, found: &'a Found, limit: usize) -> Document<'a> {
    let reading = &found.reading;
    let (subject, of) = match spec {
        Spec::Everywhere => ("dentries", None),
        Spec::Below(path) => ("dentries", Some(Name::keyed("below", path))),
        Spec::Cache(cache) => ("cache", Some(Name::keyed("cache", cache))),
    };
    Document {
        subject,
        of,
        by: found.events.way.words(),
        functions: found.events.functions(),
        not_told: found.events.lacks,
        took_ns: u64::try_from(found.took.as_nanos()).unwrap_or(u64::MAX),
        complete: found.complete(),
        events: reading.events,
        dropped: reading.dropped,
        made: reading.made,
        own: reading.own,
        elsewhere: reading.elsewhere,
        unknown: reading.unknown,
        growth: found.growth,
        rows: reading
            .rows
            .iter()
            .take(limit)
            .map(|row| line(row, found.took))
            .collect(),
    }
}

fn line(row: &Row, took: Duration) -> Line<'_> {
    let process = &row.process;
    let directory = row.directory.as_ref();
    Line {
        pid: process.pid,
        process: Name::keyed("process", &process.name),
        command: Name::keyed("command", &process.command),
        cgroup: Name::keyed("cgroup", &process.cgroup),
        group: process.group(),
        gone: process.gone,
        directory: directory.map(|directory| Name::keyed("directory", &directory.name)),
        path: directory.and_then(|directory| Some(Name::keyed("path", directory.path.as_ref()?))),
        inode: directory.and_then(|directory| directory.identity.ino),
        made: row.made,
        per_second: per_second(row.made, took),
        absent: row.absent,
        bytes: row.bytes,
        freed: row.freed,
    }
}
