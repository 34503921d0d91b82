//! The only place that changes the model: messages in, effects out. No I/O, no clock.

mod prune;
mod slabs;
mod tree;

use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::census::Census;
use crate::history::Rates;
use crate::keymap::{self, Action};
use crate::model::{Mode, Model, Screen, Shown};
use crate::prune::{Outcome, Plan, PruneError};
use crate::session::{self, Counters};
use crate::source::{Mount, Sample, SourceError};

/// What happened. Times are since the start of the program.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal has this many columns and rows.
    Size(u16, u16),
    /// A sample was taken.
    Sample {
        /// When.
        at: Duration,
        /// The figures.
        sample: Box<Sample>,
    },
    /// The mounts were read.
    Mounts(Result<Vec<Mount>, SourceError>),
    /// The directory given on the command line is to be shown.
    Open(PathBuf),
    /// A job has come so far.
    Progress {
        /// Which.
        job: u64,
        /// When.
        at: Duration,
        /// Counted or moved so far.
        so_far: Box<Counters>,
    },
    /// A census has ended.
    Counted {
        /// Which.
        job: u64,
        /// When.
        at: Duration,
        /// The figures, or why there are none.
        result: Result<Census, PruneError>,
    },
    /// A dry run has ended; None if it was cancelled.
    Planned {
        /// Which.
        job: u64,
        /// What a prune would do, or why that is not known.
        result: Result<Option<Plan>, PruneError>,
    },
    /// A prune begins.
    PruneBegan {
        /// Which.
        job: u64,
        /// When.
        at: Duration,
        /// Wall clock, for people.
        clock: String,
        /// Taken right before.
        sample: Box<Sample>,
    },
    /// A prune has ended.
    Pruned {
        /// Which.
        job: u64,
        /// When.
        at: Duration,
        /// What it did, or why it did not run.
        result: Result<Outcome, PruneError>,
        /// Taken once what it freed had settled.
        sample: Box<Sample>,
    },
}

/// What is to be done outside of the model.
#[derive(Debug)]
pub enum Effect {
    /// Leave.
    Quit,
    /// Read the mounts.
    ReadMounts,
    /// Count what is cached below a directory.
    Census {
        /// The job's number.
        job: u64,
        /// The directory.
        path: PathBuf,
    },
    /// Find out what a prune would do.
    Plan {
        /// The job's number.
        job: u64,
        /// The directory.
        path: PathBuf,
    },
    /// Prune. Comes out of [`Mode::Confirm`] alone.
    Prune {
        /// The job's number.
        job: u64,
        /// The plan that was on the screen.
        plan: Plan,
        /// The mode chosen.
        mode: session::Mode,
    },
    /// End all jobs up to this one early.
    Cancel {
        /// The job's number.
        job: u64,
    },
}

/// Changes the model by what happened.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(event) if event.kind != KeyEventKind::Release => return key(model, event),
        Msg::Key(_) => {}
        Msg::Size(columns, rows) => model.size = (columns, rows),
        Msg::Sample { at, sample } => take(model, at, *sample),
        Msg::Mounts(mounts) => return tree::mounts(model, mounts),
        Msg::Open(path) => return tree::open(model, path),
        Msg::Progress { job, at, so_far } => progress(model, job, at, so_far),
        Msg::Counted { job, at, result } => tree::counted(model, job, at, result),
        Msg::Planned { job, result } => prune::planned(model, job, result),
        Msg::PruneBegan {
            job,
            at,
            clock,
            sample,
        } => prune::began(model, job, at, clock, *sample),
        Msg::Pruned {
            job,
            at,
            result,
            sample,
        } => return prune::ended(model, job, at, result, *sample),
    }
    Vec::new()
}

/// Rates over less than this are noise: the older ones are kept.
const SHORTEST: Duration = Duration::from_millis(100);

