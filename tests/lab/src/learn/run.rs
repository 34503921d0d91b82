//! Running an experiment, in the guest.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{Experiment, Part, Probe, Reading, Seen, filled};

/// How long figures are waited for: memory comes back after a grace period of RCU, and per-CPU counts are added up.
const SETTLES: Duration = Duration::from_secs(15);

/// What came of an experiment.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Record {
    /// Its number.
    pub number: usize,
    /// `uname -r`
    pub release: String,
    /// What `{n}` stood for.
    pub n: u64,
    /// What came of its steps.
    pub parts: Vec<PartRecord>,
}

/// What came of a step.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PartRecord {
    /// Its title.
    pub title: String,
    /// Why it could not be done on this kernel.
    pub without: Option<String>,
    /// The kernel's figures: name, before, after.
    pub readings: Vec<(String, f64, f64)>,
    /// What the commands printed.
    pub said: String,
    /// The checks.
    pub checks: Vec<CheckRecord>,
}

/// What came of a check.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CheckRecord {
    /// What the figure is.
    pub what: String,
    /// The figure, where there is one.
    pub figure: Option<f64>,
    /// Whether it is within the bounds.
    pub holds: bool,
    /// Whether it was within the bounds when the step was left out.
    pub holds_without: bool,
}

/// Signals that end an experiment. It cleans up then.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicBool>);

/// The experiment was interrupted.
#[derive(Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

impl Interrupt {
    /// Begins to listen.
    pub fn listen() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&flag))
                .context("cannot listen for signals")?;
        }
        Ok(Self(flag))
    }

    /// Fails once there was a signal.
    pub fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) {
            return Err(Interrupted.into());
        }
        Ok(())
    }

    /// Takes note of Ctrl-C that was typed where it makes no signal.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a command and passes on what it prints, line by line; returns all of it.
pub fn shell(command: &str, mut line: impl FnMut(&str)) -> Result<String> {
    let mut child = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{command}`"))?;
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        for bytes in BufReader::new(stdout).split(b'\n') {
            let bytes = bytes.with_context(|| format!("cannot hear `{command}`"))?;
            let text = String::from_utf8_lossy(&bytes);
            line(&text);
            said.push_str(&text);
            said.push('\n');
        }
    }
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for `{command}`"))?;
    ensure!(status.success(), "`{command}` ended with {status}:\n{said}");
    Ok(said)
}

/// Reads figures.
pub fn read(probes: &[Probe]) -> Result<Reading> {
    let mut reading = Reading::new();
    for probe in probes {
        let text = shell(probe.read, |_| {})?;
        let value = match text.trim() {
            // A row that is not there, such as that of a cache that has gone.
            "" => f64::NAN,
            text => text
                .parse()
                .with_context(|| format!("`{}` printed {text}", probe.read))?,
        };
        reading.insert(probe.name.to_owned(), value);
    }
    Ok(reading)
}

/// An experiment under way. Dropping it cleans up.
#[derive(Debug)]
pub struct Stage<'a> {
    experiment: &'a Experiment,
    n: u64,
    interrupt: Interrupt,
    clean: bool,
}

impl<'a> Stage<'a> {
    /// Makes the scene, from whatever an earlier run left.
    pub fn set_up(experiment: &'a Experiment, n: u64, interrupt: Interrupt) -> Result<Self> {
        let stage = Self {
            experiment,
            n,
            interrupt,
            clean: false,
        };
        stage.remove()?;
        for command in experiment.set_up {
            stage.run(command, |_| {})?;
        }
        Ok(stage)
    }

    /// What `{n}` stands for.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Runs a command of the experiment.
    pub fn run(&self, command: &str, line: impl FnMut(&str)) -> Result<String> {
        self.interrupt.check()?;
        let ran = shell(&filled(command, self.n), line);
        // What a signal has ended did not fail.
        self.interrupt.check()?;
        ran
    }

    /// What there is to check: the figures before, those now, and what the commands printed. Figures that do not satisfy
    /// are read anew for a while.
    pub fn seen(&self, part: &Part, before: &Reading, said: &str) -> Result<Seen> {
        let deadline = Instant::now() + SETTLES;
        loop {
            let seen = self.seen_now(part, before, said)?;
            let satisfied = part
                .checks
                .iter()
                .all(|check| check.holds((check.figure)(&seen)));
            if satisfied || Instant::now() > deadline {
                return Ok(seen);
            }
            self.interrupt.check()?;
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn seen_now(&self, part: &Part, before: &Reading, said: &str) -> Result<Seen> {
        Ok(Seen {
            before: before.clone(),
            after: read(part.probes)?,
            said: said.to_owned(),
            n: self.n as f64,
        })
    }

    /// Runs a step with nobody watching. Its checks are tried first with the step left out.
    fn part(&self, part: &Part) -> Result<PartRecord> {
        if let Some(need) = part.needs.filter(|need| !need.met()) {
            return Ok(PartRecord {
                title: part.title.to_owned(),
                without: Some(need.without.to_owned()),
                readings: Vec::new(),
                said: String::new(),
                checks: Vec::new(),
            });
        }
        for command in part.prepare {
            self.run(command, |_| {})?;
        }
        let before = read(part.probes)?;
        let without = self.seen_now(part, &before, "")?;
        let mut said = String::new();
        for command in part.commands {
            said.push_str(&self.run(command, |_| {})?);
        }
        let seen = self.seen(part, &before, &said)?;
        let checks = part.checks.iter().map(|check| {
            let figure = (check.figure)(&seen);
            CheckRecord {
                what: check.what.to_owned(),
                figure: figure.is_finite().then_some(figure),
                holds: check.holds(figure),
                holds_without: check.holds((check.figure)(&without)),
            }
        });
        let readings = part.probes.iter().map(|probe| {
            let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
            (
                probe.name.to_owned(),
                finite(seen.before(*probe)),
                finite(seen.after(*probe)),
            )
        });
        Ok(PartRecord {
            title: part.title.to_owned(),
            without: None,
            readings: readings.collect(),
            checks: checks.collect(),
            said,
        })
    }

    /// Removes the scene.
    pub fn clean_up(mut self) -> Result<()> {
        self.clean = true;
        self.remove()
    }

    fn remove(&self) -> Result<()> {
        let mut failed = Vec::new();
        for command in self.experiment.clean_up {
            if let Err(error) = shell(&filled(command, self.n), |_| {}) {
                failed.push(format!("{error:#}"));
            }
        }
        if failed.is_empty() {
            return Ok(());
        }
        bail!("cannot clean up: {}", failed.join("\n"))
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if !self.clean
            && let Err(error) = self.remove()
        {
            eprintln!("agent: {error:#}");
        }
    }
}

/// Runs an experiment with nobody watching.
pub fn unattended(experiment: &Experiment, n: u64) -> Result<Record> {
    let stage = Stage::set_up(experiment, n, Interrupt::listen()?)?;
    let mut parts = Vec::new();
    for part in experiment.parts {
        parts.push(
            stage
                .part(part)
                .with_context(|| format!("in \"{}\"", part.title))?,
        );
    }
    stage.clean_up()?;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("no release")?;
    Ok(Record {
        number: experiment.number,
        release: release.trim().to_owned(),
        n,
        parts,
    })
}
