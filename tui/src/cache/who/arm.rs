//! What is armed in the kernel: events of our own, and an instance of tracefs with a histogram for
//! each. However the program ends, it is removed: here, by [`disarm`] when it panics, or by the
//! next start that finds it ([`remove_left`]).

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::WhoError;
use super::events::{Counts, Event, Events, candidates};
use super::histogram::{self, Histogram};
use super::owner::Owner;
use super::tracefs::{Tracefs, reason};
use super::{Refused, Subject, Way};
use crate::base::guard;

/// What this process has armed, for [`disarm`].
static ARMED: Mutex<Option<(Tracefs, String)>> = Mutex::new(None);

/// Events that are counted. Dropping it removes them.
#[derive(Debug)]
pub struct Armed {
    tracefs: Tracefs,
    group: String,
    events: Events,
    /// The histograms: open only while they are read, since an instance of which a file is open is
    /// not removed (kernel/trace/trace.c: `__remove_instance()`, Linux 7.3), not even in [`disarm`].
    histograms: Vec<Histo>,
    names: Vec<Histo>,
    rows: u32,
    text: Vec<u8>,
}

/// What the histograms hold at one moment.
#[derive(Debug, Default)]
pub struct Counted {
    /// Objects made, or freed.
    pub made: Vec<(Counts, Histogram)>,
    /// Names of directories.
    pub names: Vec<(Counts, Histogram)>,
}

#[derive(Debug)]
struct Histo {
    path: PathBuf,
    counts: Counts,
}

impl Armed {
    /// Arms the first of the candidates that the kernel takes, with histograms of `rows` entries (a
    /// power of two). `only`: by no other way.
    pub fn new(
        tracefs: &Tracefs,
        proc: &Path,
        subject: &Subject,
        rows: u32,
        only: Option<Way>,
    ) -> Result<Self, WhoError> {
        let own =
            Owner::this(proc).map_err(|error| WhoError::of(proc.join("self"), error, None))?;
        let group = own.group();
        let mut refused = Vec::new();
        for events in candidates(subject) {
            if only.is_some_and(|only| only != events.way) {
                continue;
            }
            let (way, functions) = (events.way, events.functions());
            match Self::arm(tracefs.clone(), &group, events, rows) {
                Err(error) if error.is_refused() => refused.push(Refused {
                    way,
                    functions,
                    why: error.to_string(),
                }),
                armed => return armed,
            }
        }
        Err(WhoError::NoWay(refused))
    }

    fn arm(tracefs: Tracefs, group: &str, events: Events, rows: u32) -> Result<Self, WhoError> {
        guard::takes_back(true);
        *armed() = Some((tracefs.clone(), group.to_owned()));
        // From here on dropping it removes all.
        let mut armed = Self {
            tracefs,
            group: group.to_owned(),
            events,
            histograms: Vec::new(),
            names: Vec::new(),
            rows,
            text: Vec::new(),
        };
        armed.set_up()?;
        Ok(armed)
    }

    fn set_up(&mut self) -> Result<(), WhoError> {
        let instance = self.tracefs.instance(&self.group);
        let events = self.events.events.clone();
        self.define(&events)?;
        fs::create_dir(&instance).map_err(|error| WhoError::of(instance.clone(), error, None))?;
        // Nothing is ever recorded in its buffers: those of the least size are enough.
        let _ = self.tracefs.append(&instance.join("buffer_size_kb"), "4");
        self.histograms = self.count(&events)?;
        Ok(())
    }

    fn define(&self, events: &[Event]) -> Result<(), WhoError> {
        let mut definitions = events
            .iter()
            .filter_map(|event| event.definition(&self.group));
        definitions.try_for_each(|definition| self.tracefs.define(&definition))
    }

    /// Adds a histogram to each event.
    fn count(&self, events: &[Event]) -> Result<Vec<Histo>, WhoError> {
        let instance = self.tracefs.instance(&self.group);
        let log = instance.join("error_log");
        let count = |event: &Event| {
            let group = event.group.unwrap_or(&self.group);
            let directory = instance.join("events").join(group).join(event.name);
            let trigger = directory.join("trigger");
            self.tracefs
                .append(&trigger, &event.trigger(self.rows))
                .map_err(|error| WhoError::of(trigger, error, reason(&log)))?;
            Ok(Histo {
                path: directory.join("hist"),
                counts: event.counts,
            })
        };
        events.iter().map(count).collect()
    }

    /// From now on, names of directories are counted too.
    pub fn name_directories(&mut self) -> Result<(), WhoError> {
        if self.names.is_empty() {
            let events = std::mem::take(&mut self.events.names);
            self.define(&events)?;
            self.names = self.count(&events)?;
        }
        Ok(())
    }

