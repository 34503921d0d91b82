//! Small tools for scenes and tests.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};
use rustix::fs::inotify;

use super::raw;

/// Files in one directory of a made tree.
const PER_DIR: u64 = 100;

/// Makes a tree of small files and reads every one, so that names, inodes and pages are cached.
pub fn make_files(top: &Path, count: u64) -> Result<()> {
    for index in 0..count {
        let dir = top.join(format!("part{:03}", index / PER_DIR));
        if index % PER_DIR == 0 {
            fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let path = file(top, index);
        fs::write(&path, format!("file {index}\n"))
            .with_context(|| format!("cannot write {}", path.display()))?;
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    Ok(())
}

/// The file with a number in a made tree.
pub fn file(top: &Path, index: u64) -> PathBuf {
    top.join(format!("part{:03}/file{index:05}", index / PER_DIR))
}

/// Prints how many bytes of a file are in memory, and how many of them are dirty; 0 if it does not
/// exist.
pub fn pages(path: &Path) -> Result<()> {
    let cached = match File::open(path) {
        Ok(file) => raw::cachestat(&file).context("cachestat(2)")?,
        Err(error) if error.kind() == ErrorKind::NotFound => raw::Cached::default(),
        Err(error) => return Err(error).with_context(|| format!("cannot open {}", path.display())),
    };
    let bytes = |pages: u64| pages * rustix::param::page_size() as u64;
    println!(
        "cached {} dirty {} writeback {}",
        bytes(cached.cached),
        bytes(cached.dirty),
        bytes(cached.writeback)
    );
    Ok(())
}

/// Holds files open until killed; prints a word once it does.
pub fn hold(files: &[PathBuf]) -> Result<()> {
    let held: Vec<File> = files
        .iter()
        .map(|path| File::open(path).with_context(|| format!("cannot open {}", path.display())))
        .collect::<Result<_>>()?;
    println!("holding {} files", held.len());
    loop {
        thread::park();
    }
}

/// Watches files by inotify until killed, without having them open; prints a word once it does.
pub fn watch(files: &[PathBuf]) -> Result<()> {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC)?;
    for file in files {
        inotify::add_watch(&watch, file, inotify::WatchFlags::MODIFY)
            .with_context(|| format!("cannot watch {}", file.display()))?;
    }
    println!("watching");
    loop {
        thread::park();
    }
}
