//! The teaching lab: every experiment unattended, and a guided user.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::reading::SOON;
use super::{Case, Context};
use crate::guest::Guest;
use crate::guest::screen::Screen;
use crate::learn::{self, EXPERIMENTS, host};

macro_rules! experiment {
    ($number:literal, $name:literal) => {
        Case {
            name: concat!("learn::", $name),
            run: |context, guest| experiment(context, guest, $number),
        }
    };
}

pub(super) const CASES: &[Case] = &[
    experiment!(1, "negative"),
    experiment!(2, "tmpfs"),
    experiment!(3, "temporary"),
    experiment!(4, "drop_caches"),
    experiment!(5, "own_cache"),
    experiment!(7, "leak"),
    experiment!(8, "partial"),
    experiment!(9, "rebound"),
    Case {
        name: "learn::guided",
        run: guided,
    },
    Case {
        name: "learn::interrupted",
        run: interrupted,
    },
];

/// The only one that needs neither BTF nor exact sizes: it runs on the kernel of the lab's own,
/// too.
pub(super) const ON_ANY: &[Case] = &[experiment!(6, "shrinker")];

/// Every bound holds, and each check fails when its step is left out.
fn experiment(context: &Context<'_>, guest: &Guest, number: usize) -> Result<()> {
    let experiment = learn::find(number).context("no such experiment")?;
    if experiment.own_boot {
        // The kernel's complaints are the subject there, and no complaint about the test.
        let apart = Guest::boot(context.lab)?;
        apart.load_module()?;
        return host::verify(&host::run(&apart, context.lab, experiment)?);
    }
    guest.load_module()?;
    let record = host::run(guest, context.lab, experiment)?;
    host::verify(&record)?;
    ensure!(record.parts.len() == experiment.parts.len(), "{record:?}");
    nothing_is_left(guest)?;
    guest.unload_module()
}

/// All that experiments make is removed.
fn nothing_is_left(guest: &Guest) -> Result<()> {
    guest
        .sh(
            "! mountpoint -q /mnt/ext4 && ! mountpoint -q /mnt/tmpfs && ! test -e /sys/module/slabscope_demo &&
             ! test -d /sys/fs/cgroup/learn && test $(sysctl -n fs.dentry-negative) = 0 &&
             ! pgrep -f '^agent hold' && ! grep -q learn /sys/kernel/tracing/kprobe_events",
        )
        .context("an experiment leaves something behind")
        .map(drop)
}

/// A user at 80x24 who only follows the screen.
fn guided(context: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    host::give_sources(guest, &context.lab.cache, &context.lab.kernel)?;
    let mut screen = guest.screen("exec agent learn --count 2000", 80, 24)?;
    screen.wait_for("1 to 9 begins an experiment", SOON)?;
    for experiment in EXPERIMENTS {
        screen.wait_for(experiment.title, SOON)?;
    }
    screen.send("2")?;
    screen.wait_for("Enter begins", SOON)?;
    screen.send("\r")?;
    screen.wait_for("2.1 ", SOON)?;
    screen.wait_for("# agent calls simple_lookup", SOON)?;
    screen.wait_for("w: while slabscope shows it", SOON)?;
    screen.send("w")?;
    screen.wait_for("Enter opens it", SOON)?;
    screen.send("\r")?;
    screen.wait_for("/mnt/tmpfs", SOON)?;
    screen.wait_for(" below: ", SOON)?;
    screen.send("q")?;
    the_result_is_shown(&mut screen)?;
    screen.send("\r")?;
    for step in ["2.2 ", "2.3 "] {
        screen.wait_for(step, SOON)?;
        screen.wait_for("Enter runs the commands", SOON)?;
        screen.send("\r")?;
        screen.wait_for("Enter shows what came of it", SOON)?;
        screen.send("\r")?;
        the_result_is_shown(&mut screen)?;
        screen.send("\r")?;
    }
    screen.wait_for("Try next", SOON)?;
    // Input before the question does not count.
    screen.wait_for("is removed", SOON)?;
    screen.wait_for("Enter goes on", SOON)?;
    screen.send("\r")?;
    screen.wait_for("1 to 9 begins an experiment", SOON)?;
    screen.send("7")?;
    let status = screen.wait_exit(SOON)?;
    ensure!(status == 107, "a boot of its own is asked for by {status}");
    nothing_is_left(guest)?;
    guest.unload_module()
}

fn the_result_is_shown(screen: &mut Screen<'_>) -> Result<()> {
    screen.wait_for("what came of it", SOON)?;
    screen.wait_for("Enter goes on", SOON)?;
    let contents = screen.contents();
    ensure!(
        contents.contains("as expected") && !contents.contains("NOT AS EXPECTED"),
        "{}",
        screen.error("not what was expected")
    );
    Ok(())
}

/// Ctrl-C in a command that would go on for hours, Ctrl-C at a question with a sysctl set and the module loaded, and a
/// hangup: each time nothing is left.
fn interrupted(context: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    host::give_sources(guest, &context.lab.cache, &context.lab.kernel)?;
    let mut screen = guest.screen("exec agent learn 1 --count 1000000000", 80, 24)?;
    begin(&mut screen)?;
    screen.send("\r")?;
    screen.wait_for("# agent lookups", SOON)?;
    let dentries = guest.dentry_state()?.negative;
    wait_for_growth(guest, dentries)?;
    screen.send("\u{3}")?;
    was_interrupted(screen, guest)?;

    let mut screen = guest.screen("exec agent learn 3 --count 10000", 80, 24)?;
    begin(&mut screen)?;
    for step in ["3.1 ", "3.2 ", "3.3 "] {
        screen.wait_for(step, SOON)?;
        screen.wait_for("Enter runs the commands", SOON)?;
        screen.send("\r")?;
        screen.wait_for("Enter shows what came of it", SOON)?;
        screen.send("\r")?;
        the_result_is_shown(&mut screen)?;
        if step != "3.3 " {
            screen.send("\r")?;
        }
    }
    ensure!(
        guest.sh("sysctl -n fs.dentry-negative")?.trim() == "1",
        "the sysctl is not set"
    );
    screen.send("\u{3}")?;
    was_interrupted(screen, guest)?;

    let mut screen = guest.screen("exec agent learn 5 --count 1000", 80, 24)?;
    begin(&mut screen)?;
    screen.send("\r")?;
    screen.wait_for("Enter shows what came of it", SOON)?;
    guest.sh("test -e /sys/module/slabscope_demo")?;
    screen.kill(1)?;
    was_interrupted(screen, guest)?;
    guest.unload_module()
}

/// Up to the first step's question.
fn begin(screen: &mut Screen<'_>) -> Result<()> {
    screen.wait_for("Enter begins", SOON)?;
    screen.send("\r")?;
    screen.wait_for("Enter runs the commands", SOON)
}

fn was_interrupted(mut screen: Screen<'_>, guest: &Guest) -> Result<()> {
    let status = screen.wait_exit(Duration::from_secs(60))?;
    ensure!(
        status == 130,
        "{}",
        screen.error(&format!("it ended with {status}"))
    );
    drop(screen);
    nothing_is_left(guest)
}

/// Waits until the command is under way.
fn wait_for_growth(guest: &Guest, before: i64) -> Result<()> {
    let script = format!(
        "for i in $(seq 600); do test $(cut -f5 /proc/sys/fs/dentry-state) -gt $(({before} + 1000)) && exit; sleep 0.1; done; exit 1"
    );
    guest.sh(&script).map(drop)
}
