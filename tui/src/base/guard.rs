//! The program runs in a child of the process that was started, the guard, which only waits for it.
//!
//! No signal ends some waits in the kernel: for an answer to a request that a FUSE server has read
//! already (fs/fuse/dev.c: `request_wait_answer()`, Linux 7.3), or for a disk. They hold up the end
//! of all threads of the process, so that it cannot even exit. The guard touches no filesystem: it
//! can always exit, and the shell gets its prompt back. It restores the terminal too, if the child
//! was killed while it had it.
//!
//! It forwards signals to the child, except those of the terminal's keys: both get those directly.

use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::process;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use libc::{c_int, siginfo_t, sigset_t, timespec};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, WaitStatus, getpgrp, getpid, getppid, kill_process,
    set_parent_process_death_signal, setrlimit, waitpid,
};
use rustix::stdio::{stderr, stdin, stdout};
use rustix::termios::{
    Action, LocalModes, OptionalActions, QueueSelector, Termios, isatty, tcflow, tcflush,
    tcgetattr, tcgetpgrp, tcsetattr,
};

use super::say::say;
use super::signals;

/// All modes of a screen, switched off, whether they were on or not: mouse, paste, alternate
/// screen, invisible cursor, colours.
pub const TERMINAL_AS_IT_WAS: &[u8] =
    b"\x1b[?1006l\x1b[?1000l\x1b[?2004l\x1b[?1049l\x1b[?25h\x1b[0m";

/// The guard, as the child knows it.
static WAITS: OnceLock<Pid> = OnceLock::new();

/// Time after a signal to end before the guard checks whether the child can: to undo what it did,
/// to write that down, and to say so.
const GRACE: Duration = Duration::from_millis(700);

/// Time for a child that has something in the kernel to undo: that waits for all processors, in a
/// sleep that lets no signal in.
const GRACE_TO_TAKE_BACK: Duration = Duration::from_secs(10);

/// Time to end for a child that said that it ends.
const EXIT: Duration = Duration::from_millis(800);

/// Interval of the checks while the child does not end.
const LOOK: Duration = Duration::from_millis(50);

/// Number of checks in a row that must see a thread waiting in the kernel.
const LOOKS: u32 = 3;

/// Faults, if another process sends them: they end the program by default.
const FAULTS: [c_int; 7] = [
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGSEGV,
    libc::SIGSYS,
    libc::SIGTRAP,
];

/// Runs `program` in a child, and ends as it ends, with the code that it returns: `left` if it
/// cannot end.
///
/// To be called before there is a second thread.
pub fn run(program: fn() -> u8, left: u8) -> u8 {
    let Some(blocked) = Blocked::new() else {
        return program();
    };
    let parent = getpid();
    // SAFETY: there is one thread, so the child finds no lock held by another one.
    let forked = unsafe { libc::fork() };
    if forked == 0 {
        // If the guard is killed, this process ends in order.
        let _ = set_parent_process_death_signal(Some(Signal::TERM));
        drop(blocked);
        if getppid() != Some(parent) {
            die_of(libc::SIGTERM);
        }
        let _ = WAITS.set(parent);
        let code = program();
        tell(code.into());
        return code;
    }
    // fork() failed with -1, which `from_raw` does not take.
    match Pid::from_raw(forked.max(0)) {
        Some(child) => Guard::new(child, blocked).wait(left),
        // No more processes may be available: the program runs without.
        None => {
            drop(blocked);
            program()
        }
    }
}

/// Ends the process with this code, from any thread.
pub fn exit(code: u8) -> ! {
    tell(code.into());
    process::exit(code.into())
}

/// Notifies the guard that this process ends, which may take for ever from here on.
fn tell(number: usize) {
    if let Some(waits) = WAITS.get() {
        let value = libc::sigval {
            sival_ptr: std::ptr::without_provenance_mut(number),
        };
        // SAFETY: the signal is one that its receiver waits for. It is a real-time one: none is
        // lost behind another.
        unsafe { libc::sigqueue(waits.as_raw_nonzero().get(), libc::SIGRTMAX(), value) };
    }
}

