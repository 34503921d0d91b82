//! A home with files whose page cache may go: something that a test can act on.

use std::fs;

use serde_json::Value;

use crate::program::Home;

/// Files that are written one by one before their page cache goes: enough for a second or so.
const FILES: usize = 1_500;

/// A home of the test's own, with a directory of dirty files in it.
pub struct Dirty(pub Home);

impl Dirty {
    /// An empty home, and the files.
    pub fn new(name: &str) -> Self {
        let home = Home::acting(name);
        fs::create_dir_all(home.path().join("data")).unwrap();
        for n in 0..FILES {
            fs::write(home.path().join(format!("data/{n}")), "dirty").unwrap();
        }
        Self(home)
    }

    /// Drops the page cache of the files, which have to be written first.
    pub fn deed(&self) -> Vec<String> {
        let data = self
            .0
            .path()
            .join("data")
            .into_os_string()
            .into_string()
            .unwrap();
        ["reclaim", "--pages", &data, "--writeback", "--yes"]
            .map(str::to_owned)
            .into()
    }

    /// The outcomes in the audit file.
    pub fn outcomes(&self) -> Vec<String> {
        let text = fs::read_to_string(self.0.path().join("state/slabscope/audit.jsonl"));
        let text = text.unwrap_or_default();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter_map(|line| Some(line["outcome"].as_str()?.to_owned()))
            .collect()
    }
}
