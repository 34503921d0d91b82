//! The terminal: taken at the start, restored on every way out.

use std::ffi::c_int;
use std::io::{self, BufWriter, Stdout, Write, stdin, stdout};
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::prelude::{BASE64_STANDARD, Engine};
use crossterm::cursor::Show;
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::{Frame, Terminal};
use rustix::process::getpgrp;
use rustix::termios::{
    OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
};
use signal_hook::consts::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP, SIGTSTP};
use signal_hook::low_level::emulate_default_handler;

use crate::base::guard::{self, TERMINAL_AS_IT_WAS};

static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal's mode before it was first taken.
static BEFORE: OnceLock<Termios> = OnceLock::new();

/// Clicks and the wheel, with coordinates of any size (xterm's modes 1000 and 1006). Movements,
/// which would wake the program for nothing, are not asked for.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";

/// The terminal marks pasted text (xterm's mode 2004).
const PASTE_ON: &[u8] = b"\x1b[?2004h";
const PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// The terminal reports the mouse.
static MOUSE: AtomicBool = AtomicBool::new(false);

/// The terminal in raw mode on its alternate screen. Dropping it restores the terminal.
pub struct Screen {
    terminal: Terminal<Tty>,
    /// The program was stopped: the terminal may be the shell's.
    away: bool,
}

impl Screen {
    /// Takes the terminal. From here on a panic of any thread restores it and ends the program.
    pub fn enter() -> io::Result<Self> {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            default(info);
            // The panic may be in another thread than the watcher, which is not unwound then.
            crate::cache::who::disarm();
            guard::exit(1);
        }));
        on_faults();
        let screen = take()
            .and_then(|()| Terminal::new(Tty(CrosstermBackend::new(BufWriter::new(stdout())))));
        if screen.is_err() {
            restore();
        }
        // Input from before the screen was not meant for it. An input that is no terminal has no
        // typeahead.
        let _ = tcflush(stdin(), QueueSelector::IFlush);
        Ok(Self {
            terminal: screen?,
            away: false,
        })
    }

    /// Columns and rows.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }

    /// Takes the mouse, or releases it.
    pub fn mouse(&mut self, on: bool) -> io::Result<()> {
        MOUSE.store(on, Ordering::SeqCst);
        write_out(if on { MOUSE_ON } else { MOUSE_OFF })
    }

    /// Hands a text to the terminal's clipboard (OSC 52 of xterm). Nothing answers: a terminal may
    /// ignore it.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let text = BASE64_STANDARD.encode(text);
        write_out(format!("\x1b]52;c;{text}\x07").as_bytes())
    }

    /// Restores the terminal and stops, as the shell expects of Ctrl-Z, until the shell continues
    /// the program.
    pub fn suspend(&mut self) -> io::Result<()> {
        let mouse = MOUSE.load(Ordering::SeqCst);
        restore();
        guard::stops();
        emulate_default_handler(SIGTSTP)?;
        MOUSE.store(mouse, Ordering::SeqCst);
        self.away = true;
        Ok(())
    }

    /// Another process stopped the program and continued it.
    pub fn continued(&mut self) {
        self.away = true;
    }

    /// Takes the terminal again after a stop, if the shell gave it to this program; returns whether
    /// it did. A program that goes on in the background would be stopped for touching it, and could
    /// not even receive a signal to end.
    pub fn come_back(&mut self) -> io::Result<bool> {
        if !self.away || !is_ours() {
            return Ok(false);
        }
        self.retake()?;
        self.away = false;
        Ok(true)
    }

    /// Takes the terminal, whatever state it is in, and draws everything anew.
    fn retake(&mut self) -> io::Result<()> {
        let mouse = MOUSE.load(Ordering::SeqCst);
        // Raw mode is set again only if it was left.
        disable_raw_mode()?;
        take()?;
        if mouse {
            self.mouse(true)?;
        }
        self.terminal.clear()
    }

    /// Draws the differences to the last frame; returns whether the terminal is ours, so that it
    /// did.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<bool> {
        if self.away {
            return Ok(false);
        }
        self.terminal.draw(render)?;
        Ok(true)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Signals of a fault, among them that of failed allocations (SIGABRT), restore the terminal before
