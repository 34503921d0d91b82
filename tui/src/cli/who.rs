//! `slabscope who`: the process, and for dentries the directory, behind the growth of a cache.

mod document;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::table::{Align, Table};
use super::walks::Interrupt;
use super::{Context, Exit, Failure, Run};
use crate::base::json;
use crate::base::say::say;
use crate::base::text::{bytes, count, counted, duration, printable, share, short};
use crate::cache::who::{self, Events, Owner, Reading, Row, Spec, Watch, Way, WhoError};
use crate::kernel::paths::{self, Kind};
use crate::kernel::reach::{self, Unreached};
use crate::kernel::source::{Kernel, Source};
use crate::ui::config::Config;
use document::document;

/// Trace who creates dentries and in which directories, or who allocates objects of another slab cache
///
/// The kernel counts for a while, in a tracefs instance that is removed at the end;
/// Ctrl-C stops it early and reports. Each dentry created, or each object allocated, costs
/// an event meanwhile: see docs/user/who.md. Probes left by a slabscope that was killed
/// are removed at the start.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Who allocates objects of this slab cache
    #[arg(long, value_name = "NAME", conflicts_with = "path")]
    cache: Option<String>,

    /// Only dentries below this directory, on its filesystem
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,

    /// Seconds to watch, from 0.1 to 3600
    #[arg(long, value_name = "S", default_value = "10", value_parser = super::seconds)]
    duration: Duration,

    /// Show at most this many rows
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    /// Entries of the kernel's histograms, from 128 to 131072: events beyond them are only counted
    #[arg(long, value_name = "N", default_value_t = who::ROWS, value_parser = entries)]
    entries: u32,

    /// Use only this tracing method, instead of the first that the kernel offers
    #[arg(long, value_name = "WAY")]
    by: Option<Way>,

    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Error in read-only mode: a trace changes nothing that is cached, but slows others down.
const READ_ONLY: &str =
    "read-only, by --read-only or by read-only in config.toml: no trace is started";

fn entries(text: &str) -> Result<u32, String> {
    who::rows(super::whole(text)?)
}

impl From<WhoError> for Failure {
    fn from(error: WhoError) -> Self {
        let exit = match &error {
            WhoError::NotMounted | WhoError::NoWay(_) | WhoError::LockedDown(_) => Exit::Missing,
            WhoError::Denied { .. } => Exit::Permission,
            WhoError::NoCache(_) | WhoError::NoDirectory { .. } => Exit::Usage,
            WhoError::InUse { .. } => Exit::Partial,
            WhoError::Refused { .. } | WhoError::Malformed { .. } => Exit::Failed,
        };
        Self::new(exit, error)
    }
}

/// The outcome of a trace, and its circumstances.
struct Found {
    events: Events,
    reading: Reading,
    took: Duration,
    ended: bool,
    /// Something stays in tracefs.
    left: bool,
    growth: Option<i64>,
}

impl Found {
    fn complete(&self) -> bool {
        !self.ended && !self.left && self.reading.dropped == 0
    }
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        context.live("who")?;
        if context.read_only || Config::load()?.read_only {
            return Err(Failure::new(Exit::Usage, READ_ONLY));
        }
        let mut kernel = Kernel::new(&context.root);
        let spec = self.spec(&mut kernel)?;
        for owner in left()? {
            say!(
                "process {} was killed during a trace: its probes are removed",
                owner.pid()
            );
        }
        let found = self.watch(&spec, &mut kernel)?;
        if self.json {
            json::write(out, "slabscope.who/1", &document(&spec, &found, self.limit))?;
        } else {
            tell(&spec, &found, self.limit, out)?;
        }
        let left_out = found.reading.rows.len().saturating_sub(self.limit);
        if left_out > 0 {
            super::left_out(counted(left_out as u64, "row"));
        }
        Ok(if found.complete() {
            Exit::Ok
        } else {
            Exit::Partial
        })
    }
}

/// A directory's path, symbolic links resolved. If a server is asked that does not answer, Ctrl-C
/// ends the program as it usually does.
fn below(path: &Path) -> Result<PathBuf, WhoError> {
    let mut go_on = || ControlFlow::Continue(());
    let place = match reach::open(path, Kind::LinkedDirectory, &mut go_on) {
        Ok(directory) => paths::place(directory).map_err(|error| error.to_string()),
        Err(Unreached::Refused(error)) if error.kind() == io::ErrorKind::NotADirectory => {
            Err("not a directory".into())
        }
        Err(Unreached::Refused(error)) => Err(error.to_string()),
        Err(Unreached::Ended(_)) => Err("its filesystem did not answer".into()),
    };
    place.map_err(|why| WhoError::NoDirectory {
        path: path.into(),
        why,
    })
}

