//! The commands: their output and exit codes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

#[path = "cli/carousel.rs"]
mod carousel;
#[path = "cli/cgroups.rs"]
mod cgroups;
#[path = "cli/cgroups_v1.rs"]
mod cgroups_v1;
#[path = "cli/check.rs"]
mod check;
#[path = "cli/diff.rs"]
mod diff;
#[path = "cli/files.rs"]
mod files;
#[path = "cli/metrics.rs"]
mod metrics;
#[path = "support/program.rs"]
mod program;
#[path = "cli/record.rs"]
mod record;
#[path = "cli/report.rs"]
mod report;
#[path = "cli/rungs.rs"]
mod rungs;
#[path = "cli/started.rs"]
mod started;
mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use program::{Home, Public};
use serde_json::Value;
use support::fixture;

const KERNEL: &str = "6.18.44-fc-v509";

fn slabscope(args: &[&str]) -> Output {
    command().args(args).output().unwrap()
}

fn command() -> Command {
    Home::read_only().command()
}

/// Prints the fixture's slabs.
fn slabs(args: &[&str]) -> String {
    let output = command()
        .arg("slabs")
        .args(args)
        .arg("--root")
        .arg(fixture(KERNEL))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn names(json: &str) -> Vec<String> {
    let json: Value = serde_json::from_str(json).unwrap();
    let caches = json["caches"].as_array().unwrap();
    caches
        .iter()
        .map(|cache| cache["name"].as_str().unwrap().to_owned())
        .collect()
}

/// A captured tree that holds these files.
fn captured(name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("cli")
        .join(name);
    let _ = fs::remove_dir_all(&root);
    for (path, bytes) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    root
}

#[test]
fn slabs_are_sorted_reversed_filtered_and_limited() {
    let by_size = names(&slabs(&["--json", "-s", "c"]));
    let mut turned = names(&slabs(&["--json", "--sort", "size", "--reverse"]));
    turned.reverse();
    assert_eq!(by_size, turned);
    let dentry = names(&slabs(&["--json", "--filter", "DENTRY"]));
    assert_eq!(dentry, ["dentry"]);
    let kmalloc = names(&slabs(&[
        "--json",
        "--filter",
        "~^kmalloc-[0-9]+$",
        "--limit",
        "2",
    ]));
    assert_eq!(kmalloc.len(), 2);
    assert!(kmalloc.iter().all(|name| name.starts_with("kmalloc-")));
}

#[test]
fn slabs_as_json_table_and_csv_hold_the_same() {
    let json: Value = serde_json::from_str(&slabs(&["--json"])).unwrap();
    assert_eq!(json["schema"], "slabscope.slabs/1");
    let caches = json["caches"].as_array().unwrap();
    assert_eq!(
        json["totals"]["caches"].as_u64().unwrap(),
        caches.len() as u64
    );
    assert_eq!(json["memory"]["slab_bytes"].as_u64().unwrap() % 1024, 0);
    let csv = slabs(&["--csv"]);
    assert_eq!(csv.lines().count(), caches.len() + 1);
    let table = slabs(&[]);
    assert!(table.lines().count() > caches.len());
    for line in table.lines() {
        assert_eq!(line, line.trim_end());
    }
}

#[test]
fn name_that_is_no_text_is_escaped_beside_its_bytes() {
    let line =
        b"slabinfo - version: 2.1\n\xff\x1b[2J 1 2 3 4 5 : tunables 0 0 0 : slabdata 6 7 0\n";
    let root = captured("no-text", &[("proc/slabinfo", line)]);
    let root = root.to_str().unwrap();
    let output = slabscope(&["slabs", "--json", "--root", root]);
    // Missing files are reported, and only a part was done.
    assert_eq!(output.status.code(), Some(5));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let cache = &json["caches"][0];
    assert_eq!(cache["name"], "\\xff\\u{1b}[2J");
    assert_eq!(cache["name_base64"], "/xtbMko=");
    assert_eq!(json["errors"].as_array().unwrap().len(), 3);
    for format in [&[][..], &["--csv"]] {
        let output = slabscope(&[&["slabs", "--root", root], format].concat());
        assert!(!output.stdout.contains(&0x1b) && !output.stdout.contains(&0xff));
    }
}

#[test]
fn unreadable_file_is_named_with_its_own_exit_code() {
    let garbage = b"slabinfo - version: 2.1\ndentry 1 -2 3 4 5 : tunables 0 0 0 : slabdata 6 7 0\n";
    let root = captured("garbage", &[("proc/slabinfo", garbage)]);
    let empty = captured("empty", &[("proc/uptime", b"1 1\n")]);
    for (root, code, said) in [
        (
            root.to_str().unwrap(),
            1,
            "line 2: num_objs is no count: -2",
        ),
        (empty.to_str().unwrap(), 3, "/proc/slabinfo: No such file"),
    ] {
        let output = slabscope(&["slabs", "--root", root]);
        assert_eq!(output.status.code(), Some(code));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(said), "{error}");
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(
            shown.contains("not known"),
            "never as an empty table: {shown}"
        );
    }
}

