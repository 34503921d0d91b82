//! What runs in the guest: the first process, the command runner, and tools for scenes and tests.

mod exec;
mod init;
pub mod lookups;
pub mod protocol;
mod scene;
mod serve;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

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
        #[arg(long, default_value_t = 5_000)]
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
    /// Make a tree of small files and read it
    Files {
        /// Its top, made if it is not there
        dir: PathBuf,
        /// How many files
        count: u64,
    },
    /// Hold files open until killed
    Hold {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
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
        Task::Files { dir, count } => tools::make_files(&dir, count),
        Task::Hold { files } => tools::hold(&files),
    }
}
