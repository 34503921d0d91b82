//! What runs in the guest: the first process, the command runner, and tools for scenes and tests.

pub mod bench;
mod device;
mod exec;
mod init;
pub mod lookups;
mod polls;
pub mod protocol;
mod raw;
mod reads;
mod scene;
mod serve;
mod storm;
mod stream;
mod survive;
mod tools;
mod tree;
mod writers;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};

use bench::{Bench, Victim};

/// The guest's disk for filesystems of scenes and tests.
pub const SCRATCH_DISK: &str = "/dev/lab-scratch";

/// The lab's hand in the guest.
#[derive(Debug, Parser)]
#[command(name = "agent")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Obey the host (started by the first process)
    Serve,
    /// Make the filesystem and the cached names that the program is shown on
    Scene {
        /// Failed lookups in the deep directory
        #[arg(long, default_value_t = 1_000_000)]
        lookups: u64,
        /// Files in the tree that is read
        #[arg(long, default_value_t = 50_000)]
        files: u64,
    },
    /// Look names up in a directory that are not there; the same names each time
    Lookups {
        /// The directory
        dir: PathBuf,
        /// How many names
        count: u64,
        /// What the names begin with; 32 hexadecimal digits follow
        #[arg(default_value = "sess_")]
        prefix: String,
        /// Say how far it is
        #[arg(long)]
        progress: bool,
    },
    /// Have an object of kmalloc-512 allocated and freed, so often; stays until killed
    Polls {
        /// How often
        count: u64,
    },
    /// Make a tree of small files and read it
    Files {
        /// Its top, made if it is not there
        dir: PathBuf,
        /// How many files
        count: u64,
    },
    /// Make a tree of files of two pages each
    Make {
        /// Its top, made if it is not there
        dir: PathBuf,
        /// How many files
        count: u64,
    },
    /// Read a tree of files, and say what came from the disk
    Read {
        /// Its top
        dir: PathBuf,
    },
    /// Say how many bytes of a tree of files are in the page cache
    Resident {
        /// Its top
        dir: PathBuf,
    },
    /// Read files of a tree at random until killed
    Disturb {
        /// Its top
        dir: PathBuf,
    },
    /// Write on trees that are pruned meanwhile, and see whether all is there
    Writers {
        /// How long
        seconds: u64,
        /// Where
        #[arg(required = true)]
        dirs: Vec<PathBuf>,
    },
    /// Hold files open until killed
    Hold {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Measure; a line for each round and measure
    Bench {
        /// What
        bench: Bench,
        /// How often
        rounds: u32,
    },
    /// Begin what is to be killed
    BenchVictim {
        /// What
        which: Victim,
        /// Below what
        dir: PathBuf,
    },
    /// Use the module's device step by step, and say what comes of each
    Device {
        /// open, info, begin:FIELD=VALUE,..., read, drain, ... (agent/device.rs)
        #[arg(required = true)]
        steps: Vec<String>,
    },
    /// Make a tree of which everything is known, and keep it cached until killed
    Tree {
        /// Its top, which is not there yet
        dir: PathBuf,
    },
    /// Use files in every way, prune, and see whether they are what they were
    Survive {
        /// Where; not there yet
        dir: PathBuf,
    },
    /// Do everything at once to a tree
    Storm {
        /// Where
        dir: PathBuf,
        /// A disk with an ext4 that is mounted now and then
        disk: PathBuf,
        /// How long
        seconds: u64,
    },
}

/// Does what the arguments say; the first process of a guest has none to go by.
pub fn main() -> ExitCode {
    if rustix::process::getpid().as_raw_nonzero().get() == 1 {
        return init::run();
    }
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Serve => serve::run(),
        Task::Scene { lookups, files } => scene::prepare(lookups, files),
        Task::Lookups {
            dir,
            count,
            prefix,
            progress,
        } => lookups::run(&dir, count, &prefix, progress),
        Task::Polls { count } => polls::run(count),
        Task::Files { dir, count } => tools::make_files(&dir, count),
        Task::Make { dir, count } => reads::make(&dir, count),
        Task::Read { dir } => reads::read(&dir),
        Task::Resident { dir } => reads::resident(&dir),
        Task::Disturb { dir } => reads::disturb(&dir),
        Task::Writers { seconds, dirs } => writers::run(&dirs, Duration::from_secs(seconds)),
        Task::Hold { files } => tools::hold(&files),
        Task::Bench { bench, rounds } => bench::run(bench, rounds),
        Task::BenchVictim { which, dir } => bench::victim(which, &dir),
        Task::Device { steps } => device::run(&steps),
        Task::Tree { dir } => tree::run(&dir),
        Task::Survive { dir } => survive::run(&dir),
        Task::Storm { dir, disk, seconds } => storm::run(&dir, &disk, Duration::from_secs(seconds)),
    }
}
