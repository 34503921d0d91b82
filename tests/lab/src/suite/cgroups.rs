//! Cgroups as machines have them: removed ones that stay charged, hidden and hostile ones, a controller that is off or
//! belongs to v1.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::fixture::{Background, check_of, ends_with, json};
use super::{Case, Context};
use crate::guest::Guest;
use crate::setup::kernel::has;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "cgroups::shadowed",
        run: shadowed,
    },
    Case {
        name: "cgroups::doctor_remedies",
        run: doctor_remedies,
    },
    Case {
        name: "cgroups::dying",
        run: dying,
    },
    Case {
        name: "cgroups::hostile",
        run: hostile,
    },
];

const TOP: &str = "/sys/fs/cgroup";
const ENABLE: &str = "echo +memory >/sys/fs/cgroup/cgroup.subtree_control";
const DISABLE: &str = "echo -memory >/sys/fs/cgroup/cgroup.subtree_control";

/// The row of a cgroup.
fn row<'a>(document: &'a Value, path: &str) -> Result<&'a Value> {
    let rows = document["cgroups"].as_array().context("no cgroups")?;
    let found = rows.iter().find(|row| row["path"] == path);
    found.with_context(|| format!("no {path} in {document}"))
}

/// A figure of a cgroup.stat; None: this kernel has none.
fn stat(guest: &Guest, cgroup: &str, name: &str) -> Result<Option<u64>> {
    let text = guest.sh(&format!("cat {TOP}{cgroup}/cgroup.stat"))?;
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let found = lines.find(|(key, _)| *key == name);
    let figure = found.map(|(_, value)| value.parse().context("no figure"));
    figure.transpose()
}

const REMOVED: u64 = 10;

/// Opens a socket in each cgroup, which keeps it dying on every kernel, and goes back to where it was.
const HOLD: &str = r#"
sub enter { open(my $f, ">", "$_[0]/cgroup.procs") or die "$!"; syswrite($f, "0") or die "$!"; }
my $top = "/sys/fs/cgroup";
my @held = map { enter("$top/jobs/$_"); socket(my $s, 1, 1, 0) or die "$!"; $s } 1..10;
enter($top); $| = 1; print "held\n"; sleep 1000;
"#;

/// Removed cgroups that stay: for a socket, on older kernels for page cache too, which newer ones
/// move to the parent.
fn dying(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.sh(&format!(
        "{ENABLE} && mkdir {TOP}/jobs && echo +memory >{TOP}/jobs/cgroup.subtree_control && \
         mount -t tmpfs tmpfs /mnt/tmpfs && \
         for n in $(seq {REMOVED}); do
             mkdir {TOP}/jobs/$n &&
             (echo 0 >{TOP}/jobs/$n/cgroup.procs && exec head -c 1M /dev/zero >/mnt/tmpfs/$n) || exit 1
         done"
    ))?;
    dying_as_the_kernel_says(guest, 0)?;
    let holder = Background::start(guest, &format!("perl -e '{HOLD}'"), "held")?;
    guest.sh(&format!(
        "for n in $(seq {REMOVED}); do rmdir {TOP}/jobs/$n || exit 1; done"
    ))?;
    let counted = dying_as_the_kernel_says(guest, REMOVED);
    holder.end()?;
    counted?;
    // Only charged memory keeps them.
    guest.sh("umount /mnt/tmpfs; echo 3 >/proc/sys/vm/drop_caches; sleep 1")?;
    dying_as_the_kernel_says(guest, 0)?;
    guest
        .sh(&format!("rmdir {TOP}/jobs && {DISABLE}"))
        .map(drop)
}

/// Whether the row has at least `least`, and the kernel's own number from before and after.
fn dying_as_the_kernel_says(guest: &Guest, least: u64) -> Result<()> {
    const FIGURES: [(&str, &str); 2] = [
        ("dying_descendants", "nr_dying_descendants"),
        ("dying_memory_controllers", "nr_dying_subsys_memory"),
    ];
    let read = || FIGURES.map(|(_, of)| stat(guest, "/jobs", of));
    let before = read();
    let document = json(guest, "slabscope cgroups --json", 0)?;
    let after = read();
    let jobs = row(&document, "/jobs")?;
    for (((name, _), before), after) in FIGURES.iter().zip(before).zip(after) {
        let (before, after) = (before?, after?);
        let told = jobs[*name].as_u64();
        let said = before.zip(after).map(|(a, b)| a.min(b)..=a.max(b));
        ensure!(
            match (told, &said) {
                (Some(told), Some(said)) => said.contains(&told),
                (told, said) => told.is_none() && said.is_none(),
            },
            "{name}: the kernel says {said:?}: {jobs}"
        );
    }
    let told = jobs["dying_descendants"].as_u64();
    ensure!(told >= Some(least), "not {least} are dying: {jobs}");
    Ok(())
}

