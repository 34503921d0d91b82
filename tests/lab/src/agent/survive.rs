//! Files in every kind of use, and a check that they are unchanged after each kind of prune.

use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::fs::{FlockOperation, flock, inotify};
use rustix::io::Errno;

use super::lookups;
use super::raw::Mapped;
use super::stream;
use slabscope::abi;

const FILES: u64 = 100;
const ABSENT: u64 = 500;
const MAPPED: usize = 64 << 10;
const CONTROL: &str = "/sys/kernel/debug/slabscope/shrink_dcache";

/// Makes the files, prunes in each mode, and checks all of them after each.
pub fn run(top: &Path) -> Result<()> {
    fs::create_dir(top)?;
    let mut uses = Uses::new(top)?;
    let modes = ["negative", "pages", "dentries", "inodes", "debugfs"];
    for (round, mode) in modes.into_iter().enumerate() {
        // Cache to evict: names, and files that were read.
        lookups::run(&top.join("idle"), ABSENT, mode, false)?;
        uses.check_idle()?;
        prune(top, mode).with_context(|| format!("in a prune of {mode}"))?;
        uses.check(u8::try_from(round)?)
            .with_context(|| format!("after a prune of {mode}"))?;
    }
    uses.end()?;
    println!("intact");
    Ok(())
}

fn census(top: &Path) -> Result<abi::Counters> {
    let end = stream::walk(&File::open(top)?, abi::Begin::default())?;
    Ok(end.counters)
}

fn prune(top: &Path, mode: &str) -> Result<()> {
    let before = census(top)?;
    ensure!(before.negative_prunable >= ABSENT, "nothing to prune");
    if mode == "debugfs" {
        let path = top.to_str().context("no UTF-8")?;
        fs::write(CONTROL, path).context("cannot ask debugfs")?;
    } else {
        let pruned = Command::new("slabscope")
            .arg("prune")
            .arg(top)
            .args(["--mode", mode, "--yes"])
            .output()?;
        ensure!(pruned.status.success(), "slabscope prune: {pruned:?}");
    }
    let after = census(top)?;
    let positive = |found: &abi::Counters| found.total - found.negative;
    ensure!(
        mode == "pages" || after.negative_prunable == 0,
        "{} negative dentries stay",
        after.negative_prunable
    );
    if matches!(mode, "negative" | "pages") {
        ensure!(
            positive(&before) == positive(&after),
            "positive dentries: {} before, {} after",
            positive(&before),
            positive(&after)
        );
    } else {
        ensure!(
            after.prunable < before.prunable / 20,
            "prunable: {} before, {} after",
            before.prunable,
            after.prunable
        );
    }
    Ok(())
}

/// All uses that must not notice.
struct Uses {
    top: PathBuf,
    open: Vec<File>,
    mapped: Mapped,
    locked: File,
    watch: rustix::fd::OwnedFd,
    program: Child,
    writer: JoinHandle<Result<u64>>,
    over: Arc<AtomicBool>,
}

/// The content of the file with a number.
fn content(index: u64) -> String {
    format!("{}\n", lookups::name("content", index)).repeat(50)
}

