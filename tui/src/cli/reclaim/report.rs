//! The report of a plan and its outcome, as text and as JSON.

use std::io::Write;

use serde::Serialize;

use crate::base::json::{self, Name};
use crate::base::text::{bytes, duration, printable};
use crate::cli::{Failure, ladder};
use crate::kernel::source::Kernel;
use crate::reclaim::ladder::Step;
use crate::reclaim::{Change, Figure, Outcome, Reclaimer, Unit};

/// A plan, and its outcome.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    rung: &'static str,
    #[serde(flatten)]
    path: Name<'a>,
    filesystem: Option<&'a str>,
    /// What it affects.
    reach: String,
    notes: Vec<String>,
    /// The command that does the same.
    command: String,
    /// Upper bound on the freed bytes.
    predicted_bytes: Option<u64>,
    figures: Vec<Row>,
    ladder: Vec<ladder::Row>,
    #[serde(flatten)]
    done: Option<Done>,
}

#[derive(Serialize)]
struct Row {
    key: &'static str,
    #[serde(skip)]
    what: &'static str,
    unit: Unit,
    value: Option<u64>,
}

#[derive(Serialize)]
struct Done {
    status: String,
    took_ns: u64,
    #[serde(skip)]
    took: String,
    freed_bytes: u64,
    ledger: Vec<Changed>,
    notes_after: Vec<String>,
}

#[derive(Serialize)]
struct Changed {
    key: &'static str,
    #[serde(skip)]
    what: &'static str,
    unit: Unit,
    before: Option<u64>,
    after: Option<u64>,
}

impl From<Figure> for Row {
    fn from(figure: Figure) -> Self {
        let Figure {
            key,
            what,
            unit,
            value,
        } = figure;
        Self {
            key,
            what,
            unit,
            value,
        }
    }
}

impl From<Change> for Changed {
    fn from(change: Change) -> Self {
        let Figure {
            key,
            what,
            unit,
            value,
        } = change.before;
        Self {
            key,
            what,
            unit,
            before: value,
            after: change.after.value,
        }
    }
}

impl<'a> Report<'a> {
    /// The report of a plan, with the current figures.
    pub(super) fn new(rung: &'a dyn Reclaimer, steps: &[Step], kernel: &mut Kernel) -> Self {
        let now = rung.measure(kernel);
        let command = rung.command();
        Self {
            rung: rung.name(),
            path: Name::keyed("path", rung.path()),
            filesystem: rung.filesystem(),
            reach: rung.reach(),
            notes: rung.notes(),
            predicted_bytes: rung.predicted(&now),
            figures: now.into_iter().map(Row::from).collect(),
            ladder: ladder::rows(steps, rung.name(), &command),
            command,
            done: None,
        }
    }

    /// Adds the outcome.
    pub(super) fn done(&mut self, outcome: Outcome) {
        self.done = Some(Done {
            status: outcome.ended.name(),
            took_ns: u64::try_from(outcome.took.as_nanos()).unwrap_or(u64::MAX),
            took: duration(outcome.took),
            freed_bytes: outcome.freed_bytes,
            ledger: outcome.ledger.into_iter().map(Changed::from).collect(),
            notes_after: outcome.notes,
        });
    }

    /// To standard output.
    pub(super) fn write(&self, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
        match json {
            true => Ok(json::write(out, "slabscope.reclaim/1", self)?),
            false => self.text(out),
        }
    }

    /// As text.
    pub(super) fn text(&self, out: &mut dyn Write) -> Result<(), Failure> {
        writeln!(out, "{} {}", self.rung, self.path.printable())?;
        writeln!(out, "  scope         {}", printable_words(&self.reach))?;
        let most = self.predicted_bytes.map_or("-".into(), bytes);
        writeln!(out, "  at most       {most}")?;
        for note in &self.notes {
            writeln!(out, "  {}", printable_words(note))?;
        }
        writeln!(out, "  same as       {}", self.command)?;
        ladder::write(&self.ladder, out)?;
        match &self.done {
            None => {
                writeln!(out, "  now")?;
                for row in &self.figures {
                    let value = row.value.map_or("-".into(), |value| row.unit.show(value));
                    writeln!(out, "    {:<16}{value:>14}", row.what)?;
                }
            }
            Some(done) => done.text(out)?,
        }
        Ok(())
    }
}

/// Names in it are escaped already; a backslash stays one.
fn printable_words(text: &str) -> String {
    printable(text).replace("\\\\", "\\")
}

impl Done {
    fn text(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let back = bytes(self.freed_bytes);
        writeln!(out, "  {}, took {}, {back} freed", self.status, self.took)?;
        for row in &self.ledger {
            let known =
                |figure: Option<u64>| figure.map_or("-".into(), |value| row.unit.show(value));
            let (before, after) = (known(row.before), known(row.after));
            writeln!(out, "  {:<18}{before:>14} -> {after}", row.what)?;
        }
        for note in &self.notes_after {
            writeln!(out, "  {}", printable_words(note))?;
        }
        Ok(())
    }
}
