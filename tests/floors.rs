//! The floors of tui/src: a file uses only its own floor and lower ones, and no files use each
//! other in a circle.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
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

/// A path of modules, without the crate: `ui::view::plan`.
type Module = Vec<String>;

fn module(file: &str) -> Module {
    let path = file.strip_suffix(".rs").unwrap();
    path.split('/').map(str::to_owned).collect()
}

/// The paths that a file's code names from the crate, or from its parent. Not those below itself: a
/// file and its parts are one.
fn named(own: &Module, text: &str) -> Vec<Module> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code.lines().map(|line| line.split("//").next().unwrap());
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut all = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        paths(&code[at + 7..], &[], &mut all);
    }
    for (at, _) in code.match_indices("super::") {
        if code[..at].ends_with("super::") {
            continue;
        }
        let (mut rest, mut base) = (&code[at..], &own[..]);
        while let Some(further) = rest.strip_prefix("super::") {
            (rest, base) = (further, &base[..base.len().saturating_sub(1)]);
        }
        paths(rest, base, &mut all);
    }
    all
}

/// What `a::{b, c::d}` names, below `base`; what stands behind it.
fn paths<'t>(text: &'t str, base: &[String], all: &mut Vec<Module>) -> &'t str {
    let mut text = text.trim_start();
    if let Some(mut within) = text.strip_prefix('{') {
        loop {
            within = paths(within, base, all).trim_start();
            within = within.strip_prefix(',').unwrap_or(within).trim_start();
            if let Some(behind) = within.strip_prefix('}') {
                return behind;
            }
            if !within.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
                return within;
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    let path: Module = base.iter().cloned().chain([name.to_owned()]).collect();
    text = rest;
    match text.strip_prefix("::") {
        Some(further) => paths(further, &path, all),
        None => {
            all.push(path);
            text
        }
    }
}

/// What each file uses of others: the innermost file of each path that it names.
fn uses(files: &[(Module, String)]) -> BTreeMap<&Module, BTreeSet<&Module>> {
    let known: BTreeSet<&Module> = files.iter().map(|(module, _)| module).collect();
    let innermost = |path: &Module| {
        let mut above = (1..=path.len()).rev().map(|end| path[..end].to_vec());
        above.find_map(|path| known.get(&path).copied())
    };
    let of =
        |(own, text): &'_ (Module, String)| named(own, text).iter().filter_map(innermost).collect();
    let all = files.iter().map(|file| (&file.0, of(file)));
    all.map(|(own, mut used): (_, BTreeSet<_>)| {
        used.remove(own);
        (own, used)
    })
    .collect()
}

/// Files in circles, after all that use none of the rest are removed.
fn in_circles<'m>(mut uses: BTreeMap<&'m Module, BTreeSet<&'m Module>>) -> Vec<String> {
    loop {
        let free = uses.iter().find(|(_, used)| used.is_empty());
        let Some(free) = free.map(|(module, _)| *module) else {
            break;
        };
        uses.remove(free);
        for used in uses.values_mut() {
            used.remove(free);
        }
    }
    uses.keys().map(|module| module.join("::")).collect()
}

/// A picture of which floors the files of each floor use. Without numbers, which each import would
/// change.
fn picture(files: &[(Module, String)]) -> String {
    let uses = uses(files);
    let on = |module: &Module| floor(&module[0]);
    let mut picture = String::new();
    for (at, name) in FLOORS.iter().enumerate().rev() {
        let own = uses.iter().filter(|(module, _)| on(module) == Some(at));
        let used: BTreeSet<usize> = own
            .flat_map(|(_, used)| used.iter().filter_map(|used| on(used)))
            .collect();
        let mark = |below: usize| if used.contains(&below) { "->" } else { "  " };
        let row: Vec<String> = (0..at)
            .rev()
            .map(|below| format!("{} {:<8}", mark(below), FLOORS[below]))
            .collect();
        let indent = " ".repeat(11 * (FLOORS.len() - 1 - at));
        picture += format!("{indent}{name:<8}{}", row.concat()).trim_end();
        picture.push('\n');
    }
    picture
}

#[test]
fn picture_of_the_floors_agrees_with_the_files() {
    const PAGE: &str = "../docs/internals/architecture.md";
    const MARK: &str = "<!-- floors -->\n```\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(MARK).unwrap();
    let (shown, behind) = rest.split_once("```\n").unwrap();
    let files = files().into_iter();
    let files: Vec<_> = files.map(|(name, _, text)| (module(&name), text)).collect();
    let made = picture(&files);
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        fs::write(&path, format!("{head}{MARK}{made}```\n{behind}")).unwrap();
        return;
    }
    assert_eq!(
        shown, made,
        "INSTA_UPDATE=always cargo test -p slabscope --test floors"
    );
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let files = files().into_iter();
    let files: Vec<_> = files.map(|(name, _, text)| (module(&name), text)).collect();
    assert_eq!(in_circles(uses(&files)), [""; 0]);
}

#[test]
fn planted_circle_is_found() {
    let file = |name: &str, text: &str| (module(name), text.to_owned());
    let files = [
        file("ui/a.rs", "use super::{c, b::{D, E}};"),
        file("ui/b.rs", "use crate::ui::a::X;"),
        file("ui/c.rs", "// crate::ui::a\nuse crate::base::text;"),
        file("base/text.rs", "mod x;"),
    ];
    assert_eq!(in_circles(uses(&files)), ["ui::a", "ui::b"]);
}
