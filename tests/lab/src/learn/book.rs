//! That docs is a book: every page in its table of contents, and no link that leads nowhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::setup::workspace;

/// Pages below a directory, the table of contents left out.
fn pages(dir: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md")
            && !path.ends_with("SUMMARY.md")
        {
            found.insert(path);
        }
    }
}

/// What the links of a page lead to, as far as it is in the tree.
fn links(page: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(page).unwrap();
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let here = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    let dir = page.parent().unwrap();
    here.map(|target| dir.join(target.split('#').next().unwrap_or_default()))
        .collect()
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let docs = workspace().join("docs");
    let mut there = BTreeSet::new();
    pages(&docs, &mut there);
    let listed: BTreeSet<_> = links(&docs.join("SUMMARY.md")).into_iter().collect();
    assert_eq!(listed, there);
}

#[test]
fn no_link_leads_nowhere() {
    let mut there = BTreeSet::new();
    pages(&workspace().join("docs"), &mut there);
    there.insert(workspace().join("README.md"));
    for page in there {
        for target in links(&page) {
            assert!(target.exists(), "{}: {}", page.display(), target.display());
        }
    }
}
