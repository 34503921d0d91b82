//! The kernel's tracing, by which `who` finds who fills a cache.

use std::fs;
use std::io;

use super::{Check, State};
use crate::cache::who::{self, Owner, Tracefs};
use crate::cli::Context;
use crate::kernel::source::Mount;

/// Features that tracefs' own README names, with their purpose (kernel/trace/trace.c: `readme_msg`,
/// Linux 7.3).
const OFFERS: [(&str, &str, &str, &str); 3] = [
    (
        "fprobe events",
        "which process creates dentries, and where: first choice",
        "f[:[<group>/][<event>]] <func-name>",
        "a kernel from 6.4 on with CONFIG_FPROBE_EVENTS=y",
    ),
    (
        "kprobe events",
        "the same: second choice",
        "p[:[<group>/][<event>]] <place>",
        "a kernel with CONFIG_KPROBE_EVENTS=y",
    ),
    (
        "histograms",
        "counting in the kernel: all choices",
        "hist:keys=",
        "a kernel with CONFIG_HIST_TRIGGERS=y",
    ),
];

/// No checks where tracefs is not mounted: a line of its own reports that.
pub(super) fn checks(context: &Context, mounts: &[Mount]) -> Vec<Check> {
    let Some(tracefs) = Tracefs::find(mounts).filter(|_| context.is_live()) else {
        return Vec::new();
    };
    let readme = fs::read_to_string(tracefs.path("README"));
    let mut checks: Vec<Check> = OFFERS.iter().map(|offer| offered(offer, &readme)).collect();
    checks.push(types(context));
    checks.extend(left(&tracefs));
    checks
}

fn offered(
    (name, purpose, words, remedy): &(&'static str, &'static str, &str, &str),
    readme: &io::Result<String>,
) -> Check {
    let (state, found) = match readme {
        Ok(text) if text.contains(words) => (State::Ok, String::new()),
        Ok(_) => (State::Missing, String::new()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            (State::Denied, error.to_string())
        }
        Err(error) => (State::Failed, error.to_string()),
    };
    let remedy = match state {
        State::Denied => "sudo slabscope",
        _ => remedy,
    };
    Check::new(name, purpose, state, found).remedy(remedy)
}

/// Without its types the kernel reports a directory's name, and not which one it is.
fn types(context: &Context) -> Check {
    let captured = crate::kernel::source::Files::new(&context.root);
    let there = captured.open("sys/kernel/btf/vmlinux").is_ok();
    let state = if there { State::Ok } else { State::Missing };
    Check::new("BTF", "which directory of a name it is", state, "")
        .remedy("a kernel with CONFIG_DEBUG_INFO_BTF=y")
}

/// Leftovers of killed processes, if there are any.
fn left(tracefs: &Tracefs) -> Option<Check> {
    // Where it may not be read, the lines above say so.
    let left = who::left(tracefs, "/proc".as_ref()).ok()?;
    let pids: Vec<_> = left
        .iter()
        .map(|owner: &Owner| owner.pid().to_string())
        .collect();
    (!pids.is_empty()).then(|| {
        let found = format!("by process {}, which was killed", pids.join(", "));
        Check::new(
            "leftover probes",
            "nothing; it costs time",
            State::Failed,
            found,
        )
        .remedy("slabscope who --duration 0.1")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_the_readme_are_offered() {
        let state = |readme: io::Result<String>| {
            OFFERS.map(|offer| {
                let check = offered(&offer, &readme);
                (check.state, check.remedy.is_some())
            })
        };
        let text = "\t  Format: p[:[<group>/][<event>]] <place> [<args>]\n    Format: hist:keys=<field1[,field2,...]>\n";
        let [fprobe, kprobe, hist] = state(Ok(text.into()));
        assert_eq!(fprobe, (State::Missing, true));
        assert_eq!([kprobe, hist], [(State::Ok, false); 2]);
        let denied = state(Err(io::ErrorKind::PermissionDenied.into()));
        assert_eq!(denied, [(State::Denied, true); 3]);
    }
}
