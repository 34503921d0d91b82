//! Files of the kernel below a root: those of the running one, or copies of another machine's.
//!
//! A capture may hold anything: links out of it, pipes, devices, files without an end. Nothing
//! outside of it is opened, nothing that blocks, and no more is read than the kernel writes.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Bytes of a table with a line for each cache, mount or symbol: a million of them.
pub const TABLE: u64 = 256 << 20;

/// Bytes of a file with a fixed number of figures.
pub const FIGURES: u64 = 1 << 20;

/// What is below a root.
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    /// None: the root of this machine, out of which no link leads.
    captured: Option<Result<OwnedFd, Errno>>,
}

impl Files {
    /// Below `root`: `/`, or the directory of a capture.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let captured = root != Path::new("/");
        let captured = captured.then(|| rustix::fs::open(&root, flags, Mode::empty()));
        Self { root, captured }
    }

    /// Their root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether they are copies, which are replaced rather than rewritten.
    pub fn captured(&self) -> bool {
        self.captured.is_some()
    }

    /// Opens a regular file for reading.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let path = path.as_ref();
        let Some(captured) = &self.captured else {
            let path = self.root.join(path);
            return Ok(
                rustix::fs::openat(CWD, &path, flags | OFlags::CLOEXEC, Mode::empty())?.into(),
            );
        };
        // Opening a device can have effects: its type is checked first.
        let found = resolve(captured, path, OFlags::PATH)?;
        let stat = rustix::fs::fstat(&found)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let again = format!("/proc/self/fd/{}", found.as_raw_fd());
        let opened = rustix::fs::open(&again, flags | OFlags::CLOEXEC, Mode::empty());
        match opened {
            // Without /proc.
            Err(Errno::NOENT) => Ok(resolve(captured, path, flags)?.into()),
            opened => Ok(opened?.into()),
        }
    }

    /// The whole of a file, which has at most `limit` bytes.
    pub fn read(&self, path: impl AsRef<Path>, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        read_from(&mut self.open(path)?, limit, &mut bytes)?;
        Ok(bytes)
    }

    /// The names in a directory, in no order, without `.` and `..`.
    pub fn names(&self, path: impl AsRef<Path>) -> io::Result<Vec<OsString>> {
        let dir = Dir::new(self.directory(path.as_ref())?)?;
        let names = dir.map(|entry| Ok(entry?.file_name().to_bytes().to_vec()));
        let names: io::Result<Vec<_>> = names.collect();
        let others = |name: &Vec<u8>| name != b"." && name != b"..";
        Ok(names?
            .into_iter()
            .filter(others)
            .map(OsString::from_vec)
            .collect())
    }

    /// The links in a directory: each with its target, which is not opened.
    pub fn links(&self, path: impl AsRef<Path>) -> io::Result<Vec<(OsString, PathBuf)>> {
        let dir = self.directory(path.as_ref())?;
        let mut links = Vec::new();
        for entry in Dir::read_from(&dir)? {
            let entry = entry?;
            if !matches!(entry.file_type(), FileType::Symlink | FileType::Unknown) {
                continue;
            }
            if let Ok(to) = rustix::fs::readlinkat(&dir, entry.file_name(), Vec::new()) {
                let name = OsString::from_vec(entry.file_name().to_bytes().to_vec());
                links.push((name, OsString::from_vec(to.into_bytes()).into()));
            }
        }
        Ok(links)
    }

    /// Whether there is a directory.
    pub fn is_directory(&self, path: impl AsRef<Path>) -> bool {
        self.directory(path.as_ref()).is_ok()
    }

    /// A directory.
    pub(super) fn directory(&self, path: &Path) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        Ok(match &self.captured {
            Some(captured) => resolve(captured, path, flags)?,
            None => {
                let path = self.root.join(path);
                rustix::fs::open(&path, flags | OFlags::CLOEXEC, Mode::empty())?
            }
        })
    }
}

/// Opens what is below a capture's root. Links in it lead to what they name in the capture, as in a
/// chroot. Kernels before 5.6, and filters of system calls, have no openat2: there none is followed.
fn resolve(root: &Result<OwnedFd, Errno>, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let root = root.as_ref().map_err(|&error| error)?;
    let flags = flags | OFlags::CLOEXEC;
    let inside = ResolveFlags::IN_ROOT;
    match rustix::fs::openat2(root, path, flags, Mode::empty(), inside) {
        Err(Errno::NOSYS | Errno::PERM) => without_links(root, path, flags),
        opened => opened,
    }
}

