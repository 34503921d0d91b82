//! `slabscope completions` and `slabscope man`: made from the arguments themselves.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::Shell;
use rustix::fs::{Mode, fchmod};

use super::{Context, Exit, Failure, Run};
use crate::base::trusted::{self, NewFile};

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
        self.write().map_err(|error| {
            let directory = crate::base::text::printable(&self.directory);
            Failure::new(
                Exit::Failed,
                format!("{directory}: {}", crate::base::text::reason(&error)),
            )
        })?;
        Ok(Exit::Ok)
    }
}

impl Man {
    /// Each page is a new file that takes the place of what has its name: a link that was planted
    /// there is replaced, and nothing is written to where it leads.
    fn write(&self) -> io::Result<()> {
        let dir = trusted::directory(&std::path::absolute(&self.directory)?, true)?;
        let mut command = super::Cli::command().disable_help_subcommand(true);
        command.build();
        pages(&command, &mut |name, page| {
            let mut new = NewFile::create(dir.try_clone()?, name)?;
            page.render(&mut new.file)?;
            // As the other pages there, for everybody to read.
            fchmod(&new.file, Mode::from_raw_mode(0o644))?;
            Ok(new.replace(name)?)
        })
    }
}

/// The page of a command, and of those below it.
fn pages(
    command: &clap::Command,
    each: &mut dyn FnMut(&OsStr, clap_mangen::Man) -> io::Result<()>,
) -> io::Result<()> {
    let page = clap_mangen::Man::new(command.clone());
    each(OsStr::new(&page.get_filename()), page)?;
    let mut below = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set());
    below.try_for_each(|below| pages(below, each))
}
