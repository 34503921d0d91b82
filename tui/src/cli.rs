//! The command line: arguments, exit codes, and what every subcommand shares.
//!
//! A subcommand is a file of `cli/` with a `clap::Args` struct that implements [`Run`], a variant
//! of `Command` and a line in `Command::run`.

pub mod census;
pub mod cgroups;
pub mod check;
pub mod config;
mod confirm;
pub mod diff;
pub mod doctor;
mod figures;
pub mod generate;
pub mod hotspots;
mod ladder;
pub mod ls;
pub mod metrics;
pub mod module;
pub mod prune;
pub mod reclaim;
pub mod record;
pub mod report;
pub mod slabs;
pub mod table;
mod tui;
pub mod tune;
mod walks;
pub mod who;

use std::fmt::Display;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::{CommandFactory, Parser};

use crate::base::guard;
use crate::base::parse;
use crate::base::say::say;
use crate::base::signals;
use crate::kernel::aside;
use crate::kernel::reader::{self, Via};
use crate::reclaim::audit::AuditError;
use crate::ui::config::ConfigError;

/// Exit code of a run: the same in every subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All was done.
    Ok = 0,
    /// It failed.
    Failed = 1,
    /// Wrong arguments.
    Usage = 2,
    /// This kernel lacks a feature, or the module is not loaded.
    Missing = 3,
    /// Insufficient privileges.
    Permission = 4,
    /// Only a part was done, or it was cancelled.
    Partial = 5,
}

/// A subcommand that ended before its end.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The exit code of the process.
    pub exit: Exit,
    /// One or more lines for standard error: what failed, why, the remedy. Empty: no message.
    pub message: String,
}

impl Failure {
    /// `message` is printed, then the process exits with `exit`.
    pub fn new(exit: Exit, message: impl Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
        }
    }
}

/// Writing to standard output failed. A reader that closed its pipe has seen enough: that is no
/// failure.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::Ok, ""),
            _ => Self::new(Exit::Failed, error),
        }
    }
}

/// A mistake in the configuration is a usage error.
impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let exit = match error.denied {
            true => Exit::Permission,
            false => Exit::Usage,
        };
        Self::new(exit, error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

/// The action of a subcommand.
pub trait Run {
    /// Writes to `out`, which is standard output, or a buffer in tests.
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure>;
}

/// Options that hold for every subcommand.
#[derive(Clone, Debug)]
pub struct Context {
    /// Root below which /proc and /sys are read: `/`, or a captured tree.
    pub root: PathBuf,
    /// No action is allowed.
    pub read_only: bool,
}

impl Context {
    /// Whether the running kernel is read.
    pub fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Refuses `what`, which acts on the running kernel, for a captured tree.
    pub fn live(&self, what: &str) -> Result<(), Failure> {
        if self.is_live() {
            return Ok(());
        }
        let root = crate::base::text::printable(&self.root);
        Err(Failure::new(
            Exit::Usage,
            format!(
                "{what} acts on the running kernel; {root} (--root) holds what was captured of one"
            ),
        ))
    }
}

/// Error for an action that read-only mode forbids.
const READ_ONLY: &str = "read-only, by --read-only or by read-only in config.toml: nothing is pruned, nothing is changed; --dry-run, where a command has it, shows what would go";

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 failed, 2 wrong use, 3 this kernel lacks a feature or the module is \
     not loaded, 4 no permission, 5 only a part was done or it was cancelled.";

/// Watch the kernel's slab caches, walk a directory tree by what is cached of it, and prune it.
///
/// Without a command the screen opens: keys are shown at the bottom; ? shows all of them.
#[derive(Debug, Parser)]
#[command(name = "slabscope", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// Read /proc and /sys below this directory, captured from another kernel; nothing can be changed then
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "/",
        hide_default_value = true
    )]
    root: PathBuf,

    /// Only look: nothing is pruned or shrunk, and `module load` makes the module refuse it too
    #[arg(long, global = true)]
    read_only: bool,

    /// How to read the dentry cache
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "READER",
        default_value_t
    )]
    via: Via,

    #[command(flatten)]
    tui: tui::Args,

    #[command(subcommand)]
    command: Option<Command>,
}

/// The subcommands.
#[derive(Debug, clap::Subcommand)]
enum Command {
    Slabs(slabs::Args),
    Census(census::Args),
    Ls(ls::Args),
    Hotspots(hotspots::Args),
    Cgroups(cgroups::Args),
    Record(record::Args),
    Report(report::Args),
    Diff(diff::Args),
    Metrics(metrics::Args),
    Check(check::Args),
    Who(who::Args),
    Prune(prune::Args),
    Reclaim(reclaim::Args),
    Tune(tune::Args),
    Module(module::Args),
    Doctor(doctor::Args),
    Config(config::Args),
    Completions(generate::Completions),
    Man(generate::Man),
}

