//! /sys/kernel/slab: a directory of small files for each cache, mode 0400 (mm/slub.c:
//! `slab_attrs`, Linux 7.3). Caches that were merged are links to one directory.
//!
//! Reading two attributes of every cache takes longer than all other interfaces together. So what
//! cannot change is read once for each name, and the rest only for the one cache that is looked
//! at closely.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{FIGURES, Files};
use super::{Cache, SourceError, unreadable};
use crate::base::filter::Filter;

/// Parent of the directories, below the root.
pub(crate) const DIRECTORY: &str = "sys/kernel/slab";

/// Whether a cache's pages count as SReclaimable or as SUnreclaim (mm/slub.c:
/// `SLAB_RECLAIM_ACCOUNT`, Linux 7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A shrinker can empty it.
    Reclaimable,
    /// No shrinker can.
    Unreclaimable,
    /// The kernel does not report it.
    #[default]
    Unknown,
}

impl Class {
    /// One letter, R or U; a dash where it is unknown.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Reclaimable => "R",
            Self::Unreclaimable => "U",
            Self::Unknown => "-",
        }
    }
}

/// The class of the attribute's text: `1` or `0`.
pub fn parse_class(text: &str) -> Class {
    match text.trim_end() {
        "1" => Class::Reclaimable,
        "0" => Class::Unreclaimable,
        _ => Class::Unknown,
    }
}

/// The directory of a cache. A cache's name is the kernel's, but it becomes part of a path: no name
/// leads elsewhere.
pub fn directory(root: &Path, cache: &str) -> Option<PathBuf> {
    below(cache).map(|path| root.join(path))
}

fn below(cache: &str) -> Option<PathBuf> {
    let safe = !cache.is_empty() && !cache.contains('/') && !cache.starts_with('.');
    safe.then(|| Path::new(DIRECTORY).join(cache))
}

/// Without sysfs or without permission the class is unknown and nothing else is lost.
pub fn read_class(files: &Files, cache: &str) -> Class {
    let path = below(cache).map(|path| path.join("reclaim_account"));
    let text = path.map(|path| files.read(path, FIGURES));
    match text {
        Some(Ok(text)) => parse_class(&String::from_utf8_lossy(&text)),
        _ => Class::Unknown,
    }
}

/// Which names stand for the same cache. The kernel merges caches of like objects into one (mm/
/// slab_common.c: `find_mergeable()`), which slabinfo shows under the name that came first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    groups: Vec<Vec<String>>,
    group: HashMap<String, usize>,
}

impl Merged {
    /// Of links, each a name and the directory it leads to.
    pub fn new(links: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut merged = Self::default();
        let mut targets = HashMap::new();
        let mut links: Vec<_> = links.into_iter().collect();
        links.sort();
        for (name, target) in links {
            let group = *targets.entry(target).or_insert_with(|| {
                merged.groups.push(Vec::new());
                merged.groups.len() - 1
            });
            merged.groups[group].push(name.clone());
            merged.group.insert(name, group);
        }
        merged
    }

    /// Whether a filter shows a cache, for its own name or one that is merged into it.
    pub fn matches(&self, cache: &str, filter: &Filter) -> bool {
        filter.fits(cache) || self.others(cache).any(|name| filter.fits(name))
    }

    /// The other names of a cache, from A.
    pub fn others<'a>(&'a self, cache: &'a str) -> impl Iterator<Item = &'a str> {
        let group = self.group.get(cache);
        let names = group.map_or(&[][..], |&group| &self.groups[group]);
        names
            .iter()
            .map(String::as_str)
            .filter(move |name| *name != cache)
    }
}

/// The links in sysfs; none where it cannot be read.
pub fn read_merged(files: &Files) -> Merged {
    let links = files.links(DIRECTORY).unwrap_or_default().into_iter();
    let links = links.filter_map(|(name, target)| {
        let name = name.to_string_lossy().into_owned();
        Some((name, target.file_name()?.to_string_lossy().into_owned()))
    });
    Merged::new(links)
}

/// What is read once for each name, and kept.
#[derive(Debug, Default)]
pub(super) struct Known {
    classes: HashMap<String, Class>,
    merged: Arc<Merged>,
}

