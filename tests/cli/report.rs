//! `slabscope report`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use slabscope::cache::recording::{About, Recorder, Settings};
use slabscope::kernel::observer::Observation;
use slabscope::kernel::source::{
    Cache, Cgroup, CgroupMemory, Cgroups, DentryState, Memory, Sample,
};

use super::program::Home;
use super::support;

/// The begin of the recording: an hour before now, so that its events fit to its samples.
fn begin() -> SystemTime {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    UNIX_EPOCH + Duration::from_secs(now / 60 * 60 - 3_600)
}

/// Ten minutes in which `leak|1` grows by 1 MiB each, and `dentry` is pruned in the middle.
fn recorded(home: &Home) -> (PathBuf, SystemTime) {
    let path = home.path().join("a.slabscope");
    let settings = Settings {
        interval: Duration::from_secs(10),
        samples: Duration::from_secs(1 << 20),
        minutes: Duration::from_secs(1 << 20),
        most_bytes: 512 << 20,
    };
    let about = About {
        host: Some("web*07\x1b[31m".into()),
        kernel: Some("7.3.4".into()),
        boot: None,
    };
    let mut recorder = Recorder::open(&path, settings, &about).unwrap();
    let begin = begin();
    for step in 0..=60_u64 {
        let since = Duration::from_secs(step * 10);
        let cache = |name: &str, slabs| Cache {
            name: name.into(),
            active: Some(slabs * 21),
            objects: slabs * 21,
            objects_per_slab: 21,
            pages_per_slab: 1,
            slabs,
            active_slabs: Some(slabs),
            ..Cache::default()
        };
        let dentry = if step < 30 { 25_600 } else { 2_560 };
        let slab = 1000 + step;
        let observation = Observation {
            at: begin + since,
            sample: Sample {
                caches: Ok(vec![
                    cache("leak|1", 256 * step / 6),
                    cache("dentry", dentry),
                ]),
                memory: Ok(Memory {
                    total: Some(1 << 34),
                    sunreclaim: Some((step << 20) / 6),
                    ..Memory::default()
                }),
                dentries: Ok(DentryState {
                    total: Some(dentry * 21),
                    lru: Some(5),
                    lru_negative: None,
                }),
                ..support::sample()
            },
            cgroups: Arc::new(Ok(Cgroups {
                all: vec![Cgroup {
                    path: "job`1".into(),
                    stat: Some(CgroupMemory {
                        slab: Some(slab),
                        slab_reclaimable: Some(slab),
                        slab_unreclaimable: Some(0),
                        ..CgroupMemory::default()
                    }),
                    ..Cgroup::default()
                }],
                ..Cgroups::default()
            })),
        };
        recorder.add(&observation, since).unwrap();
    }
    recorder.close().unwrap();
    (path, begin)
}

fn report(home: &Home, path: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = home
        .command()
        .arg("report")
        .arg(path)
        .args(args)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn report_says_what_grew_and_what_shrank_in_markdown() {
    let home = Home::acting("report");
    let (path, _) = recorded(&home);
    let (code, text, said) = report(&home, &path, &[]);
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "# Slab caches of web\\*07\\\\u{1b}\\[31m",
        "| SUnreclaim | 0 B | 10.0 MiB | +10.0 MiB |",
        "| Dentries | 537,600 | 53,760 | -483,840 |",
        "| Negative dentries on the LRU | - | - | - |",
        "| leak\\|1 | 0 B | 10.0 MiB | +10.0 MiB | +53,760 |",
        "| dentry | 100 MiB | 10.0 MiB | -90.0 MiB | -483,840 |",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
    }
    assert!(
        text.contains("SUnreclaim changed by +60.0 MiB an hour"),
        "{text}"
    );
    assert!(text.contains("| /job\\`1 | "), "{text}");
    assert!(!text.contains('\x1b'));
}

#[test]
fn times_choose_a_part_and_one_without_samples_is_an_error() {
    let home = Home::acting("report-times");
    let (path, begin) = recorded(&home);
    let at = |seconds: u64| {
        let at = (begin + Duration::from_secs(seconds))
            .duration_since(UNIX_EPOCH)
            .unwrap();
        jiff::Timestamp::from_second(at.as_secs().try_into().unwrap())
            .unwrap()
            .to_string()
    };
    let (from, to) = (at(60), at(240));
    let (code, json, _) = report(&home, &path, &["--from", &from, "--to", &to, "--json"]);
    assert_eq!(code, Some(0));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["schema"], "slabscope.report/1");
    assert_eq!((&json["from"], &json["to"]), (&from.into(), &to.into()));
    let caches = json["caches"].as_array().unwrap();
    assert_eq!(caches.len(), 1, "the dentries were pruned later");
    assert_eq!(caches[0]["name"], "leak|1");
    assert_eq!(
        caches[0]["after_bytes"].as_u64().unwrap() - caches[0]["before_bytes"].as_u64().unwrap(),
        3 << 20
    );
    let none = json["machine"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == "dentries_lru_negative");
    assert!(none.unwrap()["after"].is_null(), "not known is not 0");
    for args in [["--to", &at(0)[..4]], ["--from", "yesterday"]] {
        assert_eq!(report(&home, &path, &args).0, Some(2));
    }
    let (code, _, said) = report(&home, &path, &["--from", "1m ago"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("no sample is between these times; it has some from "),
        "{said}"
    );
}

#[test]
fn what_is_no_recording_is_refused() {
    let home = Home::acting("report-foreign");
    let path = home.path().join("text");
    fs::write(&path, "a text").unwrap();
    let (code, _, said) = report(&home, &path, &[]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("not a recording of slabscope") && said.contains("slabscope record"),
        "{said}"
    );
    let (code, _, said) = report(&home, Path::new("/no/such"), &[]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("No such file") && said.contains("slabscope record FILE"),
        "{said}"
    );
}

#[test]
fn page_of_html_needs_nothing_else_and_no_name_leaves_its_cell() {
    let home = Home::acting("report-html");
    let (path, _) = recorded(&home);
    let (code, html, said) = report(&home, &path, &["--html"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</body></html>\n"));
    assert_eq!(
        html.matches("<figure>").count(),
        3,
        "slab, dentries, caches"
    );
    for foreign in ["http:", "https:", "<script", "src=", "url(", "\x1b"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert!(
        html.contains("<td>leak|1</td><td>0 B</td><td>10.0 MiB</td>"),
        "{html}"
    );
    assert!(html.contains("default-src 'none'"));
    assert!(html.len() < 500 << 10, "{}", html.len());
    for tag in ["table", "figure", "svg", "ul", "div"] {
        let [open, close] =
            [format!("<{tag}"), format!("</{tag}>")].map(|tag| html.matches(&tag).count());
        assert_eq!(open, close, "{tag}");
    }
}
