//! The symbolic link that goes from name to name.
//!
//! A rename onto a name that is cached as absent drops that negative dentry (fs/dcache.c:
//! `d_move()`, Linux 7.3), and the rename back to a name of the link's own takes the name away again. The link
//! dangles, so that stat(2) and open(2) of the name say ENOENT meanwhile as they did before; lstat(2), readdir(3)
//! and O_EXCL meet it for an instant.
//!
//! rename(2) goes by names: a program that puts a file of its own in the link's place in that instant may have
//! its file renamed. So it is only ever renamed to the link's own name, which nobody else writes to, is looked at
//! there, and gets its name back at once. From name to name it would land where others write, and be replaced.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, Stat};
use rustix::fs::{fstat, openat, renameat_with, statat, symlinkat, unlinkat};
use rustix::io::Errno;

use super::leftover::Token;

/// The outcome for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is not cached as absent any more.
    Gone,
    /// There is a file of this name by now.
    Exists,
    /// The filesystem does not take such a name.
    Unfit,
    /// Another program removed or replaced the link: a new link is needed.
    Lost,
    /// Another program moved the link, to this path: a new link is needed.
    Moved(PathBuf),
    /// Another program's file was renamed in the link's place, and got its name back at once.
    PutBack,
    /// Another program's file was renamed in the link's place, and yet another file has taken its
    /// name meanwhile: it has the link's own name now.
    Displaced {
        /// The name that the file had.
        from: OsString,
        /// The name that the file has.
        to: OsString,
    },
}

/// The link in one directory.
#[derive(Debug)]
pub(super) struct Link<'a> {
    dir: &'a File,
    /// Holds its dentry, so that the last name is no negative dentry either, once it is removed.
    held: OwnedFd,
    id: (u64, u64),
    /// The link's current name.
    at: OsString,
    /// The name that is its own.
    own: OsString,
    gone: bool,
}

impl<'a> Link<'a> {
    /// Makes it, under a name of its own.
    pub(super) fn place(dir: &'a File, token: &Token) -> Result<Self, Errno> {
        let own = token.name();
        symlinkat(token.target(), dir, &own)?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = openat(dir, &own, flags, Mode::empty());
        let stat = held.and_then(|held| Ok((id(&fstat(&held)?), held)));
        match stat {
            Ok((id, held)) => Ok(Self {
                dir,
                held,
                id,
                at: own.clone(),
                own,
                gone: false,
            }),
            Err(errno) => {
                let _ = unlinkat(dir, &own, AtFlags::empty());
                Err(errno)
            }
        }
    }

    /// Renames the link onto a name and away again. An error: it would be the same with any other
    /// name.
    pub(super) fn step(&mut self, name: &OsStr) -> Result<Step, Errno> {
        match self.lay(name)? {
            Step::Gone => self.fetch(name),
            step => Ok(step),
        }
    }

    /// Renames it onto a name.
    pub(super) fn lay(&mut self, name: &OsStr) -> Result<Step, Errno> {
        match self.rename(&self.own.clone(), name) {
            Ok(()) => {
                self.at = name.into();
                Ok(Step::Gone)
            }
            Err(Errno::EXIST) => Ok(Step::Exists),
            Err(Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ) => Ok(Step::Unfit),
            Err(Errno::NOENT) => Ok(self.lost()),
            Err(errno) => Err(errno),
        }
    }

    /// Renames it back to its own name.
    fn fetch(&mut self, name: &OsStr) -> Result<Step, Errno> {
        // A file that is visibly another one is not touched.
        if !self.is_at(name) {
            return Ok(self.lost());
        }
        match self.rename(name, &self.own.clone()) {
            Ok(()) => Ok(self.fetched(name)),
            Err(Errno::NOENT) => Ok(self.lost()),
            Err(errno) => Err(errno),
        }
    }

    /// Identifies the renamed file: the link, or another program's file that replaced it after the
    /// check.
    fn fetched(&mut self, name: &OsStr) -> Step {
        if self.is_at(&self.own.clone()) {
            self.at = self.own.clone();
            return Step::Gone;
        }
        self.gone = true;
        match self.rename(&self.own.clone(), name) {
            Ok(()) => Step::PutBack,
            Err(Errno::NOENT) => self.lost(),
            Err(_) => Step::Displaced {
                from: name.into(),
                to: self.own.clone(),
            },
        }
    }

    /// Another program has replaced, removed or moved it.
    fn lost(&mut self) -> Step {
        self.gone = true;
        let is_somewhere = fstat(&self.held).is_ok_and(|stat| stat.st_nlink > 0);
        let path = format!("/proc/self/fd/{}", self.held.as_raw_fd());
        match std::fs::read_link(path) {
            Ok(place) if is_somewhere => Step::Moved(place),
            _ => Step::Lost,
        }
    }

    fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        renameat_with(self.dir, from, self.dir, to, RenameFlags::NOREPLACE)
    }

    /// Whether the link has this name.
    pub(super) fn is_at(&self, name: &OsStr) -> bool {
        statat(self.dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| id(&stat) == self.id)
    }

    /// Whether it has the name that it was last given.
    pub(super) fn is_in_place(&self) -> bool {
        self.is_at(&self.at)
    }

    /// Abandons the link: its name belongs to another file now.
    pub(super) fn give_up(&mut self) {
        self.gone = true;
    }

    /// Removes the link and nothing else: it gets its own name first, which nobody else knows.
    pub(super) fn remove(mut self) -> Result<(), Errno> {
        self.take_away()
    }

    fn take_away(&mut self) -> Result<(), Errno> {
        if self.gone {
            return Ok(());
        }
        if self.at != self.own {
            match self.rename(&self.at.clone(), &self.own.clone()) {
                Err(Errno::NOENT) => {
                    self.gone = true;
                    return Ok(());
                }
                renamed => renamed?,
            }
        }
        self.gone = true;
        if self.is_at(&self.own) {
            return unlinkat(self.dir, &self.own, AtFlags::empty());
        }
        let at = self.at.clone();
        self.rename(&self.own.clone(), &at)
    }
}

