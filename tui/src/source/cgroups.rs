//! The memory controllers of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst, Linux 7.3). Each
//! figure of a cgroup counts its descendants in.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::memory_stat::{self, MemoryStat};
use super::{Cause, Kernel, Malformed, Mount, SourceError, excerpt, number, text, unreadable};
use crate::text::printable;

/// A cgroup.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cgroup {
    /// Below the mount of cgroup2; empty: the root.
    pub path: PathBuf,
    /// Its inode number: one that is made anew with the same path has another.
    pub id: u64,
    /// Where in [`Cgroups::all`] its parent is; None: it is the root.
    pub parent: Option<usize>,
    /// How many are above it.
    pub depth: usize,
    /// What its memory is used for; None: the controller is not enabled for it, and its memory
    /// counts as that of the next above for which it is.
    pub stat: Option<MemoryStat>,
    /// Bytes that count against its limits (memory.current); the root has none.
    pub current: Option<u64>,
    /// Bytes above which it is reclaimed, and then killed (memory.max); None: no limit.
    pub max: Option<u64>,
    /// Bytes above which it is slowed down and reclaimed (memory.high); None: no limit.
    pub high: Option<u64>,
    /// Percent of the last ten seconds in which some task of it waited for memory
    /// (memory.pressure); None: the kernel does not tell.
    pub pressure: Option<f64>,
}

/// Bytes of slabs of both kinds.
fn slab(stat: &MemoryStat) -> u64 {
    stat.slab_reclaimable
        .saturating_add(stat.slab_unreclaimable)
}

/// Of a limit from which on a cgroup is near it, in percent.
pub const NEAR: u64 = 90;

impl Cgroup {
    /// The lower of its own limits, and the file that sets it.
    pub fn limit(&self) -> Option<(u64, &'static str)> {
        let max = self.max.map(|max| (max, "memory.max"));
        let high = self.high.map(|high| (high, "memory.high"));
        max.into_iter().chain(high).min_by_key(|&(limit, _)| limit)
    }

    /// Percent of the lower limit that it uses.
    pub fn used(&self) -> Option<u64> {
        let (limit, _) = self.limit()?;
        crate::text::percent(self.current?, limit)
    }

    /// Whether it is near its limit, and more of its memory is slab than anything else.
    pub fn is_filled_by_slab(&self) -> bool {
        let near = self.used().is_some_and(|used| used >= NEAR);
        let most = |stat: &MemoryStat| slab(stat) > stat.file && slab(stat) > stat.anon;
        near && self.stat.as_ref().is_some_and(most)
    }

    /// The last part of its path; `/` of the root.
    pub fn name(&self) -> OsString {
        match self.path.file_name() {
            Some(name) => name.to_owned(),
            None => "/".into(),
        }
    }

    /// As one writes it: `/system.slice`.
    pub fn full(&self) -> PathBuf {
        Path::new("/").join(&self.path)
    }
}

/// All cgroups at one moment.
#[derive(Clone, Debug, Default)]
pub struct Cgroups {
    /// Where cgroup2 is mounted.
    pub mount: PathBuf,
    /// They, parents before their children.
    pub all: Vec<Cgroup>,
    /// How long reading them took.
    pub took: Duration,
}

impl Cgroups {
    /// The directory of a cgroup.
    pub fn directory(&self, cgroup: &Cgroup) -> PathBuf {
        if cgroup.path.as_os_str().is_empty() {
            return self.mount.clone();
        }
        self.mount.join(&cgroup.path)
    }
}

/// Why there are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CgroupsError {
    /// A file cannot be read or understood.
    #[error(transparent)]
    File(#[from] SourceError),
    /// There is no mount of it.
    #[error("cgroup2 is not mounted")]
    NotMounted,
    /// The older interface has the memory controller.
    #[error("the memory controller belongs to cgroup v1 here")]
    Version1,
    /// Nobody has it.
    #[error("{}: there is no memory controller among these cgroups", printable(.0))]
    NoMemory(PathBuf),
}

