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
    /// counts as that of the next above for which it is; or [`Self::denied`].
    pub stat: Option<MemoryStat>,
    /// Its files may not be read.
    pub denied: bool,
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
    while let Some(mut cgroup) = waiting.pop() {
        if goes_on().is_break() {
            return Ok(None);
        }
        let directory = top.join(&cgroup.path);
        let is_root = cgroup.parent.is_none();
        match said(fill(&mut cgroup, &directory), is_root)? {
            Said::This(()) => {}
            Said::Denied => cgroup.denied = true,
            Said::Gone => continue,
        }
        let children = children(&cgroup, &directory, all.len());
        if let Said::This(children) = said(children, is_root)? {
            waiting.extend(children);
        }
        all.push(cgroup);
    }
    let took = begin.elapsed();
    Ok(Some(Cgroups { mount, all, took }))
}

/// Where cgroup2 is mounted that has the memory controller, and where that is below `root`.
pub(crate) fn find(root: &Path) -> Result<(PathBuf, PathBuf), CgroupsError> {
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

/// What one cgroup says.
#[derive(Debug, PartialEq, Eq)]
enum Said<T> {
    This(T),
    /// Whom it was delegated to keeps it to himself.
    Denied,
    /// It was removed while it was read.
    Gone,
}

/// One cgroup that says nothing leaves the others alone; where the root is not told none is.
fn said<T>(result: Result<T, SourceError>, is_root: bool) -> Result<Said<T>, SourceError> {
    match result {
        Ok(this) => Ok(Said::This(this)),
        Err(error) if is_gone(&error.cause) => Ok(Said::Gone),
        Err(error) if !is_root && is_denied(&error.cause) => Ok(Said::Denied),
        Err(error) => Err(error),
    }
}

fn is_denied(cause: &Cause) -> bool {
    matches!(cause, Cause::Unreadable(ErrorKind::PermissionDenied, _))
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

/// Takes in what its files say.
fn fill(cgroup: &mut Cgroup, directory: &Path) -> Result<(), SourceError> {
    cgroup.stat = optional(directory, "memory.stat", memory_stat::parse)?;
    if cgroup.stat.is_none() {
        // Where the controller is not enabled none of its files is there.
        return Ok(());
    }
    cgroup.current = optional(directory, "memory.current", bytes)?;
    cgroup.max = optional(directory, "memory.max", limit)?.flatten();
    cgroup.high = optional(directory, "memory.high", limit)?.flatten();
    cgroup.pressure = optional(directory, "memory.pressure", pressure)?;
    Ok(())
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
    fn one_that_says_nothing_leaves_the_others_alone() {
        let failed = |kind: ErrorKind| {
            let error = io::Error::from(kind);
            Err::<(), _>(unreadable(Path::new("/x/memory.stat"), &error))
        };
        let denied = || failed(ErrorKind::PermissionDenied);
        assert_eq!(said(denied(), false), Ok(Said::Denied));
        assert!(said(denied(), true).is_err(), "of the root it is told");
        assert_eq!(said(failed(ErrorKind::NotFound), false), Ok(Said::Gone));
        assert!(said(failed(ErrorKind::InvalidData), false).is_err());
        assert_eq!(said(Ok(7), true), Ok(Said::This(7)));
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
