//! The signals that end the program: all that would end it by default, so that none of them leaves
//! an action without its record, or the terminal raw.

use std::ffi::c_int;
use std::mem::MaybeUninit;

use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
};

/// signal(7): those of Linux alone.
const LINUX: [c_int; 2] = [libc::SIGPWR, libc::SIGSTKFLT];

const COMMON: [c_int; 11] = [
    SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
];

/// The signals that end the program, except those that it was started with ignored, as by nohup(1),
/// and those that a fault of its own raises. A shell without job control ignores SIGINT and SIGQUIT
/// for all that a script runs in the background: a signal sent there is meant.
pub fn ending() -> Vec<c_int> {
    let all = COMMON.into_iter().chain(LINUX);
    let all = all.chain(libc::SIGRTMIN()..=libc::SIGRTMAX());
    let meant = |signal| [SIGINT, SIGQUIT].contains(&signal);
    all.filter(|&signal| meant(signal) || !is_ignored(signal))
        .collect()
}

fn is_ignored(signal: c_int) -> bool {
    let mut now = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action the call only writes the present one to `now`, which is valid
    // for that.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), now.as_mut_ptr()) };
    // SAFETY: the call has filled it in, as its result says.
    asked == 0 && unsafe { now.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// At the start of the program: a limit on the size of files (SIGXFSZ) is an error of the write that
/// meets it, as a full disk is, and ends nothing. SIGINT and SIGQUIT end it even if the parent ignored them: see [`ending`].
/// SIGCHLD is not ignored, as it may be when a daemon starts the program, and no signal that ends it stays blocked.
pub fn at_start() {
    // SAFETY: neither to ignore a signal nor its default action installs a handler.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        for signal in [SIGINT, SIGQUIT, libc::SIGCHLD] {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the first call makes the set, those after it add to it, the last one reads it.
    unsafe {
        libc::sigemptyset(all.as_mut_ptr());
        let others = [libc::SIGCHLD, libc::SIGCONT, libc::SIGTSTP];
        for signal in ending().into_iter().chain(others) {
            libc::sigaddset(all.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, all.as_ptr(), std::ptr::null_mut());
    }
}
