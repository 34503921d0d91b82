//! The runner: two guests at a time, each kept from test to test of its series.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use libtest_mimic::{Arguments, Failed, Trial};

use super::needs::{LeftOut, Tested};
use super::{Case, Context, cases};
use crate::guest::Guest;
use crate::guest::accel::Accel;
use crate::setup::Lab;

/// Duration of a storm, by default and with --soak.
const STORM: Duration = Duration::from_secs(20);
const LONG_STORM: Duration = Duration::from_secs(300);

/// Guests at a time. A guest waits more than it computes, and takes 4 GiB.
const GUESTS: usize = 2;

/// Least number of waiting tests for which a second guest of their series is booted.
const WORTH_A_BOOT: usize = 6;

/// A test to run, and the receiver of its result.
struct Job {
    series: String,
    case: Case,
    done: Sender<Result<()>>,
}

/// Tests that wait for a guest.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: Vec<Job>,
    /// Series of the running guests.
    taken: Vec<String>,
    /// No more jobs follow.
    closed: bool,
}

impl Queue {
    fn put(&self, job: Job) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.jobs.push(job);
        drop(waiting);
        self.changed.notify_all();
    }

    fn close(&self) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
        self.changed.notify_all();
    }

    /// The next test for a guest of a series; if that has none left, one of another series that no
    /// guest runs; if there is none, one of what another guest has yet to do, if that is worth a boot.
    /// `None` once there are no more.
    fn next(&self, series: Option<&str>) -> Option<Job> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let own = waiting
                .jobs
                .iter()
                .position(|job| Some(job.series.as_str()) == series);
            let found = own.or_else(|| {
                let free = |job: &Job| !waiting.taken.contains(&job.series);
                let half = || (waiting.jobs.len() >= WORTH_A_BOOT).then(|| waiting.jobs.len() / 2);
                waiting.jobs.iter().position(free).or_else(half)
            });
            if let Some(at) = found {
                let job = waiting.jobs.remove(at);
                if own.is_none() {
                    waiting.taken.retain(|taken| Some(taken.as_str()) != series);
                    waiting.taken.push(job.series.clone());
                }
                return Some(job);
            }
            if waiting.closed {
                return None;
            }
            waiting = self
                .changed
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A test that did not pass.
struct Ended {
    error: anyhow::Error,
    /// The emulator's fault, not the program's.
    by_the_emulator: bool,
}

impl From<anyhow::Error> for Ended {
    fn from(error: anyhow::Error) -> Self {
        Self {
            error,
            by_the_emulator: false,
        }
    }
}

/// Whether the kernel hit a breakpoint that it has removed already. It writes one over an
/// instruction that it patches (a static key, a probe) and removes it again
/// (arch/x86/kernel/alternative.c: smp_text_poke_batch_finish()); a real processor does not execute
/// a removed one, TCG may.
fn stopped_at_a_breakpoint(log: &str) -> bool {
    log.contains("int3: 0000 [#1]")
}

/// How long tests took, with the start of their guest if it was started for them.
#[derive(Default)]
struct Took(Mutex<Vec<(Duration, String)>>);

/// Tests that are named after a run.
const NAMED: usize = 12;

impl Took {
    fn add(&self, began: Instant, name: String) {
        let mut took = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        took.push((began.elapsed(), name));
    }

    /// Prints the longest tests: who waits for them can choose others.
    fn print(&self) {
        let mut took = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        took.sort_by(|a, b| b.cmp(a));
        if took.len() > NAMED {
            eprintln!("the longest of {}:", took.len());
            for (duration, name) in &took[..NAMED] {
                eprintln!("{:5} s  {name}", duration.as_secs());
            }
        }
    }
}

/// Runs tests, in one guest after the other.
struct Stage<F> {
    make: Arc<F>,
    took: Arc<Took>,
    storm: Duration,
    labs: BTreeMap<String, Result<Lab, String>>,
    guest: Option<Guest>,
}

