//! The who screen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Effect, jump, stepped};
use crate::base::text::printable;
use crate::cache::who::{Reading, Spec};
use crate::ui::keymap::WhoAction;
use crate::ui::model::{
    ConfirmWho, InputMode, Model, Opened, Screen, WATCH_LIMIT, WatchState, Watching,
};

/// Jobs of the watcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhoEffect {
    /// Start a trace. Only [`InputMode::ConfirmWho`] leads to it.
    Start {
        /// Number of the trace.
        job: u64,
        /// The subject of the trace.
        spec: Spec,
        /// Upper bound on its time.
        limit: Duration,
    },
    /// End a trace.
    Stop {
        /// Number of the trace.
        job: u64,
    },
    /// List the open files of a process.
    Files {
        /// Number of the scan.
        job: u64,
        /// The process.
        pid: u32,
    },
}

/// Reports of the watcher.
#[derive(Debug)]
pub enum WhoMsg {
    /// Dead processes had left something armed, which is removed.
    Left(Vec<u32>),
    /// The kernel counts.
    Began {
        /// The watch's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// The tracing method, and what it does not report.
        means: String,
    },
    /// It was read.
    Read {
        /// The watch's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// The counts.
        reading: Box<Reading>,
        /// How long reading took.
        took: Duration,
    },
    /// Nothing is armed any more.
    Ended {
        /// The watch's number.
        job: u64,
        /// Time since the start of the program.
        at: Duration,
        /// Why, if neither its time was over nor the user ended it.
        error: Option<String>,
    },
    /// The open files of a process, a line each.
    Files {
        /// Number of the scan.
        job: u64,
        /// The lines.
        lines: Vec<String>,
    },
}

pub(super) fn act(model: &mut Model, action: WhoAction) -> Vec<Effect> {
    match action {
        WhoAction::Open => open(model),
        WhoAction::Again => again(model),
        WhoAction::Start => return start(model),
        WhoAction::Stop => return stop(model),
        WhoAction::Sort => {
            model.who.order = model.who.order.next();
            model.who.arrange();
        }
        WhoAction::Enter => return enter(model),
        WhoAction::Files => return files(model),
        WhoAction::Cgroup => return cgroup(model),
        WhoAction::Back => back(model),
    }
    Vec::new()
}

/// The subject for `w` on the screen shown.
fn spec(model: &Model) -> Option<Spec> {
    match model.screen {
        Screen::Slabs => {
            let detail = model
                .slabs
                .detail
                .as_ref()
                .map(|detail| detail.cache.name.clone());
            let selected = || model.selected_cache().map(|cache| cache.name.clone());
            detail.or_else(selected).map(Spec::Cache)
        }
        Screen::Tree => Some(match model.tree.place() {
            Some(place) => Spec::Below(place.path.clone()),
            None => Spec::Everywhere,
        }),
        _ => None,
    }
}

/// Shows the page if this trace runs already; else asks whether to start it.
fn open(model: &mut Model) {
    let Some(spec) = spec(model) else {
        return;
    };
    let watched = model
        .who
        .watching
        .as_ref()
        .filter(|watching| watching.spec == spec);
    if watched.is_some() {
        cover(model);
    } else {
        model.mode = InputMode::ConfirmWho(Box::new(ConfirmWho { spec }));
    }
}

fn again(model: &mut Model) {
    if let Some(watching) = &model.who.watching {
        let spec = watching.spec.clone();
        model.mode = InputMode::ConfirmWho(Box::new(ConfirmWho { spec }));
    }
}

fn cover(model: &mut Model) {
    model.who.over = Some(model.screen);
    model.mode = model.below();
}

/// The only source of an effect that arms anything.
fn start(model: &mut Model) -> Vec<Effect> {
    let InputMode::ConfirmWho(confirm) = std::mem::replace(&mut model.mode, InputMode::Browse)
    else {
        return Vec::new();
    };
    let mut effects = stop(model);
    let job = model.next_job();
    let mut watching = Watching::new(job, confirm.spec.clone());
    (watching.since, watching.at) = (model.now, model.now);
    model.who.watching = Some(watching);
    model.who.select(0);
    model.who.arrange();
    cover(model);
    effects.push(Effect::Who(WhoEffect::Start {
        job,
        spec: confirm.spec,
        limit: WATCH_LIMIT,
    }));
    effects
}

