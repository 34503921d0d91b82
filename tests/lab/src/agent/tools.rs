//! Small tools for scenes and tests.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};

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

/// Holds files open until killed; says so once it does.
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
