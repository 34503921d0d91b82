//! Captures that change while they are read, and files that must not be opened in them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{DENTRY, command, scratch, text, write};

#[test]
fn capture_that_is_replaced_by_rename_is_read_anew() {
    let root = scratch("renamed");
    write(&root, "proc/slabinfo", DENTRY.as_bytes());
    let mut child = command(&root, &["slabs", "-d", "0.1", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut active = || {
        let json: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        json["caches"][0]["active_objects"].as_u64().unwrap()
    };
    assert_eq!(active(), 100_000);
    let new = DENTRY.replace("100000 100002", "200000 200004");
    write(&root, "proc/new", new.as_bytes());
    fs::rename(root.join("proc/new"), root.join("proc/slabinfo")).unwrap();
    let seen = (0..50).any(|_| active() == 200_000);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(seen, "the old file was read on");
}

/// Runs a command, which has to end in time.
fn ended(mut command: Command) -> Output {
    let begin = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > Duration::from_secs(10) {
            child.kill().unwrap();
            panic!("{command:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

#[test]
fn files_outside_of_a_capture_and_blocking_ones_are_not_opened() {
    let root = scratch("hostile");
    write(&root, "proc/slabinfo", DENTRY.as_bytes());
    let secret = root.with_extension("secret");
    fs::write(&secret, "7.7.7-secret\n").unwrap();
    fs::create_dir_all(root.join("proc/sys/kernel")).unwrap();
    fs::create_dir_all(root.join("proc/self")).unwrap();
    symlink(&secret, root.join("proc/sys/kernel/osrelease")).unwrap();
    symlink(
        "../../../hostile.secret",
        root.join("proc/sys/kernel/hostname"),
    )
    .unwrap();
    symlink("/dev/zero", root.join("proc/meminfo")).unwrap();
    fs::create_dir_all(root.join("sys/kernel")).unwrap();
    symlink("/sys/kernel/slab", root.join("sys/kernel/slab")).unwrap();
    for pipe in [
        "proc/kallsyms",
        "proc/self/mountinfo",
        "proc/sys/inode-nr",
        "proc/uptime",
    ] {
        let path = root.join(pipe);
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    }
    let output = ended(command(&root, &["slabs", "--json"]));
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert!(!printed.contains("secret\""), "{printed}");
    assert!(!printed.contains("7.7.7"), "{printed}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["kernel"], Value::Null);
    assert_eq!(json["memory"], Value::Null);
    assert_eq!(
        json["caches"][0]["class"],
        Value::Null,
        "of this machine, not of the capture"
    );
    for args in [&["doctor"][..], &["cgroups"], &["tune"]] {
        let output = ended(command(&root, args));
        assert!(!text(&output.stdout).contains("7.7.7"), "{args:?}");
    }
    let large = fs::File::create(root.join("proc/slabinfo")).unwrap();
    large.set_len((256 << 20) + 1).unwrap();
    let output = ended(command(&root, &["slabs"]));
    let errors = text(&output.stderr);
    assert!(
        errors.contains("proc/slabinfo: larger than 256 MiB"),
        "{errors}"
    );
    fs::remove_file(secret).unwrap();
}
