//! The report of `slabscope prune`: the plan, and its outcome.

use std::io::{self, Write};
use std::iter;
use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::base::json::Name;
use crate::base::text::{bytes, count, duration, printable};
use crate::cli::{Failure, census, ladder};
use crate::kernel::session::{Counters, PruneMode, Status};
use crate::kernel::source::{Cache, Mount};
use crate::reclaim::prune::Outcome;
use crate::ui::model::{Figures, difference, part_of, pending, reasons};

/// JSON of a prune or a dry run.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    #[serde(flatten)]
    pub path: Name<'a>,
    pub mode: &'static str,
    /// Dirty files are written first.
    pub writeback: bool,
    /// Dentries that will go; in mode `pages`, pages.
    pub predicted: u64,
    /// Bytes of slab objects.
    pub predicted_bytes: Option<u64>,
    /// None: the reader does not know. The same holds for the optional figures below.
    pub predicted_inodes: Option<u64>,
    pub predicted_page_cache_bytes: Option<u64>,
    /// More may go: for files that are written or waited for first, other users are unknown.
    pub page_cache_is_least: bool,
    /// Bound on the predicted dentries; in mode `pages`, on files.
    pub max: Option<NonZeroU64>,
    pub stays_in_use: u64,
    /// Unused, but not of the kind that this mode evicts.
    pub stays_unused: u64,
    pub stays_pinned: u64,
    /// Files and directories that are dirty or being written; these stay, unless they are written first.
    pub dirty_files: Option<u64>,
    pub dirty_bytes: Option<u64>,
    pub writeback_bytes: Option<u64>,
    /// Files and directories that stay since a write of them has failed, and their page cache.
    pub failed_writes: Option<u64>,
    pub failed_write_bytes: Option<u64>,
    /// Inodes whose metadata is written, but not known to be on the disk; these stay, unless that is waited for.
    pub unsynced: Option<u64>,
    /// Why everything stays, on a filesystem whose dentries are all there is of its files.
    pub stays_because: Option<&'static str>,
    /// The reader that counted: `module` or `bpf`.
    pub reader: &'static str,
    /// Dentries came or went while they were counted, so that part was counted anew.
    pub changed_meanwhile: bool,
    /// All that is cached below, as in a census.
    pub below: census::Figures,
    /// Why the module is missing, without which nothing is pruned below a directory.
    pub needs_module: Option<String>,
    /// The layers of an overlay, in which its names, inodes and pages are cached once more.
    pub layers: Vec<Layer>,
    /// From where dentries may go.
    pub reach: &'static str,
    /// Why a prune is refused; the command is then the one for a prune that is allowed.
    pub refused: Option<String>,
    /// The command that does the same.
    pub command: String,
    pub ladder: Vec<ladder::Row>,
    #[serde(flatten)]
    pub done: Option<Done>,
}