/// Removes what dead processes left.
fn left() -> Result<Vec<Owner>, WhoError> {
    who::remove_left(&who::tracefs()?, "/proc".as_ref())
}

impl Args {
    fn spec(&self, kernel: &mut Kernel) -> Result<Spec, WhoError> {
        match (&self.cache, &self.path) {
            (Some(cache), _) => {
                let sample = kernel.sample();
                if sample.caches.is_ok() && sample.cache(cache).is_none() {
                    return Err(WhoError::NoCache(cache.clone()));
                }
                Ok(Spec::Cache(cache.clone()))
            }
            (None, Some(path)) => below(path).map(Spec::Below),
            (None, None) => Ok(Spec::Everywhere),
        }
    }

    /// Traces until the time is over or a signal ends it.
    fn watch(&self, spec: &Spec, kernel: &mut Kernel) -> Result<Found, Failure> {
        // A signal while a histogram is read has to wait: nothing may stay armed.
        let interrupt = Interrupt::hold()?;
        say!("starting the kernel's trace ...");
        let mut watch = Watch::start(spec, self.entries, self.by)?;
        // Starting makes dentries itself, and takes seconds on some machines: neither is counted.
        let before = active(spec, kernel);
        let begin = Instant::now();
        say!(
            "counting who creates {}: {}, for {}; Ctrl-C stops it and reports",
            spec.words(),
            watch.events().words(),
            duration(self.duration),
        );
        // It is read at intervals, since processes that end meanwhile lose their names.
        const LOOK: Duration = Duration::from_millis(500);
        const STEP: Duration = Duration::from_millis(50);
        let mut looked = begin;
        while begin.elapsed() < self.duration && interrupt.flow().is_continue() {
            thread::sleep(STEP.min(self.duration.saturating_sub(begin.elapsed())));
            if looked.elapsed() >= LOOK {
                watch.read()?;
                looked = Instant::now();
            }
        }
        let took = begin.elapsed();
        let reading = watch.read()?;
        let after = active(spec, kernel);
        let events = watch.events().clone();
        // What was counted is printed in any case.
        let left = match watch.end() {
            Ok(()) => false,
            Err(error) => {
                say!("{error}");
                true
            }
        };
        Ok(Found {
            events,
            reading,
            took,
            ended: interrupt.flow().is_break(),
            left,
            growth: before.zip(after).and_then(grown),
        })
    }
}

/// Active objects of the cache that is watched.
fn active(spec: &Spec, kernel: &mut Kernel) -> Option<u64> {
    let name = match spec {
        Spec::Cache(name) => name,
        _ => "dentry",
    };
    // A look at sysfs would make dentries.
    kernel.sample_bare().cache(name)?.active
}

fn grown((before, after): (u64, u64)) -> Option<i64> {
    i64::try_from(i128::from(after) - i128::from(before)).ok()
}

