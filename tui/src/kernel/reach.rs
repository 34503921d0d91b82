//! Reaching what a path leads to without waiting for a server: by what is cached ([`crate::kernel::paths`]). Where a
//! filesystem wants each name asked for anew (kernfs, NFS, FUSE: `d_revalidate` answers -ECHILD under RCU), or a name
//! is not cached, another process asks: [`crate::kernel::aside`].

use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::Errno;

use crate::kernel::aside::{self, Waited};
use crate::kernel::paths::{Kind, cached};

/// Why nothing was opened.
#[derive(Debug)]
pub enum Unreached {
    /// The kernel refused; of [`cached`], `EAGAIN` where a server would have to be asked.
    Refused(io::Error),
    /// Nobody answered until the wait was ended. A number: the process that the kernel keeps
    /// waiting.
    Ended(Option<u32>),
}

impl From<Errno> for Unreached {
    fn from(errno: Errno) -> Self {
        Self::Refused(errno.into())
    }
}

/// Opens by what is cached, else by asking, as long as `flow` says.
pub fn open(
    path: &Path,
    kind: Kind,
    flow: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<OwnedFd, Unreached> {
    match cached(path, kind) {
        Err(Errno::AGAIN) => {}
        opened => return Ok(opened?),
    }
    match aside::open(path, kind, flow) {
        Ok(Waited::Done(opened)) => Ok(opened?),
        Ok(Waited::Ended { .. }) => Err(Unreached::Ended(None)),
        Ok(Waited::Left(pid)) => Err(Unreached::Ended(Some(pid))),
        Err(error) => Err(Unreached::Refused(error)),
    }
}

/// The sentence about a process that no signal ends.
pub(crate) fn still_waits(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| {
        format!("; process {pid} still waits in the kernel, where no signal stops it")
    })
}
