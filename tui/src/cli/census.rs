//! `slabscope census`: a `du` of the dentry cache.

use std::cmp::Reverse;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;

use serde::Serialize;

use super::json::{self, Name};
use super::table::{Align, Table};
use super::walks::{self, Directory, Interrupt};
use super::{Context, Exit, Failure, Run};
use crate::census::{Census, Row, census};
use crate::model::{Sizes, comes_back};
use crate::reader;
use crate::session::Counters;
use crate::source::Kernel;
use crate::text::{bytes, count, printable};

/// Count what the kernel has cached below a directory, looking nothing up
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    directory: Directory,

    /// How deep directories are told one by one
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = super::whole::<u32>)]
    depth: u32,

    /// What they are sorted by
    #[arg(long, value_name = "KEY", default_value = "comes-back")]
    sort: Sort,

    /// At most so many directories
    #[arg(long, value_name = "N", value_parser = super::whole::<usize>)]
    limit: Option<usize>,

    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What the rows are sorted by: figures from the greatest, names from A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    ComesBack,
    Total,
    Negative,
    InUse,
    Unused,
    Inodes,
    Pages,
    Name,
}

/// What is told of a directory.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    dentries: u64,
    negative: u64,
    in_use: u64,
    /// `prunable` and `pinned` together.
    unused: u64,
    prunable: u64,
    /// Not referenced, but something below them stays.
    pinned: u64,
    negative_prunable: u64,
    /// None: the reader does not know. The same of the figures below that may be none.
    on_lru: Option<u64>,
    directories: u64,
    files: u64,
    mountpoints: Option<u64>,
    inodes: u64,
    dirty_inodes: Option<u64>,
    page_cache_bytes: u64,
    /// Of the prunable dentries and their long names. None: slabinfo cannot be read.
    comes_back_bytes: Option<u64>,
    /// Of all inodes: the most that evicting them as well would bring back.
    inodes_up_to_bytes: Option<u64>,
}

impl Figures {
    pub(super) fn new(counters: &Counters, sizes: Sizes, reader: reader::Kind) -> Self {
        let c = counters;
        let page = rustix::param::page_size() as u64;
        Self {
            dentries: c.total,
            negative: c.negative,
            in_use: c.in_use,
            unused: c.prunable.saturating_add(c.pinned),
            prunable: c.prunable,
            pinned: c.pinned,
            negative_prunable: c.negative_prunable,
            on_lru: reader.knows_flags().then_some(c.lru),
            directories: c.dirs,
            files: c.files,
            mountpoints: reader.knows_flags().then_some(c.mountpoints),
            inodes: c.inodes,
            dirty_inodes: reader.knows_dirty().then_some(c.dirty),
            page_cache_bytes: c.pages.saturating_mul(page),
            comes_back_bytes: sizes.dentry.map(|size| comes_back(c, size)),
            inodes_up_to_bytes: sizes.inode.map(|size| c.inodes.saturating_mul(size)),
        }
    }

    fn cells(&self, name: String) -> [String; 7] {
        let known = |size: Option<u64>| size.map_or("?".into(), bytes);
        [
            count(self.negative),
            count(self.in_use),
            count(self.unused),
            count(self.inodes),
            bytes(self.page_cache_bytes),
            known(self.comes_back_bytes),
            name,
        ]
    }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    path: Name<'a>,
    complete: bool,
    /// `module` or `bpf`.
    reader: &'static str,
    /// Dentries came or went meanwhile, so that part was counted anew.
    changed_meanwhile: bool,
    took_ns: u64,
    below: Figures,
    directories: Vec<Below<'a>>,
}

#[derive(Serialize)]
struct Below<'a> {
    #[serde(flatten)]
    name: Name<'a>,
    in_use: bool,
    complete: bool,
    own: Figures,
    below: Figures,
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        context.live("a census")?;
        // Before the census: the tool's own first look at sysfs is not to be seen in it.
        let path = self.directory.absolute();
        let sizes = walks::sizes(&path, &mut Kernel::new("/"));
        // A server may never answer: while it opens, Ctrl-C ends the program as it usually does.
        let target = self.directory.open()?;
        let interrupt = Interrupt::catch()?;
        let mut census = census(target.dir.as_fd(), self.depth, &mut |_| interrupt.flow())?;
        census.rows.sort_by_cached_key(|row| key(row, self.sort));
        let all = census.rows.len();
        census.rows.truncate(self.limit.unwrap_or(usize::MAX));
        let left_out = all - census.rows.len();
        if self.json {
            json::write(out, "slabscope.census/1", &document(&path, &census, sizes))?;
        } else {
            self.table(&census, sizes, out)?;
        }
        if left_out > 0 {
            super::left_out(format_args!("{left_out} directories"));
        }
        Ok(if census.partial {
            Exit::Partial
        } else {
            Exit::Ok
        })
    }
}

impl Args {
    fn table(&self, census: &Census, sizes: Sizes, out: &mut dyn Write) -> Result<(), Failure> {
        let headings = [
            "NEGATIVE",
            "IN USE",
            "UNUSED",
            "INODES",
            "PAGES",
            "COMES BACK",
        ];
        let mut columns: Vec<_> = headings.map(|heading| (heading, Align::Right)).into();
        columns.push(("BELOW", Align::Left));
        let mut table = Table::new(&columns);
        for row in &census.rows {
            let partial = if row.partial { " (partly counted)" } else { "" };
            let name = format!("{}/{partial}", printable(&row.name));
            table.row(Figures::new(&row.below, sizes, census.reader).cells(name));
        }
        let partial = if census.partial {
            " (partly counted: at least)"
        } else {
            ""
        };
        let name = format!("{}{partial}", printable(&self.directory.path));
        let total = Figures::new(&census.here, sizes, census.reader);
        let inodes = total.inodes_up_to_bytes;
        table.row(total.cells(name));
        table.write(out)?;
        if let Some(size) = inodes {
            writeln!(out, "inodes besides: up to {}", bytes(size))?;
        }
        Ok(())
    }
}

fn document<'a>(path: &'a Path, census: &'a Census, sizes: Sizes) -> Document<'a> {
    let below = |row: &'a Row| Below {
        name: Name::new(&row.name),
        in_use: row.in_use,
        complete: !row.partial,
        own: Figures::new(&row.own, sizes, census.reader),
        below: Figures::new(&row.below, sizes, census.reader),
    };
    Document {
        path: Name::keyed("path", path),
        complete: !census.partial,
        reader: census.reader.name(),
        changed_meanwhile: census.changed,
        took_ns: u64::try_from(census.took.as_nanos()).unwrap_or(u64::MAX),
        below: Figures::new(&census.here, sizes, census.reader),
        directories: census.rows.iter().map(below).collect(),
    }
}

fn key(row: &Row, sort: Sort) -> (Reverse<u64>, std::ffi::OsString) {
    let c = &row.below;
    let figure = match sort {
        // Long names hardly change the order, so that slabinfo is not needed for it.
        Sort::ComesBack => c.prunable,
        Sort::Total => c.total,
        Sort::Negative => c.negative,
        Sort::InUse => c.in_use,
        Sort::Unused => c.prunable.saturating_add(c.pinned),
        Sort::Inodes => c.inodes,
        Sort::Pages => c.pages,
        Sort::Name => 0,
    };
    (Reverse(figure), row.name.clone())
}
