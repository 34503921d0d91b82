//! From the kernel's histograms to readable rows: threads become processes, numbers become
//! directories.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::arm::Counted;
use super::events::Counts;
use super::histogram::Entry;
use super::place::{Identity, Places, Wanted};
use super::process::Process;
use crate::kernel::source::Mount;

/// A directory that dentries are made in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// The numbers or the name that the kernel counted it by.
    pub identity: Identity,
    /// Its name; empty where it is not known.
    pub name: OsString,
    /// Its path, where it could be found.
    pub path: Option<PathBuf>,
    /// Generation of its inode.
    pub generation: Option<u64>,
}

impl Directory {
    /// Whether nothing but its number is known.
    pub fn is_nameless(&self) -> bool {
        self.path.is_none() && self.name.is_empty()
    }
}

/// What one process made, in one directory or of one cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The process.
    pub process: Process,
    /// The directory; None: it is of a cache, or not reported.
    pub directory: Option<Directory>,
    /// Objects or dentries made.
    pub made: u64,
    /// Of these, names without a file; None: not reported.
    pub absent: Option<u64>,
    /// Bytes allocated; None: not reported.
    pub bytes: Option<u64>,
    /// Objects freed; None: not reported.
    pub freed: Option<u64>,
}

/// All at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Those that made the most first.
    pub rows: Vec<Row>,
    /// The number of all that was made.
    pub made: u64,
    /// Number of these that this program itself made; no row has them.
    pub own: u64,
    /// Number of these in directories that are not below the one that is watched, on its
    /// filesystem.
    pub elsewhere: u64,
    /// Number of these in directories of which it is not known whether they are below that.
    pub unknown: u64,
    /// Events counted, of all kinds.
    pub events: u64,
    /// Events that were not counted: a histogram is full.
    pub dropped: u64,
}

/// What is known of processes and directories.
#[derive(Debug)]
pub struct Tally {
    proc: PathBuf,
    own: u32,
    below: Option<PathBuf>,
    places: Places,
    processes: Vec<Process>,
    threads: HashMap<(u32, OsString), usize>,
    /// Index of the process that is checked next.
    next: usize,
}

/// Processes that are checked with each reading: whether they still run.
const LOOKED_AFTER: usize = 64;

/// One row in the making.
type Key = (usize, Option<Identity>);

impl Tally {
    /// Starts with nothing known. `below`: only directories there have rows.
    pub fn new(proc: &Path, mounts: Vec<Mount>, below: Option<PathBuf>) -> Self {
        Self {
            proc: proc.to_owned(),
            own: std::process::id(),
            below,
            places: Places::new(proc, mounts),
            processes: Vec::new(),
            threads: HashMap::new(),
            next: 0,
        }
    }

    /// Rows of what the kernel counted.
    pub fn rows(&mut self, counted: &Counted) -> Reading {
        let mut reading = Reading::default();
        let names = names(counted);
        let histograms = &counted.made;
        let frees = histograms
            .iter()
            .any(|(counts, _)| *counts == Counts::Freed);
        let mut rows: HashMap<Key, Row> = HashMap::new();
        for (counts, histogram) in histograms {
            reading.events += histogram.hits;
            reading.dropped += histogram.dropped;
            for entry in &histogram.entries {
                let process = self.process(entry);
                let identity = identity(entry);
                let row = rows
                    .entry((process, identity.clone()))
                    .or_insert_with(|| Row {
                        freed: frees.then_some(0),
                        directory: identity.map(|identity| Directory {
                            identity,
                            name: entry.dir.clone().unwrap_or_default(),
                            path: None,
                            generation: None,
                        }),
                        ..Row::default()
                    });
                if let Some(directory) = &mut row.directory {
                    directory.generation = entry.generation();
                }
                add(row, entry, *counts);
            }
        }
        self.look_after();
        self.resolve(&rows);
        for ((process, _), mut row) in rows {
            row.process.clone_from(&self.processes[process]);
            self.place(row, &names, &mut reading);
        }
        let order = |row: &Row| (u64::MAX - row.made, row.process.pid, path_of(row));
        reading.rows.sort_by_cached_key(order);
        reading
    }

