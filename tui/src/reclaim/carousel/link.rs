//! The symbolic link that goes from name to name.
//!
//! A rename onto a name that is cached as absent drops that negative dentry (fs/dcache.c:
//! `d_move()`, Linux 7.3), and the next rename takes the name away again. The link dangles, so that
//! stat(2) and open(2) of the name say ENOENT meanwhile as they did before; lstat(2), readdir(3) and
//! O_EXCL meet it for an instant.
//!
//! rename(2) goes by names: a program that puts a file of its own in the link's place in that instant has
//! its file renamed. So each rename is looked at afterwards, and such a file gets its name back at once.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, Stat};
use rustix::fs::{fstat, openat, readlinkat, renameat_with, statat, symlinkat, unlinkat};
use rustix::io::Errno;

use super::leftover::Token;

/// What came of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is not cached as absent any more.
    Gone,
    /// There is a file of this name by now.
    Exists,
    /// The filesystem does not take such a name.
    Unfit,
    /// Another program removed or replaced the link: another link is needed.
    Lost,
    /// Another program's file was renamed in the link's place, and got its name back at once.
    PutBack,
    /// The same, and its name was taken by yet another file meanwhile: it has this name now.
    Displaced {
        /// The name that it had.
        from: OsString,
        /// The name that it has.
        to: OsString,
    },
}

/// The link, in one directory.
#[derive(Debug)]
pub(super) struct Link<'a> {
    dir: &'a File,
    /// Holds its dentry, so that the last name is no negative dentry either, once it is removed.
    held: OwnedFd,
    id: (u64, u64),
    /// The name it has now.
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

    /// Renames it onto a name. An error: no other name would fare better.
    pub(super) fn step(&mut self, to: &OsStr) -> Result<Step, Errno> {
        match self.rename(&self.at.clone(), to) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Ok(Step::Exists),
            Err(Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ) => return Ok(Step::Unfit),
            Err(Errno::NOENT) => {
                self.gone = true;
                return Ok(Step::Lost);
            }
            Err(errno) => return Err(errno),
        }
        Ok(self.renamed(to))
    }

    /// What was renamed: the link, or a file that another program put in its place.
    fn renamed(&mut self, to: &OsStr) -> Step {
        if self.is_at(to) {
            self.at = to.into();
            return Step::Gone;
        }
        self.gone = true;
        if self.was_at(to) {
            // The link got there, and was replaced there: that file has the name that it was given.
            return Step::Lost;
        }
        let from = self.at.clone();
        match self.rename(to, &from) {
            Ok(()) => Step::PutBack,
            Err(Errno::NOENT) => Step::Lost,
            Err(_) => Step::Displaced {
                from,
                to: to.into(),
            },
        }
    }

    /// Whether the link had this name last. The kernel keeps the name of a file that is removed, for as long
    /// as it is open (fs/d_path.c).
    fn was_at(&self, name: &OsStr) -> bool {
        let path = format!("/proc/self/fd/{}", self.held.as_raw_fd());
        let path = readlinkat(CWD, path, Vec::new());
        path.is_ok_and(|path| is_last(path.to_bytes(), name))
    }

    fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        renameat_with(self.dir, from, self.dir, to, RenameFlags::NOREPLACE)
    }

    /// Whether the link has this name.
    pub(super) fn is_at(&self, name: &OsStr) -> bool {
        statat(self.dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| id(&stat) == self.id)
    }

    /// Whether it has the name that it was given last.
    pub(super) fn is_in_place(&self) -> bool {
        self.is_at(&self.at)
    }

    /// Whatever has its name is not the link any more.
    pub(super) fn give_up(&mut self) {
        self.gone = true;
    }

    /// Removes it. Nothing else is: it gets its own name first, which nobody else knows.
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
        // What fails here is found at the next start.
        let _ = self.take_away();
    }
}

