//! `slabscope completions` and `slabscope man`: made from the arguments themselves.

use std::io::Write;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Context, Exit, Failure, Run};

/// Write the completions for a shell to standard output
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// Which shell
    shell: Shell,
}

impl Run for Completions {
    fn run(&self, _context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut super::Cli::command(),
            "slabscope",
            &mut text,
        );
        out.write_all(&text)?;
        Ok(Exit::Ok)
    }
}

/// Write the man pages, one for each command, into a directory
#[derive(Debug, clap::Args)]
pub struct Man {
    /// The directory: it is made if need be
    directory: PathBuf,
}

impl Run for Man {
    fn run(&self, _context: &Context, _out: &mut dyn Write) -> Result<Exit, Failure> {
        let failed = |error| {
            let directory = crate::text::printable(&self.directory);
            Failure::new(Exit::Failed, format!("{directory}: {error}"))
        };
        std::fs::create_dir_all(&self.directory).map_err(failed)?;
        clap_mangen::generate_to(super::Cli::command(), &self.directory).map_err(failed)?;
        Ok(Exit::Ok)
    }
}
