//! Answers to a plan: `y` typed by a user who saw it, and nothing else.

use crate::dirty::Dirty;
use crate::program::PROGRAM;
use crate::tty::Tty;

/// The program on the directory of a home: without the module its page cache can be dropped.
fn on_directory(name: &str) -> Option<(Dirty, Tty)> {
    if std::path::Path::new("/dev/slabscope").exists() {
        return None;
    }
    let home = Dirty::new(name);
    let mut command = home.0.on_terminal();
    command.args(["--via", "module"]);
    command.arg(home.0.path().join("data"));
    let mut tty = Tty::spawn(100, 30, command);
    tty.wait_for("readdir");
    Some((home, tty))
}

/// Quits, and returns the record.
fn recorded(home: &Dirty, tty: &mut Tty) -> Vec<String> {
    tty.type_keys("\x03");
    assert_eq!(tty.ends_restored().exit_code(), 0);
    assert!(!tty.parser.screen().bracketed_paste());
    home.outcomes()
}

/// Sent at once, as a terminal sends pasted text, or text typed while the program was busy: less
/// than the 2 KiB that the kernel takes at a time (drivers/tty/tty_io.c: `iterate_tty_write()`), so
/// that a busy machine cannot interleave.
#[test]
fn y_typed_ahead_carries_out_no_plan() {
    let Some((home, mut tty)) = on_directory("ahead") else {
        return;
    };
    tty.type_keys(&format!("P{}y", ".".repeat(1_900)));
    // Or the message that nothing happens before you type y, if some of the dots arrived after the
    // plan.
    tty.wait_for("type y");
    assert_eq!(recorded(&home, &mut tty), [""; 0]);
}

#[test]
fn pasted_y_carries_out_no_plan_and_pasted_keys_press_nothing() {
    let Some((home, mut tty)) = on_directory("pasted") else {
        return;
    };
    tty.type_keys("P");
    tty.wait_for("type y to reclaim");
    assert!(tty.parser.screen().bracketed_paste());
    tty.type_keys("\x1b[200~y\x1b[201~");
    tty.wait_for("pasted text was dropped");
    tty.type_keys("\x1b");
    tty.wait_for("cancelled: nothing was reclaimed");
    tty.type_keys("\x1b[200~?\x1b[201~");
    tty.wait_for("pasted text was dropped");
    assert!(!tty.screen().contains("Every screen"));
    assert_eq!(recorded(&home, &mut tty), [""; 0]);
}

#[test]
fn y_typed_at_the_plan_carries_it_out() {
    let Some((home, mut tty)) = on_directory("typed") else {
        return;
    };
    tty.type_keys("P");
    tty.wait_for("type y to reclaim");
    tty.type_keys("y");
    tty.wait_for("complete");
    assert_eq!(recorded(&home, &mut tty), ["begun", "complete"]);
}

/// Control characters and further lines do not enter a field.
#[test]
fn pasted_path_is_taken_without_its_line_end_and_not_obeyed() {
    let Some((home, mut tty)) = on_directory("field") else {
        return;
    };
    tty.type_keys("o");
    tty.wait_for("Enter go");
    let text = format!("/etc/a\x07b\r\nrm {}", "x".repeat(20_000));
    tty.type_keys(&format!("\x1b[200~{text}\x1b[201~"));
    tty.wait_for("pasted in part");
    tty.type_keys("c");
    tty.wait_for("open /etc/abc");
    assert_eq!(recorded(&home, &mut tty), [""; 0]);
}

/// A terminal without bracketed paste: 20 KB once stopped all keys for a minute.
#[test]
fn long_text_in_a_field_stops_no_key() {
    let Some((home, mut tty)) = on_directory("long") else {
        return;
    };
    tty.type_keys("o");
    tty.wait_for("Enter go");
    let begin = std::time::Instant::now();
    for _ in 0..20 {
        tty.type_keys(&"x".repeat(1_000));
    }
    tty.type_keys("\x1b");
    tty.wait("the field to be gone", |screen| {
        !screen.contains("Enter go")
    });
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
    assert_eq!(recorded(&home, &mut tty), [""; 0]);
}

/// The outcome is on the screen, and in no file: the exit code says so after the screen is gone.
#[test]
fn action_on_the_screen_without_its_record_exits_1() {
    use rustix::process::{Resource, Rlimit, prlimit};
    let Some((home, mut tty)) = on_directory("unrecorded") else {
        return;
    };
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    prlimit(Some(tty.at_work()), Resource::Fsize, none).unwrap();
    tty.type_keys("P");
    tty.wait_for("type y to reclaim");
    tty.type_keys("y");
    tty.wait_for("Not carried out");
    tty.type_keys("\x03");
    assert_eq!(tty.ends_restored().exit_code(), 1);
    tty.wait_for("slabscope: not recorded: the audit file");
    assert_eq!(home.outcomes(), [""; 0]);
}

/// The shell reads the first line; the rest waits in the terminal until somebody reads it.
#[test]
fn yes_typed_before_the_plan_is_no_answer_on_the_command_line() {
    if std::path::Path::new("/dev/slabscope").exists() {
        return;
    }
    let home = Dirty::new("prompt");
    let mut command = home.0.run_on_terminal("sh");
    let data = home.0.path().join("data");
    let script = "read line; exec \"$@\"";
    command.args(["-c", script, "sh", PROGRAM, "reclaim", "--pages"]);
    command.arg(data);
    let mut tty = Tty::spawn(100, 30, command);
    tty.type_keys("go\nyes\nyes\n");
    tty.wait_for("type yes to reclaim, in full:");
    // Input that is pending when the question is shown is dropped.
    std::thread::sleep(std::time::Duration::from_secs(1));
    tty.type_keys("no\n");
    tty.wait_for("nothing was reclaimed");
    tty.leaves = 0;
    assert_eq!(tty.ends_restored().exit_code(), 5);
    assert_eq!(home.outcomes(), [""; 0]);
}
