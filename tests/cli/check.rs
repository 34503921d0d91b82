//! `slabscope check`.

use std::path::Path;
use std::process::Output;

use super::cgroups::unified;
use super::{KERNEL, captured, fixture, slabscope};

fn check(root: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = slabscope(&[&["check", "--root", root.to_str().unwrap()], args].concat());
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

const MEMINFO: &[u8] = b"MemTotal: 1000 kB\nSlab: 400 kB\nSReclaimable: 395 kB\nSUnreclaim: 5 kB\n";

/// Six of ten million dentries are negative.
const NEGATIVE: &[u8] = b"10000000\t9000000\t45\t0\t6000000\t0\n";

#[test]
fn worst_figure_decides_and_is_said_first() {
    let root = captured(
        "check",
        &[
            ("proc/meminfo", MEMINFO),
            ("proc/sys/fs/dentry-state", NEGATIVE),
            ("proc/sys/kernel/osrelease", b"6.1.0\n"),
        ],
    );
    let no_cgroups = ["--ignore", "cgroup"];
    let with = |args: &[&'static str]| check(&root, &[&no_cgroups[..], args].concat());
    let (code, line) = with(&[]);
    assert_eq!(
        line,
        "SLABSCOPE WARNING - slab 40.0 % of memory, 400 KiB; negative dentries 60.0 % of all, 6,000,000; \
         unreclaimable 0.5 % of memory, 5.0 KiB | slab=409600B;307200;512000;0;1024000 \
         unreclaimable=5120B;102400;256000;0;1024000 negative=6000000;5000000;8000000;0;10000000\n"
    );
    assert_eq!(code, Some(1));
    let (code, line) = with(&["--negative-critical", "55"]);
    assert!(
        line.starts_with("SLABSCOPE CRITICAL - negative dentries "),
        "{line}"
    );
    assert_eq!(code, Some(2));
    let (code, line) = with(&["--slab-warning", "40", "--negative-least", "6000000"]);
    assert!(
        line.starts_with("SLABSCOPE OK - "),
        "only what is above counts: {line}"
    );
    assert_eq!(code, Some(0));
}

#[test]
fn figure_that_is_not_known_is_unknown_and_not_zero() {
    let root = captured(
        "check-unknown",
        &[("proc/meminfo", b"MemTotal: 1000 kB\nSlab: 100 kB\n")],
    );
    let (code, line) = check(&root, &[]);
    assert_eq!(code, Some(3), "{line}");
    assert!(line.starts_with("SLABSCOPE UNKNOWN - "), "{line}");
    assert!(
        line.contains(" unreclaimable=U negative=U cgroup=U\n"),
        "{line}"
    );
    assert!(line.contains("slab=102400B;"), "{line}");
    let (code, line) = check(&root, &["--slab-critical", "5", "--slab-warning", "5"]);
    assert!(
        line.starts_with("SLABSCOPE CRITICAL - slab "),
        "known bad is worse: {line}"
    );
    assert_eq!(code, Some(2));
    let rest = [
        "--ignore",
        "unreclaimable",
        "--ignore",
        "negative",
        "--ignore",
        "cgroup",
    ];
    assert_eq!(check(&root, &rest).0, Some(0));
}

#[test]
fn cgroup_that_slab_fills_is_found_and_its_name_escaped() {
    let files: Vec<(&str, &[u8])> = vec![
        (
            "a|b=1\n/memory.stat",
            b"anon 5\nfile 6\nslab_reclaimable 90\nslab_unreclaimable 4\n",
        ),
        ("a|b=1\n/memory.current", b"110\n"),
        ("a|b=1\n/memory.max", b"112\n"),
        // Fuller, by files.
        (
            "files/memory.stat",
            b"anon 5\nfile 90\nslab_reclaimable 4\nslab_unreclaimable 4\n",
        ),
        ("files/memory.current", b"112\n"),
        ("files/memory.max", b"112\n"),
    ];
    let root = unified("check-cgroups", &files);
    let (code, line) = check(&root, &["--ignore", "negative"]);
    assert_eq!(code, Some(2), "{line}");
    assert!(
        line.contains("cgroup /a\\u{7c}b=1\\n, mostly slab, uses 98.2 % of its limit"),
        "{line}"
    );
    assert_eq!(line.matches('|').count(), 1, "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(
        line.trim_end().ends_with("cgroup=110B;100;109;0;112"),
        "{line}"
    );
}

#[test]
fn wrong_use_is_unknown_and_not_a_finding() {
    for args in [
        &["check", "--slab-warning", "x"][..],
        &["check", "--slab-warning", "60", "--slab-critical", "50"],
        &["check", "--no-such"],
        &["check", "--root", "/no/such/directory"],
        &["--interval", "5", "check"],
    ] {
        let output: Output = slabscope(args);
        assert_eq!(output.status.code(), Some(3), "{args:?}: {output:?}");
    }
    assert_eq!(slabscope(&["slabs", "--no-such"]).status.code(), Some(2));
    assert_eq!(slabscope(&["check", "--help"]).status.code(), Some(0));
}

#[test]
fn captured_machine_is_fine() {
    let (code, line) = check(&fixture(KERNEL), &["--ignore", "cgroup"]);
    assert_eq!(code, Some(0), "{line}");
}
