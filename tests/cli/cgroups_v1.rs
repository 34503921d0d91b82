//! `slabscope cgroups` and `doctor` with cgroups of the first version.

use std::fs;

use serde_json::Value;

use super::cgroups::*;
use super::{KERNEL, captured, slabscope};

const V1: &[u8] = b"27 26 0:24 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
    28 26 0:25 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
    29 26 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

/// A tree of cgroup v1 with a container, and another one below it.
fn version_1(name: &str) -> std::path::PathBuf {
    let slabinfo: &[u8] = b"slabinfo - version: 2.1\n# name\n\
        inode_cache 13600 13624 608 13 2 : tunables 0 0 0 : slabdata 1048 1048 0\n\
        dentry(7:job) 18750 18753 192 21 1 : tunables 0 0 0 : slabdata 893 893 0\n";
    let below: &[u8] = b"slabinfo - version: 2.1\n# name\n\
        dentry 10 10 192 21 1 : tunables 0 0 0 : slabdata 1 1 0\n";
    let job = |file: &str| format!("sys/fs/cgroup/memory/docker/01ab/{file}");
    let files = [
        (
            job("memory.stat"),
            &b"cache 0\nrss 1\ntotal_cache 4096\ntotal_rss 491520\n"[..],
        ),
        (job("memory.usage_in_bytes"), b"17113088\n"),
        (job("memory.limit_in_bytes"), b"9223372036854771712\n"),
        (job("memory.kmem.usage_in_bytes"), b"16547840\n"),
        (job("memory.kmem.slabinfo"), slabinfo),
        (job("sub/memory.stat"), b"total_cache 0\ntotal_rss 0\n"),
        (job("sub/memory.limit_in_bytes"), b"1048576\n"),
        (job("sub/memory.usage_in_bytes"), b"524288\n"),
        (job("sub/memory.kmem.slabinfo"), below),
        ("proc/self/mountinfo".into(), V1),
        ("proc/meminfo".into(), MEMINFO),
        ("sys/fs/cgroup/unified/cgroup.controllers".into(), b"\n"),
        ("sys/fs/cgroup/cpu/cpu.shares".into(), b"1024\n"),
    ];
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(path, bytes)| (path.as_str(), *bytes))
        .collect();
    captured(name, &files)
}

#[test]
fn cgroups_of_v1_have_kernel_memory_and_slab_by_cache() {
    let root = version_1("cgroups-v1");
    let document = json(&root);
    assert_eq!(
        (&document["version"], &document["mount"]),
        (&"v1".into(), &"/sys/fs/cgroup/memory".into())
    );
    assert_eq!(
        document["cgroups"][0]["path"], "/docker/01ab",
        "sorted by kernel memory"
    );
    let job = row(&document, "/docker/01ab");
    assert_eq!(job["kernel_bytes"], 16_547_840);
    assert_eq!(job["slab_bytes"], 13_624 * 608 + 18_763 * 192);
    let caches = serde_json::json!([
        {"name": "inode_cache", "bytes": 13_624 * 608},
        {"name": "dentry", "bytes": 18_763 * 192},
    ]);
    assert_eq!(job["slab_caches"], caches);
    assert_eq!(
        job["slab_reclaimable_bytes"],
        Value::Null,
        "sysfs was not captured"
    );
    assert_eq!(
        (&job["anon_bytes"], &job["file_bytes"]),
        (&491_520.into(), &4096.into())
    );
    assert_eq!(
        (&job["max_bytes"], &job["current_bytes"]),
        (&Value::Null, &17_113_088.into())
    );
    assert_eq!(row(&document, "/docker/01ab/sub")["used_percent"], 50);
    let table = printed(&root, &[]);
    assert!(
        table.contains("inode_cache 7.9 MiB, dentry 3.4 MiB"),
        "{table}"
    );
    for class in ["inode_cache", "dentry"] {
        let directory = root.join("sys/kernel/slab").join(class);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("reclaim_account"), "1\n").unwrap();
    }
    let document = json(&root);
    let job = row(&document, "/docker/01ab");
    assert_eq!(job["slab_reclaimable_bytes"], job["slab_bytes"]);
    assert_eq!(job["slab_unreclaimable_bytes"], 0);
}

#[test]
fn doctor_and_cgroups_name_one_remedy_for_v1() {
    let root = version_1("cgroups-v1-doctor");
    let doctor = doctor(&root);
    let remedy = "systemd.unified_cgroup_hierarchy=1";
    assert!(
        doctor.contains("belongs to cgroup v1") && doctor.contains(remedy),
        "{doctor}"
    );
    assert!(!doctor.contains("cgroup_disable"), "{doctor}");
    let cgroup = "/sys/fs/cgroup/memory/docker/01ab";
    fs::remove_dir_all(root.join("sys/fs/cgroup/memory")).unwrap();
    let output = slabscope(&["cgroups", "--root", root.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3), "{cgroup}");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("cannot be read") && errors.contains(remedy),
        "{errors}"
    );
}

#[test]
fn doctor_and_cgroups_name_the_command_that_has_memory_counted() {
    let root = unified("cgroups-off", &[("cgroup.subtree_control", b"cpu pids\n")]);
    let remedy = "echo +memory >/sys/fs/cgroup/cgroup.subtree_control";
    let said = doctor(&root);
    assert!(
        said.starts_with("missing") && said.contains(remedy),
        "{said}"
    );
    let output = slabscope(&["cgroups", "--root", root.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains(remedy), "{errors}");
    let control = root.join("sys/fs/cgroup/cgroup.subtree_control");
    fs::write(control, "cpu memory pids\n").unwrap();
    assert!(doctor(&root).starts_with("ok "));
    // A container's top passes on only what its host allows.
    let below = b"30 25 0:27 /a /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    fs::write(root.join("proc/self/mountinfo"), below).unwrap();
    fs::write(root.join("sys/fs/cgroup/cgroup.subtree_control"), "").unwrap();
    assert!(doctor(&root).starts_with("ok "));
}

#[test]
fn v1_without_cgroups_is_unmounted() {
    let root = version_1("cgroups-v1-idle");
    fs::remove_dir_all(root.join("sys/fs/cgroup/memory/docker")).unwrap();
    let said = doctor(&root);
    assert!(
        said.contains("has no cgroups") && said.contains("umount /sys/fs/cgroup/memory"),
        "{said}"
    );
}

#[test]
fn cgroups_of_v1_are_reported_with_the_remedy() {
    let output = cgroups(KERNEL, &[]);
    assert_eq!(output.status.code(), Some(3));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("belongs to cgroup v1"), "{errors}");
    assert!(
        errors.contains("systemd.unified_cgroup_hierarchy=1"),
        "{errors}"
    );
}
