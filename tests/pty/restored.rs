//! However the program ends, and however odd the terminal: it is restored.

use portable_pty::PtySize;
use rustix::process::{Signal, kill_process};

use crate::tty::Tty;

#[test]
fn every_signal_that_ends_the_program_restores_the_terminal() {
    for signal in [
        Signal::QUIT,
        Signal::USR1,
        Signal::USR2,
        Signal::ALARM,
        Signal::VTALARM,
        Signal::PROF,
        Signal::IO,
        Signal::POWER,
        Signal::STKFLT,
        Signal::XCPU,
        Signal::ABORT,
        Signal::BUS,
        Signal::SEGV,
        Signal::ILL,
        Signal::FPE,
        Signal::TRAP,
        Signal::SYS,
    ] {
        let mut tty = Tty::start(80, 24, &[]);
        tty.wait_for("SReclaimable");
        kill_process(tty.pid(), signal).unwrap();
        let status = tty.ends_restored();
        assert!(!status.success(), "{signal:?}");
        assert!(!tty.mouse(), "{signal:?}");
    }
}

#[test]
fn real_time_signal_restores_the_terminal() {
    let mut tty = Tty::start(80, 24, &[]);
    tty.wait_for("SReclaimable");
    let pid = tty.pid().as_raw_nonzero().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-40", &pid])
        .status();
    assert!(kill.unwrap().success());
    assert!(!tty.ends_restored().success());
}

#[test]
fn file_size_limit_does_not_end_the_screen() {
    let mut tty = Tty::start(80, 24, &[]);
    tty.wait_for("SReclaimable");
    kill_process(tty.pid(), Signal::XFSZ).unwrap();
    tty.type_keys("5");
    tty.wait_for("f freeze");
    tty.type_keys("q");
    assert_eq!(tty.ends_restored().exit_code(), 0);
}

#[test]
fn terminal_of_absurd_size_is_drawn_in_part_and_restored() {
    for (columns, rows) in [
        (65_535, 65_535),
        (65_535, 24),
        (80, 65_535),
        (0, 24),
        (80, 0),
    ] {
        let mut tty = Tty::start(80, 24, &[]);
        tty.wait_for("SReclaimable");
        tty.master
            .resize(PtySize {
                rows,
                cols: columns,
                ..Default::default()
            })
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(500));
        tty.type_keys("q");
        assert_eq!(tty.ends_restored().exit_code(), 0, "{columns}x{rows}");
    }
}

/// By the kernel, for example, if it has no memory left: the guard restores the terminal.
#[test]
fn killed_program_leaves_the_terminal_as_it_was() {
    let mut tty = Tty::start(80, 24, &[]);
    tty.wait_for("SReclaimable");
    kill_process(tty.at_work(), Signal::KILL).unwrap();
    assert_eq!(tty.ends_restored().signal(), Some("Killed"));
    assert!(!tty.mouse());
}

/// The first process is killed: the one that draws is notified, and ends in order.
#[test]
fn program_whose_first_process_is_killed_restores_the_terminal() {
    let mut tty = Tty::start(80, 24, &[]);
    tty.wait_for("SReclaimable");
    kill_process(tty.pid(), Signal::KILL).unwrap();
    assert_eq!(tty.ends_restored().signal(), Some("Killed"));
    assert!(!tty.mouse());
}
