//! The path of a directory: from the numbers of its filesystem and inode, without looking a name
//! up.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, statx};

use super::handle;
use crate::kernel::reader::{self, Look};
use crate::kernel::session::Record;
use crate::kernel::source::Mount;
use crate::kernel::target::Target;

/// A directory as the kernel knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// Device number of the superblock, in the kernel's encoding. None: it is not known.
    pub dev: Option<u64>,
    /// Inode number.
    pub ino: Option<u64>,
    /// Its name; only where there are no numbers, since it can be renamed.
    pub name: Option<OsString>,
}

/// A directory that is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Its numbers or its name.
    pub identity: &'a Identity,
    /// Generation of its inode.
    pub generation: Option<u64>,
    /// A process that uses it.
    pub pid: u32,
}

/// The device number of a superblock as the kernel encodes it (include/linux/kdev_t.h, Linux 7.3).
pub fn device(mount: &Mount) -> Option<u64> {
    let (major, minor) = mount.superblock.split_once(':')?;
    Some(major.parse::<u64>().ok()? << 20 | minor.parse::<u64>().ok()?)
}

/// The directories whose path is known.
#[derive(Debug)]
pub struct Places {
    proc: PathBuf,
    mounts: Vec<Mount>,
    /// The mount points, opened, by device.
    opened: HashMap<u64, Option<(Mount, File)>>,
    known: HashMap<Identity, Known>,
    /// When the module was last asked, and how long that took.
    asked: Option<(Instant, Duration)>,
}

#[derive(Debug, Default)]
struct Known {
    path: Option<PathBuf>,
    /// How often it was looked for, and after how many readings it is next.
    tries: u32,
    wait: u32,
}

/// A directory is looked for this often, each time twice as many readings later.
const TRIES: u32 = 5;

/// The module is asked for at most this long, and a tenth of the time.
const CENSUS: Duration = Duration::from_secs(2);

impl Places {
    /// No directory is known.
    pub fn new(proc: &Path, mounts: Vec<Mount>) -> Self {
        Self {
            proc: proc.to_owned(),
            mounts,
            opened: HashMap::new(),
            known: HashMap::new(),
            asked: None,
        }
    }

    /// Looks for those that are not known yet.
    pub fn resolve<'a>(&mut self, wanted: impl Iterator<Item = Wanted<'a>>) {
        let mut left = Vec::new();
        for wanted in wanted {
            let identity = wanted.identity;
            let known = self.known.entry(identity.clone()).or_default();
            if known.path.is_some() || known.tries >= TRIES {
                continue;
            }
            if known.wait > 0 {
                known.wait -= 1;
                continue;
            }
            known.tries += 1;
            known.wait = 1 << known.tries;
            let path = self.look(&wanted);
            match path {
                Some(path) => self.found(identity, path),
                None => left.push(identity.clone()),
            }
        }
        if !left.is_empty() {
            self.census(&left);
        }
    }

    pub(super) fn found(&mut self, identity: &Identity, path: PathBuf) {
        if let Some(known) = self.known.get_mut(identity) {
            known.path = Some(path);
        }
    }

    /// Its path, if it is known.
    pub fn path(&self, identity: &Identity) -> Option<&Path> {
        self.known.get(identity)?.path.as_deref()
    }

    fn look(&mut self, wanted: &Wanted<'_>) -> Option<PathBuf> {
        let (dev, ino) = (wanted.identity.dev?, wanted.identity.ino?);
        let by_handle = self.by_handle(dev, ino, wanted.generation);
        by_handle.or_else(|| self.by_process(ino, wanted))
    }

    /// By a file handle, as far as the filesystem has simple ones.
    fn by_handle(&mut self, dev: u64, ino: u64, generation: Option<u64>) -> Option<PathBuf> {
        let mounts = &self.mounts;
        let opened = self.opened.entry(dev).or_insert_with(|| open(mounts, dev));
        let (mount, point) = opened.as_ref()?;
        if !handle::has_simple_handles(&mount.fs) {
            return None;
        }
        let generation = u32::try_from(generation?).ok()?;
        let directory = handle::open(point, &mount.fs, ino, generation).ok()?;
        let found = directory.metadata().ok()?;
        let link = self.proc.join(format!("self/fd/{}", directory.as_raw_fd()));
        let path = fs::read_link(link).ok()?;
        // A removed directory has no path, and one outside the mount has none that leads there.
        let is = found.ino() == ino && found.nlink() > 0 && path.starts_with(&mount.point);
        is.then_some(path)
    }

    /// By the files that the process has open, and its working directory.
    fn by_process(&self, ino: u64, wanted: &Wanted<'_>) -> Option<PathBuf> {
        let process = self.proc.join(wanted.pid.to_string());
        let files = fs::read_dir(process.join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        let links = [process.join("cwd"), process.join("root")];
        let links = links.into_iter().chain(files.map(|file| file.path()));
        let is = |link: &PathBuf| {
            // A server is not asked: the trace may be about that one.
            let flags = AtFlags::STATX_DONT_SYNC;
            let found = statx(CWD, link, flags, StatxFlags::TYPE | StatxFlags::INO).ok()?;
            let is_dir = FileType::from_raw_mode(found.stx_mode.into()).is_dir();
            let path = fs::read_link(link).ok()?;
            let mount = Mount::of(&self.mounts, &path);
            // Not the device that statx reports: that of btrfs and overlayfs is another one.
            let on = mount.and_then(device) == wanted.identity.dev;
            (is_dir && found.stx_ino == ino && on).then_some(path)
        };
        links.take(1024).find_map(|link| is(&link))
    }

    /// By a census, if one can be made: it has the inode number of each directory that is cached.
    fn census(&mut self, wanted: &[Identity]) {
        let due = self.asked.is_none_or(|(at, took)| at.elapsed() > 10 * took);
        if !due || reader::works().is_err() {
            return;
        }
        let begin = Instant::now();
        let mut devices: Vec<u64> = wanted.iter().filter_map(|wanted| wanted.dev).collect();
        devices.sort_unstable();
        devices.dedup();
        for dev in devices {
            let Some(mount) = whole(&self.mounts, dev).cloned() else {
                continue;
            };
            let wanted: HashMap<u64, &Identity> = wanted
                .iter()
                .filter(|wanted| wanted.dev == Some(dev))
                .filter_map(|wanted| Some((wanted.ino?, wanted)))
                .collect();
            for (identity, path) in in_census(&mount, &wanted, begin).unwrap_or_default() {
                self.found(&identity, path);
            }
        }
        self.asked = Some((Instant::now(), begin.elapsed()));
    }
}

