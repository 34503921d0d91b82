//! The guest's screen on the user's terminal.

use std::io::{Read as _, Write as _, stderr, stdin, stdout};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;

use anyhow::{Context, Result, bail};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;

use crate::agent::protocol::{Event, Request, Size};
use crate::guest::Guest;
use crate::guest::screen::{LAG, TERM};

/// How a session at the screen ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The program ended with a status.
    Program(i32),
    /// The user typed Ctrl-A X.
    Left,
    /// The lab got a signal to end.
    Signal(i32),
}

enum Message {
    Typed(Vec<u8>),
    Shown(Vec<u8>),
    Resized,
    Program(Event),
    Gone,
    Signal(i32),
}

/// Resets what a program that was cut off may have set: mouse reports, pasting, keys, a hidden
/// cursor, colours.
const RESET: &str =
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[?25h\x1b[0m";

/// Leaves the alternate screen. Only right while in it: it also moves the cursor.
const LEAVE_ALTERNATE: &str = "\x1b[?1049l";

/// The user's terminal in raw mode, until dropped.
struct RawTerminal {
    saved: Termios,
    /// Follows the output, to know what must be reset.
    follower: vt100::Parser,
}

impl RawTerminal {
    fn show(&mut self, bytes: &[u8]) -> Result<()> {
        self.follower.process(bytes);
        let mut out = stdout();
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .context("the terminal has gone")
    }

    fn enter() -> Result<Self> {
        let saved = tcgetattr(stdin()).context("cannot read the terminal's modes")?;
        let mut raw = saved.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)
            .context("cannot set the terminal's modes")?;
        Ok(Self {
            saved,
            follower: vt100::Parser::default(),
        })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        let mut out = stdout();
        if self.follower.screen().alternate_screen() {
            out.write_all(LEAVE_ALTERNATE.as_bytes()).ok();
        }
        out.write_all(RESET.as_bytes()).ok();
        if self.follower.screen().cursor_position().1 > 0 {
            out.write_all(b"\r\n").ok();
        }
        out.flush().ok();
        tcsetattr(stdin(), OptionalActions::Flush, &self.saved).ok();
    }
}

/// Finds Ctrl-A X in what is typed; Ctrl-A twice is one Ctrl-A.
#[derive(Debug, Default)]
struct Escape {
    pending: bool,
}

impl Escape {
    const PREFIX: u8 = 0x01;

    /// The bytes to pass on, and whether the user wants to leave.
    fn filter(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut passed = Vec::with_capacity(typed.len());
        for &byte in typed {
            match (self.pending, byte) {
                (false, Self::PREFIX) => self.pending = true,
                (false, _) => passed.push(byte),
                (true, b'x' | b'X') => return (passed, true),
                (true, Self::PREFIX) => {
                    self.pending = false;
                    passed.push(byte);
                }
                (true, _) => {
                    self.pending = false;
                    passed.extend([Self::PREFIX, byte]);
                }
            }
        }
        (passed, false)
    }
}

/// Whether the lab runs on a terminal that it can relay to.
pub fn on_terminal() -> bool {
    rustix::termios::isatty(stdin()) && rustix::termios::isatty(stdout())
}

fn size() -> Size {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size {
            cols: size.ws_col,
            rows: size.ws_row,
        },
        _ => Size { cols: 80, rows: 24 },
    }
}

/// Runs a program on the guest's screen and relays it until one of them ends.
pub fn run(guest: &Guest, command: &str) -> Result<End> {
    let (link, mut screen) = guest.channels();
    let (sender, messages) = mpsc::channel();
    let mut terminal = RawTerminal::enter()?;
    let shown = sender.clone();
    guest.watch_screen(move |bytes| {
        shown.send(Message::Shown(bytes.to_vec())).ok();
    });
    let (_, events) = link.start(|id| Request::Screen {
        id,
        command: command.to_owned(),
        env: vec![(
            "TERM".to_owned(),
            std::env::var("TERM").unwrap_or_else(|_| TERM.to_owned()),
        )],
        size: size(),
    })?;
    listen(sender, events)?;
    let mut escape = Escape::default();
    loop {
        match messages.recv().context("nothing to relay any more")? {
            Message::Typed(bytes) => {
                let (passed, leave) = escape.filter(&bytes);
                screen
                    .write_all(&passed)
                    .context("the guest's screen has gone")?;
                if leave {
                    return Ok(End::Left);
                }
            }
            Message::Shown(bytes) => terminal.show(&bytes)?,
            Message::Resized => link.send(&Request::Resize(size()))?,
            Message::Program(Event::Exit { status, .. }) => {
                finish(&mut terminal, &messages)?;
                return Ok(End::Program(status));
            }
            Message::Program(Event::Failed { error, .. }) => {
                bail!("`{command}` could not be started: {error}")
            }
            Message::Program(_) => {}
            Message::Gone => bail!("the guest ended; the kernel's log:\n{}", guest.log().tail()),
            Message::Signal(signal) => return Ok(End::Signal(signal)),
        }
    }
}

/// Shows output that arrives after the program's end.
fn finish(terminal: &mut RawTerminal, messages: &Receiver<Message>) -> Result<()> {
    loop {
        match messages.recv_timeout(LAG) {
            Ok(Message::Shown(bytes)) => terminal.show(&bytes)?,
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// Starts the threads that wait for the keyboard, for signals and for the program.
fn listen(sender: Sender<Message>, events: Receiver<Event>) -> Result<()> {
    let mut signals = Signals::new([SIGWINCH, SIGTERM, SIGINT, SIGHUP, SIGQUIT])
        .context("cannot listen for signals")?;
    let signalled = sender.clone();
    thread::spawn(move || {
        for signal in signals.forever() {
            let message = if signal == SIGWINCH {
                Message::Resized
            } else {
                Message::Signal(signal)
            };
            signalled.send(message).ok();
        }
    });
    let program = sender.clone();
    thread::spawn(move || {
        for event in events {
            program.send(Message::Program(event)).ok();
        }
        program.send(Message::Gone).ok();
    });
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            match stdin().lock().read(&mut buffer) {
                Ok(0) => {
                    sender.send(Message::Signal(SIGHUP)).ok();
                    return;
                }
                Ok(count) => {
                    if sender
                        .send(Message::Typed(buffer[..count].to_vec()))
                        .is_err()
                    {
                        return;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    writeln!(stderr(), "cannot read the keyboard: {error}").ok();
                    sender.send(Message::Signal(SIGHUP)).ok();
                    return;
                }
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_a_x_leaves_even_when_typed_in_two_reads() {
        let mut escape = Escape::default();
        assert_eq!(escape.filter(b"ab\x01"), (b"ab".to_vec(), false));
        assert_eq!(escape.filter(b"xc"), (Vec::new(), true));
    }

    #[test]
    fn other_key_after_ctrl_a_arrives_with_it() {
        let mut escape = Escape::default();
        assert_eq!(
            escape.filter(b"\x01\x01q\x01n"),
            (b"\x01q\x01n".to_vec(), false)
        );
    }
}
