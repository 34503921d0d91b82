//! Reading a directory without a reader that counts.

use std::ffi::OsString;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::Work;
use crate::kernel::aside::attended;
use crate::kernel::readdir::{self, Entries};
use crate::kernel::source::dentry_state::Cost;
use crate::kernel::target::{LookError, Target};
use crate::ui::update::{BrowseEffect, BrowseMsg, Msg, Pages};

impl Work {
    pub(super) fn browse(&self, effect: BrowseEffect) -> Msg {
        Msg::Browse(match effect {
            BrowseEffect::Read { job, path, lookup } => {
                let result = self.read_dir(job, &path, lookup);
                let at = self.start.elapsed();
                BrowseMsg::Read { job, at, result }
            }
            BrowseEffect::Pages { job, path, names } => {
                let result = self.pages(job, &path, names);
                BrowseMsg::Pages { job, result }
            }
        })
    }

    fn read_dir(&self, job: u64, path: &Path, lookup: bool) -> Result<Entries, LookError> {
        let before = self.dentries.now();
        let target = Target::open_if(path, lookup, &mut || self.goes_on(job))?;
        let opened = self.dentries.now();
        let dir = target.dir;
        let read = move |tell: &mut dyn FnMut(&()) -> ControlFlow<()>| {
            readdir::read(dir.as_fd(), &mut || tell(&()))
        };
        let found = attended(read, &mut |()| self.goes_on(job)).ok_or_else(|| unanswered(path))?;
        let mut found = found.map_err(|errno| LookError::Open {
            path: PathBuf::from(path),
            source: io::Error::from(errno),
        })?;
        found.cost = Cost::between(before, opened, self.dentries.now());
        Ok(found)
    }

    fn pages(&self, job: u64, path: &Path, names: Vec<OsString>) -> Result<Pages, LookError> {
        let target = Target::open(path, &mut || self.goes_on(job))?;
        let dir = target.dir;
        let ask_all = move |tell: &mut dyn FnMut(&()) -> ControlFlow<()>| {
            let ask = |name: OsString| {
                let mut goes_on = || tell(&());
                goes_on().continue_value()?;
                let bytes = readdir::pages(dir.as_fd(), &name, &mut goes_on);
                Some((name, bytes.transpose()?))
            };
            names.into_iter().map_while(ask).collect()
        };
        attended(ask_all, &mut |()| self.goes_on(job)).ok_or_else(|| unanswered(path))
    }
}

fn unanswered(path: &Path) -> LookError {
    LookError::Unanswered {
        path: path.into(),
        left: None,
    }
}
