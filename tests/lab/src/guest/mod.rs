//! A running guest: commands in it, its screen, its kernel's log.

pub mod accel;
mod boot;
mod link;
pub mod log;
pub mod payload;
pub mod probe;
pub mod qemu;
pub mod recording;
pub mod screen;

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::agent::protocol::{Bytes, Event, Request, Size, Stream};
use crate::setup::Lab;
use accel::Accel;
use boot::Lost;
use link::Link;
use log::{KernelLog, Mark};
use qemu::{Machine, Qemu};
use screen::Screen;

/// Default upper bound on the time of a command.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(120);

/// Receiver of the screen's bytes.
type Watcher = Box<dyn FnMut(&[u8]) + Send>;

/// A guest that is up. Dropping it ends it.
pub struct Guest {
    link: Link,
    screen: UnixStream,
    watcher: Arc<Mutex<Watcher>>,
    log: KernelLog,
    release: String,
    accel: Accel,
    qemu: Mutex<Qemu>,
    greeting: Mutex<Receiver<Event>>,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest")
            .field("release", &self.release)
            .finish_non_exhaustive()
    }
}

/// The output of a command, and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its status; 128 plus the signal's number if a signal ended it.
    pub status: i32,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Guest {
    /// Boots a guest of the usual size, as fast as this machine can.
    pub fn boot(lab: &Lab) -> Result<Self> {
        Self::boot_sized(lab, Machine::default())
    }

    /// Boots a guest of another size.
    pub fn boot_sized(lab: &Lab, machine: Machine) -> Result<Self> {
        let accel = Accel::choose(lab)?;
        let boot = || Self::boot_with(lab, machine, accel, accel.boot_timeout());
        match boot() {
            Err(error) if error.is::<Lost>() => {
                eprintln!("{error}\nbooting another");
                boot()
            }
            booted => booted,
        }
    }

    /// Boots a guest. It ends with the thread that started it.
    pub fn boot_with(lab: &Lab, machine: Machine, accel: Accel, timeout: Duration) -> Result<Self> {
        let (qemu, channels) = Qemu::start(lab, machine, accel)?;
        let log = KernelLog::new(qemu.log_path());
        let (link, greeting) = Link::new(channels.agent)?;
        let watcher: Arc<Mutex<Watcher>> = Arc::new(Mutex::new(Box::new(|_| {})));
        let screen = channels.screen;
        pump(
            screen
                .try_clone()
                .context("cannot share the screen's channel")?,
            Arc::clone(&watcher),
        );
        let release = boot::wait_ready(&greeting, &log, &qemu, timeout)?;
        Ok(Self {
            link,
            screen,
            watcher,
            log,
            release,
            accel,
            qemu: Mutex::new(qemu),
            greeting: Mutex::new(greeting),
        })
    }

    /// The output of `uname -r` in it.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// How its processor is provided.
    pub fn accel(&self) -> Accel {
        self.accel
    }

    /// Its kernel's log.
    pub fn log(&self) -> &KernelLog {
        &self.log
    }

    /// Runs a shell command and returns what it printed; a status other than 0 is an error.
    pub fn sh(&self, command: &str) -> Result<String> {
        self.sh_within(command, COMMAND_TIMEOUT)
    }

    /// Like [`Guest::sh`], with a time limit.
    pub fn sh_within(&self, command: &str, timeout: Duration) -> Result<String> {
        let output = self.exec(command, timeout)?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status == 0,
            "in the guest, `{command}` ended with status {}:\n{}{stdout}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(stdout)
    }

    /// Runs a shell command to its end, whatever its status.
    pub fn exec(&self, command: &str, timeout: Duration) -> Result<Output> {
        let mut output = Output {
            status: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
        };
        output.status = self.stream(command, &[], timeout, |stream, bytes| match stream {
            Stream::Stdout => output.stdout.extend_from_slice(bytes),
            Stream::Stderr => output.stderr.extend_from_slice(bytes),
        })?;
        Ok(output)
    }

    /// Runs a shell command with an input, and passes on its output as it arrives.
    pub fn stream(
        &self,
        command: &str,
        stdin: &[u8],
        timeout: Duration,
        mut print: impl FnMut(Stream, &[u8]),
    ) -> Result<i32> {
        let (id, events) = self.link.start(|id| Request::Exec {
            id,
            command: command.to_owned(),
            env: Vec::new(),
            stdin: Bytes(stdin.to_vec()),
        })?;
        let deadline = Instant::now() + timeout;
        loop {
            match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Event::Output { stream, data, .. }) => print(stream, &data.0),
                Ok(Event::Exit { status, .. }) => return Ok(status),
                Ok(Event::Failed { error, .. }) => {
                    bail!("`{command}` could not be started: {error}")
                }
                Ok(Event::Hello { .. }) => {}
                Err(RecvTimeoutError::Timeout) => {
                    self.link.send(&Request::Kill { id, signal: 9 }).ok();
                    bail!(
                        "in the guest, `{command}` did not end within {} s; the kernel's log:\n{}",
                        timeout.as_secs(),
                        self.log.tail()
                    );
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.gone(command)),
            }
        }
    }

    fn gone(&self, during: &str) -> anyhow::Error {
        anyhow!(
            "the guest ended during `{during}`; the kernel's log:\n{}",
            self.log.tail()
        )
    }

    /// Starts a program on the screen.
    pub fn screen(&self, command: &str, cols: u16, rows: u16) -> Result<Screen<'_>> {
        Screen::start(self, command, Size { cols, rows })
    }

    /// Sends the screen's bytes to `watcher` from now on.
    pub fn watch_screen(&self, watcher: impl FnMut(&[u8]) + Send + 'static) {
        *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(watcher);
    }

    /// The line to the agent, and the screen's channel, for the relay.
    pub(crate) fn channels(&self) -> (&Link, &UnixStream) {
        (&self.link, &self.screen)
    }

    /// Fails when the kernel complained since a mark. Waits for its messages up to now.
    pub fn check_log(&self, mark: Mark) -> Result<()> {
        let here = format!("slabscope-lab: log checked at {:?}", Instant::now());
        self.sh(&format!("echo '{here}' >/dev/kmsg"))?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.log.text().contains(&here) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        self.log.check(mark)
    }

    /// Whether the guest still answers.
    pub fn is_alive(&self) -> bool {
        self.exec("true", Duration::from_secs(20))
            .is_ok_and(|output| output.status == 0)
    }

    /// Boots it anew, with what is on its disks: those of a machine that [may](Machine::reboots).
    pub fn reboot(&self) -> Result<()> {
        self.sh("sync")?;
        // No answer comes.
        self.link.start(|id| Request::Exec {
            id,
            command: "echo b >/proc/sysrq-trigger".to_owned(),
            env: Vec::new(),
            stdin: Bytes(Vec::new()),
        })?;
        let greeting = self.greeting.lock().unwrap_or_else(PoisonError::into_inner);
        let qemu = self.qemu.lock().unwrap_or_else(PoisonError::into_inner);
        boot::wait_ready(&greeting, &self.log, &qemu, self.accel.boot_timeout()).map(drop)
    }

    /// Switches the guest off.
    pub fn poweroff(self) -> Result<()> {
        self.link.send(&Request::Poweroff)?;
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut qemu = self.qemu.lock().unwrap_or_else(PoisonError::into_inner);
        while !qemu.has_ended() {
            ensure!(
                Instant::now() < deadline,
                "the guest does not switch off:\n{}",
                self.log.tail()
            );
            thread::sleep(Duration::from_millis(20));
        }
        self.log.check(Mark::default())
    }
}

fn pump(mut screen: UnixStream, watcher: Arc<Mutex<Watcher>>) {
    thread::spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(count @ 1..) = screen.read(&mut buffer) {
            let mut watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
            watcher(&buffer[..count]);
        }
    });
}
