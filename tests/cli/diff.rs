//! `slabscope diff`.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use super::{KERNEL, captured, fixture, slabscope};

fn diff(a: &Path, b: &Path, args: &[&str]) -> Output {
    slabscope(&[&["diff", a.to_str().unwrap(), b.to_str().unwrap()], args].concat())
}

fn tree(name: &str, slabinfo: &str, dentries: &str) -> std::path::PathBuf {
    let text = format!("slabinfo - version: 2.1\n{slabinfo}");
    let meminfo =
        b"MemTotal: 4000000 kB\nSlab: 3072 kB\nSReclaimable: 2048 kB\nSUnreclaim: 1024 kB\n";
    captured(
        name,
        &[
            ("proc/slabinfo", text.as_bytes()),
            ("proc/meminfo", meminfo),
            ("proc/sys/fs/dentry-state", dentries.as_bytes()),
            ("proc/sys/kernel/hostname", b"web\x1b-07\n"),
            ("proc/sys/kernel/osrelease", b"6.1.0\n"),
        ],
    )
}

fn line(name: &str, slabs: u64) -> String {
    let objects = slabs * 21;
    format!("{name} {objects} {objects} 192 21 1 : tunables 0 0 0 : slabdata {slabs} {slabs} 0\n")
}

#[test]
fn two_captures_are_compared_with_the_largest_change_first() {
    let before = line("dentry", 512) + &line("same", 128) + &line("gone", 128);
    let after = line("dentry", 256) + &line("same", 128) + &line("new\x1b", 64);
    let a = tree("diff-a", &before, "900 800 45 0 700 0\n");
    let b = tree("diff-b", &after, "500 400 45 0 300 0\n");
    let output = diff(&a, &b, &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], "slabscope.diff/1");
    let names: Vec<_> = json["caches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["dentry", "gone", "new\\u{1b}"]);
    assert_eq!(json["caches"][0]["objects_change"], -256 * 21);
    assert!(json["caches"][1]["b_bytes"].is_null());
    let table = String::from_utf8(diff(&a, &b, &["--limit", "1"]).stdout).unwrap();
    assert!(
        table.contains("Negative dentries on the LRU") && table.contains("-400"),
        "{table}"
    );
    assert!(
        table.ends_with(" dentry\n") && !table.contains('\x1b'),
        "{table}"
    );
    let same = String::from_utf8(diff(&a, &a, &[]).stdout).unwrap();
    assert!(same.ends_with("No cache differs.\n"), "{same}");
}

#[test]
fn side_without_caches_is_named() {
    let a = fixture(KERNEL);
    let b = captured("diff-empty", &[("proc/uptime", b"1 1\n")]);
    let output = diff(&a, &b, &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("diff-empty") && said.contains("slabinfo"),
        "{said}"
    );
}
