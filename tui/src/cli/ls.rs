//! `slabscope ls`: the cached children of a directory by name, negative ones too.

mod shapes;

use std::io::Write;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use serde::Serialize;

use super::walks::{Directory, Interrupt};
use super::{Context, Exit, Failure, Run};
use crate::base::json::{self, Name};
use crate::base::say::say;
use crate::base::text::printable;
use crate::cache::census::{Listed, list};
use crate::cache::shapes::Shapes;
use crate::kernel::session::Entry;
use crate::kernel::target::Target;

/// List the names that the kernel has cached in a directory, negative ones included, without looking anything up
///
/// A name is `referenced` while a user holds it or names below it are cached, for each of these
/// refers to its directory; the tree's IN USE leaves out those that only such names refer to.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    directory: Directory,

    /// Only negative dentries: names cached as absent
    #[arg(long)]
    negative: bool,

    /// Group the names by shape, as `sess_<hex32>`, instead of listing them one by one
    #[arg(long)]
    shapes: bool,

    /// Show at most this many names, or shapes
    #[arg(long, value_name = "N", value_parser = super::whole::<u64>)]
    limit: Option<u64>,

    /// One JSON document a line, a line for each name; one document of all shapes
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    name: Name<'a>,
    kind: &'static str,
    /// Inode number; None: the name is negative.
    inode: Option<u64>,
    referenced: bool,
    has_cached_children: bool,
    /// None, here and below: the reader does not know.
    on_lru: Option<bool>,
    mountpoint: Option<bool>,
    in_lookup: Option<bool>,
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        context.live("ls")?;
        // A server may never answer: while it opens, Ctrl-C ends the program as it usually does.
        let target = self.directory.open()?;
        let interrupt = Interrupt::catch()?;
        if self.shapes {
            return self.tell_shapes(&target, &interrupt, out);
        }
        let mut left = self.limit.unwrap_or(u64::MAX);
        let (mut failure, mut more) = (None, false);
        let listed = list(target.dir.as_fd(), &mut |entry| {
            if self.negative && !entry.is_negative() {
                return interrupt.flow();
            }
            if left == 0 {
                more = true;
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
        if more {
            super::left_out("the rest");
        }
        say_changed(listed);
        match failure {
            Some(error) => Err(error),
            None if interrupt.flow().is_break() => Ok(Exit::Partial),
            None if listed.complete || left == 0 => Ok(Exit::Ok),
            None => Ok(Exit::Partial),
        }
    }
}

/// Notes that names changed meanwhile: each was reported once, some may be missing.
fn say_changed(listed: Listed) {
    if listed.changed {
        say!("the directory changed meanwhile: part of it was read again");
    }
}

impl Args {
    fn tell_shapes(
        &self,
        target: &Target,
        interrupt: &Interrupt,
        out: &mut dyn Write,
    ) -> Result<Exit, Failure> {
        let mut shapes = Shapes::default();
        let listed = list(target.dir.as_fd(), &mut |entry| {
            if !self.negative || entry.is_negative() {
                shapes.add(entry.name.as_bytes());
            }
            interrupt.flow()
        })?;
        let limit = self.limit.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.unwrap_or(usize::MAX);
        let path = self.directory.absolute();
        say_changed(listed);
        shapes::tell(&path, &shapes.settle(), listed, limit, self.json, out)?;
        Ok(if listed.complete {
            Exit::Ok
        } else {
            Exit::Partial
        })
    }

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
            return Ok(json::write(out, "slabscope.ls/1", &document)?);
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