/// Ends a trace under way.
fn stop(model: &mut Model) -> Vec<Effect> {
    let watching = model.who.watching.as_mut();
    let on = |watching: &&mut Watching| {
        matches!(watching.state, WatchState::Arming | WatchState::Running)
    };
    let Some(watching) = watching.filter(on) else {
        return Vec::new();
    };
    watching.state = WatchState::Stopping;
    vec![Effect::Who(WhoEffect::Stop { job: watching.job })]
}

/// Closes the box, or else the page; the trace goes on.
fn back(model: &mut Model) {
    if model.who.opened.take().is_none() {
        model.who.over = None;
    }
    model.mode = model.below();
}

/// The directory of the row; None: a notice says why there is none.
pub(super) fn directory(model: &mut Model) -> Option<PathBuf> {
    let row = model.who.selected()?;
    let path = row
        .directory
        .as_ref()
        .and_then(|directory| directory.path.clone());
    if path.is_none() {
        let why = match row.directory {
            Some(_) => "the path of the directory is not known",
            None => "objects have no directory: o shows what the process has open",
        };
        model.notice = Some(why.into());
    }
    path
}

/// Enters the directory of the row, in the tree.
fn enter(model: &mut Model) -> Vec<Effect> {
    let Some(path) = directory(model) else {
        return Vec::new();
    };
    (model.who.over, model.page) = (None, None);
    model.mode = InputMode::Browse;
    let mut effects = super::counting::stop(model);
    effects.extend(jump::open(model, path));
    effects
}

/// Selects the cgroup of the row's process, on their screen.
fn cgroup(model: &mut Model) -> Vec<Effect> {
    let Some(row) = model.who.selected() else {
        return Vec::new();
    };
    let path = Path::new(&row.process.cgroup);
    if path.as_os_str().is_empty() {
        model.notice = Some("the process is in no cgroup that is known (v2)".into());
        return Vec::new();
    }
    let path = path.strip_prefix("/").unwrap_or(path).to_owned();
    model.cgroups.reveal(&path);
    super::show(model, Screen::Cgroups)
}

fn files(model: &mut Model) -> Vec<Effect> {
    let Some(row) = model.who.selected() else {
        return Vec::new();
    };
    if row.process.gone {
        model.notice = Some("the process has ended: it has nothing open".into());
        return Vec::new();
    }
    let pid = row.process.pid;
    let name = format!("{}[{pid}]", printable(&row.process.name));
    let job = model.next_job();
    model.who.opened = Some(Opened {
        job,
        name,
        lines: None,
        scroll: 0,
    });
    vec![Effect::Who(WhoEffect::Files { job, pid })]
}

pub(super) fn moved(model: &mut Model, steps: i64) {
    let page = &mut model.who;
    match &mut page.opened {
        Some(opened) => {
            let len = opened.lines.as_ref().map_or(0, Vec::len);
            opened.scroll = stepped(opened.scroll, steps, len);
        }
        None => page.select(stepped(page.at, steps, page.rows.len())),
    }
}

pub(super) fn happened(model: &mut Model, msg: WhoMsg) {
    match msg {
        WhoMsg::Left(pids) => {
            let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
            model.notice = Some(format!(
                "removed: probes left by a slabscope that was killed ({})",
                pids.join(", ")
            ));
        }
        WhoMsg::Files { job, lines } => {
            let opened = model.who.opened.as_mut();
            if let Some(opened) = opened.filter(|opened| opened.job == job) {
                opened.lines = Some(lines);
            }
        }
        WhoMsg::Began { job, at, means } => {
            if let Some(watching) = of(model, job, at) {
                (watching.since, watching.at, watching.means) = (at, at, means);
                if watching.state == WatchState::Arming {
                    watching.state = WatchState::Running;
                }
            }
        }
        WhoMsg::Read {
            job,
            at,
            reading,
            took,
        } => {
            if let Some(watching) = of(model, job, at) {
                watching.read(at, *reading, took);
                model.who.arrange();
            }
        }
        WhoMsg::Ended { job, at, error } => {
            if let Some(watching) = of(model, job, at) {
                (watching.state, watching.error) = (WatchState::Ended, error);
            }
        }
    }
}

/// The trace of this number. Advances the model's time, too.
fn of(model: &mut Model, job: u64, at: Duration) -> Option<&mut Watching> {
    model.now = model.now.max(at);
    let watching = model.who.watching.as_mut();
    watching.filter(|watching| watching.job == job)
}