fn take(model: &mut Model, at: Duration, sample: Sample) {
    model.now = model.now.max(at);
    model.history.push(at, &sample);
    let rates = match &model.latest {
        Some(last) if at <= last.at => return,
        Some(last) if at - last.at < SHORTEST => last.rates.clone(),
        Some(last) => Rates::new(&sample, &last.sample, at - last.at),
        None => Rates::default(),
    };
    let shown = Shown { at, sample, rates };
    if model.frozen.is_none() {
        model.shown = Some(shown.clone());
    }
    model.latest = Some(shown);
}

fn progress(model: &mut Model, job: u64, at: Duration, counters: Box<Counters>) {
    model.now = model.now.max(at);
    match &mut model.mode {
        Mode::Planning {
            job: of, so_far, ..
        } if *of == job => *so_far = counters,
        Mode::Pruning(pruning) if pruning.job == job => pruning.so_far = counters,
        _ => tree::progress(model, job, counters),
    }
}

fn key(model: &mut Model, event: KeyEvent) -> Vec<Effect> {
    if event.modifiers.contains(KeyModifiers::CONTROL) {
        // In raw mode the terminal sends no SIGINT.
        return match event.code {
            KeyCode::Char('c') => vec![Effect::Quit],
            _ => Vec::new(),
        };
    }
    model.notice = None;
    match keymap::action(model, event.code) {
        Some(action) => act(model, action),
        None => {
            match (&mut model.mode, event.code) {
                (Mode::Filter, KeyCode::Char(c)) => slabs::typed(model, c),
                (Mode::Confirm(confirm), _) => confirm.urged = true,
                _ => {}
            }
            Vec::new()
        }
    }
}

fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Quit => return vec![Effect::Quit],
        Action::Help => model.mode = Mode::Help,
        Action::Close => model.mode = Mode::Browse,
        Action::Screen(screen) => return show(model, screen),
        Action::Freeze => freeze(model),
        Action::Move(steps) => moved(model, steps),
        Action::Page(pages) => {
            // All but the lines of head and foot; a guess on the short side is harmless.
            let page = i64::from(model.size.1.saturating_sub(11).max(1));
            moved(model, pages * page);
        }
        Action::Sort(column) => slabs::sort(model, column),
        Action::Reverse => model.slabs.reverse ^= true,
        Action::Filter => model.mode = Mode::Filter,
        Action::FilterErase => slabs::erase(model),
        Action::FilterClear => slabs::clear(model),
        Action::CycleSort => tree::cycle_sort(model),
        Action::Enter => return tree::enter(model),
        Action::Up => return tree::up(model),
        Action::Recount => return tree::recount(model),
        Action::PlanRow => return prune::plan_row(model),
        Action::PlanHere => return prune::plan_here(model),
        Action::Cancel => return prune::cancel(model),
        Action::Choose(mode) => prune::choose(model, mode),
        Action::Urge => prune::urge(model),
        Action::Prune => return prune::confirmed(model),
    }
    Vec::new()
}

fn show(model: &mut Model, screen: Screen) -> Vec<Effect> {
    model.mode = Mode::Browse;
    model.screen = screen;
    match screen {
        // Mounts come and go: they are read each time their list comes up.
        Screen::Tree if model.tree.stack.is_empty() => vec![Effect::ReadMounts],
        _ => Vec::new(),
    }
}

fn freeze(model: &mut Model) {
    model.frozen = match (&model.frozen, &model.latest) {
        (None, Some(latest)) => Some(latest.at),
        _ => None,
    };
    model.shown.clone_from(&model.latest);
}

fn moved(model: &mut Model, steps: i64) {
    match model.screen {
        Screen::Slabs => slabs::moved(model, steps),
        Screen::Tree => tree::moved(model, steps),
        Screen::History => {}
    }
}

/// The index `steps` from `index` among `len`, and no further than the ends.
fn stepped(index: usize, steps: i64, len: usize) -> usize {
    let last = i64::try_from(len).unwrap_or(i64::MAX).max(1) - 1;
    let index = i64::try_from(index).unwrap_or(i64::MAX);
    usize::try_from(index.saturating_add(steps).clamp(0, last)).unwrap_or(0)
}