    /// The number of the process of an entry.
    fn process(&mut self, entry: &Entry) -> usize {
        let key = (entry.tid, entry.comm.clone());
        if let Some(&known) = self.threads.get(&key) {
            return known;
        }
        let found = Process::of_thread(&self.proc, entry.tid, &entry.comm);
        let same = |known: &Process| !found.gone && !known.gone && known.pid == found.pid;
        let at = match self.processes.iter().position(same) {
            Some(at) => {
                self.processes[at] = found;
                at
            }
            None => {
                self.processes.push(found);
                self.processes.len() - 1
            }
        };
        self.threads.insert(key, at);
        at
    }

    /// Checks whether some of the processes have ended: all of them, in the course of the readings.
    fn look_after(&mut self) {
        for _ in 0..self.processes.len().min(LOOKED_AFTER) {
            self.next = (self.next + 1) % self.processes.len();
            let process = &mut self.processes[self.next];
            if !process.gone {
                process.look(&self.proc);
            }
        }
    }

    fn resolve(&mut self, rows: &HashMap<Key, Row>) {
        let processes = &self.processes;
        let wanted = rows.iter().filter_map(|((process, identity), row)| {
            Some(Wanted {
                identity: identity.as_ref()?,
                generation: row.directory.as_ref()?.generation,
                pid: processes[*process].pid,
            })
        });
        self.places.resolve(wanted);
    }

    /// Puts a row where it belongs.
    fn place(&self, mut row: Row, names: &Names<'_>, reading: &mut Reading) {
        reading.made += row.made;
        if row.process.pid == self.own {
            reading.own += row.made;
            return;
        }
        if let Some(directory) = &mut row.directory {
            let path = self.places.path(&directory.identity);
            directory.path = path.map(Path::to_owned);
            let name = match path {
                Some(path) => path.file_name().map(OsString::from),
                None => names
                    .get(&(directory.identity.dev, directory.identity.ino))
                    .map(|&name| name.clone()),
            };
            if let Some(name) = name {
                directory.name = name;
            }
        }
        let path = row.directory.as_ref().map(|directory| &directory.path);
        match (&self.below, path) {
            (Some(_), Some(None)) => reading.unknown += row.made,
            (Some(below), Some(Some(path))) if !path.starts_with(below) => {
                reading.elsewhere += row.made;
            }
            _ => reading.rows.push(row),
        }
    }
}

/// Names by device and inode number.
type Names<'a> = HashMap<(Option<u64>, Option<u64>), &'a OsString>;

fn names(counted: &Counted) -> Names<'_> {
    let entries = counted
        .names
        .iter()
        .flat_map(|(_, histogram)| &histogram.entries);
    let named = entries.filter_map(|entry| Some(((entry.dev, entry.ino), entry.dir.as_ref()?)));
    named.collect()
}

fn path_of(row: &Row) -> Option<PathBuf> {
    row.directory.as_ref()?.path.clone()
}

/// By its numbers, which it keeps when it is renamed; where they are missing, by its name.
fn identity(entry: &Entry) -> Option<Identity> {
    (entry.ino.is_some() || entry.dir.is_some()).then(|| Identity {
        dev: entry.dev,
        ino: entry.ino,
        name: entry.dir.clone(),
    })
}

