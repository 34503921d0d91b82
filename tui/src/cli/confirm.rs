//! Options and questions of every command that acts: whether to act, where to record it, how to
//! report it.

use std::io::{self, BufRead, IsTerminal, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{QueueSelector, tcflush};

use super::{Context, Exit, Failure, READ_ONLY};
use crate::reclaim::audit;
use crate::ui::config::Config;

/// What a person wants of a plan.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct How {
    /// Only show what would go
    #[arg(long)]
    pub dry_run: bool,

    /// Do not ask
    #[arg(long)]
    pub yes: bool,

    /// As JSON
    #[arg(long)]
    pub json: bool,
}

impl How {
    /// The audit log of this run. A dry run does not read the configuration.
    pub(super) fn audit(self, context: &Context) -> Result<audit::Log, Failure> {
        match self.dry_run {
            true => Ok(audit::Log::Off),
            false => record(context),
        }
    }

    /// [`ask`], unless --yes was given.
    pub(super) fn agreed(
        self,
        plan: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
        verb: &str,
    ) -> Result<bool, Failure> {
        Ok(self.yes || ask(plan, verb)?)
    }
}

/// The audit log, unless nothing may be done.
pub(super) fn record(context: &Context) -> Result<audit::Log, Failure> {
    let config = Config::load()?;
    if context.read_only || config.read_only {
        return Err(Failure::new(Exit::Usage, READ_ONLY));
    }
    Ok(audit::Log::of(&config.audit))
}

fn show(text: &[u8]) -> Result<(), Failure> {
    io::stderr().write_all(text).map_err(|error| {
        let message = format!(
            "nothing was done: the plan cannot be shown: {}",
            crate::base::text::reason(&error)
        );
        Failure::new(Exit::Failed, message)
    })
}

/// Input before the terminal was quiet for this long was typed, or pasted, before the plan could be
/// read.
const QUIET: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 150_000_000,
};

fn drop_what_was_typed() -> io::Result<()> {
    loop {
        tcflush(io::stdin(), QueueSelector::IFlush)?;
        let stdin = io::stdin();
        let mut asked = [PollFd::new(&stdin, PollFlags::IN)];
        if poll(&mut asked, Some(&QUIET))? == 0 || !asked[0].revents().contains(PollFlags::IN) {
            return Ok(());
        }
        // Nothing can be dropped from an input that has ended.
        if asked[0]
            .revents()
            .intersects(PollFlags::HUP | PollFlags::ERR)
        {
            return Ok(());
        }
    }
}

/// Shows the plan and reads the answer: anything but `yes` is a no. Input from before the plan is
/// no answer to it, and is dropped.
pub(super) fn ask(
    plan: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
    verb: &str,
) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let message = "stdin is not a terminal: use --dry-run or --yes";
        return Err(Failure::new(Exit::Usage, message));
    }
    let mut text = Vec::new();
    plan(&mut text)?;
    show(&text)?;
    drop_what_was_typed()?;
    show(format!("type yes to {verb}, in full: ").as_bytes())?;
    tcflush(io::stdin(), QueueSelector::IFlush).map_err(io::Error::from)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
