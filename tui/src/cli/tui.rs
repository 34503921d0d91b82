//! Without a command: the screen.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use super::{Context, Exit, Failure, Run};
use crate::audit;
use crate::config::Config;
use crate::runtime::{self, Options};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seconds between two samples, from 0.1
    #[arg(long, value_name = "SECONDS", value_parser = super::seconds)]
    interval: Option<Duration>,

    /// Open the tree at this directory
    path: Option<PathBuf>,
}

impl Args {
    /// Whether one of them is on the command line.
    pub fn given(&self) -> bool {
        self.interval.is_some() || self.path.is_some()
    }
}

impl Run for Args {
    fn run(&self, context: &Context, _out: &mut dyn Write) -> Result<Exit, Failure> {
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            let message =
                "standard input and output have to be a terminal; without one: slabscope slabs";
            return Err(Failure::new(Exit::Usage, message));
        }
        // By its name alone: looking at the path would look it up.
        let open = self.path.as_ref().map(std::path::absolute).transpose()?;
        let config = Config::load()?;
        runtime::run(Options {
            interval: self.interval.unwrap_or(config.interval),
            open,
            root: context.root.clone(),
            read_only: context.read_only || config.read_only,
            audit: audit::Log::of(&config.audit),
            theme: config.theme,
            columns: config.columns,
            sort: config.sort,
            reverse: config.reverse,
            mouse: config.mouse,
            keymap: config.keys,
        })?;
        Ok(Exit::Ok)
    }
}
