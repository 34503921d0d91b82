//! `slabscope doctor`: what this machine offers, what is missing, and what mends it.

mod kernel;
mod person;
mod tracing;

use std::io::Write;

use serde::Serialize;

use super::table::{Align, Table};
use super::{Context, Exit, Failure, Run};
use crate::base::json;
use crate::base::text;

/// Show what this machine offers, what is missing and how to fix it
///
/// Exits with 0 if the slab caches can be watched, with 3 if this kernel does not offer them, with
/// 4 if this user may not see them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print a line of JSON (schema slabscope.doctor/1)
    #[arg(long)]
    json: bool,
}

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// The feature exists.
    Ok,
    /// The feature does not exist.
    Missing,
    /// It may exist, but this user cannot see it.
    Denied,
    /// It exists and is broken.
    Failed,
    /// Unknown: the tree was captured, or the kernel does not report it.
    Unknown,
}

/// One feature that was checked.
#[derive(Clone, Debug, Serialize)]
struct Check {
    /// Name of the feature.
    name: &'static str,
    state: State,
    /// Its purpose.
    purpose: &'static str,
    /// What the check found.
    found: String,
    /// The command that fixes it; a sentence where no command does.
    remedy: Option<String>,
}

impl Check {
    fn new(name: &'static str, purpose: &'static str, state: State, found: impl ToString) -> Self {
        Self {
            name,
            state,
            purpose,
            // The kernel's files may hold anything.
            found: text::printable(found.to_string()),
            remedy: None,
        }
    }

    /// Fails with an error: the names in its text are escaped already.
    fn failed(
        name: &'static str,
        purpose: &'static str,
        state: State,
        error: &impl std::error::Error,
    ) -> Self {
        Self {
            found: error.to_string(),
            ..Self::new(name, purpose, state, "")
        }
    }

    /// Adds a remedy, unless the state is [`State::Ok`].
    fn remedy(mut self, remedy: impl ToString) -> Self {
        if self.state != State::Ok {
            self.remedy = Some(remedy.to_string());
        }
        self
    }
}

#[derive(Serialize)]
struct Report {
    kernel: Option<String>,
    checks: Vec<Check>,
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        let kernel = crate::kernel::source::Kernel::new(&context.root)
            .release()
            .ok();
        let mut checks = kernel::checks(context, kernel.as_deref());
        if context.is_live() {
            checks.extend(person::checks());
        }
        // Nothing works without slabinfo.
        let exit = match checks.first().map(|slabinfo| slabinfo.state) {
            Some(State::Ok) => Exit::Ok,
            Some(State::Denied) => Exit::Permission,
            Some(State::Missing) => Exit::Missing,
            _ => Exit::Failed,
        };
        if self.json {
            json::write(out, "slabscope.doctor/1", &Report { kernel, checks })?;
        } else {
            print(&checks, out)?;
        }
        Ok(exit)
    }
}

fn print(checks: &[Check], out: &mut dyn Write) -> Result<(), Failure> {
    let left = |heading| (heading, Align::Left);
    let mut table = Table::new(&[left(""), left("WHAT"), left("FOR"), left("FOUND")]);
    for check in checks {
        let state = match check.state {
            State::Ok => "ok",
            State::Missing => "missing",
            State::Denied => "denied",
            State::Failed => "failed",
            State::Unknown => "-",
        };
        table.row([state, check.name, check.purpose, &check.found]);
    }
    table.write(out)?;
    let mut first = true;
    for check in checks {
        if let Some(remedy) = &check.remedy {
            if first {
                writeln!(out, "\nHow to fix what is missing:")?;
                first = false;
            }
            writeln!(out, "  {}: {remedy}", check.name)?;
        }
    }
    Ok(())
}
