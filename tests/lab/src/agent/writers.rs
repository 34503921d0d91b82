//! Writers on trees that are pruned: what they wrote has to be there, now and after the next mount.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use slabscope::abi::{self, Begin};

use super::stream;

/// Writers on each tree.
const WRITERS: u64 = 8;
/// Files of each.
const FILES: u64 = 40;
/// Longest file, in blocks of the size below.
const BLOCKS: u64 = 12;
const BLOCK: usize = 4096;

/// The content of a block of a file, by the number of times that it was written.
fn block(writer: u64, file: u64, block: u64, version: u64) -> Vec<u8> {
    let line = format!("{writer} {file} {block} {version}\n");
    line.bytes().cycle().take(BLOCK).collect()
}

/// A writer's own directory, and its expected content.
struct Writer {
    dir: PathBuf,
    number: u64,
    /// The version of each block of each file; a file without blocks is not there.
    files: Vec<Vec<u64>>,
    random: u64,
    version: u64,
}

impl Writer {
    fn new(top: &Path, number: u64) -> Result<Self> {
        let dir = top.join(format!("writer{number}"));
        fs::create_dir_all(&dir)?;
        Ok(Self {
            dir,
            number,
            files: (0..FILES).map(|_| Vec::new()).collect(),
            random: number + 1,
            version: 0,
        })
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    fn path(&self, file: u64) -> PathBuf {
        self.dir.join(format!("file{file}"))
    }

    /// Makes, changes, reads, renames or removes a file.
    fn act(&mut self) -> Result<()> {
        let file = self.random(FILES);
        self.version += 1;
        let version = self.version;
        let len = self.files[file as usize].len() as u64;
        match self.random(10) {
            0 if len > 0 => {
                fs::remove_file(self.path(file))?;
                self.files[file as usize].clear();
            }
            1 if len > 0 => self.check(file)?,
            2 if len > 0 => {
                let other = self.random(FILES);
                fs::rename(self.path(file), self.path(other))?;
                if other != file {
                    self.rewrite(file, other)?;
                }
            }
            what => {
                let at = self.random((len + 1).min(BLOCKS));
                let content = block(self.number, file, at, version);
                let mut options = File::options();
                let mut out = options
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .open(self.path(file))?;
                out.seek(SeekFrom::Start(at * BLOCK as u64))?;
                out.write_all(&content)?;
                if what == 3 {
                    out.sync_all()?;
                }
                let versions = &mut self.files[file as usize];
                match versions.get_mut(at as usize) {
                    Some(known) => *known = version,
                    None => versions.push(version),
                }
            }
        }
        Ok(())
    }

    /// A renamed file is written with the content for its new name.
    fn rewrite(&mut self, from: u64, to: u64) -> Result<()> {
        let versions = std::mem::take(&mut self.files[from as usize]);
        let mut out = File::create(self.path(to))?;
        for (at, version) in (0..).zip(&versions) {
            out.write_all(&block(self.number, to, at, *version))?;
        }
        self.files[to as usize] = versions;
        Ok(())
    }

    fn check(&self, file: u64) -> Result<()> {
        let path = self.path(file);
        let versions = &self.files[file as usize];
        if versions.is_empty() {
            ensure!(!path.exists(), "{} is there again", path.display());
            return Ok(());
        }
        let mut found = Vec::new();
        File::open(&path)
            .and_then(|mut file| file.read_to_end(&mut found))
            .with_context(|| format!("cannot read {}", path.display()))?;
        let expected: Vec<u8> = (0..)
            .zip(versions)
            .flat_map(|(at, version)| block(self.number, file, at, *version))
            .collect();
        ensure!(
            found == expected,
            "{} is not what was written to it",
            path.display()
        );
        Ok(())
    }

    fn write_until(mut self, deadline: Instant) -> Result<u64> {
        while Instant::now() < deadline {
            self.act()
                .with_context(|| format!("writer {}", self.number))?;
        }
        for file in 0..FILES {
            self.check(file)?;
        }
        Ok(self.version)
    }
}

/// Prunes a tree's inodes and pages in turn, with and without writing first.
fn prune(top: &Path, over: &AtomicBool, evicted: &AtomicU64) -> Result<u64> {
    let dir = File::open(top)?;
    let mut times = 0;
    while !over.load(Ordering::Relaxed) {
        let begin = Begin {
            mode: if times % 3 == 2 {
                abi::MODE_PAGES
            } else {
                abi::MODE_INODES
            },
            flags: if times % 2 == 1 {
                abi::BEGIN_WRITEBACK
            } else {
                0
            },
            ..Begin::default()
        };
        let end = stream::walk(&dir, begin)?;
        ensure!(end.status == abi::STATUS_COMPLETE, "status {}", end.status);
        if begin.mode == abi::MODE_INODES {
            evicted.fetch_add(end.counters.evict_attempted, Ordering::Relaxed);
        }
        times += 1;
    }
    Ok(times)
}

/// Runs writers and prunes on trees at once for some time, then checks all that was written.
pub fn run(tops: &[PathBuf], time: Duration) -> Result<()> {
    let deadline = Instant::now() + time;
    let (over, evicted) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut writers = Vec::new();
    for top in tops {
        for number in 0..WRITERS {
            writers.push(Writer::new(top, number)?);
        }
    }
    thread::scope(|scope| -> Result<()> {
        let died = |_| anyhow!("a thread died");
        let pruners: Vec<_> = tops
            .iter()
            .map(|top| scope.spawn(|| prune(top, &over, &evicted)))
            .collect();
        let writers: Vec<_> = writers
            .into_iter()
            .map(|writer| scope.spawn(move || writer.write_until(deadline)))
            .collect();
        let written: Vec<_> = writers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        over.store(true, Ordering::Relaxed);
        let (mut acts, mut prunes) = (0, 0);
        for pruner in pruners {
            prunes += pruner.join().map_err(died)??;
        }
        for done in written {
            acts += done.map_err(died)??;
        }
        let evicted = evicted.load(Ordering::Relaxed);
        ensure!(
            prunes > 0 && evicted > 0,
            "{prunes} prunes evicted {evicted} inodes"
        );
        println!("{acts} acts, {prunes} prunes, {evicted} inodes evicted");
        Ok(())
    })
}
