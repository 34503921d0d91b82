//! The only impure loop: threads send messages into one channel; all that have come are taken,
//! then the screen is drawn once.

mod dentries;
mod gather;
mod input;
mod sampler;
mod terminal;
mod watcher;
mod worker;

use std::ffi::CStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGCONT, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;

use crate::base::say::say;
use crate::base::{guard, signals};
use crate::kernel::source::Kernel;
use crate::reclaim::audit;
use crate::ui::keymap::Keymap;
use crate::ui::look::{Look, Theme};
use crate::ui::model::{Column, Host, Inert, Model};
use crate::ui::update::{Effect, Msg, update};
use crate::ui::view;
use input::Input;
use sampler::Sampler;
pub use terminal::Screen;
use watcher::Watcher;
use worker::Worker;

/// Options of the program's start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Time between two samples.
    pub interval: Duration,
    /// A directory to show at the start instead of the slab caches.
    pub open: Option<PathBuf>,
    /// Root of proc and sys. Any but `/` holds captured files: no action is allowed then.
    pub root: PathBuf,
    /// No action is allowed.
    pub read_only: bool,
    /// The audit log.
    pub audit: audit::Log,
    /// The colours; None: decided by the environment.
    pub theme: Option<Theme>,
    /// The columns of the slab table; empty: as many as there is room for.
    pub columns: Vec<Column>,
    /// Sort key of the slab table.
    pub sort: Column,
    /// The column's natural order is reversed.
    pub reverse: bool,
    /// The program takes the mouse, if the terminal has one.
    pub mouse: bool,
    /// Keys and their actions by scope.
    pub keymap: Keymap,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            open: None,
            root: Path::new("/").into(),
            read_only: false,
            audit: audit::Log::Off,
            theme: None,
            columns: Vec::new(),
            sort: Column::Size,
            reverse: false,
            mouse: true,
            keymap: Keymap::default(),
        }
    }
}

/// An event of a thread.
pub(crate) enum Event {
    /// A message for the model.
    Msg(Box<Msg>),
    /// The process got a signal.
    Signal(i32),
    /// The terminal is gone.
    InputFailed(io::Error),
}

/// Runs until the user quits. On a signal the terminal is restored, and the signal then has its
/// default action.
pub fn run(options: Options) -> io::Result<Option<String>> {
    let start = Instant::now();
    let (sender, receiver) = channel();
    watch_signals(sender.clone())?;
    let mut screen = Screen::enter()?;
    let mut model = model(&options, screen.size()?);
    if model.mouse == Some(true) {
        screen.mouse(true)?;
    }
    let threads = Threads {
        sampler: Sampler::start(
            start,
            options.root.clone(),
            options.interval,
            sender.clone(),
        )?,
        watcher: Watcher::start(start, model.inert.is_none(), sender.clone())?,
        worker: Worker::start(start, options.root, options.audit, sender.clone())?,
    };
    let mut input = Input::start(sender)?;
    if let Some(path) = options.open {
        let effects = update(&mut model, Msg::Open(path));
        perform(effects, &mut screen, &threads)?;
    }
    let signal = main_loop(
        start,
        &mut screen,
        &mut model,
        &mut input,
        &receiver,
        &threads,
    );
    threads.watcher.finish();
    threads.worker.finish();
    // The outcome of an action that ended after the last frame.
    for event in receiver.try_iter() {
        if let Event::Msg(msg) = event {
            update(&mut model, *msg);
        }
    }
    drop(screen);
    let unrecorded = model.journal.unrecorded.take();
    match signal? {
        Some(signal) => {
            if let Some(error) = unrecorded {
                say!("not recorded: {error}");
            }
            guard::die_of(signal)
        }
        None => Ok(unrecorded),
    }
}

/// The model at the start.
fn model(options: &Options, size: (u16, u16)) -> Model {
    let var = |name: &str| std::env::var(name).ok();
    let mut look = Look::from_env(var);
    if let Some(theme) = options.theme {
        look = look.with_theme(theme);
    }
    let mut model = Model::new(host(&options.root), look, size);
    let captured = options.root != Path::new("/");
    model.inert = match options.read_only {
        _ if captured => Some(Inert::Captured(options.root.clone())),
        read_only => read_only.then_some(Inert::ReadOnly),
    };
    model.directory = std::env::current_dir().unwrap_or_default();
    model.keymap.clone_from(&options.keymap);
    model.journal.file.clone_from(&options.audit);
    model.interval = options.interval;
    model.mouse = Look::has_mouse(&var("TERM").unwrap_or_default()).then_some(options.mouse);
    model.slabs.columns.clone_from(&options.columns);
    model.slabs.sort = options.sort;
    model.slabs.reverse = options.reverse;
    model.kept = model.settings_now();
    model
}

