//! `slabscope cgroups`.

use std::fs;
use std::process::Output;

use serde_json::Value;

use super::{KERNEL, captured, command, fixture};

/// Prints a fixture's cgroups.
fn cgroups(kernel: &str, args: &[&str]) -> Output {
    let mut command = command();
    command.arg("cgroups").args(args);
    command.arg("--root").arg(fixture(kernel)).output().unwrap()
}

const CGROUP_2: &str = "7.3.4+deb13-cloud-amd64";

#[test]
fn cgroups_of_a_captured_kernel() {
    let output = cgroups(CGROUP_2, &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], "slabscope.cgroups/1");
    assert_eq!(json["mount"], "/sys/fs/cgroup");
    let all = json["cgroups"].as_array().unwrap();
    assert_eq!(all[0]["path"], "/", "the root holds the most");
    assert_eq!(all[0]["current_bytes"], Value::Null);
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
fn cgroups_as_a_table_sorted_and_cut() {
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
fn cgroups_of_the_first_version_are_told_with_the_remedy() {
    let output = cgroups(KERNEL, &[]);
    assert_eq!(output.status.code(), Some(3));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("belongs to cgroup v1"), "{errors}");
    assert!(
        errors.contains("systemd.unified_cgroup_hierarchy=1"),
        "{errors}"
    );
}

#[test]
fn cgroups_that_the_kernel_writes_differently_are_told_by_file_and_line() {
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
    assert_eq!(output.status.code(), Some(1));
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
