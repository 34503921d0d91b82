//! A sign of life during a long step.

use std::io::{IsTerminal, Write, stderr};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

/// While it lives, the line ends with the seconds so far on a terminal; in a log there is a mark each minute.
#[derive(Debug)]
pub struct Alive {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Alive {
    /// Shows the line.
    pub fn new(line: String) -> Self {
        say(&line);
        let terminal = stderr().is_terminal();
        let pace = Duration::from_secs(if terminal { 1 } else { 60 });
        let (end, ended) = channel();
        let began = Instant::now();
        let thread = spawn(move || {
            while ended.recv_timeout(pace) == Err(RecvTimeoutError::Timeout) {
                let seconds = began.elapsed().as_secs();
                match terminal {
                    true => say(&format!("\r{line}{seconds} s ")),
                    false => say(&format!("{} min ... ", seconds / 60)),
                }
            }
            if terminal {
                say(&format!("\r\x1b[K{line}"));
            }
        });
        Self {
            end: Some(end),
            thread: Some(thread),
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // The thread only writes.
            let _ = thread.join();
        }
    }
}

fn say(text: &str) {
    // Standard error may be closed: that is no failure.
    let _ = write!(stderr(), "{text}").and_then(|()| stderr().flush());
}
