//! Failed lookups, fast: each leaves a negative dentry behind.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::{AtFlags, Mode, OFlags, openat, statat};
use rustix::io::Errno;

/// The system call of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// stat()
    Stat,
    /// open()
    Open,
}

/// Looks up `count` names in a directory that are not there.
pub fn run(dir: &Path, count: u64, prefix: &str, progress: bool) -> Result<()> {
    run_by(How::Stat, dir, count, prefix, progress)
}

/// Like [`run`], by a choice of system call.
pub fn run_by(how: How, dir: &Path, count: u64, prefix: &str, progress: bool) -> Result<()> {
    let handle = File::open(dir).with_context(|| format!("cannot open {}", dir.display()))?;
    let mut said = Instant::now();
    for index in 0..count {
        let name = name(prefix, index);
        let found = match how {
            How::Stat => statat(&handle, name.as_str(), AtFlags::SYMLINK_NOFOLLOW).map(drop),
            How::Open => openat(&handle, name.as_str(), OFlags::RDONLY, Mode::empty()).map(drop),
        };
        match found {
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot look up {name}")),
            Ok(()) => bail!("{name} is there"),
        }
        if progress && index % 1024 == 0 && said.elapsed() > Duration::from_secs(1) {
            said = Instant::now();
            println!("  {:.0} %", 100.0 * index as f64 / count as f64);
            std::io::stdout().flush().ok();
        }
    }
    Ok(())
}

/// The name with this number: like that of a session's file, the same in each run.
pub fn name(prefix: &str, index: u64) -> String {
    let seed = prefix
        .bytes()
        .fold(index, |seed, byte| mix(seed ^ u64::from(byte)));
    format!("{prefix}{:016x}{:016x}", mix(seed), mix(!seed))
}

/// splitmix64's finalizer
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_the_same_each_time() {
        let names: std::collections::HashSet<_> =
            (0..10_000).map(|index| name("sess_", index)).collect();
        assert_eq!(names.len(), 10_000);
        assert!(names.contains(&name("sess_", 42)));
        assert_eq!(name("sess_", 0).len(), 5 + 32);
    }
}
