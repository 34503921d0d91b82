//! Messages for the user on standard error: the one way to write there. Standard error may be
//! closed, full, or a terminal that is gone. None of that ends what is under way, or changes the
//! exit code: what cannot be written is dropped.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Writes a line for the user, as `eprintln!` does, and ignores that it may fail.
macro_rules! say {
    ($($text:tt)*) => { $crate::base::say::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// A line, with the program's name before it.
pub fn line(text: fmt::Arguments<'_>) {
    put(&format!("slabscope: {text}\n"));
}

/// Writes in one call, so that lines of several processes do not mix.
fn put(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// A line on a terminal that shows progress from time to time. Dropping it erases it.
#[derive(Debug)]
pub struct ProgressLine {
    last: Option<Instant>,
    terminal: bool,
}

impl Default for ProgressLine {
    fn default() -> Self {
        Self {
            last: None,
            terminal: io::stderr().is_terminal(),
        }
    }
}

impl ProgressLine {
    /// Shows the text, unless the last one is too recent.
    pub fn show(&mut self, text: impl FnOnce() -> String) {
        const EVERY: Duration = Duration::from_millis(100);
        let due = self.last.is_none_or(|last| last.elapsed() >= EVERY);
        if self.terminal && due && takes_text() {
            self.last = Some(Instant::now());
            put(&format!("\r\x1b[K{} ", text()));
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.last.is_some() && takes_text() {
            put("\r\x1b[K");
        }
    }
}

/// Whether writing would not wait: on a terminal that was stopped (Ctrl-S) it would.
fn takes_text() -> bool {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    matches!(poll(&mut fds, Some(&now)), Ok(1..))
}
