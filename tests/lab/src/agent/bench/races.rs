//! Effects on others: on lookups meanwhile, on a kill, on competitors for the processor.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::ValueEnum;
use rustix::fs::{AtFlags, statat};
use rustix::process::{Resource, Rlimit, setrlimit};
use slabscope::kernel::reader::bpf;
use slabscope::kernel::session::PruneMode;

use super::peers::{
    directory, drop_caches, fill, nanoseconds, negative, pin, prune, shrink_dcache_parent, walk,
};
use super::readers::census;
use super::{NOISE, tell};
use crate::agent::lookups;

const STALLED: u64 = 200_000;
const KILLED: u64 = 500_000;
const BEHIND: u64 = 16_000;
const HELD: u64 = 65_000;

/// Duration of a prune of as many under emulation.
const ACTED: Duration = Duration::from_millis(350);

/// Trials of a stall, of which the least counts: the kernel's own stalls occur in each trial, those
/// of a host that takes a processor away for a while do not.
const TRIALS: u32 = 3;

/// A wait this many times as long as the module's proves the bound of 100, so the peer can stop.
const ENOUGH: u32 = 130;

/// The longest duration of one of a few common calls until `stop` is set.
fn worst(dir: &Path, stop: &AtomicBool) -> Result<Duration> {
    pin(1)?;
    let handle = File::open(dir).with_context(|| format!("cannot open {}", dir.display()))?;
    let mut worst = Duration::ZERO;
    let mut timed = |call: &dyn Fn() -> Result<()>| {
        let started = Instant::now();
        let done = call();
        worst = worst.max(started.elapsed());
        done
    };
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        timed(&|| {
            statat(&handle, "present", AtFlags::empty())
                .map(drop)
                .context("a file is missing")
        })?;
        timed(&|| lookups::run(dir, 1, &format!("absent{round}_"), false))?;
        let new = dir.join("new");
        timed(&|| fs::write(&new, "").context("cannot create a file"))?;
        timed(&|| fs::remove_file(&new).context("cannot remove a file"))?;
        round += 1;
    }
    Ok(worst)
}

/// The worst stall of another thread while something runs, each on its own processor.
fn stall_during(dir: &Path, act: impl FnOnce() -> Result<Duration>) -> Result<Duration> {
    let stop = AtomicBool::new(false);
    pin(0)?;
    thread::scope(|scope| {
        let prober = scope.spawn(|| worst(dir, &stop));
        sleep(Duration::from_millis(50));
        let acted = act();
        stop.store(true, Ordering::Relaxed);
        let worst = prober.join().map_err(|_| anyhow!("the prober ended"))?;
        acted?;
        worst
    })
}

/// The least of some trials' worst stalls.
fn least_stall(dir: &Path, act: impl Fn() -> Result<Duration>) -> Result<Duration> {
    let mut least = Duration::MAX;
    for _ in 0..TRIALS {
        fill(dir, STALLED)?;
        least = least.min(stall_during(dir, &act)?);
    }
    Ok(least)
}

/// The longest interruption of a thread that does nothing but read the clock: caused by the host.
fn host_takes() -> Duration {
    pin(1).ok();
    let started = Instant::now();
    let (mut last, mut longest) = (started, Duration::ZERO);
    while started.elapsed() < Duration::from_secs(1) {
        let now = Instant::now();
        longest = longest.max(now - last);
        last = now;
    }
    longest
}

/// Stalls of lookups and of changes in the directory that is being emptied.
pub fn stall(rounds: u32) -> Result<()> {
    let dir = directory("stalled")?;
    let present = dir.join("present");
    fs::write(&present, "").with_context(|| format!("cannot write {}", present.display()))?;
    for _ in 0..rounds {
        tell(NOISE, nanoseconds(host_takes()), 1.0)?;
        let ours = least_stall(&dir, || {
            walk(&dir, prune(PruneMode::Negative)).map(|(took, _)| took)
        })?;
        let parent = least_stall(&dir, || shrink_dcache_parent(&dir))?;
        tell("stall", nanoseconds(ours), nanoseconds(parent))?;
        let everywhere = least_stall(&dir, drop_caches)?;
        tell("stall_caches", nanoseconds(ours), nanoseconds(everywhere))?;
        let nothing = least_stall(&dir, || {
            sleep(ACTED);
            Ok(ACTED)
        })?;
        tell("stall_nothing", nanoseconds(ours), nanoseconds(nothing))?;
    }
    Ok(())
}

