//! Running the tests: one guest of each series at a time, kept from test to test.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use libtest_mimic::{Arguments, Failed, Trial};

use super::{Case, Context, cases};
use crate::guest::Guest;
use crate::setup::Lab;
use crate::setup::own::OWN;

/// How long a storm lasts, usually and when asked for a long one.
const STORM: Duration = Duration::from_secs(20);
const LONG_STORM: Duration = Duration::from_secs(300);

/// A test to run, and who waits for how it went.
struct Job {
    case: Case,
    done: Sender<Result<()>>,
}

/// The guest that a series' tests run in, and what it is made of.
struct Stage<F> {
    series: String,
    make: Arc<F>,
    storm: Duration,
    lab: Option<Result<Lab, String>>,
    guest: Option<Guest>,
}

impl<F: Fn(&str) -> Result<Lab>> Stage<F> {
    /// What the guest is made of: made for the first test.
    fn lab(&mut self) -> Result<Lab> {
        self.lab
            .get_or_insert_with(|| (self.make)(&self.series).map_err(|error| format!("{error:#}")))
            .clone()
            .map_err(|error| anyhow!("the lab could not be set up: {error}"))
    }

    fn run(&mut self, case: Case) -> Result<()> {
        let lab = self.lab()?;
        let guest = match self.guest.take() {
            Some(guest) => guest,
            None => Guest::boot(&lab).context("the lab's guest does not start")?,
        };
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
                self.guest = Some(guest);
                Ok(())
            }
            (Err(error), Ok(())) | (Ok(()), Err(error)) => Err(error),
            (Err(failed), Err(complaint)) => Err(anyhow!("{failed:#}\n{complaint:#}")),
        }
    }

    /// Runs tests until nobody has any more, and ends the guest.
    fn serve(mut self, jobs: &Receiver<Job>) -> Result<()> {
        for job in jobs {
            // Whoever asked waits for the answer.
            job.done.send(self.run(job.case)).ok();
        }
        self.guest.take().map_or(Ok(()), Guest::poweroff)
    }
}

/// Has a test run by its series' thread.
fn have_run(jobs: &Sender<Job>, case: Case) -> Result<(), Failed> {
    let (done, outcome) = mpsc::channel();
    let sent = jobs.send(Job { case, done }).ok();
    sent.and_then(|()| outcome.recv().ok())
        .unwrap_or_else(|| Err(anyhow!("the thread that runs this series' tests has ended")))
        .map_err(|error| Failed::from(format!("{error:#}")))
}

/// The lab's own kernel has no BTF, and objects that its checks make larger: what is about those is for stock ones.
fn fits(case: &Case, series: &str) -> bool {
    let stock = ["who::", "learn::"];
    series != OWN
        || case.name == "learn::shrinker"
        || !stock.iter().any(|of| case.name.starts_with(of))
}

/// Runs the tests that the arguments select on kernels of each series, as `cargo test` would.
pub fn run<F>(series: &[String], soak: bool, arguments: &[String], make: F) -> Result<ExitCode>
where
    F: Fn(&str) -> Result<Lab> + Send + Sync + 'static,
{
    let name = "cargo lab test".to_owned();
    let mut arguments = Arguments::from_iter(std::iter::once(&name).chain(arguments));
    // A guest waits more than it computes, so those of all series run side by side; a test in hand for each keeps
    // them busy.
    arguments.test_threads.get_or_insert(2 * series.len());
    let make = Arc::new(make);
    // Guests end with the thread that started them: each series has one for all its tests.
    let (stages, threads): (Vec<Sender<Job>>, Vec<JoinHandle<Result<()>>>) = series
        .iter()
        .map(|series| {
            let stage = Stage {
                series: series.clone(),
                make: Arc::clone(&make),
                storm: if soak { LONG_STORM } else { STORM },
                lab: None,
                guest: None,
            };
            let (jobs, queue) = mpsc::channel();
            (jobs, thread::spawn(move || stage.serve(&queue)))
        })
        .unzip();
    let trials = cases()
        .into_iter()
        .flat_map(|case| {
            let named = series.iter().zip(stages.clone());
            let named = named.filter(move |(series, _)| fits(&case, series));
            named.map(move |(series, jobs)| {
                Trial::test(format!("lab::{series}::{}", case.name), move || {
                    have_run(&jobs, case)
                })
            })
        })
        .collect();
    drop(stages);
    let listed = arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    for thread in threads {
        thread
            .join()
            .unwrap_or_else(|_| Err(anyhow!("it panicked")))
            .context("the tests' guest did not end well")?;
    }
    // A mistyped name is not to pass.
    ensure!(
        listed || conclusion.num_passed + conclusion.num_failed + conclusion.num_ignored > 0,
        "no test has such a name; `cargo lab test --list` has all"
    );
    Ok(conclusion.exit_code())
}