/// Notifies the guard that this process ends by a signal.
fn tell_signal(signal: c_int) {
    tell(BY_SIGNAL.saturating_add(signal.unsigned_abs() as usize));
}

/// From here on until the call with `false`, the process has something in the kernel to undo before
/// it ends.
pub fn takes_back(something: bool) {
    tell(if something {
        TAKES_BACK
    } else {
        TAKES_NOTHING_BACK
    });
}

/// The process is about to stop, as the shell expects of Ctrl-Z: the guard is to stop with it.
pub fn stops() {
    tell(STOPS);
}

/// The process goes on after a signal that it uses for something else than to end.
pub fn goes_on() {
    tell(GOES_ON);
}

/// Exit codes are below.
const BY_SIGNAL: usize = 1 << 8;

const TAKES_BACK: usize = 1 << 9;
const TAKES_NOTHING_BACK: usize = TAKES_BACK + 1;
const STOPS: usize = TAKES_BACK + 2;
const GOES_ON: usize = TAKES_BACK + 3;

/// The signals that the guard waits for; no other code receives them meanwhile.
struct Blocked {
    all: sigset_t,
    before: sigset_t,
}

impl Blocked {
    fn new() -> Option<Self> {
        let mut all = MaybeUninit::<sigset_t>::uninit();
        let mut before = MaybeUninit::<sigset_t>::uninit();
        let others = [
            libc::SIGCHLD,
            libc::SIGCONT,
            libc::SIGTSTP,
            libc::SIGRTMAX(),
        ];
        let signals = signals::ending().into_iter().chain(FAULTS).chain(others);
        // SAFETY: the first call makes the set, those after it add to it; the last one reads it and fills in
        // the other one.
        unsafe {
            libc::sigemptyset(all.as_mut_ptr());
            for signal in signals {
                libc::sigaddset(all.as_mut_ptr(), signal);
            }
            let how = libc::SIG_BLOCK;
            let blocked = libc::pthread_sigmask(how, all.as_ptr(), before.as_mut_ptr());
            (blocked == 0).then(|| Self {
                all: all.assume_init(),
                before: before.assume_init(),
            })
        }
    }

    /// The next signal, within a time. None: there was none.
    fn next(&self, within: Option<Duration>) -> Option<siginfo_t> {
        let mut info = MaybeUninit::<siginfo_t>::uninit();
        let within = within.map(|within| timespec {
            tv_sec: libc::time_t::try_from(within.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: within.subsec_nanos().into(),
        });
        let within = within.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: set and time are valid or absent, and the call fills in the signal if its result
        // is one.
        unsafe {
            let signal = libc::sigtimedwait(&raw const self.all, info.as_mut_ptr(), within);
            (signal > 0).then(|| info.assume_init())
        }
    }

    fn lift(&self) {
        let how = libc::SIG_SETMASK;
        // SAFETY: the set is valid, and the one before is not asked for.
        unsafe { libc::pthread_sigmask(how, &raw const self.before, std::ptr::null_mut()) };
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        self.lift();
    }
}

/// Why the child is expected to end.
#[derive(Clone, Copy)]
enum Over {
    /// A signal to end was sent to it.
    Asked,
    /// It said that it ends, and how: an exit code, or [`BY_SIGNAL`] and a signal.
    Said(usize),
}

/// The waiting process and what it knows of its child.
struct Guard {
    child: Pid,
    blocked: Blocked,
    terminal: Option<Termios>,
    over: Option<(Instant, Over)>,
    /// The child has something in the kernel to undo.
    takes_back: bool,
    /// The child said that it stops.
    stops: bool,
    /// SIGCONT was sent to it since it was last seen stopped.
    continued: bool,
    /// Number of checks in a row that saw it waiting in the kernel.
    seen: u32,
    killed: bool,
}

impl Guard {
    fn new(child: Pid, blocked: Blocked) -> Self {
        Self {
            child,
            blocked,
            terminal: terminal().and_then(|tty| tcgetattr(tty).ok()),
            over: None,
            takes_back: false,
            stops: false,
            continued: false,
            seen: 0,
            killed: false,
        }
    }

