//! The list on the screen, whichever it is: its rows, their names, and what a copy takes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::{Focus, Model, Names, Page, Screen};
use crate::base::shell::quoted;
use crate::base::text::{printable, printable_bytes};

/// A list that has the keys.
#[derive(Clone, Copy)]
enum List<'a> {
    Slabs,
    Mounts,
    Directory,
    Hotspots,
    Shapes(&'a Names),
    Names(&'a Names),
    Filesystems,
    Cgroups,
    Who,
    Journal,
}

impl Model {
    fn list(&self) -> List<'_> {
        match (self.screen, self.page, &self.names) {
            _ if self.who_is_shown() => List::Who,
            (Screen::Slabs, ..) => List::Slabs,
            (Screen::Tree, Some(Page::Hotspots), _) => List::Hotspots,
            (Screen::Tree, Some(Page::Names), Some(names)) => match names.focus {
                Focus::Shapes => List::Shapes(names),
                Focus::Names => List::Names(names),
            },
            (Screen::Tree, ..) if self.tree.stack.is_empty() => List::Mounts,
            (Screen::Tree, ..) => List::Directory,
            (Screen::Filesystems, ..) => List::Filesystems,
            (Screen::Cgroups, ..) => List::Cgroups,
            (Screen::History, ..) => List::Journal,
        }
    }

    /// Number of rows of the list on the screen, and the index of the selected one.
    pub fn rows(&self) -> (usize, usize) {
        match self.list() {
            List::Slabs => (self.slabs.rows.len(), self.slabs.at),
            List::Mounts => (self.tree.mounts().len(), self.tree.mount_index()),
            List::Directory => {
                let place = self.tree.place();
                place.map_or((0, 0), |place| (place.len(), place.index()))
            }
            List::Hotspots => (self.hotspots.rows().len(), self.hotspots.at),
            List::Shapes(names) => (names.shape_rows(), names.shape),
            List::Names(names) => (names.name_rows(), names.name),
            List::Filesystems => (self.filesystems.rows.len(), self.filesystems.index()),
            List::Cgroups => (self.cgroups.shown.len(), self.cgroups.index()),
            List::Who => (self.who.rows.len(), self.who.at),
            List::Journal => (self.journal.records.len(), self.journal.scroll),
        }
    }

    /// The name of a row, as a search matches it; None: it has none.
    pub fn row_name(&self, at: usize) -> Option<String> {
        Some(match self.list() {
            List::Slabs => printable(&self.line(at)?.cache.name),
            List::Mounts => printable(&self.tree.mounts().get(at)?.point),
            List::Directory => printable(self.tree.place()?.name_at(at)?),
            List::Hotspots => printable(&self.hotspots.rows().get(at)?.path),
            List::Shapes(names) => names.listing()?.shapes.shapes.get(at)?.to_string(),
            List::Names(names) => printable_bytes(names.name(at)?),
            List::Filesystems => self.filesystems.rows.get(at)?.name(),
            List::Cgroups => match self.cgroups.order.filter.is_none() {
                true => printable(self.cgroups.row(at)?.cgroup.name()),
                false => printable(self.cgroups.row(at)?.cgroup.full()),
            },
            List::Who => self.who.words(at)?,
            List::Journal => return None,
        })
    }

    /// The text that a copy of the selected row takes: its path, for a shell, or else its name.
    pub fn row_to_copy(&self) -> Option<String> {
        let (_, at) = self.rows();
        let path: PathBuf = match self.list() {
            List::Mounts => self.tree.mounts().get(at)?.point.clone(),
            List::Directory => {
                let place = self.tree.place()?;
                match place.name_at(at).filter(|name| !name.is_empty()) {
                    Some(name) => place.path.join(name),
                    None => place.path.clone(),
                }
            }
            List::Hotspots => self.hotspots.rows().get(at)?.path.clone(),
            List::Filesystems => self.filesystems.rows.get(at)?.mount().point.clone(),
            List::Cgroups => self.cgroups.mount.join(&self.cgroups.row(at)?.cgroup.path),
            List::Who => match &self.who.row(at)?.directory {
                Some(directory) => directory.path.clone()?,
                None => return Some(self.who.row(at)?.process.pid.to_string()),
            },
            List::Names(names) => names.path.join(OsStr::from_bytes(names.name(at)?)),
            List::Slabs | List::Shapes(_) | List::Journal => return self.row_name(at),
        };
        Some(quoted(path))
    }
}
