//! Files that say what the program may do, or what it did: the configuration, the audit file. It may
//! run as root over directories of others, so these files are opened only if nobody but root and
//! the user of this process can have put them where they are, or written what they hold.
//!
//! The path is walked from the root, one name at a time, without following a link unseen. Each
//! directory and link on it has to belong to root or to this user, and no directory may let others
//! change what is in it; the sticky bit keeps others' hands off in /tmp. The file has to be a
//! regular one, so that nothing waits on a FIFO and no device is touched.

mod new_file;

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, mkdirat, openat, readlinkat, statat,
};
use rustix::io::Errno;

pub use new_file::{NewFile, replace};

/// Links that are followed on one path, as many as the kernel follows (path_resolution(7)).
const MOST_LINKS: u32 = 40;

/// What others may do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    /// They may read it.
    Read,
    /// Nothing.
    Nothing,
}

/// Reads a whole file that others may read and not write. Not found: there is none.
pub fn read(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    let file = open_at(&Place::find(path, false)?, OFlags::RDONLY, Others::Read)?;
    let mut bytes = Vec::new();
    file.take(most_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most_bytes {
        let most = crate::base::text::bytes(most_bytes);
        return Err(io::Error::other(format!("it holds more than {most}")));
    }
    Ok(bytes)
}

/// Opens a file for reading that nobody else may even read. Not found: there is none.
pub fn open_private(path: &Path) -> io::Result<File> {
    open_at(&Place::find(path, false)?, OFlags::RDONLY, Others::Nothing)
}

/// Opens a file for appending that nobody else may even read. It is made if need be, and so are the
/// directories above it. It has no other name and is no link: what is appended to it is appended to
/// nothing else.
pub fn append_private(path: &Path) -> io::Result<File> {
    let place = Place::find(path, true)?;
    if let Some(why) = place.foreign {
        return Err(io::Error::other(why));
    }
    let flags = OFlags::RDWR | OFlags::APPEND;
    let opened = match open_at(&place, flags, Others::Nothing) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Another slabscope may make it at the same time: then it is there.
            let made = openat(
                &place.dir,
                &place.name,
                flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::RUSR | Mode::WUSR,
            );
            match made {
                Err(Errno::EXIST) => open_at(&place, flags, Others::Nothing),
                made => Ok(made?.into()),
            }
        }
        opened => opened,
    };
    let file = opened?;
    match fstat(&file)?.st_nlink {
        1 => Ok(file),
        links => Err(io::Error::other(format!(
            "it has {links} names (hard links): what is written to it is written to the other, too"
        ))),
    }
}

/// The directory at `path`, to put files of ours into, which may belong to somebody else. It is
/// reached over no link of somebody else's: that could lead into any directory where only root
/// writes. `make`: what is missing is made.
pub fn directory(path: &Path, make: bool) -> io::Result<OwnedFd> {
    let mut walk = Walk::new(path)?;
    while let Some(name) = walk.left.pop_front() {
        let stat = statat(&walk.dir, &name, AtFlags::SYMLINK_NOFOLLOW);
        match stat {
            Ok(stat) if is_link(&stat) => {
                walk.follow(&name, &stat)?;
                if let Some(why) = walk.foreign_link.take() {
                    return Err(io::Error::other(why));
                }
            }
            Err(Errno::NOENT) if make => {
                match mkdirat(&walk.dir, &name, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(Errno::EXIST) => walk.enter(&name)?,
                    Err(errno) => return Err(errno.into()),
                }
            }
            Err(errno) => return Err(errno.into()),
            Ok(_) => walk.enter(&name)?,
        }
    }
    Ok(walk.dir.into())
}

fn is_link(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
}

/// Opens what is there, without waiting for anybody, and looks at what was opened.
fn open_at(place: &Place, flags: OFlags, others: Others) -> io::Result<File> {
    let found = statat(&place.dir, &place.name, AtFlags::SYMLINK_NOFOLLOW)?;
    if let Some(why) = &place.foreign {
        return Err(io::Error::other(why.clone()));
    }
    // Before it is opened: opening a device may have effects.
    regular(&found)?;
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(openat(&place.dir, &place.name, flags, Mode::empty())?);
    let stat = fstat(&file)?;
    regular(&stat)?;
    let us = rustix::process::geteuid().as_raw();
    match unfit(&stat, us, others) {
        Some(why) => Err(io::Error::other(why)),
        None => Ok(file),
    }
}

fn regular(stat: &Stat) -> io::Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Symlink => Err(io::Error::other("it is a symbolic link")),
        _ => Err(io::Error::other("not a regular file")),
    }
}

/// Why a file is refused: another user can have written it, or may read what they must not.
fn unfit(stat: &Stat, us: u32, others: Others) -> Option<String> {
    let (owner, mode) = (stat.st_uid, stat.st_mode & 0o777);
    let (forbidden, mend) = match others {
        Others::Read => (0o022, "chmod go-w"),
        Others::Nothing => (0o077, "chmod 600"),
    };
    if !is_ours(owner, us) {
        return Some(format!("belongs to user {owner}, not to {us}"));
    }
    (mode & forbidden != 0).then(|| format!("open to others, mode {mode:o}: run {mend}"))
}

