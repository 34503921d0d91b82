//! One sample as a table, as JSON, as CSV.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use serde::Serialize;

use super::unix_time;
use super::watch::Grown;
use crate::base::json::{self, Name};
use crate::base::text::{self, known};
use crate::cli::Failure;
use crate::cli::table::{Align, Table};
use crate::kernel::source::{Cache, Class, Gap, Kernel, Sample, SourceError, Totals};

/// The printed figures of a sample.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    time_unix_ns: u128,
    kernel: Option<String>,
    uptime_ns: Option<u128>,
    /// `null`: the figures do not show it.
    page_size_bytes: Option<u64>,
    memory: Option<Memory>,
    dentries: Option<Dentries>,
    inodes: Option<Inodes>,
    totals: Option<Totals>,
    caches: Option<Vec<Row<'a>>>,
    /// Caches that the limit cut off.
    caches_left_out: usize,
    errors: Vec<Problem<'a>>,
    lines_not_understood: Vec<Lines<'a>>,
}

/// Lines of a file that were not understood, while the others were.
#[derive(Debug, Serialize)]
struct Lines<'a> {
    #[serde(flatten)]
    path: Name<'a>,
    lines: usize,
    first: String,
}

#[derive(Debug, Serialize)]
struct Memory {
    total_bytes: Option<u64>,
    available_bytes: Option<u64>,
    slab_bytes: Option<u64>,
    sreclaimable_bytes: Option<u64>,
    sunreclaim_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Dentries {
    total: Option<u64>,
    off_lru: Option<u64>,
    lru: Option<u64>,
    lru_negative: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Inodes {
    total: Option<u64>,
    lru: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    name: Name<'a>,
    /// `null`: the kernel does not report it.
    class: Option<&'static str>,
    objects: u64,
    active_objects: Option<u64>,
    use_percent: Option<u64>,
    object_size_bytes: u64,
    slabs: u64,
    active_slabs: Option<u64>,
    objects_per_slab: u64,
    pages_per_slab: u64,
    size_bytes: Option<u64>,
    idle_bytes: Option<u64>,
    /// With --watch, but for the first print.
    active_objects_per_second: Option<f64>,
    active_objects_since_first: Option<i64>,
    merged_with: Vec<&'a str>,
    #[serde(skip)]
    is_new: bool,
}

#[derive(Debug, Serialize)]
struct Problem<'a> {
    #[serde(flatten)]
    path: Name<'a>,
    message: String,
    remedy: &'static str,
}

impl<'a> Problem<'a> {
    fn new(error: &'a SourceError) -> Self {
        Self {
            path: Name::keyed("path", &error.path),
            message: error.cause.to_string(),
            remedy: error.remedy(),
        }
    }
}

impl<'a> Lines<'a> {
    fn new(gap: &'a Gap) -> Self {
        Self {
            path: Name::keyed("path", &gap.path),
            lines: gap.lines,
            first: gap.first.to_string(),
        }
    }
}

impl<'a> Row<'a> {
    fn new(grown: &Grown<'a>, sample: &'a Sample) -> Self {
        let cache = grown.cache;
        let line = grown.line(sample.page_size);
        let class = match cache.class {
            Class::Reclaimable => Some("reclaimable"),
            Class::Unreclaimable => Some("unreclaimable"),
            Class::Unknown => None,
        };
        Self {
            name: Name::new(name(cache)),
            class,
            objects: cache.objects,
            active_objects: cache.active,
            // Where there is room for no object, 0 % is used, as in slabtop.
            use_percent: cache.used().or(cache.active.map(|_| 0)),
            object_size_bytes: cache.object_size,
            slabs: cache.slabs,
            active_slabs: cache.active_slabs,
            objects_per_slab: cache.objects_per_slab,
            pages_per_slab: cache.pages_per_slab,
            size_bytes: line.size(),
            idle_bytes: line.idle(),
            active_objects_per_second: grown.per_second(),
            active_objects_since_first: grown.since_first(),
            merged_with: sample.merged.others(&cache.name).collect(),
            is_new: grown.is_new(),
        }
    }
}

impl Row<'_> {
    /// For the table.
    fn cells(&self) -> [String; 9] {
        let class = match self.class {
            Some("reclaimable") => "R",
            Some(_) => "U",
            None => "-",
        };
        [
            class.to_owned(),
            self.objects.to_string(),
            known(self.active_objects, |n| n.to_string()),
            known(self.use_percent, |percent| format!("{percent}%")),
            self.object_size_bytes.to_string(),
            self.slabs.to_string(),
            self.objects_per_slab.to_string(),
            known(self.size_bytes, text::bytes),
            known(self.idle_bytes, text::bytes),
        ]
    }