impl Uses {
    fn new(top: &Path) -> Result<Self> {
        for dir in ["idle", "open", "used", "cwd"] {
            fs::create_dir(top.join(dir))?;
        }
        for index in 0..FILES {
            fs::write(top.join(format!("idle/{index}")), content(index))?;
        }
        let open = (0..10)
            .map(|index| {
                let path = top.join(format!("open/{index}"));
                fs::write(&path, content(index))?;
                File::open(path)
            })
            .collect::<std::io::Result<_>>()?;
        fs::write(top.join("used/name"), "two names")?;
        fs::hard_link(top.join("used/name"), top.join("idle/hard"))?;
        let locked = File::create(top.join("used/locked"))?;
        flock(&locked, FlockOperation::LockExclusive)?;
        let file = File::create_new(top.join("used/mapped"))?;
        file.set_len(MAPPED as u64)?;
        drop(file);
        let file = File::options()
            .read(true)
            .write(true)
            .open(top.join("used/mapped"))?;
        let mut mapped = Mapped::new(&file, MAPPED)?;
        mapped.fill(0);
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK)?;
        fs::write(top.join("used/watched"), "")?;
        inotify::add_watch(
            &watch,
            top.join("used/watched"),
            inotify::WatchFlags::MODIFY,
        )?;
        inotify::add_watch(&watch, top.join("idle"), inotify::WatchFlags::CREATE)?;
        let (writer, over) = write_on(top.join("used/written"))?;
        let program = program(top)?;
        std::env::set_current_dir(top.join("cwd"))?;
        fs::write("inner", "inner")?;
        Ok(Self {
            top: top.to_owned(),
            open,
            mapped,
            locked,
            watch,
            program,
            writer,
            over,
        })
    }

    fn check_idle(&self) -> Result<()> {
        for index in 0..FILES {
            let found = fs::read_to_string(self.top.join(format!("idle/{index}")))?;
            ensure!(found == content(index), "idle/{index} is not what it was");
        }
        Ok(())
    }

    fn check(&mut self, round: u8) -> Result<()> {
        self.check_idle()?;
        for (index, file) in (0..).zip(&mut self.open) {
            file.rewind()?;
            let found = std::io::read_to_string(file)?;
            ensure!(found == content(index), "open/{index} is not what it was");
        }
        let (one, other) = ("used/name", "idle/hard");
        let (one, other) = (
            fs::metadata(self.top.join(one))?,
            fs::metadata(self.top.join(other))?,
        );
        ensure!(
            one.ino() == other.ino() && one.nlink() == 2,
            "a hard link is none"
        );
        let again = File::open(self.top.join("used/locked"))?;
        let free = flock(&again, FlockOperation::NonBlockingLockExclusive);
        ensure!(free == Err(Errno::WOULDBLOCK), "the lock is lost: {free:?}");
        flock(&self.locked, FlockOperation::LockExclusive)?;
        self.check_mapped(round)?;
        self.check_watches(round)?;
        ensure!(
            std::env::current_dir()? == self.top.join("cwd") && fs::read("inner")? == b"inner",
            "the working directory is not what it was"
        );
        let program = fs::read_link(format!("/proc/{}/exe", self.program.id()))?;
        ensure!(
            program == self.top.join("used/program") && self.program.try_wait()?.is_none(),
            "the program is not what it was: {program:?}"
        );
        Ok(())
    }

    /// The pages were dirty during the prune, and others read them as they were written.
    fn check_mapped(&mut self, round: u8) -> Result<()> {
        ensure!(self.mapped.is_filled(round), "mapped pages changed");
        let read = fs::read(self.top.join("used/mapped"))?;
        ensure!(
            read == vec![round; MAPPED],
            "mapped pages are read otherwise"
        );
        self.mapped.fill(round + 1);
        Ok(())
    }

    fn check_watches(&self, round: u8) -> Result<()> {
        fs::write(self.top.join("used/watched"), "changed")?;
        fs::write(self.top.join(format!("idle/new{round}")), "")?;
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.watch, &mut buffer);
        let (mut modified, mut created) = (false, false);
        loop {
            match events.next() {
                Ok(event) => {
                    modified |= event.events().contains(inotify::ReadFlags::MODIFY);
                    created |= event.events().contains(inotify::ReadFlags::CREATE);
                    let lost = inotify::ReadFlags::IGNORED | inotify::ReadFlags::UNMOUNT;
                    ensure!(!event.events().intersects(lost), "a watch is gone");
                }
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        ensure!(
            modified && created,
            "watches: file {modified}, directory {created}"
        );
        Ok(())
    }

    fn end(mut self) -> Result<()> {
        self.over.store(true, Ordering::Relaxed);
        let lines = self
            .writer
            .join()
            .map_err(|_| anyhow!("the writer died"))??;
        let found = fs::read_to_string(self.top.join("used/written"))?;
        ensure!(
            found.lines().count() as u64 == lines
                && (0..)
                    .zip(found.lines())
                    .all(|(index, line)| line == lookups::name("line", index)),
            "the file that was written all the time is not what was written"
        );
        self.program.kill()?;
        self.program.wait()?;
        Ok(std::env::set_current_dir("/")?)
    }
}

/// Appends to a file until the returned flag is set.
fn write_on(path: PathBuf) -> Result<(JoinHandle<Result<u64>>, Arc<AtomicBool>)> {
    let mut file = File::create(path)?;
    let over = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&over);
    let writer = thread::spawn(move || {
        let mut lines = 0;
        while !flag.load(Ordering::Relaxed) {
            writeln!(file, "{}", lookups::name("line", lines))?;
            lines += 1;
            thread::sleep(Duration::from_millis(1));
        }
        Ok(lines)
    });
    Ok((writer, over))
}

/// Runs a program in the tree.
fn program(top: &Path) -> Result<Child> {
    let path = top.join("used/program");
    fs::copy("/proc/self/exe", &path)?;
    Command::new(&path)
        .args(["device", "wait"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot run a program")
}
