//! The rung of last resort: names cached as absent in a directory, removed without the module by
//! renaming one dangling symbolic link from name to name (`carousel::link`). It is the only rung
//! that writes to the filesystem: the program never chooses it, and its plan says what it writes.
//!
//! The directory's times stay as the renames leave them. Restoring the old ones would hide what
//! others change there meanwhile, from backups and from users who look at the time; a change too
//! many costs them one look.

pub mod leftover;
mod link;
pub mod names;
mod run;
pub(crate) mod unfit;

use std::fs::File;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::{Ended, Figure, Flow, Outcome, Ran, ReclaimError, Reclaimer, figure, machine};
use crate::base::shell::quoted;
use crate::base::text::{count, counted, printable};
use crate::cache::negatives::Names;
use crate::kernel::source::{Kernel, Mount, Mounted};
use crate::kernel::target::Target;
use crate::reclaim::audit::{Action, AuditEntry};
use run::{Run, Tally};

/// Options of the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Also in directories whose names matter to security.
    pub force: bool,
    /// On any type of filesystem, tested or not, if it is a local one.
    pub any_filesystem: bool,
    /// Upper bound on the number of names.
    pub max: Option<NonZeroU64>,
    /// Upper bound on the time.
    pub bound: Option<Duration>,
    /// File with the names, if no reader lists them.
    pub names_from: Option<PathBuf>,
}

/// Lists the names of a directory; None: the listing was ended.
pub type Lists<'a> = dyn FnMut(&Target) -> Result<Option<names::Listed>, ReclaimError> + 'a;

/// A directory, and its names to remove.
#[derive(Debug)]
pub struct Directory {
    /// The directory itself: none below it.
    pub target: Target,
    names: Names,
    /// Number of names that there was no room for.
    more: u64,
}

/// The plan.
#[derive(Debug)]
pub struct Plan {
    /// The one that was named, then the chosen ones below it.
    pub directories: Vec<Directory>,
    /// Options of the user.
    pub request: Request,
    mount: Option<Mount>,
    state: PathBuf,
    /// Bytes of a dentry.
    object: Option<u64>,
}

impl Plan {
    /// A plan without names, for a directory that allows it. `state`: where a link that a killed
    /// run leaves behind is recorded ([`leftover::directory`]).
    pub fn new(
        kernel: &mut Kernel,
        path: &Path,
        request: Request,
        state: Option<PathBuf>,
    ) -> Result<Self, ReclaimError> {
        let state = state.ok_or_else(|| {
            let why = "neither XDG_STATE_HOME nor HOME is set: a link that a kill leaves behind could not be found again";
            ReclaimError::Missing(why.into())
        })?;
        let mut plan = Self {
            directories: Vec::new(),
            mount: None,
            state,
            object: kernel
                .sample_bare()
                .cache("dentry")
                .map(|cache| cache.object_size),
            request,
        };
        plan.mount = plan.open(kernel, path)?;
        Ok(plan)
    }

    /// Adds a directory below the first one.
    pub fn and(&mut self, kernel: &Kernel, path: &Path) -> Result<(), ReclaimError> {
        self.open(kernel, path)?;
        // By the kernel's paths, not by the given ones.
        let place = |at: Option<&Directory>| at.map(|at| at.target.place().to_owned());
        let (first, this) = (
            place(self.directories.first()),
            place(self.directories.last()),
        );
        if this != first
            && this
                .zip(first)
                .is_some_and(|(this, first)| this.starts_with(first))
        {
            return Ok(());
        }
        self.directories.pop();
        Err(ReclaimError::Refused(format!(
            "{}: not below {}: only directories below the one that is shown can be chosen",
            printable(path),
            printable(self.path())
        )))
    }

