//! `cargo lab`: arguments in, exit code out.

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a tool of the tests: with nobody to tell it may end"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use slabscope_lab::setup::host::NeedsRoot;
use slabscope_lab::setup::own::OWN;
use slabscope_lab::setup::series;
use slabscope_lab::setup::sudo;
use slabscope_lab::setup::{self, DEFAULT_SERIES, Options};
use slabscope_lab::suite::Tested;
use slabscope_lab::{bench, interactive, learn, relay, shots, suite};

/// Boot a stock Debian kernel in QEMU with the slabscope module, and open slabscope in it.
///
/// Everything is made the first time, which needs 6 GiB and root; each step shows its size and time. It is kept in
/// $SLABSCOPE_CACHE, else $XDG_CACHE_HOME/slabscope, else ~/.cache/slabscope. The host's kernel is left alone.
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
    /// The series of stock kernels to use: 7.2 or later; 6.12, 6.1 or 5.10; or `own`, one built
    /// here [default: 7.3; for the tests, each of these but `own`]
    #[arg(long = "kernel", value_name = "SERIES", global = true)]
    series: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
enum Task {
    /// Make everything the lab needs, and say how
    Setup {
        /// Look for a newer kernel of the series
        #[arg(long)]
        update: bool,
        /// Everything that the tests need: each of their series
        #[arg(long, conflicts_with = "series")]
        tests: bool,
        /// With --tests: what `test --all` needs, too
        #[arg(long, requires = "tests")]
        all: bool,
        /// The module that the measurements compare with, too
        #[arg(long, hide = true)]
        peer: bool,
        /// Only what needs root, for the user who called sudo
        #[arg(long, hide = true)]
        root_part: bool,
    },
    /// Open a root shell in the guest
    Shell,
    /// Learn about slab caches and dentries by experiments on a real kernel
    Learn {
        /// Which experiment; else there is a list
        #[arg(value_parser = clap::value_parser!(u8).range(1..=9))]
        number: Option<u8>,
        /// Goes on with the list, from which it was chosen
        #[arg(long, hide = true, requires = "number")]
        back: bool,
        /// Only name the experiments
        #[arg(long)]
        list: bool,
        /// Run all of them with nobody watching, and write their pages with the figures into a directory
        #[arg(long, value_name = "DIR", conflicts_with = "number")]
        record: Option<PathBuf>,
    },
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
    /// Build the module for a kernel of Debian
    Module {
        /// The kernel, as `uname -r` names it in it
        #[arg(long)]
        release: String,
        /// Where the module goes [default: it stays in the lab's cache]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Only what needs root, for the user who called sudo
        #[arg(long, hide = true)]
        root_part: bool,
    },
    /// Make packages: of the program for Debian, an rpm and an archive, of the module for DKMS
    Packages {
        /// Where they go
        dir: PathBuf,
        /// Have lintian check them, too
        #[arg(long)]
        lint: bool,
    },
    /// Measure the module against what the kernel itself offers
    Bench {
        /// Parts of the names of the measurements to make, with commas between them
        filter: Option<String>,
        /// How often each is made; the longest are made less often
        #[arg(long, default_value_t = bench::ROUNDS, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
        /// How many guests make them, one after the other: some figures differ from boot to boot
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20))]
        boots: u32,
        /// Count instructions instead of time: what else the host does has no influence then
        #[arg(long)]
        instructions: bool,
        /// Only name the measurements
        #[arg(long)]
        list: bool,
    },
    /// Run the tests
    Test {
        /// Part of the names of the tests to run
        filter: Option<String>,
        /// Only name the tests
        #[arg(long)]
        list: bool,
        /// Run every test on each series that it fits, not only what was chosen for a run of minutes
        #[arg(long)]
        all: bool,
        /// Wait longer for races: minutes instead of seconds, and on a kernel that checks its locks, too
        #[arg(long)]
        soak: bool,
        /// What else the tests of cargo take, such as --exact and --skip
        #[arg(last = true)]
        more: Vec<String>,
    },
}

