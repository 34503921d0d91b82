//! `slabscope cgroups`.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Output;

use rustix::fs::{Mode, OFlags, mkdirat, open, openat};

use serde_json::Value;

use super::{captured, command, fixture, slabscope};

/// Prints a fixture's cgroups.
pub(super) fn cgroups(kernel: &str, args: &[&str]) -> Output {
    let mut command = command();
    command.arg("cgroups").args(args);
    command.arg("--root").arg(fixture(kernel)).output().unwrap()
}

pub(super) const CGROUP_2: &str = "7.3.4+deb13-cloud-amd64";

/// Prints the cgroups of a captured tree, which have to be read.
pub(super) fn printed(root: &Path, args: &[&str]) -> String {
    let output = slabscope(&[&["cgroups", "--root", root.to_str().unwrap()], args].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub(super) fn json(root: &Path) -> Value {
    serde_json::from_str(&printed(root, &["--json"])).unwrap()
}

pub(super) fn row<'a>(json: &'a Value, path: &str) -> &'a Value {
    let mut all = json["cgroups"].as_array().unwrap().iter();
    all.find(|row| row["path"] == path).unwrap()
}

/// Doctor's output on cgroups: its line, and the remedy if there is one.
pub(super) fn doctor(root: &Path) -> String {
    let output = slabscope(&["doctor", "--root", root.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text
        .lines()
        .filter(|line| line.contains("cgroup v2 ") || line.contains("cgroup v2:"));
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) const MEMINFO: &[u8] = b"MemTotal: 4000000 kB\nMemAvailable: 2000000 kB\nSlab: 300 kB\nSReclaimable: 200 kB\nSUnreclaim: 100 kB\n";
pub(super) const UNIFIED: &[u8] =
    b"30 25 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
pub(super) const ROOT_STAT: &[u8] = b"anon 5\nfile 6\nslab_reclaimable 0\nslab_unreclaimable 0\n";

/// A tree of cgroup v2 with these files below its mount.
pub(super) fn unified(name: &str, files: &[(&str, &[u8])]) -> std::path::PathBuf {
    let below = |path: &str| format!("sys/fs/cgroup/{path}");
    let paths: Vec<String> = files.iter().map(|(path, _)| below(path)).collect();
    let mut all: Vec<(&str, &[u8])> = vec![
        ("proc/self/mountinfo", UNIFIED),
        ("proc/meminfo", MEMINFO),
        ("sys/fs/cgroup/cgroup.controllers", b"cpu memory\n"),
        ("sys/fs/cgroup/memory.stat", ROOT_STAT),
    ];
    all.extend(
        paths
            .iter()
            .zip(files)
            .map(|(path, (_, bytes))| (path.as_str(), *bytes)),
    );
    captured(name, &all)
}

pub(super) const STAT: &[u8] = b"anon 1\nfile 2\nslab_reclaimable 879000\nslab_unreclaimable 4\n";

#[test]
fn cgroup_mount_that_cannot_be_read_is_passed_over() {
    let second = b"24 22 0:21 / /run rw - tmpfs tmpfs rw\n910 24 0:27 / /run/cilium/cgroupv2 rw - cgroup2 none rw\n";
    let root = unified("cgroups-twice", &[("kubepods.slice/memory.stat", STAT)]);
    for mounts in [[UNIFIED, second], [second, UNIFIED]] {
        fs::write(root.join("proc/self/mountinfo"), mounts.concat()).unwrap();
        let json = json(&root);
        assert_eq!(json["mount"], "/sys/fs/cgroup");
        assert_eq!(
            row(&json, "/kubepods.slice")["slab_reclaimable_bytes"],
            879_000
        );
        let doctor = doctor(&root);
        assert!(doctor.starts_with("ok "), "{doctor}");
    }
    // The usual place is a directory of another cgroup without the controller.
    let elsewhere = b"910 24 0:27 / /run/cg rw - cgroup2 none rw\n";
    fs::write(
        root.join("proc/self/mountinfo"),
        [UNIFIED, elsewhere].concat(),
    )
    .unwrap();
    fs::create_dir_all(root.join("run")).unwrap();
    fs::rename(root.join("sys/fs/cgroup"), root.join("run/cg")).unwrap();
    assert_eq!(json(&root)["mount"], "/run/cg");
}

#[test]
fn cgroup_mounts_out_of_reach_are_named_with_the_remedy() {
    let mounts = b"910 24 0:27 / /run/cg rw - cgroup2 none rw\n";
    let root = captured("cgroups-out-of-reach", &[("proc/self/mountinfo", mounts)]);
    let output = slabscope(&["cgroups", "--root", root.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("no mount of cgroup2 can be read: /run/cg: "),
        "{errors}"
    );
    assert!(
        errors.contains("mount -t cgroup2 none /sys/fs/cgroup"),
        "{errors}"
    );
    assert!(doctor(&root).contains("mount -t cgroup2 none /sys/fs/cgroup"));
}

#[test]
fn cgroups_name_kernel_memory_that_is_not_slab() {
    let stat = b"anon 400000000\nfile 100000000\nkernel 3200000000\nkernel_stack 20000000\npagetables 30000000\n\
        percpu 1500000000\nsock 0\nvmalloc 1300000000\nslab_reclaimable 150000000\nslab_unreclaimable 200000000\n";
    let root = unified(
        "cgroups-kernel",
        &[
            ("agent.service/memory.stat", stat),
            ("old/memory.stat", STAT),
        ],
    );
    let document = json(&root);
    let agent = row(&document, "/agent.service");
    assert_eq!(agent["kernel_bytes"], 3_200_000_000_u64);
    assert_eq!(
        agent["kernel_parts"][0],
        serde_json::json!({"name": "percpu", "bytes": 1_500_000_000})
    );
    assert_eq!(agent["kernel_parts"][1]["name"], "vmalloc");
    assert_eq!(
        row(&document, "/old")["kernel_bytes"],
        Value::Null,
        "before Linux 5.18"
    );
    let table = printed(&root, &["--sort", "kernel"]);
    assert!(
        table.lines().next().unwrap().contains(" KERNEL "),
        "{table}"
    );
    assert!(table.lines().nth(1).unwrap().contains("3.0 GiB"), "{table}");
}

#[test]
fn root_cgroup_has_the_slab_of_the_machine() {
    let root = unified("cgroups-root", &[]);
    let document = json(&root);
    let top = row(&document, "/");
    assert_eq!(top["slab_reclaimable_bytes"], 200 * 1024);
    assert_eq!(top["slab_unreclaimable_bytes"], 100 * 1024);
    assert_eq!(
        (&top["anon_bytes"], &top["file_bytes"]),
        (&5.into(), &6.into())
    );
    fs::remove_file(root.join("proc/meminfo")).unwrap();
    assert_eq!(
        row(&json(&root), "/")["slab_reclaimable_bytes"],
        Value::Null
    );
    // The top of a container's cgroups has limits, and its own figures.
    fs::write(root.join("sys/fs/cgroup/memory.current"), "77\n").unwrap();
    assert_eq!(row(&json(&root), "/")["slab_reclaimable_bytes"], 0);
}

#[test]
fn dying_cgroups_are_counted() {
    let dying = |n| {
        format!(
            "nr_descendants 1\nnr_subsys_memory 2\nnr_dying_descendants {n}\nnr_dying_subsys_memory {n}\n"
        )
    };
    let (root, jobs) = (dying(23), dying(22));
    let files: [(&str, &[u8]); 5] = [
        ("cgroup.stat", root.as_bytes()),
        ("jobs/cgroup.stat", jobs.as_bytes()),
        ("jobs/memory.stat", STAT),
        ("other/memory.stat", STAT),
        (
            "other/cgroup.stat",
            b"nr_descendants 0\nnr_dying_descendants 0\n",
        ),
    ];
    let root = unified("cgroups-dying", &files);
    let document = json(&root);
    assert_eq!(row(&document, "/")["dying_descendants"], 23);
    let jobs = row(&document, "/jobs");
    assert_eq!(
        (
            &jobs["dying_descendants"],
            &jobs["dying_memory_controllers"]
        ),
        (&22.into(), &22.into())
    );
    let other = row(&document, "/other");
    assert_eq!(
        (
            &other["dying_descendants"],
            &other["dying_memory_controllers"]
        ),
        (&0.into(), &Value::Null)
    );
    let table = printed(&root, &["--sort", "dying"]);
    assert!(
        table.lines().next().unwrap().ends_with("DYING CGROUP"),
        "{table}"
    );
}

/// Nested directories of this name, however long the path gets.
pub(super) fn nested(top: &Path, name: &str, levels: usize) {
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let mut at = open(top, flags, Mode::empty()).unwrap();
    for _ in 0..levels {
        mkdirat(&at, name, Mode::RWXU).unwrap();
        at = openat(&at, name, flags, Mode::empty()).unwrap();
    }
    let file = openat(
        &at,
        "memory.stat",
        OFlags::CREATE | OFlags::WRONLY,
        Mode::RUSR,
    )
    .unwrap();
    rustix::io::write(file, STAT).unwrap();
}

#[test]
fn cgroups_below_path_max_do_not_hide_the_others() {
    let root = unified("cgroups-path-max", &[("web/memory.stat", STAT)]);
    nested(&root.join("sys/fs/cgroup"), &"d".repeat(250), 20);
    let json = json(&root);
    assert_eq!(row(&json, "/web")["slab_reclaimable_bytes"], 879_000);
    let all = json["cgroups"].as_array().unwrap();
    let longest = all
        .iter()
        .max_by_key(|row| row["path"].as_str().unwrap().len())
        .unwrap();
    assert_eq!(longest["path"].as_str().unwrap().len(), 20 * 251);
    assert_eq!(
        longest["slab_reclaimable_bytes"], 879_000,
        "it has its figures"
    );
}

#[test]
fn cgroups_too_deep_are_counted_and_reported() {
    let root = unified("cgroups-deep", &[("web/memory.stat", STAT)]);
    nested(&root.join("sys/fs/cgroup"), "d", 70);
    let output = slabscope(&["cgroups", "--root", root.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(5));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["cgroups_not_read"], 1);
    assert_eq!(json["cgroups"].as_array().unwrap().len(), 2 + 64);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("1 cgroup not read"), "{errors}");
}

#[test]
fn hostile_cgroup_costs_its_own_row_alone() {
    let files: [(&str, &[u8]); 5] = [
        ("a/memory.stat", b"file two\n"),
        ("b/memory.stat", STAT),
        ("b/memory.max", b"much\n"),
        ("c/memory.stat/is-a-directory", b""),
        ("web/memory.stat", STAT),
    ];
    let root = unified("cgroups-hostile", &files);
    let below = root.join("sys/fs/cgroup");
    fs::create_dir(below.join("fifo")).unwrap();
    let fifo = below.join("fifo/memory.stat");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        Mode::RWXU,
        0,
    )
    .unwrap();
    std::os::unix::fs::symlink("/", below.join("link")).unwrap();
    fs::create_dir(below.join("planted")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", below.join("planted/memory.stat")).unwrap();
    fs::create_dir(below.join(std::ffi::OsStr::from_bytes(b"\xff\x1b[2J"))).unwrap();
    let output = slabscope(&["cgroups", "--root", root.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(row(&json, "/web")["slab_reclaimable_bytes"], 879_000);
    for (path, why) in [
        ("/a", "a/memory.stat: line 1: file is no count: two"),
        ("/b", "b/memory.max: line 1: bytes is no figure: much"),
        ("/c", "c/memory.stat: "),
        ("/fifo", "fifo/memory.stat: not a regular file"),
        ("/planted", "planted/memory.stat: "),
    ] {
        let error = row(&json, path)["error"].as_str().unwrap();
        assert!(
            error.starts_with(&format!("/sys/fs/cgroup/{why}")),
            "{error}"
        );
        assert_eq!(row(&json, path)["slab_reclaimable_bytes"], Value::Null);
    }
    assert!(
        json["cgroups"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["path"] != "/link")
    );
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("2 cgroups more cannot be read"), "{errors}");
}

/// One malformed line of memory.stat: the row has its other figures, and names that line.
#[test]
fn odd_line_of_memory_stat_costs_its_figure_alone() {
    let odd = b"anon 1\nfile -2\nkernel 879100\nslab_reclaimable 879000\nslab_unreclaimable 4\n";
    let root = unified("cgroups-odd-line", &[("a/memory.stat", odd)]);
    let output = slabscope(&["cgroups", "--root", root.to_str().unwrap(), "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = row(&json, "/a");
    assert_eq!(row["slab_reclaimable_bytes"], 879_000);
    assert_eq!(row["file_bytes"], Value::Null, "unknown, not 0");
    let why = "/sys/fs/cgroup/a/memory.stat: line 2: file is no count: -2";
    assert_eq!(row["error"], why);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains(why), "{errors}");
}

#[test]
fn unit_names_are_escaped_once_in_the_table() {
    let root = unified(
        "cgroups-x2d",
        &[(r"system-cri\x2dcontainerd.slice/memory.stat", STAT)],
    );
    let table = printed(&root, &[]);
    assert!(
        table.contains(r" /system-cri\x2dcontainerd.slice"),
        "{table}"
    );
}

#[test]
fn cgroups_of_a_captured_kernel_are_printed() {
    let output = cgroups(CGROUP_2, &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], "slabscope.cgroups/1");
    assert_eq!(json["mount"], "/sys/fs/cgroup");
    let all = json["cgroups"].as_array().unwrap();
    assert_eq!(row(&json, "/")["current_bytes"], Value::Null);
    assert_eq!(row(&json, "/")["slab_reclaimable_bytes"], 1344_u64 * 1024);
    assert_eq!(json["version"], "v2");
    let of = |path: &str| all.iter().find(|of| of["path"] == path).unwrap();
    let web = of("/app.slice/web.service");
    assert_eq!(web["slab_reclaimable_bytes"], 58_001_768);
    assert_eq!(web["current_bytes"], 58_376_192);
    assert_eq!(web["max_bytes"], 67_108_864);
    assert_eq!(web["high_bytes"], Value::Null);
    assert_eq!(web["used_percent"], 86);
    assert_eq!(web["filled_by_slab"], false);
    assert_eq!(web["pressure_avg10_percent"], 0.0);
    assert_eq!(of("/app.slice")["high_bytes"], 134_217_728);
    let payload = of("/app.slice/batch.service/payload");
    assert_eq!(payload["memory_controller"], false);
    assert_eq!(payload["slab_reclaimable_bytes"], Value::Null);
}

#[test]
fn cgroups_table_is_sorted_and_limited() {
    let output = cgroups(CGROUP_2, &["--sort", "file", "--limit", "2"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].ends_with(" CGROUP") && lines[1].ends_with(" /"),
        "{text}"
    );
    assert!(lines[2].ends_with(" /system.slice"), "{text}");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors, "slabscope: --limit left out 5 cgroups\n");
    let output = cgroups(CGROUP_2, &["--sort", "size"]);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("slab_reclaimable, growth"), "{errors}");
}

#[test]
fn malformed_cgroup_files_are_reported_by_file_and_line() {
    let mountinfo = b"36 30 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    let root = captured(
        "cgroups",
        &[
            ("proc/self/mountinfo", mountinfo),
            ("sys/fs/cgroup/cgroup.controllers", b"cpu memory\n"),
            ("sys/fs/cgroup/memory.stat", b"anon 1\nfile two\n"),
        ],
    );
    let output = command()
        .arg("cgroups")
        .arg("--root")
        .arg(&root)
        .output()
        .unwrap();
    // The other figures are shown, and this one is reported.
    assert_eq!(output.status.code(), Some(0));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("memory.stat: line 2: file is no count: two"),
        "{errors}"
    );
    fs::write(root.join("sys/fs/cgroup/cgroup.controllers"), "cpu\n").unwrap();
    let output = command()
        .arg("cgroups")
        .arg("--root")
        .arg(&root)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("no memory controller") && errors.contains("cgroup_disable"),
        "{errors}"
    );
}