/// A directory that a directory of an overlay is made of.
#[derive(Serialize)]
pub(super) struct Layer {
    /// The command that prunes it in the same mode.
    pub command: String,
    /// Dentries or pages that would go then; None: it cannot be reached by what is cached.
    pub predicted: Option<u64>,
    pub predicted_bytes: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Done {
    status: &'static str,
    /// The module's own count of what was predicted.
    freed: u64,
    /// Inodes handed to eviction.
    inodes_evicted: u64,
    page_cache_freed_bytes: u64,
    busy: u64,
    /// Files and directories that stayed since they are dirty or being written, and their bytes.
    skipped_dirty: u64,
    skipped_dirty_bytes: u64,
    /// Those that stayed since a write of them has failed, and their page cache.
    failed_writes: u64,
    failed_write_bytes: u64,
    /// Inodes that stayed since nobody has waited for their metadata.
    unsynced: u64,
    took_ns: u64,
    dentry_active_objects_before: Option<u64>,
    dentry_active_objects_after: Option<u64>,
    dentry_slabs_before_bytes: Option<u64>,
    dentry_slabs_after_bytes: Option<u64>,
    /// The slab cache that the filesystem's inodes come from, if it is known.
    inode_cache: Option<String>,
    inode_active_objects_before: Option<u64>,
    inode_active_objects_after: Option<u64>,
    inode_slabs_before_bytes: Option<u64>,
    inode_slabs_after_bytes: Option<u64>,
    sreclaimable_before_bytes: Option<u64>,
    sreclaimable_after_bytes: Option<u64>,
    why_they_differ: Vec<String>,
}

impl Document<'_> {
    /// Prints it as text, with the path as it was given.
    pub fn tell(&self, path: &Path, out: &mut dyn Write) -> Result<(), Failure> {
        let pages = self.mode == PruneMode::Pages.name();
        let what = match self.mode {
            "negative" => "negative dentries",
            "dentries" => "unused dentries",
            "inodes" => "unused dentries and their inodes",
            _ => "page cache of files",
        };
        writeln!(out, "{what} below {}", printable(path))?;
        if self.needs_module.is_some() {
            self.below.tell(self.reader, out)?;
        }
        if self.changed_meanwhile {
            writeln!(out, "  changed meanwhile: part was counted again")?;
        }
        if pages {
            let size = self.predicted_page_cache_bytes.map_or("-".into(), bytes);
            let predicted = count(self.predicted);
            writeln!(out, "  would go      {predicted:>14}  pages, {size}")?;
        } else {
            let size = self.predicted_bytes.map_or("-".into(), bytes);
            let predicted = count(self.predicted);
            writeln!(out, "  would go      {predicted:>14}  {size:>10}")?;
        }
        if self.predicted_inodes != Some(0) {
            let inodes = self.predicted_inodes.map_or("-".into(), count);
            let size = self.predicted_page_cache_bytes.map_or("-".into(), bytes);
            let least = if self.page_cache_is_least {
                " or more"
            } else {
                ""
            };
            let more = format!("inodes of these, with {size}{least} of page cache");
            writeln!(out, "                {inodes:>14}  {more}")?;
        }
        if let Some(max) = self.max {
            let max = count(max.get());
            let what = if pages { "files" } else { "of them" };
            writeln!(out, "  at most       {max:>14}  {what}, by --max")?;
        }
        self.tell_what_stays(out)?;
        writeln!(out, "  scope         {}", self.reach)?;
        match (&self.needs_module, &self.refused) {
            (Some(why), _) => {
                writeln!(out, "  cannot be pruned here: {why}")?;
                ladder::write_all(&self.ladder, out)?;
            }
            (None, Some(why)) => {
                writeln!(out, "  {why}")?;
                ladder::write(&self.ladder, out)?;
            }
            (None, None) => {
                writeln!(out, "  same as       {}", self.command)?;
                ladder::write(&self.ladder, out)?;
            }
        }
        if let Some(why) = self.stays_because {
            writeln!(out, "  {why}")?;
        }
        self.tell_layers(out)?;
        if let Some(done) = &self.done {
            done.tell(self.mode, out)?;
        }
        Ok(())
    }

    fn tell_layers(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut with_some = self
            .layers
            .iter()
            .filter(|layer| layer.predicted != Some(0));
        let Some(first) = with_some.next() else {
            return Ok(());
        };
        let what = match self.mode {
            "negative" | "dentries" => "names are",
            _ => "names, inodes and pages are",
        };
        let state = if self.done.is_some() { "still " } else { "" };
        writeln!(
            out,
            "  this is an overlay: its {what} {state}cached once more in each layer, in the same slabs:"
        )?;
        for layer in iter::once(first).chain(with_some) {
            let predicted = layer.predicted.map_or("-".into(), count);
            writeln!(out, "  {predicted:>28}  {}", layer.command)?;
        }
        Ok(())
    }

