//! `slabscope check`: a plugin for Nagios, Icinga and what runs their plugins.

use std::io::Write;

use super::{Context, Exit, Failure, Run};
use crate::base::text::{self, bytes, count, printable};
use crate::kernel::observer::{Observation, Observer, Pace};
use crate::kernel::source::{Cgroup, SourceError};

const CODES: &str = "Exit codes, as monitoring plugins have them: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN: a figure is not known, or wrong use.";

/// Check slab, negative dentries and cgroups against thresholds, as a Nagios plugin
///
/// One line with the findings, the worst first, and performance data. A figure above a threshold is
/// a finding. One that is not known is UNKNOWN, unless another one is worse; --ignore leaves it out.
#[derive(Debug, clap::Args)]
#[command(after_help = CODES)]
pub struct Args {
    /// WARNING if Slab is more than this part of memory
    #[arg(long, value_name = "PERCENT", default_value = "30", value_parser = percent)]
    slab_warning: u64,

    /// CRITICAL if Slab is more than this part of memory
    #[arg(long, value_name = "PERCENT", default_value = "50", value_parser = percent)]
    slab_critical: u64,

    /// WARNING if SUnreclaim is more than this part of memory
    #[arg(long, value_name = "PERCENT", default_value = "10", value_parser = percent)]
    unreclaimable_warning: u64,

    /// CRITICAL if SUnreclaim is more than this part of memory
    #[arg(long, value_name = "PERCENT", default_value = "25", value_parser = percent)]
    unreclaimable_critical: u64,

    /// WARNING if negative dentries on the LRU are more than this part of all dentries
    #[arg(long, value_name = "PERCENT", default_value = "50", value_parser = percent)]
    negative_warning: u64,

    /// CRITICAL if negative dentries on the LRU are more than this part of all dentries
    #[arg(long, value_name = "PERCENT", default_value = "80", value_parser = percent)]
    negative_critical: u64,

    /// Up to this many negative dentries are neither
    #[arg(long, value_name = "COUNT", default_value = "5000000", value_parser = super::whole::<u64>)]
    negative_least: u64,

    /// WARNING if a cgroup uses more than this part of its limit, with more slab than anything else
    #[arg(long, value_name = "PERCENT", default_value = "90", value_parser = percent)]
    cgroup_warning: u64,

    /// CRITICAL if a cgroup uses more than this part of its limit, with more slab than anything else
    #[arg(long, value_name = "PERCENT", default_value = "98", value_parser = percent)]
    cgroup_critical: u64,

    /// Leave this figure out
    #[arg(long, value_enum, value_name = "FIGURE")]
    ignore: Vec<Figure>,
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Figure {
    /// All slab of the machine
    Slab,
    /// Slab that the kernel cannot reclaim
    Unreclaimable,
    /// Negative dentries
    Negative,
    /// The cgroup with the most slab for its limit
    Cgroup,
}

/// What a plugin says, the worst last. Known bad is worse than not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Ok,
    Unknown,
    Warning,
    Critical,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Unknown => "UNKNOWN",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }
}

/// The numbers are those of other commands, the meanings are the monitoring system's.
impl From<State> for Exit {
    fn from(state: State) -> Self {
        match state {
            State::Ok => Self::Ok,
            State::Warning => Self::Failed,
            State::Critical => Self::Usage,
            State::Unknown => Self::Missing,
        }
    }
}

/// Exit code of a check that could not be made.
pub const UNKNOWN: u8 = Exit::Missing as u8;

fn percent(text: &str) -> Result<u64, String> {
    let number = super::whole::<u64>(text)?;
    match number {
        0..=100 => Ok(number),
        _ => Err("not between 0 and 100 percent".into()),
    }
}

/// Thresholds, in percent of a whole.
#[derive(Clone, Copy, Debug)]
struct Limits {
    warning: u64,
    critical: u64,
    /// Up to this figure neither counts.
    least: u64,
}

impl Limits {
    /// The figure above which a threshold is crossed.
    fn figure(&self, percent: u64, whole: u64) -> u64 {
        let part = u128::from(whole) * u128::from(percent) / 100;
        u64::try_from(part).unwrap_or(u64::MAX).max(self.least)
    }

    fn state(&self, part: u64, whole: u64) -> State {
        let above = |percent| part > self.figure(percent, whole);
        match (above(self.critical), above(self.warning)) {
            (true, _) => State::Critical,
            (_, true) => State::Warning,
            _ => State::Ok,
        }
    }

    /// Performance data: figure, thresholds, least and most.
    fn data(&self, name: &str, unit: &str, part: u64, whole: u64) -> String {
        let [warning, critical] = [self.warning, self.critical].map(|of| self.figure(of, whole));
        format!("{name}={part}{unit};{warning};{critical};0;{whole}")
    }
}

/// What is said of a figure.
#[derive(Debug)]
struct Finding {
    state: State,
    text: String,
    /// Performance data; empty: there is none.
    data: String,
}

