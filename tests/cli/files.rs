//! Files that others control: the configuration, the audit file, and output files.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::captured;
use super::program::{Home, PROGRAM};

/// Runs it to its end, which has to be soon.
fn ends(command: &mut Command) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("it hangs: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn fifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
}

fn root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A home with something to act on: only the page cache of its own files.
struct Acting(Home);

impl Acting {
    fn new(name: &str) -> Self {
        let home = Home::acting(name);
        fs::create_dir(home.path().join("data")).unwrap();
        fs::write(home.path().join("data/file"), "x").unwrap();
        Self(home)
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("config/slabscope/config.toml")
    }

    fn audit(&self) -> PathBuf {
        self.0.path().join("state/slabscope/audit.jsonl")
    }

    fn args(&self) -> [String; 4] {
        let data = self.0.path().join("data").into_os_string();
        let data = data.into_string().unwrap();
        ["reclaim".into(), "--pages".into(), data, "--yes".into()]
    }

    fn act(&self) -> Output {
        ends(self.0.command().args(self.args()))
    }
}

#[test]
fn configuration_that_others_may_have_written_does_not_count() {
    let home = Acting::new("config");
    fs::write(home.config(), "audit = \"none\"\n").unwrap();
    set_mode(&home.config(), 0o644);
    assert_eq!(home.act().status.code(), Some(0));
    assert!(!home.audit().exists());
    let directory = home.config().parent().unwrap().to_owned();
    for (path, mode, back) in [
        (home.config(), 0o666, 0o644),
        (directory.clone(), 0o777, 0o755),
    ] {
        set_mode(&path, mode);
        let output = home.act();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        let text = format!("open to others, mode {mode:o}: run chmod go-w");
        assert!(said(&output).contains(&text), "{}", said(&output));
        set_mode(&path, back);
    }
    if root() {
        std::os::unix::fs::chown(home.config(), Some(65534), None).unwrap();
        let output = home.act();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        let text = "config.toml: belongs to user 65534, not to 0";
        assert!(said(&output).contains(text), "{}", said(&output));
    }
}

#[test]
fn configuration_that_is_no_file_or_too_large_is_refused_at_once() {
    let home = Acting::new("no-config");
    let refuse = |what: &str| {
        for args in [
            &["config"][..],
            &["tune"],
            &["prune", "/nonexistent", "--yes"],
        ] {
            let output = ends(home.0.command().args(args));
            let shown = args[0] == "tune";
            assert_eq!(output.status.success(), shown, "{what}: {}", said(&output));
            assert!(said(&output).contains(what), "{what}: {}", said(&output));
        }
        fs::remove_file(home.config()).unwrap();
    };
    fifo(&home.config());
    refuse("not a regular file");
    symlink("/dev/zero", home.config()).unwrap();
    refuse("not a regular file");
    let large = fs::File::create(home.config()).unwrap();
    large.set_len(1 << 40).unwrap();
    refuse("it holds more than 1.0 MiB");
    fs::write(home.config(), b"interval = 1.0\ntheme = \"\xff\"\n").unwrap();
    refuse("line 2: not UTF-8");
}

#[test]
fn audit_file_is_written_nowhere_that_others_decide() {
    let home = Acting::new("audit");
    let state = home.audit().parent().unwrap().to_owned();
    assert_eq!(home.act().status.code(), Some(0));
    let refused = |says: &str| {
        let output = home.act();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(says), "{}", said(&output));
    };
    set_mode(&state, 0o777);
    refused("slabscope is open to others, mode 777");
    set_mode(&state, 0o700);
    let link = state.join("other-name");
    fs::hard_link(home.audit(), &link).unwrap();
    refused("it has 2 names");
    fs::remove_file(&link).unwrap();
    fs::rename(home.audit(), &link).unwrap();
    symlink(&link, home.audit()).unwrap();
    refused("it is a symbolic link");
    fs::remove_file(home.audit()).unwrap();
    fifo(&home.audit());
    refused("not a regular file");
    if root() {
        std::os::unix::fs::chown(&state, Some(65534), None).unwrap();
        refused("slabscope belongs to user 65534, not to 0");
    }
}