impl Known {
    /// Reads what is new among the caches.
    pub(super) fn learn(&mut self, files: &Files, caches: &[Cache]) {
        let new: Vec<_> = caches
            .iter()
            .filter(|cache| !self.classes.contains_key(&cache.name))
            .collect();
        if new.is_empty() {
            return;
        }
        // Of a capture hardly any may be there, and a name is no reason to look for a file.
        let there: HashSet<_> = files
            .names(DIRECTORY)
            .unwrap_or_default()
            .into_iter()
            .collect();
        for cache in new {
            let class = if there.contains(OsStr::new(&cache.name)) {
                read_class(files, &cache.name)
            } else {
                Class::Unknown
            };
            self.classes.insert(cache.name.clone(), class);
        }
        self.merged = Arc::new(read_merged(files));
    }

    /// Adds what is known to the caches.
    pub(super) fn tell(&self, caches: &mut [Cache]) -> Arc<Merged> {
        for cache in caches {
            cache.class = self.classes.get(&cache.name).copied().unwrap_or_default();
        }
        Arc::clone(&self.merged)
    }
}

/// An attribute: its file, and what it says, in few words.
pub type Attribute = (&'static str, &'static str);

/// The attributes that a closer look shows, in this order. The kernel's version and configuration
/// decide which exist.
#[rustfmt::skip]
pub const ATTRIBUTES: &[Attribute] = &[
    ("object_size", "bytes that are asked for"),
    ("slab_size", "bytes that an object takes"),
    ("align", "bytes that objects are aligned to"),
    ("objs_per_slab", "objects in a slab"),
    ("order", "a slab is 2^order pages"),
    ("total_objects", "objects there is room for"),
    ("objects", "objects allocated"),
    ("objects_partial", "of those in partial slabs"),
    ("slabs", "slabs"),
    ("partial", "partial slabs on the nodes' lists"),
    ("cpu_slabs", "slabs held by CPUs; 0 from Linux 7.3"),
    ("slabs_cpu_partial", "objects (slabs) on CPUs; 0 from 7.2"),
    ("min_partial", "empty slabs kept for each node"),
    ("cpu_partial", "objects that a CPU may keep"),
    ("sheaf_capacity", "objects in a sheaf, a CPU's stock"),
    ("aliases", "caches merged into this one"),
    ("ctor", "run on each object of a new slab"),
    ("reclaim_account", "1: its pages are SReclaimable"),
    ("destroy_by_rcu", "1: slabs are freed an RCU period late"),
    ("hwcache_align", "1: aligned to cache lines"),
    ("cache_dma", "1: from memory for DMA"),
    ("usersize", "bytes that user space may be given"),
    ("remote_node_defrag_ratio", "readiness to take from other nodes"),
    ("store_user", "1: debugging: who allocated"),
    ("red_zone", "1: debugging: overruns"),
    ("poison", "1: debugging: use after free"),
    ("sanity_checks", "1: debugging: checks"),
    ("trace", "1: debugging: every call is logged"),
];

/// The attributes of one cache at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    values: Vec<(Attribute, String)>,
}

impl Attributes {
    /// Of the files' text, by name; names that are not in [`ATTRIBUTES`] are left out.
    pub fn new(text: impl Fn(&str) -> Option<String>) -> Self {
        let values = ATTRIBUTES.iter().filter_map(|&attribute| {
            let text = text(attribute.0)?;
            Some((attribute, text.trim_end().to_owned()))
        });
        Self {
            values: values.collect(),
        }
    }

    /// The attributes that exist, each with its text as the kernel writes it.
    pub fn iter(&self) -> impl Iterator<Item = (Attribute, &str)> {
        self.values
            .iter()
            .map(|(attribute, text)| (*attribute, text.as_str()))
    }

    /// The debugging options that are on of those that add to each object, by their files in sysfs.
    pub fn debugging(&self) -> Vec<&'static str> {
        let on = |name: &&str| self.number(name) == Some(1);
        ["red_zone", "poison", "store_user"]
            .into_iter()
            .filter(on)
            .collect()
    }

    /// Bytes that an object takes more than was asked for.
    pub fn overhead(&self) -> Option<u64> {
        let [asked, takes] = ["object_size", "slab_size"].map(|name| self.number(name));
        Some(takes?.saturating_sub(asked?))
    }

    /// An attribute that is a number; what follows it, figures for each node, is left out.
    pub fn number(&self, name: &str) -> Option<u64> {
        let (_, text) = self.iter().find(|((file, _), _)| *file == name)?;
        text.split_ascii_whitespace().next()?.parse().ok()
    }
}

