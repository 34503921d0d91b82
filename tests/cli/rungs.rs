//! Options of the rungs.

use super::program::Home;

/// An option of one rung beside another rung would be ignored without a word.
#[test]
fn option_of_another_rung_is_a_usage_error() {
    let rungs: [&[&str]; 6] = [
        &["--pages", "/tmp"],
        &["--superblock", "/tmp"],
        &["--cgroup", "/tmp", "--amount", "1M"],
        &["--cache", "dentry"],
        &["--all", "3"],
        &["--carousel", "/tmp"],
    ];
    let options: [(&[&str], &[&str]); 8] = [
        (&["--names", "/dev/null"], &["--carousel"]),
        (&["--force"], &["--carousel"]),
        (&["--amount", "2M"], &["--cgroup"]),
        (&["--inodes"], &["--superblock"]),
        (
            &["--any-filesystem"],
            &["--pages", "--superblock", "--carousel"],
        ),
        (&["--writeback"], &["--pages"]),
        (&["--max", "1"], &["--pages", "--carousel"]),
        (&["--sync"], &["--all"]),
    ];
    for rung in rungs {
        for (option, of) in &options {
            if of.contains(&rung[0]) {
                continue;
            }
            let args = [&["reclaim", "--dry-run"], rung, option].concat();
            let output = Home::read_only().command().args(&args).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        }
    }
}
