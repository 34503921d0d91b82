//! The rename of the link from name to name, and the outcome for each name.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::Directory;
use super::leftover::{self, Token, Trace};
use super::link::{Link, Step};
use crate::base::shell::quoted;
use crate::base::text::{count, counted, printable};
use crate::reclaim::{self, Ended, Flow, Progress, ReclaimError};

/// Names between two checks of the flow and of the link.
const BATCH: usize = 64;

/// Links that are made anew, if others remove them, before the run gives up.
const MOST_LOST: u32 = 100;

/// Whether a name can be one in a directory.
fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/') && !name.contains(&0)
}

/// Counts of names by outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) gone: u64,
    exist: u64,
    unfit: u64,
    lost: u32,
    put_back: u64,
    displaced: Vec<String>,
    /// Paths to which others have moved links.
    moved: Vec<PathBuf>,
}

impl Tally {
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!("{} removed", counted(self.gone, "name"))];
        let mut also = |n: u64, what: &str| {
            if n > 0 {
                notes.push(format!("{} {what}", count(n)));
            }
        };
        also(self.exist, "left alone: files have these names by now");
        also(self.unfit, "left alone: no names for this filesystem");
        also(
            self.put_back,
            "times another program put a file in the link's place: it was given its name again at once",
        );
        notes.extend(self.displaced.iter().cloned());
        notes
    }
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) left: u64,
    pub(super) of: u64,
    pub(super) begin: Instant,
    pub(super) bound: Option<Duration>,
    pub(super) state: &'a Path,
    pub(super) tally: Tally,
}

impl Run<'_> {
    pub(super) fn directory(
        &mut self,
        directory: &Directory,
        flow: &mut Flow<'_>,
    ) -> Result<Ended, ReclaimError> {
        let path = &directory.target.path;
        let failed = |errno: Errno| reclaim::refused("writing to", path, errno);
        let token =
            Token::new().map_err(|error| ReclaimError::file(Path::new("/dev/urandom"), error))?;
        let trace = Trace::write(self.state, &token, path, &directory.target.dir)?;
        let link = match Link::place(&directory.target.dir, &token) {
            Ok(link) => link,
            Err(errno) => {
                trace.done();
                return Err(failed(errno));
            }
        };
        let lost = self.tally.lost;
        let (link, ended) = self.names(link, directory, &token, flow);
        let removed = link.remove().and_then(|()| match self.tally.lost > lost {
            // A link that another program renamed may still be there.
            true => leftover::remove_from(&directory.target.dir, &token).map(drop),
            false => Ok(()),
        });
        let left = |place: &PathBuf| {
            std::fs::read_link(place).is_ok_and(|to| to == Path::new(&token.target()))
        };
        self.tally.moved.retain(left);
        match removed {
            Ok(()) => {
                trace.done();
                Ok(match &self.tally.moved[..] {
                    [] => ended,
                    moved => Ended::Failed(format!(
                        "other programs moved the link away while it had a name; remove by hand: {}",
                        moved.iter().map(quoted).collect::<Vec<_>>().join(" ")
                    )),
                })
            }
            Err(errno) => Ok(Ended::Failed(format!(
                "the link cannot be removed from {}: {errno}; the next start tries again",
                printable(path)
            ))),
        }
    }

    fn names<'d>(
        &mut self,
        mut link: Link<'d>,
        directory: &'d Directory,
        token: &Token,
        flow: &mut Flow<'_>,
    ) -> (Link<'d>, Ended) {
        for (at, name) in directory.names.iter().enumerate() {
            if self.left == 0 {
                break;
            }
            if at.is_multiple_of(BATCH) {
                if let Some(ended) = self.goes_on(flow) {
                    return (link, ended);
                }
                if !link.is_in_place() {
                    link.give_up();
                    self.tally.lost += 1;
                    match self.anew(link, directory, token) {
                        (anew, None) => link = anew,
                        (old, Some(ended)) => return (old, ended),
                    }
                }
            }
            self.left -= 1;
            if !is_name(name) {
                self.tally.unfit += 1;
                continue;
            }
            let step = match link.step(OsStr::from_bytes(name)) {
                Ok(step) => step,
                Err(errno) => return (link, Ended::Failed(errno.to_string())),
            };
            if self.tally.count(step, &directory.target.path) {
                match self.anew(link, directory, token) {
                    (anew, None) => link = anew,
                    (old, Some(ended)) => return (old, ended),
                }
            }
        }
        (link, Ended::Complete)
    }

    /// Makes a new link in the place of one that others removed.
    fn anew<'d>(
        &mut self,
        lost: Link<'d>,
        directory: &'d Directory,
        token: &Token,
    ) -> (Link<'d>, Option<Ended>) {
        if self.tally.lost > MOST_LOST {
            let why = "other programs keep removing the link".to_owned();
            return (lost, Some(Ended::Failed(why)));
        }
        match Link::place(&directory.target.dir, token) {
            Ok(link) => (link, None),
            Err(errno) => (lost, Some(Ended::Failed(errno.to_string()))),
        }
    }

    fn goes_on(&self, flow: &mut Flow<'_>) -> Option<Ended> {
        let progress = Progress {
            done: self.of - self.left,
            of: Some(self.of),
            unit: "names",
            doing: "renaming",
        };
        if flow(&progress).is_break() {
            return Some(Ended::Stopped);
        }
        let late = self
            .bound
            .is_some_and(|bound| self.begin.elapsed() >= bound);
        late.then_some(Ended::Bound)
    }
}

impl Tally {
    /// Whether another link is needed.
    fn count(&mut self, step: Step, dir: &Path) -> bool {
        match step {
            Step::Gone => {
                self.gone += 1;
                return false;
            }
            Step::Exists => {
                self.exist += 1;
                return false;
            }
            Step::Unfit => {
                self.unfit += 1;
                return false;
            }
            Step::Lost => {}
            Step::Moved(place) => self.moved.push(place),
            Step::PutBack => self.put_back += 1,
            Step::Displaced { from, to } => self.displaced.push(format!(
                "in {} a file that another program made as {} has the name {}: rename it back by hand",
                printable(dir),
                printable(&from),
                printable(&to)
            )),
        }
        self.lost += 1;
        true
    }
}