    /// The events that are armed.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// What was counted so far.
    pub fn read(&mut self) -> Result<Counted, WhoError> {
        let Self {
            histograms,
            names,
            text,
            ..
        } = self;
        Ok(Counted {
            made: read_all(histograms, text)?,
            // An imitated name is dropped, and the rest is still reported.
            names: read_all(names, text).unwrap_or_default(),
        })
    }

    /// Removes it, and returns the first error.
    pub fn end(mut self) -> Result<(), WhoError> {
        self.take_away()
    }

    fn take_away(&mut self) -> Result<(), WhoError> {
        let done = remove(&self.tracefs, &self.group);
        if done.is_ok() {
            *armed() = None;
            guard::takes_back(false);
        }
        done
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        if armed().is_some() {
            // Callers that need the error use `end()`; the next start tries again.
            let _ = self.take_away();
        }
    }
}

fn read_all(
    histograms: &[Histo],
    text: &mut Vec<u8>,
) -> Result<Vec<(Counts, Histogram)>, WhoError> {
    let read = |histo: &Histo| {
        text.clear();
        let read = File::open(&histo.path).and_then(|mut file| file.read_to_end(text));
        read.map_err(|error| WhoError::of(histo.path.clone(), error, None))?;
        let parsed = histogram::parse(text).map_err(|source| WhoError::Malformed {
            path: histo.path.clone(),
            source,
        })?;
        Ok((histo.counts, parsed))
    };
    histograms.iter().map(read).collect()
}

fn armed() -> std::sync::MutexGuard<'static, Option<(Tracefs, String)>> {
    ARMED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what this process has armed, from any thread: the process is about to end.
pub fn disarm() {
    let left = ARMED.try_lock().ok().and_then(|mut armed| armed.take());
    if let Some((tracefs, group)) = left {
        let _ = remove(&tracefs, &group);
        guard::takes_back(false);
    }
}

/// Removes what dead processes left, and returns them. What another process reads at this moment is
/// left to the next start: it counts nothing any more.
pub fn remove_left(tracefs: &Tracefs, proc: &Path) -> Result<Vec<Owner>, WhoError> {
    let mut removed = Vec::new();
    for owner in left(tracefs, proc)? {
        match remove(tracefs, &owner.group()) {
            Ok(()) => removed.push(owner),
            Err(WhoError::InUse { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(removed)
}

/// The dead processes that left something armed.
pub fn left(tracefs: &Tracefs, proc: &Path) -> Result<Vec<Owner>, WhoError> {
    let mut groups = tracefs.instances()?;
    let events = tracefs.defined()?;
    let group = |event: &String| Some(event.split_once('/')?.0.to_owned());
    groups.extend(events.iter().filter_map(group));
    groups.sort();
    groups.dedup();
    let owners = groups.iter().filter_map(|group| Owner::of_group(group));
    Ok(owners.filter(|owner| owner.is_dead(proc)).collect())
}

/// Attempts, and the time between them, to remove an instance that another process reads right now.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// Removes an instance, with all that is armed in it, and the events of its name. An instance that
/// another process has open stays, and is disarmed.
fn remove(tracefs: &Tracefs, group: &str) -> Result<(), WhoError> {
    let instance = tracefs.instance(group);
    let mut tries = 0;
    let removed = loop {
        match fs::remove_dir(&instance) {
            Err(error) if is_busy(&error) && tries < TRIES => {
                tries += 1;
                thread::sleep(PAUSE);
            }
            Err(error) if is_busy(&error) => {
                stop_counting(tracefs, &instance);
                break Err(WhoError::InUse { instance });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => break Ok(()),
            done => break done.map_err(|error| WhoError::of(instance, error, None)),
        }
    };
    let prefix = format!("{group}/");
    let mut failed = None;
    for event in tracefs.defined()? {
        if event.starts_with(&prefix) {
            failed = tracefs.define(&format!("-:{event}")).err().or(failed);
        }
    }
    removed?;
    match failed {
        // Another slabscope may have cleaned up at the same time: then it is gone already.
        Some(error) if tracefs.defined()?.iter().any(|e| e.starts_with(&prefix)) => Err(error),
        _ => Ok(()),
    }
}

/// Removes the histograms of an instance, which then costs nothing.
fn stop_counting(tracefs: &Tracefs, instance: &Path) {
    let groups = fs::read_dir(instance.join("events")).into_iter().flatten();
    let group = |group: fs::DirEntry| fs::read_dir(group.path()).into_iter().flatten();
    for event in groups.flatten().flat_map(group).flatten() {
        let trigger = event.path().join("trigger");
        let text = fs::read_to_string(&trigger).unwrap_or_default();
        for line in text.lines().filter(|line| line.starts_with("hist:")) {
            // Its state stands behind it: `hist:keys=common_pid:size=2048 [active]`.
            let line = line.rsplit_once(" [").map_or(line, |(line, _)| line);
            let _ = tracefs.append(&trigger, &format!("!{line}"));
        }
    }
}

fn is_busy(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ResourceBusy
}
