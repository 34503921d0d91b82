//! `slabscope slabs`: the table without a terminal.

mod report;
mod sort;
mod watch;

use std::cmp::Reverse;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Context, Exit, Failure, Run};
use crate::base::filter::Filter;
use crate::base::say::say;
use crate::kernel::source::{Cache, Cause, Kernel, Sample, Source, SourceError};
use report::Report;
use sort::Sort;
use watch::{Earlier, Grown};

/// Print the slab caches once, or at an interval
///
/// slabtop's options -o, -s and -d mean the same here.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(short, long, value_name = "KEY", default_value = "objects")]
    #[arg(help = sort::help())]
    sort: Sort,

    /// Reverse the order
    #[arg(short, long)]
    reverse: bool,

    /// Only caches with this text in one of their names; ~REGEX for a regular expression
    #[arg(short, long, value_name = "TEXT", value_parser = filter)]
    filter: Option<Filter>,

    /// Show at most this many
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = super::whole::<usize>)]
    limit: Option<usize>,

    /// Print at this interval until it is stopped, with growth since the last and the first print
    #[arg(short = 'd', long, visible_alias = "delay", value_name = "SECONDS", value_parser = super::seconds)]
    watch: Option<Duration>,

    /// Print once (the default without --watch)
    #[arg(short, long, conflicts_with = "watch")]
    once: bool,

    /// Print a line of JSON (schema slabscope.slabs/1)
    #[arg(long, conflicts_with = "csv")]
    json: bool,

    /// Print a table as CSV, sizes in bytes
    #[arg(long)]
    csv: bool,
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        if self.sort.needs_watch() && self.watch.is_none() {
            let message = "growth needs --watch SECONDS";
            return Err(Failure::new(Exit::Usage, message));
        }
        let mut kernel = Kernel::new(&context.root);
        let mut earlier = Earlier::default();
        let mut first = true;
        loop {
            let (at, sample) = (Instant::now(), kernel.sample());
            let (rows, left_out) = self.rows(earlier.compare(&sample, at), &sample);
            let report = Report::new(&kernel, &sample, &rows, left_out);
            match (self.json, self.csv) {
                (true, _) => report.json(out)?,
                (_, true) => report.csv(out, first)?,
                _ => report.table(out, first, self.watch.is_some())?,
            }
            out.flush()?;
            if first && left_out > 0 && !self.json {
                super::left_out(format_args!("{left_out} caches"));
            }
            let exit = complain(&sample, "slabs");
            match self.watch {
                Some(interval) => thread::sleep(interval),
                None => return Ok(exit),
            }
            earlier.keep(sample, at);
            first = false;
        }
    }
}

impl Args {
    /// The requested caches, in order, and how many the limit cut off.
    fn rows<'a>(&self, mut rows: Vec<Grown<'a>>, sample: &Sample) -> (Vec<Grown<'a>>, usize) {
        let (merged, page_size) = (&sample.merged, sample.page_size);
        if let Some(filter) = &self.filter {
            rows.retain(|row| merged.matches(&row.cache.name, filter));
        }
        // Each figure is computed once, however many rows it is compared with. Equal ones are
        // sorted from A.
        let figure = self.sort.figure();
        rows.sort_by_cached_key(|row| {
            let cache: &'a Cache = row.cache;
            (Reverse(figure(&row.line(page_size))), cache.name.as_str())
        });
        if self.reverse {
            rows.reverse();
        }
        let left_out = rows.len().saturating_sub(self.limit.unwrap_or(usize::MAX));
        rows.truncate(rows.len() - left_out);
        (rows, left_out)
    }
}

/// A filter; an invalid expression is an error, as it is complete on a command line.
fn filter(text: &str) -> Result<Filter, String> {
    let filter = Filter::new(text);
    match filter.error() {
        Some(error) => Err(error.to_owned()),
        None => Ok(filter),
    }
}

/// Reports on standard error which files failed. The file of the caches themselves decides the exit
/// code; the failure of one that only adds to them makes the result partial. `command`: who reads them.
pub(super) fn complain(sample: &Sample, command: &str) -> Exit {
    let others = [
        sample.memory.as_ref().err(),
        sample.dentries.as_ref().err(),
        sample.inodes.as_ref().err(),
    ];
    let mut exit = Exit::Ok;
    for gap in &sample.gaps {
        exit = Exit::Partial;
        say!("{gap}");
    }
    for error in others.into_iter().flatten() {
        exit = Exit::Partial;
        report(error, command);
    }
    if let Err(error) = &sample.caches {
        exit = exit_of(error);
        report(error, command);
    }
    exit
}

fn report(error: &SourceError, command: &str) {
    say!("{error}");
    match exit_of(error) {
        Exit::Permission => say!("only root may read it: sudo slabscope {command}"),
        _ => say!("{}", error.remedy()),
    }
}

fn exit_of(error: &SourceError) -> Exit {
    match error.cause {
        Cause::Unreadable(io::ErrorKind::PermissionDenied, _) => Exit::Permission,
        Cause::Unreadable(io::ErrorKind::NotFound, _) => Exit::Missing,
        _ => Exit::Failed,
    }
}

/// Nanoseconds since 1970, for JSON and CSV.
fn unix_time() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |time| time.as_nanos())
}
