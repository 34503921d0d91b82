//! Measurements, made inside the guest: times are those of the calls alone, without any program's
//! start. Sessions are opened with the program's own library.
//!
//! Each prints one line a round and measure, a [`Sample`]; the host judges the figures.

mod keys;
mod memory;
mod peers;
mod races;
mod readers;
mod reread;
mod speed;
mod terminal;
mod who;

use std::io::Write as _;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Directory of all measurements.
const TOP: &str = "/mnt/ext4";

/// What can be measured at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bench {
    /// Negatives against drop_caches, and the census of them
    Negatives,
    /// A tree of files against shrink_dcache_parent()
    Tree,
    /// Inodes and pages of a tree against drop_caches
    Inodes,
    /// What the next read costs after each kind of prune
    Reread,
    /// Negatives against creating and removing each
    Unlink,
    /// How long others wait meanwhile
    Stall,
    /// How soon it ends when killed
    Kill,
    /// Negatives behind open files, with a competitor for the processor
    Held,
    /// Memory of a session, and the cost of many dentries
    Scale,
    /// How soon a key shows on the program's screen
    Keys,
    /// What it costs to have the kernel tell who fills the dentry cache
    Who,
    /// The BPF reader by the module
    Readers,
    /// What others and the machine feel of the BPF reader
    ReaderCosts,
}

/// Measure that shows how long the host takes a processor away.
pub const NOISE: &str = "noise";

/// One round of one measure: nanoseconds or bytes, of the module and of its peer.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Sample {
    /// Name of the measure.
    pub measure: String,
    /// The module's figure.
    pub ours: f64,
    /// The peer's figure.
    pub other: f64,
}

/// Makes one measurement, several times.
pub fn run(bench: Bench, rounds: u32) -> Result<()> {
    match bench {
        Bench::Negatives => speed::negatives(rounds),
        Bench::Tree => speed::tree(rounds),
        Bench::Inodes => reread::inodes(rounds),
        Bench::Reread => reread::reread(rounds),
        Bench::Unlink => speed::unlink(rounds),
        Bench::Stall => races::stall(rounds),
        Bench::Kill => races::kill(rounds),
        Bench::Held => races::held(rounds),
        Bench::Scale => memory::scale(rounds),
        Bench::Keys => keys::keys(rounds),
        Bench::Who => who::who(rounds),
        Bench::Readers => readers::readers(rounds),
        Bench::ReaderCosts => readers::costs(rounds),
    }
}

/// The part of a measurement that has to be killed, in a process of its own.
pub use races::{Victim, victim};

fn tell(measure: &str, ours: f64, other: f64) -> Result<()> {
    let sample = Sample {
        measure: measure.to_owned(),
        ours,
        other,
    };
    let line = serde_json::to_string(&sample).context("cannot write down a sample")?;
    println!("{line}");
    std::io::stdout().flush().context("cannot report")
}
