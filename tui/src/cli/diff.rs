//! `slabscope diff`: two moments, of one machine or of two, side by side.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::figures::{FIGURES, cache_name, signed};
use super::table::{Align, Table};
use super::{Context, Exit, Failure, Run};
use crate::base::json;
use crate::base::moment;
use crate::base::text::{bytes, known, printable, signed_bytes};
use crate::cache::difference::{self, CacheChange};
use crate::cache::recording::Reader;
use crate::kernel::source::{Kernel, Sample, Source};

/// Compare the slab caches of two moments: of recordings, captures, the running kernel
///
/// A and B are each a recording, of which the last sample counts, the directory of a capture (as
/// for --root), or / for the running kernel. `slabscope report` compares two moments of one recording.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What was before
    a: PathBuf,

    /// What is after it
    b: PathBuf,

    /// Show at most this many caches
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = super::whole::<usize>)]
    limit: Option<usize>,

    /// Print a line of JSON (schema slabscope.diff/1)
    #[arg(long)]
    json: bool,
}

impl Run for Args {
    fn run(&self, _context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        let (a, b) = (Side::read(&self.a)?, Side::read(&self.b)?);
        let mut changes = difference::caches(&a.sample, &b.sample).ok_or_else(|| {
            // Which of the two, and why.
            let why = |side: &Side, path: &Path| match &side.sample.caches {
                Err(error) => format!("{}: {error}", printable(path)),
                Ok(_) => format!("{}: the size of a page is not known", printable(path)),
            };
            let known = a.sample.caches.is_ok() && a.sample.page_size.is_some();
            let message = if known {
                why(&b, &self.b)
            } else {
                why(&a, &self.a)
            };
            Failure::new(Exit::Failed, message)
        })?;
        // A change downwards is as large as one upwards.
        changes.sort_by_key(|change| std::cmp::Reverse(change.bytes().unsigned_abs()));
        let left_out = changes
            .len()
            .saturating_sub(self.limit.unwrap_or(usize::MAX));
        changes.truncate(changes.len() - left_out);
        if self.json {
            json::write(
                out,
                "slabscope.diff/1",
                &document(&a, &b, &changes, left_out),
            )?;
            return Ok(Exit::Ok);
        }
        print(&a, &b, &changes, out)?;
        if left_out > 0 {
            super::left_out(crate::base::text::counted(left_out as u64, "cache"));
        }
        Ok(Exit::Ok)
    }
}

/// One of the two.
struct Side {
    sample: Sample,
    host: Option<String>,
    kernel: Option<String>,
    /// When it was, in UTC; None: not known, as of a capture.
    at: Option<String>,
}

impl Side {
    fn read(path: &Path) -> Result<Self, Failure> {
        if path.is_dir() {
            let mut kernel = Kernel::new(path);
            let live = !kernel.files().captured();
            return Ok(Self {
                sample: kernel.sample(),
                host: kernel.hostname().ok(),
                kernel: kernel.release().ok(),
                at: live.then(|| moment::utc(std::time::SystemTime::now())),
            });
        }
        let reader = Reader::open(path)?;
        let nothing = || {
            let message = format!("{}: nothing was recorded yet", printable(path));
            Failure::new(Exit::Failed, message)
        };
        let (_, last) = reader.span()?.ok_or_else(nothing)?;
        let last = reader.until(last)?.ok_or_else(nothing)?;
        let about = reader.about()?;
        Ok(Self {
            at: Some(moment::utc(last.at)),
            sample: last.sample,
            host: about.host,
            kernel: about.kernel,
        })
    }

    fn line(&self) -> String {
        let host = known(self.host.as_deref(), printable);
        let kernel = known(self.kernel.as_deref(), printable);
        let at = self.at.as_deref().unwrap_or("at an unknown time");
        format!("{host}, Linux {kernel}, {at}")
    }
}

fn print(a: &Side, b: &Side, changes: &[CacheChange], out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "A  {}\nB  {}\n", a.line(), b.line())?;
    let heads = ["", "A", "B", "CHANGE"].map(|head| (head, Align::Right));
    let mut table = Table::new(&[("FIGURE", Align::Left), heads[1], heads[2], heads[3]]);
    for figure in &FIGURES {
        table.row(figure.cells(&a.sample, &b.sample));
    }
    table.write(out)?;
    writeln!(out)?;
    if changes.is_empty() {
        return writeln!(out, "No cache differs.");
    }
    let columns = ["A", "B", "CHANGE", "OBJECTS"].map(|head| (head, Align::Right));
    let mut table = Table::new(&[&columns[..], &[("CACHE", Align::Left)]].concat());
    for change in changes {
        table.row([
            known(change.before, bytes),
            known(change.after, bytes),
            signed_bytes(change.bytes()),
            known(change.objects, signed),
            cache_name(change),
        ]);
    }
    table.write(out)
}

#[derive(Serialize)]
struct Document {
    a: Machine,
    b: Machine,
    /// What differs, the largest change first.
    caches: Vec<Row>,
    caches_left_out: usize,
}

#[derive(Serialize)]
struct Machine {
    host: Option<String>,
    kernel: Option<String>,
    time: Option<String>,
    figures: Vec<Value>,
}

#[derive(Serialize)]
struct Value {
    name: &'static str,
    value: Option<u64>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    /// `null`: it is not there.
    a_bytes: Option<u64>,
    b_bytes: Option<u64>,
    objects_change: Option<i64>,
}

fn document(a: &Side, b: &Side, changes: &[CacheChange], left_out: usize) -> Document {
    let machine = |side: &Side| Machine {
        host: side.host.clone(),
        kernel: side.kernel.clone(),
        time: side.at.clone(),
        figures: FIGURES
            .iter()
            .map(|figure| Value {
                name: figure.key,
                value: (figure.of)(&side.sample),
            })
            .collect(),
    };
    Document {
        a: machine(a),
        b: machine(b),
        caches: changes
            .iter()
            .map(|change| Row {
                name: cache_name(change),
                a_bytes: change.before,
                b_bytes: change.after,
                objects_change: change.objects,
            })
            .collect(),
        caches_left_out: left_out,
    }
}
