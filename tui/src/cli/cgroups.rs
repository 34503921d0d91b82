//! `slabscope cgroups`: what the memory of each cgroup is used for.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::json::{self, Name};
use super::table::{Align, Table};
use super::{Context, Exit, Failure, Run};
use crate::model::{CGROUP_COLUMNS, CgroupRow, CgroupsPage};
use crate::source::{Cgroups, CgroupsError, cgroups};

/// Show what the memory of each cgroup (v2) is used for: slab, page cache, programs, limits
///
/// The figures of a cgroup count all cgroups below it in. One that is near its limit (90 %) with more
/// slab than anything else is marked with !. Looking makes some dentries on the filesystem of the cgroups.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(long, value_name = "KEY", default_value = "slab_reclaimable", help = help())]
    sort: Sort,

    /// Read them twice, so many seconds apart, and tell what grew
    #[arg(long, value_name = "SECONDS", value_parser = super::seconds)]
    growth: Option<Duration>,

    /// At most so many cgroups
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
    format!("Sort by a column: {}", names())
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
    took_ns: u64,
    cgroups: Vec<Line<'a>>,
    /// By the limit.
    cgroups_left_out: usize,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    path: Name<'a>,
    /// False: the controller is not enabled for it, or its files may not be read, and all figures
    /// are null.
    memory_controller: bool,
    slab_reclaimable_bytes: Option<u64>,
    slab_unreclaimable_bytes: Option<u64>,
    file_bytes: Option<u64>,
    anon_bytes: Option<u64>,
    current_bytes: Option<u64>,
    max_bytes: Option<u64>,
    high_bytes: Option<u64>,
    used_percent: Option<u64>,
    pressure_avg10_percent: Option<f64>,
    slab_reclaimable_growth_bytes_per_second: Option<f64>,
    filled_by_slab: bool,
}

impl From<CgroupsError> for Failure {
    fn from(error: CgroupsError) -> Self {
        let exit = match error {
            CgroupsError::File(_) => Exit::Failed,
            _ => Exit::Missing,
        };
        Self::new(exit, format!("{error}\n{}", error.remedy()))
    }
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        let mut page = CgroupsPage::default();
        page.order.sort = self.sort.0;
        page.take(Duration::ZERO, read(context)?);
        if let Some(growth) = self.growth {
            thread::sleep(growth);
            page.take(growth, read(context)?);
        }
        let mut rows: Vec<&CgroupRow> = page.rows.iter().collect();
        rows.sort_by(|a, b| {
            let key = |row: &CgroupRow| row.cgroup.path.clone();
            page.order
                .compare(CGROUP_COLUMNS, (*a, key(a)), (*b, key(b)))
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
                super::left_out(crate::text::counted(left_out as u64, "cgroup"));
            }
        }
        Ok(Exit::Ok)
    }
}

fn read(context: &Context) -> Result<Cgroups, Failure> {
    let read = cgroups::read(&context.root, &mut || ControlFlow::Continue(()))?;
    // Nobody ends it.
    Ok(read.unwrap_or_default())
}

fn tell(rows: &[&CgroupRow], growth: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let shown = || {
        let shown =
            |column: &&crate::model::GridColumn<CgroupRow>| growth || column.name != "growth";
        CGROUP_COLUMNS.iter().filter(shown)
    };
    let side = |name| match name {
        "name" => Align::Left,
        _ => Align::Right,
    };
    let mut heads = vec![("", Align::Left)];
    heads.extend(shown().map(|column| (column.head, side(column.name))));
    let mut table = Table::new(&heads);
    for row in rows {
        let mark = if row.cgroup.is_filled_by_slab() {
            "!"
        } else {
            ""
        };
        let cells = shown().map(|column| (column.text)(row));
        table.row([mark.to_owned()].into_iter().chain(cells));
    }
    Ok(table.write(out)?)
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
        Line {
            path: Name::keyed("path", path),
            memory_controller: stat.is_some(),
            slab_reclaimable_bytes: stat.map(|stat| stat.slab_reclaimable),
            slab_unreclaimable_bytes: stat.map(|stat| stat.slab_unreclaimable),
            file_bytes: stat.map(|stat| stat.file),
            anon_bytes: stat.map(|stat| stat.anon),
            current_bytes: cgroup.current,
            max_bytes: cgroup.max,
            high_bytes: cgroup.high,
            used_percent: cgroup.used(),
            pressure_avg10_percent: cgroup.pressure,
            slab_reclaimable_growth_bytes_per_second: row.growth,
            filled_by_slab: cgroup.is_filled_by_slab(),
        }
    };
    Document {
        mount: Name::keyed("mount", &page.mount),
        took_ns: u64::try_from(page.took.as_nanos()).unwrap_or(u64::MAX),
        cgroups: rows.iter().zip(paths).map(line).collect(),
        cgroups_left_out: left_out,
    }
}
