//! Leftovers of a killed run: one link, under one of the names, and a file in the user's state
//! directory that says where. The file is written before the link is made, and locked for as long
//! as the run lasts; the next start removes both.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::fs::{flock, fstat, fstatvfs, readlinkat, renameat_with, unlinkat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::base::shell;
use crate::base::text::printable;
use crate::base::trusted;
use crate::base::xdg;
use crate::reclaim::ReclaimError;

/// Path below the state directory.
const DIRECTORY: &str = "slabscope/carousel";

/// Upper bound on the bytes of a run's file.
const LONGEST: u64 = 64 << 10;

/// Identifies a run's link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token(String);

impl Token {
    /// A new token: 128 random bits.
    pub(super) fn new() -> io::Result<Self> {
        let mut bytes = [0_u8; 16];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Self(
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }

    /// The name of the link at its beginning and end.
    pub(super) fn name(&self) -> OsString {
        format!(".slabscope-carousel-{}", self.0).into()
    }

    /// The link's target, which does not exist. In /proc no file can be made, so that a program
    /// that opens the name to write makes none there either.
    pub(super) fn target(&self) -> String {
        format!("/proc/slabscope-carousel-{}", self.0)
    }

    /// Parses only what [`Token::new`] wrote.
    fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| Self(text.into()))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    schema: String,
    token: String,
    /// The directory's path, for messages.
    path: String,
    path_base64: String,
    /// The directory's inode, so that another one of the same path is left alone.
    inode: u64,
    /// The filesystem's (f_fsid): on most it stays when it is mounted again.
    filesystem: Option<u64>,
}

const SCHEMA: &str = "slabscope.carousel/1";

/// The user's directory for such files; None: there is no home directory.
pub fn directory() -> Option<PathBuf> {
    let state = xdg::directory(
        |name| std::env::var_os(name),
        "XDG_STATE_HOME",
        ".local/state",
    );
    state.map(|state| state.join(DIRECTORY))
}

/// The file of a run, for as long as it lasts.
#[derive(Debug)]
pub(super) struct Trace {
    path: PathBuf,
    /// The open file, locked.
    _file: File,
}

impl Trace {
    /// Writes the file to the disk.
    pub(super) fn write(
        state: &Path,
        token: &Token,
        dir: &Path,
        of: &File,
    ) -> Result<Self, ReclaimError> {
        let path = state.join(format!("{}.json", token.0));
        let made = Self::make(state, &path, token, dir, of);
        made.map_err(|error| ReclaimError::file(&path, error))
    }

    fn make(state: &Path, path: &Path, token: &Token, dir: &Path, of: &File) -> io::Result<Self> {
        // Under a name that no other start reads, until it is locked and whole.
        let new = path.with_extension("new");
        let mut file = trusted::append_private(&new)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        let content = Content {
            schema: SCHEMA.into(),
            token: token.0.clone(),
            path: printable(dir),
            path_base64: STANDARD.encode(dir.as_os_str().as_bytes()),
            inode: fstat(of)?.st_ino,
            filesystem: Some(fstatvfs(of)?.f_fsid),
        };
        file.write_all(&serde_json::to_vec(&content)?)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(state)?.sync_all()?;
        Ok(Self {
            path: path.into(),
            _file: file,
        })
    }

    /// Removes the file after the link.
    pub(super) fn done(self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A leftover of a killed run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its link had this name in this directory, and was removed.
    Removed(PathBuf, OsString),
    /// Its link no longer exists.
    Nothing(PathBuf),
    /// The link may still exist: why.
    Kept(PathBuf, String),
    /// Its directory is not at its path: it may have been renamed, or not be mounted yet. The file
    /// stays.
    Away(PathBuf, PathBuf),
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Removed(dir, name) => write!(
                f,
                "removed a symbolic link that a killed run had left in {}: {}",
                printable(dir),
                printable(name)
            ),
            Self::Nothing(dir) => write!(f, "a killed run left no link in {}", printable(dir)),
            Self::Kept(dir, why) => write!(
                f,
                "a killed run may have left a symbolic link in {}, which could not be looked for: {why}",
                printable(dir)
            ),
            Self::Away(dir, file) => write!(
                f,
                "a killed run may have left a symbolic link in {}, which is not there now; it is removed once it is, \
                 or, if that directory is gone for good: rm {}",
                printable(dir),
                shell::quoted(file)
            ),
        }
    }
}

/// Removes the leftovers of killed runs.
pub fn sweep(state: &Path) -> Vec<Found> {
    let entries = fs::read_dir(state).into_iter().flatten().flatten();
    entries.filter_map(|entry| clear(&entry.path())).collect()
}

/// None: it is no file of a run, or that run goes on.
fn clear(path: &Path) -> Option<Found> {
    let token = Token::parse(path.file_name()?.to_str()?.strip_suffix(".json")?)?;
    // A file that others may have written is ignored.
    let file = trusted::open_private(path).ok()?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return None;
    }
    let mut text = Vec::new();
    // The lock is kept to the end.
    (&file).take(LONGEST).read_to_end(&mut text).ok()?;
    // An incomplete file: then there is no link.
    let content = serde_json::from_slice::<Content>(&text).ok();
    let content = content.filter(|content| content.schema == SCHEMA && content.token == token.0);
    let Some(dir) = content
        .as_ref()
        .and_then(|content| STANDARD.decode(&content.path_base64).ok())
    else {
        let _ = fs::remove_file(path);
        return None;
    };
    let dir = PathBuf::from(OsString::from_vec(dir));
    let content = content?;
    let found = match remove(&dir, &content, &token) {
        Ok(Some(name)) => Found::Removed(dir, name),
        Ok(None) => Found::Nothing(dir),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::STALE) => {
            return Some(Found::Away(dir, path.into()));
        }
        Err(errno) => return Some(Found::Kept(dir, errno.to_string())),
    };
    let _ = fs::remove_file(path);
    Some(found)
}