impl CgroupsError {
    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::File(error) => error.remedy(),
            Self::NotMounted => "mount -t cgroup2 none /sys/fs/cgroup",
            Self::Version1 => {
                "v1 tells no slab of a cgroup. Boot with systemd.unified_cgroup_hierarchy=1, or without systemd with cgroup_no_v1=memory"
            }
            Self::NoMemory(_) => {
                "boot without cgroup_disable=memory; in a container its host has to delegate the controller"
            }
        }
    }
}

/// Reads all cgroups. `goes_on` is asked between two; None: it said no.
pub fn read(
    root: &Path,
    goes_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Option<Cgroups>, CgroupsError> {
    let begin = Instant::now();
    let (mount, top) = find(root)?;
    let id = match fs::metadata(&top) {
        Ok(meta) => meta.ino(),
        Err(error) => return Err(unreadable(&top, &error).into()),
    };
    let mut all: Vec<Cgroup> = Vec::new();
    let mut waiting = vec![Cgroup {
        id,
        ..Cgroup::default()
    }];
    while let Some(cgroup) = waiting.pop() {
        if goes_on().is_break() {
            return Ok(None);
        }
        let directory = top.join(&cgroup.path);
        let Some(cgroup) = alive(filled(cgroup, &directory))? else {
            continue;
        };
        let children = alive(children(&cgroup, &directory, all.len()))?;
        waiting.extend(children.unwrap_or_default());
        all.push(cgroup);
    }
    let took = begin.elapsed();
    Ok(Some(Cgroups { mount, all, took }))
}

/// Where cgroup2 is mounted that has the memory controller, and where that is below `root`.
fn find(root: &Path) -> Result<(PathBuf, PathBuf), CgroupsError> {
    let mounts = Kernel::new(root).mounts()?;
    let below = |mount: &Mount| root.join(mount.point.strip_prefix("/").unwrap_or(&mount.point));
    let mut without = None;
    for mount in mounts.iter().filter(|mount| mount.fs == "cgroup2") {
        let top = below(mount);
        let path = top.join("cgroup.controllers");
        let controllers = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        if has_memory(&text(&controllers)) {
            return Ok((mount.point.clone(), top));
        }
        without = Some(mount.point.clone());
    }
    let version_1 = mounts.iter().any(|mount| mount.fs == "cgroup");
    Err(match without {
        _ if version_1 => CgroupsError::Version1,
        Some(point) => CgroupsError::NoMemory(point),
        None => CgroupsError::NotMounted,
    })
}

/// None for a cgroup that was removed while it was read.
fn alive<T>(result: Result<T, SourceError>) -> Result<Option<T>, SourceError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_gone(&error.cause) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An open file of a cgroup that is removed fails with ENODEV (fs/kernfs/file.c, Linux 7.3).
fn is_gone(cause: &Cause) -> bool {
    let gone = io::Error::from(Errno::NODEV).to_string();
    match cause {
        Cause::Unreadable(ErrorKind::NotFound, _) => true,
        Cause::Unreadable(_, text) => *text == gone,
        Cause::Malformed(_) => false,
    }
}

/// The cgroups directly below one, which has the index `parent`.
fn children(cgroup: &Cgroup, directory: &Path, parent: usize) -> Result<Vec<Cgroup>, SourceError> {
    let failed = |error: &io::Error| unreadable(directory, error);
    let mut children = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            children.push(Cgroup {
                path: cgroup.path.join(entry.file_name()),
                id: entry.ino(),
                parent: Some(parent),
                depth: cgroup.depth + 1,
                ..Cgroup::default()
            });
        }
    }
    Ok(children)
}

/// With what its files say.
fn filled(cgroup: Cgroup, directory: &Path) -> Result<Cgroup, SourceError> {
    let stat = optional(directory, "memory.stat", memory_stat::parse)?;
    if stat.is_none() {
        // Where the controller is not enabled none of its files is there.
        return Ok(cgroup);
    }
    Ok(Cgroup {
        stat,
        current: optional(directory, "memory.current", bytes)?,
        max: optional(directory, "memory.max", limit)?.flatten(),
        high: optional(directory, "memory.high", limit)?.flatten(),
        pressure: optional(directory, "memory.pressure", pressure)?,
        ..cgroup
    })
}

