//! The guest's screen, read as a terminal emulator would show it.

use std::io::Write as _;
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::Guest;
use super::recording::Recording;
use crate::agent::protocol::{Event, Request, Size};

/// Value of TERM for a program.
pub const TERM: &str = "xterm-256color";

/// Upper bound on the lag of the screen's last bytes behind the report of a program's end.
pub const LAG: Duration = Duration::from_millis(250);

/// The emulator, and when it was last fed.
struct Emulator {
    parser: vt100::Parser,
    fed: Instant,
}

/// The emulator's state, and the news of its changes.
type Shared = Arc<(Mutex<Emulator>, Condvar)>;

/// A program that runs on the guest's screen. It is killed when dropped.
pub struct Screen<'a> {
    guest: &'a Guest,
    id: u64,
    events: Receiver<Event>,
    status: Option<i32>,
    shared: Shared,
}

impl std::fmt::Debug for Screen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen")
            .field("id", &self.id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

fn nonzero(value: u16) -> NonZeroU16 {
    NonZeroU16::new(value).unwrap_or(NonZeroU16::MIN)
}

impl<'a> Screen<'a> {
    pub(super) fn start(guest: &'a Guest, command: &str, size: Size) -> Result<Self> {
        let parser = vt100::Parser::new(nonzero(size.rows), nonzero(size.cols), 0);
        let emulator = Emulator {
            parser,
            fed: Instant::now(),
        };
        let shared: Shared = Arc::new((Mutex::new(emulator), Condvar::new()));
        let sink = Arc::clone(&shared);
        guest.watch_screen(move |bytes| {
            let mut emulator = sink.0.lock().unwrap_or_else(PoisonError::into_inner);
            emulator.parser.process(bytes);
            emulator.fed = Instant::now();
            drop(emulator);
            sink.1.notify_all();
        });
        let (id, events) = guest.link.start(|id| Request::Screen {
            id,
            command: command.to_owned(),
            env: vec![("TERM".to_owned(), TERM.to_owned())],
            size,
        })?;
        Ok(Self {
            guest,
            id,
            events,
            status: None,
            shared,
        })
    }

    fn emulator(&self) -> MutexGuard<'_, Emulator> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text on the screen.
    pub fn contents(&self) -> String {
        self.emulator().parser.screen().contents()
    }

    /// The text of each row.
    pub fn rows(&self) -> Vec<String> {
        let emulator = self.emulator();
        let screen = emulator.parser.screen();
        screen.rows(0, screen.size().1.get()).collect()
    }

    /// A copy of the emulator's screen, with colours and attributes.
    pub fn snapshot(&self) -> vt100::Screen {
        self.emulator().parser.screen().clone()
    }

    /// Begins to record what is shown.
    pub fn record(&self) -> Recording {
        let shared = Arc::clone(&self.shared);
        Recording::start(move || {
            let emulator = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
            emulator.parser.screen().clone()
        })
    }

    /// Writes the bytes that make a terminal show the same.
    pub fn save(&self, path: &Path) -> Result<()> {
        let contents = self.emulator().parser.screen().contents_formatted();
        std::fs::write(path, contents).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Types.
    pub fn send(&self, keys: &str) -> Result<()> {
        let mut socket = &self.guest.screen;
        socket
            .write_all(keys.as_bytes())
            .context("the guest's screen has gone")
    }

    /// Changes the screen's size; SIGWINCH notifies the program.
    pub fn resize(&self, cols: u16, rows: u16) -> Result<()> {
        self.emulator()
            .parser
            .screen_mut()
            .set_size(nonzero(rows), nonzero(cols));
        self.guest.link.send(&Request::Resize(Size { cols, rows }))
    }

    /// Waits until a text is on the screen.
    pub fn wait_for(&mut self, text: &str, timeout: Duration) -> Result<()> {
        self.wait_until(&format!("{text:?}"), timeout, |screen| {
            screen.contents().contains(text)
        })
    }

    /// Waits until a text is no longer on the screen.
    pub fn wait_gone(&mut self, text: &str, timeout: Duration) -> Result<()> {
        self.wait_until(&format!("no {text:?}"), timeout, |screen| {
            !screen.contents().contains(text)
        })
    }

    /// Waits until nothing has been drawn for a while: a drawing is then complete, unless the
    /// program is slower.
    pub fn wait_still(&self, still: Duration, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = still.saturating_sub(self.emulator().fed.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.error("the screen does not come to rest"));
            }
            thread::sleep(left);
        }
    }

    /// Waits until the screen satisfies `wanted`, for at most the timeout, or until the program's
    /// end.
    pub fn wait_until(
        &mut self,
        wanted: &str,
        timeout: Duration,
        mut condition: impl FnMut(&vt100::Screen) -> bool,
    ) -> Result<()> {
        let mut deadline = Instant::now() + timeout;
        let mut ended = false;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            {
                let emulator = self.emulator();
                if condition(emulator.parser.screen()) {
                    return Ok(());
                }
                let wait = left.min(Duration::from_millis(50));
                drop(self.shared.1.wait_timeout(emulator, wait));
            }
            if left.is_zero() {
                let why = match self.status {
                    Some(status) => {
                        format!("the program ended with status {status} before it came")
                    }
                    None => format!("not within {:.1} s", timeout.as_secs_f64()),
                };
                return Err(self.error(&format!("waited for {wanted}: {why}")));
            }
            if !ended && self.poll_exit()?.is_some() {
                ended = true;
                deadline = deadline.min(Instant::now() + LAG);
            }
        }
    }

    /// The program's status, if it has ended.
    pub fn poll_exit(&mut self) -> Result<Option<i32>> {
        if self.status.is_none() {
            match self.events.try_recv() {
                Ok(event) => self.note(&event)?,
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return Err(self.error("the guest has gone")),
            }
        }
        Ok(self.status)
    }

    /// Waits for the program's end and returns its status.
    pub fn wait_exit(&mut self, timeout: Duration) -> Result<i32> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(status) = self.status {
                self.settle();
                return Ok(status);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(event) => self.note(&event)?,
                Err(RecvTimeoutError::Disconnected) => return Err(self.error("the guest has gone")),
                Err(RecvTimeoutError::Timeout) => {
                    let text = format!(
                        "the program did not end within {:.1} s",
                        timeout.as_secs_f64()
                    );
                    return Err(self.error(&text));
                }
            }
        }
    }

    /// Waits for the last bytes, so that they are not taken for the next program's.
    fn settle(&self) {
        thread::sleep(LAG / 5);
    }

    /// Sends the program a signal.
    pub fn kill(&self, signal: i32) -> Result<()> {
        self.guest.link.send(&Request::Kill {
            id: self.id,
            signal,
        })
    }

    fn note(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Exit { status, .. } => self.status = Some(*status),
            Event::Failed { error, .. } => bail!("the program could not be started: {error}"),
            Event::Hello { .. } | Event::Output { .. } => {}
        }
        Ok(())
    }

    /// An error that shows the screen.
    pub fn error(&self, text: &str) -> anyhow::Error {
        let rows: Vec<String> = self
            .rows()
            .into_iter()
            .map(|row| format!("  |{row}"))
            .collect();
        anyhow!("{text}; the screen:\n{}", rows.join("\n"))
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.kill(9).ok();
            self.events.recv_timeout(Duration::from_secs(5)).ok();
            self.settle();
        }
        self.guest.watch_screen(|_| {});
    }
}
