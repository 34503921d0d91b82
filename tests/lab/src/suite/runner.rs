//! Running the tests: one guest at a time, kept from test to test.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use libtest_mimic::{Arguments, Failed, Trial};

use super::{Case, Context, cases};
use crate::guest::Guest;
use crate::setup::Lab;

/// How long a storm lasts, usually and when asked for a long one.
const STORM: Duration = Duration::from_secs(20);
const LONG_STORM: Duration = Duration::from_secs(300);

/// The labs, each made for the first test that needs it, and the one guest there is at a time.
struct Stage<F> {
    make: F,
    storm: Duration,
    labs: Vec<(String, Result<Lab, String>)>,
    guest: Option<(String, Guest)>,
}

impl<F: Fn(&str) -> Result<Lab>> Stage<F> {
    fn lab(&mut self, series: &str) -> Result<Lab> {
        let at = match self.labs.iter().position(|(name, _)| name == series) {
            Some(at) => at,
            None => {
                let made = (self.make)(series).map_err(|error| format!("{error:#}"));
                self.labs.push((series.to_owned(), made));
                self.labs.len() - 1
            }
        };
        self.labs[at]
            .1
            .clone()
            .map_err(|error| anyhow!("the lab could not be set up: {error}"))
    }

    /// The guest that ran the test before, where it fits, else a new one.
    fn guest(&mut self, series: &str, lab: &Lab) -> Result<Guest> {
        match self.guest.take() {
            Some((name, guest)) if name == series => Ok(guest),
            other => {
                other
                    .map_or(Ok(()), |(_, guest)| guest.poweroff())
                    .context("the guest of the tests before did not end well")?;
                Guest::boot(lab).context("the lab's guest does not start")
            }
        }
    }

    fn run(&mut self, series: &str, case: Case) -> Result<()> {
        let lab = self.lab(series)?;
        let guest = self.guest(series, &lab)?;
        let mark = guest.log().mark();
        let context = Context {
            lab: &lab,
            storm: self.storm,
        };
        let outcome = (case.run)(&context, &guest);
        let checked = if guest.is_alive() {
            guest.check_log(mark)
        } else {
            Err(anyhow!(
                "the guest does not answer any more; its kernel's log:\n{}",
                guest.log().tail()
            ))
        };
        match (outcome, checked) {
            (Ok(()), Ok(())) => {
                // What a failed test leaves behind is no place for the next one: only here is the guest kept.
                self.guest = Some((series.to_owned(), guest));
                Ok(())
            }
            (Err(error), Ok(())) | (Ok(()), Err(error)) => Err(error),
            (Err(failed), Err(complaint)) => Err(anyhow!("{failed:#}\n{complaint:#}")),
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.guest
            .take()
            .map_or(Ok(()), |(_, guest)| guest.poweroff())
    }
}

/// Runs the tests that the arguments select on kernels of each series, as `cargo test` would.
pub fn run<F>(series: &[String], soak: bool, arguments: &[String], make: F) -> Result<ExitCode>
where
    F: Fn(&str) -> Result<Lab> + Send + 'static,
{
    let name = "cargo lab test".to_owned();
    let mut arguments = Arguments::from_iter(std::iter::once(&name).chain(arguments));
    // Guests end with the thread that started them: everything runs in this one.
    arguments.test_threads = Some(1);
    let stage = Arc::new(Mutex::new(Stage {
        make,
        storm: if soak { LONG_STORM } else { STORM },
        labs: Vec::new(),
        guest: None,
    }));
    let trials = series
        .iter()
        .flat_map(|series| cases().into_iter().map(move |case| (series.clone(), case)))
        .map(|(series, case)| {
            let stage = Arc::clone(&stage);
            Trial::test(format!("lab::{series}::{}", case.name), move || {
                let mut stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
                stage
                    .run(&series, case)
                    .map_err(|error| Failed::from(format!("{error:#}")))
            })
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let finished = stage
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .finish();
    finished.context("the tests' guest did not end well")?;
    Ok(conclusion.exit_code())
}
