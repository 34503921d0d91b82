//! The rows of a sample, of a minute, of an event.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use rusqlite::{Connection, Transaction, params};

use crate::base::text::printable;
use crate::cache::recording::delta::{Figures, State};
use crate::kernel::observer::Observation;
use crate::kernel::source::{Cache, Cgroup, Class, Sample};

/// Cgroups whose figures are kept each minute: those with the most slab.
const CGROUPS: usize = 40;

/// All that does not change of a cache. One that is made anew with other objects is another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    name: String,
    nth: u32,
    class: &'static str,
    sizes: [u64; 3],
}

impl Kind {
    fn of(cache: &Cache) -> Self {
        Self {
            name: cache.name.clone(),
            nth: cache.nth,
            class: match cache.class {
                Class::Reclaimable => "reclaimable",
                Class::Unreclaimable => "unreclaimable",
                Class::Unknown => "",
            },
            sizes: [
                cache.object_size,
                cache.objects_per_slab,
                cache.pages_per_slab,
            ],
        }
    }
}

/// Adds an event.
pub(super) fn event(db: &Connection, time: i64, kind: &str, text: &str) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached("INSERT INTO event(time_ms, kind, text) VALUES(?, ?, ?)")?;
    insert.execute(params![time, kind, text]).map(drop)
}

/// The number of each cache with its figures. New ones get their row.
pub(super) fn numbered(
    db: &Transaction<'_>,
    ids: &mut HashMap<Kind, u32>,
    caches: &[Cache],
) -> rusqlite::Result<State> {
    let mut state = State::new();
    for cache in caches {
        let kind = Kind::of(cache);
        let id = match ids.get(&kind) {
            Some(&id) => id,
            None => {
                let id = number(db, &kind, cache)?;
                ids.insert(kind, id);
                id
            }
        };
        state.insert(id, Figures::from(cache));
    }
    Ok(state)
}

fn number(db: &Transaction<'_>, kind: &Kind, cache: &Cache) -> rusqlite::Result<u32> {
    let [object, in_slab, pages] = kind.sizes;
    let class = (!kind.class.is_empty()).then_some(kind.class);
    let raw = cache.raw_name.as_deref();
    let found = db.query_row(
        "SELECT id FROM cache WHERE name = ? AND nth = ? AND class IS ? AND object_bytes = ? AND objects_per_slab = ? \
         AND pages_per_slab = ? AND raw_name IS ?",
        params![kind.name, kind.nth, class, clamp(object), clamp(in_slab), clamp(pages), raw],
        |row| row.get(0),
    );
    if !matches!(found, Err(rusqlite::Error::QueryReturnedNoRows)) {
        return found;
    }
    db.execute(
        "INSERT INTO cache(name, nth, class, object_bytes, objects_per_slab, pages_per_slab, raw_name) \
         VALUES(?, ?, ?, ?, ?, ?, ?)",
        params![kind.name, kind.nth, class, clamp(object), clamp(in_slab), clamp(pages), raw],
    )?;
    Ok(u32::try_from(db.last_insert_rowid()).unwrap_or(u32::MAX))
}

/// SQLite's numbers have a sign. No figure of a machine is as large.
fn clamp(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}

/// Inserts `first` and then the figures of the machine.
pub(super) fn figures(
    db: &Connection,
    insert: &str,
    first: &[&dyn rusqlite::ToSql],
    sample: &Sample,
) -> rusqlite::Result<()> {
    let memory = sample.memory.as_ref().ok().copied().unwrap_or_default();
    let dentries = sample.dentries.as_ref().ok().copied().unwrap_or_default();
    let inodes = sample.inodes.as_ref().ok().copied().unwrap_or_default();
    let figures = [
        memory.total,
        memory.available,
        memory.slab,
        memory.sreclaimable,
        memory.sunreclaim,
        dentries.total,
        dentries.lru,
        dentries.lru_negative,
        inodes.total,
        inodes.lru,
    ]
    .map(|figure| figure.map(clamp));
    let mut all = first.to_vec();
    all.extend(figures.iter().map(|figure| figure as &dyn rusqlite::ToSql));
    db.prepare_cached(insert)?.execute(&all[..]).map(drop)
}

/// The figures of a minute: those of its first sample.
pub(super) fn add_minute(
    db: &Transaction<'_>,
    time: i64,
    observation: &Observation,
    state: Option<&State>,
    ids: &HashMap<Kind, u32>,
) -> rusqlite::Result<()> {
    let sample = &observation.sample;
    // A clock that was set back has it twice: the later one counts.
    figures(
        db,
        "INSERT OR REPLACE INTO minute VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![time],
        sample,
    )?;
    let (Some(state), Ok(caches)) = (state, &sample.caches) else {
        return Ok(());
    };
    let mut insert =
        db.prepare_cached("INSERT OR REPLACE INTO cache_minute VALUES(?, ?, ?, ?, ?)")?;
    for cache in caches.iter().filter(|cache| cache.slabs > 0) {
        let Some(id) = ids
            .get(&Kind::of(cache))
            .filter(|id| state.contains_key(id))
        else {
            continue;
        };
        let bytes = sample.page_size.map(|page| clamp(cache.size(page)));
        let active = cache.active.map(clamp);
        insert.execute(params![time, id, active, clamp(cache.objects), bytes])?;
    }
    Ok(())
}

pub(super) fn add_cgroups(
    db: &Transaction<'_>,
    time: i64,
    observation: &Observation,
    known: &mut HashMap<PathBuf, i64>,
) -> rusqlite::Result<()> {
    let Ok(cgroups) = &*observation.cgroups else {
        return Ok(());
    };
    let slab = |cgroup: &Cgroup| cgroup.stat.as_ref().and_then(|stat| stat.slab);
    let mut most: Vec<_> = cgroups
        .all
        .iter()
        .filter(|cgroup| slab(cgroup).is_some())
        .collect();
    most.sort_by_key(|cgroup| u64::MAX - slab(cgroup).unwrap_or(0));
    most.truncate(CGROUPS);
    let kept: HashSet<_> = most.iter().map(|cgroup| &cgroup.path).collect();
    known.retain(|path, _| kept.contains(path));
    for cgroup in most {
        let id = match known.get(&cgroup.path) {
            Some(&id) => id,
            None => {
                let path = printable(cgroup.full());
                db.execute("INSERT OR IGNORE INTO cgroup(path) VALUES(?)", [&path])?;
                let id = db.query_row("SELECT id FROM cgroup WHERE path = ?", [&path], |row| {
                    row.get(0)
                })?;
                known.insert(cgroup.path.clone(), id);
                id
            }
        };
        let stat = cgroup.stat.as_ref();
        let figure = |figure: Option<u64>| figure.map(clamp);
        let mut insert =
            db.prepare_cached("INSERT OR REPLACE INTO cgroup_minute VALUES(?, ?, ?, ?, ?, ?)")?;
        insert.execute(params![
            time,
            id,
            figure(stat.and_then(|stat| stat.slab_reclaimable)),
            figure(stat.and_then(|stat| stat.slab_unreclaimable)),
            figure(cgroup.current),
            figure(cgroup.limit().map(|(limit, _)| limit)),
        ])?;
    }
    Ok(())
}