    fn wait(mut self, left: u8) -> u8 {
        loop {
            match waitpid(
                Some(self.child),
                WaitOptions::NOHANG | WaitOptions::UNTRACED,
            ) {
                Ok(Some((_, status))) => {
                    if let Some(code) = self.ended(status, left) {
                        return code;
                    }
                }
                Ok(None) => {
                    if self.cannot_end() {
                        return self.leave(left);
                    }
                }
                // Another waiter has reaped it: nothing is known.
                Err(_) => return left,
            }
            let within = self.over.map(|_| LOOK);
            if let Some(info) = self.blocked.next(within) {
                self.came(&info);
            }
        }
    }

    /// How this process ends with its child. None: the child has only stopped.
    fn ended(&mut self, status: WaitStatus, left: u8) -> Option<u8> {
        if let Some(code) = status.exit_status() {
            return Some(u8::try_from(code).unwrap_or(left));
        }
        if let Some(signal) = status.terminating_signal() {
            self.give_back();
            if self.killed {
                say!("it was stopped while it waited for an answer");
                return Some(left);
            }
            self.die_of(signal);
        }
        self.stopped(status.stopping_signal());
        None
    }

    /// Stops this process with the child, so that the shell sees the job as stopped; the shell
    /// continues both. Not after a SIGSTOP from elsewhere: `killall -CONT` continues the two one
    /// after the other, and this process, stopping in between, would never be continued.
    fn stopped(&mut self, signal: Option<c_int>) {
        self.continued = false;
        while let Some(info) = self.blocked.next(Some(Duration::ZERO)) {
            self.came(&info);
        }
        let by_itself = std::mem::take(&mut self.stops) || signal != Some(libc::SIGSTOP);
        if by_itself && !self.continued {
            let _ = kill_process(getpid(), Signal::STOP);
            let _ = kill_process(self.child, Signal::CONT);
        }
    }

    fn came(&mut self, info: &siginfo_t) {
        let signal = info.si_signo;
        if info.si_code == libc::SI_QUEUE {
            // SAFETY: a signal that sigqueue(3) sent has a process and a value.
            let (from, value) = unsafe { (info.si_pid(), info.si_value().sival_ptr.addr()) };
            if from == self.child.as_raw_nonzero().get() {
                match value {
                    TAKES_BACK | TAKES_NOTHING_BACK => self.takes_back = value == TAKES_BACK,
                    STOPS => self.stops = true,
                    GOES_ON => self.over = None,
                    value => self.over = Some((Instant::now(), Over::Said(value))),
                }
                return;
            }
        }
        if signal == libc::SIGCHLD {
            return;
        }
        self.continued |= signal == libc::SIGCONT;
        let by_key = [libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP].contains(&signal);
        if !by_key || info.si_code != libc::SI_KERNEL {
            // SAFETY: the child is not waited for yet, so the number is its own.
            unsafe { libc::kill(self.child.as_raw_nonzero().get(), signal) };
        }
        if ![libc::SIGCONT, libc::SIGTSTP].contains(&signal) {
            self.over.get_or_insert((Instant::now(), Over::Asked));
        }
    }

    /// Whether the child should end, by a signal or its own word, and the kernel keeps it.
    fn cannot_end(&mut self) -> bool {
        let Some((since, over)) = self.over else {
            return false;
        };
        let long = match over {
            _ if self.takes_back => GRACE_TO_TAKE_BACK,
            Over::Asked => GRACE,
            Over::Said(_) => EXIT,
        };
        let late = since.elapsed() >= long;
        if late {
            free_terminal();
        }
        if !late || !waits_in_kernel(self.child) {
            self.seen = 0;
            return false;
        }
        self.seen += 1;
        if self.seen == LOOKS && !self.killed {
            // SIGKILL ends most waits, if no other signal does.
            self.killed = kill_process(self.child, Signal::KILL).is_ok();
            self.seen = 0;
        }
        self.seen >= LOOKS
    }

