//! The programs of the guest: the first process, the command runner, and tools for scenes and
//! tests.

mod application;
pub mod bench;
mod calls;
mod device;
mod drains;
mod exec;
mod fuse;
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
mod temporary;
mod tools;
mod tree;
mod writers;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use bench::{Bench, Victim};
use lookups::How;

use crate::learn::{self, run::Interrupted};

/// The guest's disk for filesystems of scenes and tests.
pub const SCRATCH_DISK: &str = "/dev/lab-scratch";

/// A shell's status for a command that SIGINT has ended.
const INTERRUPTED: u8 = 130;

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
        /// By open() instead of stat()
        #[arg(long)]
        open: bool,
    },
    /// Make files and remove each before the next is made
    Temporary {
        /// Where
        dir: PathBuf,
        /// How many
        count: u64,
        /// All of the same name, instead of random names
        #[arg(long)]
        same: bool,
    },
    /// Say how many bytes of a file are in memory
    Pages {
        /// The file; it need not be there
        file: PathBuf,
    },
    /// Run a command and say how often it has the kernel call a function
    Calls {
        /// The function
        function: String,
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Learn by experiments
    Learn {
        /// Which one; else there is a list
        number: Option<usize>,
        /// Run it with nobody watching, and write what came of it as JSON
        #[arg(long, requires = "number")]
        unattended: bool,
        /// How many names, files or objects
        #[arg(long)]
        count: Option<u64>,
    },
    /// Watch files by inotify until killed
    Watch {
        /// The files
        files: Vec<PathBuf>,
    },
    /// Serve a filesystem by FUSE until it is unmounted; SIGUSR1 makes it mute
    Fuse {
        /// Where to mount it
        dir: PathBuf,
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
    /// Drop pages that another CPU has just read, in many sessions at once
    Drains {
        /// Where
        dir: PathBuf,
        /// How many at once
        threads: usize,
        /// How often
        times: usize,
    },
    /// Keep files open and use them step by step, while their disk fails
    Application {
        /// on:FILE, open, write:BYTE, flush, reads, fsync, close, sh:COMMAND (agent/application.rs)
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

/// Runs the command line; the first process of a guest has none.
pub fn main() -> ExitCode {
    if rustix::process::getpid().as_raw_nonzero().get() == 1 {
        return init::run();
    }
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("interrupted; everything that was made is removed");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            eprintln!("agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Without a number there is nothing to run unattended: the arguments make sure of that.
fn learn(number: Option<usize>, unattended: bool, count: Option<u64>) -> Result<ExitCode> {
    let experiment = number
        .map(|number| {
            learn::find(number).with_context(|| format!("there is no experiment {number}"))
        })
        .transpose()?;
    let Some(experiment) = experiment.filter(|_| unattended) else {
        return learn::guide::lead(experiment, count).map(ExitCode::from);
    };
    let record = learn::run::unattended(experiment, count.unwrap_or(experiment.counts[1]))?;
    println!("{}", serde_json::to_string(&record)?);
    Ok(ExitCode::SUCCESS)
}

fn run(task: Task) -> Result<ExitCode> {
    let done = match task {
        Task::Serve => serve::run(),
        Task::Scene { lookups, files } => scene::prepare(lookups, files),
        Task::Lookups {
            dir,
            count,
            prefix,
            progress,
            open,
        } => {
            let how = if open { How::Open } else { How::Stat };
            lookups::run_by(how, &dir, count, &prefix, progress)
        }
        Task::Temporary { dir, count, same } => temporary::run(&dir, count, same),
        Task::Pages { file } => tools::pages(&file),
        Task::Calls { function, command } => calls::run(&function, &command),
        Task::Learn {
            number,
            unattended,
            count,
        } => return learn(number, unattended, count),
        Task::Watch { files } => tools::watch(&files),
        Task::Fuse { dir } => fuse::run(&dir),
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
        Task::Drains {
            dir,
            threads,
            times,
        } => drains::run(&dir, threads, times),
        Task::Application { steps } => application::run(&steps),
        Task::Tree { dir } => tree::run(&dir),
        Task::Survive { dir } => survive::run(&dir),
        Task::Storm { dir, disk, seconds } => storm::run(&dir, &disk, Duration::from_secs(seconds)),
    };
    done.map(|()| ExitCode::SUCCESS)
}
