//! An action and its messages when the terminal goes away or takes no more output.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use portable_pty::{PtySize, native_pty_system};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

use crate::dirty::Dirty;
use crate::program::{Home, PROGRAM, at_work};

impl Dirty {
    /// Runs the action on a terminal, and does something to the terminal once the action is under
    /// way. Waits for its end, and returns its exit code, if it has one.
    fn on_terminal(&self, nohup: bool, then: impl FnOnce(Pid) -> bool) -> Option<u32> {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let mut command = self.0.run_on_terminal("sh");
        let ignored = if nohup { "trap '' HUP; " } else { "" };
        command.args(["-c", &format!("{ignored}exec \"$@\""), "sh", PROGRAM]);
        command.args(self.deed());
        let mut child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let mut text = Vec::new();
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&text).contains("giving up") {
            match reader.read(&mut buffer) {
                Ok(len @ 1..) => text.extend(&buffer[..len]),
                _ => panic!("it ended early: {}", String::from_utf8_lossy(&text)),
            }
        }
        let pid = Pid::from_raw(child.process_id().unwrap().try_into().unwrap()).unwrap();
        let stays = then(pid);
        if stays {
            while let Ok(1..) = reader.read(&mut buffer) {}
        }
        drop((reader, pair.master));
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.signal().is_none().then(|| status.exit_code());
            }
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn action_whose_terminal_hangs_up_stops_and_is_recorded() {
    let home = Dirty::new("hangup");
    home.on_terminal(false, |_| false);
    assert_eq!(home.outcomes(), ["begun", "stopped"]);
}

#[test]
fn action_under_nohup_outlives_its_terminal_and_is_recorded() {
    let home = Dirty::new("nohup");
    home.on_terminal(true, |_| false);
    assert_eq!(home.outcomes(), ["begun", "complete"]);
}

/// The kernel hangs up, and so does the shell; at the end of a session another signal follows.
#[test]
fn action_that_is_hung_up_twice_or_quit_or_alarmed_is_recorded() {
    for signals in [
        &[Signal::HUP, Signal::HUP, Signal::TERM][..],
        &[Signal::QUIT],
        &[Signal::USR1],
        &[Signal::ALARM],
        &[Signal::VTALARM],
    ] {
        let home = Dirty::new("signals");
        let code = home.on_terminal(false, |pid| {
            for &signal in signals {
                kill_process(pid, signal).unwrap();
            }
            true
        });
        assert_eq!(home.outcomes(), ["begun", "stopped"], "{signals:?}");
        assert_eq!(code, Some(5), "{signals:?}");
    }
}

#[test]
fn file_size_limit_ends_no_action() {
    let home = Dirty::new("xfsz");
    let code = home.on_terminal(false, |pid| {
        kill_process(pid, Signal::XFSZ).unwrap();
        true
    });
    assert_eq!(
        (home.outcomes(), code),
        (vec!["begun".into(), "complete".into()], Some(0))
    );
}

/// The room for the record disappears while the action runs.
#[test]
fn action_whose_record_fails_exits_1() {
    use rustix::process::{Resource, Rlimit, prlimit};
    let home = Dirty::new("unrecorded");
    let code = home.on_terminal(false, |pid| {
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        prlimit(Some(at_work(pid)), Resource::Fsize, none).unwrap();
        true
    });
    assert_eq!((home.outcomes(), code), (vec!["begun".into()], Some(1)));
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// A message that finds no room is lost; the program's work is done.
#[test]
fn full_standard_error_changes_no_exit_code() {
    let home = Dirty::new("full");
    let nowhere = home.0.path().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    let deed = home.deed();
    let deed: Vec<_> = deed.iter().map(String::as_str).collect();
    for (args, code) in [
        (&deed[..], 0),
        (&["--root", nowhere], 2),
        (&["--interval", "2", "slabs"], 2),
        (&["--via", "module", "census", nowhere], 3),
        (&["prune", nowhere], 3),
        (&["reclaim", "--pages", nowhere], 1),
        (&["--no-such-option"], 2),
        (&[], 2),
    ] {
        if code == 3 && Path::new("/dev/slabscope").exists() {
            continue;
        }
        let status = home
            .0
            .command()
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(full())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(code), "{args:?}");
    }
    assert_eq!(home.outcomes(), ["begun", "complete"]);
}