    /// Exits without the child, which stays in the kernel.
    fn leave(&self, left: u8) -> u8 {
        self.give_back();
        say!(
            "it was stopped while it waited for an answer; process {} still waits in the kernel, where no signal stops it",
            self.child
        );
        match self.over {
            Some((_, Over::Said(code))) if code < BY_SIGNAL => u8::try_from(code).unwrap_or(left),
            Some((_, Over::Said(signal))) => match c_int::try_from(signal - BY_SIGNAL) {
                Ok(signal) => self.die_of(signal),
                Err(_) => left,
            },
            _ => left,
        }
    }

    /// Consumes pending signals, so that they end nothing any more.
    fn drain(&self) {
        while self.blocked.next(Some(Duration::ZERO)).is_some() {}
    }

    /// Dies as the child did, which has dumped its memory if that is wanted.
    fn die_of(&self, signal: c_int) -> ! {
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        let _ = setrlimit(Resource::Core, none);
        self.drain();
        self.blocked.lift();
        die_of(signal)
    }

    /// Restores the terminal, if the child has left it raw.
    fn give_back(&self) {
        let (Some(tty), Some(before)) = (terminal(), &self.terminal) else {
            return;
        };
        let raw = |now: &Termios| !now.local_modes.contains(LocalModes::ICANON);
        let is_ours = tcgetpgrp(tty).is_ok_and(|group| group == getpgrp());
        if is_ours && !raw(before) && tcgetattr(tty).is_ok_and(|now| raw(&now)) {
            free_terminal();
            let _ = tcsetattr(tty, OptionalActions::Now, before);
            let _ = rustix::io::write(tty, TERMINAL_AS_IT_WAS);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.drain();
    }
}

/// The first of the standard streams that is a terminal.
fn terminal() -> Option<BorrowedFd<'static>> {
    let all = [stdin(), stdout(), stderr()];
    all.into_iter().find(|&file| isatty(file))
}

/// Discards the pending output of a terminal that takes no more (a stalled connection, Ctrl-S), so
/// that no process waits to write to it.
fn free_terminal() {
    let Some(tty) = terminal() else { return };
    let mut asked = [PollFd::new(&tty, PollFlags::OUT)];
    let now = Timespec::default();
    let takes = poll(&mut asked, Some(&now)).is_ok_and(|ready| ready > 0);
    if !takes && tcgetpgrp(tty).is_ok_and(|group| group == getpgrp()) {
        // The end of a stop wakes the writers, which a pseudo-terminal's flush does not
        // (drivers/tty/pty.c: pty_flush_buffer(), Linux 7.3).
        let _ = tcflow(tty, Action::OOff);
        let _ = tcflush(tty, QueueSelector::OFlush);
        let _ = tcflow(tty, Action::OOn);
    }
}

/// Ends the program by a signal, as scripts expect after a signal to end.
pub fn die_of(signal: c_int) -> ! {
    tell_signal(signal);
    // SAFETY: the default action is no handler; the program ends here in any case.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
    // Only if the signal is blocked. A shell reports an end by a signal with this code, too.
    std::process::exit(128_i32.saturating_add(signal))
}

/// Whether a thread of a process waits in a sleep that lets no signal in (fs/proc/array.c:
/// `get_task_state()`, Linux 7.3).
fn waits_in_kernel(process: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    threads.into_iter().flatten().flatten().any(|thread| {
        let stat = fs::read(thread.path().join("stat")).unwrap_or_default();
        // The name between parentheses may hold anything.
        let after = stat.iter().rposition(|&byte| byte == b')');
        after.and_then(|at| stat.get(at + 2)) == Some(&b'D')
    })
}
