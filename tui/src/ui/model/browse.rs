//! A directory by readdir alone, without a reader that counts.

use std::ffi::OsString;
use std::time::Duration;

use super::tree_columns::TreeColumn;
use super::tree_order::Order;
use crate::base::text::printable;
use crate::kernel::page_cache::Unknown;
use crate::kernel::readdir::{Entries, Entry, Kind};
use crate::kernel::target::LookError;

/// State of reading a directory.
#[derive(Debug)]
pub enum Browse {
    /// It is being read.
    Reading {
        /// Number of the worker's job.
        job: u64,
    },
    /// It was read.
    Read(Listed),
    /// It cannot be read.
    Failed(LookError),
}

/// The names of a directory.
#[derive(Debug)]
pub struct Listed {
    /// The names, in order, the shown ones in front.
    pub found: Entries,
    /// When they were read.
    pub at: Duration,
    /// Number of the worker's job that reads their page cache.
    pub asking: Option<u64>,
    shown: usize,
}

impl Listed {
    /// The names, not sorted yet.
    pub fn new(found: Entries, at: Duration) -> Self {
        Self {
            found,
            at,
            asking: None,
            shown: 0,
        }
    }

    /// The names shown.
    pub fn entries(&self) -> &[Entry] {
        &self.found.entries[..self.shown]
    }

    /// Index of a name; of the first if it is gone.
    pub fn index(&self, name: Option<&OsString>) -> usize {
        let mut entries = self.entries().iter();
        let found = entries.position(|entry| Some(&entry.name) == name);
        found.unwrap_or(0)
    }

    /// Names of the regular files that can be reached by what is cached.
    pub fn files(&self) -> Vec<OsString> {
        let entries = self.found.entries.iter();
        let files = entries.filter(|entry| entry.kind == Kind::File && entry.cached);
        files.map(|entry| entry.name.clone()).collect()
    }

    /// Stores the bytes of page cache that were found.
    pub fn answer(&mut self, mut pages: Vec<(OsString, Result<u64, Unknown>)>) {
        self.asking = None;
        pages.sort_by(|a, b| a.0.cmp(&b.0));
        for entry in &mut self.found.entries {
            entry.pages = match pages.binary_search_by(|(name, _)| name.cmp(&entry.name)) {
                Ok(at) => Some(pages[at].1),
                Err(_) if entry.kind == Kind::File => Some(Err(Unknown::NotCached)),
                Err(_) => None,
            };
        }
    }

    /// Bytes of page cache of all files whose figure is known, if it was requested.
    pub fn pages(&self) -> Option<u64> {
        let mut asked = self.found.entries.iter().filter_map(|entry| entry.pages);
        let first = asked.next()?.unwrap_or(0);
        Some(asked.fold(first, |sum, pages| sum.saturating_add(pages.unwrap_or(0))))
    }

    /// Sorts the names, those that `order` shows in front: by page cache, or else by name.
    pub fn arrange(&mut self, order: &Order) {
        let all = std::mem::take(&mut self.found.entries);
        let shows =
            |entry: &Entry| order.filter.is_none() || order.filter.fits(&printable(&entry.name));
        let (mut shown, hidden): (Vec<_>, Vec<_>) = all.into_iter().partition(shows);
        shown.sort_unstable_by(|a, b| {
            let last = |entry: &Entry| order.directories_first && entry.kind != Kind::Directory;
            let pages = |entry: &Entry| match order.sort {
                TreeColumn::Pages => entry.pages.and_then(Result::ok),
                _ => None,
            };
            let sorted = pages(b).cmp(&pages(a)).then_with(|| a.name.cmp(&b.name));
            let sorted = if order.reverse {
                sorted.reverse()
            } else {
                sorted
            };
            last(a).cmp(&last(b)).then(sorted)
        });
        self.shown = shown.len();
        shown.extend(hidden);
        self.found.entries = shown;
    }
}