/// they end the program.
fn on_faults() {
    for signal in [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP] {
        let handler: extern "C" fn(c_int) = fault;
        // SAFETY: all zero is a valid action. The handler calls nothing but what may be called in
        // one, on the stack that the runtime keeps for the overflow of another. It holds once: the
        // next signal of the kind has its default action.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as libc::sighandler_t;
            action.sa_flags = libc::SA_ONSTACK | libc::SA_NODEFER | libc::SA_RESETHAND;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

extern "C" fn fault(signal: c_int) {
    restore_after_fault();
    // SAFETY: raise(3) may be called in a handler; this one is not installed any more.
    unsafe { libc::raise(signal) };
}

/// [`restore`] without a lock: another thread may hold that of standard output for ever.
fn restore_after_fault() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // SAFETY: the descriptor is that of standard output, and is not kept.
        let out = unsafe { BorrowedFd::borrow_raw(1) };
        let _ = rustix::io::write(out, TERMINAL_AS_IT_WAS);
        // SAFETY: as above, of standard input.
        let tty = unsafe { BorrowedFd::borrow_raw(0) };
        if let Some(before) = BEFORE.get() {
            let _ = tcsetattr(tty, OptionalActions::Now, before);
        }
    }
}

fn take() -> io::Result<()> {
    // A standard input that is no terminal was none before.
    if let Ok(now) = tcgetattr(stdin()) {
        BEFORE.get_or_init(|| now);
    }
    TAKEN.store(true, Ordering::SeqCst);
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen)?;
    write_out(PASTE_ON)
}

fn write_out(bytes: &[u8]) -> io::Result<()> {
    let mut out = stdout();
    out.write_all(bytes)?;
    out.flush()
}

/// Whether the terminal is given to this program, and not to another job of its shell. An input
/// that is no terminal counts as its own.
fn is_ours() -> bool {
    tcgetpgrp(stdin()).map_or(true, |group| group == getpgrp())
}

/// Restores the terminal, once, however often it is called; not where the shell has it already.
fn restore() {
    if TAKEN.swap(false, Ordering::SeqCst) && is_ours() {
        if MOUSE.swap(false, Ordering::SeqCst) {
            let _ = write_out(MOUSE_OFF);
        }
        let _ = write_out(PASTE_OFF);
        // A terminal that is gone cannot be restored and need not be.
        let _ = execute!(stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
        let _ = stdout().flush();
    }
}

/// Columns and rows. A serial line knows no size and reports 0: 80x24 is then the common ground. If
/// a terminal reports an impossibly large size, only a part is drawn: a whole frame would not fit
/// into memory.
fn known((columns, rows): (u16, u16)) -> (u16, u16) {
    const USUAL: (u16, u16) = (80, 24);
    const LARGEST: (u16, u16) = (1_000, 500);
    let known = |size, usual, largest| match size {
        0 => usual,
        size => std::cmp::min(size, largest),
    };
    (
        known(columns, USUAL.0, LARGEST.0),
        known(rows, USUAL.1, LARGEST.1),
    )
}

/// Crossterm, but nothing is queried from the terminal itself: one on a serial line may not answer,
/// and the answer would be taken from the thread that reads the keys.
struct Tty(CrosstermBackend<BufWriter<Stdout>>);

impl Backend for Tty {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        self.0.draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.0.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.0.show_cursor()
    }

    /// Ratatui calls it to restore the cursor after clearing, where none of ours is.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.0.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.0.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.0.clear_region(clear_type)
    }

    /// Called with every frame, so it makes one system call: crossterm opens /dev/tty each time.
    fn size(&self) -> io::Result<Size> {
        let size = tcgetwinsize(stdout())?;
        Ok(known((size.ws_col, size.ws_row)).into())
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.0.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.0)
    }
}