/// The mount that shows a filesystem from its root, if there is one.
fn whole(mounts: &[Mount], dev: u64) -> Option<&Mount> {
    let of = || mounts.iter().filter(|mount| device(mount) == Some(dev));
    of().find(|mount| *mount.root == *Path::new("/"))
        .or_else(|| of().next())
}

fn open(mounts: &[Mount], dev: u64) -> Option<(Mount, File)> {
    let mount = whole(mounts, dev)?;
    // Where a server might be asked, nothing is.
    if mount.is_remote() {
        return None;
    }
    Some((mount.clone(), File::open(&mount.point).ok()?))
}

/// Those of the numbers `wanted` that are cached on the filesystem of a mount, with their paths.
fn in_census(
    mount: &Mount,
    wanted: &HashMap<u64, &Identity>,
    begin: Instant,
) -> Option<Vec<(Identity, PathBuf)>> {
    const DEPTH: u32 = 256;
    let target = Target::open_cached(&mount.point).ok()?;
    let mut session = reader::open()
        .ok()?
        .begin(target.dir.as_fd(), Look::Census { depth: DEPTH })
        .ok()?;
    let mut path = mount.point.clone();
    let mut found = Vec::new();
    let mut stopped = false;
    while let Some(record) = session.next() {
        match record.ok()? {
            Record::Enter { name, ino } => {
                path.push(name);
                if let Some(identity) = wanted.get(&ino) {
                    found.push(((*identity).clone(), path.clone()));
                }
            }
            Record::Leave { .. } => {
                path.pop();
            }
            _ => {}
        }
        if !stopped && (found.len() == wanted.len() || begin.elapsed() > CENSUS) {
            session.stop().ok()?;
            stopped = true;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::source::mounts;

    fn mounted() -> Vec<Mount> {
        mounts::parse(&fs::read("/proc/self/mountinfo").unwrap()).unwrap()
    }

    #[test]
    fn devices_are_encoded_as_in_the_kernel() {
        let mount = |superblock: &str| Mount {
            superblock: superblock.into(),
            ..Mount::default()
        };
        assert_eq!(device(&mount("254:16")), Some(254 << 20 | 16));
        assert_eq!(device(&mount("")), None);
    }

    #[test]
    fn directory_that_the_process_has_open_is_found_by_its_number() {
        let directory =
            crate::private::directory().join(format!("slabscope-place-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let directory = directory.canonicalize().unwrap();
        let held = File::open(&directory).unwrap();
        let mounts = mounted();
        let dev = device(Mount::of(&mounts, &directory).unwrap());
        let mut places = Places::new(Path::new("/proc"), mounts);
        let ino = held.metadata().unwrap().ino();
        let here = Identity {
            dev,
            ino: Some(ino),
            name: None,
        };
        let elsewhere = Identity {
            dev: Some(u64::MAX),
            ..here.clone()
        };
        let wanted = |identity| Wanted {
            identity,
            generation: None,
            pid: std::process::id(),
        };
        places.resolve([wanted(&here), wanted(&elsewhere)].into_iter());
        assert_eq!(places.path(&here), Some(&*directory));
        assert_eq!(places.path(&elsewhere), None);
        fs::remove_dir(directory).unwrap();
    }
}