/// Each action has a line before it and one after it.
#[test]
fn action_is_recorded_before_and_after() {
    let home = Acting::new("lines");
    assert_eq!(home.act().status.code(), Some(0));
    let text = fs::read_to_string(home.audit()).unwrap();
    let outcomes: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["begun", "complete"]);
}

/// A limit of the shell's, and a filesystem of 64 KiB that is full.
#[test]
fn action_without_room_for_its_record_does_not_run() {
    let home = Acting::new("no-room");
    let mut limited = home.0.run("sh");
    limited.args(["-c", "ulimit -f 0 && exec \"$@\"", "sh", PROGRAM]);
    let output = ends(limited.args(home.args()));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(
        said(&output).contains("File too large"),
        "{}",
        said(&output)
    );
    assert_eq!(fs::metadata(home.audit()).unwrap().size(), 0);

    let mut full = home.0.run("unshare");
    if !root() {
        full.arg("--map-root-user");
    }
    let script = "mount -t tmpfs -o size=64k,mode=700 tmpfs \"$HOME/state\" &&
                  mkdir -m 700 \"$HOME/state/slabscope\" &&
                  { head -c 1M /dev/zero >\"$HOME/state/slabscope/fill\" 2>/dev/null; exec \"$@\"; }";
    full.args(["--mount", "sh", "-c", script, "sh", PROGRAM]);
    let output = ends(full.args(home.args()));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("No space left"), "{}", said(&output));
    assert!(output.stdout.is_empty(), "nothing was done");
}

#[test]
fn former_setting_is_found_beside_malformed_lines() {
    let home = Acting::new("former");
    let root = captured("former", &[("proc/sys/vm/vfs_cache_pressure", b"200\n")]);
    fs::create_dir_all(home.audit().parent().unwrap()).unwrap();
    let line = b"{\"action\":\"tune\",\"mode\":\"vm.vfs_cache_pressure\",\"outcome\":\"complete\",\"from\":100,\"to\":200}\n";
    fs::write(home.audit(), [&b"\xff\n"[..], line, b"torn"].concat()).unwrap();
    set_mode(&home.audit(), 0o600);
    let tune = || {
        let mut command = home.0.command();
        ends(
            command
                .args(["tune", "vfs_cache_pressure", "--json", "--root"])
                .arg(&root),
        )
    };
    let output = tune();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["settings"][0]["former"], 100, "{}", said(&output));
    assert!(
        said(&output).contains("2 lines skipped"),
        "{}",
        said(&output)
    );
    // A file that others may have written is ignored.
    set_mode(&home.audit(), 0o666);
    let output = tune();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["settings"][0]["former"], Value::Null);
    assert!(said(&output).contains("mode 666"), "{}", said(&output));
    fs::remove_file(home.audit()).unwrap();
    fifo(&home.audit());
    let output = tune();
    assert!(
        said(&output).contains("not a regular file"),
        "{}",
        said(&output)
    );
}

/// Its page is a new file in place of a planted link, and the link's target is unchanged.
#[test]
fn man_page_is_not_written_through_a_planted_link() {
    let home = Home::acting("man");
    let (man, victim) = (home.path().join("man"), home.path().join("victim"));
    fs::create_dir(&man).unwrap();
    fs::write(&victim, "precious").unwrap();
    let page = man.join("slabscope.1");
    let write = |to: &Path| ends(home.command().arg("man").arg(to));
    let planted: [&dyn Fn(); 3] = [
        &|| symlink(&victim, &page).unwrap(),
        &|| fs::hard_link(&victim, &page).unwrap(),
        &|| fifo(&page),
    ];
    for plant in planted {
        plant();
        let output = write(&man);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert!(fs::symlink_metadata(&page).unwrap().is_file());
        assert!(fs::read_to_string(&page).unwrap().starts_with(".ie"));
        assert_eq!(fs::metadata(&page).unwrap().mode() & 0o777, 0o644);
        fs::remove_file(&page).unwrap();
    }
    let all = fs::read_dir(&man).unwrap().count();
    assert!(all > 10, "{all}");
    // A permissive umask does not mean directories in which root's files can be replaced.
    let mut open = home.run("sh");
    let output = ends(
        open.args(["-c", "umask 0; exec \"$@\"", "sh", PROGRAM, "man"])
            .arg(man.join("new")),
    );
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(fs::metadata(man.join("new")).unwrap().mode() & 0o777, 0o755);
    if root() {
        // A directory that is a link of another user.
        let link = home.path().join("link");
        symlink(home.path(), &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(65534), None).unwrap();
        let output = write(&link.join("new"));
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("link belongs to user 65534"));
        assert!(!home.path().join("new").exists());
    }
}

