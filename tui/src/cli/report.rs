//! `slabscope report`: what a recording shows, for a ticket.

mod chart;
mod document;
mod html;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::figures::{FIGURES, cache_name, signed};
use super::{Context, Exit, Failure, Run};
use crate::base::json;
use crate::base::moment;
use crate::base::text::{bytes, counted, duration, known, printable, signed_bytes};
use crate::cache::difference::{self, CacheChange, change};
use crate::cache::recording::{CgroupGrowth, Event, Figure, Moment, Reader, RecordingError};

/// Report what a recording shows of a time: what grew, what stood out, what happened
///
/// The text is Markdown, for a ticket; --html has charts too. Times are `10m ago`, `2026-11-28 03:00` by this machine's clock, or
/// with a zone, `2026-11-28T03:00:00Z`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A recording, as `slabscope record` makes it
    file: PathBuf,

    /// From this time on [default: the first sample]
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<SystemTime>,

    /// Up to this time [default: the last sample]
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<SystemTime>,

    /// Show at most this many caches and cgroups
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "10", value_parser = super::whole::<usize>)]
    limit: usize,

    /// Print one page of HTML, with charts, that needs nothing else
    #[arg(long, conflicts_with = "json")]
    html: bool,

    /// Print a line of JSON (schema slabscope.report/1)
    #[arg(long)]
    json: bool,
}

/// Events that are listed.
const MOST_EVENTS: usize = 50;

fn time(text: &str) -> Result<SystemTime, String> {
    moment::parse(text, SystemTime::now())
}

impl Run for Args {
    fn run(&self, _context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        let reader = Reader::open(&self.file)?;
        let report = self.report(&reader)?;
        match (self.json, self.html) {
            (true, _) => json::write(out, "slabscope.report/1", &report.document(self.limit))?,
            (_, true) => report.html(&reader, out, self.limit)?,
            _ => report.markdown(out, self.limit)?,
        }
        Ok(Exit::Ok)
    }
}

/// What is said of a time.
struct Report {
    host: Option<String>,
    kernel: Option<String>,
    first: Moment,
    last: Moment,
    changes: Option<Vec<CacheChange>>,
    cgroups: Vec<CgroupGrowth>,
    events: Vec<Event>,
    /// Bytes a second by which SUnreclaim grew since then.
    slope: Option<(SystemTime, f64)>,
}

impl Args {
    fn report(&self, reader: &Reader) -> Result<Report, Failure> {
        let nothing = |what: String| {
            let file = printable(&self.file);
            Failure::new(Exit::Failed, format!("{file}: {what}"))
        };
        let (begin, end) = reader
            .span()?
            .ok_or_else(|| nothing("nothing was recorded yet".into()))?;
        let (from, to) = (self.from.unwrap_or(begin), self.to.unwrap_or(end));
        let (first, last) = match (reader.from(from)?, reader.until(to)?) {
            (Some(first), Some(last)) if first.at <= last.at => (first, last),
            _ => {
                let [begin, end] = [begin, end].map(moment::text);
                return Err(nothing(format!(
                    "no sample is between these times; it has some from {begin} to {end}"
                )));
            }
        };
        let events = reader.events(first.at, last.at)?;
        let about = reader.about()?;
        Ok(Report {
            host: about.host,
            kernel: about.kernel,
            changes: difference::caches(&first.sample, &last.sample),
            cgroups: reader.cgroups(first.at, last.at)?,
            slope: slope(reader, &first, &last, &events)?,
            first,
            last,
            events,
        })
    }
}

/// A slope of less says nothing of an hour.
const SLOPE: Duration = Duration::from_secs(600);

/// The slope of SUnreclaim since the machine was last started or its clock set: over that it would
/// be nonsense.
fn slope(
    reader: &Reader,
    first: &Moment,
    last: &Moment,
    events: &[Event],
) -> Result<Option<(SystemTime, f64)>, RecordingError> {
    let breaks = events
        .iter()
        .filter(|event| ["boot", "clock"].contains(&&*event.kind));
    let since = breaks.map(|event| event.at).max().unwrap_or(first.at);
    let series = reader.machine(Figure::Sunreclaim, since, last.at)?;
    let slope = difference::slope(&series);
    let begin = series.first().map(|(at, _)| *at);
    let long = begin.filter(|begin| moment::between(*begin, last.at) >= SLOPE);
    Ok(long.zip(slope))
}