impl Drop for Link<'_> {
    fn drop(&mut self) {
        // The next start finds what fails here.
        let _ = self.take_away();
    }
}

fn id(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn name(text: &str) -> &OsStr {
        OsStr::new(text)
    }

    fn scene() -> (crate::reclaim::carousel::tests::Temp, File, Token) {
        let dir = crate::reclaim::carousel::tests::Temp::new();
        let open = File::open(dir.path()).unwrap();
        (dir, open, Token::new().unwrap())
    }

    #[test]
    fn link_visits_names_and_leaves_none() {
        let (dir, open, token) = scene();
        fs::write(dir.path().join("there"), "kept").unwrap();
        let mut link = Link::place(&open, &token).unwrap();
        assert_eq!(link.step(name("one")), Ok(Step::Gone));
        assert_eq!(link.lay(name("seen")), Ok(Step::Gone));
        assert!(dir.path().join("seen").is_symlink() && !dir.path().join("seen").exists());
        assert_eq!(link.fetch(name("seen")), Ok(Step::Gone));
        assert_eq!(link.step(name("there")), Ok(Step::Exists));
        assert_eq!(link.step(name("two")), Ok(Step::Gone));
        assert_eq!(link.step(name(&"x".repeat(256))), Ok(Step::Unfit));
        link.remove().unwrap();
        assert_eq!(dir.names(), ["there"]);
        assert_eq!(fs::read(dir.path().join("there")).unwrap(), b"kept");
    }

    /// As programs write a file atomically.
    fn put(dir: &crate::reclaim::carousel::tests::Temp, at: &str, text: &str) {
        fs::write(dir.path().join("new"), text).unwrap();
        fs::rename(dir.path().join("new"), dir.path().join(at)).unwrap();
    }

    #[test]
    fn file_put_in_the_links_place_is_not_touched() {
        let (dir, open, token) = scene();
        let mut link = Link::place(&open, &token).unwrap();
        assert_eq!(link.lay(name("one")), Ok(Step::Gone));
        put(&dir, "one", "theirs");
        assert_eq!(link.fetch(name("one")), Ok(Step::Lost));
        drop(link);
        assert_eq!(dir.names(), ["one"]);
        assert_eq!(fs::read(dir.path().join("one")).unwrap(), b"theirs");
    }

    /// The file is put there after the check.
    #[test]
    fn file_put_there_too_late_to_be_seen_gets_its_name_back() {
        let (dir, open, token) = scene();
        let mut link = Link::place(&open, &token).unwrap();
        assert_eq!(link.lay(name("one")), Ok(Step::Gone));
        put(&dir, "one", "theirs");
        link.rename(name("one"), &link.own).unwrap();
        assert_eq!(link.fetched(name("one")), Step::PutBack);
        drop(link);
        assert_eq!(dir.names(), ["one"]);
        assert_eq!(fs::read(dir.path().join("one")).unwrap(), b"theirs");
    }

    #[test]
    fn link_that_is_moved_away_is_reported() {
        let (dir, open, token) = scene();
        let mut link = Link::place(&open, &token).unwrap();
        assert_eq!(link.lay(name("one")), Ok(Step::Gone));
        let elsewhere = dir.path().join("elsewhere");
        fs::rename(dir.path().join("one"), &elsewhere).unwrap();
        assert_eq!(link.fetch(name("one")), Ok(Step::Moved(elsewhere)));
        drop(link);
        assert_eq!(dir.names(), ["elsewhere"]);
    }

    /// No file is replaced, and both are there.
    #[test]
    fn file_whose_name_is_taken_meanwhile_is_reported() {
        let (dir, open, token) = scene();
        let mut link = Link::place(&open, &token).unwrap();
        assert_eq!(link.lay(name("one")), Ok(Step::Gone));
        put(&dir, "one", "theirs");
        link.rename(name("one"), &link.own).unwrap();
        put(&dir, "one", "another");
        let displaced = Step::Displaced {
            from: "one".into(),
            to: token.name(),
        };
        assert_eq!(link.fetched(name("one")), displaced);
        drop(link);
        assert_eq!(fs::read(dir.path().join("one")).unwrap(), b"another");
        assert_eq!(fs::read(dir.path().join(token.name())).unwrap(), b"theirs");
    }

    #[test]
    fn removed_link_is_lost_and_its_replacement_is_not_removed() {
        let (dir, open, token) = scene();
        let mut link = Link::place(&open, &token).unwrap();
        assert_eq!(link.lay(name("one")), Ok(Step::Gone));
        fs::remove_file(dir.path().join("one")).unwrap();
        assert_eq!(link.fetch(name("one")), Ok(Step::Lost));
        let mut link = Link::place(&open, &token).unwrap();
        assert_eq!(link.lay(name("one")), Ok(Step::Gone));
        put(&dir, "one", "theirs");
        drop(link);
        assert_eq!(dir.names(), ["one"]);
        assert_eq!(fs::read(dir.path().join("one")).unwrap(), b"theirs");
    }
}
