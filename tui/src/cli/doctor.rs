//! `slabscope doctor`: what this machine offers.

use std::io::Write;

use super::{Context, Exit, Failure, Run};

/// Say what this machine offers, what is missing, and what mends it
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Run for Args {
    fn run(&self, _context: &Context, _out: &mut dyn Write) -> Result<Exit, Failure> {
        Ok(Exit::Ok)
    }
}
