//! Captures of kernels and machines unlike ours: a text file each, which holds the files of the
//! tree behind lines like `==> proc/meminfo <==`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::fixture;

/// Their names.
pub fn foreign() -> Vec<String> {
    let all = fs::read_dir(fixture("foreign")).unwrap();
    let mut names: Vec<_> = all
        .map(|file| {
            file.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    names.sort();
    names
}

/// Writes the tree of a capture, and returns its path.
pub fn unpacked(name: &str) -> PathBuf {
    let text = fs::read_to_string(fixture("foreign").join(format!("{name}.txt"))).unwrap();
    // A tree for each caller: tests run beside one another, and some change it.
    static TREES: AtomicUsize = AtomicUsize::new(0);
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("foreign-{}", TREES.fetch_add(1, Ordering::Relaxed)))
        .join(name);
    let _ = fs::remove_dir_all(&root);
    for file in text.split("==> ").skip(1) {
        let (path, text) = file.split_once(" <==\n").unwrap();
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}
