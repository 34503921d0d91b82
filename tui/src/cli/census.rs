//! `slabscope census`: a `du` of the dentry cache.

use std::cmp::Reverse;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;

use serde::Serialize;

use super::table::{Align, Table};
use super::walks::{self, Directory, Interrupt};
use super::{Context, Exit, Failure, Run};
use crate::base::json::{self, Name};
use crate::base::text::{bytes, count, printable};
use crate::cache::census::{Census, DirectoryCount, census, freeable};
use crate::cache::holders::watches::{Watches, watches};
use crate::cache::who;
use crate::kernel::reader;
use crate::kernel::session::Counters;
use crate::kernel::source::{Kernel, Mount, Mounted};
use crate::ui::model::Sizes;

/// Count what the kernel has cached below a directory, without looking anything up
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    directory: Directory,

    /// List directories one by one down to this depth
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = super::whole::<u32>)]
    depth: u32,

    /// Sort key
    #[arg(long, value_name = "KEY", default_value = "freeable")]
    sort: Sort,

    /// Show at most this many directories
    #[arg(long, value_name = "N", value_parser = super::whole::<usize>)]
    limit: Option<usize>,

    /// Count the inodes of the filesystem that inotify and fanotify keep in memory, with or without a cached
    /// name: this reads /proc and caches names there
    #[arg(long)]
    watches: bool,

    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What the rows are sorted by: figures from the greatest, names from A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    #[value(alias = "comes-back")]
    Freeable,
    Total,
    Negative,
    InUse,
    Unused,
    Inodes,
    Pages,
    Name,
}