fn without_links(root: &OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let names: Vec<_> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(Ok(name)),
            Component::ParentDir => Some(Err(Errno::ACCESS)),
            _ => None,
        })
        .collect::<Result<_, _>>()?;
    let Some((last, above)) = names.split_last() else {
        return rustix::fs::openat(root, ".", flags, Mode::empty());
    };
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at: Option<OwnedFd> = None;
    for name in above {
        let from = at.as_ref().map_or(root.as_fd(), AsFd::as_fd);
        at = Some(rustix::fs::openat(from, *name, step, Mode::empty())?);
    }
    let from = at.as_ref().map_or(root.as_fd(), AsFd::as_fd);
    rustix::fs::openat(from, *last, flags | OFlags::NOFOLLOW, Mode::empty())
}

/// Reads to the end into `bytes`; of more than `limit` bytes nothing is kept.
pub fn read_from(file: &mut File, limit: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.clear();
    // Limited: else its size is asked for, and the kernel's files have none.
    file.take(limit + 1).read_to_end(bytes)?;
    if bytes.len() as u64 > limit {
        *bytes = Vec::new();
        let message = format!("larger than {}", crate::base::text::bytes(limit));
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory with these files, gone at the end.
    struct Capture(PathBuf);

    impl Capture {
        fn new(name: &str) -> Self {
            let root = crate::private::directory().join(format!("{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&root);
            fs::create_dir_all(root.join("proc/sys")).unwrap();
            fs::write(root.join("proc/meminfo"), "inside").unwrap();
            Self(root)
        }
    }

    impl Drop for Capture {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn links_of_a_capture_never_lead_out_of_it() {
        let capture = Capture::new("slabscope-links");
        let outside = capture.0.with_extension("outside");
        fs::write(&outside, "secret").unwrap();
        let link = |to: &Path, name: &str| symlink(to, capture.0.join(name)).unwrap();
        link(&outside, "proc/absolute");
        link(
            &Path::new("../..").join(outside.file_name().unwrap()),
            "proc/relative",
        );
        link(Path::new("/proc/self/root/etc/passwd"), "proc/magic");
        link(Path::new("/proc/meminfo"), "proc/within");
        link(Path::new("/"), "proc/top");
        let files = Files::new(&capture.0);
        for path in [
            "proc/absolute",
            "proc/relative",
            "proc/magic",
            "proc/top/etc/passwd",
        ] {
            let error = files.read(path, FIGURES).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{path}");
        }
        assert_eq!(files.read("proc/within", FIGURES).unwrap(), b"inside");
        assert_eq!(
            files.read("../../proc/meminfo", FIGURES).unwrap(),
            b"inside"
        );
        fs::remove_file(outside).unwrap();
    }

    #[test]
    fn link_is_not_followed_without_openat2() {
        let capture = Capture::new("slabscope-walk");
        symlink("meminfo", capture.0.join("proc/link")).unwrap();
        symlink(".", capture.0.join("dir")).unwrap();
        let root = rustix::fs::open(&capture.0, OFlags::PATH, Mode::empty()).unwrap();
        let open = |path: &str| without_links(&root, Path::new(path), OFlags::RDONLY);
        assert!(open("proc/meminfo").is_ok());
        assert_eq!(open("proc/link").unwrap_err(), Errno::LOOP);
        assert_eq!(open("dir/proc/meminfo").unwrap_err(), Errno::NOTDIR);
        assert_eq!(open("../etc/passwd").unwrap_err(), Errno::ACCESS);
    }

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let capture = Capture::new("slabscope-kinds");
        let fifo = capture.0.join("proc/slabinfo");
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, mode, 0).unwrap();
        let files = Files::new(&capture.0);
        for path in ["proc/slabinfo", "proc/sys"] {
            let error = files.read(path, FIGURES).unwrap_err().to_string();
            assert_eq!(error, "not a regular file", "{path}");
        }
        let error = files.read("proc/meminfo", 5).unwrap_err().to_string();
        assert_eq!(error, "larger than 5 B");
        assert_eq!(files.read("proc/meminfo", 6).unwrap(), b"inside");
    }

    #[test]
    fn names_and_links_of_a_directory_are_listed() {
        let capture = Capture::new("slabscope-names");
        symlink(":0000192", capture.0.join("proc/dentry")).unwrap();
        let files = Files::new(&capture.0);
        let mut names = files.names("proc").unwrap();
        names.sort();
        assert_eq!(names, ["dentry", "meminfo", "sys"]);
        let links = files.links("proc").unwrap();
        assert_eq!(links, [("dentry".into(), ":0000192".into())]);
        assert!(files.is_directory("proc/sys") && !files.is_directory("proc/meminfo"));
    }
}
