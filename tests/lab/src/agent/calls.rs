//! How often a command has the kernel call a function.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::learn::run::Interrupt;

const TRACING: &str = "/sys/kernel/tracing";

/// The probe's name, and the file of its event.
const PROBE: &str = "learn/calls";

/// A probe that is removed when dropped.
struct Probe {
    trigger: PathBuf,
    histogram: String,
}

fn append(path: &Path, text: &str) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .append(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    std::io::Write::write_all(&mut file, text.as_bytes())
        .with_context(|| format!("cannot write \"{text}\" to {}", path.display()))
}

impl Probe {
    /// Counts calls of a function in processes of a name.
    fn new(function: &str, name: &str) -> Result<Self> {
        let tracing = Path::new(TRACING);
        // To record processes' names, tracing would have to patch the scheduler, which emulated
        // processors may be running.
        fs::write(tracing.join("options/record-cmd"), "0").context("cannot set up tracing")?;
        append(
            &tracing.join("kprobe_events"),
            &format!("p:{PROBE} {function}\n"),
        )?;
        let probe = Self {
            trigger: tracing.join("events").join(PROBE).join("trigger"),
            histogram: format!("hist:keys=common_pid if comm == \"{name}\""),
        };
        append(&probe.trigger, &format!("{}\n", probe.histogram))?;
        Ok(probe)
    }

    fn calls(&self) -> Result<u64> {
        let path = self.trigger.with_file_name("hist");
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut calls = 0;
        for line in text.lines().filter(|line| line.starts_with('{')) {
            if let Some((_, count)) = line.split_once("hitcount:") {
                let count = count.split_whitespace().next().unwrap_or_default();
                calls += count
                    .parse::<u64>()
                    .with_context(|| format!("not understood: {line}"))?;
            }
        }
        Ok(calls)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        append(&self.trigger, &format!("!{}\n", self.histogram)).ok();
        append(
            &Path::new(TRACING).join("kprobe_events"),
            &format!("-:{PROBE}\n"),
        )
        .ok();
    }
}

/// Runs a command and prints how often it made the kernel call the function.
pub fn run(function: &str, command: &[String]) -> Result<()> {
    let [program, arguments @ ..] = command else {
        bail!("no command");
    };
    // The kernel's name of a process ends there.
    let name: String = program
        .rsplit('/')
        .next()
        .unwrap_or(program)
        .chars()
        .take(15)
        .collect();
    // A signal ends the command; the probe still has to be removed.
    let interrupt = Interrupt::listen()?;
    let probe = Probe::new(function, &name)?;
    let status = Command::new(program)
        .args(arguments)
        .stdout(std::process::Stdio::null())
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    interrupt.check()?;
    ensure!(status.success(), "{program}: {status}");
    println!("{function} {} calls", probe.calls()?);
    Ok(())
}
