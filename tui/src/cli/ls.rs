//! `slabscope ls`: the cached children of a directory by name, negative ones too.

use std::io::Write;
use std::ops::ControlFlow;
use std::os::fd::AsFd;

use serde::Serialize;

use super::json::{self, Name};
use super::walks::{Directory, Interrupt};
use super::{Context, Exit, Failure, Run};
use crate::census::list;
use crate::session::Entry;
use crate::text::printable;

/// Name what the kernel has cached in a directory, absent names too, looking nothing up
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    directory: Directory,

    /// Only names that are cached as absent
    #[arg(long)]
    negative: bool,

    /// At most so many names
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// One JSON document a line, a line for each name
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    name: Name<'a>,
    kind: &'static str,
    /// None of a negative one.
    inode: Option<u64>,
    referenced: bool,
    has_cached_children: bool,
    on_lru: bool,
    mountpoint: bool,
    in_lookup: bool,
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        context.live("ls")?;
        let interrupt = Interrupt::catch()?;
        let target = self.directory.open()?;
        let mut left = self.limit.unwrap_or(u64::MAX);
        let mut failure = None;
        let complete = list(target.dir.as_fd(), &mut |entry| {
            if self.negative && !entry.is_negative() {
                return interrupt.flow();
            }
            if left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            match self.tell(entry, out) {
                Ok(()) => interrupt.flow(),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        match failure {
            Some(error) => Err(error),
            None if interrupt.flow().is_break() => Ok(Exit::Partial),
            None if complete || left == 0 => Ok(Exit::Ok),
            None => Ok(Exit::Partial),
        }
    }
}

impl Args {
    fn tell(&self, entry: &Entry, out: &mut dyn Write) -> Result<(), Failure> {
        if self.json {
            let document = Document {
                name: Name::new(&entry.name),
                kind: entry.kind(),
                inode: (!entry.is_negative()).then_some(entry.ino),
                referenced: entry.is_referenced(),
                has_cached_children: entry.has_children(),
                on_lru: entry.is_on_lru(),
                mountpoint: entry.is_mountpoint(),
                in_lookup: entry.is_in_lookup(),
            };
            return json::write(out, "slabscope.ls/1", &document);
        }
        let referenced = if entry.is_referenced() {
            "referenced"
        } else {
            "unused"
        };
        let name = printable(&entry.name);
        writeln!(out, "{:<9} {referenced:<10} {name}", entry.kind())?;
        Ok(())
    }
}
