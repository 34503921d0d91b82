//! The floors of tui/src: what a file uses is on its own floor or below.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::fs;
use std::path::Path;

use walkdir::WalkDir;

/// From the lowest.
const FLOORS: [&str; 6] = ["base", "kernel", "cache", "reclaim", "ui", "cli"];

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| *floor == name)
}

/// The floors above `own` that `text` names in its code.
fn upward(own: usize, text: &str) -> Vec<&str> {
    let code = text.lines().map(|line| line.split("//").next().unwrap());
    let named = code.flat_map(|line| line.split("crate::").skip(1));
    let names = named.map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    });
    names
        .filter(|name| floor(name).is_some_and(|used| used > own))
        .collect()
}

/// Each file with its floor; lib.rs, main.rs and what the module shares have none.
fn files() -> Vec<(String, usize, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = WalkDir::new(&src).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.path().extension().is_some_and(|e| e == "rs"));
    files
        .filter_map(|entry| {
            let name = entry
                .path()
                .strip_prefix(&src)
                .unwrap()
                .to_str()?
                .to_owned();
            let first = name.split(['/', '.']).next().unwrap();
            let own = floor(first);
            assert!(
                own.is_some() || matches!(first, "lib" | "main" | "abi"),
                "{name} is on no floor"
            );
            Some((
                name.clone(),
                own?,
                fs::read_to_string(entry.path()).unwrap(),
            ))
        })
        .collect()
}

#[test]
fn files_use_their_own_floor_and_those_below() {
    let files = files();
    for (floor, name) in FLOORS.iter().enumerate() {
        assert!(files.iter().any(|(_, own, _)| *own == floor), "{name}");
    }
    for (name, own, text) in &files {
        let up = upward(*own, text);
        assert!(
            up.is_empty(),
            "{name}, on the floor {}, uses {up:?} above it",
            FLOORS[*own]
        );
        assert!(
            !text.contains("crate::{"),
            "{name}: name the floor in each `use`"
        );
    }
}

#[test]
fn planted_upward_import_is_found() {
    let text = "use crate::base::text;\nuse crate::ui::model; // crate::cli\n";
    assert_eq!(upward(floor("cache").unwrap(), text), ["ui"]);
    assert_eq!(upward(floor("ui").unwrap(), text), [""; 0]);
}
