//! The program's costs, as ratios to unavoidable costs and to slabtop, each with its bound: `cargo
//! bench -p slabscope`, as root, with procps and vmtouch installed. It fails if a bound is missed.
//! `-- scale`: only what grows with the number of mounts and the like.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark may fail")]
#![allow(clippy::print_stdout, reason = "its result")]

mod explorer;
mod inside;
mod pages;
#[path = "../support/program.rs"]
mod program;
mod scale;
mod terminal;

use std::process::ExitCode;
use std::time::Duration;

/// One line of the result.
struct Measured {
    what: &'static str,
    /// Our figure and its peer's, as text.
    figures: String,
    /// The ratio or figure, in the unit of the bound.
    value: f64,
    bound: f64,
    unit: &'static str,
}

impl Measured {
    /// Two times; the bound of the first is `bound` times the second.
    fn ratio(what: &'static str, ours: Duration, other: Duration, bound: f64) -> Self {
        Self {
            what,
            figures: format!("{ours:.1?} / {other:.1?}"),
            value: ours.as_secs_f64() / other.as_secs_f64(),
            bound,
            unit: "x",
        }
    }

    fn kept(&self) -> bool {
        self.value <= self.bound
    }

    fn print(&self) {
        let verdict = if self.kept() { "ok" } else { "MISSED" };
        let (value, bound, unit) = (self.value, self.bound, self.unit);
        println!(
            "{:<62} {:>21} {value:6.2}{unit:<4} bound {bound:5.2}{unit:<4} {verdict}",
            self.what, self.figures
        );
    }
}

/// The tenth percentile of the rounds: disturbances of the other rounds by other programs are not
/// measured.
fn undisturbed(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 10]
}

fn main() -> ExitCode {
    let mut all_kept = true;
    let mut tell = |measured: Measured| {
        measured.print();
        all_kept &= measured.kept();
    };
    if std::env::args().any(|arg| arg == "scale") {
        scale::all().into_iter().for_each(&mut tell);
        return exit(all_kept);
    }
    tell(inside::refresh());
    tell(inside::frame());
    tell(inside::tree());
    for measured in explorer::keys() {
        tell(measured);
    }
    tell(explorer::sift());
    scale::all().into_iter().for_each(&mut tell);
    tell(pages::pages());
    tell(terminal::start());
    for measured in terminal::running() {
        tell(measured);
    }
    exit(all_kept)
}

fn exit(all_kept: bool) -> ExitCode {
    match all_kept {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
