//! What makes room for what is new.

use std::time::Duration;

use rusqlite::Transaction;

use super::{Settings, WHOLE_EVERY};

/// Removes what is too old, and the oldest of what is too much. The room is used again; the file
/// does not shrink.
pub(super) fn keep_bounds(
    db: &Transaction<'_>,
    now: i64,
    settings: &Settings,
) -> rusqlite::Result<()> {
    let before =
        |kept: Duration| now.saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
    // What is kept begins with a whole sample, so that it can be read.
    let samples = |until: i64| {
        db.execute(
            "DELETE FROM sample WHERE id < (SELECT max(id) FROM sample WHERE whole AND time_ms <= ?)",
            [until],
        )
    };
    let minutes = |until: i64| {
        let mut gone = 0;
        for table in ["minute", "cache_minute", "cgroup_minute", "event"] {
            gone += db.execute(&format!("DELETE FROM {table} WHERE time_ms < ?"), [until])?;
        }
        Ok::<_, rusqlite::Error>(gone)
    };
    samples(before(settings.samples))?;
    minutes(before(settings.minutes))?;
    let pages = |pragma: &str| db.pragma_query_value(None, pragma, |row| row.get::<_, u64>(0));
    let page = pages("page_size")?;
    loop {
        let used = (pages("page_count")? - pages("freelist_count")?) * page;
        if used <= settings.most_bytes {
            return Ok(());
        }
        // Samples first: minutes say as much of what was long ago.
        let oldest = |table: &str| {
            let query = format!("SELECT min(time_ms), max(time_ms) FROM {table}");
            db.query_row(&query, [], |row| {
                Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?))
            })
        };
        let mut gone = 0;
        for (table, remove) in [
            (
                "sample",
                &samples as &dyn Fn(i64) -> rusqlite::Result<usize>,
            ),
            ("minute", &minutes),
        ] {
            if let (Some(first), Some(last)) = oldest(table)? {
                // A tenth of what there is, and at least what two whole samples are apart.
                let step = ((last - first) / 10).max(1_000 * i64::from(WHOLE_EVERY));
                gone = remove(first.saturating_add(step))?;
            }
            if gone > 0 {
                break;
            }
        }
        if gone == 0 {
            // It is smaller than one sample with all that belongs to it.
            return Ok(());
        }
    }
}
