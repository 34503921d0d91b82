//! A program on a terminal of its own, and its output there.

use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::Pid;
use rustix::termios::{Termios, tcgetattr};

use crate::program::{Home, at_work};

/// Time until a wait for a condition fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program on a terminal of its own.
pub struct Tty {
    child: Box<dyn Child + Send + Sync>,
    /// The terminal's other end.
    pub master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    /// All output so far.
    pub all: Vec<u8>,
    /// The screen that the output makes.
    pub parser: vt100::Parser,
    /// The terminal's state before the program.
    pub before: Termios,
    /// How often the alternate screen has to be left until the end.
    pub leaves: usize,
}

impl Tty {
    /// The program under test, in a terminal that has braille and colours. It can look and not act.
    pub fn start(columns: u16, rows: u16, args: &[&str]) -> Self {
        let mut command = Home::read_only().on_terminal();
        command.args(args);
        Self::spawn(columns, rows, command)
    }

    /// Any program.
    pub fn spawn(columns: u16, rows: u16, command: CommandBuilder) -> Self {
        let size = PtySize {
            rows,
            cols: columns,
            ..Default::default()
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let before = termios(&*pair.master);
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..len].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            master: pair.master,
            writer,
            output,
            all: Vec::new(),
            parser: vt100::Parser::new(cells(rows), cells(columns), 0),
            before,
            leaves: 1,
        }
    }

    /// Types.
    pub fn type_keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let screen = self.parser.screen_mut();
        screen.set_size(cells(rows), cells(columns));
        let size = PtySize {
            rows,
            cols: columns,
            ..Default::default()
        };
        self.master.resize(size).unwrap();
    }

    /// The screen as text.
    pub fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits until the screen is as `wanted` says.
    #[track_caller]
    pub fn wait(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                return screen;
            }
            match self
                .output
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => self.take(&bytes),
                Err(_) => panic!("waited for {what}:\n{}", self.screen()),
            }
        }
    }

    /// Waits until the text is on the screen.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    fn take(&mut self, bytes: &[u8]) {
        self.all.extend(bytes);
        self.parser.process(bytes);
    }

    /// Whether the program has the mouse.
    pub fn mouse(&self) -> bool {
        self.parser.screen().mouse_protocol_mode() != vt100::MouseProtocolMode::None
    }

    /// Waits until the process is stopped (state T of proc_pid_stat(5)), and takes what it wrote.
    #[track_caller]
    pub fn wait_until_stopped(&mut self) {
        let end = Instant::now() + PATIENCE;
        let mut stopped = false;
        loop {
            while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(20)) {
                self.take(&bytes);
            }
            // Its last output may arrive after it was seen to have stopped.
            if stopped && !self.parser.screen().alternate_screen() {
                return;
            }
            stopped = Self::is_stopped(self.pid());
            assert!(Instant::now() < end, "it does not stop");
        }
    }

    /// Whether a process is stopped (state T of proc_pid_stat(5)).
    pub fn is_stopped(pid: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
        stat.rsplit_once(')').unwrap().1.starts_with(" T")
    }

    /// Waits until something holds, taking what the program writes.
    #[track_caller]
    pub fn wait_until(&mut self, holds: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < end, "waited in vain:\n{}", self.screen());
            while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(10)) {
                self.take(&bytes);
            }
        }
    }

    /// Process id of the program.
    pub fn pid(&self) -> Pid {
        let pid = self.child.process_id().unwrap();
        Pid::from_raw(pid.try_into().unwrap()).unwrap()
    }

    /// The process that draws: the one that was started only waits for it.
    pub fn at_work(&self) -> Pid {
        at_work(self.pid())
    }

    /// Waits for the program's end and for the terminal to be as it was.
    #[track_caller]
    pub fn ends_restored(&mut self) -> portable_pty::ExitStatus {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            // Its output has to be read, or it would block.
            match self.output.recv_timeout(Duration::from_millis(10)) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            assert!(Instant::now() < end, "it does not end:\n{}", self.screen());
        };
        self.wait_until_restored();
        let after = termios(&*self.master);
        assert_eq!(after.local_modes, self.before.local_modes);
        assert_eq!(after.input_modes, self.before.input_modes);
        assert_eq!(after.output_modes, self.before.output_modes);
        status
    }

    /// Reads output up to the end, which comes once no process has the terminal open.
    #[track_caller]
    fn wait_until_restored(&mut self) {
        let end = Instant::now() + PATIENCE;
        while let Ok(bytes) = self
            .output
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.take(&bytes);
        }
        let screen = self.parser.screen();
        assert!(!screen.alternate_screen(), "left on the alternate screen");
        assert!(!screen.hide_cursor(), "left without a cursor");
        let left = b"\x1b[?1049l";
        let times = self
            .all
            .windows(left.len())
            .filter(|bytes| bytes == left)
            .count();
        assert_eq!(times, self.leaves, "how often it left the alternate screen");
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        // It still exists only if a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cells(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).unwrap()
}

/// The terminal's state now.
pub fn termios(master: &dyn MasterPty) -> Termios {
    let fd = master.as_raw_fd().unwrap();
    // SAFETY: the master is borrowed for the whole call, so its descriptor stays open.
    tcgetattr(unsafe { rustix::fd::BorrowedFd::borrow_raw(fd) }).unwrap()
}
