//! The watcher: a thread that runs a trace of who fills a cache, and reads its counts. It is none
//! of the worker's jobs, since it lasts while others start and end.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::Event;
use crate::base::text::printable;
use crate::cache::who::{self, Watch, WhoError};
use crate::ui::update::{Msg, WhoEffect, WhoMsg};

/// Time between two readings.
const EVERY: Duration = Duration::from_secs(1);

/// Upper bound on the wait for its end.
const LONGEST: Duration = Duration::from_secs(5);

/// Upper bound on the links of a process that are listed.
const LINKS: usize = 4096;

enum Order {
    Effect(WhoEffect),
    /// Ends what is armed, and reports when that is done.
    Halt(Sender<()>),
}

/// The thread's other end.
pub(super) struct Watcher {
    orders: Sender<Order>,
    /// Is closed at the thread's end.
    ended: Receiver<Infallible>,
}

impl Watcher {
    /// `clean`: removes what dead processes left armed.
    pub(super) fn start(start: Instant, clean: bool, events: Sender<Event>) -> io::Result<Self> {
        let (orders, receiver) = channel();
        let (end, ended) = channel();
        let mut watching = Watching {
            start,
            events,
            watch: None,
        };
        super::thread(move || {
            let _end: Sender<Infallible> = end;
            if clean {
                watching.clean();
            }
            watching.serve(&receiver);
        })?;
        Ok(Self { orders, ended })
    }

    pub(super) fn take(&self, effect: WhoEffect) {
        // The thread ends with the program alone.
        drop(self.orders.send(Order::Effect(effect)));
    }

    /// Ends what is armed, before the program is stopped: no timer would end it.
    pub(super) fn halt(&self) {
        let (done, halted) = channel();
        if self.orders.send(Order::Halt(done)).is_ok() {
            let _ = halted.recv_timeout(LONGEST);
        }
    }

    /// Removes what is armed, and waits for that.
    pub(super) fn finish(self) {
        drop(self.orders);
        // It is an error in any case: nothing is ever sent.
        let _ = self.ended.recv_timeout(LONGEST);
        who::disarm();
    }
}

/// A trace under way.
struct Current {
    job: u64,
    watch: Watch,
    end: Instant,
    next: Instant,
}

struct Watching {
    start: Instant,
    events: Sender<Event>,
    watch: Option<Current>,
}

impl Watching {
    fn clean(&self) {
        // Without tracefs, or permission for it, we cannot have left anything.
        let left =
            who::tracefs().and_then(|tracefs| who::remove_left(&tracefs, Path::new("/proc")));
        let pids: Vec<u32> = left.iter().flatten().map(who::Owner::pid).collect();
        if !pids.is_empty() {
            self.send(WhoMsg::Left(pids));
        }
    }

    fn serve(&mut self, orders: &Receiver<Order>) {
        loop {
            let order = match &self.watch {
                None => orders.recv().map_err(RecvTimeoutError::from),
                Some(current) => {
                    orders.recv_timeout(current.next.saturating_duration_since(Instant::now()))
                }
            };
            match order {
                Ok(Order::Effect(effect)) => self.perform(effect),
                Ok(Order::Halt(done)) => {
                    self.end(None);
                    // After a while the receiver no longer waits.
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => self.read(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn perform(&mut self, effect: WhoEffect) {
        match effect {
            WhoEffect::Start { job, spec, limit } => {
                self.end(None);
                let at = || self.start.elapsed();
                match Watch::start(&spec, who::ROWS, None) {
                    Ok(watch) => {
                        let means = watch.events().words();
                        self.send(WhoMsg::Began {
                            job,
                            at: at(),
                            means,
                        });
                        let now = Instant::now();
                        self.watch = Some(Current {
                            job,
                            watch,
                            end: now + limit,
                            next: now + EVERY,
                        });
                    }
                    Err(error) => {
                        let error = Some(error.to_string());
                        self.send(WhoMsg::Ended {
                            job,
                            at: at(),
                            error,
                        });
                    }
                }
            }
            WhoEffect::Stop { job } => {
                if self
                    .watch
                    .as_ref()
                    .is_some_and(|current| current.job == job)
                {
                    self.read();
                    self.end(None);
                }
            }
            WhoEffect::Files { job, pid } => self.send(WhoMsg::Files {
                job,
                lines: links(&Path::new("/proc").join(pid.to_string())),
            }),
        }
    }

    fn read(&mut self) {
        let Some(current) = &mut self.watch else {
            return;
        };
        let begin = Instant::now();
        let read = current.watch.read();
        let (job, took) = (current.job, begin.elapsed());
        // If a reading takes long, the next one is later.
        current.next = Instant::now() + EVERY.max(4 * took);
        let over = Instant::now() >= current.end;
        match read {
            Ok(reading) => {
                let (at, reading) = (self.start.elapsed(), Box::new(reading));
                self.send(WhoMsg::Read {
                    job,
                    at,
                    reading,
                    took,
                });
                if over {
                    self.end(None);
                }
            }
            Err(error) => self.end(Some(&error)),
        }
    }

    /// Removes what is armed, if anything is.
    fn end(&mut self, why: Option<&WhoError>) {
        let Some(Current { job, watch, .. }) = self.watch.take() else {
            return;
        };
        let ended = watch.end();
        let error = why.or(ended.as_ref().err()).map(ToString::to_string);
        let at = self.start.elapsed();
        self.send(WhoMsg::Ended { job, at, error });
    }

    fn send(&self, msg: WhoMsg) {
        // Nothing listens once the program ends.
        drop(self.events.send(super::msg(Msg::Who(msg))));
    }
}

/// The working directory of a process, and its open files: only the links are read.
fn links(process: &Path) -> Vec<String> {
    let link = |name: &str, path: &Path| {
        let to = fs::read_link(path).ok()?;
        Some(format!("{name:<6} {}", printable(&to)))
    };
    let mut lines: Vec<String> = ["cwd", "root", "exe"]
        .iter()
        .filter_map(|name| link(name, &process.join(name)))
        .collect();
    match fs::read_dir(process.join("fd")) {
        Ok(files) => {
            let mut files: Vec<_> = files.flatten().take(LINKS).collect();
            files.sort_by_key(|file| {
                file.file_name()
                    .to_str()
                    .and_then(|name| name.parse::<u32>().ok())
            });
            let names = files.iter();
            lines.extend(names.filter_map(|file| {
                link(
                    &format!("fd {}", file.file_name().to_string_lossy()),
                    &file.path(),
                )
            }));
        }
        Err(error) => lines.push(format!("cannot read its open files: {error}")),
    }
    lines
}
