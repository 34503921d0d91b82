//! The number of all dentries, read before and after something to see its effect.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::kernel::source::{Files, dentry_state};

/// dentry-state, held open: opening it makes dentries of its own.
pub(super) struct Dentries(Option<File>);

impl Dentries {
    pub(super) fn below(root: &Path) -> Self {
        Self(Files::new(root).open("proc/sys/fs/dentry-state").ok())
    }

    /// All dentries of the machine now.
    pub(super) fn now(&self) -> Option<i64> {
        let mut buffer = [0; 256];
        let len = self.0.as_ref()?.read_at(&mut buffer, 0).ok()?;
        let text = str::from_utf8(&buffer[..len]).ok()?;
        i64::try_from(dentry_state::parse(text).ok()?.value.total?).ok()
    }
}
