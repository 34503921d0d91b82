//! Everything at once on one tree: prunes, censuses, sessions that pause or are killed, and other
//! users of the tree.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::lookups;
use super::raw::Device;
use super::stream;
use slabscope::abi::{self, Begin};

/// Directories in the tree.
const DIRS: u64 = 6;
/// Files, and names that are not there, in the directory that moves.
const MOVED: u64 = 200;

/// An action on the tree, which is repeated.
type Actor = fn(&Storm, u64) -> Result<()>;

const ACTORS: [(&str, Actor); 12] = [
    ("prunes of negatives", |storm, _| {
        storm.walk(abi::MODE_NEGATIVE)
    }),
    ("prunes of dentries", |storm, _| {
        storm.walk(abi::MODE_DENTRIES)
    }),
    ("prunes of inodes", |storm, time| {
        storm.walk_with(abi::MODE_INODES, time)
    }),
    ("prunes of pages", |storm, time| {
        storm.walk_with(abi::MODE_PAGES, time)
    }),
    ("censuses", |storm, _| storm.walk(abi::MODE_CENSUS)),
    ("pauses", Storm::pause),
    ("kills", Storm::kill),
    ("files made and removed", Storm::make),
    ("directories made and removed", Storm::make_dirs),
    ("failed lookups", Storm::look),
    ("moves out and in", Storm::rename),
    ("mounts", Storm::mount),
];

struct Storm {
    top: PathBuf,
    tree: PathBuf,
    /// A disk with a filesystem, mounted now and then within the tree.
    disk: PathBuf,
    evicted: AtomicU64,
}

/// Runs for some time; fails if any actor fails, or has done nothing.
pub fn run(top: &Path, disk: &Path, time: Duration) -> Result<()> {
    let storm = Storm {
        top: top.to_owned(),
        tree: top.join("tree"),
        disk: disk.to_owned(),
        evicted: AtomicU64::new(0),
    };
    storm.prepare()?;
    let deadline = Instant::now() + time;
    let done = thread::scope(|scope| -> Result<Vec<_>> {
        let actors = ACTORS.map(|(name, act)| {
            let storm = &storm;
            let work = move || -> Result<u64> {
                let mut times = 0;
                while Instant::now() < deadline {
                    act(storm, times).with_context(|| format!("in {name}, time {times}"))?;
                    times += 1;
                }
                Ok(times)
            };
            (name, scope.spawn(work))
        });
        let mut done = Vec::new();
        for (name, actor) in actors {
            let times = actor.join().map_err(|_| anyhow!("{name}: a panic"))??;
            ensure!(times > 0, "no {name}");
            done.push(format!("{times} {name}"));
        }
        Ok(done)
    })?;
    let evicted = storm.evicted.load(Ordering::Relaxed);
    ensure!(evicted > 0, "nothing was evicted");
    println!("{evicted} evicted, {}", done.join(", "));
    Ok(())
}

impl Storm {
    fn prepare(&self) -> Result<()> {
        for dir in ["tree/disk", "tree/memory", "outside", "tree/0/moving"] {
            fs::create_dir_all(self.top.join(dir))?;
        }
        for index in 0..DIRS {
            fs::create_dir_all(self.tree.join(index.to_string()))?;
        }
        for index in 0..MOVED {
            fs::write(self.tree.join(format!("0/moving/{index}")), "moved")?;
        }
        Ok(())
    }

    fn begin(&self, begin: Begin) -> Result<Device> {
        use std::os::fd::AsRawFd as _;
        let dir = File::open(&self.tree)?;
        let device = Device::open()?;
        device.begin(&Begin {
            size: u32::try_from(size_of::<Begin>())?,
            version: abi::VERSION,
            fd: dir.as_raw_fd(),
            depth: 3,
            ..begin
        })?;
        Ok(device)
    }

    fn walk(&self, mode: u32) -> Result<()> {
        self.walk_in(mode, 0)
    }

    /// Every other time dirty data is written first.
    fn walk_with(&self, mode: u32, time: u64) -> Result<()> {
        let flags = if time.is_multiple_of(2) {
            0
        } else {
            abi::BEGIN_WRITEBACK
        };
        self.walk_in(mode, flags)
    }

    fn walk_in(&self, mode: u32, flags: u32) -> Result<()> {
        let begin = Begin {
            mode,
            flags,
            depth: 3,
            ..Begin::default()
        };
        let end = stream::walk(&File::open(&self.tree)?, begin)?;
        self.evicted
            .fetch_add(end.counters.moved, Ordering::Relaxed);
        ensure!(
            matches!(end.status, abi::STATUS_COMPLETE | abi::STATUS_MOVED),
            "a walk ended with status {}",
            end.status
        );
        Ok(())
    }

