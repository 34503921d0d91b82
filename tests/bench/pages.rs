//! Giving up page cache below a directory, against vmtouch on the same tree.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use slabscope::kernel::source::Kernel;
use slabscope::reclaim::pages::{Plan, Request};
use slabscope::reclaim::{Ended, Progress, Reclaimer};

use super::{Measured, undisturbed};

const DIRECTORIES: usize = 50;
const FILES: usize = 100;
const SIZE: usize = 16 << 10;
const ROUNDS: usize = 20;

/// By turns, each after all files were read anew.
pub fn pages() -> Measured {
    let tree = tree();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        read_all(&tree);
        ours.push(give_up(&tree));
        read_all(&tree);
        theirs.push(vmtouch(&tree));
    }
    fs::remove_dir_all(tree).unwrap();
    let what = "page cache of 5,000 files given up / vmtouch -e";
    Measured::ratio(what, undisturbed(ours), undisturbed(theirs), 1.0)
}

/// Written out, so that all of it can go.
fn tree() -> PathBuf {
    let tree = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    let _ = fs::remove_dir_all(&tree);
    for directory in 0..DIRECTORIES {
        let directory = tree.join(directory.to_string());
        fs::create_dir_all(&directory).unwrap();
        for file in 0..FILES {
            fs::write(directory.join(file.to_string()), vec![7; SIZE]).unwrap();
        }
    }
    let file = fs::File::open(&tree).unwrap();
    rustix::fs::syncfs(file).unwrap();
    tree
}

fn files(tree: &Path) -> impl Iterator<Item = PathBuf> {
    let directories = (0..DIRECTORIES).map(|directory| tree.join(directory.to_string()));
    directories.flat_map(|directory| (0..FILES).map(move |file| directory.join(file.to_string())))
}

fn read_all(tree: &Path) {
    for file in files(tree) {
        assert_eq!(fs::read(file).unwrap().len(), SIZE);
    }
}

fn give_up(tree: &Path) -> Duration {
    let mut go_on = |_: &Progress| ControlFlow::Continue(());
    let plan = Plan::new(&Kernel::new("/"), tree, Request::default(), &mut go_on);
    let plan = plan.unwrap().unwrap();
    let start = Instant::now();
    let ran = plan.run(&mut go_on).unwrap();
    let took = start.elapsed();
    assert_eq!(ran.ended, Ended::Complete);
    let all = format!("went from {} files", "5,000");
    assert!(ran.notes[0].ends_with(&all), "{:?}", ran.notes);
    took
}

fn vmtouch(tree: &Path) -> Duration {
    let start = Instant::now();
    let status = Command::new("vmtouch")
        .args(["-q", "-e"])
        .arg(tree)
        .status();
    let took = start.elapsed();
    assert!(status.unwrap().success(), "vmtouch failed");
    took
}
