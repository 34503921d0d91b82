//! The guest's kernel log, as its serial line wrote it: it survives the guest.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::setup::command::last_lines;

/// Messages that a healthy kernel does not print.
const SPLATS: [&str; 14] = [
    "WARNING:",
    "BUG:",
    "Oops",
    "Kernel panic",
    "Call Trace:",
    "general protection fault",
    "UBSAN:",
    "KASAN:",
    "INFO: task ",
    "detected stall",
    "soft lockup",
    "refcount_t:",
    "EXT4-fs error",
    "possible recursive locking",
];

/// A place in the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark(usize);

/// The log of one guest.
#[derive(Clone, Debug)]
pub struct KernelLog {
    path: PathBuf,
}

impl KernelLog {
    /// The log in a file.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap_or_default()
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).replace('\r', "")
    }

    /// The present end.
    pub fn mark(&self) -> Mark {
        Mark(self.bytes().len())
    }

    /// What was added since a mark.
    pub fn since(&self, mark: Mark) -> String {
        String::from_utf8_lossy(self.bytes().get(mark.0..).unwrap_or_default()).replace('\r', "")
    }

    /// The last lines.
    pub fn tail(&self) -> String {
        last_lines(&self.text(), 40)
    }

    /// Fails when the kernel complained since a mark.
    pub fn check(&self, mark: Mark) -> Result<()> {
        let text = self.since(mark);
        let lines: Vec<&str> = text.lines().collect();
        if let Some(at) = lines.iter().position(|line| is_splat(line)) {
            let end = lines.len().min(at + 40);
            bail!(
                "the guest's kernel complained:\n{}",
                lines[at..end].join("\n")
            );
        }
        Ok(())
    }
}

/// Message about a disk that tests have made fail.
const EXPECTED: &str = "EXT4-fs error (device failing)";

fn is_splat(line: &str) -> bool {
    SPLATS.iter().any(|splat| line.contains(splat)) && !line.contains(EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_after_the_mark_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, "[    1.0] BUG: old\n").unwrap();
        let log = KernelLog::new(path.clone());
        assert!(log.check(Mark::default()).is_err());
        let mark = log.mark();
        fs::write(&path, "[    1.0] BUG: old\n[    2.0] slabscope: loaded\n").unwrap();
        log.check(mark).unwrap();
        assert_eq!(log.since(mark), "[    2.0] slabscope: loaded\n");
    }
}