/// Output that is lost is a failure, and reported; a reader that has seen enough is none.
#[test]
fn full_standard_output_fails_and_closed_pipe_does_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/6.18.44-fc-v509");
    let root = root.to_str().unwrap();
    for args in [
        &["slabs", "--root", root][..],
        &["slabs", "--json", "--root", root],
        &["completions", "bash"],
        &["config", "--print-default"],
        &["--help"],
        &["--version"],
        &["prune", "--help"],
    ] {
        let run = |out: Stdio| {
            let mut command = Home::read_only().command();
            let child = command.args(args).stdout(out).stderr(Stdio::piped());
            let output = child.spawn().unwrap().wait_with_output().unwrap();
            let text = String::from_utf8(output.stderr).unwrap();
            (output.status.code(), text)
        };
        let (code, text) = run(full().into());
        assert_eq!(code, Some(1), "{args:?}");
        assert!(text.contains("standard output"), "{args:?}: {text}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(run(writer.into()), (Some(0), String::new()), "{args:?}");
    }
}

/// The screen ends with its terminal, and its action under way is in the record.
#[test]
fn action_of_a_screen_whose_terminal_hangs_up_is_recorded() {
    if Path::new("/dev/slabscope").exists() {
        return;
    }
    for ignored in ["", "trap '' HUP; "] {
        let home = Dirty::new("screen-hangup");
        let size = PtySize {
            rows: 30,
            cols: 100,
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = home.0.run_on_terminal("sh");
        command.args(["-c", &format!("{ignored}exec \"$@\""), "sh", PROGRAM]);
        command.args(["--via", "module"]);
        command.arg(home.0.path().join("data"));
        let mut child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let mut writer = pair.master.take_writer().unwrap();
        let mut screen =
            vt100::Parser::new(NonZero::new(30).unwrap(), NonZero::new(100).unwrap(), 0);
        let mut buffer = [0; 4096];
        for (shown, keys) in [
            ("readdir", "P"),
            ("type y to reclaim", "i"),
            ("first: i leaves them", ""),
            ("type y to reclaim", "y"),
            ("Reclaiming", ""),
        ] {
            while !screen.screen().contents().contains(shown) {
                match reader.read(&mut buffer) {
                    Ok(len @ 1..) => screen.process(&buffer[..len]),
                    _ => panic!("no {shown}: {}", screen.screen().contents()),
                }
            }
            writer.write_all(keys.as_bytes()).unwrap();
        }
        drop((reader, writer, pair.master));
        let end = Instant::now() + Duration::from_secs(30);
        while child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let outcomes = home.outcomes();
        assert!(
            matches!(&outcomes[..], [_, end] if ["stopped", "complete"].contains(&end.as_str())),
            "{ignored:?}: {outcomes:?}"
        );
    }
}

/// The terminal is stalled or stopped, so that a write to it blocks: a signal still ends the program.
#[test]
fn screen_whose_terminal_takes_no_output_ends_by_a_signal() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let size = |columns| PtySize {
            rows: 60,
            cols: columns,
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size(200)).unwrap();
        let command = Home::read_only().on_terminal();
        let mut child = pair.slave.spawn_command(command).unwrap();
        let slave = File::options()
            .write(true)
            .custom_flags(libc::O_NOCTTY)
            .open(pair.master.tty_name().unwrap())
            .unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        // Nothing reads the frames that it draws for each size.
        for columns in (150..200).cycle() {
            pair.master.resize(size(columns)).unwrap();
            let mut asked = [PollFd::new(&slave, PollFlags::OUT)];
            let within = Timespec {
                tv_sec: 0,
                tv_nsec: 20_000_000,
            };
            if poll(&mut asked, Some(&within)).unwrap() == 0 {
                break;
            }
            assert!(Instant::now() < end, "the terminal is never full");
            std::thread::sleep(Duration::from_millis(20));
        }
        let pid = Pid::from_raw(child.process_id().unwrap().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        while child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "{signal:?} does not end it");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
