//! The BPF reader relative to the module, on the same dentries.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use slabscope::kernel::reader::bpf::{self, Loaded, Reads};
use slabscope::kernel::session::{Counters, Record, Status, Walk};

use super::peers::{directory, fill, nanoseconds, settle, walk};
use super::races;
use super::speed::{FILES, NEGATIVES, look};
use super::tell;
use super::terminal::peak_memory;
use crate::agent::{lookups, tools};

/// Duration of a census by BPF, and the longest time that it kept the processor.
pub struct Census {
    /// From its first run to its end.
    pub took: Duration,
    /// The longest run.
    pub held: Duration,
}

/// One census by BPF whose counters are known.
fn exact(loaded: Box<Loaded>, dir: &Path, known: &Counters) -> Result<Census> {
    let (census, counted) = census(loaded, dir)?;
    let of = |counters: &Counters| {
        let Counters {
            total,
            negative,
            inodes,
            pages,
            prunable,
            ..
        } = *counters;
        [total, negative, inodes, pages, prunable]
    };
    ensure!(
        of(&counted) == of(known),
        "BPF counts {counted:?}, the module {known:?}"
    );
    Ok(census)
}

/// One census by BPF.
pub fn census(loaded: Box<Loaded>, dir: &Path) -> Result<(Census, Counters)> {
    let handle = File::open(dir).with_context(|| format!("cannot open {}", dir.display()))?;
    let started = Instant::now();
    let mut walk = bpf::Walk::census(loaded, handle.as_fd(), 0);
    while let Some(record) = walk.next() {
        if let Record::Total { status, counters } = record? {
            let took = started.elapsed();
            ensure!(status == Status::Complete, "BPF ended with {status:?}");
            let held = walk.held();
            return Ok((Census { took, held }, *counters));
        }
    }
    bail!("a walk without a total")
}

/// Both ways of reading, and the names of their measures.
const WAYS: [(Reads, [&str; 4]); 2] = [
    (
        Reads::Probe,
        ["bpf_negative", "bpf_files", "bpf_run", "bpf_load"],
    ),
    (
        Reads::Direct,
        [
            "direct_negative",
            "direct_files",
            "direct_run",
            "direct_load",
        ],
    ),
];

/// Censuses of which the least longest run counts: a host that takes a processor away does not do
/// that in each.
const TRIALS: u32 = 3;

/// A million negatives in one directory; a tree of files whose inodes are cached.
pub fn readers(rounds: u32) -> Result<()> {
    let negatives = directory("negatives")?;
    let top = directory("tree")?;
    tools::make_files(&top, FILES)?;
    rustix::fs::sync();
    for _ in 0..rounds {
        fill(&negatives, NEGATIVES)?;
        look(&top)?;
        let (module, of_negatives) = walk(&negatives, Walk::Census { depth: 0 })?;
        let (module_files, of_files) = walk(&top, Walk::Census { depth: 0 })?;
        ensure!(of_negatives.negative == NEGATIVES && of_files.files >= FILES);
        for (reads, [negative, files, run, _]) in WAYS {
            let trial = || exact(bpf::load(reads)?, &negatives, &of_negatives);
            let Census { took, mut held } = trial()?;
            for _ in 1..TRIALS {
                held = held.min(trial()?.held);
            }
            tell(negative, nanoseconds(took), nanoseconds(module))?;
            tell(run, nanoseconds(held), 1e3)?;
            let ours = exact(bpf::load(reads)?, &top, &of_files)?;
            tell(files, nanoseconds(ours.took), nanoseconds(module_files))?;
        }
    }
    Ok(())
}

/// Time to load and verify the program.
fn loads() -> Result<()> {
    for (reads, [.., load]) in WAYS {
        let started = Instant::now();
        drop(bpf::load(reads)?);
        tell(load, nanoseconds(started.elapsed()), 1e6)?;
    }
    Ok(())
}

/// Dentries of the largest trees, and of directories in one of them.
const MANY: u64 = 5_000_000;
const DIRECTORIES: u64 = 100_000;
const PER_FILL: u64 = MANY / DIRECTORIES;

/// The peak memory of the program for a command without a screen: read until it ends.
fn peak(command: &[&str], dir: &Path) -> Result<f64> {
    let mut child = Command::new("slabscope")
        .args(["--via", "bpf"])
        .args(command)
        .arg(dir)
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start slabscope")?;
    let mut most = 0.0_f64;
    loop {
        if let Some(status) = child.try_wait().context("cannot look at slabscope")? {
            ensure!(
                status.success(),
                "slabscope {command:?} ended with {status}"
            );
            return Ok(most);
        }
        most = most.max(peak_memory(child.id()).unwrap_or(0.0));
        sleep(Duration::from_millis(2));
    }
}

/// How long others wait meanwhile, how long loading takes, and the program's own memory for five
/// million: listed from one directory, and counted in very many.
pub fn costs(rounds: u32) -> Result<()> {
    let flat = directory("flat")?;
    let wide = directory("wide")?;
    for index in 0..DIRECTORIES {
        let dir = wide.join(format!("d{index:06}"));
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    for _ in 0..rounds {
        races::stall_by_readers()?;
        loads()?;
        fill(&flat, MANY)?;
        tell("bpf_list", peak(&["ls"], &flat)?, 1.0)?;
        fill(&flat, 0)?;
        for index in 0..DIRECTORIES {
            lookups::run(&wide.join(format!("d{index:06}")), PER_FILL, "a", false)?;
        }
        settle();
        tell("bpf_memory", peak(&["census", "--depth", "0"], &wide)?, 1.0)?;
    }
    Ok(())
}
