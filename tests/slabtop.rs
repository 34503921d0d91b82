//! The figures are slabtop's: the real one (procps) reads a captured slabinfo, bound over
//! /proc/slabinfo in a mount namespace of its own, and ours reads the same file.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

#[path = "support/program.rs"]
mod program;
mod support;

use std::path::Path;
use std::process::Command;

use program::Home;
use serde_json::Value;
use support::kernels;

/// slabtop's keys and the figure of ours that each sorts by.
const KEYS: [(&str, &str); 10] = [
    ("a", "active_objects"),
    ("b", "objects_per_slab"),
    ("c", "size_bytes"),
    ("l", "slabs"),
    ("v", "active_slabs"),
    ("n", "name"),
    ("o", "objects"),
    ("p", "pages_per_slab"),
    ("s", "object_size_bytes"),
    ("u", "use_percent"),
];

/// What slabtop prints, without blanks at the ends of lines.
fn slabtop(slabinfo: &Path, key: &str) -> Vec<String> {
    let mut unshare = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        unshare.arg("--map-root-user");
    }
    let script = "mount --bind \"$0\" /proc/slabinfo && exec slabtop -o -s \"$1\"";
    let output = unshare
        .args(["--mount", "sh", "-c", script])
        .arg(slabinfo)
        .arg(key)
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "slabtop of procps: {error}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn ours(root: &Path, key: &str) -> Value {
    let output = Home::read_only()
        .command()
        .args(["slabs", "--json", "-o", "-s", key, "--root"])
        .arg(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn figure(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap()
}

/// One of our rows as slabtop writes it.
fn row(cache: &Value) -> String {
    let figure = |key| figure(cache, key);
    format!(
        "{:6} {:6} {:3}% {:7.2}K {:6} {:8} {:9}K {}",
        figure("objects"),
        figure("active_objects"),
        figure("use_percent"),
        figure("object_size_bytes") as f64 / 1024.0,
        figure("slabs"),
        figure("objects_per_slab"),
        figure("size_bytes") / 1024,
        cache["name"].as_str().unwrap(),
    )
}

/// Our totals as slabtop's five lines.
fn head(totals: &Value) -> [String; 5] {
    let figure = |key| figure(totals, key);
    let line = |what: &str, active, all| {
        let (active, all) = (figure(active), figure(all));
        let share = 100.0 * active as f64 / all as f64;
        format!(
            " {:<35}: {active} / {all} ({share:.1}%)",
            format!("Active / Total {what} (% used)")
        )
    };
    let kib = |key| figure(key) as f64 / 1024.0;
    let (active, all) = (kib("active_object_bytes"), kib("object_bytes"));
    [
        line("Objects", "active_objects", "objects"),
        line("Slabs", "active_slabs", "slabs"),
        line("Caches", "active_caches", "caches"),
        format!(
            " {:<35}: {active:.2}K / {all:.2}K ({:.1}%)",
            "Active / Total Size (% used)",
            100.0 * active / all
        ),
        format!(
            " {:<35}: {:.2}K / {:.2}K / {:.2}K",
            "Minimum / Average / Maximum Object",
            kib("object_min_bytes"),
            kib("object_mean_bytes"),
            kib("object_max_bytes"),
        ),
    ]
}

#[test]
fn rows_and_figures_equal_slabtops_for_every_key() {
    for root in kernels() {
        for (key, by) in KEYS {
            let theirs = slabtop(&root.join("proc/slabinfo"), key);
            let ours = ours(&root, key);
            assert_eq!(theirs[..5], head(&ours["totals"]), "{root:?}");
            let caches = ours["caches"].as_array().unwrap();
            let rows: Vec<_> = caches.iter().map(row).collect();
            let mut sorted = [rows.clone(), theirs[7..].to_vec()];
            for rows in &mut sorted {
                rows.sort();
            }
            assert_eq!(sorted[0], sorted[1], "{root:?} {key}");
            // slabtop prints equal rows in any order: only the figures are in the same order.
            let of = |line: &String| {
                let at = rows.iter().position(|row| row == line).unwrap();
                caches[at][by].clone()
            };
            let their_order: Vec<_> = theirs[7..].iter().map(of).collect();
            let our_order: Vec<_> = caches.iter().map(|cache| cache[by].clone()).collect();
            assert_eq!(their_order, our_order, "{root:?} {key}");
        }
    }
}