/// The lab was used in a way it cannot be.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    let screen = match &arguments.task {
        None | Some(Task::Shell) => true,
        Some(Task::Learn { list, record, .. }) => !list && record.is_none(),
        Some(_) => false,
    };
    if screen && !relay::on_terminal() {
        eprintln!(
            "cargo lab: standard input and output must be a terminal; without one, see `cargo lab run`, `test`, `learn --list`"
        );
        return ExitCode::from(USAGE);
    }
    let done = match run(&arguments) {
        Err(error) if error.is::<NeedsRoot>() => {
            let made = sudo::run(&error.to_string(), &root_part(&arguments));
            if let Some(Task::Setup { update, .. }) = &mut arguments.task {
                // Done, and again it would need root again.
                *update = false;
            }
            made.and_then(|()| run(&arguments))
        }
        done => done,
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cargo lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments that have root's part made of what others need.
fn root_part(arguments: &Arguments) -> Vec<String> {
    if let Some(Task::Module { release, .. }) = &arguments.task {
        return ["module", "--root-part", "--release", release]
            .map(str::to_owned)
            .to_vec();
    }
    let series = arguments.kernel.series.clone().or_else(|| looks(arguments));
    let mut words = vec!["setup", "--root-part"];
    let several = arguments.kernel.series.is_none();
    let (tests, all) = match &arguments.task {
        Some(Task::Setup {
            update, tests, all, ..
        }) => {
            words.extend(update.then_some("--update"));
            (*tests, *all)
        }
        Some(Task::Bench { .. }) => {
            words.push("--peer");
            (false, false)
        }
        Some(Task::Test { all, .. }) => (several, several && *all),
        Some(Task::Learn {
            record: Some(_), ..
        }) => (several, several),
        _ => (false, false),
    };
    words.extend(tests.then_some("--tests"));
    words.extend(all.then_some("--all"));
    if let Some(series) = &series {
        words.extend(["--kernel", series]);
    }
    words.into_iter().map(str::to_owned).collect()
}

/// The series for a look at the module, which any front of it is good for. None: the task is another.
fn looks(arguments: &Arguments) -> Option<String> {
    match arguments.task {
        None | Some(Task::Shell | Task::Run { .. }) => setup::shortest().ok(),
        _ => None,
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let series = arguments.kernel.series.clone().or_else(|| looks(arguments));
    let options = Options::new(series.as_deref().unwrap_or(DEFAULT_SERIES));
    match arguments.task.clone() {
        None => interactive::main_job(&setup::run(&options)?).map(code),
        Some(Task::Shell) => interactive::shell(&setup::run(&options)?).map(code),
        Some(Task::Learn { list: true, .. }) => {
            print!("{}", learn::list());
            Ok(ExitCode::SUCCESS)
        }
        Some(Task::Learn {
            record: Some(dir), ..
        }) => {
            let series = series.map_or_else(
                || series::with_rust(&series::WITH_RUST),
                |series| Ok(vec![series]),
            )?;
            let labs: Vec<_> = series
                .iter()
                .map(|series| setup::run(&Options::new(series)))
                .collect::<Result<_>>()?;
            learn::host::record(&labs, &dir)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Task::Learn { number, back, .. }) => {
            learn::host::guide(&setup::run(&options)?, number.map(usize::from), back).map(code)
        }
        Some(Task::Setup {
            update,
            tests,
            all,
            peer,
            root_part,
        }) => {
            let make = || {
                let series = match tests {
                    true => series::tested(all)?,
                    false => vec![options.series],
                };
                for series in series {
                    let lab = setup::run(&Options {
                        update,
                        peer,
                        root_part,
                        verbose: !root_part,
                        ..Options::new(&series)
                    })?;
                    if !root_part {
                        let release = lab.kernel.release;
                        eprintln!("ready: Linux {release}; `cargo lab` boots it");
                    }
                }
                Ok(ExitCode::SUCCESS)
            };
            match root_part {
                true => sudo::handing_over(make),
                false => make(),
            }
        }
        Some(Task::Run { timeout, command }) => {
            let timeout = Duration::from_secs(timeout);
            interactive::run_command(&setup::run(&options)?, &command, timeout).map(exit_code)
        }
        Some(Task::Shots { dir }) => {
            shots::take(&setup::run(&options)?, &dir)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Task::Module {
            release,
            output,
            root_part,
        }) => {
            let module = || setup::module_for(&release, output.as_deref());
            match root_part {
                true => drop(sudo::handing_over(module)?),
                false => println!("{}", module()?.display()),
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(Task::Packages { dir, lint }) => {
            setup::packages::make(&dir)?;
            if lint {
                print!("{}", setup::packages::lint(&dir)?);
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(Task::Bench {
            filter,
            rounds,
            boots,
            instructions,
            list,
        }) => {
            let filter = filter.unwrap_or_default();
            if list {
                return Ok(bench::list(&filter, instructions));
            }
            let how = bench::How {
                rounds,
                boots,
                instructions,
            };
            bench::run(&options, &filter, how)
        }
        Some(Task::Test {
            filter,
            list,
            all,
            soak,
            more,
        }) => {
            let tested = match series {
                Some(series) => vec![Tested::all(&series)],
                None => tested(all, list, soak, filter.is_some())?,
            };
            let list = list.then(|| "--list".to_owned());
            let arguments: Vec<String> = filter.into_iter().chain(list).chain(more).collect();
            suite::run(&tested, soak, &arguments, |series| {
                setup::run(&Options::new(series))
            })
        }
    }
}

/// The series to test, and what of the tests on each: with a filter, whatever it selects on the newest.
fn tested(all: bool, list: bool, soak: bool, filter: bool) -> Result<Vec<Tested>> {
    let series = match list {
        true => series::wanted(all),
        false => series::tested(all)?,
    };
    let own = [OWN.to_owned(), format!("{OWN}-6.12")];
    let own = own
        .iter()
        .filter(|_| soak)
        .map(|series| Tested::all(series));
    let series = series.iter().enumerate();
    let stock = series.map(|(index, series)| match all || (filter && index == 0) {
        true => Tested::all(series),
        false => Tested::usual(series, index == 0),
    });
    Ok(stock.chain(own).collect())
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
