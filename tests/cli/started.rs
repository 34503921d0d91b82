//! Conditions at the start: ignored or blocked signals, no room for another process.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit};

use super::program::{Home, Public};

/// Runs `before` in the child, in front of the program.
fn started(mut command: Command, before: fn()) -> Command {
    let before = move || {
        before();
        Ok(())
    };
    // SAFETY: `before` only makes system calls, and allocates nothing.
    unsafe { command.pre_exec(before) };
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Shows slab caches.
fn slabs() -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/6.18.44-fc-v509");
    let mut command = Home::read_only().command();
    command.arg("--root").arg(root);
    command.arg("slabs");
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Some daemons start programs this way.
#[test]
fn end_of_the_child_is_noticed_with_sigchld_ignored() {
    let ignore = || {
        // SAFETY: to ignore a signal installs no handler.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    };
    let output = started(slabs(), ignore).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn signals_that_were_blocked_at_the_start_end_it() {
    let block = || {
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: the first call fills the set in, which the second reads.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), std::ptr::null_mut());
        }
    };
    let mut again_and_again = slabs();
    again_and_again.args(["-d", "60"]);
    let mut child = started(again_and_again, block).spawn().unwrap();
    // Once it has written, it is past its start.
    let mut first = [0];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < end, "it is not ended");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.signal(), Some(libc::SIGTERM));
}

/// The program runs without the process that waits for it, and reports what it cannot do.
#[test]
fn no_room_for_another_process_is_an_error() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let home = Home::acting("nproc");
    let public = Public::new();
    // Not to be reached by what is cached, as others may not look below the home.
    let data = home.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let mut command = home.run(public.program());
    // The limit does not hold for root, and counts what a user runs anywhere: this user runs
    // nothing.
    command.uid(64_999).gid(64_999);
    command.args(["reclaim", "--dry-run", "--pages"]).arg(&data);
    let alone = || {
        let one = Rlimit {
            current: Some(1),
            maximum: Some(1),
        };
        let _ = setrlimit(Resource::Nproc, one);
    };
    let output = started(command, alone).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let said = said(&output);
    assert!(said.contains("no process can be started"), "{said}");
}
