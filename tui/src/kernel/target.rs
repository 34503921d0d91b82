//! The directory that a walk begins at.

use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, StatxFlags};
use rustix::io::Errno;

use crate::base::text::{printable, reason};
use crate::kernel::paths::{self, Kind};
use crate::kernel::reach::{self, Unreached};
use crate::kernel::session::SessionError;
use crate::kernel::source::mounts;

/// Why what is cached below a directory could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The directory cannot be opened.
    #[error("{}: {}", printable(.path), reason(.source))]
    Open {
        /// The directory.
        path: PathBuf,
        /// The system call's error.
        source: io::Error,
    },
    /// Getting there would take a lookup.
    #[error(
        "{}: not cached, missing, or the filesystem revalidates every name", printable(.path)
    )]
    NotCached {
        /// The directory.
        path: PathBuf,
        /// How many names at the end of its path are not known to be cached.
        names: usize,
    },
    /// A server had to be asked on the way there, and did not answer until the wait was ended.
    #[error("{}: its filesystem did not answer before the wait was stopped{}", printable(.path), reach::still_waits(*.left))]
    Unanswered {
        /// The directory.
        path: PathBuf,
        /// The process that the kernel keeps waiting.
        left: Option<u32>,
    },
    /// A symbolic link, which nothing is cached below.
    #[error("{}: a symbolic link; name the directory that it leads to{}", printable(.0), to(.1.as_deref()))]
    Link(PathBuf, Option<PathBuf>),
    /// Something else than a directory.
    #[error("{}: not a directory", printable(.0))]
    NoDirectory(PathBuf),
    /// The reader refused or failed.
    #[error(transparent)]
    Session(#[from] SessionError),
}

fn to(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!(": {}", printable(path)))
}

impl LookError {
    /// Nothing is at the path.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Open { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// A directory to look below or prune below: its path for messages, and the directory itself, held
/// open (`O_PATH`) so that no other can take its place.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it was when it was opened.
    pub path: PathBuf,
    /// The directory.
    pub dir: Arc<File>,
    /// The kernel's path of it when it was opened, symbolic links resolved.
    place: Option<PathBuf>,
}

impl Target {
    /// Of a directory that is open already.
    pub fn of(path: &Path, dir: File) -> Self {
        Self {
            path: path.into(),
            place: paths::place(&dir).ok(),
            dir: Arc::new(dir),
        }
    }

    /// The kernel's path of it when it was opened, symbolic links resolved. None: without /proc
    /// that is not known.
    pub fn known_place(&self) -> Option<&Path> {
        self.place.as_deref()
    }

    /// The same; without /proc, the path as it was given.
    pub fn place(&self) -> &Path {
        self.place.as_deref().unwrap_or(&self.path)
    }

    /// Opens a directory by what is cached of it alone: nothing is looked up on the disk, and no
    /// server asked, so that looking does not fill the cache looked at.
    pub fn open_cached(path: &Path) -> Result<Self, LookError> {
        let opened = paths::cached(path, Kind::Directory);
        Self::opened(path, opened.map_err(Unreached::from))
    }

    /// Opens a directory that is known to be cached. Where the filesystem has names asked for anew
    /// at each use, so that the above fails, the path is looked up as any program would: what is
    /// cached of it is used. A server that does not answer is waited for as long as `flow` says.
    pub fn open(path: &Path, flow: &mut dyn FnMut() -> ControlFlow<()>) -> Result<Self, LookError> {
        Self::opened(path, reach::open(path, Kind::Directory, flow))
    }

    /// [`Self::open`] if the path may be looked up, else [`Self::open_cached`].
    pub fn open_if(
        path: &Path,
        lookup: bool,
        flow: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Self, LookError> {
        match lookup {
            true => Self::open(path, flow),
            false => Self::open_cached(path),
        }
    }

    fn opened(path: &Path, opened: Result<OwnedFd, Unreached>) -> Result<Self, LookError> {
        match opened {
            Ok(dir) => Ok(Self::of(path, dir.into())),
            Err(Unreached::Ended(left)) => Err(LookError::Unanswered {
                path: path.into(),
                left,
            }),
            Err(Unreached::Refused(source)) => Err(match Errno::from_io_error(&source) {
                Some(Errno::AGAIN) => LookError::NotCached {
                    path: path.into(),
                    names: paths::not_cached(path),
                },
                Some(Errno::NOTDIR | Errno::LOOP) => no_directory(path),
                _ => LookError::Open {
                    path: path.into(),
                    source,
                },
            }),
        }
    }

    /// Whether the path still leads to this directory, as far as the kernel itself knows: a server is
    /// not asked, since it may be that the prune is for.
    pub(crate) fn is_in_place(&self) -> Result<bool, LookError> {
        let error = |source: io::Error| LookError::Open {
            path: self.path.clone(),
            source,
        };
        // Moved or removed. Without /proc this is not known; the path decides then.
        if self.place.is_some() && paths::place(&self.dir).ok() != self.place {
            return Ok(false);
        }
        match Self::open_cached(&self.path) {
            Ok(there) => {
                let same = paths::is_same(there.dir.as_fd(), self.dir.as_fd());
                same.map_err(|errno| error(errno.into()))
            }
            // Names on the way have to be asked for anew: then nothing may be mounted over it.
            Err(LookError::NotCached { .. }) => Ok(self.is_uppermost().unwrap_or(false)),
            Err(LookError::Open { source, .. }) if source.kind() != io::ErrorKind::NotFound => {
                Err(error(source))
            }
            Err(_) => Ok(false),
        }
    }

    /// Whether the path of it leads to the mount that it is on. None: it is not known.
    fn is_uppermost(&self) -> Option<bool> {
        let own = paths::mount_id(&self.dir).ok()??;
        let all = mounts::parse_all(&fs::read("/proc/self/mountinfo").ok()?).ok()?;
        let Some(own) = all.iter().find(|mounted| mounted.id == own) else {
            // Of another namespace, reached by the root of a process.
            return Some(true);
        };
        let place = self.place.as_deref()?;
        let above = all.iter().filter(|on| place.starts_with(&on.mount.point));
        // Of mounts over one another the last is the uppermost.
        let last = above.max_by_key(|on| on.mount.point.as_os_str().len());
        last.map(|last| last.id == own.id)
    }
}

/// The error for what is there instead; of a symbolic link, with its target.
fn no_directory(path: &Path) -> LookError {
    use rustix::fs::{CWD, OFlags, ResolveFlags};
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let link = paths::open_at(CWD, path, flags, ResolveFlags::CACHED);
    let is_link = link.and_then(|link| paths::stat(link, StatxFlags::TYPE));
    let is_link =
        is_link.is_ok_and(|stat| FileType::from_raw_mode(stat.stx_mode.into()).is_symlink());
    let to = paths::cached(path, Kind::LinkedDirectory).ok();
    match is_link {
        true => LookError::Link(path.into(), to.and_then(|to| paths::place(to).ok())),
        false => LookError::NoDirectory(path.into()),
    }
}
