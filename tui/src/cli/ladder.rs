//! The ladder as commands print it: this rung, and the narrower ones with why they do or do not
//! apply.

use std::io::{self, Write};

use serde::Serialize;

use crate::reclaim::ladder::{Rung, Step};

/// A rung.
#[derive(Serialize)]
pub(super) struct Row {
    rung: &'static str,
    reach: &'static str,
    /// The rung of the command.
    this: bool,
    applies: bool,
    why_not: Option<String>,
    command: String,
}

/// The rung of this name, which the plan's command climbs, and those before it.
pub(super) fn rows(steps: &[Step], name: &str, command: &str) -> Vec<Row> {
    let this = Rung::ALL.into_iter().find(|rung| rung.name() == name);
    let narrower = steps
        .iter()
        .take_while(|step| this.is_none_or(|this| step.rung <= this));
    let narrower: Vec<Step> = narrower.cloned().collect();
    all(&narrower, name, command)
}

/// The same, with those after it.
pub(super) fn all(steps: &[Step], name: &str, command: &str) -> Vec<Row> {
    let this = Rung::ALL.into_iter().find(|rung| rung.name() == name);
    let row = |step: &Step| Row {
        rung: step.rung.name(),
        reach: step.rung.reach(),
        this: Some(step.rung) == this,
        applies: step.why_not.is_none(),
        why_not: step.why_not.clone(),
        command: match Some(step.rung) == this {
            true => command.to_owned(),
            false => step.command.clone(),
        },
    };
    steps.iter().map(row).collect()
}

/// Every rung as text, with its reach: if the requested one does not apply.
pub(super) fn write_all(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  available here:")?;
    for row in rows {
        let Some(why) = &row.why_not else {
            writeln!(out, "    {:<12}{}", row.rung, row.reach)?;
            writeln!(out, "    {:<12}{}", "", row.command)?;
            continue;
        };
        let why = why.lines().next().unwrap_or_default();
        writeln!(out, "    {:<12}n/a: {why}", row.rung)?;
    }
    Ok(())
}

/// The next rung after the one of this name that applies.
pub(super) fn wider<'a>(steps: &'a [Step], name: &str) -> Option<&'a Step> {
    let mut after = steps.iter().skip_while(|step| step.rung.name() != name);
    after.find(|step| step.why_not.is_none() && step.rung >= Rung::Superblock)
}

/// The narrower rungs as text: nothing if there is none.
pub(super) fn write(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    let narrower: Vec<&Row> = rows.iter().filter(|row| !row.this).collect();
    if narrower.is_empty() {
        return Ok(());
    }
    let last = rows
        .iter()
        .any(|row| row.this && row.rung == Rung::Carousel.name());
    let heading = if last {
        "others, which write nothing:"
    } else {
        "narrower:"
    };
    writeln!(out, "  {heading}")?;
    for row in narrower {
        let line = match &row.why_not {
            None => row.command.clone(),
            Some(why) => format!("n/a: {why}"),
        };
        writeln!(
            out,
            "    {:<12}{}",
            row.rung,
            line.lines().next().unwrap_or_default()
        )?;
    }
    Ok(())
}