fn is_ours(owner: u32, us: u32) -> bool {
    owner == us || owner == 0
}

/// The place of a file that exists or would be made.
struct Place {
    /// The directory that holds it.
    dir: File,
    name: OsString,
    /// Why another user decides what is there.
    foreign: Option<String>,
}

impl Place {
    /// Walks to the last name of `path`. `make`: directories that are missing are made, for this
    /// user alone, and nothing is made where somebody else decides.
    fn find(path: &Path, make: bool) -> io::Result<Self> {
        let invalid = || io::Error::from(Errno::INVAL);
        if !path.is_absolute() {
            return Err(invalid());
        }
        let mut walk = Walk::new(path)?;
        loop {
            let name = walk.left.pop_front().ok_or_else(invalid)?;
            let stat = statat(&walk.dir, &name, AtFlags::SYMLINK_NOFOLLOW);
            match stat {
                Ok(stat) if is_link(&stat) => {
                    // What is written goes to no file that a link names.
                    if make && walk.left.is_empty() {
                        return Ok(walk.ends_at(name));
                    }
                    walk.follow(&name, &stat)?;
                }
                Err(Errno::NOENT) if walk.named && walk.left.is_empty() => return Err(nowhere()),
                _ if walk.left.is_empty() => return Ok(walk.ends_at(name)),
                Err(Errno::NOENT) if make => {
                    if let Some(why) = walk.foreign {
                        return Err(io::Error::other(why));
                    }
                    match mkdirat(&walk.dir, &name, Mode::RWXU) {
                        Ok(()) | Err(Errno::EXIST) => walk.enter(&name)?,
                        Err(errno) => return Err(errno.into()),
                    }
                }
                // There is a name for a file, and what the file says is not known.
                Err(Errno::NOENT) if walk.named => return Err(nowhere()),
                Err(errno) => return Err(errno.into()),
                Ok(_) => walk.enter(&name)?,
            }
        }
    }
}

fn nowhere() -> io::Error {
    io::Error::other("it is a symbolic link that leads nowhere")
}

/// A walk to a place.
struct Walk {
    dir: File,
    /// The path so far, for messages.
    path: PathBuf,
    left: VecDeque<OsString>,
    links: u32,
    foreign: Option<String>,
    foreign_link: Option<String>,
    /// The file's own name is a link, which was followed.
    named: bool,
    us: u32,
}

impl Walk {
    fn new(path: &Path) -> io::Result<Self> {
        let mut walk = Self {
            dir: root()?,
            path: PathBuf::from("/"),
            left: names(path).collect(),
            links: 0,
            foreign: None,
            foreign_link: None,
            named: false,
            us: rustix::process::geteuid().as_raw(),
        };
        walk.judge()?;
        Ok(walk)
    }

    fn ends_at(self, name: OsString) -> Place {
        Place {
            dir: self.dir,
            name,
            foreign: self.foreign,
        }
    }

    fn enter(&mut self, name: &OsStr) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.dir = openat(&self.dir, name, flags, Mode::empty())?.into();
        match name == ".." {
            true => drop(self.path.pop()),
            false => self.path.push(name),
        }
        self.judge()
    }

    fn follow(&mut self, name: &OsStr, link: &Stat) -> io::Result<()> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Errno::LOOP.into());
        }
        let path = self.path.join(name);
        self.named |= self.left.is_empty();
        if !is_ours(link.st_uid, self.us) {
            let what = format!("the link {}", crate::base::text::printable(&path));
            let why = format!("{what} belongs to user {}", link.st_uid);
            self.foreign_link.get_or_insert(why.clone());
            self.blame(why);
        }
        let target = readlinkat(&self.dir, name, Vec::new())?;
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        for name in names(&target).collect::<Vec<_>>().into_iter().rev() {
            self.left.push_front(name);
        }
        if target.is_absolute() {
            self.dir = root()?;
            self.path = PathBuf::from("/");
        }
        Ok(())
    }

    /// Checks the directory that was entered.
    fn judge(&mut self) -> io::Result<()> {
        let stat = fstat(&self.dir)?;
        let (owner, mode) = (stat.st_uid, stat.st_mode & 0o7777);
        let what = || format!("the directory {}", crate::base::text::printable(&self.path));
        let sticky = mode & 0o1000 != 0;
        if !is_ours(owner, self.us) {
            let us = self.us;
            self.blame(format!("{} belongs to user {owner}, not to {us}", what()));
        } else if mode & 0o022 != 0 && !sticky && !self.is_own_group(&stat) {
            let mode = mode & 0o777;
            self.blame(format!(
                "{} is open to others, mode {mode:o}: run chmod go-w",
                what()
            ));
        }
        Ok(())
    }

    /// Of a user with a group of their own, which may write by their umask. Root has none.
    fn is_own_group(&self, stat: &Stat) -> bool {
        let group = rustix::process::getegid().as_raw();
        self.us != 0 && stat.st_uid == self.us && stat.st_gid == group && stat.st_mode & 0o002 == 0
    }

    fn blame(&mut self, why: String) {
        self.foreign.get_or_insert(why);
    }
}

fn root() -> io::Result<File> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(CWD, "/", flags, Mode::empty())?.into())
}

fn names(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests;
