use clap::{Parser, ValueEnum};

use super::*;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn on(fs: &str) -> Mount {
    Mount {
        fs: fs.into(),
        ..Mount::default()
    }
}

#[test]
fn dry_run_says_that_the_prune_would_be_refused() {
    let (text, json) = told_on(&on("fuse.sshfs"), &[]);
    let why = "refused: pruning is tested on ext4, xfs, btrfs, overlay, tmpfs only, not on fuse.sshfs; \
               --any-filesystem overrides this";
    has(&text, &format!("  {why}"));
    assert!(!text.contains("same as"), "{text}");
    assert_eq!(json["refused"], why);
    let (text, json) = told_on(&on("fuse.sshfs"), &["--any-filesystem"]);
    has(
        &text,
        "  same as       slabscope prune / --mode negative --any-filesystem",
    );
    assert_eq!(json["refused"], serde_json::Value::Null);
}

/// A plan as text, and as JSON.
fn told(more: &[&str]) -> (String, serde_json::Value) {
    told_on(&on("ext4"), more)
}

fn told_on(mount: &Mount, more: &[&str]) -> (String, serde_json::Value) {
    let args = Line::parse_from(["prune", "/"].iter().chain(more)).args;
    let dir = std::fs::File::open("/").unwrap();
    let target = Target::of(Path::new("/"), dir);
    let found = Counters {
        in_use: 4,
        prunable: 12_000,
        negative_prunable: 5_000,
        inodes_prunable: 6_000,
        skipped_dirty: 2,
        dirty: 3,
        pages: 10_000,
        pages_prunable: 8_000,
        dirty_pages: 256,
        ..Counters::default()
    };
    let plan = PrunePlan {
        target,
        found,
        reader: reader::Kind::Module,
        changed: false,
    };
    let sizes = Sizes {
        dentry: Some(192),
        inode: Some(1_024),
        page: 4_096,
    };
    let document = args.document(Path::new("/"), &plan, Some(mount), sizes, None);
    let mut text = Vec::new();
    document.tell(Path::new("/"), &mut text).unwrap();
    let json = serde_json::to_value(&document).unwrap();
    (String::from_utf8(text).unwrap(), json)
}

#[test]
fn plan_says_how_far_it_goes_and_what_stays() {
    let (text, json) = told(&["--max", "1000"]);
    let reach = "below this directory only, on this filesystem only";
    for line in [
        "  would go               5,000     938 KiB",
        "  at most                1,000  of them, by --max",
        "                         7,000  unused, but not negative: --mode dentries evicts those too",
        &format!("  scope         {reach}"),
    ] {
        assert!(text.lines().any(|told| told == line), "{line}\n{text}");
    }
    assert_eq!(json["max"], 1_000);
    assert_eq!(json["stays_unused"], 7_000);
    assert_eq!(json["reach"], reach);
    let (text, json) = told(&["--mode", "dentries"]);
    assert!(
        !text.contains("at most") && !text.contains("not negative"),
        "{text}"
    );
    assert_eq!(json["max"], serde_json::Value::Null);
    assert_eq!(json["stays_unused"], 0);
}
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|told| told == line), "{line}\n{text}");
}

#[test]
fn plan_of_inodes_says_what_goes_with_them_and_what_is_dirty() {
    let (text, json) = told(&["--mode", "all"]);
    has(&text, "unused dentries and their inodes below /");
    has(&text, "  would go              12,000     8.1 MiB");
    has(
        &text,
        "                         6,000  inodes of these, with 31.2 MiB of page cache",
    );
    has(
        &text,
        "                             3  dirty: --writeback writes them first (1.0 MiB to write, 0 B being written)",
    );
    assert_eq!(json["mode"], "inodes");
    assert_eq!(json["predicted_inodes"], 6_000);
    assert_eq!(json["dirty_bytes"], 1 << 20);
    let (text, json) = told(&["--mode", "inodes", "--writeback"]);
    assert!(text.contains("3  dirty, written first"), "{text}");
    assert_eq!(json["predicted_inodes"], 6_002);
}

#[test]
fn plan_names_its_command() {
    let (text, json) = told(&["--mode", "inodes", "--max", "7", "--timeout", "1.5"]);
    let command = "slabscope prune / --mode inodes --max 7 --timeout 1.5";
    has(&text, &format!("  same as       {command}"));
    assert_eq!(json["command"], command);
    let rungs = json["ladder"].as_array().unwrap();
    assert_eq!(rungs.len(), 3);
    assert_eq!(rungs[2]["this"], true);
    assert!(text.contains("narrower:\n    negative"), "{text}");
}

#[test]
fn plan_of_pages_is_in_pages() {
    let (text, json) = told(&["--mode", "pages"]);
    has(&text, "page cache of files below /");
    has(&text, "  would go               9,744  pages, 38.1 MiB");
    assert_eq!(json["predicted"], 9_744);
    assert_eq!(json["predicted_bytes"], serde_json::Value::Null);
    assert_eq!(
        told(&["--mode", "pages", "--writeback"]).1["predicted"],
        10_000
    );
}

#[test]
fn overlay_names_its_layers_in_every_mode() {
    let layer = env!("CARGO_MANIFEST_DIR");
    let mount = Mount {
        fs: "overlay".into(),
        point: "/".into(),
        root: Path::new("/").into(),
        made_of: crate::kernel::source::mounts::Layers::known(&[layer, "/no such layer"]),
        ..Mount::default()
    };
    for mode in ["negative", "dentries", "inodes", "pages"] {
        let (text, json) = told_on(&mount, &["--mode", mode]);
        let command = prune::command(
            Path::new(layer),
            ModeArg::from_str(mode, false).unwrap().into(),
            false,
        );
        // A figure, where something counts here; else "-".
        let named = |line: &str| line.ends_with(&format!("  {command}"));
        let predicted = &json["layers"][0]["predicted"];
        assert_eq!(
            text.lines().any(named),
            *predicted != 0,
            "{command}\n{text}"
        );
        assert_eq!(json["layers"][0]["command"], command);
        assert_eq!(json["layers"][1]["predicted"], 0);
        assert!(
            !text.contains("no such layer"),
            "nothing is there to prune: {text}"
        );
    }
    assert!(!told(&[]).0.contains("layer"));
}
