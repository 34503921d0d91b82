//! `slabscope cgroups`: what the memory of each cgroup is used for.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::table::{Align, Table};
use super::{Context, Exit, Failure, Run};
use crate::base::json::{self, Name};
use crate::base::say::say;
use crate::base::text::{bytes, counted, printable};
use crate::kernel::source::{CgroupMemory, Cgroups, CgroupsError, Version, cgroups};
use crate::ui::model::{CGROUP_COLUMNS, CgroupRow, CgroupsPage};

/// Show what the memory of each cgroup is used for: slab, other kernel memory, page cache, anonymous memory
///
/// The figures of a cgroup include all cgroups below it; those of the root are system-wide. One that
/// is near its limit (90 %) with more slab than anything else is marked with !. For cgroup v1 the kernel
/// reports kernel memory, and slab by cache up to Linux 5.8. Reading them adds some dentries
/// on the cgroup filesystem.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(long, value_name = "KEY", help = help())]
    sort: Option<Sort>,

    /// Read them twice, this many seconds apart, and show the growth
    #[arg(long, value_name = "SECONDS", value_parser = super::seconds)]
    growth: Option<Duration>,

    /// Show at most this many cgroups
    #[arg(long, value_name = "N", value_parser = super::whole::<usize>)]
    limit: Option<usize>,

    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A column to sort by, by its place.
#[derive(Clone, Copy, Debug)]
struct Sort(usize);

fn names() -> String {
    let names = CGROUP_COLUMNS.iter().map(|column| column.name);
    names.collect::<Vec<_>>().join(", ")
}

fn help() -> String {
    format!(
        "Sort by a column: {} [default: slab_reclaimable, of v1 kernel]",
        names()
    )
}

impl FromStr for Sort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut columns = CGROUP_COLUMNS.iter();
        let found = columns.position(|column| column.name == text);
        found
            .map(Self)
            .ok_or_else(|| format!("there are {}", names()))
    }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    mount: Name<'a>,
    /// `v1` or `v2`.
    version: Version,
    took_ns: u64,
    cgroups: Vec<Line<'a>>,
    /// Cgroups that --limit cut off.
    cgroups_left_out: usize,
    /// Cgroups beyond the bounds on depth and number; those below them are not counted.
    cgroups_not_read: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    path: Name<'a>,
    /// False: the controller is not enabled for it, or its files cannot be read, and all figures
    /// are null.
    memory_controller: bool,
    /// Why its files, or the cgroups below it, could not be read.
    error: Option<String>,
    slab_reclaimable_bytes: Option<u64>,
    slab_unreclaimable_bytes: Option<u64>,
    slab_bytes: Option<u64>,
    /// Slab by cache, the largest first (v1 up to Linux 5.8).
    slab_caches: Vec<Part<'a>>,
    kernel_bytes: Option<u64>,
    /// Kernel memory that is not slab, the largest first.
    kernel_parts: Vec<Part<'a>>,
    file_bytes: Option<u64>,
    anon_bytes: Option<u64>,
    current_bytes: Option<u64>,
    max_bytes: Option<u64>,
    high_bytes: Option<u64>,
    used_percent: Option<u64>,
    pressure_avg10_percent: Option<f64>,
    slab_reclaimable_growth_bytes_per_second: Option<f64>,
    filled_by_slab: bool,
    /// Removed cgroups below it that still have memory charged.
    dying_descendants: Option<u64>,
    /// Memory controllers of removed cgroups at and below it (Linux 6.13).
    dying_memory_controllers: Option<u64>,
}

/// Memory of one kind, in bytes.
#[derive(Serialize)]
struct Part<'a> {
    name: &'a str,
    bytes: u64,
}

impl From<CgroupsError> for Failure {
    fn from(error: CgroupsError) -> Self {
        let exit = match error {
            CgroupsError::File(_) | CgroupsError::OutOfReach(_) => Exit::Failed,
            _ => Exit::Missing,
        };
        Self::new(exit, format!("{error}\n{}", error.remedy()))
    }
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        let mut page = CgroupsPage::default();
        page.take(Duration::ZERO, read(context)?);
        if let Some(Sort(column)) = self.sort {
            page.order.sort = column;
        }
        if let Some(growth) = self.growth {
            thread::sleep(growth);
            page.take(growth, read(context)?);
        }
        let mut rows: Vec<&CgroupRow> = page.rows.iter().collect();
        rows.sort_by(|a, b| {
            page.order
                .compare(CGROUP_COLUMNS, (*a, &a.cgroup.path), (*b, &b.cgroup.path))
        });
        let left_out = self.limit.map_or(0, |limit| {
            let left_out = rows.len().saturating_sub(limit);
            rows.truncate(limit);
            left_out
        });
        if self.json {
            let paths: Vec<_> = rows.iter().map(|row| row.cgroup.full()).collect();
            let document = document(&page, &rows, &paths, left_out);
            json::write(out, "slabscope.cgroups/1", &document)?;
        } else {
            tell(&rows, self.growth.is_some(), out)?;
            if left_out > 0 {
                super::left_out(counted(left_out as u64, "cgroup"));
            }
        }
        not_counted(&page);
        notes(&page);
        Ok(match page.not_read {
            0 => Exit::Ok,
            _ => Exit::Partial,
        })
    }
}

