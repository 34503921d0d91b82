//! The measurements: the module's costs, relative to what the kernel itself offers, within one
//! boot.

mod table;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use clap::ValueEnum as _;

use crate::agent::bench::{Bench, NOISE, Sample};
use crate::agent::protocol::Stream;
use crate::guest::Guest;
use crate::guest::accel::Accel;
use crate::guest::payload::PEER;
use crate::guest::qemu::Machine;
use crate::setup::{self, Options};
use table::{MEASURES, Measure, Row};

/// Rounds of each measurement.
pub const ROUNDS: u32 = 10;

/// Upper bound on the time of all rounds of one, even where the machine is shared.
const TIMEOUT: Duration = Duration::from_secs(1800);

/// Five million dentries take a gigabyte.
const MACHINE: Machine = Machine {
    cpus: 2,
    memory_mib: 4096,
    disk_mib: 4096,
    reboots: false,
};

/// The tool in the guest that makes a measure.
fn tool(measure: &Measure) -> Option<String> {
    let name = measure.bench.to_possible_value()?;
    Some(name.get_name().to_owned())
}

/// Rounds of a measurement: one that takes minutes is made less often.
fn rounds(bench: Bench, wanted: u32) -> u32 {
    match bench {
        Bench::Negatives | Bench::Tree | Bench::Inodes | Bench::Stall | Bench::Kill => wanted,
        Bench::Unlink | Bench::Held => wanted.div_ceil(4),
        Bench::Readers => wanted.div_ceil(3),
        Bench::Scale | Bench::Keys | Bench::Reread | Bench::Who | Bench::ReaderCosts => {
            wanted.div_ceil(5)
        }
    }
}

/// Whether the measure is of work, which instructions show, rather than of waiting.
fn is_work(bench: Bench) -> bool {
    match bench {
        Bench::Negatives
        | Bench::Tree
        | Bench::Inodes
        | Bench::Reread
        | Bench::Unlink
        | Bench::Readers
        | Bench::Scale => true,
        Bench::Stall
        | Bench::Kill
        | Bench::Held
        | Bench::Keys
        | Bench::Who
        | Bench::ReaderCosts => false,
    }
}

fn selected(filter: &str, instructions: bool) -> Vec<&'static Measure> {
    let wanted = |measure: &&Measure| {
        let tool = tool(measure).unwrap_or_default();
        let mut parts = filter.split(',');
        parts.any(|part| measure.name.contains(part) || tool.contains(part))
            && (!instructions || is_work(measure.bench))
    };
    MEASURES.iter().filter(wanted).collect()
}

/// Lists the measurements.
pub fn list(filter: &str, instructions: bool) -> ExitCode {
    for measure in selected(filter, instructions) {
        println!("{}: {}", measure.name, measure.what);
    }
    ExitCode::SUCCESS
}

/// How measurements are made.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Rounds of each, in each boot.
    pub rounds: u32,
    /// Boots: figures go from boot to boot with where memory happens to lie.
    pub boots: u32,
    /// In instructions instead of time.
    pub instructions: bool,
}

/// Makes the measurements that the filter selects; fails when one misses its bound.
pub fn run(options: &Options, filter: &str, how: How) -> Result<ExitCode> {
    let How {
        boots,
        instructions,
        ..
    } = how;
    let selected = selected(filter, instructions);
    ensure!(
        !selected.is_empty(),
        "no measurement's name contains {filter:?}; see --list"
    );
    let lab = setup::run(&Options {
        peer: true,
        ..options.clone()
    })?;
    let started = Instant::now();
    let mut all: Vec<Sample> = Vec::new();
    let mut accel = Accel::Tcg;
    for boot in 1..=boots {
        if boots > 1 {
            eprintln!("boot {boot} of {boots}");
        }
        let guest = if instructions {
            let patience = Accel::Counted.boot_timeout();
            Guest::boot_with(&lab, MACHINE, Accel::Counted, patience)?
        } else {
            Guest::boot_sized(&lab, MACHINE)?
        };
        accel = guest.accel();
        all.extend(in_guest(&guest, &selected, how.rounds)?);
        guest.poweroff()?;
    }
    let accel = match accel {
        Accel::Kvm => "KVM",
        Accel::Tcg => "emulated (TCG)",
        Accel::Counted => "emulated, 2 ns an instruction",
    };
    println!(
        "Linux {}, {accel}, {} processors, {} MiB; {}{:.0} s. Ratios are of times within one round; median (least - most).\n",
        lab.kernel.release,
        MACHINE.cpus,
        MACHINE.memory_mib,
        if boots > 1 {
            format!("{boots} boots, ")
        } else {
            String::new()
        },
        started.elapsed().as_secs_f64()
    );
    let rows: Vec<Row> = selected
        .iter()
        .map(|measure| Row::new(measure, &all))
        .collect();
    print!("{}", table::render(&rows));
    let missed = rows.iter().any(Row::missed);
    Ok(if missed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The measurements of one boot.
fn in_guest(guest: &Guest, selected: &[&Measure], wanted: u32) -> Result<Vec<Sample>> {
    guest.load_module()?;
    guest.sh(&format!("insmod {PEER}"))?;
    let mut all = Vec::new();
    let mut done = None;
    for measure in selected {
        if done.replace(measure.bench) != Some(measure.bench) {
            all.extend(samples(guest, measure, rounds(measure.bench, wanted))?);
        }
    }
    Ok(all)
}

/// Makes the guest run one measurement, and prints how each round went.
fn samples(guest: &Guest, measure: &Measure, rounds: u32) -> Result<Vec<Sample>> {
    let tool = tool(measure).context("a measurement without a tool")?;
    guest.fresh_ext4()?;
    let mark = guest.log().mark();
    let mut output = Vec::new();
    let mut told = 0;
    let mut samples = Vec::new();
    let mut failed = None;
    let started = Instant::now();
    let command = format!("exec agent bench {tool} {rounds}");
    let status = guest.stream(&command, &[], TIMEOUT, |stream, bytes| {
        if stream == Stream::Stderr {
            std::io::stderr().write_all(bytes).ok();
            return;
        }
        output.extend_from_slice(bytes);
        while let Some(end) = output[told..].iter().position(|byte| *byte == b'\n') {
            match serde_json::from_slice::<Sample>(&output[told..told + end]) {
                Ok(sample) => {
                    eprintln!(
                        "{:5.0} s  {}",
                        started.elapsed().as_secs_f64(),
                        told_as(&sample)
                    );
                    samples.push(sample);
                }
                Err(error) => failed = Some(error),
            }
            told += end + 1;
        }
    })?;
    ensure!(status == 0, "the measurement {tool} ended with {status}");
    guest.check_log(mark)?;
    guest.sh("umount /mnt/ext4")?;
    failed.map_or(Ok(samples), |error| {
        Err(anyhow!(error).context("the guest's report is not understood"))
    })
}

/// Text of a round, as the progress shows it.
fn told_as(sample: &Sample) -> String {
    if sample.measure == NOISE {
        let milliseconds = sample.ours / 1e6;
        return format!("the host takes a processor away for up to {milliseconds:.1} ms");
    }
    if sample.measure.ends_with("memory") {
        return format!("{:10} {:.0} bytes", sample.measure, sample.ours);
    }
    let milliseconds = |nanoseconds: f64| nanoseconds / 1e6;
    format!(
        "{:10} {:.3} ms, {:.3} ms",
        sample.measure,
        milliseconds(sample.ours),
        milliseconds(sample.other)
    )
}
