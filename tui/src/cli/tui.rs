//! Without a command: the screen.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::CommandFactory;

use super::{Cli, Context, Exit, Failure, Run};
use crate::base::text::printable;
use crate::kernel::target::{LookError, Target};
use crate::reclaim::audit;
use crate::ui::config::{Config, nearest};
use crate::ui::runtime::{self, Options};

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

/// The directory to open. It is looked up by what is cached alone, as the screen does: the screen
/// explains one that is not cached, except a word, which may be a mistyped command.
fn directory(path: &Path) -> Result<PathBuf, Failure> {
    let absolute = std::path::absolute(path)?;
    let wrong = |message| Err(Failure::new(Exit::Usage, message));
    let word = path.to_str().filter(|path| !path.contains(['/', '.']));
    match (Target::open_cached(&absolute), word) {
        (Ok(_), _) => Ok(absolute),
        (Err(_), Some(word)) => {
            let cli = Cli::command();
            let names = cli.get_subcommands().map(clap::Command::get_name);
            let names: Vec<_> = names.collect();
            let nearest = nearest(word, names.iter().copied());
            let there = match strsim::damerau_levenshtein(nearest, word) {
                // In such a short word half of the letters is not enough.
                edits @ ..=2 if 2 * edits <= word.len() => format!("did you mean {nearest}?"),
                _ => format!("there are {}", names.join(", ")),
            };
            let word = printable(word);
            wrong(format!(
                "no command is named {word}; {there}\n\
                 a directory of this name is opened by ./{word}"
            ))
        }
        (Err(LookError::Open { path, source }), _) if source.kind() == ErrorKind::NotFound => {
            wrong(format!("{}: no such directory", printable(path)))
        }
        (Err(error @ (LookError::NoDirectory(_) | LookError::Link(..))), _) => {
            wrong(error.to_string())
        }
        (Err(_), None) => Ok(absolute),
    }
}

impl Run for Args {
    fn run(&self, context: &Context, _out: &mut dyn Write) -> Result<Exit, Failure> {
        let open = self.path.as_deref().map(directory).transpose()?;
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            let message =
                "standard input and output have to be a terminal; without one: slabscope slabs";
            return Err(Failure::new(Exit::Usage, message));
        }
        let config = Config::load()?;
        let read_only = context.read_only || config.read_only;
        if !read_only && context.is_live() {
            super::reclaim::tidy();
        }
        let unrecorded = runtime::run(Options {
            interval: self.interval.unwrap_or(config.interval),
            open,
            root: context.root.clone(),
            read_only,
            audit: audit::Log::of(&config.audit),
            theme: config.theme,
            columns: config.columns,
            sort: config.sort,
            reverse: config.reverse,
            mouse: config.mouse,
            keymap: config.keys,
        })?;
        match unrecorded {
            None => Ok(Exit::Ok),
            Some(error) => Err(Failure::new(Exit::Failed, format!("not recorded: {error}"))),
        }
    }
}