    fn open(&mut self, kernel: &Kernel, path: &Path) -> Result<Option<Mount>, ReclaimError> {
        let refused = |why: String| ReclaimError::Refused(format!("{}: {why}", printable(path)));
        let any = self.request.any_filesystem;
        // Before the path is touched: a server that is gone would block it.
        let mounts = kernel.mounts()?;
        let unfit = |mount: &Mount| unfit::filesystem(mount, any);
        if let Some(why) = Mount::of(&mounts, path).and_then(unfit) {
            return Err(refused(why));
        }
        let target = open(path)?;
        let mount = Mounted::of(&kernel.mounted()?, &target.dir);
        if let Some(why) = mount.as_ref().and_then(unfit) {
            return Err(refused(why));
        }
        if let Some(why) = unfit::read_only(&target.dir) {
            return Err(refused(why.into()));
        }
        let sensitive = unfit::sensitive(&target, &unfit::searched());
        if let Some(why) = sensitive.filter(|_| !self.request.force) {
            return Err(refused(format!(
                "{why}, and each name would be there for an instant; --force overrides this"
            )));
        }
        if let Some(why) = unfit::layer(&target, &mounts).filter(|_| !self.request.force) {
            return Err(refused(format!("{why}; --force overrides this")));
        }
        self.directories.push(Directory {
            target,
            names: Names::default(),
            more: 0,
        });
        Ok(mount)
    }

    /// Lists the names to remove of each directory. None: `names` was ended.
    pub fn list(mut self, names: &mut Lists<'_>) -> Result<Option<Self>, ReclaimError> {
        for directory in &mut self.directories {
            let Some((names, more)) = names(&directory.target)? else {
                return Ok(None);
            };
            directory.names = names;
            directory.more = more;
        }
        Ok(Some(self))
    }

    /// Number of names to remove, within the bound.
    pub fn names(&self) -> u64 {
        let all: u64 = self
            .directories
            .iter()
            .map(|dir| dir.names.len() as u64)
            .sum();
        self.request.max.map_or(all, |max| all.min(max.get()))
    }

    fn more(&self) -> u64 {
        self.directories.iter().map(|dir| dir.more).sum()
    }

    /// Bytes of the dentries, and of names too long to be in them: at most, as the allocator rounds up.
    fn bytes(&self) -> Option<u64> {
        // The least that fits into a dentry, of all kernels (DNAME_INLINE_LEN), and what is before a name.
        const INLINE: usize = 32;
        const HEADER: usize = 32;
        let object = self.object?;
        let external = |name: &[u8]| match name.len() < INLINE {
            true => 0,
            false => (name.len() + HEADER).next_power_of_two() as u64,
        };
        let names = self.directories.iter().flat_map(|dir| dir.names.iter());
        let most = usize::try_from(self.names()).unwrap_or(usize::MAX);
        Some(names.take(most).map(|name| object + external(name)).sum())
    }
}

fn open(path: &Path) -> Result<Target, ReclaimError> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::LOOP | Errno::NOTDIR if path.is_symlink() => ReclaimError::Refused(format!(
            "{}: a symbolic link; name the directory that it leads to",
            printable(path)
        )),
        errno => ReclaimError::file(path, errno),
    })?;
    Ok(Target::of(path, dir.into()))
}

