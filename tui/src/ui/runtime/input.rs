//! The input thread: it sends keys, mouse events and pasted text as messages. On request it reports
//! that no more input arrived for a moment.

use std::io::{self, PipeReader, PipeWriter, Read, Write, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use crossterm::event;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::{Event, msg};
use crate::ui::update::Msg;

/// Time without input: longer than a busy machine's kernel takes to deliver pasted text, and
/// shorter than a user takes to read and type.
const QUIET: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 150_000_000,
};

/// Crossterm checks its buffered input only if it may wait.
const AT_ONCE: Duration = Duration::from_millis(1);

/// The thread's other end.
pub(super) struct Input {
    asked: Arc<AtomicU64>,
    wake: PipeWriter,
}

impl Input {
    pub(super) fn start(sender: Sender<Event>) -> io::Result<Self> {
        let (woken, wake) = io::pipe()?;
        let asked = Arc::new(AtomicU64::new(0));
        let mut reader = Reader {
            sender,
            asked: Arc::clone(&asked),
            woken,
            pending: None,
        };
        super::thread(move || {
            if let Err(error) = reader.run() {
                // Nothing listens once the program ends.
                let _ = reader.sender.send(Event::InputFailed(error));
            }
        })?;
        Ok(Self { asked, wake })
    }

    /// Asks for [`Msg::Idle`] with this number, once for each.
    pub(super) fn ask(&mut self, number: u64) {
        if self.asked.swap(number, Ordering::SeqCst) != number {
            // The thread ends with the program, or after it has reported why.
            let _ = self.wake.write_all(&[0]);
        }
    }
}

struct Reader {
    sender: Sender<Event>,
    asked: Arc<AtomicU64>,
    woken: PipeReader,
    /// A report of no more input is due, with this number.
    pending: Option<u64>,
}

impl Reader {
    fn run(&mut self) -> io::Result<()> {
        loop {
            let (typed, gone, woken) = self.wait()?;
            if woken {
                let _ = self.woken.read(&mut [0; 16])?;
                self.pending = Some(self.asked.load(Ordering::SeqCst));
            }
            let mut any = false;
            while typed && event::poll(AT_ONCE)? {
                any = true;
                self.take(event::read()?);
            }
            if gone && !any {
                return Err(Errno::IO.into());
            }
            if !typed
                && !woken
                && !gone
                && let Some(asked) = self.pending.take()
            {
                self.send(Msg::Idle { asked });
            }
        }
    }

    /// Waits for input, for the terminal to go, or for a wake-up; only for a moment if a report of
    /// no more input is due.
    fn wait(&self) -> io::Result<(bool, bool, bool)> {
        let terminal = stdin();
        let mut fds = [
            PollFd::new(&terminal, PollFlags::IN),
            PollFd::new(&self.woken, PollFlags::IN),
        ];
        match poll(&mut fds, self.pending.is_some().then_some(&QUIET)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [terminal, woken] = fds.map(|fd| fd.revents());
        Ok((
            terminal.contains(PollFlags::IN),
            terminal.intersects(PollFlags::HUP | PollFlags::ERR),
            woken.contains(PollFlags::IN),
        ))
    }

    fn take(&self, event: event::Event) {
        match event {
            event::Event::Key(key) => self.send(Msg::Key(key)),
            event::Event::Mouse(mouse) => self.send(Msg::Mouse(mouse)),
            event::Event::Paste(text) => self.send(Msg::Pasted(text)),
            // The size is read when the signal arrives.
            _ => {}
        }
    }

    fn send(&self, message: Msg) {
        let _ = self.sender.send(msg(message));
    }
}