#[test]
fn module_is_loaded_from_a_file_alone() {
    if !root() {
        return;
    }
    let home = Home::acting("module");
    let path = home.path().join("slabscope.ko");
    let load = |path: &Path| {
        let mut command = home.command();
        let output = ends(command.args(["module", "load"]).arg(path));
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        said(&output)
    };
    fifo(&path);
    assert!(load(&path).contains("not a regular file"));
    assert!(load(Path::new("/dev/zero")).contains("not a regular file"));
    fs::remove_file(&path).unwrap();
    fs::write(&path, "no module").unwrap();
    set_mode(&path, 0o666);
    assert!(load(&path).contains("writable by everyone"));
    set_mode(&path, 0o644);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    assert!(load(&path).contains("too large"));
}

/// Without the right to load a module, so that none is loaded, should one exist.
#[test]
fn modprobe_is_taken_from_neither_path_nor_variables() {
    if !root() {
        return;
    }
    let home = Home::acting("modprobe");
    let fell = home.path().join("fell");
    let fake = home.path().join("bin/modprobe");
    fs::create_dir(home.path().join("bin")).unwrap();
    fs::write(&fake, format!("#!/bin/sh\n: >{}\n", fell.display())).unwrap();
    set_mode(&fake, 0o755);
    // `-h` would make it show its help, and succeed.
    for variables in [
        [
            ("PATH", fake.parent().unwrap().to_str().unwrap()),
            ("X", ""),
        ],
        [("MODPROBE_OPTIONS", "-h"), ("X", "")],
    ] {
        let mut command = home.run("/usr/bin/setpriv");
        command.args(["--bounding-set=-sys_module", PROGRAM, "module", "load"]);
        let output = ends(command.envs(variables));
        assert!(!fell.exists(), "{variables:?}");
        assert!(!output.status.success(), "{variables:?}: {}", said(&output));
    }
}

#[test]
fn name_in_csv_is_no_formula() {
    let line = |name: &str| format!("{name} 1 2 3 4 5 : tunables 0 0 0 : slabdata 6 7 0\n");
    let names = ["=cmd|'/C'!A0", "+1", "-1", "@SUM(A1)", "dentry"];
    let text: String = names.map(line).concat();
    let text = format!("slabinfo - version: 2.1\n{text}");
    let root = captured("formula", &[("proc/slabinfo", text.as_bytes())]);
    let mut command = Home::read_only().command();
    let output = ends(
        command
            .args(["slabs", "--csv", "--sort", "name", "--root"])
            .arg(&root),
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let found: Vec<_> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(1).unwrap())
        .collect();
    assert_eq!(found.len(), names.len(), "{text}");
    for name in found {
        let starts = name.trim_start_matches('"').chars().next().unwrap();
        assert!(starts == '\'' || starts.is_alphanumeric(), "{name}");
    }
}

/// A capture of another user may have pipes where the kernel has files.
#[test]
fn doctor_waits_for_no_pipe_of_a_capture_and_follows_no_link_out_of_it() {
    let release = "7.3.4-test";
    let root = captured(
        "pipes",
        &[
            ("proc/sys/kernel/osrelease", release.as_bytes()),
            ("proc/uptime", b"1 1\n"),
            ("sys/kernel/security/x", b""),
        ],
    );
    fifo(&root.join("proc/kallsyms"));
    let outside = root.with_extension("outside");
    fs::write(&outside, "none [integrity] confidentiality\n").unwrap();
    symlink(&outside, root.join("sys/kernel/security/lockdown")).unwrap();
    let mut command = Home::read_only().command();
    let output = ends(command.args(["doctor", "--json", "--root"]).arg(&root));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = json["checks"].as_array().unwrap();
    let lockdown = checks.iter().find(|check| check["name"] == "lockdown");
    assert_eq!(lockdown.unwrap()["state"], "unknown");
}