/// Notes that the table has no room for, on standard error.
fn notes(page: &CgroupsPage) {
    const MOST: usize = 3;
    let unread: Vec<_> = page
        .rows
        .iter()
        .filter_map(|row| row.cgroup.unread.as_ref())
        .collect();
    for error in unread.iter().take(MOST) {
        say!("{error}");
    }
    if unread.len() > MOST {
        let more = counted((unread.len() - MOST) as u64, "cgroup");
        say!("{more} more cannot be read; --json has why");
    }
    if page.not_read > 0 {
        let more = counted(page.not_read, "cgroup");
        say!("{more} not read: too deep, or too many; those above include them");
    }
}

fn read(context: &Context) -> Result<Cgroups, Failure> {
    let read = cgroups::read(&context.root, &mut || ControlFlow::Continue(()))?;
    // Nothing ends it.
    Ok(read.unwrap_or_default())
}

/// Printed once, however often the cgroups are read.
fn not_counted(page: &CgroupsPage) {
    if let Some(enable) = &page.enable {
        say!("memory is counted for none but the root: {enable}");
    }
}

fn tell(rows: &[&CgroupRow], growth: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let shown = || {
        let shown =
            |column: &&crate::ui::model::GridColumn<CgroupRow>| growth || column.name != "growth";
        CGROUP_COLUMNS.iter().filter(shown)
    };
    let side = |name| match name {
        "name" => Align::Left,
        _ => Align::Right,
    };
    let by_cache = rows.iter().any(|row| !caches(row).is_empty());
    let mut heads = vec![("", Align::Left)];
    heads.extend(shown().map(|column| (column.head, side(column.name))));
    heads.extend(by_cache.then_some(("SLAB BY CACHE", Align::Left)));
    let mut table = Table::new(&heads);
    for row in rows {
        let mark = if row.cgroup.is_filled_by_slab() {
            "!"
        } else {
            ""
        };
        let cells = shown().map(|column| (column.text)(row));
        let caches = by_cache.then(|| caches(row));
        table.row([mark.to_owned()].into_iter().chain(cells).chain(caches));
    }
    Ok(table.write(out)?)
}

/// The largest caches of a cgroup, where the kernel reports them.
fn caches(row: &CgroupRow) -> String {
    const MOST: usize = 4;
    let caches = row.cgroup.stat.iter().flat_map(|stat| &stat.caches);
    let caches = caches.map(|(name, size)| format!("{} {}", printable(name), bytes(*size)));
    caches.take(MOST).collect::<Vec<_>>().join(", ")
}

fn document<'a>(
    page: &'a CgroupsPage,
    rows: &[&'a CgroupRow],
    paths: &'a [PathBuf],
    left_out: usize,
) -> Document<'a> {
    let line = |(row, path): (&&'a CgroupRow, &'a PathBuf)| {
        let cgroup = &row.cgroup;
        let stat = cgroup.stat.as_ref();
        let figure = |figure: fn(&CgroupMemory) -> Option<u64>| stat.and_then(figure);
        Line {
            path: Name::keyed("path", path),
            memory_controller: stat.is_some(),
            error: cgroup.unread.as_ref().map(ToString::to_string),
            slab_reclaimable_bytes: figure(|stat| stat.slab_reclaimable),
            slab_unreclaimable_bytes: figure(|stat| stat.slab_unreclaimable),
            slab_bytes: figure(|stat| stat.slab),
            slab_caches: stat.map_or(Vec::new(), |stat| parts(&stat.caches)),
            kernel_bytes: figure(|stat| stat.kernel),
            kernel_parts: stat.map_or(Vec::new(), |stat| parts(&stat.parts)),
            file_bytes: figure(|stat| stat.file),
            anon_bytes: figure(|stat| stat.anon),
            current_bytes: cgroup.current,
            max_bytes: cgroup.max,
            high_bytes: cgroup.high,
            used_percent: cgroup.used(),
            pressure_avg10_percent: cgroup.pressure,
            slab_reclaimable_growth_bytes_per_second: row.growth,
            filled_by_slab: cgroup.is_filled_by_slab(),
            dying_descendants: cgroup.dying,
            dying_memory_controllers: cgroup.dying_memory,
        }
    };
    Document {
        mount: Name::keyed("mount", &page.mount),
        version: page.version,
        took_ns: u64::try_from(page.took.as_nanos()).unwrap_or(u64::MAX),
        cgroups: rows.iter().zip(paths).map(line).collect(),
        cgroups_left_out: left_out,
        cgroups_not_read: page.not_read,
    }
}

fn parts<N: AsRef<str>>(parts: &[(N, u64)]) -> Vec<Part<'_>> {
    let mut all = Vec::with_capacity(parts.len());
    for (name, bytes) in parts {
        let name = name.as_ref();
        all.push(Part {
            name,
            bytes: *bytes,
        });
    }
    all
}