    /// A session that stands somewhere in the tree for a while, then goes on, is ended, or closed.
    fn pause(&self, time: u64) -> Result<()> {
        let device = self.begin(Begin {
            mode: if time.is_multiple_of(2) {
                abi::MODE_INODES
            } else {
                abi::MODE_CENSUS
            },
            batch: 1,
            ..Begin::default()
        })?;
        device.read(&mut vec![0; abi::MIN_READ])?;
        thread::sleep(Duration::from_millis(50));
        if time.is_multiple_of(3) {
            return Ok(());
        }
        // The records read so far entered directories that the rest leaves: only the end of it
        // counts.
        if time % 3 == 1 {
            device.stop()?;
        }
        while device.read(&mut vec![0; 1 << 16])? > 0 {}
        Ok(())
    }

    fn kill(&self, time: u64) -> Result<()> {
        let mode = 2 + time % 4;
        let tree = self.tree.to_str().context("no UTF-8")?;
        let mut child = Command::new("agent")
            .args(["device", "open"])
            .arg(format!("begin:dir={tree},mode={mode},batch=1"))
            .args(["drain", "open"])
            .arg(format!("begin:dir={tree},mode={mode},batch=1"))
            .arg("read:4096")
            .arg("wait")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        thread::sleep(Duration::from_millis(10 + time * 37 % 150));
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    fn make(&self, time: u64) -> Result<()> {
        let dir = self.tree.join((time % DIRS).to_string());
        let path = |index: u64| dir.join(lookups::name("made", index));
        for index in 0..50 {
            fs::write(path(index), "made")?;
        }
        for index in 0..50 {
            fs::remove_file(path(index))?;
        }
        Ok(())
    }

    fn make_dirs(&self, time: u64) -> Result<()> {
        let base = self.tree.join((time % DIRS).to_string()).join("down");
        let dir = (0..20).fold(base.clone(), |dir, depth| dir.join(depth.to_string()));
        fs::create_dir_all(&dir)?;
        lookups::run(&dir, 10, "absent", false)?;
        let mut dir = dir.as_path();
        while dir != base {
            fs::remove_dir(dir)?;
            dir = dir.parent().context("no parent")?;
        }
        Ok(fs::remove_dir(dir)?)
    }

    fn look(&self, time: u64) -> Result<()> {
        let dir = self.tree.join((time % DIRS).to_string());
        lookups::run(&dir, 500, &format!("absent{}", time % 7), false)
    }

    fn rename(&self, time: u64) -> Result<()> {
        let outside = self.top.join("outside/moving");
        let place = |time: u64| self.tree.join((time % DIRS).to_string()).join("moving");
        fs::rename(place(time), &outside)?;
        // Names in a subtree that is now outside are looked up, so that there is something to evict
        // wrongly.
        for index in 0..MOVED {
            ensure!(
                fs::read(outside.join(index.to_string()))? == b"moved",
                "a file that was moved is not what it was"
            );
        }
        Ok(fs::rename(&outside, place(time + 1))?)
    }

    /// Mounts another filesystem in the midst of the tree, uses it, and unmounts it.
    fn mount(&self, time: u64) -> Result<()> {
        let (disk, memory) = (self.tree.join("disk"), self.tree.join("memory"));
        mount("tmpfs", &memory, "tmpfs", MountFlags::empty(), None)?;
        mount(&self.disk, &disk, "ext4", MountFlags::empty(), None).context("cannot mount")?;
        fs::write(memory.join("file"), "file")?;
        lookups::run(&disk, 100, "absent", false)?;
        stream::walk(&File::open(&disk)?, Begin::default())?;
        if time.is_multiple_of(2) {
            unmount(&disk, UnmountFlags::DETACH).context("cannot unmount")?;
        } else {
            unmount_soon(&disk)?;
        }
        unmount_soon(&memory)
    }
}

/// The children of [`Storm::kill`] have all our descriptors open, until they become another
/// program.
fn unmount_soon(path: &Path) -> Result<()> {
    for _ in 0..200 {
        match unmount(path, UnmountFlags::empty()) {
            Err(Errno::BUSY) => thread::sleep(Duration::from_millis(20)),
            done => return done.context("cannot unmount"),
        }
    }
    bail!("{} stays busy", path.display())
}