impl Finding {
    fn unknown(name: &str, why: impl std::fmt::Display) -> Self {
        Self {
            state: State::Unknown,
            text: format!("{name} unknown: {why}"),
            data: format!("{name}=U"),
        }
    }
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        for (name, limits) in [
            ("slab", self.limits(Figure::Slab)),
            ("unreclaimable", self.limits(Figure::Unreclaimable)),
            ("negative", self.limits(Figure::Negative)),
            ("cgroup", self.limits(Figure::Cgroup)),
        ] {
            if limits.warning > limits.critical {
                let message = format!("--{name}-warning is above --{name}-critical");
                return Err(Failure::new(Exit::Usage, message));
            }
        }
        let observation = Observer::new(&context.root, Pace::default()).observe();
        let mut findings: Vec<_> = [
            Figure::Slab,
            Figure::Unreclaimable,
            Figure::Negative,
            Figure::Cgroup,
        ]
        .into_iter()
        .filter(|figure| !self.ignore.contains(figure))
        .map(|figure| self.finding(figure, &observation))
        .collect();
        let data: Vec<_> = findings
            .iter()
            .map(|finding| finding.data.clone())
            .collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.state));
        let state = findings.first().map_or(State::Ok, |finding| finding.state);
        let texts: Vec<_> = findings.iter().map(|finding| &*finding.text).collect();
        // What is behind a bar is performance data: no name may bring one.
        let texts = texts.join("; ").replace('|', "\\u{7c}");
        let data = data.join(" ");
        writeln!(
            out,
            "SLABSCOPE {} - {texts} | {}",
            state.word(),
            data.trim_end()
        )?;
        Ok(state.into())
    }
}

impl Args {
    fn limits(&self, figure: Figure) -> Limits {
        let (warning, critical) = match figure {
            Figure::Slab => (self.slab_warning, self.slab_critical),
            Figure::Unreclaimable => (self.unreclaimable_warning, self.unreclaimable_critical),
            Figure::Negative => (self.negative_warning, self.negative_critical),
            Figure::Cgroup => (self.cgroup_warning, self.cgroup_critical),
        };
        Limits {
            warning,
            critical,
            least: match figure {
                Figure::Negative => self.negative_least,
                _ => 0,
            },
        }
    }

    fn finding(&self, figure: Figure, observation: &Observation) -> Finding {
        let limits = self.limits(figure);
        let Observation {
            sample, cgroups, ..
        } = observation;
        let memory = sample.memory.as_ref();
        let total = memory.map(|memory| memory.total);
        match figure {
            Figure::Slab => {
                let slab = memory.map(|memory| memory.slab);
                part_of_memory("slab", slab, total, limits)
            }
            Figure::Unreclaimable => {
                let unreclaimable = memory.map(|memory| memory.sunreclaim);
                part_of_memory("unreclaimable", unreclaimable, total, limits)
            }
            Figure::Negative => match &sample.dentries {
                Err(error) => Finding::unknown("negative", error),
                Ok(state) => match (state.lru_negative, state.total) {
                    (Some(negative), Some(total)) => Finding {
                        state: limits.state(negative, total),
                        text: format!(
                            "negative dentries {} of all, {}",
                            text::share(negative, total),
                            count(negative)
                        ),
                        data: limits.data("negative", "", negative, total),
                    },
                    _ => Finding::unknown("negative", "this kernel does not report it"),
                },
            },
            Figure::Cgroup => match &**cgroups {
                Err(error) => Finding::unknown("cgroup", error),
                Ok(cgroups) => fullest(&cgroups.all, limits),
            },
        }
    }
}

fn part_of_memory(
    name: &str,
    part: Result<Option<u64>, &SourceError>,
    total: Result<Option<u64>, &SourceError>,
    limits: Limits,
) -> Finding {
    match (part, total) {
        (Ok(Some(part)), Ok(Some(total))) => Finding {
            state: limits.state(part, total),
            text: format!(
                "{name} {} of memory, {}",
                text::share(part, total),
                bytes(part)
            ),
            data: limits.data(name, "B", part, total),
        },
        (Err(error), _) | (_, Err(error)) => Finding::unknown(name, error),
        _ => Finding::unknown(name, "/proc/meminfo does not report it"),
    }
}

/// The cgroup that uses the most of its limit, of those with more slab than anything else.
fn fullest(all: &[Cgroup], limits: Limits) -> Finding {
    let full = all.iter().filter(|cgroup| cgroup.is_mostly_slab());
    let full = full.filter_map(|cgroup| {
        let (limit, _) = cgroup.limit()?;
        Some((cgroup, cgroup.current?, limit))
    });
    let used = |current: u64, limit: u64| u128::from(current) * 10_000 / u128::from(limit.max(1));
    let most = full.max_by_key(|(_, current, limit)| used(*current, *limit));
    match most {
        None => Finding {
            state: State::Ok,
            text: "no cgroup with a limit is mostly slab".into(),
            data: String::new(),
        },
        Some((cgroup, current, limit)) => Finding {
            state: limits.state(current, limit),
            text: format!(
                "cgroup {}, mostly slab, uses {} of its limit of {}",
                printable(cgroup.full()),
                text::share(current, limit),
                bytes(limit)
            ),
            data: limits.data("cgroup", "B", current, limit),
        },
    }
}
