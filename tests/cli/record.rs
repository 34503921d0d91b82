//! `slabscope record` as a process: how it ends, and what is left of its file then.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit};
use slabscope::cache::recording::Reader;

use super::program::{Home, at_work};
use super::{KERNEL, fixture};

/// A recorder of a fixture, ten times a second.
fn recorder(home: &Home, args: &[&str]) -> Command {
    let mut command = home.command();
    command.arg("--root").arg(fixture(KERNEL)).arg("record");
    command
        .arg(file(home))
        .args(["--interval", "0.1"])
        .args(args);
    command.stderr(Stdio::piped());
    command
}

fn file(home: &Home) -> PathBuf {
    home.path().join("a.slabscope")
}

/// Killed when dropped.
struct Running(Child);

impl Running {
    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().try_into().unwrap()).unwrap()
    }

    /// The exit code, which has to come soon.
    fn end(&mut self) -> Option<i32> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let stderr = self.0.stderr.as_mut().unwrap();
        // One byte at a time: what is behind the line is for the next call.
        BufReader::with_capacity(1, stderr)
            .read_line(&mut line)
            .unwrap();
        line
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(home: &Home, args: &[&str]) -> Running {
    let mut running = Running(recorder(home, args).spawn().unwrap());
    let line = running.line();
    assert!(line.starts_with("slabscope: recording "), "{line}");
    running
}

/// How many samples a whole recording has, and when the last was taken.
fn samples(path: &Path) -> (i64, SystemTime) {
    let reader = Reader::open(path).unwrap();
    let db = rusqlite::Connection::open(path).unwrap();
    let check: String = db
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let count = db
        .query_row("SELECT count(*) FROM sample", [], |row| row.get(0))
        .unwrap();
    let (_, last) = reader.span().unwrap().unwrap();
    let moment = reader.until(last).unwrap().unwrap();
    assert!(moment.sample.cache("dentry").is_some() && moment.sample.memory.is_ok());
    (count, last)
}

fn await_samples(path: &Path, least: i64) {
    let end = Instant::now() + Duration::from_secs(20);
    let count = || {
        let db = rusqlite::Connection::open(path).ok()?;
        db.query_row("SELECT count(*) FROM sample", [], |row| {
            row.get::<_, i64>(0)
        })
        .ok()
    };
    while count().is_none_or(|count| count < least) {
        assert!(
            Instant::now() < end,
            "no {least} samples in {}",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// As below nohup(1), which the recorder heeds.
fn hangups_are_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    u64::from_str_radix(ignored.unwrap().trim(), 16).unwrap() & 1 != 0
}

#[test]
fn signals_to_end_leave_one_whole_file() {
    let hangup = (!hangups_are_ignored()).then_some(Signal::HUP);
    for signal in [Signal::TERM, Signal::INT].into_iter().chain(hangup) {
        let home = Home::acting("record-ends");
        let mut running = start(&home, &[]);
        await_samples(&file(&home), 3);
        kill_process(running.pid(), signal).unwrap();
        assert_eq!(running.end(), Some(0), "{signal:?}");
        let beside =
            ["-wal", "-shm", "-journal"].map(|end| format!("{}{end}", file(&home).display()));
        assert!(
            !beside.iter().any(|path| Path::new(path).exists()),
            "{signal:?}"
        );
        assert!(samples(&file(&home)).0 >= 3);
        let mode = fs::metadata(file(&home)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{mode:o}");
        let events = Reader::open(&file(&home)).unwrap();
        let events = events
            .events(SystemTime::UNIX_EPOCH, SystemTime::now())
            .unwrap();
        assert_eq!(events.last().unwrap().kind, "stop");
    }
}

/// At a hundred moments, and the file goes on each time.
#[test]
fn kill_loses_nothing_but_the_interval_under_way() {
    let home = Home::acting("record-killed");
    let mut kept = 0;
    for round in 0..100_u64 {
        let mut running = start(&home, &[]);
        if round % 10 == 0 {
            await_samples(&file(&home), kept + 3);
        }
        std::thread::sleep(Duration::from_millis(round * 7 % 130));
        let worker = at_work(running.pid());
        let killed = SystemTime::now();
        kill_process(worker, Signal::KILL).unwrap();
        assert_ne!(running.end(), Some(0));
        // Not each round: looking takes longer than recording.
        if round % 10 == 0 {
            let (count, last) = samples(&file(&home));
            assert!(count >= kept + 3, "{count} after {kept}");
            let lost = killed.duration_since(last).unwrap_or_default();
            // The machine that runs the tests may be busy.
            assert!(lost < Duration::from_secs(2), "{lost:?}");
            kept = count;
        }
    }
    assert!(samples(&file(&home)).0 >= kept);
}

#[test]
fn full_disk_leaves_what_is_there_and_is_said_once() {
    let home = Home::acting("record-full");
    let mut command = recorder(&home, &[]);
    let short = || {
        let limit = Rlimit {
            current: Some(150 << 10),
            maximum: Some(150 << 10),
        };
        Ok(setrlimit(Resource::Fsize, limit)?)
    };
    // SAFETY: it only makes a system call.
    unsafe { command.pre_exec(short) };
    let mut running = Running(command.spawn().unwrap());
    assert!(running.line().contains("recording to "));
    let line = running.line();
    assert!(
        line.contains("trying again") && !line.contains("os error"),
        "{line}"
    );
    let (before, _) = samples(&file(&home));
    assert!(before > 3);
    // It goes on trying.
    std::thread::sleep(Duration::from_millis(500));
    assert!(running.0.try_wait().unwrap().is_none());
    kill_process(running.pid(), Signal::TERM).unwrap();
    let _ = running.end();
    assert!(samples(&file(&home)).0 >= before);
    let mut again = start(&home, &[]);
    await_samples(&file(&home), before + 2);
    kill_process(again.pid(), Signal::TERM).unwrap();
    assert_eq!(again.end(), Some(0));
}

#[test]
fn second_recorder_and_foreign_file_are_refused_with_the_remedy() {
    let home = Home::acting("record-refused");
    let running = start(&home, &[]);
    let output = recorder(&home, &[]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("another slabscope records to it"), "{said}");
    assert!(said.contains("record to another file"), "{said}");
    drop(running);
    let worse = home.path().join("text");
    fs::write(&worse, "a text").unwrap();
    fs::set_permissions(&worse, fs::Permissions::from_mode(0o600)).unwrap();
    let output = home.command().arg("record").arg(&worse).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("not a recording of slabscope"), "{said}");
    assert_eq!(fs::read(&worse).unwrap(), b"a text");
}

#[test]
fn ring_is_written_on_sighup_and_goes_on() {
    let home = Home::acting("record-ring");
    let mut running = start(&home, &["--ring", "1h"]);
    assert!(!file(&home).exists());
    // The process that the first line names: the one that waits for it may ignore hangups.
    let worker = at_work(running.pid());
    let mut before = 0;
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(400));
        kill_process(worker, Signal::HUP).unwrap();
        let line = running.line();
        assert!(line.contains("written"), "{line}");
        let (count, _) = samples(&file(&home));
        assert!(count > before, "{count} after {before}");
        before = count;
    }
    kill_process(running.pid(), Signal::TERM).unwrap();
    assert_eq!(running.end(), Some(0));
}