/// What a file says that not every cgroup has. With psi=0 that of the pressure cannot be read.
fn optional<T>(
    directory: &Path,
    name: &str,
    parse: fn(&str) -> Result<T, Malformed>,
) -> Result<Option<T>, SourceError> {
    let path = directory.join(name);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(Errno::OPNOTSUPP.raw_os_error()) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(&path, &error)),
    };
    match parse(&text(&bytes)) {
        Ok(value) => Ok(Some(value)),
        Err(malformed) => Err(SourceError {
            path,
            cause: malformed.into(),
        }),
    }
}

/// cgroup.controllers: names in one line (kernel/cgroup/cgroup.c: `cgroup_controllers_show()`).
fn has_memory(text: &str) -> bool {
    text.split_ascii_whitespace().any(|name| name == "memory")
}

/// memory.current: a figure (mm/memcontrol.c: `memory_current_read()`).
pub fn bytes(text: &str) -> Result<u64, Malformed> {
    let figure = text.trim_ascii_end();
    number(figure).ok_or_else(|| no_figure(1, "bytes", figure))
}

/// memory.max, memory.high: a figure, or `max` (mm/memcontrol.c: `seq_puts_memcg_tunable()`).
pub fn limit(text: &str) -> Result<Option<u64>, Malformed> {
    match text.trim_ascii_end() {
        "max" => Ok(None),
        _ => bytes(text).map(Some),
    }
}

/// memory.pressure: of `some` the mean of ten seconds (kernel/sched/psi.c: `psi_show()`).
pub fn pressure(text: &str) -> Result<f64, Malformed> {
    let mut fields = text.lines().next().unwrap_or_default().split(' ');
    let mean = match (fields.next(), fields.next()) {
        (Some("some"), Some(field)) => field.strip_prefix("avg10="),
        _ => None,
    };
    let mean = mean.ok_or_else(|| Malformed::new(1, "not some avg10="))?;
    let figure: Option<f64> = mean.parse().ok();
    let percent = figure.filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| no_figure(1, "avg10", mean))
}

fn no_figure(line: usize, name: &str, text: &str) -> Malformed {
    Malformed::new(line, format!("{name} is no figure: {}", excerpt(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_pressure() {
        assert_eq!(limit("max\n"), Ok(None));
        assert_eq!(limit("67108864\n"), Ok(Some(67_108_864)));
        assert_eq!(bytes("0\n"), Ok(0));
        let text = "some avg10=1.53 avg60=0.87 avg300=0.20 total=71329\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(pressure(text), Ok(1.53));
        for bad in ["", "\n", "Max\n", "-1\n", "18446744073709551616\n", "1 2\n"] {
            assert!(limit(bad).is_err(), "{bad:?}");
        }
        for bad in [
            "",
            "full avg10=0.00",
            "some avg60=0.00",
            "some avg10=NaN",
            "some avg10=101",
        ] {
            assert!(pressure(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn near_the_limit_because_of_slab() {
        let cgroup = |current, max, high, slab, file| Cgroup {
            stat: Some(MemoryStat {
                slab_reclaimable: slab,
                file,
                ..MemoryStat::default()
            }),
            current: Some(current),
            max,
            high,
            ..Cgroup::default()
        };
        assert!(cgroup(95, Some(100), None, 60, 30).is_filled_by_slab());
        assert!(cgroup(95, Some(1_000), Some(100), 60, 30).is_filled_by_slab());
        assert!(
            !cgroup(95, Some(100), None, 30, 60).is_filled_by_slab(),
            "files fill it"
        );
        assert!(
            !cgroup(80, Some(100), None, 60, 10).is_filled_by_slab(),
            "not near"
        );
        assert!(
            !cgroup(95, None, None, 60, 30).is_filled_by_slab(),
            "no limit"
        );
        let limited = cgroup(95, Some(100), Some(99), 60, 30);
        assert_eq!(limited.limit(), Some((99, "memory.high")));
        let zero = cgroup(95, Some(0), None, 60, 30);
        assert_eq!(zero.used(), None);
    }
}