fn add(row: &mut Row, entry: &Entry, counts: Counts) {
    match counts {
        Counts::Made => {
            row.made += entry.hits;
            if entry.bytes > 0 {
                *row.bytes.get_or_insert(0) += entry.bytes;
            }
            if let Some(there) = entry.there {
                *row.absent.get_or_insert(0) += entry.hits.saturating_sub(there);
            }
        }
        Counts::Freed => *row.freed.get_or_insert(0) += entry.hits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::who::histogram::Histogram;

    fn entry(tid: u32, comm: &str, ino: u64, there: u64, hits: u64) -> Entry {
        Entry {
            comm: comm.into(),
            tid,
            dev: Some(7),
            ino: Some(ino),
            generations: Some(hits),
            there: Some(there),
            hits,
            ..Entry::default()
        }
    }

    fn histogram(entries: Vec<Entry>) -> (Counts, Histogram) {
        let hits = entries.iter().map(|entry| entry.hits).sum();
        let histogram = Histogram {
            entries,
            hits,
            dropped: 3,
        };
        (Counts::Made, histogram)
    }

    fn counted(made: Vec<(Counts, Histogram)>) -> Counted {
        Counted {
            made,
            names: Vec::new(),
        }
    }

    fn tally(below: Option<&str>) -> Tally {
        Tally::new(Path::new("/nowhere"), Vec::new(), below.map(PathBuf::from))
    }

    #[test]
    fn present_and_absent_names_are_one_row() {
        let both = histogram(vec![entry(9, "app", 2, 5, 75)]);
        let other = histogram(vec![entry(9, "app", 2, 0, 1), entry(8, "b", 2, 1, 1)]);
        let reading = tally(None).rows(&counted(vec![both, other]));
        let rows: Vec<_> = reading
            .rows
            .iter()
            .map(|row| (row.process.pid, row.made, row.absent))
            .collect();
        assert_eq!(rows, [(9, 76, Some(71)), (8, 1, Some(0))]);
        assert_eq!((reading.made, reading.events, reading.dropped), (77, 77, 6));
        assert!(reading.rows[0].process.gone, "there is no such process");
        assert_eq!(reading.rows[0].process.name, "app");
    }

    #[test]
    fn directories_not_known_to_be_below_are_counted_apart() {
        let mut tally = tally(Some("/srv/app"));
        let entries = vec![
            entry(9, "app", 2, 5, 5),
            entry(9, "app", 3, 70, 70),
            entry(9, "app", 4, 1, 1),
        ];
        let known = [(2, "/srv/app"), (3, "/srv/application")];
        for (ino, path) in known {
            let wanted = identity(&entry(9, "app", ino, 1, 1)).unwrap();
            let wanted_now = Wanted {
                identity: &wanted,
                generation: None,
                pid: 9,
            };
            tally.places.resolve([wanted_now].into_iter());
            tally.places.found(&wanted, path.into());
        }
        let reading = tally.rows(&counted(vec![histogram(entries)]));
        assert_eq!(reading.rows.len(), 1);
        assert_eq!(path_of(&reading.rows[0]).unwrap(), Path::new("/srv/app"));
        assert_eq!(
            (reading.made, reading.elsewhere, reading.unknown),
            (76, 70, 1)
        );
    }

    #[test]
    fn own_activity_has_no_row() {
        let mut tally = Tally::new(Path::new("/proc"), Vec::new(), None);
        let own = entry(std::process::id(), "slabscope", 2, 5, 5);
        let reading = tally.rows(&counted(vec![histogram(vec![own])]));
        assert_eq!((reading.rows.len(), reading.own, reading.made), (0, 5, 5));
    }

    #[test]
    fn frees_are_in_the_row_of_the_allocations() {
        let of = |hits, bytes| Entry {
            comm: "app".into(),
            tid: 9,
            hits,
            bytes,
            ..Entry::default()
        };
        let made = histogram(vec![of(10, 1920)]);
        let freed = (
            Counts::Freed,
            Histogram {
                entries: vec![of(4, 0)],
                hits: 4,
                dropped: 0,
            },
        );
        let reading = tally(None).rows(&counted(vec![made, freed]));
        let row = &reading.rows[0];
        assert_eq!((row.made, row.bytes, row.freed), (10, Some(1920), Some(4)));
        assert_eq!((row.absent, row.directory.is_none()), (None, true));
        assert_eq!(reading.made, 10);
    }
}
