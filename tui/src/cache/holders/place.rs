//! Where a path leads: to a directory of a filesystem, independent of mount namespaces.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crate::kernel::paths::{pid_of_root, root_of_process};
use crate::kernel::source::{Mount, files, mounts};

/// A file of a filesystem.
#[derive(Debug)]
pub(super) struct Place {
    /// Number of the superblock.
    superblock: Arc<str>,
    /// Its path from that filesystem's own root.
    path: PathBuf,
}

impl Place {
    /// Whether it is below another one.
    pub(super) fn is_below(&self, above: &Self) -> bool {
        self.superblock == above.superblock
            && self.path != above.path
            && self.path.starts_with(&above.path)
    }
}

/// The mounts of a namespace, by their points.
#[derive(Debug)]
pub(super) struct Mounts(HashMap<PathBuf, Mount>);

impl Mounts {
    /// Reads at most `left` bytes of text, and subtracts what was read.
    fn read(process: &Path, left: &mut u64) -> io::Result<Self> {
        let mut text = Vec::new();
        files::read_from(
            &mut File::open(process.join("mountinfo"))?,
            *left,
            &mut text,
        )?;
        *left -= text.len() as u64;
        let mounts = mounts::parse(&text).map_err(io::Error::other)?;
        let by_point = mounts.into_iter().map(|mount| (mount.point.clone(), mount));
        Ok(Self(by_point.collect()))
    }

    /// The place of an absolute path; None: it is no path, as `socket:[1]`.
    pub(super) fn place(&self, path: &Path) -> Option<Place> {
        let mount = path.ancestors().find_map(|above| self.0.get(above))?;
        let rest = path.strip_prefix(&mount.point).ok()?;
        Some(Place {
            superblock: mount.superblock.clone(),
            path: mount.root.join(rest),
        })
    }
}

/// The mount namespaces that were met, by their links in /proc.
#[derive(Debug)]
pub(super) struct Namespaces {
    known: HashMap<PathBuf, Rc<Mounts>>,
    /// Bytes of their text that may still be read. Anybody can make namespaces with 100,000 mounts
    /// of long paths each; the processes of those for which nothing is left are not looked at.
    left: u64,
}

impl Default for Namespaces {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            left: if cfg!(test) { 256 << 10 } else { 256 << 20 },
        }
    }
}

impl Namespaces {
    /// The mounts of a process, by its directory in /proc.
    pub(super) fn of(&mut self, process: &Path) -> io::Result<Rc<Mounts>> {
        let namespace = fs::read_link(process.join("ns/mnt"))?;
        if let Some(known) = self.known.get(&namespace) {
            return Ok(Rc::clone(known));
        }
        // Its list has the paths from its own root on, but links those from the namespace's.
        if fs::read_link(process.join("root"))? != Path::new("/") {
            return Err(io::Error::other("its root is not that of its mounts"));
        }
        let mounts = Rc::new(Mounts::read(process, &mut self.left)?);
        self.known.insert(namespace, Rc::clone(&mounts));
        Ok(mounts)
    }

    /// The place of a path as seen from here, or from the root of a process.
    pub(super) fn place(&mut self, proc: &Path, path: &Path) -> io::Result<Place> {
        let from_root = root_of_process(path);
        let of = from_root.and_then(|(root, rest)| Some((pid_of_root(root)?, rest)));
        let (mounts, path) = match of {
            Some((pid, rest)) => {
                let process = proc.join(pid.to_string());
                let root = fs::read_link(process.join("root"))?;
                (self.of(&process)?, root.join(rest))
            }
            None => (self.of(&proc.join("self"))?, path.to_owned()),
        };
        let place = mounts.place(&path);
        place.ok_or_else(|| io::Error::other("no mount leads to the directory"))
    }
}