/// The same while the BPF reader counts in place of a prune: it takes no lock.
pub fn stall_by_readers() -> Result<()> {
    let dir = directory("stalled")?;
    let present = dir.join("present");
    fs::write(&present, "").with_context(|| format!("cannot write {}", present.display()))?;
    let end = || Instant::now() + ACTED;
    let ours = least_stall(&dir, || {
        let (started, end) = (Instant::now(), end());
        while Instant::now() < end {
            census(bpf::take()?, &dir)?;
        }
        Ok(started.elapsed())
    })?;
    let nothing = least_stall(&dir, || {
        sleep(ACTED);
        Ok(ACTED)
    })?;
    tell("bpf_stall", nanoseconds(ours), nanoseconds(nothing))
}

/// An operation in a process of its own, which is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Victim {
    /// The module's prune
    Prune,
    /// `shrink_dcache_parent()`
    Shrink,
}

/// Prints that it begins, and begins.
pub fn victim(which: Victim, dir: &Path) -> Result<()> {
    println!("begins");
    std::io::stdout().flush().context("cannot report")?;
    match which {
        Victim::Prune => walk(dir, prune(PruneMode::Negative)).map(drop),
        Victim::Shrink => shrink_dcache_parent(dir).map(drop),
    }
}

/// Time from the kill of a process, a tenth of a second after it began, to its end.
fn time_to_die(which: &str, dir: &Path) -> Result<Duration> {
    let agent = std::env::current_exe().context("cannot find this program")?;
    let mut child = Command::new(agent)
        .args(["bench-victim", which])
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start a process")?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut line)
            .context("cannot hear the process")?;
    }
    sleep(Duration::from_millis(100));
    let ended = child.try_wait().context("cannot look at the process")?;
    if let Some(status) = ended {
        bail!("the {which} was over before it was killed: {status}");
    }
    let started = Instant::now();
    child.kill().context("cannot kill the process")?;
    let status = child.wait().context("cannot wait for the process")?;
    let took = started.elapsed();
    ensure!(!status.success(), "the {which} ended well");
    Ok(took)
}

/// The module's prune, and then the peer on the rest.
pub fn kill(rounds: u32) -> Result<()> {
    let dir = directory("killed")?;
    for _ in 0..rounds {
        fill(&dir, KILLED)?;
        let ours = time_to_die("prune", &dir)?;
        let other = time_to_die("shrink", &dir)?;
        tell("kill", nanoseconds(ours), nanoseconds(other))?;
    }
    Ok(())
}

/// Open files whose dentries are in front of the negatives: new ones are put at the head.
fn hold_before_negatives(dir: &Path) -> Result<Vec<File>> {
    fill(dir, BEHIND)?;
    (0..HELD)
        .map(|index| {
            let path = dir.join(format!("held{index:05}"));
            let mut options = File::options();
            let file = options.write(true).create(true).truncate(false).open(&path);
            file.with_context(|| format!("cannot open {}", path.display()))
        })
        .collect()
}

/// Runs something while another thread wants the same processor.
fn with_competitor<T>(act: impl FnOnce() -> T) -> Result<T> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(0).ok();
            while !stop.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let done = pin(0).map(|()| act());
        stop.store(true, Ordering::Relaxed);
        done
    })
}

/// The peer ends when the files are closed, as nothing else ends it: its time until then is a lower
/// bound.
fn shrink_behind(dir: &Path, held: Vec<File>, enough: Duration) -> Result<Duration> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let closer = scope.spawn(|| {
            pin(1).ok();
            let started = Instant::now();
            while !done.load(Ordering::Relaxed) && started.elapsed() < enough {
                sleep(Duration::from_millis(1));
            }
            let took = started.elapsed();
            drop(held);
            took
        });
        let shrunk = with_competitor(|| {
            let shrunk = shrink_dcache_parent(dir);
            done.store(true, Ordering::Relaxed);
            shrunk
        });
        let took = closer.join().map_err(|_| anyhow!("a thread ended"))?;
        shrunk??;
        Ok(took)
    })
}

/// Few unused negatives behind many dentries in use.
pub fn held(rounds: u32) -> Result<()> {
    let limit = Some(HELD + 1000);
    let limit = Rlimit {
        current: limit,
        maximum: limit,
    };
    setrlimit(Resource::Nofile, limit).context("cannot open that many files")?;
    let dir = directory("held")?;
    drop(hold_before_negatives(&dir)?);
    for _ in 0..rounds {
        let files = hold_before_negatives(&dir)?;
        let ours = with_competitor(|| negative(&dir, BEHIND))??;
        drop(files);
        let files = hold_before_negatives(&dir)?;
        let other = shrink_behind(&dir, files, ours * ENOUGH)?;
        tell("held", nanoseconds(ours), nanoseconds(other))?;
    }
    Ok(())
}
