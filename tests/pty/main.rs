//! The real program on a real terminal: this kernel's figures, its keys, and its end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod answers;
mod dirty;
mod lost;
#[path = "../support/program.rs"]
mod program;
mod restored;
mod tty;

use portable_pty::PtySize;
use program::{Home, PROGRAM};
use rustix::process::{Signal, kill_process};
use tty::{Tty, termios};

#[test]
fn program_starts_sorts_freezes_resizes_and_quits() {
    let mut tty = Tty::start(80, 24, &["--interval", "0.2"]);
    tty.wait_for("SReclaimable");
    if rustix::process::geteuid().is_root() {
        tty.wait_for("caches by cache size ▼");
        tty.type_keys("n");
        tty.wait_for("caches by name ▲");
    } else {
        tty.wait_for("sudo slabscope");
    }
    tty.type_keys("f");
    let frozen = tty.wait_for("FROZEN 0.");
    let later = tty.wait("time to pass on the frozen screen", |screen| {
        screen.contains("FROZEN") && screen != frozen
    });
    let figures = |screen: &str| {
        screen
            .lines()
            .skip(1)
            .take(3)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(figures(&frozen), figures(&later));
    tty.type_keys("f");
    tty.wait("the figures to run again", |screen| {
        !screen.contains("FROZEN")
    });
    tty.resize(200, 50);
    tty.wait("the hints in the last of 50 lines", |screen| {
        screen
            .lines()
            .nth(49)
            .is_some_and(|line| line.contains("q quit"))
    });
    tty.type_keys("2");
    tty.wait_for("mounts:");
    tty.type_keys("5");
    tty.wait_for("on the LRU");
    tty.type_keys("q");
    assert_eq!(tty.ends_restored().exit_code(), 0);
}

#[test]
fn serial_line_that_knows_no_size_is_taken_for_80x24() {
    let mut tty = Tty::start(80, 24, &[]);
    tty.wait_for("q quit");
    tty.master
        .resize(PtySize {
            rows: 0,
            cols: 0,
            ..Default::default()
        })
        .unwrap();
    tty.type_keys("5");
    tty.wait("the hints in the last of 24 lines", |screen| {
        screen
            .lines()
            .nth(23)
            .is_some_and(|line| line.contains("f freeze"))
    });
    tty.type_keys("q");
    assert_eq!(tty.ends_restored().exit_code(), 0);
}

#[test]
fn terminal_gets_no_query() {
    let mut tty = Tty::start(80, 24, &[]);
    tty.wait_for("q quit");
    tty.resize(90, 30);
    tty.wait("the hints in the last of 30 lines", |screen| {
        screen
            .lines()
            .nth(29)
            .is_some_and(|line| line.contains("q quit"))
    });
    tty.type_keys("q");
    tty.ends_restored();
    for query in [&b"\x1b[6n"[..], b"\x1b[c", b"\x1b[?u"] {
        assert!(
            !tty.all.windows(query.len()).any(|bytes| bytes == query),
            "{query:?}"
        );
    }
}

#[test]
fn tree_without_the_module_says_so() {
    if std::path::Path::new("/dev/slabscope").exists() {
        return;
    }
    let mut tty = Tty::start(80, 24, &["--via", "module", "/"]);
    tty.wait_for("the slabscope kernel module is not loaded");
    tty.wait_for("cargo lab");
    tty.type_keys("\x03");
    assert_eq!(tty.ends_restored().exit_code(), 0);
}

/// The shell reads the first line; the rest waits in the terminal until somebody reads it.
#[test]
fn input_from_before_the_screen_is_not_obeyed() {
    let mut command = Home::read_only().run_on_terminal("sh");
    command.args(["-c", "read line; exec \"$0\"", PROGRAM]);
    let mut tty = Tty::spawn(80, 24, command);
    tty.type_keys("go\nq3q");
    tty.wait_for("SReclaimable");
    tty.type_keys("?");
    tty.wait_for("Every screen");
    tty.type_keys("\x03");
    assert_eq!(tty.ends_restored().exit_code(), 0);
}

#[test]
fn signals_end_the_program_and_the_terminal_is_restored() {
    for (signal, name) in [
        (Signal::TERM, "Terminated"),
        (Signal::HUP, "Hangup"),
        (Signal::INT, "Interrupt"),
    ] {
        let mut tty = Tty::start(80, 24, &[]);
        tty.wait_for("SReclaimable");
        kill_process(tty.pid(), signal).unwrap();
        let status = tty.ends_restored();
        assert_eq!(
            status.signal(),
            Some(name),
            "it dies of the signal, as scripts expect"
        );
    }
}

/// This test runs itself again on a terminal of its own, where it takes the screen and panics.
#[test]
fn a_panic_restores_the_terminal() {
    const ITSELF: &str = "SLABSCOPE_TEST_PANICS";
    if std::env::var_os(ITSELF).is_some() {
        let mut screen = slabscope::ui::runtime::Screen::enter().unwrap();
        screen.mouse(true).unwrap();
        screen
            .draw(|frame| frame.render_widget("about to fail", frame.area()))
            .unwrap();
        std::thread::spawn(|| panic!("a bug")).join().unwrap();
    }
    let mut command = Home::read_only().run_on_terminal(std::env::current_exe().unwrap());
    command.args(["--exact", "a_panic_restores_the_terminal", "--nocapture"]);
    command.env(ITSELF, "1");
    command.env("RUST_BACKTRACE", "0");
    let mut tty = Tty::spawn(80, 24, command);
    assert_eq!(tty.ends_restored().exit_code(), 1);
    assert!(String::from_utf8_lossy(&tty.all).contains("about"));
    tty.wait_for("a bug");
    assert!(!tty.mouse(), "the mouse is given back");
}

/// The keys of the slab screen on this kernel's own caches.
#[test]
fn keys_of_the_slab_screen_work_on_this_kernel() {
    if !rustix::process::geteuid().is_root() {
        let mut tty = Tty::start(80, 24, &[]);
        tty.wait_for("sudo slabscope");
        return;
    }
    let mut tty = Tty::start(80, 24, &["--interval", "0.2"]);
    tty.wait_for("caches by cache size");
    tty.type_keys("S");
    tty.wait_for("Sort by");
    tty.type_keys("g");
    tty.wait_for("caches by growth");
    tty.type_keys("/~^dent.*y$");
    tty.wait_for("as a regular expression");
    tty.type_keys("\r");
    tty.wait_for("1 cache by growth");
    tty.type_keys("m");
    tty.wait_for("Δ MARK");
    tty.type_keys("\r");
    tty.wait_for("reclaimable: its pages count as SReclaimable");
    tty.wait_for("A name in a directory that was looked up");
    tty.type_keys("G");
    tty.wait_for("aligned to cache lines");
    tty.resize(200, 50);
    tty.wait("the attributes beside the words", |screen| {
        screen.contains("objs_per_slab") && screen.contains("A name in a directory")
    });
    tty.type_keys("qtt");
    tty.wait_for("0 unreclaimable caches");
    tty.type_keys("q");
    assert_eq!(tty.ends_restored().exit_code(), 0);
}

#[test]
fn mouse_sorts_and_is_released() {
    let mut tty = Tty::start(80, 24, &[]);
    tty.wait_for("q quit");
    assert!(tty.mouse());
    // A click on the name of the third screen, in the first line.
    tty.type_keys("\x1b[<0;75;1M\x1b[<0;75;1m");
    tty.wait_for("on LRU");
    tty.type_keys("M");
    tty.wait_for("mouse released");
    assert!(!tty.mouse());
    tty.type_keys("M");
    tty.wait_for("M releases it");
    tty.type_keys("q");
    assert_eq!(tty.ends_restored().exit_code(), 0);
    assert!(!tty.mouse());
}

#[test]
fn console_has_no_mouse_and_gets_ascii() {
    for term in ["linux", "vt100"] {
        let mut command = Home::read_only().on_terminal();
        command.env("TERM", term);
        command.env("LC_ALL", "C");
        let mut tty = Tty::spawn(80, 24, command);
        let screen = tty.wait_for("q quit");
        assert!(screen.is_ascii(), "{screen}");
        assert!(!tty.mouse());
        tty.type_keys("q");
        assert_eq!(tty.ends_restored().exit_code(), 0);
        assert!(tty.all.is_ascii());
    }
}

#[test]
fn captured_files_are_shown_without_root_and_nothing_acts() {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    let root = fixtures.join("6.18.44-fc-v509");
    let mut tty = Tty::start(100, 24, &["--root", root.to_str().unwrap()]);
    tty.wait_for("CAPTURED");
    tty.wait_for("235 caches by cache size");
    tty.type_keys("K");
    tty.wait_for("shrinking is off");
    tty.type_keys("q");
    assert_eq!(tty.ends_restored().exit_code(), 0);
}

/// By its key, and by the signal that `kill -TSTP` sends.
#[test]
fn ctrl_z_stops_the_program_and_fg_resumes_it() {
    for by_key in [true, false] {
        let mut tty = Tty::start(80, 24, &[]);
        tty.wait_for("q quit");
        if by_key {
            tty.type_keys("\x1a");
        } else {
            kill_process(tty.pid(), Signal::TSTP).unwrap();
        }
        tty.wait_until_stopped();
        assert!(!tty.parser.screen().alternate_screen());
        assert!(!tty.parser.screen().hide_cursor());
        assert!(!tty.mouse());
        let stopped = termios(&*tty.master);
        assert_eq!(stopped.local_modes, tty.before.local_modes);
        kill_process(tty.pid(), Signal::CONT).unwrap();
        tty.wait("the screen to come back", |screen| {
            screen.contains("q quit") && screen.contains("SReclaimable")
        });
        assert!(tty.parser.screen().alternate_screen());
        assert!(tty.mouse());
        tty.type_keys("5");
        tty.wait_for("f freeze");
        tty.type_keys("q");
        tty.leaves = 2;
        assert_eq!(tty.ends_restored().exit_code(), 0);
    }
}

/// As `killall` does, which sends to both processes, one after the other.
#[test]
fn program_stopped_and_continued_by_name_goes_on() {
    let mut tty = Tty::start(80, 24, &[]);
    tty.wait_for("q quit");
    let both = [tty.pid(), tty.at_work()];
    // One process alone.
    kill_process(both[1], Signal::STOP).unwrap();
    tty.wait_until(|| Tty::is_stopped(both[1]));
    kill_process(both[1], Signal::CONT).unwrap();
    tty.wait_until(|| both.map(Tty::is_stopped) == [false; 2]);
    for order in [both, [both[1], both[0]]] {
        for pid in both {
            kill_process(pid, Signal::STOP).unwrap();
        }
        let stopped = || both.map(Tty::is_stopped);
        tty.wait_until(|| stopped() == [true; 2]);
        for pid in order {
            kill_process(pid, Signal::CONT).unwrap();
            // The first sees the other one stopped.
            tty.wait_until(|| !Tty::is_stopped(pid));
        }
        tty.wait_until(|| stopped() == [false; 2]);
    }
    tty.type_keys("5");
    tty.wait_for("f freeze");
    tty.type_keys("q");
    assert_eq!(tty.ends_restored().exit_code(), 0);
}

/// It goes on in the background, where the terminal is the shell's, and has to end by the signal
/// that it got.
#[test]
fn suspended_job_of_a_shell_can_be_ended() {
    let mut shell = Home::read_only().run_on_terminal("bash");
    shell.args(["--norc", "--noprofile", "-i"]);
    let mut tty = Tty::spawn(100, 24, shell);
    tty.type_keys(&format!("{}\n", crate::program::PROGRAM));
    tty.wait_for("q quit");
    tty.type_keys("\x1a");
    tty.wait_for("Stopped");
    tty.type_keys(
        "kill %1; while kill -0 %1 2>/dev/null; do sleep 0.1; done; echo over $((40 + 2))\n",
    );
    tty.wait_for("over 42");
}

#[test]
fn usage_error_exits_with_2_and_says_why() {
    let run = |args: &[&str]| {
        let output = Home::read_only().command().args(args).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, text) = run(&[]);
    assert_eq!(code, Some(2));
    assert!(text.contains("have to be a terminal"), "{text}");
    for args in [["--interval", "0"], ["--interval", "x"], ["--no", "y"]] {
        let (code, text) = run(&args);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(args[0]), "{text}");
    }
    assert_eq!(run(&["--version"]).0, Some(0));
}

#[test]
fn read_only_mode_shows_everything_and_nothing_acts() {
    let mut tty = Tty::start(100, 24, &["--read-only"]);
    let screen = tty.wait_for("READ-ONLY");
    assert!(!screen.contains("K shrink"), "{screen}");
    tty.type_keys("K");
    tty.wait_for("shrinking is off: read-only");
    tty.type_keys("q");
    assert_eq!(tty.ends_restored().exit_code(), 0);
}