/// Text in Markdown: what would mean something there is escaped.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        if "\\`*_[]<>|#~&!$".contains(c) {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

impl Report {
    fn took(&self) -> Duration {
        moment::between(self.first.at, self.last.at)
    }

    fn markdown(&self, out: &mut dyn Write, limit: usize) -> std::io::Result<()> {
        let host = plain(&known(self.host.as_deref(), printable));
        let kernel = plain(&known(self.kernel.as_deref(), printable));
        writeln!(out, "# Slab caches of {host}\n")?;
        let [first, last] = [self.first.at, self.last.at].map(moment::text);
        writeln!(
            out,
            "{first} to {last}, {}. Linux {kernel}.\n",
            duration(self.took())
        )?;
        if self.first.run != self.last.run {
            writeln!(
                out,
                "The recorder was started anew in between: see the events.\n"
            )?;
        }
        writeln!(
            out,
            "| | at the begin | at the end | change |\n| --- | ---: | ---: | ---: |"
        )?;
        for figure in &FIGURES {
            let cells = figure.cells(&self.first.sample, &self.last.sample);
            writeln!(out, "| {} |", cells.join(" | "))?;
        }
        writeln!(out)?;
        if let Some((since, slope)) = self.slope {
            let hour = signed_bytes((slope * 3_600.0) as i64);
            let since = duration(moment::between(since, self.last.at));
            writeln!(
                out,
                "SUnreclaim changed by {hour} an hour over the last {since}.\n"
            )?;
        }
        self.caches(out, limit)?;
        self.groups(out, limit)?;
        self.happened(out)
    }

    fn caches(&self, out: &mut dyn Write, limit: usize) -> std::io::Result<()> {
        writeln!(out, "## Slab caches that grew most\n")?;
        let Some(changes) = &self.changes else {
            return writeln!(
                out,
                "The caches are not known: only root may read /proc/slabinfo.\n"
            );
        };
        let grew = changes.iter().filter(|change| change.bytes() > 0);
        self.table(out, grew.take(limit))?;
        writeln!(out, "## Slab caches that shrank most\n")?;
        let shrank = changes.iter().rev().filter(|change| change.bytes() < 0);
        self.table(out, shrank.take(limit))
    }

    fn table<'a>(
        &self,
        out: &mut dyn Write,
        changes: impl Iterator<Item = &'a CacheChange>,
    ) -> std::io::Result<()> {
        let mut changes = changes.peekable();
        if changes.peek().is_none() {
            return writeln!(out, "None.\n");
        }
        writeln!(
            out,
            "| cache | at the begin | at the end | change | objects |\n| --- | ---: | ---: | ---: | ---: |"
        )?;
        for change in changes {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                plain(&cache_name(change)),
                known(change.before, bytes),
                known(change.after, bytes),
                signed_bytes(change.bytes()),
                known(change.objects, signed),
            )?;
        }
        writeln!(out)
    }

    fn groups(&self, out: &mut dyn Write, limit: usize) -> std::io::Result<()> {
        if self.cgroups.is_empty() {
            return Ok(());
        }
        writeln!(out, "## Cgroups with the most slab\n")?;
        writeln!(
            out,
            "| cgroup | slab at the begin | at the end | change | uses | of its limit |\n| --- | ---: | ---: | ---: | ---: | ---: |"
        )?;
        for cgroup in self.cgroups.iter().take(limit) {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} |",
                plain(&cgroup.path),
                bytes(cgroup.first),
                bytes(cgroup.last),
                signed_bytes(change(cgroup.first, cgroup.last)),
                known(cgroup.current, bytes),
                known(cgroup.limit, bytes),
            )?;
        }
        writeln!(out)
    }

    fn happened(&self, out: &mut dyn Write) -> std::io::Result<()> {
        if self.events.is_empty() {
            return Ok(());
        }
        writeln!(out, "## What happened\n")?;
        for event in self.events.iter().take(MOST_EVENTS) {
            let [kind, text] = [&event.kind, &event.text].map(|text| plain(&printable(text)));
            writeln!(out, "- {}: {kind}: {text}", moment::text(event.at))?;
        }
        let more = self.events.len().saturating_sub(MOST_EVENTS);
        if more > 0 {
            writeln!(out, "- {} more", counted(more as u64, "event"))?;
        }
        Ok(())
    }
}