impl<F: Fn(&str) -> Result<Lab>> Stage<F> {
    /// The files that the guest is made of: made for the first test.
    fn lab(&mut self, series: &str) -> Result<Lab> {
        let make = || (self.make)(series).map_err(|error| format!("{error:#}"));
        self.labs
            .entry(series.to_owned())
            .or_insert_with(make)
            .clone()
            .map_err(|error| anyhow!("the lab could not be set up: {error}"))
    }

    /// Runs a test; once more if the emulator ended the guest.
    fn run(&mut self, series: &str, case: Case) -> Result<()> {
        match self.attempt(series, case) {
            Err(ended) if ended.by_the_emulator => {
                eprintln!(
                    "lab::{series}::{}: an emulated processor stopped at a breakpoint of code that was being patched, \
                     which ended the guest; once more, in a new one",
                    case.name
                );
                self.attempt(series, case).map_err(|ended| ended.error)
            }
            outcome => outcome.map_err(|ended| ended.error),
        }
    }

    fn attempt(&mut self, series: &str, case: Case) -> Result<(), Ended> {
        let lab = self.lab(series)?;
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
        let error = match (outcome, checked) {
            (Ok(()), Ok(())) => {
                // Leftovers of a failed test would disturb the next one: the guest is kept only
                // here.
                self.guest = Some(guest);
                return Ok(());
            }
            (Err(error), Ok(())) | (Ok(()), Err(error)) => error,
            (Err(failed), Err(complaint)) => anyhow!("{failed:#}\n{complaint:#}"),
        };
        Err(Ended {
            error,
            by_the_emulator: guest.accel() != Accel::Kvm
                && stopped_at_a_breakpoint(&guest.log().since(mark)),
        })
    }

    /// Runs tests until there are no more; fails where a guest does not end well.
    fn serve(mut self, queue: &Queue) -> Result<()> {
        let mut series: Option<String> = None;
        let mut ended = Ok(());
        while let Some(job) = queue.next(series.as_deref()) {
            if series.as_ref() != Some(&job.series) {
                let last = self.guest.take().map_or(Ok(()), Guest::poweroff);
                ended = ended.and(last);
                series = Some(job.series.clone());
            }
            let began = Instant::now();
            let outcome = self.run(&job.series, job.case);
            let name = format!("lab::{}::{}", job.series, job.case.name);
            self.took.add(began, name);
            // The receiver waits for the result.
            job.done.send(outcome).ok();
        }
        ended.and(self.guest.take().map_or(Ok(()), Guest::poweroff))
    }
}

/// Runs a test on one of the stages.
fn have_run(queue: &Queue, series: String, case: Case) -> Result<(), Failed> {
    let (done, outcome) = mpsc::channel();
    queue.put(Job { series, case, done });
    outcome
        .recv()
        .unwrap_or_else(|_| Err(anyhow!("the thread that runs the tests has ended")))
        .map_err(|error| Failed::from(format!("{error:#}")))
}

/// Tests that a series leaves out, by cause.
type Left = BTreeMap<(String, LeftOut), Vec<&'static str>>;

/// The tests of each series, and those that are left out.
fn selected(tested: &[Tested]) -> (Vec<(String, Case)>, Left) {
    let mut left = Left::new();
    let mut here = Vec::new();
    for of in tested {
        for (needs, case) in cases() {
            match of.leaves_out(case.name, needs) {
                None => here.push((of.series.clone(), case)),
                Some(why) => left
                    .entry((of.series.clone(), why))
                    .or_default()
                    .push(case.name),
            }
        }
    }
    (here, left)
}

/// Prints which of the selected tests are left out, and why.
fn tell(left: &Left, filter: &str) -> bool {
    let mut any = false;
    for ((series, why), names) in left {
        let names: Vec<String> = names
            .iter()
            .map(|name| format!("lab::{series}::{name}"))
            .filter(|name| name.contains(filter))
            .collect();
        if let Some(first) = names.first() {
            any = true;
            let others = match names.len() {
                1 => first.clone(),
                count => format!("{count} tests, {first} and others,"),
            };
            eprintln!("left out on {series}: {others}: {why}");
        }
    }
    any
}