fn per_second(made: u64, took: Duration) -> f64 {
    made as f64 / took.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn tell(spec: &Spec, found: &Found, limit: usize, out: &mut dyn Write) -> Result<(), Failure> {
    let reading = &found.reading;
    let cache = matches!(spec, Spec::Cache(_));
    let mut columns = vec![
        ("CREATED", Align::Right),
        ("SHARE", Align::Right),
        ("RATE/S", Align::Right),
    ];
    columns.extend(match cache {
        true => [("FREED", Align::Right), ("BYTES", Align::Right)],
        false => [("NEGATIVE", Align::Right), ("PID", Align::Right)],
    });
    columns.extend(match cache {
        true => [
            ("PID", Align::Right),
            ("PROCESS", Align::Left),
            ("GROUP", Align::Left),
        ],
        false => [
            ("PROCESS", Align::Left),
            ("GROUP", Align::Left),
            ("DIRECTORY", Align::Left),
        ],
    });
    let mut table = Table::new(&columns);
    let told = |figure: Option<u64>| figure.map_or("-".into(), count);
    for row in reading.rows.iter().take(limit) {
        let process = &row.process;
        let name = printable(&process.name) + if process.gone { " (gone)" } else { "" };
        let group = process.group().map_or_else(|| "-".into(), printable);
        let mut cells = vec![
            count(row.made),
            share(row.made, reading.made),
            short(per_second(row.made, found.took)),
        ];
        if cache {
            cells.extend([told(row.freed), row.bytes.map_or("-".into(), bytes)]);
            cells.extend([process.pid.to_string(), name, group]);
        } else {
            cells.extend([told(row.absent), process.pid.to_string(), name, group]);
            cells.push(directory(row));
        }
        table.row(cells);
    }
    table.write(out)?;
    for line in beside(found) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// The path if it is known; else the name, and the number.
fn directory(row: &Row) -> String {
    let Some(directory) = &row.directory else {
        return "-".into();
    };
    match (&directory.path, directory.identity.ino) {
        (Some(path), _) => printable(path),
        (None, Some(ino)) => format!("{} (inode {ino})", printable(&directory.name)),
        (None, None) => printable(&directory.name),
    }
}

/// Sentences on what the rows do not have.
fn beside(found: &Found) -> Vec<String> {
    let reading = &found.reading;
    let mut lines = vec![format!(
        "{} created in {}, {}/s",
        count(reading.made),
        duration(found.took),
        short(per_second(reading.made, found.took)),
    )];
    if let Some(growth) = found.growth {
        let sign = if growth > 0 { "+" } else { "" };
        lines[0] += &format!("; the cache's active objects: {sign}{growth}");
    }
    let figures = [
        (reading.own, "by slabscope itself"),
        (reading.elsewhere, "elsewhere on the filesystem"),
        (
            reading.unknown,
            "in directories that may or may not be below",
        ),
    ];
    let figures = figures.iter().filter(|(figure, _)| *figure > 0);
    lines.extend(figures.map(|(figure, words)| format!("{} {words}", count(*figure))));
    if reading.dropped > 0 {
        lines.push(format!(
            "{} not counted, since the kernel's histogram was full: --entries enlarges it",
            counted(reading.dropped, "event")
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cache::who::{Directory, Identity, Process};

    fn row(pid: u32, name: &str, directory: Option<Directory>) -> Row {
        Row {
            process: Process {
                pid,
                name: name.into(),
                cgroup: "/system.slice/app.service".into(),
                gone: pid == 9,
                ..Process::default()
            },
            made: 1_000_000 / u64::from(pid),
            absent: directory.is_some().then_some(7),
            bytes: directory.is_none().then_some(512),
            freed: None,
            directory,
        }
    }

    fn found(rows: Vec<Row>) -> Found {
        let made = rows.iter().map(|row| row.made).sum();
        Found {
            events: Events {
                way: Way::Kmem,
                events: Vec::new(),
                names: Vec::new(),
                lacks: "what is freed",
            },
            reading: Reading {
                made,
                rows,
                unknown: 3,
                dropped: 12,
                events: made,
                ..Reading::default()
            },
            took: Duration::from_secs(10),
            ended: false,
            left: false,
            growth: Some(5),
        }
    }

    fn told(spec: &Spec, found: &Found, limit: usize) -> String {
        let mut out = Vec::new();
        tell(spec, found, limit, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dentries_are_listed_by_process_and_directory() {
        let directory = |path: Option<&str>| Directory {
            name: OsString::from("\u{1b}[31m"),
            path: path.map(Into::into),
            generation: None,
            identity: Identity {
                ino: Some(12),
                ..Identity::default()
            },
        };
        let rows = vec![
            row(8, "app", Some(directory(Some("/srv/app")))),
            row(9, "app", Some(directory(None))),
        ];
        let expected = "CREATED  SHARE RATE/S NEGATIVE PID PROCESS    GROUP       DIRECTORY
125,000 52.9 %  12.5k        7   8 app        app.service /srv/app
111,111 47.1 %  11.1k        7   9 app (gone) app.service \\u{1b}[31m (inode 12)
236,111 created in 10 s, 23.6k/s; the cache's active objects: +5
3 in directories that may or may not be below
12 events not counted, since the kernel's histogram was full: --entries enlarges it
";
        assert_eq!(told(&Spec::Everywhere, &found(rows), 20), expected);
    }

    #[test]
    fn objects_are_listed_by_process() {
        let spec = Spec::Cache("kmalloc-512".into());
        let rows = vec![row(8, "app", None), row(20, "b", None)];
        let text = told(&spec, &found(rows), 1);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "CREATED  SHARE RATE/S FREED BYTES PID PROCESS GROUP"
        );
        assert_eq!(
            lines[1],
            "125,000 71.4 %  12.5k     - 512 B   8 app     app.service"
        );
        assert!(lines[2].starts_with("175,000 created"), "{text}");
    }

    #[test]
    fn trace_that_left_out_events_or_ended_early_is_not_complete() {
        let mut found = found(Vec::new());
        assert!(!found.complete());
        found.reading.dropped = 0;
        assert!(found.complete());
        found.ended = true;
        assert!(!found.complete());
    }
}
