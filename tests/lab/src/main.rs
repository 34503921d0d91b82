//! `cargo lab`: arguments in, exit code out.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use slabscope_lab::setup::{self, DEFAULT_SERIES, Lab};
use slabscope_lab::{interactive, relay, shots, suite};

/// Boot a stock Debian kernel in QEMU with the slabscope module, and open slabscope in it.
///
/// Everything is made from nothing the first time (4 minutes, 5 GB) and kept in $SLABSCOPE_CACHE, else
/// $XDG_CACHE_HOME/slabscope, else ~/.cache/slabscope. The host's kernel is left alone.
#[derive(Debug, Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", version)]
struct Arguments {
    #[command(flatten)]
    kernel: KernelArguments,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Debug, Args)]
struct KernelArguments {
    /// The series of stock kernels to use, from 7.2 on
    #[arg(long = "kernel", value_name = "SERIES", default_value = DEFAULT_SERIES, global = true)]
    series: String,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Make everything the lab needs, and say how
    Setup {
        /// Look for a newer kernel of the series
        #[arg(long)]
        update: bool,
    },
    /// Open a root shell in the guest
    Shell,
    /// Run one command in the guest; its status is the lab's
    Run {
        /// Seconds it may take
        #[arg(long, default_value_t = 600)]
        timeout: u64,
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Take the pictures of the README
    Shots {
        /// Where they go
        dir: PathBuf,
    },
    /// Run the tests
    Test {
        /// Part of the names of the tests to run
        filter: Option<String>,
        /// Only name the tests
        #[arg(long)]
        list: bool,
        /// What else the tests of cargo take, such as --exact and --skip
        #[arg(last = true)]
        more: Vec<String>,
    },
}

/// The lab was used in a way it cannot be.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.task, None | Some(Task::Shell)) && !relay::on_terminal() {
        eprintln!(
            "cargo lab: standard input and output must be a terminal; without one, see `cargo lab run` and `test`"
        );
        return ExitCode::from(USAGE);
    }
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cargo lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    let series = arguments.kernel.series;
    let name = series.clone();
    let made = move |update, verbose| -> Result<Lab> {
        setup::run(&setup::Options {
            series: series.clone(),
            update,
            verbose,
        })
    };
    match arguments.task {
        None => interactive::main_job(&made(false, false)?).map(code),
        Some(Task::Shell) => interactive::shell(&made(false, false)?).map(code),
        Some(Task::Setup { update }) => {
            let lab = made(update, true)?;
            eprintln!("ready: Linux {}; `cargo lab` boots it", lab.kernel.release);
            Ok(ExitCode::SUCCESS)
        }
        Some(Task::Run { timeout, command }) => {
            let status = interactive::run_command(
                &made(false, false)?,
                &command,
                Duration::from_secs(timeout),
            )?;
            Ok(exit_code(status))
        }
        Some(Task::Shots { dir }) => {
            shots::take(&made(false, false)?, &dir)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Task::Test { filter, list, more }) => {
            let list = list.then(|| "--list".to_owned());
            let arguments: Vec<String> = filter.into_iter().chain(list).chain(more).collect();
            suite::run(&name, &arguments, move || made(false, false))
        }
    }
}

fn code(end: relay::End) -> ExitCode {
    match end {
        relay::End::Left => ExitCode::SUCCESS,
        relay::End::Program(status) => exit_code(status),
        relay::End::Signal(signal) => exit_code(128 + signal),
    }
}

fn exit_code(status: i32) -> ExitCode {
    ExitCode::from(u8::try_from(status).unwrap_or(1))
}