    fn tell_what_stays(&self, out: &mut dyn Write) -> io::Result<()> {
        let (in_use, pinned) = (count(self.stays_in_use), count(self.stays_pinned));
        if self.mode != PruneMode::Pages.name() {
            let what = format!("in use, and {pinned} directories that hold them");
            writeln!(out, "  keeps         {in_use:>14}  {what}")?;
        }
        if self.stays_unused > 0 {
            let unused = count(self.stays_unused);
            let why = "unused, but not negative: --mode dentries evicts those too";
            writeln!(out, "                {unused:>14}  {why}")?;
        }
        let touches = [PruneMode::Inodes, PruneMode::Pages].map(PruneMode::name);
        let known = Option::unwrap_or_default;
        let dirty_files: u64 = known(self.dirty_files);
        if dirty_files > 0 && touches.contains(&self.mode) {
            let files = count(dirty_files);
            let sizes = [self.dirty_bytes, self.writeback_bytes];
            let [dirty, writing] = sizes.map(|size| bytes(known(size)));
            let what = match self.writeback {
                true => "dirty, written first",
                false => "dirty: --writeback writes them first",
            };
            let sizes = format!("{dirty} to write, {writing} being written");
            writeln!(out, "                {files:>14}  {what} ({sizes})")?;
        }
        let unsynced = known(self.unsynced);
        if unsynced > 0 && self.mode == PruneMode::Inodes.name() {
            let inodes = count(unsynced);
            let what = match self.writeback {
                true => "written, not synced yet: waited for first",
                false => "written, not synced yet: --writeback waits for them",
            };
            writeln!(out, "                {inodes:>14}  {what}")?;
        }
        let failed = known(self.failed_writes);
        if failed > 0 && touches.contains(&self.mode) {
            let (files, size) = (count(failed), bytes(known(self.failed_write_bytes)));
            let what = "with a failed write: kept, as memory may hold the only copy";
            writeln!(out, "                {files:>14}  {what} ({size})")?;
        }
        Ok(())
    }
}

/// Pages that are not on the disk yet.
fn unwritten(counters: &Counters) -> u64 {
    counters
        .dirty_pages
        .saturating_add(counters.writeback_pages)
}

impl Done {
    /// `expected` is in bytes of slab objects.
    pub fn new(
        outcome: &Outcome,
        expected: Option<u64>,
        before: &Figures,
        after: &Figures,
        mount: Option<&Mount>,
    ) -> Self {
        let page = rustix::param::page_size() as u64;
        let active = |cache: &Option<Cache>| cache.as_ref().and_then(|cache| cache.active);
        let size = |cache: &Option<Cache>| cache.as_ref().map(|cache| cache.size(page));
        Self {
            status: outcome.status.name(),
            freed: outcome.went(),
            inodes_evicted: outcome.inodes(),
            page_cache_freed_bytes: outcome.counters.pages_evicted.saturating_mul(page),
            busy: outcome.counters.busy,
            skipped_dirty: match outcome.mode.may_write() {
                true => outcome.counters.skipped_dirty,
                false => 0,
            },
            skipped_dirty_bytes: unwritten(&outcome.counters).saturating_mul(page),
            failed_writes: outcome.counters.write_failed,
            failed_write_bytes: outcome.counters.failed_pages.saturating_mul(page),
            unsynced: outcome.counters.unsynced,
            took_ns: u64::try_from(outcome.took.as_nanos()).unwrap_or(u64::MAX),
            dentry_active_objects_before: active(&before.dentry),
            dentry_active_objects_after: active(&after.dentry),
            dentry_slabs_before_bytes: size(&before.dentry),
            dentry_slabs_after_bytes: size(&after.dentry),
            inode_cache: before.inode.as_ref().map(|cache| cache.name.clone()),
            inode_active_objects_before: active(&before.inode),
            inode_active_objects_after: active(&after.inode),
            inode_slabs_before_bytes: size(&before.inode),
            inode_slabs_after_bytes: size(&after.inode),
            sreclaimable_before_bytes: before.sreclaimable,
            sreclaimable_after_bytes: after.sreclaimable,
            why_they_differ: why(outcome, expected, [before, after], mount, page),
        }
    }