/// Runs the selected tests on kernels of each series, as `cargo test` would.
pub fn run<F>(tested: &[Tested], soak: bool, arguments: &[String], make: F) -> Result<ExitCode>
where
    F: Fn(&str) -> Result<Lab> + Send + Sync + 'static,
{
    let name = "cargo lab test".to_owned();
    let mut arguments = Arguments::from_iter(std::iter::once(&name).chain(arguments));
    let (tests, left) = selected(tested);
    // Threads only wait for a guest: with all tests in the queue a guest takes those of its own series first.
    arguments.test_threads.get_or_insert(tests.len().max(1));
    let queue = Arc::new(Queue::default());
    let trials = tests
        .into_iter()
        .map(|(series, case)| {
            let queue = Arc::clone(&queue);
            Trial::test(format!("lab::{series}::{}", case.name), move || {
                have_run(&queue, series, case)
            })
        })
        .collect();
    let filter = arguments.filter.clone().unwrap_or_default();
    let told = !arguments.list && tell(&left, &filter);
    let make = Arc::new(make);
    let took = Arc::new(Took::default());
    // Guests end with the thread that started them.
    let threads: Vec<_> = (0..GUESTS)
        .map(|_| {
            let stage = Stage {
                make: Arc::clone(&make),
                took: Arc::clone(&took),
                storm: if soak { LONG_STORM } else { STORM },
                labs: BTreeMap::new(),
                guest: None,
            };
            let queue = Arc::clone(&queue);
            thread::spawn(move || stage.serve(&queue))
        })
        .collect();
    let listed = arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    queue.close();
    for thread in threads {
        thread
            .join()
            .unwrap_or_else(|_| Err(anyhow!("it panicked")))
            .context("the tests' guest did not end well")?;
    }
    took.print();
    let ran = conclusion.num_passed + conclusion.num_failed + conclusion.num_ignored;
    if !listed && ran == 0 && told {
        bail!("none of these tests fits this kernel");
    }
    // A mistyped name must not pass.
    ensure!(
        listed || ran > 0,
        "no test has such a name; `cargo lab test --list` has all"
    );
    Ok(conclusion.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(series: &str, name: &'static str) -> Job {
        Job {
            series: series.to_owned(),
            case: Case {
                name,
                run: |_, _| Ok(()),
            },
            done: mpsc::channel().0,
        }
    }

    #[test]
    fn stale_breakpoint_is_distinguished_from_a_bug() {
        let log =
            "[   16.9] Oops: int3: 0000 [#1] SMP\n[   16.9] RIP: 0010:get_random_u32+0x2b/0x130\n";
        assert!(stopped_at_a_breakpoint(log));
        assert!(!stopped_at_a_breakpoint(
            "[   16.9] Oops: 0000 [#1] SMP\n[   16.9] int3\n"
        ));
    }

    #[test]
    fn guest_takes_its_own_series_first_and_then_one_that_no_other_runs() {
        let queue = Queue::default();
        for (series, name) in [("7.3", "a"), ("7.2", "b"), ("7.3", "c"), ("6.1", "d")] {
            queue.put(job(series, name));
        }
        queue.close();
        let next = |series| queue.next(series).map(|job| job.case.name);
        assert_eq!(next(None), Some("a"));
        assert_eq!(next(None), Some("b"));
        assert_eq!(next(Some("7.2")), Some("d"));
        assert_eq!(next(Some("7.3")), Some("c"));
        assert_eq!(next(Some("7.3")), None);
        assert_eq!(next(Some("6.1")), None);
    }

    #[test]
    fn second_guest_of_a_series_is_booted_for_many_tests_alone() {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let queue = Queue::default();
        for name in names {
            queue.put(job("7.3", name));
        }
        queue.close();
        let next = |series| queue.next(series).map(|job| job.case.name);
        assert_eq!(next(None), Some("a"));
        assert_eq!(next(Some("6.1")), Some("e"), "of six");
        assert_eq!(next(Some("6.12")), None, "of five");
        assert_eq!(next(Some("7.3")), Some("b"));
    }
}
