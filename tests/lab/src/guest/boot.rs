//! Waiting for a guest to be ready.

use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::log::KernelLog;
use super::qemu::Qemu;
use crate::agent::protocol::Event;
use crate::setup::command::last_lines;

/// A booting kernel prints something at least this often, even where it is emulated on a busy
/// machine.
const SILENCE: Duration = Duration::from_secs(25);

/// The guest fell silent or ended before any test code ran in it. Emulated processors do that at
/// times: a stock kernel that patches its own code while they run was seen to stop, and to panic at
/// a breakpoint of its own.
#[derive(Debug)]
pub struct Lost {
    how: &'static str,
    last: String,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the guest {} while it booted; its kernel's last words:\n{}",
            self.how, self.last
        )
    }
}

impl std::error::Error for Lost {}

/// Waits for the agent's greeting, and returns the release of the kernel it runs on.
pub fn wait_ready(
    greeting: &Receiver<Event>,
    log: &KernelLog,
    qemu: &Qemu,
    timeout: Duration,
) -> Result<String> {
    let started = Instant::now();
    let mut heard = (Instant::now(), 0);
    loop {
        match greeting.recv_timeout(Duration::from_millis(500)) {
            Ok(Event::Hello { release }) => return Ok(release),
            Ok(other) => bail!("the agent greeted with {other:?}"),
            Err(RecvTimeoutError::Disconnected) => {
                let last = format!("{}{}", qemu.complaints(), last_lines(&log.text(), 40));
                return Err(Lost { how: "ended", last }.into());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        let length = log.text().len();
        if length != heard.1 {
            heard = (Instant::now(), length);
        }
        if started.elapsed() > timeout {
            let (seconds, said) = (timeout.as_secs(), qemu.complaints());
            bail!(
                "the guest is not ready after {seconds} s\n{said}{}",
                log.tail()
            );
        }
        if heard.0.elapsed() > SILENCE {
            let last = last_lines(&log.text(), 5);
            return Err(Lost {
                how: "fell silent",
                last,
            }
            .into());
        }
    }
}