/// A cgroup with something mounted over it, one whose name has control characters, short-lived
/// ones: each costs its own row at most.
fn hostile(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.sh(&format!(
        "{ENABLE} && mkdir {TOP}/plain {TOP}/hidden {TOP}/hidden/below /tmp/empty && \
         mkdir \"$(printf '{TOP}/a\\033[2Jb')\" && mount --bind /tmp/empty {TOP}/hidden"
    ))?;
    let storm = Background::start(
        guest,
        &format!(
            "sh -c 'echo begun; while :; do mkdir {TOP}/gone.1 {TOP}/gone.1/2; rmdir {TOP}/gone.1/2 {TOP}/gone.1; done'"
        ),
        "begun",
    )?;
    let looked = look(guest);
    storm.end()?;
    guest.sh(&format!(
        "umount {TOP}/hidden; rmdir {TOP}/hidden/below {TOP}/hidden {TOP}/plain /tmp/empty {TOP}/a*; \
         rmdir {TOP}/gone.1/2 {TOP}/gone.1 2>/dev/null; {DISABLE}"
    ))?;
    looked
}

/// Repeated, since a cgroup has to vanish between being found and being read.
fn look(guest: &Guest) -> Result<()> {
    for _ in 0..20 {
        let document = json(guest, "slabscope cgroups --json", 0)?;
        let plain = row(&document, "/plain")?;
        let odd = row(&document, "/a\u{1b}[2Jb")?;
        for shown in [plain, odd] {
            ensure!(
                shown["memory_controller"] == true && shown["error"].is_null(),
                "{shown}"
            );
        }
        let hidden = row(&document, "/hidden")?;
        ensure!(
            hidden["memory_controller"] == false && hidden["slab_bytes"].is_null(),
            "{hidden}"
        );
        let why = hidden["error"].as_str().unwrap_or_default();
        ensure!(
            why == "/sys/fs/cgroup/hidden: another filesystem is mounted over it",
            "{hidden}"
        );
        let unread = document["cgroups"].as_array().into_iter().flatten();
        let unread = unread.filter(|row| !row["error"].is_null()).count();
        ensure!(unread == 1, "{document}");
    }
    let said = ends_with(guest, "slabscope cgroups", 0)?;
    ensure!(
        said.contains("/sys/fs/cgroup/hidden: ") && !said.contains('\u{1b}'),
        "{said}"
    );
    ensure!(said.contains(r"/a\u{1b}[2Jb"), "{said}");
    Ok(())
}

/// A second mount of the hierarchy that cannot be reached, as something is mounted over its parent.
fn shadowed(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.sh(&format!(
        "mkdir -p /tmp/over/cg && mount -t cgroup2 none /tmp/over/cg && mount -t tmpfs none /tmp/over && \
         {ENABLE}"
    ))?;
    let document = json(guest, "slabscope cgroups --json", 0)?;
    row(&document, "/")?;
    let check = check_of(guest, "cgroup v2")?;
    ensure!(check["state"] == "ok", "{check}");
    guest
        .sh(&format!(
            "{DISABLE}; umount /tmp/over && umount /tmp/over/cg && rm -r /tmp/over"
        ))
        .map(drop)
}

const V1: &str = "/tmp/v1";

/// The controller is off, then v1 has it: doctor's remedy fixes it, and the command prints the same
/// one.
fn doctor_remedies(context: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.sh(DISABLE)?;
    mended(guest, "missing", "on for no cgroup")?;
    let said = guest.sh(&format!(
        "{DISABLE}; mkdir {TOP}/one; slabscope cgroups 2>&1"
    ))?;
    ensure!(said.contains(ENABLE), "{said}");
    guest.sh(&format!("rmdir {TOP}/one; mkdir -p {V1}"))?;
    let mount = guest.exec(
        &format!("mount -t cgroup -o memory none {V1}"),
        std::time::Duration::from_secs(10),
    )?;
    let offered = ["MEMCG_V1", "MEMCG_KMEM"]
        .iter()
        .map(|option| has(&context.lab.cache, &context.lab.kernel, option))
        .collect::<Result<Vec<bool>>>()?
        .contains(&true);
    ensure!(
        offered == (mount.status == 0),
        "built with v1: {offered}, the mount ended with {}",
        mount.status
    );
    if offered {
        guest.sh(&format!("mkdir {V1}/job"))?;
        let busy = check_of(guest, "cgroup v2")?;
        let remedy = busy["remedy"].as_str().unwrap_or_default();
        ensure!(remedy.contains("boot with"), "cgroups of v1: {busy}");
        guest.sh(&format!("rmdir {V1}/job; sleep 0.5"))?;
        let idle = mended(guest, "missing", "belongs to cgroup v1")?;
        ensure!(idle == format!("umount {V1}"), "{idle}");
    }
    guest
        .sh(&format!("umount {V1} 2>/dev/null; rmdir {V1}"))
        .map(drop)
}

/// Applies doctor's remedies for cgroups until none is left, and returns the first.
fn mended(guest: &Guest, state: &str, found: &str) -> Result<String> {
    let mut row = check_of(guest, "cgroup v2")?;
    ensure!(
        row["state"] == state
            && row["found"]
                .as_str()
                .is_some_and(|text| text.contains(found)),
        "{state}, {found}: {row}"
    );
    let mut first = None;
    while row["state"] != "ok" {
        let remedy = row["remedy"]
            .as_str()
            .with_context(|| format!("no remedy: {row}"))?;
        // Another one each time, or it did not help.
        ensure!(first.as_deref() != Some(remedy), "it did not help: {row}");
        guest.sh(&format!("{remedy} && sleep 0.5"))?;
        first.get_or_insert(remedy.to_owned());
        row = check_of(guest, "cgroup v2")?;
    }
    first.context("nothing was to be mended")
}
