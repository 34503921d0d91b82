//! Reading trees of files, and how much of that came from the disk.

use std::fs::{self, File};
use std::io::Write as _;
use std::ops::ControlFlow;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

/// Files, or links to them, below a directory.
fn files(top: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(top).with_context(|| format!("cannot read {}", top.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", top.display()))?;
        match entry.file_type()? {
            kind if kind.is_dir() => files(&entry.path(), found)?,
            _ => found.push(entry.path()),
        }
    }
    Ok(())
}

/// Sectors read from a disk so far.
fn sectors(disk: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/sys/block/{disk}/stat"))
        .with_context(|| format!("no disk {disk}"))?;
    let field = text.split_whitespace().nth(2).context("no sectors")?;
    Ok(field.parse()?)
}

/// The disk that a path lies on.
fn disk_of(path: &Path) -> Result<String> {
    let text = fs::read_to_string("/proc/self/mountinfo")?;
    let on = |line: &&str| {
        line.split(' ')
            .nth(4)
            .is_some_and(|at| path.starts_with(at))
    };
    let depth = |line: &&str| line.split(' ').nth(4).map_or(0, str::len);
    let line = text.lines().filter(on).max_by_key(depth);
    let source = line.and_then(|line| line.split(" - ").nth(1)?.split(' ').nth(1));
    let source = fs::canonicalize(source.context("no disk")?)?;
    Ok(source
        .file_name()
        .context("no disk")?
        .to_string_lossy()
        .into_owned())
}

/// Reads every file below a directory, and prints their number and the sectors that came from the
/// disk.
pub fn read(top: &Path) -> Result<()> {
    let disk = disk_of(top)?;
    let before = sectors(&disk)?;
    let mut found = Vec::new();
    files(top, &mut found)?;
    let mut bytes = 0;
    for path in &found {
        let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        bytes += content.len();
    }
    let sectors = sectors(&disk)? - before;
    println!("{} files, {bytes} bytes, {sectors} sectors", found.len());
    Ok(())
}

/// Prints how many bytes of the files below a directory are in the page cache, by cachestat(2).
pub fn resident(top: &Path) -> Result<()> {
    let mut found = Vec::new();
    files(top, &mut found)?;
    let mut sum = 0;
    for path in &found {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut flow = || ControlFlow::Continue(());
        let bytes = slabscope::kernel::page_cache::resident(file.as_fd(), &mut flow)
            .map_err(|error| anyhow!("{}: {error:?}", path.display()))?;
        sum += bytes.unwrap_or(0);
    }
    println!("{sum}");
    Ok(())
}

/// Bytes of a file of [`make`]: more than a filesystem keeps in an inode.
const SIZE: usize = 5000;

/// Makes a tree of files that take two pages each, in directories of a hundred.
pub fn make(top: &Path, count: u64) -> Result<()> {
    for index in 0..count {
        let dir = top.join(format!("part{:03}", index / 100));
        if index % 100 == 0 {
            fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let path = dir.join(format!("file{index:05}"));
        let mut file =
            File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        file.write_all(format!("{index:010}").repeat(SIZE / 10).as_bytes())?;
    }
    Ok(())
}

/// Opens, reads and closes files of a tree at random until killed: a user of inodes that are being
/// evicted.
pub fn disturb(top: &Path) -> Result<()> {
    let mut found = Vec::new();
    files(top, &mut found)?;
    println!("disturbing {} files", found.len());
    std::io::stdout().flush().ok();
    let mut random: usize = 1;
    loop {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let path = &found[(random >> 33) % found.len()];
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let len = file.metadata()?.size();
        let content = std::io::read_to_string(file)?;
        anyhow::ensure!(
            content.len() as u64 == len,
            "{} is not read in full",
            path.display()
        );
    }
}