/// The figures of a directory.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    dentries: u64,
    negative: u64,
    in_use: u64,
    /// The sum of `prunable` and `pinned`.
    unused: u64,
    prunable: u64,
    /// Not referenced, but something below them stays.
    pinned: u64,
    negative_prunable: u64,
    /// None: the reader does not know. The same holds for the optional figures below.
    on_lru: Option<u64>,
    directories: u64,
    files: u64,
    mountpoints: Option<u64>,
    inodes: u64,
    dirty_inodes: Option<u64>,
    page_cache_bytes: u64,
    /// Bytes of the prunable dentries and their long names. None: slabinfo cannot be read.
    freeable_bytes: Option<u64>,
    /// Bytes of all inodes: the most that evicting them as well would free.
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
            freeable_bytes: sizes.dentry.map(|size| freeable(c, size)),
            inodes_up_to_bytes: sizes.inode.map(|size| c.inodes.saturating_mul(size)),
        }
    }

    /// Prints all that is cached below, for a plan that is not carried out.
    pub(super) fn tell(&self, reader: &str, out: &mut dyn Write) -> std::io::Result<()> {
        let figure = |what, figure: String| (what, figure);
        for (what, figure) in [
            figure("cached", count(self.dentries)),
            figure("negative", count(self.negative)),
            figure("inodes", count(self.inodes)),
            figure("page cache", bytes(self.page_cache_bytes)),
        ] {
            let by = match what {
                "cached" => format!("dentries, counted by {reader}"),
                _ => String::new(),
            };
            writeln!(
                out,
                "{}",
                format!("  {what:<14}{figure:>14}  {by}").trim_end()
            )?;
        }
        Ok(())
    }

    fn cells(&self, name: String) -> [String; 7] {
        let known = |size: Option<u64>| size.map_or("-".into(), bytes);
        [
            count(self.negative),
            count(self.in_use),
            count(self.unused),
            count(self.inodes),
            bytes(self.page_cache_bytes),
            known(self.freeable_bytes),
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
    /// Inodes of the filesystem that inotify and fanotify keep. None: not asked for, or not known.
    watched_inodes: Option<u64>,
    directories: Vec<Below<'a>>,
}

#[derive(Serialize)]
struct Below<'a> {
    #[serde(flatten)]
    name: Name<'a>,
    in_use: bool,
    complete: bool,
    /// Dentries came or went below it meanwhile, so that part was counted anew.
    changed_meanwhile: bool,
    own: Figures,
    below: Figures,
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        context.live("a census")?;
        // Before the census: the first look at sysfs of this program makes dentries that the census
        // would count.
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
        let mut kernel = Kernel::new("/");
        let mount = Mounted::of(&kernel.mounted().unwrap_or_default(), &target.dir);
        let watched = mount.as_ref().filter(|_| self.watches);
        let watched = watched.and_then(|mount| watched_on(mount, &interrupt));
        if self.json {
            let inodes = watched.map(|watched| watched.inodes);
            json::write(
                out,
                "slabscope.census/2",
                &document(&path, &census, sizes, inodes),
            )?;
        } else {
            self.table(&census, sizes, out)?;
            let whole = mount.filter(|mount| {
                let is_all = mount.point == target.place() && *mount.root == *Path::new("/");
                is_all && !census.partial
            });
            if let Some(mount) = whole {
                let mounts = kernel.mounts().unwrap_or_default();
                let sample = kernel.sample_bare();
                let cache = mount.inode_cache().and_then(|name| sample.cache(name));
                let objects = cache.and_then(|cache| cache.active);
                if let Some(beyond) = unnamed(objects, census.here.inodes) {
                    writeln!(
                        out,
                        "{}",
                        beyond_names(&mount, &mounts, beyond, self.watches)
                    )?;
                }
            }
            match watched {
                Some(watched) => match watched.words() {
                    Some(words) => writeln!(out, "{words}")?,
                    None => writeln!(out, "no inode of this filesystem is watched")?,
                },
                None if self.watches => writeln!(out, "watched inodes: not known")?,
                None => {}
            }
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
            "NEGATIVE", "IN USE", "UNUSED", "INODES", "PAGES", "FREEABLE",
        ];
        let mut columns: Vec<_> = headings.map(|heading| (heading, Align::Right)).into();
        columns.push(("BELOW", Align::Left));
        let mut table = Table::new(&columns);
        for row in &census.rows {
            let partial = match (row.partial, row.changed) {
                (true, _) => " (partly counted)",
                (_, true) => " (changed meanwhile)",
                _ => "",
            };
            let name = format!("{}/{partial}", printable(&row.name));
            table.row(Figures::new(&row.below, sizes, census.reader).cells(name));
        }
        let partial = match (census.partial, census.changed) {
            (true, _) => " (partly counted: at least)",
            (_, true) => " (changed meanwhile)",
            _ => "",
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

/// What inotify and fanotify keep of a mount's filesystem; None: not known.
fn watched_on(mount: &Mount, interrupt: &Interrupt) -> Option<Watches> {
    let superblock = who::device(mount)?;
    watches(Path::new("/proc"), superblock, &mut || interrupt.flow()).ok()
}

/// How many inodes no name is cached of, if they are many: what is in use of the slab cache of the
/// filesystem's inodes, beyond those of a census of all of it.
fn unnamed(objects: Option<u64>, named: u64) -> Option<u64> {
    const MANY: u64 = 1_000;
    let objects = objects?;
    let beyond = objects.checked_sub(named)?;
    (beyond >= MANY.max(objects / 10)).then_some(beyond)
}

/// A sentence about those.
fn beyond_names(mount: &Mount, mounts: &[Mount], beyond: u64, counted: bool) -> String {
    let shares = |other: &Mount| {
        other.inode_cache() == mount.inode_cache() && other.superblock != mount.superblock
    };
    let others = match mounts.iter().any(shares) {
        true => ", or are of other filesystems that share it",
        false => "",
    };
    let more = match counted {
        true => "",
        false => "; --watches counts those that inotify keeps",
    };
    format!(
        "{} has {} inodes more: no name of them is cached{others}{more}",
        mount.inode_cache().unwrap_or("its slab cache"),
        count(beyond)
    )
}

fn document<'a>(
    path: &'a Path,
    census: &'a Census,
    sizes: Sizes,
    watched_inodes: Option<u64>,
) -> Document<'a> {
    let below = |row: &'a DirectoryCount| Below {
        name: Name::new(&row.name),
        in_use: row.in_use,
        complete: !row.partial,
        changed_meanwhile: row.changed,
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
        watched_inodes,
        directories: census.rows.iter().map(below).collect(),
    }
}

fn key(row: &DirectoryCount, sort: Sort) -> (Reverse<u64>, std::ffi::OsString) {
    let c = &row.below;
    let figure = match sort {
        // Long names hardly change the order, so slabinfo is not needed.
        Sort::Freeable => c.prunable,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inodes_beyond_a_census_are_reported_if_they_are_many() {
        assert_eq!(unnamed(Some(6_528), 304), Some(6_224));
        assert_eq!(unnamed(Some(6_528), 6_400), None);
        assert_eq!(unnamed(Some(200_000), 190_000), None);
        assert_eq!(unnamed(None, 0), None);
        let mount = |point: &str, superblock: &str| Mount {
            point: point.into(),
            fs: "ext4".into(),
            superblock: superblock.into(),
            ..Mount::default()
        };
        let mounts = [mount("/a", "8:1"), mount("/b", "8:2")];
        let told = |mounts: &[Mount]| beyond_names(&mounts[0], mounts, 6_224, false);
        assert_eq!(
            told(&mounts[..1]),
            "ext4_inode_cache has 6,224 inodes more: no name of them is cached; --watches counts those that \
             inotify keeps"
        );
        assert!(told(&mounts).contains("other filesystems"));
    }
}
