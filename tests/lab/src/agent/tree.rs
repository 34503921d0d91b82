//! A tree whose every cached name is known, for the census to count.

use std::fs::{self, File, create_dir};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, bail};
use rustix::fs::{CWD, FileType, Mode, mknodat, sync};
use rustix::mount::{MountFlags, mount};

/// Longer than the names that a dentry holds itself.
const LONG: usize = 60;

/// Makes the tree in a new directory, prints that, and keeps it as it is until killed.
pub fn run(top: &Path) -> Result<()> {
    create_dir(top)?;
    let dir = |name: &str| -> Result<PathBuf> {
        let path = top.join(name);
        create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    };
    files(&dir("files")?)?;
    for name in ["empty", "empty/0", "empty/1", "empty/2", "empty/absent"] {
        dir(name)?;
    }
    absent(&top.join("empty/absent"), 0..4, 10)?;
    for name in ["chain", "chain/1", "chain/1/2", "chain/1/2/3"] {
        dir(name)?;
    }
    file(&top.join("chain/1/2/3/deep"))?;
    symlink("files", top.join("symlink"))?;
    mknodat(CWD, top.join("fifo"), FileType::Fifo, Mode::RUSR, 0)?;
    let mountpoint = dir("mountpoint")?;
    file(&mountpoint.join("hidden"))?;
    mount("tmpfs", &mountpoint, "tmpfs", MountFlags::empty(), None)?;
    let held = dir("held")?;
    file(&held.join("idle"))?;
    let _open = file(&held.join("open"))?;
    let _gone = file(&held.join("gone"))?;
    fs::remove_file(held.join("gone"))?;
    let cwd = dir("cwd")?;
    std::env::set_current_dir(&cwd)?;
    sync();
    // These two inodes are dirty from here on, the others not.
    for name in ["files/0", "files/1"] {
        File::options()
            .write(true)
            .open(top.join(name))?
            .write_all(b"y")?;
    }
    println!("ready");
    std::io::stdout().flush()?;
    loop {
        thread::park();
    }
}

/// Twelve files of a page, one of them with two names, and absent names.
fn files(dir: &Path) -> Result<()> {
    for index in 0..10 {
        file(&dir.join(index.to_string()))?;
    }
    fs::hard_link(dir.join("0"), dir.join("hard"))?;
    // overlayfs forgets the name that it has just made.
    fs::metadata(dir.join("hard"))?;
    for name in ["a", "b"] {
        file(&dir.join(name.repeat(LONG)))?;
    }
    absent(dir, 0..20, 10)?;
    absent(dir, 0..5, LONG)
}

fn file(path: &Path) -> Result<File> {
    let mut file =
        File::create_new(path).with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(b"x")?;
    Ok(file)
}

/// Looks up absent names of a length.
fn absent(dir: &Path, names: std::ops::Range<u32>, len: usize) -> Result<()> {
    for name in names {
        let path = dir.join(format!("absent{name:0>width$}", width = len - 6));
        if path.symlink_metadata().is_ok() {
            bail!("{} is there", path.display());
        }
    }
    Ok(())
}