    /// For the table: what it grew by. A cache that was not there before is new.
    fn growth(&self, first: bool) -> [String; 2] {
        let none = match (first, self.is_new) {
            (true, _) => "",
            (_, true) => "new",
            _ => "-",
        };
        let since = self.active_objects_since_first.map(|n| match n {
            0 => "0".to_owned(),
            n => format!("{n:+}"),
        });
        [
            self.active_objects_per_second.map(text::short_signed),
            since,
        ]
        .map(|text| text.unwrap_or_else(|| none.to_owned()))
    }
}

/// The exact bytes of a cache's name.
fn name(cache: &Cache) -> &OsStr {
    match &cache.raw_name {
        Some(bytes) => OsStr::from_bytes(bytes),
        None => OsStr::new(&cache.name),
    }
}

impl<'a> Report<'a> {
    /// A report of these rows of a sample; `left_out`: rows that the limit cut off.
    pub fn new(kernel: &Kernel, sample: &'a Sample, rows: &[Grown<'a>], left_out: usize) -> Self {
        let rows = rows.iter().map(|grown| Row::new(grown, sample));
        let errors = [
            sample.caches.as_ref().err(),
            sample.memory.as_ref().err(),
            sample.dentries.as_ref().err(),
            sample.inodes.as_ref().err(),
        ];
        Self {
            time_unix_ns: unix_time(),
            kernel: kernel.release().ok(),
            uptime_ns: kernel.uptime().ok().map(|uptime| uptime.as_nanos()),
            page_size_bytes: sample.page_size,
            memory: sample.memory.as_ref().ok().map(|memory| Memory {
                total_bytes: memory.total,
                available_bytes: memory.available,
                slab_bytes: memory.slab,
                sreclaimable_bytes: memory.sreclaimable,
                sunreclaim_bytes: memory.sunreclaim,
            }),
            dentries: sample.dentries.as_ref().ok().map(|dentries| Dentries {
                total: dentries.total,
                off_lru: dentries.off_lru(),
                lru: dentries.lru,
                lru_negative: dentries.lru_negative,
            }),
            inodes: sample.inodes.as_ref().ok().map(|inodes| Inodes {
                total: inodes.total,
                lru: inodes.lru,
            }),
            totals: sample
                .caches
                .as_deref()
                .ok()
                .map(|caches| Totals::of(caches, sample.page_size)),
            caches: sample.caches.is_ok().then(|| rows.collect()),
            caches_left_out: left_out,
            errors: errors.into_iter().flatten().map(Problem::new).collect(),
            lines_not_understood: sample.gaps.iter().map(Lines::new).collect(),
        }
    }

    /// As a line of JSON.
    pub fn json(&self, out: &mut dyn Write) -> std::io::Result<()> {
        json::write(out, "slabscope.slabs/1", self)
    }

    /// As CSV, with a line of headings before the first sample.
    pub fn csv(&self, out: &mut dyn Write, first: bool) -> Result<(), Failure> {
        const HEADINGS: [&str; 15] = [
            "time_unix_ns",
            "name",
            "class",
            "objects",
            "active_objects",
            "use_percent",
            "object_size_bytes",
            "slabs",
            "active_slabs",
            "objects_per_slab",
            "pages_per_slab",
            "size_bytes",
            "idle_bytes",
            "active_objects_per_second",
            "active_objects_since_first",
        ];
        let mut csv = csv::Writer::from_writer(Vec::new());
        let failed = |error| Failure::new(super::Exit::Failed, error);
        if first {
            csv.write_record(HEADINGS).map_err(failed)?;
        }
        let figure = |figure: Option<u64>| figure.map_or(String::new(), |n| n.to_string());
        for row in self.caches.iter().flatten() {
            let fields = [
                self.time_unix_ns.to_string(),
                as_text(row.name.printable()),
                row.class.unwrap_or_default().to_owned(),
                row.objects.to_string(),
                figure(row.active_objects),
                figure(row.use_percent),
                row.object_size_bytes.to_string(),
                row.slabs.to_string(),
                figure(row.active_slabs),
                row.objects_per_slab.to_string(),
                row.pages_per_slab.to_string(),
                figure(row.size_bytes),
                figure(row.idle_bytes),
                row.active_objects_per_second
                    .map_or(String::new(), |rate| format!("{rate:.3}")),
                row.active_objects_since_first
                    .map_or(String::new(), |change| change.to_string()),
            ];
            csv.write_record(&fields).map_err(failed)?;
        }
        let bytes = csv.into_inner().map_err(|error| error.into_error())?;
        out.write_all(&bytes)?;
        Ok(())
    }

    /// A table for reading: the machine's memory, then the caches.
    pub fn table(&self, out: &mut dyn Write, first: bool, watch: bool) -> Result<(), Failure> {
        if !first {
            writeln!(out)?;
        }
        self.head(out)?;
        let Some(caches) = &self.caches else {
            writeln!(out, "The slab caches are not known: see the error.")?;
            return Ok(());
        };
        let columns = [
            "",
            "OBJS",
            "ACTIVE",
            "USE",
            "OBJ SIZE",
            "SLABS",
            "OBJ/SLAB",
            "CACHE SIZE",
            "IDLE",
        ];
        let growth: &[&str] = if watch { &["OBJ/S", "SINCE 1ST"] } else { &[] };
        let figures = columns.iter().chain(growth);
        let mut headings: Vec<_> = figures.map(|heading| (*heading, Align::Right)).collect();
        headings.push(("NAME", Align::Left));
        let mut table = Table::new(&headings);
        for row in caches {
            let mut cells = row.cells().to_vec();
            if watch {
                cells.extend(row.growth(first));
            }
            cells.push(row.name.printable());
            table.row(cells);
        }
        table.write(out)?;
        Ok(())
    }

    fn head(&self, out: &mut dyn Write) -> Result<(), Failure> {
        if let Some(memory) = &self.memory {
            let share = memory.slab_bytes.zip(memory.total_bytes);
            let share = share.and_then(|(part, whole)| text::percent(part, whole));
            let size = |size| known(size, text::bytes);
            writeln!(
                out,
                "Slab {} ({}% of memory), reclaimable {}, unreclaimable {}",
                size(memory.slab_bytes),
                known(share, |share| share.to_string()),
                size(memory.sreclaimable_bytes),
                size(memory.sunreclaim_bytes),
            )?;
        }
        let count = |figure| known(figure, text::count);
        if let Some(dentries) = &self.dentries {
            writeln!(
                out,
                "Dentries {}: referenced (off the LRU) {}, on the LRU {}, negative of those {}",
                count(dentries.total),
                count(dentries.off_lru),
                count(dentries.lru),
                dentries
                    .lru_negative
                    .map_or("not reported by this kernel".into(), text::count),
            )?;
        }
        if let Some(inodes) = &self.inodes {
            let (total, lru) = (count(inodes.total), count(inodes.lru));
            writeln!(out, "Inodes {total}, on the LRU {lru}")?;
        }
        if let Some(totals) = &self.totals {
            writeln!(out, "{totals}")?;
        }
        writeln!(out)?;
        Ok(())
    }
}
/// A name in CSV. A module or a captured file chooses it, and a spreadsheet would take what begins
/// with one of these for a formula, which can run commands: an apostrophe says that it is text.
fn as_text(name: String) -> String {
    match name.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{name}"),
        false => name,
    }
}
