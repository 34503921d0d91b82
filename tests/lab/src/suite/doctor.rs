//! Doctor's missing features, and whether its remedies fix them.

use anyhow::{Context as _, Result, ensure};

use super::fixture::{Background, check_of};
use super::{Case, Context};
use crate::guest::Guest;

pub(super) const CASES: &[Case] = &[Case {
    name: "doctor::remedies",
    run: remedies,
}];

/// Rows, and commands that remove their subjects.
const BROKEN: [(&str, &str); 4] = [
    (
        "cgroup v2",
        "echo -memory >/sys/fs/cgroup/cgroup.subtree_control",
    ),
    ("cgroup v2", "umount /sys/fs/cgroup"),
    ("tracefs", "umount /sys/kernel/tracing"),
    ("debugfs", "umount -R /sys/kernel/debug"),
];

/// Each remedy that is a command is run unchanged, by root: then its row works, or names the next.
fn remedies(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.sh("echo +memory >/sys/fs/cgroup/cgroup.subtree_control")?;
    for (name, breaks) in BROKEN {
        guest.sh(breaks)?;
        mend(guest, name).with_context(|| format!("after `{breaks}`"))?;
    }
    let watch = "slabscope who --duration 300";
    Background::start(guest, watch, "stops it and reports")?.end()?;
    mend(guest, "leftover probes")
}

fn mend(guest: &Guest, name: &str) -> Result<()> {
    let mut last = None;
    loop {
        let row = check_of(guest, name)?;
        // A removed leftover has no row any more.
        if row["state"] == "ok" || (row.is_null() && last.is_some()) {
            return match last {
                Some(_) => Ok(()),
                None => anyhow::bail!("nothing is missing: {row}"),
            };
        }
        let remedy = row["remedy"]
            .as_str()
            .with_context(|| format!("no remedy for {name}: {row}"))?;
        ensure!(last.as_deref() != Some(remedy), "it did not help: {row}");
        // The guest's commands run as root already.
        guest
            .sh(remedy.trim_start_matches("sudo "))
            .with_context(|| format!("the remedy for {name}: {row}"))?;
        last = Some(remedy.to_owned());
    }
}
