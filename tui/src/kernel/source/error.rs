//! Errors of the kernel's files, unreadable or not understood: by file, cause and remedy.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::lines::Skipped;
use crate::base::text::printable;

/// Lines of a file that were not understood, while the others were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The file.
    pub path: PathBuf,
    /// The number of lines.
    pub lines: usize,
    /// What is wrong with the first.
    pub first: Malformed,
}

impl Gap {
    pub(super) fn of(path: PathBuf, skipped: Skipped) -> Option<Self> {
        Some(Self {
            path,
            lines: skipped.lines,
            first: skipped.first?,
        })
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = printable(&self.path);
        match self.lines {
            1 => write!(f, "{path}: not understood: {}", self.first),
            n => write!(f, "{path}: {n} lines not understood, first {}", self.first),
        }
    }
}

/// A file of the kernel that could not be read or understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {cause}", printable(.path))]
pub struct SourceError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub cause: Cause,
}

/// What is wrong with a file of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// It cannot be read.
    #[error("{1}")]
    Unreadable(io::ErrorKind, String),
    /// It is not as the kernel writes it.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Text that is not as the kernel writes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Malformed {
    /// The line, from 1.
    pub line: usize,
    /// The field and what is wrong with it.
    pub what: String,
}

impl Malformed {
    /// `what` is wrong with line number `line`.
    pub fn new(line: usize, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
        }
    }
}

impl SourceError {
    /// As [`fmt::Display`], but with the path as the kernel has it: `/proc/meminfo`.
    pub fn short(&self) -> String {
        let parts: Vec<_> = self.path.iter().collect();
        let from = parts
            .iter()
            .rposition(|part| *part == "proc" || *part == "sys");
        let path = match from {
            Some(from) if !parts[..from].contains(&OsStr::new("proc")) => {
                Path::new("/").join(parts[from..].iter().collect::<PathBuf>())
            }
            _ => self.path.clone(),
        };
        format!("{}: {}", printable(path), self.cause)
    }

    /// Whether it is the running kernel's file.
    fn is_live(&self) -> bool {
        let roots = ["/proc", "/sys"];
        roots.iter().any(|root| self.path.starts_with(root))
    }

    /// The remedy.
    pub fn remedy(&self) -> &'static str {
        match (&self.cause, self.is_live()) {
            (Cause::Unreadable(io::ErrorKind::PermissionDenied, _), _) => {
                "only root may read it: sudo slabscope"
            }
            (Cause::Unreadable(io::ErrorKind::NotFound, _), true) => {
                match self.path.starts_with("/sys") {
                    true => "mount -t sysfs sysfs /sys, or a kernel that offers it",
                    false => "mount -t proc proc /proc, or a kernel that offers it",
                }
            }
            (Cause::Unreadable(io::ErrorKind::NotFound, _), false) => "it was not captured",
            (
                Cause::Unreadable(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData, _),
                false,
            ) => "a capture holds copies of the kernel's files: capture it again",
            (Cause::Unreadable(..), _) => "it is read again with the next refresh",
            (Cause::Malformed(_), true) => {
                "this kernel writes it differently: please report the line"
            }
            (Cause::Malformed(_), false) => {
                "it was captured in part, or its kernel writes it differently"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::unreadable;
    use super::*;

    #[test]
    fn control_characters_in_a_path_do_not_reach_the_terminal() {
        let path = Path::new("/sys/fs/cgroup/odd\x1b[31m.service/memory.stat");
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(
            unreadable(path, &denied).to_string(),
            "/sys/fs/cgroup/odd\\u{1b}[31m.service/memory.stat: permission denied"
        );
    }
}