/// A user without access to slabinfo still sees the rest, and what would help.
#[test]
fn missing_permission_is_reported_with_a_remedy() {
    let public = Public::new();
    let copy = public.program();
    let mut command = if rustix::process::geteuid().is_root() {
        let mut setpriv = Home::read_only().run("setpriv");
        setpriv.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        setpriv.arg(&copy);
        setpriv
    } else {
        Home::read_only().run(&copy)
    };
    let output = command.arg("slabs").output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    for said in ["/proc/slabinfo", "sudo slabscope slabs"] {
        assert!(error.contains(said), "{error}");
    }
    let shown = String::from_utf8(output.stdout).unwrap();
    for shows in ["Slab ", "Dentries ", "not known"] {
        assert!(shown.contains(shows), "{shown}");
    }
}

#[test]
fn usage_errors_exit_with_2() {
    for args in [
        &["slabs", "--sort", "x"][..],
        &["slabs", "--filter", "~("],
        &["slabs", "--watch", "0"],
        &["slabs", "-o", "-d", "1"],
        &["slabs", "--json", "--csv"],
        &["--interval", "2", "slabs"],
        &["--interval", "x"],
        &["completions", "cobol"],
        &["reclaim"],
        &["reclaim", "--all", "4"],
        &["reclaim", "--all", "--superblock", "/"],
        &["reclaim", "--cgroup", "/sys/fs/cgroup"],
        &["reclaim", "--superblock", "/", "--amount", "1M"],
        &["reclaim", "--superblock", "/", "--sync"],
        &["reclaim", "--all", "--root", "/tmp"],
        &["tune", "vm.swappiness"],
        &["tune", "vm.vfs_cache_pressure", "x"],
        &["tune", "--restore"],
        // There is no terminal here.
        &[],
    ] {
        assert_eq!(slabscope(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn settings_are_shown_with_their_meaning() {
    let root = captured("tune", &[("proc/sys/vm/vfs_cache_pressure", b"150\n")]);
    fs::create_dir_all(root.join("proc/sys/fs")).unwrap();
    let root = root.to_str().unwrap();
    let output = slabscope(&["tune", "--root", root, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let settings = &json["settings"];
    assert_eq!(settings[0]["value"], 150);
    assert_eq!(settings[1]["value"], Value::Null);
    assert_eq!(
        settings[1]["why_not"],
        "this kernel has none; newer ones do"
    );
    let text = slabscope(&["tune", "--root", root, "vfs_cache_pressure"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.starts_with("vm.vfs_cache_pressure = 150 (the kernel's own: 100)"),
        "{text}"
    );
    assert!(!text.contains("dentry-negative"), "{text}");
}

#[test]
fn mistyped_word_is_reported_with_a_suggestion() {
    for (args, said) in [
        (
            &["slab"][..],
            "no command is named slab; did you mean slabs?",
        ),
        (&["foo"], "no command is named foo; there are slabs, census"),
        (&["foo"], "a directory of this name is opened by ./foo"),
        (
            &["slabs", "--limit", "x"],
            "expected a whole number, such as 10",
        ),
        (
            &["slabs", "--root", "/nonexistent"],
            "it must hold proc and sys",
        ),
    ] {
        let output = slabscope(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(said), "{args:?}: {error}");
    }
}

#[test]
fn closed_pipe_ends_the_program_quietly() {
    let mut child = command()
        .args(["slabs", "--watch", "0.1", "--csv", "--root"])
        .arg(fixture(KERNEL))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 12];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"time_unix_ns");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn rows_beyond_the_limit_are_reported() {
    let root = fixture(KERNEL);
    let root = root.to_str().unwrap();
    let run = |format| slabscope(&["slabs", "--limit", "10", format, "--root", root]);
    let output = run("--csv");
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error, "slabscope: --limit left out 225 caches\n");
    let json: Value = serde_json::from_slice(&run("--json").stdout).unwrap();
    assert_eq!(json["caches_left_out"], 225);
    assert_eq!(json["caches"].as_array().unwrap().len(), 10);
}

#[test]
fn watch_shows_growth_since_the_last_and_the_first_print() {
    let slabinfo = |still: u64, grows: u64| {
        let line = |name, active| {
            format!("{name} {active} 900 8 512 1 : tunables 0 0 0 : slabdata 2 2 0\n")
        };
        "slabinfo - version: 2.1\n".to_owned() + &line("still", still) + &line("grows", grows)
    };
    let root = captured("watch", &[("proc/slabinfo", slabinfo(7, 100).as_bytes())]);
    let mut child = command()
        .args([
            "slabs", "--watch", "0.1", "--sort", "growth", "--json", "--root",
        ])
        .arg(&root)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || {
        let json: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        json["caches"][0].clone()
    };
    let first = next();
    assert_eq!(first["name"], "grows", "by name while there is no growth");
    assert!(first["active_objects_per_second"].is_null());
    assert!(first["active_objects_since_first"].is_null());
    // Over the old text of the same length: the file always has complete lines.
    let file = fs::OpenOptions::new()
        .write(true)
        .open(root.join("proc/slabinfo"));
    file.unwrap()
        .write_all(slabinfo(7, 150).as_bytes())
        .unwrap();
    let grown = (0..200)
        .map(|_| next())
        .find(|of| of["active_objects_since_first"] == 50);
    let grown = grown.unwrap();
    assert_eq!(grown["name"], "grows");
    assert!(grown["active_objects_per_second"].as_f64().unwrap() > 0.0);
    assert_eq!(next()["active_objects_per_second"], 0.0);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn growth_needs_two_prints() {
    let output = slabscope(&["slabs", "--sort", "g"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("--watch")
    );
}

#[test]
fn doctor_lists_what_exists_and_what_is_missing() {
    let doctor = |root: &Path| {
        let output = command()
            .args(["doctor", "--json", "--root"])
            .arg(root)
            .output()
            .unwrap();
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["schema"], "slabscope.doctor/1");
        let check = &json["checks"][0];
        assert_eq!(check["name"], "/proc/slabinfo");
        (output.status.code(), check.clone())
    };
    let (code, slabinfo) = doctor(&fixture(KERNEL));
    assert_eq!((code, &slabinfo["state"]), (Some(0), &"ok".into()));
    assert!(slabinfo["remedy"].is_null());
    let (code, slabinfo) = doctor(&captured("nothing", &[("proc/uptime", b"1 1\n")]));
    assert_eq!((code, &slabinfo["state"]), (Some(3), &"missing".into()));
    assert!(slabinfo["remedy"].is_string());
    // This machine may offer anything: all checks are printed, and the remedies once more at the
    // end.
    let text = String::from_utf8(slabscope(&["doctor"]).stdout).unwrap();
    for what in [
        "/proc/slabinfo",
        "openat2",
        "module",
        "cgroup v2",
        "terminal",
    ] {
        assert!(text.contains(what), "{text}");
    }
}

#[test]
fn configuration_is_checked_with_its_line() {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("config");
    fs::create_dir_all(home.join("slabscope")).unwrap();
    let default = slabscope(&["config", "--print-default"]).stdout;
    let mistaken = [b"\nintervall = 2\n", &default[..]].concat();
    let no_action = [&default[..], b"freze = 'F'\n"].concat();
    let line = default.iter().filter(|&&byte| byte == b'\n').count() + 1;
    for (text, code, said) in [
        (default, 0, String::new()),
        (
            mistaken,
            2,
            "line 2: no key is named intervall; the nearest is interval".to_owned(),
        ),
        (
            no_action,
            2,
            format!("line {line}: nothing with a key is named freze; the nearest is freeze"),
        ),
        (
            b"keys = { freeze = 'm' }\n".to_vec(),
            2,
            "line 1: the key m has two meanings, mark and freeze".to_owned(),
        ),
    ] {
        fs::write(home.join("slabscope/config.toml"), text).unwrap();
        let output = command()
            .arg("config")
            .env("XDG_CONFIG_HOME", &home)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(&said), "{error}");
    }
    fs::remove_dir_all(home).unwrap();
}

#[test]
fn completions_and_man_pages_know_every_command() {
    let help = String::from_utf8(slabscope(&["--help"]).stdout).unwrap();
    let commands: Vec<_> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .map_while(|line| line.split_ascii_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.contains(&"slabs") && commands.contains(&"doctor"));
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("man");
    let output = slabscope(&["man", directory.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(slabscope(&["completions", shell]).stdout).unwrap();
        for command in &commands {
            assert!(script.contains(command), "{shell}: {command}");
            assert!(directory.join(format!("slabscope-{command}.1")).exists());
        }
    }
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn read_only_refuses_a_prune_and_lets_a_dry_run_be() {
    let file = [("slabscope/config.toml", &b"read-only = true\n"[..])];
    let configured = captured("read-only", &file);
    let plain = captured("read-write", &[("slabscope/config.toml", b"")]);
    // A directory of its own: if it were not refused, no other cache would go.
    let directory = plain.to_str().unwrap();
    let prune = |config: &Path, args: &[&str]| {
        let mut command = command();
        command.env("XDG_CONFIG_HOME", config).args(args);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    for (config, args) in [
        (&plain, &["--read-only", "prune", directory, "--yes"][..]),
        (&plain, &["prune", directory, "--yes", "--read-only"]),
        (&configured, &["prune", directory, "--yes"]),
    ] {
        let (code, said) = prune(config, args);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("read-only"), "{said}");
    }
    for (config, args) in [
        (
            &plain,
            &["prune", directory, "--dry-run", "--read-only"][..],
        ),
        (&configured, &["prune", directory, "--dry-run"]),
    ] {
        let (_, said) = prune(config, args);
        assert!(!said.contains("read-only"), "{said}");
    }
}
