//! The absent names of a directory, in a file of their own.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, statat};
use rustix::io::Errno;

use super::each;
use crate::base::text::{printable, printable_bytes, reason};
use crate::base::trusted::{self, NewFile};
use crate::kernel::session::Counters;
use crate::kernel::target::{LookError, Target};

/// Format of the names in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Escaped, one a line.
    #[default]
    Lines,
    /// As they are, a NUL behind each, as `xargs -0` wants them.
    Raw,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The names cannot be listed.
    #[error(transparent)]
    Names(#[from] LookError),
    /// The file cannot be written.
    #[error("{}: {}", printable(.path), reason(.source))]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// It was ended.
    #[error("ended before its end: nothing was written")]
    Ended,
}

/// A file of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Its absolute path.
    pub path: PathBuf,
    /// Names in it.
    pub names: u64,
}

/// Writes the absent names in `dir` to a new file at `to`, which is there once it is whole and
/// only for its owner to read. What is at `to` already stays as it is.
pub fn export(
    dir: &Target,
    to: &Path,
    format: Format,
    progress: &mut dyn FnMut(&Counters) -> ControlFlow<()>,
) -> Result<Exported, ExportError> {
    write_new(to, |out| {
        let mut names = 0;
        let mut failure = None;
        let all = each(dir.dir.as_fd(), progress, &mut |name| {
            names += 1;
            match tell(out, name, format) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        let all = all.map_err(LookError::from)?;
        match failure {
            Some(source) => Err(failed(to, source)),
            None if all => Ok(names),
            None => Err(ExportError::Ended),
        }
    })
}

fn tell(out: &mut dyn Write, name: &[u8], format: Format) -> io::Result<()> {
    match format {
        Format::Lines => writeln!(out, "{}", printable_bytes(name)),
        Format::Raw => {
            out.write_all(name)?;
            out.write_all(&[0])
        }
    }
}

fn failed(path: &Path, source: impl Into<io::Error>) -> ExportError {
    ExportError::Write {
        path: path.into(),
        source: source.into(),
    }
}

/// Has `fill` write a file, and puts it in its place.
fn write_new(
    to: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<u64, ExportError>,
) -> Result<Exported, ExportError> {
    let absolute = std::path::absolute(to).map_err(|source| failed(to, source))?;
    let name = absolute.file_name().ok_or(Errno::ISDIR);
    let name = name.map_err(|errno| failed(to, errno))?;
    let parent = absolute.parent().unwrap_or(Path::new("/"));
    let dir = trusted::directory(parent, false).map_err(|error| failed(parent, error))?;
    // Checked before the names are listed, which may take long; the rename makes sure of it.
    if statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
        return Err(failed(to, Errno::EXIST));
    }
    let new = NewFile::create(dir, name).map_err(|errno| failed(to, errno))?;
    let mut out = BufWriter::new(&new.file);
    let names = fill(&mut out)?;
    out.flush().map_err(|source| failed(to, source))?;
    drop(out);
    new.file.sync_all().map_err(|source| failed(to, source))?;
    new.put(name).map_err(|errno| failed(to, errno))?;
    Ok(Exported {
        path: absolute,
        names,
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(out: &mut dyn Write, format: Format) -> Result<u64, ExportError> {
        for name in [&b"plain"[..], b"two\nlines", b"\xff"] {
            tell(out, name, format).map_err(|source| failed(Path::new("x"), source))?;
        }
        Ok(3)
    }

    /// A directory of this test's own.
    fn scratch(of: &str) -> PathBuf {
        let dir =
            crate::private::directory().join(format!("slabscope-{of}-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        dir
    }

    #[test]
    fn exported_file_is_whole_and_private_to_its_owner() {
        let dir = scratch("whole");
        for (format, expected) in [
            (Format::Lines, &b"plain\ntwo\\nlines\n\\xff\n"[..]),
            (Format::Raw, b"plain\0two\nlines\0\xff\0"),
        ] {
            let to = dir.join("names");
            let exported = write_new(&to, |out| names(out, format)).unwrap();
            assert_eq!((exported.path, exported.names), (to.clone(), 3));
            assert_eq!(std::fs::read(&to).unwrap(), expected);
            let mode = std::fs::metadata(&to).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            std::fs::remove_file(&to).unwrap();
        }
        std::fs::remove_dir(&dir).unwrap();
    }

    #[test]
    fn leftover_of_a_killed_program_does_not_block_an_export() {
        let dir = scratch("left");
        let to = dir.join("names");
        let left = dir.join(NewFile::name(OsStr::new("names"), 0));
        std::fs::write(&left, "half").unwrap();
        write_new(&to, |out| names(out, Format::Lines)).unwrap();
        assert_eq!(std::fs::read(&left).unwrap(), b"half");
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 2);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    /// It would put names that others chose where only root writes, such as /etc/cron.d.
    #[test]
    fn planted_link_on_the_way_is_not_followed() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = scratch("planted");
        std::fs::create_dir(dir.join("cron.d")).unwrap();
        let link = dir.join("out");
        std::os::unix::fs::symlink("cron.d", &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(65534), None).unwrap();
        let error = write_new(&link.join("names"), |out| names(out, Format::Lines)).unwrap_err();
        assert!(
            error.to_string().ends_with("belongs to user 65534"),
            "{error}"
        );
        assert_eq!(std::fs::read_dir(dir.join("cron.d")).unwrap().count(), 0);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn existing_file_stays_and_a_failed_export_leaves_nothing() {
        let dir = scratch("stays");
        let to = dir.join("names");
        std::os::unix::fs::symlink("/nonexistent", &to).unwrap();
        let error = write_new(&to, |out| names(out, Format::Lines)).unwrap_err();
        assert!(error.to_string().contains("File exists"), "{error}");
        std::fs::remove_file(&to).unwrap();
        // Somebody else takes the name meanwhile.
        let error = write_new(&to, |out| {
            std::fs::write(&to, "theirs").unwrap();
            names(out, Format::Lines)
        });
        assert!(error.unwrap_err().to_string().contains("File exists"));
        assert_eq!(std::fs::read(&to).unwrap(), b"theirs");
        std::fs::remove_file(&to).unwrap();
        assert!(write_new(&to, |_| Err(ExportError::Ended)).is_err());
        assert!(write_new(&dir.join("no/where"), |_| Ok(0)).is_err());
        assert!(write_new(Path::new("/"), |_| Ok(0)).is_err());
        // Nothing else is in it.
        std::fs::remove_dir(&dir).unwrap();
    }
}
