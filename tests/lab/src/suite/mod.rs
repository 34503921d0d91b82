//! The tests that run in guests: named `lab::SERIES::[FILESYSTEM::]CASE`, one boot for many.

mod basics;
mod main_job;
mod screen;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::guest::Guest;
use crate::setup::Lab;

/// One test: its name without the kernel, and what it does with a guest.
#[derive(Clone, Copy)]
pub struct Case {
    /// `CASE` or `FILESYSTEM::CASE`.
    pub name: &'static str,
    /// Fails by an error.
    pub run: fn(&Lab, &Guest) -> Result<()>,
}

/// All tests.
fn cases() -> Vec<Case> {
    [basics::CASES, screen::CASES, main_job::CASES].concat()
}

/// The lab and its guest, made for the first test that needs them, and made anew after a guest that was lost.
struct Bench<F> {
    make: F,
    lab: Option<Result<Lab, String>>,
    guest: Option<Guest>,
}

impl<F: Fn() -> Result<Lab>> Bench<F> {
    fn run(&mut self, case: Case) -> Result<()> {
        let make = &self.make;
        let lab = self
            .lab
            .get_or_insert_with(|| make().map_err(|error| format!("{error:#}")));
        let lab = lab
            .as_ref()
            .map_err(|error| anyhow!("the lab could not be set up: {error}"))?;
        let guest = match self.guest.take() {
            Some(guest) => guest,
            None => Guest::boot(lab).context("the lab's guest does not start")?,
        };
        let mark = guest.log().mark();
        let outcome = (case.run)(lab, &guest);
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
                self.guest = Some(guest);
                Ok(())
            }
            (Err(error), Ok(())) | (Ok(()), Err(error)) => Err(error),
            (Err(failed), Err(complaint)) => Err(anyhow!("{failed:#}\n{complaint:#}")),
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.guest.take().map_or(Ok(()), Guest::poweroff)
    }
}

/// Runs the tests that the arguments select, as `cargo test` would.
pub fn run<F>(series: &str, arguments: &[String], make: F) -> Result<ExitCode>
where
    F: Fn() -> Result<Lab> + Send + 'static,
{
    let name = "cargo lab test".to_owned();
    let mut arguments = Arguments::from_iter(std::iter::once(&name).chain(arguments));
    // Guests end with the thread that started them: everything runs in this one.
    arguments.test_threads = Some(1);
    let bench = Arc::new(Mutex::new(Bench {
        make,
        lab: None,
        guest: None,
    }));
    let trials = cases()
        .into_iter()
        .map(|case| {
            let bench = Arc::clone(&bench);
            Trial::test(format!("lab::{series}::{}", case.name), move || {
                let mut bench = bench.lock().unwrap_or_else(PoisonError::into_inner);
                bench
                    .run(case)
                    .map_err(|error| Failed::from(format!("{error:#}")))
            })
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let finished = bench
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .finish();
    finished.context("the tests' guest did not end well")?;
    Ok(conclusion.exit_code())
}
