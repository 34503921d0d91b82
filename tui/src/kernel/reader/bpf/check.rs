//! Whether what the program reads is what is there: asked once, before its first figure is used.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::layout::Child;
use super::load::{BpfError, Loaded};
use super::request::{Request, limit};
use crate::abi;

/// Lists the directory of this very program, whose file is open and thus cached and in use: the
/// list has to have its name, as a file, referenced. Returns what the program knows of this kernel.
pub(super) fn check(loaded: &mut Loaded) -> Result<u32, BpfError> {
    let other = |error: io::Error| {
        BpfError::Other(format!(
            "cannot check it: {}",
            crate::base::text::reason(&error)
        ))
    };
    let (dir, name) = known().map_err(other)?;
    let open = File::open(&dir).map_err(other)?;
    let mut found = None;
    let known = names(loaded, open.as_fd(), &mut |child| {
        if child.name() == name {
            found = Some(child.flags);
        }
        found.is_some()
    })?;
    let wanted = abi::ENTRY_FILE | abi::ENTRY_REFERENCED;
    match found {
        None => Err(BpfError::Misreads(
            "it does not find this program's own file",
        )),
        Some(flags) if flags & wanted == wanted => Ok(known),
        Some(_) => Err(BpfError::Misreads(
            "it takes this program's own file for something else",
        )),
    }
}

/// A directory and the name of a file in it that is in use.
fn known() -> io::Result<(PathBuf, Vec<u8>)> {
    let path = std::fs::read_link("/proc/self/exe")?;
    let name = path.file_name().unwrap_or_default().as_bytes().to_vec();
    let dir = path.parent().map(PathBuf::from).unwrap_or_default();
    Ok((dir, name))
}

/// The first run of a fresh program: `list` of one directory, by name.
fn names(
    loaded: &mut Loaded,
    dir: BorrowedFd<'_>,
    each: &mut dyn FnMut(&Child) -> bool,
) -> Result<u32, BpfError> {
    let mut request = Request::list(dir, limit());
    loop {
        let ran = request.run(loaded)?;
        if ran.children.iter().any(&mut *each) || ran.counted.is_some() {
            return Ok(request.known());
        }
    }
}
