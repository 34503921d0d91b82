//! The initial filesystem of a guest: its first process, and the files that change from run to run.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Path of the module in the guest.
pub const MODULE: &str = "/usr/local/lib/slabscope.ko";

/// Path of the demonstration module.
pub const DEMO: &str = "/usr/local/lib/slabscope_demo.ko";

/// Path of the module that the measurements compare it with.
pub const PEER: &str = "/usr/local/lib/lab_peer.ko";

/// An archive in the format that the kernel unpacks into its initial filesystem (`newc` of cpio).
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    inode: u32,
}

impl Archive {
    const DIR: u32 = 0o040_755;
    const PROGRAM: u32 = 0o100_755;

    fn entry(&mut self, name: &str, mode: u32, data: &[u8]) {
        self.inode += 1;
        let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let name_size = u32::try_from(name.len() + 1).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(b"070701");
        for field in [self.inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0] {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(data);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// Adds a file, and the directories that lead to it.
    pub fn add(&mut self, name: &str, source: &Path) -> Result<()> {
        let data = fs::read(source).with_context(|| format!("cannot read {}", source.display()))?;
        let name = name.trim_start_matches('/');
        for (end, _) in name.match_indices('/') {
            self.entry(&name[..end], Self::DIR, &[]);
        }
        self.entry(name, Self::PROGRAM, &data);
        Ok(())
    }

    /// Writes the archive to a file.
    pub fn write(mut self, target: &Path) -> Result<()> {
        self.entry("TRAILER!!!", 0, &[]);
        fs::write(target, self.bytes).with_context(|| format!("cannot write {}", target.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_begin_on_four_byte_boundaries_and_lead_with_their_directories() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        fs::write(&source, b"12345").unwrap();
        let mut archive = Archive::default();
        archive.add("/usr/bin/x", &source).unwrap();
        let target = dir.path().join("target");
        archive.write(&target).unwrap();
        let bytes = fs::read(&target).unwrap();
        let starts: Vec<_> = bytes
            .windows(6)
            .enumerate()
            .filter(|(_, w)| w == b"070701")
            .map(|(i, _)| i)
            .collect();
        assert_eq!(starts.len(), 4);
        assert!(starts.iter().all(|start| start % 4 == 0), "{starts:?}");
        assert_eq!(&bytes[starts[0] + 110..starts[0] + 114], b"usr\0");
        assert_eq!(&bytes[starts[2] + 54..starts[2] + 62], b"00000005");
    }
}
