//! The machine that runs the tests is left alone: its kernel, its settings, its user's files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::Path;

use program::Home;
use walkdir::WalkDir;

/// The source of every test that runs on this machine; those of the lab run in a guest.
fn sources() -> impl Iterator<Item = (String, String)> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let files = WalkDir::new(&tests).into_iter().map(Result::unwrap);
    files.filter_map(move |entry| {
        let name = entry.path().strip_prefix(&tests).unwrap().to_str()?;
        let of_the_host = name.ends_with(".rs") && !name.starts_with("lab/");
        of_the_host.then(|| (name.to_owned(), fs::read_to_string(entry.path()).unwrap()))
    })
}

#[test]
fn tests_start_the_program_in_one_way() {
    let only = "support/program.rs";
    let mut seen = 0;
    for (name, text) in sources() {
        seen += 1;
        // Written in two parts, or this file would match.
        let file = concat!("CARGO_BIN", "_EXE");
        let by_name = concat!("new(\"slab", "scope\")");
        let starts = text.contains(file) || text.contains(by_name);
        assert_eq!(
            starts,
            name == only,
            "{name} starts the program: Home::read_only().command() does that"
        );
    }
    assert!(seen > 20, "the sources are not where they were: {seen}");
}

/// In /tmp anybody can create a guessable name first.
#[test]
fn tests_put_nothing_into_the_directory_that_all_share() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let own = WalkDir::new(&src).into_iter().map(Result::unwrap);
    let own = own.filter(|entry| entry.file_type().is_file());
    let own = own.map(|entry| {
        let text = fs::read_to_string(entry.path()).unwrap();
        (entry.path().display().to_string(), text)
    });
    for (name, text) in sources().chain(own) {
        let shared = concat!("temp", "_dir()");
        assert!(!text.contains(shared), "{name}: private::directory()");
    }
}

/// A write to one of these changes the machine: the lab is for such tests.
#[test]
fn no_test_writes_to_the_kernel() {
    for (name, text) in sources() {
        for line in text.lines() {
            let writes = [concat!("fs::wr", "ite("), concat!("write(tr", "ue)")];
            let kernel = ["\"/proc/", "\"/sys/"];
            assert!(
                !(writes.iter().any(|call| line.contains(call))
                    && kernel.iter().any(|path| line.contains(path))),
                "{name}: {line}"
            );
        }
    }
}

#[test]
fn program_under_test_refuses_to_act() {
    for act in [
        &["prune", "/nonexistent", "--yes"][..],
        &["reclaim", "--pages", "/nonexistent", "--yes"],
        &["reclaim", "--all", "2", "--yes"],
        &["tune", "vm.vfs_cache_pressure", "100", "--yes"],
    ] {
        let output = Home::read_only().command().args(act).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{act:?}: {said}");
        assert!(said.contains("read-only"), "{act:?}: {said}");
    }
}

#[test]
fn program_under_test_sees_no_environment_but_its_own() {
    let home = Home::read_only();
    let output = home.run("env").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let below = home.path();
    for line in text.lines() {
        let (name, value) = line.split_once('=').unwrap();
        match name {
            "PATH" | "LC_ALL" | "TERM" => {}
            _ => assert!(Path::new(value).starts_with(below), "{line}"),
        }
    }
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        let set = |line: &str| line.starts_with(&format!("{name}="));
        assert!(text.lines().any(set), "{name}: {text}");
    }
}
