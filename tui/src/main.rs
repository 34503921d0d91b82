//! The program: arguments, terminal in and out, exit code.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use slabscope::runtime::{self, Options};

/// Watch the kernel's slab caches, walk a directory tree by what is cached of it, prune it.
///
/// Keys are shown at the bottom; ? shows all of them.
/// Exit codes: 0 ok, 1 failed, 2 wrong use.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Seconds between two samples, from 0.1
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,

    /// Open the tree at this directory
    path: Option<PathBuf>,
}

fn interval(text: &str) -> Result<Duration, String> {
    let range = 0.1..=3600.0;
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    if range.contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("not between 0.1 and 3600 seconds".into())
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        eprintln!("slabscope: standard input and output have to be a terminal");
        return ExitCode::from(2);
    }
    let run = || {
        // By its name alone: looking at the path would look it up.
        let open = args.path.map(std::path::absolute).transpose()?;
        runtime::run(Options {
            interval: args.interval,
            open,
        })
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("slabscope: {error}");
            ExitCode::FAILURE
        }
    }
}