    fn tell(&self, mode: &str, out: &mut dyn Write) -> io::Result<()> {
        let took = duration(Duration::from_nanos(self.took_ns));
        writeln!(
            out,
            "  freed         {:>14}  {}, took {took}",
            count(self.freed),
            self.status
        )?;
        let cache = bytes(self.page_cache_freed_bytes);
        if mode == PruneMode::Pages.name() {
            writeln!(out, "  page cache    {cache:>14}  freed")?;
        }
        if mode == PruneMode::Inodes.name() {
            let inodes = count(self.inodes_evicted);
            let more = format!("evicted, {cache} of page cache freed");
            writeln!(out, "  inodes        {inodes:>14}  {more}")?;
        }
        if self.skipped_dirty > 0 {
            let (files, size) = (count(self.skipped_dirty), bytes(self.skipped_dirty_bytes));
            writeln!(out, "  stayed dirty  {files:>14}  {size} to write")?;
        }
        if self.unsynced > 0 {
            let inodes = count(self.unsynced);
            let why = "stayed: written, but not synced yet; --writeback waits for that";
            writeln!(out, "  not synced    {inodes:>14}  {why}")?;
        }
        if self.failed_writes > 0 {
            let (files, size) = (count(self.failed_writes), bytes(self.failed_write_bytes));
            let why = format!("kept, with {size} of page cache: it may be the only copy");
            writeln!(out, "  failed write  {files:>14}  {why}")?;
        }
        let inodes = self.inode_cache.as_ref().map(|_| {
            [
                (
                    "inode objects",
                    self.inode_active_objects_before,
                    self.inode_active_objects_after,
                    count as fn(u64) -> String,
                ),
                (
                    "inode slabs",
                    self.inode_slabs_before_bytes,
                    self.inode_slabs_after_bytes,
                    bytes,
                ),
            ]
        });
        let dentries = [
            (
                "dentry objects",
                self.dentry_active_objects_before,
                self.dentry_active_objects_after,
                count as fn(u64) -> String,
            ),
            (
                "dentry slabs",
                self.dentry_slabs_before_bytes,
                self.dentry_slabs_after_bytes,
                bytes as fn(u64) -> String,
            ),
        ];
        let memory = (
            "SReclaimable",
            self.sreclaimable_before_bytes,
            self.sreclaimable_after_bytes,
            bytes as fn(u64) -> String,
        );
        let rows = dentries.into_iter().chain(inodes.into_iter().flatten());
        for (what, before, after, show) in rows.chain([memory]) {
            let known = |figure: Option<u64>| figure.map_or("-".into(), show);
            writeln!(out, "  {what:<14}{:>14} -> {}", known(before), known(after))?;
        }
        for why in &self.why_they_differ {
            writeln!(out, "  {why}")?;
        }
        Ok(())
    }
}

/// Why the freed number differs from the prediction, and bytes are not objects.
fn why(
    outcome: &Outcome,
    expected: Option<u64>,
    figures: [&Figures; 2],
    mount: Option<&Mount>,
    page: u64,
) -> Vec<String> {
    let freed = outcome.went();
    let complete = outcome.status == Status::Complete;
    let mut why = Vec::from_iter(difference(outcome.predicted, freed, complete));
    if outcome.counters.busy > 0 {
        let busy = count(outcome.counters.busy);
        why.push(format!("{busy} were being used or evicted by others"));
    }
    why.extend(pending(outcome.inodes(), figures[0], figures[1], mount));
    if outcome.mode == PruneMode::Pages {
        return why;
    }
    let expected = expected.and_then(|bytes| part_of(bytes, freed, outcome.predicted));
    why.extend(reasons(freed, expected, figures[0], figures[1], page));
    why
}