/// All attributes of one cache. Counting objects takes the kernel a walk along the partial slabs
/// of the cache, so this is nothing to do at each sample.
pub fn read(root: &Path, cache: &str) -> Result<Attributes, SourceError> {
    let files = Files::new(root);
    let path = below(cache).ok_or_else(|| {
        let error = io::Error::new(io::ErrorKind::NotFound, "no directory has such a name");
        unreadable(&root.join(DIRECTORY), &error)
    })?;
    // A file that every kernel has shows why there are none.
    let probe = path.join("object_size");
    let found = files.read(&probe, FIGURES);
    found.map_err(|error| unreadable(&root.join(probe), &error))?;
    Ok(Attributes::new(|name| {
        let bytes = files.read(path.join(name), FIGURES).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_of_all_nodes_is_the_first() {
        let text = |name: &str| match name {
            "objects" => Some("39218 N0=39218\n".to_owned()),
            "ctor" => Some("init_once+0x0/0x60\n".to_owned()),
            "slabs_cpu_partial" => Some("56(7) C0=16(2)\n".to_owned()),
            _ => None,
        };
        let attributes = Attributes::new(text);
        assert_eq!(attributes.number("objects"), Some(39_218));
        assert_eq!(attributes.number("ctor"), None);
        assert_eq!(attributes.number("slabs_cpu_partial"), None);
        assert_eq!(attributes.number("order"), None, "not there");
        assert_eq!(attributes.iter().count(), 3);
    }

    #[test]
    fn debugging_that_adds_to_objects_is_named() {
        let text = |name: &str| match name {
            "object_size" => Some("1024\n".to_owned()),
            "slab_size" => Some("3072\n".to_owned()),
            "red_zone" | "store_user" => Some("1\n".to_owned()),
            "poison" => Some("0\n".to_owned()),
            _ => None,
        };
        let attributes = Attributes::new(text);
        assert_eq!(attributes.debugging(), ["red_zone", "store_user"]);
        assert_eq!(attributes.overhead(), Some(2_048));
        assert_eq!(Attributes::default().debugging(), [""; 0]);
    }

    #[test]
    fn links_to_one_directory_are_one_cache() {
        let link = |name: &str, to: &str| (name.to_owned(), to.to_owned());
        let merged = Merged::new([
            link("pid", ":A-0000192"),
            link("cred", ":A-0000192"),
            link("file_lock", ":0000192"),
            link("seq_file", ":A-0000192"),
        ]);
        let others: Vec<_> = merged.others("pid").collect();
        assert_eq!(others, ["cred", "seq_file"]);
        assert_eq!(merged.others("file_lock").count(), 0);
        assert_eq!(merged.others("dentry").count(), 0);
    }

    #[test]
    fn merged_name_finds_its_cache() {
        let link = |name: &str| (name.to_owned(), ":0000064".to_owned());
        let merged = Merged::new([link("iommu_iova"), link("jbd2_inode")]);
        assert!(merged.matches("iommu_iova", &Filter::new("jbd2")));
        assert!(merged.matches("iommu_iova", &Filter::new("~^jbd2_inode$")));
        assert!(!merged.matches("iommu_iova", &Filter::new("ext4")));
    }

    #[test]
    fn cache_name_leads_to_no_other_directory() {
        for name in ["", ".", "..", "../../../etc", "a/b", ".hidden"] {
            assert_eq!(directory(Path::new("/"), name), None, "{name}");
        }
        let path = directory(Path::new("/x"), "kmalloc-512");
        assert_eq!(path, Some("/x/sys/kernel/slab/kmalloc-512".into()));
    }

    #[test]
    fn class_of_malformed_text_is_unknown() {
        assert_eq!(parse_class("1\n"), Class::Reclaimable);
        assert_eq!(parse_class("0\n"), Class::Unreclaimable);
        for text in ["", "2", "yes", "\u{1b}[2J"] {
            assert_eq!(parse_class(text), Class::Unknown);
        }
    }
}
