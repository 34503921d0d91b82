//! Captures of kernels and machines unlike ours: every screen, every command, the right figures.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

#[path = "captures/live.rs"]
mod live;
#[path = "support/program.rs"]
mod program;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use program::Home;
use serde_json::Value;
use slabscope::kernel::source::{Kernel, Source};
use slabscope::ui::model::Inert;
use slabscope::ui::update::{Effect, Msg};
use support::App;
use support::foreign::{foreign, unpacked};

fn slabscope(root: &Path, args: &[&str]) -> Output {
    command(root, args).output().unwrap()
}

fn command(root: &Path, args: &[&str]) -> Command {
    let mut command = Home::read_only().command();
    command.args(args).arg("--root").arg(root);
    command
}

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

fn json(root: &Path) -> Value {
    let output = slabscope(root, &["slabs", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The program on a capture, with the messages of its worker and sampler.
fn app(root: &Path, columns: u16, rows: u16) -> App {
    let mut kernel = Kernel::new(root);
    let mut app = App::new(columns, rows);
    app.model.inert = Some(Inert::Captured("/captured".into()));
    app.model.host.name = kernel.hostname().unwrap_or_else(|_| "?".into());
    app.model.host.kernel = kernel.release().unwrap_or_else(|_| "?".into());
    app.sample(1, kernel.sample());
    let read = kernel.mounts_and_gap();
    let gap = read.as_ref().ok().and_then(|(_, gap)| gap.clone());
    app.msg(Msg::MountsGap(gap));
    app.msg(Msg::Mounts(read.map(|(mounts, _)| mounts)));
    app
}

/// Answers the effects that read the capture.
fn answer(app: &mut App, root: &Path) {
    for effect in app.effects() {
        if let Effect::ReadAttributes { cache } = effect {
            let result = slabscope::kernel::source::slab_attributes::read(root, &cache);
            app.msg(Msg::Attributes { cache, result });
        }
    }
}

#[test]
fn every_capture_is_shown_on_every_screen_and_by_every_command() {
    let names = foreign();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        let root = unpacked(&name);
        for (columns, rows) in [(60, 15), (80, 24), (200, 50)] {
            let mut app = app(&root, columns, rows);
            for keys in [
                "1",
                "i",
                "m",
                "2",
                "3",
                "4",
                "5",
                "?",
                "<Esc>1<Enter>",
                "jjj",
            ] {
                app.keys(keys);
                answer(&mut app, &root);
                app.screen();
            }
        }
        let commands: [&[&str]; 8] = [
            &["slabs"],
            &["slabs", "--csv"],
            &["slabs", "--json"],
            &["doctor"],
            &["doctor", "--json"],
            &["cgroups"],
            &["cgroups", "--json"],
            &["tune"],
        ];
        for args in commands {
            let output = slabscope(&root, args);
            let code = output.status.code().unwrap();
            assert!([0, 1, 3, 5].contains(&code), "{name} {args:?}: {output:?}");
            let errors = text(&output.stderr);
            assert!(!errors.contains("panicked"), "{name} {args:?}: {errors}");
            assert!(
                code == 0 || !errors.is_empty() || args[0] == "doctor",
                "{name} {args:?}"
            );
        }
    }
}

/// The first screens of users.
#[test]
fn first_screens_and_tables_match_their_snapshots() {
    let _bound = support::snapshot::kept_in("snapshots/foreign");
    for name in foreign() {
        let root = unpacked(&name);
        let screen = app(&root, 80, 24).screen();
        let output = slabscope(&root, &["slabs", "-s", "c"]);
        let errors = text(&output.stderr).replace(root.to_str().unwrap(), "DIR");
        let code = output.status.code().unwrap();
        let table = text(&output.stdout);
        insta::assert_snapshot!(
            name,
            format!("{screen}\n$ slabscope --root DIR slabs -s c\n{table}{errors}exit {code}\n")
        );
    }
}

#[test]
fn page_size_follows_from_the_captured_figures() {
    for (name, page_size) in [
        ("rhel7-sosreport", 4096),
        ("rhel5-slab", 4096),
        ("asahi-16k", 16 << 10),
        ("ppc64le-64k", 64 << 10),
        ("arm64-64k", 64 << 10),
        ("s390x", 4096),
        ("slub-debug", 4096),
        ("two-nics", 4096),
    ] {
        let json = json(&unpacked(name));
        assert_eq!(json["page_size_bytes"], page_size, "{name}");
    }
    let power = json(&unpacked("ppc64le-64k"));
    let slab = power["memory"]["slab_bytes"].as_u64().unwrap();
    assert_eq!(power["totals"]["size_bytes"], slab, "as meminfo has it");
}

/// The reader's own machine, by its own figures.
#[test]
fn page_size_of_this_machine_follows_from_its_own_slabinfo() {
    let root = scratch("live-copy");
    fs::create_dir_all(root.join("proc")).unwrap();
    for file in ["proc/slabinfo", "proc/meminfo"] {
        let text = fs::read(Path::new("/").join(file)).expect("only root may read slabinfo");
        fs::write(root.join(file), text).unwrap();
    }
    let copied = Kernel::new(&root).sample().page_size;
    assert_eq!(copied, Some(rustix::param::page_size() as u64));
    assert_eq!(Kernel::new("/").sample().page_size, copied);
}

#[test]
fn undetermined_page_size_is_unknown_and_so_are_sizes() {
    let line = "huge 9 9 8192 1 2 : tunables 0 0 0 : slabdata 9 9 0\n";
    let root = scratch("ambiguous");
    write(&root, "proc/slabinfo", line.as_bytes());
    let json = json(&root);
    assert_eq!(json["page_size_bytes"], Value::Null);
    assert_eq!(json["caches"][0]["size_bytes"], Value::Null);
    assert_eq!(json["totals"]["size_bytes"], Value::Null);
    assert_eq!(json["caches"][0]["slabs"], 9);
    let mut app = app(&root, 80, 24);
    app.shows("sizes unknown: the figures do not show the page size");
    assert!(app.line(" - huge").contains("   - "));
}

#[test]
fn negatives_that_a_kernel_does_not_count_are_null() {
    for (name, negatives) in [
        ("rhel7-sosreport", Value::Null),
        ("rhel5-slab", Value::Null),
        // Counted, though the release is older: the distribution's.
        ("rhel8-cgroup-v1", 1_502_200.into()),
        ("ubuntu-memcg-leak", 810_220.into()),
        ("arm64-64k", 0.into()),
    ] {
        let json = json(&unpacked(name));
        assert_eq!(json["dentries"]["lru_negative"], negatives, "{name}");
    }
    let table = text(&slabscope(&unpacked("rhel7-sosreport"), &["slabs"]).stdout);
    assert!(
        table.contains("negative of those not reported by this kernel"),
        "{table}"
    );
}

#[test]
fn report_of_sos_is_read_where_sysctl_printed_it() {
    let json = json(&unpacked("rhel7-sosreport"));
    assert_eq!(json["kernel"], "3.10.0-1160.el7.x86_64");
    assert_eq!(json["dentries"]["total"], 31_188_020);
    assert_eq!(json["inodes"]["total"], 201_233);
    assert_eq!(json["errors"].as_array().unwrap().len(), 0);
    let mut app = app(&unpacked("rhel7-sosreport"), 120, 30);
    app.shows("db-3");
    app.shows("3.10.0-1160.el7.x86_64");
}

#[test]
fn old_kernel_without_sreclaimable_still_shows_slab() {
    let json = json(&unpacked("rhel5-slab"));
    assert_eq!(json["memory"]["slab_bytes"], 1_659_891_712_u64);
    for unknown in ["sreclaimable_bytes", "sunreclaim_bytes", "available_bytes"] {
        assert_eq!(json["memory"][unknown], Value::Null);
    }
    let mut app = app(&unpacked("rhel5-slab"), 80, 24);
    assert!(app.line("Slab ").contains("1,583.0 MiB 19%"));
}

#[test]
fn error_of_a_source_stays_in_its_column() {
    let root = unpacked("rhel5-slab");
    fs::write(root.join("proc/meminfo"), "MemFree: 1 kB\n").unwrap();
    let mut app = app(&root, 80, 24);
    let line = app.line("/proc/meminfo: line 1");
    assert!(line.contains(" dentries "), "{line}");
    app.shows("no line of meminfo");
}

#[test]
fn figures_that_ran_below_zero_are_in_no_total_and_are_named() {
    let root = unpacked("two-nics");
    let json = json(&root);
    let row = |name: &str| {
        let caches = json["caches"].as_array().unwrap();
        caches
            .iter()
            .find(|cache| cache["name"] == name)
            .unwrap()
            .clone()
    };
    for name in ["kmalloc-rnd-03-96", "anon_vma"] {
        assert_eq!(row(name)["active_objects"], Value::Null, "{name}");
        assert_eq!(row(name)["use_percent"], Value::Null, "{name}");
        assert_eq!(row(name)["idle_bytes"], Value::Null, "{name}");
    }
    assert_eq!(json["totals"]["active_objects"], 101_044);
    assert_eq!(json["totals"]["objects"], 101_046);
    assert_eq!(json["totals"]["caches_without_active"], 2);
    for unknown in [
        &json["dentries"]["lru"],
        &json["inodes"]["total"],
        &json["memory"]["sreclaimable_bytes"],
    ] {
        assert_eq!(*unknown, Value::Null);
    }
    assert_eq!(json["dentries"]["total"], 100_100);
    let lines = json["lines_not_understood"].as_array().unwrap();
    let files: Vec<_> = lines
        .iter()
        .map(|of| of["first"].as_str().unwrap())
        .collect();
    assert_eq!(
        files,
        [
            "line 10: num_slabs is missing",
            "line 9: SReclaimable is no count of kB: -292 kB",
            "line 1: nr_unused ran below zero: -7",
            "line 1: nr_inodes ran below zero: 18446744073709551613",
        ]
    );
    assert_eq!(slabscope(&root, &["slabs"]).status.code(), Some(5));
    let mut app = app(&root, 80, 24);
    app.shows(" 4 lines not understood; slabinfo line 10: num_slabs is missing");
    app.keys("i");
    let screen = app.screen();
    let over = screen
        .split_whitespace()
        .filter_map(|word| word.strip_suffix('%'));
    assert!(
        over.filter_map(|n| n.parse::<u64>().ok()).all(|n| n <= 100),
        "{screen}"
    );
}

/// Captures that hold /proc/mounts alone: the screens and commands still have the mounts.
#[test]
fn capture_with_proc_mounts_alone_has_its_mounts() {
    let text: &[u8] = b"/dev/vda1 / xfs rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n";
    let stat: &[u8] = b"anon 1\nfile 2\nslab_reclaimable 4096\nslab_unreclaimable 0\n";
    for place in ["proc/mounts", "proc/self/mounts"] {
        let files = [
            (place, text),
            ("sys/fs/cgroup/cgroup.controllers", b"memory\n"),
            ("sys/fs/cgroup/memory.stat", stat),
            ("sys/fs/cgroup/job/memory.stat", stat),
        ];
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(place.replace('/', "-"));
        for (path, bytes) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let mut app = app(&root, 80, 24);
        app.keys("2");
        assert!(app.line("/dev/vda1").contains("xfs"));
        let output = slabscope(&root, &["cgroups", "--json"]);
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["mount"], "/sys/fs/cgroup", "{json}");
        assert_eq!(json["cgroups"][0]["slab_reclaimable_bytes"], 4096, "{json}");
    }
}

#[test]
fn malformed_mount_lines_and_removed_directories_are_reported() {
    let mut nics = app(&unpacked("two-nics"), 80, 24);
    nics.keys("2");
    nics.shows("1 mount; 1 line not understood: line 2: not a line of mountinfo");
    let mut container = app(&unpacked("lxc-container"), 80, 24);
    container.keys("2");
    assert!(container.line("nsfs").contains(" (removed)"));
    container.resize(120, 30);
    assert!(container.line("nsfs").contains("/run/netns/old (removed)"));
    container.keys("3");
    container.shows("dentries and inodes are not in a capture");
}

#[test]
fn selection_and_page_stay_with_their_cache_among_those_of_one_name() {
    let root = unpacked("two-nics");
    let mut app = app(&root, 80, 24);
    app.keys("/ftes<Enter>om");
    app.keys("j");
    let selected = app.model.slabs.selected.clone().unwrap();
    assert_eq!(
        (selected.name.as_str(), selected.nth),
        ("mlx5_fs_ftes", 1),
        "that of 44 objects"
    );
    app.keys("<Enter>");
    app.shows("44 of 44");
    app.shows("sysfs only shows the oldest cache of this name");
    app.model.inert = None;
    app.keys("K");
    app.shows("sysfs only shrinks the oldest cache of this name");
    assert!(
        !app.effects()
            .iter()
            .any(|effect| matches!(effect, Effect::PlanRung { .. }))
    );
    let path = root.join("proc/slabinfo");
    let before = fs::read_to_string(&path).unwrap();
    let third = "mlx5_fs_ftes 7 44 736 44 8 : tunables 0 0 0 : slabdata 1 1 0\nmlx5_fs_ftes  ";
    fs::write(&path, before.replacen("mlx5_fs_ftes  ", third, 1)).unwrap();
    app.sample(3, Kernel::new(&root).sample());
    app.shows("44 of 44");
    app.keys("<Esc>");
    assert_eq!(app.model.slabs.selected, Some(selected));
    let screen = app.screen();
    let rows: Vec<_> = screen
        .lines()
        .filter(|line| line.split_whitespace().nth(1) == Some("mlx5_fs_ftes"))
        .collect();
    assert_eq!(rows.len(), 3);
    for (row, since) in rows.iter().zip([" 0 ", " new ", " 0 "]) {
        assert!(row.contains(since), "{row}");
    }
}

/// From a bug tracker, an editor on Windows, a shell on Windows.
#[test]
fn pasted_and_redirected_files_are_read_as_if_they_were_clean() {
    let clean = unpacked("rhel8-cgroup-v1");
    let expected = text(&slabscope(&clean, &["slabs"]).stdout);
    let files = [
        "proc/slabinfo",
        "proc/meminfo",
        "proc/uptime",
        "proc/sys/fs/dentry-state",
        "proc/sys/fs/inode-nr",
        "proc/sys/kernel/osrelease",
    ];
    let crlf = |text: &str| text.replace('\n', "\r\n") + "\r\n";
    let utf_16 = |text: &str| -> Vec<u8> {
        let text = format!("\u{feff}{}", crlf(text));
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    type Way<'a> = &'a dyn Fn(&str) -> Vec<u8>;
    let ways: [Way<'_>; 3] = [
        &|text| crlf(text).into_bytes(),
        &|text| format!("\u{feff}\n{text}\n").into_bytes(),
        &utf_16,
    ];
    for way in ways {
        for file in files {
            let text = fs::read_to_string(clean.join(file)).unwrap();
            let root = unpacked("rhel8-cgroup-v1");
            fs::write(root.join(file), way(&text)).unwrap();
            let output = slabscope(&root, &["slabs"]);
            assert_eq!(output.status.code(), Some(0), "{file}: {output:?}");
            assert_eq!(self::text(&output.stdout), expected, "{file}");
        }
    }
}

#[test]
fn debugging_options_are_named() {
    let root = unpacked("slub-debug");
    let mut app = app(&root, 80, 24);
    app.keys("/kmalloc-1k<Enter><Enter>");
    answer(&mut app, &root);
    app.shows("3,072 B for 1024 B asked for (+2048 B for SLUB debugging)");
    app.shows("SLUB debugging is on (red_zone, poison, store_user), 2,048 B of each");
    app.shows("slab_debug=-");
    app.shows_no("to align");
}

#[test]
fn copies_of_cgroups_are_explained_on_kernels_with_such_copies() {
    let root = unpacked("ubuntu-memcg-leak");
    for cache in ["kmem_cache", "kmem_cache_node"] {
        let mut app = app(&root, 80, 24);
        app.keys(&format!("/~^{cache}$<Enter><Enter>"));
        app.shows("nr_dying_descendants");
        app.shows("cgroup.memory=nokmem");
        app.model.host.kernel = "5.10.0".into();
        app.shows_no("nr_dying_descendants");
    }
}

/// A directory of its own, empty.
fn scratch(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("captures")
        .join(name);
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).unwrap();
    root
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

const DENTRY: &str = "dentry 100000 100002 192 21 1 : tunables 0 0 0 : slabdata 4762 4762 0\n";