/// The threads that take orders.
struct Threads {
    sampler: Sampler,
    watcher: Watcher,
    worker: Worker,
}

/// Runs until the user quits, or a signal ends the program.
fn main_loop(
    start: Instant,
    screen: &mut Screen,
    model: &mut Model,
    input: &mut Input,
    receiver: &Receiver<Event>,
    threads: &Threads,
) -> io::Result<Option<i32>> {
    loop {
        if screen.draw(|frame| view::render(model, frame))? {
            update(model, Msg::Drawn);
        }
        if let Some(number) = model.asking.waits() {
            input.ask(number);
        }
        let first = next(receiver, model.waiting.is_some().then_some(start))?;
        for event in std::iter::once(first).chain(receiver.try_iter()) {
            match event {
                Event::Msg(msg) => {
                    if perform(update(model, *msg), screen, threads)? {
                        return Ok(None);
                    }
                }
                Event::Signal(SIGTSTP) => {
                    threads.watcher.halt();
                    screen.suspend()?;
                }
                // Another process stopped the program, and the shell may have reset the terminal.
                Event::Signal(SIGCONT) => screen.continued(),
                Event::Signal(SIGWINCH) => {
                    let (columns, rows) = screen.size()?;
                    update(model, Msg::Size(columns, rows));
                }
                Event::Signal(signal) => return Ok(Some(signal)),
                Event::InputFailed(error) => return Err(error),
            }
        }
        if screen.come_back()? {
            update(model, Msg::Hidden);
        }
    }
}

/// The next event. While the user waits for something, the time that passes is one, too: the threads
/// live as long as the program, so that there is always another.
fn next(receiver: &Receiver<Event>, waits: Option<Instant>) -> io::Result<Event> {
    const TICK: Duration = Duration::from_millis(250);
    let Some(start) = waits else {
        return receiver.recv().map_err(io::Error::other);
    };
    match receiver.recv_timeout(TICK) {
        Err(RecvTimeoutError::Timeout) => Ok(msg(Msg::Tick {
            at: start.elapsed(),
        })),
        event => event.map_err(io::Error::other),
    }
}

/// Hands effects on; returns whether one of them was to quit.
fn perform(effects: Vec<Effect>, screen: &mut Screen, threads: &Threads) -> io::Result<bool> {
    let mut quit = false;
    for effect in effects {
        match effect {
            Effect::Quit => quit = true,
            Effect::Refresh => threads.sampler.now(),
            Effect::Interval(interval) => threads.sampler.every(interval),
            Effect::Mouse(on) => screen.mouse(on)?,
            Effect::Copy(text) => screen.copy(&text)?,
            Effect::Suspend => {
                threads.watcher.halt();
                screen.suspend()?;
            }
            Effect::Who(effect) => threads.watcher.take(effect),
            effect => threads.worker.take(effect),
        }
    }
    Ok(quit)
}

/// The machine on the screen: this one, or the one whose files were captured.
fn host(root: &Path) -> Host {
    let uname = rustix::system::uname();
    let kernel = Kernel::new(root);
    let captured = kernel.files().captured();
    let known = |name: Result<String, _>, of_this: &CStr| match name {
        Ok(name) if captured => name,
        Err(_) if captured => "?".into(),
        _ => of_this.to_string_lossy().into_owned(),
    };
    Host {
        name: known(kernel.hostname(), uname.nodename()),
        kernel: known(kernel.release(), uname.release()),
        page_size: rustix::param::page_size() as u64,
    }
}

fn watch_signals(sender: Sender<Event>) -> io::Result<()> {
    let mut signals = Signals::new(
        signals::ending()
            .into_iter()
            .chain([SIGCONT, SIGTSTP, SIGWINCH]),
    )?;
    thread(move || {
        for signal in signals.forever() {
            if sender.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    })
}

/// Starts a detached thread. No more threads may be available.
fn thread(run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let started = thread::Builder::new().spawn(run);
    let why = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("no more threads: {}", crate::base::text::reason(&error)),
        )
    };
    started.map(drop).map_err(why)
}

fn msg(msg: Msg) -> Event {
    Event::Msg(Box::new(msg))
}
