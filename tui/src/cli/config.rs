//! `slabscope config`: what is set, where, and what can be.

use std::io::Write;

use super::{Context, Exit, Failure, Run};
use crate::ui::config::{self, Config};

/// Check the configuration of the screen and say where it is
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the default with every key explained, to be kept as config.toml
    #[arg(long)]
    print_default: bool,
}

impl Run for Args {
    fn run(&self, _context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        if self.print_default {
            out.write_all(config::default_text().as_bytes())?;
            return Ok(Exit::Ok);
        }
        let path = Config::path(|name| std::env::var_os(name));
        let Some(path) = path else {
            writeln!(
                out,
                "no configuration: neither XDG_CONFIG_HOME nor HOME is set"
            )?;
            return Ok(Exit::Ok);
        };
        Config::read(&path)?;
        let shown = crate::base::text::printable(&path);
        let what = if path.exists() {
            "read, without a mistake"
        } else {
            "not there: slabscope config --print-default writes one to start from"
        };
        writeln!(out, "{shown}: {what}")?;
        Ok(Exit::Ok)
    }
}
