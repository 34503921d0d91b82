//! `reclaim --carousel`: on directories of the tests' own, with names that are unknown.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Home, at_work};

/// A home, a directory for the run, and a file with its names.
struct Scene {
    home: Home,
    dir: PathBuf,
    names: PathBuf,
}

impl Scene {
    fn new(name: &str, count: usize) -> Self {
        let home = Home::acting(&format!("carousel-{name}"));
        let (dir, names) = (home.path().join("dir"), home.path().join("names"));
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let text: String = (0..count).map(|n| format!("sess_{n}\n")).collect();
        fs::write(&names, text).unwrap();
        Self { home, dir, names }
    }

    fn command(&self) -> Command {
        let mut command = self.home.command();
        command.args(["reclaim", "--any-filesystem", "--json", "--carousel"]);
        command.arg(&self.dir).arg("--names").arg(&self.names);
        command
    }

    fn run(&self, more: &[&str]) -> Output {
        self.command().args(more).output().unwrap()
    }

    fn state(&self) -> PathBuf {
        self.home.path().join("state/slabscope/carousel")
    }
}

fn entries(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn names_are_visited_and_the_run_is_recorded() {
    let scene = Scene::new("recorded", 300);
    fs::write(scene.dir.join("sess_7"), "kept").unwrap();
    let plan = scene.run(&["--dry-run"]);
    assert_eq!(plan.status.code(), Some(0), "{plan:?}");
    assert!(
        text(&plan.stdout).contains("300 names to remove"),
        "{plan:?}"
    );
    assert!(!scene.state().exists(), "a dry run writes nothing");
    let done = scene.run(&["--yes"]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let document: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(document["status"], "complete");
    assert_eq!(document["notes_after"][0], "299 names removed");
    assert_eq!(entries(&scene.dir), ["sess_7"]);
    assert!(entries(&scene.state()).is_empty());
    let audit = fs::read_to_string(scene.home.path().join("state/slabscope/audit.jsonl")).unwrap();
    assert!(audit.contains(r#""mode":"carousel""#), "{audit}");
}

/// Begins a run, and waits until its link is in the directory.
fn begun(scene: &Scene) -> std::process::Child {
    let mut command = scene.command();
    command
        .arg("--yes")
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let begin = Instant::now();
    while !entries(&scene.dir)
        .iter()
        .any(|name| name.starts_with("sess_"))
    {
        assert!(begin.elapsed() < Duration::from_secs(20), "no link is seen");
    }
    child
}

#[test]
fn link_of_a_killed_run_is_removed_at_the_next_start() {
    let scene = Scene::new("killed", 900_000);
    let mut child = begun(&scene);
    let worker = at_work(rustix::process::Pid::from_child(&child));
    rustix::process::kill_process(worker, rustix::process::Signal::KILL).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    assert_eq!(entries(&scene.dir).len(), 1);
    fs::write(&scene.names, "").unwrap();
    let next = scene.run(&["--yes"]);
    assert!(
        text(&next.stderr).contains("removed a symbolic link that a killed run had left"),
        "{next:?}"
    );
    assert!(entries(&scene.dir).is_empty() && entries(&scene.state()).is_empty());
}

#[test]
fn interrupted_run_ends_with_a_part_and_leaves_nothing() {
    let scene = Scene::new("interrupted", 900_000);
    let mut child = begun(&scene);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert!(entries(&scene.dir).is_empty() && entries(&scene.state()).is_empty());
}

#[test]
fn harmful_carousel_is_refused() {
    let scene = Scene::new("refused", 3);
    let refused = |args: &[&str], code: i32, part: &str| {
        let mut command = scene.home.command();
        let output = command
            .args(["reclaim", "--carousel"])
            .args(args)
            .output()
            .unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
    };
    let names = scene.names.to_str().unwrap();
    let any = ["--any-filesystem", "--names", names, "--yes"];
    refused(
        &[&["/etc"], &any[..]].concat(),
        1,
        "/etc are trusted by their names",
    );
    refused(
        &[&["/proc"], &any[..]].concat(),
        1,
        "no names cached as absent",
    );
    let dir = scene.dir.to_str().unwrap();
    refused(&[&[dir, "/var"], &any[..1]].concat(), 1, "not below");
    refused(
        &[dir, dir, "--names", names],
        2,
        "--names applies to one directory",
    );
    refused(
        &[dir, "--any-filesystem", "--names", "/nowhere/names"],
        1,
        "/nowhere/names",
    );
    fs::set_permissions(&scene.dir, fs::Permissions::from_mode(0o1777)).unwrap();
    refused(&[&[dir], &any[..]].concat(), 1, "--force overrides this");
    refused(&[&[dir, "--force"], &any[..]].concat(), 0, "");
    let read_only = Home::read_only()
        .command()
        .args(["reclaim", "--carousel", dir, "--yes"])
        .output()
        .unwrap();
    assert_eq!(read_only.status.code(), Some(2), "{read_only:?}");
}