/// Whether a path as /proc shows it ends in this name.
fn is_last(path: &[u8], name: &OsStr) -> bool {
    let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let last = last.strip_suffix(b" (deleted)").unwrap_or(last);
    last == name.as_bytes()
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
        assert!(dir.path().join("one").is_symlink() && !dir.path().join("one").exists());
        assert_eq!(link.step(name("there")), Ok(Step::Exists));
        assert_eq!(link.step(name("two")), Ok(Step::Gone));
        assert_eq!(link.step(name(&"x".repeat(256))), Ok(Step::Unfit));
        link.remove().unwrap();
        assert_eq!(dir.names(), ["there"]);
        assert_eq!(fs::read(dir.path().join("there")).unwrap(), b"kept");
    }

    #[test]
    fn file_put_in_the_links_place_gets_its_name_back() {
        let (dir, open, token) = scene();
        let mut link = Link::place(&open, &token).unwrap();
        assert_eq!(link.step(name("one")), Ok(Step::Gone));
        fs::write(dir.path().join("new"), "theirs").unwrap();
        fs::rename(dir.path().join("new"), dir.path().join("one")).unwrap();
        assert_eq!(link.step(name("two")), Ok(Step::PutBack));
        drop(link);
        assert_eq!(dir.names(), ["one"]);
        assert_eq!(fs::read(dir.path().join("one")).unwrap(), b"theirs");
    }

    #[test]
    fn file_that_replaces_the_link_after_its_rename_stays() {
        let (dir, open, token) = scene();
        let mut link = Link::place(&open, &token).unwrap();
        assert_eq!(link.step(name("one")), Ok(Step::Gone));
        link.rename(name("one"), name("two")).unwrap();
        fs::write(dir.path().join("new"), "theirs").unwrap();
        fs::rename(dir.path().join("new"), dir.path().join("two")).unwrap();
        assert_eq!(link.renamed(name("two")), Step::Lost);
        drop(link);
        assert_eq!(dir.names(), ["two"]);
    }

    #[test]
    fn file_whose_name_is_taken_meanwhile_is_told() {
        let (dir, open, token) = scene();
        let mut link = Link::place(&open, &token).unwrap();
        assert_eq!(link.step(name("one")), Ok(Step::Gone));
        fs::write(dir.path().join("new"), "theirs").unwrap();
        fs::rename(dir.path().join("new"), dir.path().join("one")).unwrap();
        link.rename(name("one"), name("two")).unwrap();
        fs::write(dir.path().join("one"), "another").unwrap();
        let displaced = Step::Displaced {
            from: "one".into(),
            to: "two".into(),
        };
        assert_eq!(link.renamed(name("two")), displaced);
    }

    #[test]
    fn removed_link_is_lost_and_its_replacement_is_not_removed() {
        let (dir, open, token) = scene();
        let mut link = Link::place(&open, &token).unwrap();
        assert_eq!(link.step(name("one")), Ok(Step::Gone));
        fs::remove_file(dir.path().join("one")).unwrap();
        assert_eq!(link.step(name("two")), Ok(Step::Lost));
        let mut link = Link::place(&open, &token).unwrap();
        assert_eq!(link.step(name("one")), Ok(Step::Gone));
        fs::write(dir.path().join("new"), "theirs").unwrap();
        fs::rename(dir.path().join("new"), dir.path().join("one")).unwrap();
        drop(link);
        assert_eq!(dir.names(), ["one"]);
        assert_eq!(fs::read(dir.path().join("one")).unwrap(), b"theirs");
    }

    #[test]
    fn last_name_of_a_removed_file_is_told() {
        let (dir, open, token) = scene();
        let mut link = Link::place(&open, &token).unwrap();
        assert_eq!(link.step(name("one")), Ok(Step::Gone));
        fs::remove_file(dir.path().join("one")).unwrap();
        assert!(link.was_at(name("one")) && !link.was_at(name("two")));
        assert!(is_last(b"/a/b (deleted)", name("b")) && !is_last(b"/a/xb", name("b")));
    }
}
