//! The directory of the tests' files: this user's alone, on a disk, below directories that nobody
//! else can change. The build directory may be in another user's checkout, and in /tmp anybody can
//! create a guessable name first.

use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::PathBuf;

/// The directory. A test makes what it needs in it under a name of its own, and removes it.
pub fn directory() -> PathBuf {
    let us = rustix::process::geteuid().as_raw();
    let path = PathBuf::from(format!("/var/tmp/slabscope-tests-{us}"));
    match std::fs::DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            panic!("{}: {error}", path.display())
        }
        _ => {}
    }
    let found = std::fs::symlink_metadata(&path).unwrap();
    assert!(
        found.is_dir() && found.uid() == us && found.mode() & 0o077 == 0,
        "{} is not this user's alone: remove it",
        path.display()
    );
    path
}
