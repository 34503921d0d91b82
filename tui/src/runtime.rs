//! The only impure loop: threads send messages into one channel; all that have come are taken,
//! then the screen is drawn once.

mod terminal;
mod worker;

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::model::{Host, Model};
use crate::source::{Kernel, Source};
use crate::update::{Effect, Msg, update};
use crate::view;
use crate::view::look::Look;
pub use terminal::Screen;
use worker::Worker;

/// How the program was asked to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Time between two samples.
    pub interval: Duration,
    /// A directory to show at the start instead of the slab caches.
    pub open: Option<PathBuf>,
}

/// What the threads send.
pub(crate) enum Event {
    /// For the model.
    Msg(Box<Msg>),
    /// The process got a signal.
    Signal(i32),
    /// The terminal is gone.
    InputFailed(io::Error),
}

/// Runs until the person leaves. On a signal the terminal is restored, and the signal then does
/// what it does by default.
pub fn run(options: Options) -> io::Result<()> {
    let start = Instant::now();
    let (sender, receiver) = channel();
    signals(sender.clone())?;
    let mut screen = Screen::enter()?;
    sampler(start, options.interval, sender.clone());
    input(sender.clone());
    let worker = Worker::start(start, sender);
    let look = Look::from_env(|name| std::env::var(name).ok());
    let mut model = Model::new(host(), look, screen.size()?);
    if let Some(path) = options.open {
        perform(update(&mut model, Msg::Open(path)), &worker);
    }
    let signal = main_loop(&mut screen, &mut model, &receiver, &worker);
    drop(screen);
    match signal? {
        Some(signal) => emulate_default_handler(signal),
        None => Ok(()),
    }
}

/// Until the person quits, or the signal that ends the program.
fn main_loop(
    screen: &mut Screen,
    model: &mut Model,
    receiver: &Receiver<Event>,
    worker: &Worker,
) -> io::Result<Option<i32>> {
    loop {
        screen.draw(|frame| view::render(model, frame))?;
        // The threads live as long as the program: there always comes another message.
        let first = receiver.recv().map_err(io::Error::other)?;
        for event in std::iter::once(first).chain(receiver.try_iter()) {
            match event {
                Event::Msg(msg) => {
                    if perform(update(model, *msg), worker) {
                        return Ok(None);
                    }
                }
                Event::Signal(signal) => return Ok(Some(signal)),
                Event::InputFailed(error) => return Err(error),
            }
        }
    }
}

/// Hands effects on; whether one of them was to quit.
fn perform(effects: Vec<Effect>, worker: &Worker) -> bool {
    let mut quit = false;
    for effect in effects {
        match effect {
            Effect::Quit => quit = true,
            effect => worker.take(effect),
        }
    }
    quit
}

fn host() -> Host {
    let uname = rustix::system::uname();
    Host {
        name: uname.nodename().to_string_lossy().into_owned(),
        kernel: uname.release().to_string_lossy().into_owned(),
        page_size: rustix::param::page_size() as u64,
    }
}

fn signals(sender: Sender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if sender.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn sampler(start: Instant, interval: Duration, sender: Sender<Event>) {
    thread::spawn(move || {
        let mut source = Kernel::new("/");
        loop {
            let sample = Box::new(source.sample());
            let at = start.elapsed();
            if sender.send(msg(Msg::Sample { at, sample })).is_err() {
                return;
            }
            thread::sleep(interval);
        }
    });
}

fn input(sender: Sender<Event>) {
    thread::spawn(move || {
        loop {
            let event = match event::read() {
                Ok(event::Event::Key(key)) => msg(Msg::Key(key)),
                Ok(event::Event::Resize(columns, rows)) => msg(Msg::Size(columns, rows)),
                Ok(_) => continue,
                Err(error) => Event::InputFailed(error),
            };
            let failed = matches!(event, Event::InputFailed(_));
            if sender.send(event).is_err() || failed {
                return;
            }
        }
    });
}

fn msg(msg: Msg) -> Event {
    Event::Msg(Box::new(msg))
}