impl Command {
    fn run(&self) -> &dyn Run {
        match self {
            Self::Slabs(slabs) => slabs,
            Self::Census(census) => census,
            Self::Ls(ls) => ls,
            Self::Hotspots(hotspots) => hotspots,
            Self::Cgroups(cgroups) => cgroups,
            Self::Record(record) => record,
            Self::Report(report) => report,
            Self::Diff(diff) => diff,
            Self::Metrics(metrics) => metrics,
            Self::Check(check) => check,
            Self::Who(who) => who,
            Self::Prune(prune) => prune,
            Self::Reclaim(reclaim) => reclaim,
            Self::Tune(tune) => tune,
            Self::Module(module) => module,
            Self::Doctor(doctor) => doctor,
            Self::Config(config) => config,
            Self::Completions(completions) => completions,
            Self::Man(man) => man,
        }
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    if let Some(status) = aside::asked(std::env::args_os()) {
        return ExitCode::from(status);
    }
    signals::at_start();
    ExitCode::from(guard::run(program, Exit::Partial as u8))
}

fn program() -> u8 {
    let args = match Cli::try_parse() {
        Ok(args) => args,
        Err(error) => return parsed(&error),
    };
    let failed = |failure: &Failure| {
        let code = failed(failure);
        match args.command {
            // Of a plugin the other codes are findings.
            Some(Command::Check(_)) => check::UNKNOWN,
            _ => code,
        }
    };
    if !args.root.is_dir() {
        let root = crate::base::text::printable(&args.root);
        let message = format!("--root {root}: no such directory; it must hold proc and sys");
        return failed(&Failure::new(Exit::Usage, message));
    }
    reader::choose(args.via);
    let context = Context {
        root: args.root,
        read_only: args.read_only,
    };
    let run = match &args.command {
        Some(command) => {
            if args.tui.given() {
                let message = "--interval and PATH apply to the screen, not to a command";
                return failed(&Failure::new(Exit::Usage, message));
            }
            command.run()
        }
        None => &args.tui,
    };
    match finish(run, &context) {
        Ok(exit) => exit as u8,
        Err(failure) => failed(&failure),
    }
}

/// Handles --help, --version, and wrong arguments.
fn parsed(error: &clap::Error) -> u8 {
    let told = match error.print() {
        // Only requested text goes to standard output.
        Err(failed) if !error.use_stderr() => Err(Failure::from(on_standard_output(failed))),
        _ => Ok(error.exit_code()),
    };
    match told {
        Ok(code) if code != 0 && means_check() => check::UNKNOWN,
        Ok(code) => u8::try_from(code).unwrap_or(Exit::Failed as u8),
        Err(failure) => failed(&failure),
    }
}

/// Whether the command of a line that is wrong elsewhere is `check`.
fn means_check() -> bool {
    let lenient = Cli::command().ignore_errors(true);
    let matches = lenient.try_get_matches_from(std::env::args_os());
    matches.is_ok_and(|matches| matches.subcommand_name() == Some("check"))
}

/// Prints why, and returns the exit code.
fn failed(failure: &Failure) -> u8 {
    for line in failure.message.lines() {
        say!("{line}");
    }
    failure.exit as u8
}

fn finish(run: &dyn Run, context: &Context) -> Result<Exit, Failure> {
    let mut out = BufWriter::new(StandardOutput(io::stdout().lock()));
    let exit = run.run(context, &mut out)?;
    done(exit, out.flush().map_err(Failure::from))
}

/// Exit code of an action. One that is not recorded has failed, though it is done: its record will
/// be missing later.
fn deed(complete: bool, recorded: Result<(), AuditError>) -> Exit {
    match recorded {
        Err(error) => {
            say!("not recorded: {error}");
            Exit::Failed
        }
        Ok(()) if complete => Exit::Ok,
        Ok(()) => Exit::Partial,
    }
}

/// Exit code of a command after its report. A report that nobody can read any more does not change
/// what was done.
fn done(exit: Exit, told: Result<(), Failure>) -> Result<Exit, Failure> {
    match told {
        Err(failure) if failure.exit != Exit::Ok => Err(failure),
        _ => Ok(exit),
    }
}

/// Standard output whose errors name it.
struct StandardOutput(StdoutLock<'static>);

fn on_standard_output(error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("standard output: {}", crate::base::text::reason(&error)),
    )
}

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(on_standard_output)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(on_standard_output)
    }
}

/// A whole number as an argument.
fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    let parsed = text.parse();
    parsed.map_err(|_| "expected a whole number, such as 10".into())
}

/// Says on standard error that --limit left something out.
fn left_out(what: impl Display) {
    say!("--limit left out {what}");
}

/// A number of seconds as an argument: from 0.1 to 3600.
fn seconds(text: &str) -> Result<Duration, String> {
    parse::interval(text.parse().map_err(|_| "not a number of seconds")?)
}
