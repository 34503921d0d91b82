//! A program on a pseudo-terminal of 80x24, whose screen is read as a terminal emulator would show it.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::guest::screen::TERM;

const ROWS: u16 = 24;
const COLS: u16 = 80;

/// Upper bound on any wait.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program. It is killed when dropped.
pub struct Terminal {
    child: Child,
    master: File,
    parser: vt100::Parser,
}

impl Terminal {
    /// Opens slabscope on a directory.
    pub fn slabscope(dir: &Path) -> Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).context("cannot open a terminal")?;
        grantpt(&master).context("cannot have the terminal")?;
        unlockpt(&master).context("cannot unlock the terminal")?;
        let slave = ioctl_tiocgptpeer(&master, flags).context("cannot open the terminal")?;
        let size = Winsize {
            ws_row: ROWS,
            ws_col: COLS,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&slave, size).context("cannot set the terminal's size")?;
        let shared = |slave: &OwnedFd| -> Result<Stdio> {
            let slave = slave.try_clone().context("cannot share the terminal")?;
            Ok(Stdio::from(slave))
        };
        let child = Command::new("setsid")
            .args(["--ctty", "slabscope"])
            .arg(dir)
            .env("TERM", TERM)
            .stdin(shared(&slave)?)
            .stdout(shared(&slave)?)
            .stderr(Stdio::from(slave))
            .spawn()
            .context("cannot start slabscope")?;
        let nonzero = |value| NonZeroU16::new(value).unwrap_or(NonZeroU16::MIN);
        Ok(Self {
            child,
            master: File::from(master),
            parser: vt100::Parser::new(nonzero(ROWS), nonzero(COLS), 0),
        })
    }

    /// The screen, as far as its output was read.
    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// Types.
    pub fn send(&mut self, keys: &str) -> Result<()> {
        let sent = self.master.write_all(keys.as_bytes());
        sent.context("the terminal has gone")
    }

    /// Reads output within a time: once, as soon as there is some.
    fn read(&mut self, within: Duration) -> Result<()> {
        let timeout = Timespec::try_from(within).context("too long a time")?;
        let mut ready = [PollFd::new(&self.master, PollFlags::IN)];
        if poll(&mut ready, Some(&timeout)).context("cannot wait for the terminal")? == 0 {
            return Ok(());
        }
        let mut buffer = [0; 16 << 10];
        match self.master.read(&mut buffer) {
            Ok(count @ 1..) => self.parser.process(&buffer[..count]),
            Ok(0) => bail!("slabscope has ended"),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("slabscope has ended"),
        }
        Ok(())
    }

    /// Reads all output for a while.
    pub fn watch(&mut self, during: Duration) -> Result<()> {
        let end = Instant::now() + during;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.read(left)?;
        }
    }

    /// Waits until the screen satisfies `wanted`.
    pub fn wait(&mut self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !wanted(self.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!(
                    "waited for {what} in vain; the screen:\n{}",
                    self.screen().contents()
                );
            }
            self.read(left)?;
        }
        Ok(())
    }

    /// Peak memory of the program, in bytes.
    pub fn peak_memory(&self) -> Result<f64> {
        peak_memory(self.child.id())
    }
}

/// Peak memory of a process and its children, in bytes. Shared memory counts for each.
pub fn peak_memory(process: u32) -> Result<f64> {
    let path = format!("/proc/{process}/task/{process}/children");
    let children = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let mut sum = peak_memory_of_one(process)?;
    for child in children.split_ascii_whitespace() {
        sum += peak_memory_of_one(child.parse()?)?;
    }
    Ok(sum)
}

fn peak_memory_of_one(process: u32) -> Result<f64> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let peak = status.lines().find_map(|line| {
        let kib = line.strip_prefix("VmHWM:")?.strip_suffix("kB")?;
        kib.trim().parse::<f64>().ok()
    });
    peak.map(|kib| kib * 1024.0)
        .with_context(|| format!("{path} has no VmHWM"))
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