impl Reclaimer for Plan {
    fn name(&self) -> &'static str {
        "carousel"
    }

    fn path(&self) -> &Path {
        self.directories
            .first()
            .map_or(Path::new(""), |dir| &dir.target.path)
    }

    fn filesystem(&self) -> Option<&str> {
        self.mount.as_ref().map(|mount| &*mount.fs)
    }

    fn reach(&self) -> String {
        let others = self.directories.len().saturating_sub(1);
        match others {
            0 => "names cached as absent directly in this directory; none below it".into(),
            1 => "names cached as absent directly in this directory and 1 chosen below it".into(),
            n => format!(
                "names cached as absent directly in this directory and {} chosen below it",
                count(n as u64)
            ),
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!(
            "{} to remove, by renaming one dangling symbolic link to each and away again",
            counted(self.names(), "name")
        )];
        if self.more() > 0 {
            notes.push(format!(
                "{} more do not fit into one run: run it again",
                count(self.more())
            ));
        }
        notes.push(
            "it writes: the directory's mtime and ctime (not put back), the filesystem's journal"
                .into(),
        );
        notes.push(
            "programs that watch the directory (inotify, fanotify) get four events a name".into(),
        );
        notes.push(
            "each name exists for an instant, for lstat and in listings; a program that makes it then fails once \
             (EEXIST, ENOENT), or finds its file missing for an instant"
                .into(),
        );
        notes.push(
            "killed, it leaves one link behind, which the next start finds and removes".into(),
        );
        notes
    }

    fn command(&self) -> String {
        let mut command = "slabscope reclaim --carousel".to_owned();
        for directory in &self.directories {
            command += &format!(" {}", quoted(&directory.target.path));
        }
        if let Some(file) = &self.request.names_from {
            command += &format!(" --names {}", quoted(file));
        }
        if let Some(max) = self.request.max {
            command += &format!(" --max {max}");
        }
        if self.request.any_filesystem {
            command += " --any-filesystem";
        }
        if self.request.force {
            command += " --force";
        }
        command
    }

    fn measure(&self, kernel: &mut Kernel) -> Vec<Figure> {
        let mut figures = machine(kernel);
        let negative = kernel
            .dentry_state()
            .ok()
            .and_then(|state| state.lru_negative);
        let figure = Figure::count("negative_on_lru", "negative on LRU", negative);
        figures.insert(2.min(figures.len()), figure);
        figures
    }

    fn predicted(&self, now: &[Figure]) -> Option<u64> {
        Some(self.bytes()?.min(figure(now, "sreclaimable_bytes")?))
    }

    /// In names: slabs are freed only if no other object is left in them.
    fn record(&self, _: &[Figure]) -> AuditEntry {
        AuditEntry {
            filesystem: self.filesystem().map(str::to_owned),
            mode: Some(self.name()),
            also: self
                .directories
                .iter()
                .skip(1)
                .map(|also| also.target.place().to_owned())
                .collect(),
            ..AuditEntry::new(Action::Reclaim, self.path(), self.names())
        }
    }

    fn freed_bytes(&self, outcome: &Outcome) -> u64 {
        outcome.fell("sreclaimable_bytes").unwrap_or(0)
    }

    fn run(&self, flow: &mut Flow<'_>) -> Result<Ran, ReclaimError> {
        let mut run = Run {
            left: self.names(),
            of: self.names(),
            begin: Instant::now(),
            bound: self.request.bound,
            state: &self.state,
            tally: Tally::default(),
        };
        let mut ended = Ended::Complete;
        // Without a name there is nothing to make a link for.
        let directories = self.directories.iter().filter(|dir| !dir.names.is_empty());
        for directory in directories {
            let done = in_place(directory).and_then(|()| run.directory(directory, flow));
            ended = match done {
                // What was done in the directories before is reported.
                Err(error) if run.tally != Tally::default() => Ended::Failed(error.to_string()),
                done => done?,
            };
            if ended != Ended::Complete {
                break;
            }
        }
        if ended == Ended::Complete
            && self.names()
                < self
                    .directories
                    .iter()
                    .map(|dir| dir.names.len() as u64)
                    .sum()
        {
            ended = Ended::Bound;
        }
        Ok(Ran {
            ended,
            freed: None,
            went: Some(run.tally.gone),
            notes: run.tally.notes(),
        })
    }
}

/// Whether a directory is still the one that the plan was made for.
fn in_place(directory: &Directory) -> Result<(), ReclaimError> {
    let path = &directory.target.path;
    let now = open(path).ok();
    match now.is_some_and(|now| same(&now.dir, &directory.target.dir)) {
        true => Ok(()),
        false => Err(ReclaimError::Changed {
            path: path.clone(),
            what: "not the directory that the plan was made for".into(),
        }),
    }
}

fn same(one: &File, other: &File) -> bool {
    let id = |file: &File| rustix::fs::fstat(file).map(|stat| (stat.st_dev, stat.st_ino));
    id(one).is_ok_and(|one| id(other) == Ok(one))
}

#[cfg(test)]
mod tests;