/// The same at a path, which may lead to another directory by now: ESTALE.
fn remove(path: &Path, content: &Content, token: &Token) -> Result<Option<OsString>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let filesystem = fstatvfs(&dir)?.f_fsid;
    let other = content.filesystem.is_some_and(|of| of != filesystem);
    if other || fstat(&dir)?.st_ino != content.inode {
        return Err(Errno::STALE);
    }
    remove_from(&dir, token)
}

/// Removes a run's links from a directory, by their target: they may have any name. Returns the
/// name of the first; there are more if others moved some.
pub(super) fn remove_from(dir: &File, token: &Token) -> Result<Option<OsString>, Errno> {
    let mut removed = None;
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        let may = matches!(entry.file_type(), FileType::Symlink | FileType::Unknown);
        if !may || !leads_to(dir, name, token) {
            continue;
        }
        // Under its own name nobody can have replaced it.
        let own = token.name();
        if name != own {
            renameat_with(dir, name, dir, &own, RenameFlags::NOREPLACE)?;
        }
        if !leads_to(dir, &own, token) {
            renameat_with(dir, &own, dir, name, RenameFlags::NOREPLACE)?;
            continue;
        }
        unlinkat(dir, &own, AtFlags::empty())?;
        removed.get_or_insert(name.into());
    }
    Ok(removed)
}

fn leads_to(dir: &File, name: &OsStr, token: &Token) -> bool {
    let target = readlinkat(dir, name, Vec::new());
    target.is_ok_and(|target| target.to_bytes() == token.target().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::link::Link;
    use super::super::tests::Temp;
    use super::*;

    /// A run that was killed when its link had a name.
    fn killed(dir: &Temp, state: &Temp, at: &str) -> Token {
        let token = Token::new().unwrap();
        let open = File::open(dir.path()).unwrap();
        let trace = Trace::write(state.path(), &token, dir.path(), &open).unwrap();
        let mut link = Link::place(&open, &token).unwrap();
        link.lay(OsStr::new(at)).unwrap();
        link.give_up();
        drop((link, trace));
        token
    }

    #[test]
    fn link_of_a_killed_run_is_removed_and_nothing_else() {
        let (dir, state) = (Temp::new(), Temp::new());
        fs::write(dir.path().join("file"), "kept").unwrap();
        std::os::unix::fs::symlink("/nowhere", dir.path().join("theirs")).unwrap();
        killed(&dir, &state, "sess_1");
        assert_eq!(dir.names(), ["file", "sess_1", "theirs"]);
        let found = sweep(state.path());
        assert_eq!(found, [Found::Removed(dir.path().into(), "sess_1".into())]);
        assert_eq!(dir.names(), ["file", "theirs"]);
        assert!(state.names().is_empty() && sweep(state.path()).is_empty());
    }

    #[test]
    fn run_that_goes_on_is_left_alone() {
        let (dir, state) = (Temp::new(), Temp::new());
        let token = Token::new().unwrap();
        let open = File::open(dir.path()).unwrap();
        let trace = Trace::write(state.path(), &token, dir.path(), &open).unwrap();
        let link = Link::place(&open, &token).unwrap();
        assert!(sweep(state.path()).is_empty());
        link.remove().unwrap();
        trace.done();
        assert!(dir.names().is_empty() && state.names().is_empty());
    }

    /// It may be renamed, or its filesystem not mounted: the link is still there, and is removed once the directory is
    /// where it was.
    #[test]
    fn missing_directory_is_looked_for_again() {
        let (dir, state) = (Temp::new(), Temp::new());
        let token = killed(&dir, &state, "x");
        let file = state.path().join(format!("{}.json", token.0));
        let elsewhere = dir.path().with_extension("elsewhere");
        fs::rename(dir.path(), &elsewhere).unwrap();
        let away = [Found::Away(dir.path().into(), file)];
        assert_eq!(sweep(state.path()), away);
        fs::create_dir(dir.path()).unwrap();
        assert_eq!(sweep(state.path()), away);
        fs::remove_dir(dir.path()).unwrap();
        fs::rename(&elsewhere, dir.path()).unwrap();
        let found = sweep(state.path());
        assert_eq!(found, [Found::Removed(dir.path().into(), "x".into())]);
        assert!(dir.names().is_empty() && state.names().is_empty());
    }

    #[test]
    fn files_that_others_may_write_are_ignored() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, state) = (Temp::new(), Temp::new());
        let token = killed(&dir, &state, "x");
        let file = state.path().join(format!("{}.json", token.0));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(sweep(state.path()).is_empty());
        assert_eq!(dir.names(), ["x"]);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, "{\"half\":").unwrap();
        assert!(sweep(state.path()).is_empty() && state.names().is_empty());
    }
}
