//! Who fills a cache, by the kernel's own tracing.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::fixture::{Background, ends_with};
use super::reading::{SOON, quit, row_of, select, start};
use super::{Case, Context};
use crate::guest::Guest;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "who::dentries",
        run: dentries,
    },
    Case {
        name: "who::baseline",
        run: baseline,
    },
    Case {
        name: "who::killed",
        run: killed,
    },
    Case {
        name: "who::read_by_another",
        run: read_by_another,
    },
    Case {
        name: "who::errors",
        run: errors,
    },
];

/// Traces of caches whose names the tracepoint kmem_cache_alloc has to report.
pub(super) const OF_ANY_CACHE: &[Case] = &[
    Case {
        name: "who::screen",
        run: screen,
    },
    Case {
        name: "who::kmalloc",
        run: kmalloc,
    },
    Case {
        name: "who::ways",
        run: ways,
    },
];

/// Directories, and the number of absent names made in each, by a process of its own.
const PLANTED: [(&str, u64); 3] = [
    ("/mnt/ext4/one", 1_000),
    ("/mnt/ext4/two/deep", 2_000),
    ("/mnt/ext4/th ree", 3_000),
];

/// A filesystem with the directories, and tracefs.
fn stage(guest: &Guest) -> Result<()> {
    guest.fresh_ext4()?;
    guest.sh("cd /mnt/ext4 && mkdir -p one two/deep 'th ree'")?;
    tracing(guest)
}

/// tracefs is mounted once, as systemd does at boot.
fn tracing(guest: &Guest) -> Result<()> {
    guest
        .sh("[ -e /sys/kernel/tracing/README ] || mount -t tracefs tracefs /sys/kernel/tracing")
        .map(drop)
}

/// The processes, all at once.
fn plant() -> String {
    let lookups = PLANTED.map(|(dir, count)| format!("agent lookups '{dir}' {count} & "));
    format!("{} wait", lookups.concat())
}

/// Drops the names, except those on the way to the directories.
fn cold(guest: &Guest) -> Result<()> {
    guest
        .sh("echo 2 >/proc/sys/vm/drop_caches; cd /mnt/ext4 && stat one two/deep 'th ree'")
        .map(drop)
}

/// All that can be armed: events, instances, what is enabled, triggers.
fn armed(guest: &Guest) -> Result<String> {
    guest.sh(
        "cd /sys/kernel/tracing && cat dynamic_events set_event events/enable && ls instances events && \
         cat events/kmem/*/trigger",
    )
}

/// Runs a trace while a workload runs in the guest, ends it as Ctrl-C does, and returns its report.
fn watched(guest: &Guest, options: &str, workload: &str) -> Result<Value> {
    let report = guest.sh_within(
        &format!(
            "slabscope who --json --duration 300 --limit 1000 {options} >/tmp/who 2>/tmp/said & watch=$!
             until grep -q 'stops it and reports' /tmp/said; do
                 if ! kill -0 $watch; then cat /tmp/said >&2; exit 1; fi
                 sleep 0.05
             done
             ({workload})
             kill -INT $watch; wait $watch; echo $? >/tmp/status; cat /tmp/who"
        ),
        Duration::from_secs(120),
    )?;
    let status = guest.sh("cat /tmp/status")?;
    ensure!(
        status.trim() == "5",
        "ended early, it exits with {status}, and said {}",
        guest.sh("cat /tmp/said")?
    );
    serde_json::from_str(&report).with_context(|| format!("no report: {report}"))
}

/// The rows that `wanted` accepts, each as its figures.
fn rows(report: &Value, wanted: impl Fn(&Value) -> bool) -> Vec<&Value> {
    let rows = report["rows"].as_array().into_iter().flatten();
    rows.filter(|row| wanted(row)).collect()
}

fn dentries(_: &Context<'_>, guest: &Guest) -> Result<()> {
    stage(guest)?;
    let before = armed(guest)?;
    for options in ["", "--path /mnt/ext4"] {
        let report = watched(guest, options, &plant())?;
        for (dir, count) in PLANTED {
            let found = rows(&report, |row| row["path"] == dir);
            ensure!(
                found.len() == 1,
                "{options}: one process looks up in {dir}: {report}"
            );
            let row = found[0];
            ensure!(
                row["process"] == "agent" && row["made"] == count && row["absent"] == count,
                "{options}: {count} names in {dir}: {row}"
            );
        }
        ensure!(report["dropped"] == 0, "{options}: {report}");
        cold(guest)?;
    }
    let below = watched(guest, "--path /mnt/ext4/two", &plant())?;
    let paths: Vec<_> = rows(&below, |_| true)
        .iter()
        .map(|row| row["path"].clone())
        .collect();
    ensure!(paths == ["/mnt/ext4/two/deep"], "{below}");
    ensure!(below["elsewhere"] == 4_000, "{below}");
    ensure!(armed(guest)? == before, "something stays armed");
    guest.sh("umount /mnt/ext4").map(drop)
}

/// The trace is armed when it says so, and its baseline is from then: what is made before, or while
/// it starts, is in none of its figures.
fn baseline(_: &Context<'_>, guest: &Guest) -> Result<()> {
    stage(guest)?;
    let [(before, early), (after, late), (meanwhile, _)] = PLANTED;
    guest.sh(&format!("agent lookups '{before}' {early}"))?;
    let report = watched(guest, "", &format!("agent lookups '{after}' {late}"))?;
    ensure!(
        rows(&report, |row| row["path"] == before).is_empty(),
        "made before: {report}"
    );
    let found = rows(&report, |row| row["path"] == after);
    ensure!(found.len() == 1 && found[0]["made"] == late, "{report}");
    // Names are made all the time, from before its start until after its end.
    let busy = Background::start(
        guest,
        &format!("sh -c 'echo begun; exec agent lookups \"{meanwhile}\" 2000000 busy_'"),
        "begun",
    )?;
    let report = watched(
        guest,
        "",
        "grep -q slabscope_ /sys/kernel/tracing/dynamic_events || pkill -KILL -P $watch; sleep 2",
    );
    busy.end()?;
    let report = report?;
    let figure = |name: &str| report[name].as_i64().with_context(|| report.to_string());
    let (made, growth) = (figure("made")?, figure("growth")?);
    ensure!(
        made > 1_000 && (growth - made).abs() * 10 < made,
        "{made} made while it counted, the cache grew by {growth}: {report}"
    );
    guest.sh("umount /mnt/ext4").map(drop)
}

fn screen(_: &Context<'_>, guest: &Guest) -> Result<()> {
    stage(guest)?;
    let before = armed(guest)?;
    let mut screen = guest.screen("exec slabscope /mnt/ext4", 120, 30)?;
    screen.wait_for("/mnt/ext4", SOON)?;
    screen.send("w")?;
    screen.wait_for("type y to trace", SOON)?;
    ensure!(
        armed(guest)? == before,
        "it is armed before anybody said so"
    );
    screen.send("y")?;
    screen.wait_for("fprobe events on d_splice_alias", SOON)?;
    guest.sh(&plant())?;
    for (dir, count) in PLANTED {
        let count = slabscope::base::text::count(count);
        let row = move |screen: &vt100::Screen| {
            let shown = screen.contents();
            let mut rows = shown.lines();
            rows.any(|row| row.trim_end().ends_with(dir) && row.trim_start().starts_with(&count))
        };
        screen.wait_until("the row of a directory", SOON, row)?;
        let row = row_of(&screen, |row| row.trim_end().ends_with(dir))?;
        ensure!(
            row.contains("100 %") && row.contains("agent (gone)"),
            "{row}"
        );
    }
    // Into the directory of a row.
    select(&mut screen, |row| {
        row.trim_end().ends_with("/mnt/ext4/two/deep")
    })?;
    screen.send("\r")?;
    screen.wait_for(" /mnt/ext4/two/deep ", SOON)?;
    screen.wait_for("WATCHING", SOON)?;
    quit(screen)?;
    ensure!(armed(guest)? == before, "something stays armed");
    // A signal does the same.
    let mut screen = start(guest)?;
    screen.send("w")?;
    screen.wait_for("type y to trace", SOON)?;
    screen.send("y")?;
    screen.wait_for("tracepoints on kmem_cache_alloc", SOON)?;
    ensure!(armed(guest)?.contains("slabscope_"), "it is not armed");
    screen.kill(15)?;
    screen.wait_exit(SOON)?;
    ensure!(armed(guest)? == before, "something stays armed");
    guest.sh("umount /mnt/ext4").map(drop)
}

const WATCH: &str = "slabscope who --duration 300";
const BEGUN: &str = "stops it and reports";

fn killed(_: &Context<'_>, guest: &Guest) -> Result<()> {
    stage(guest)?;
    let before = armed(guest)?;
    Background::start(guest, WATCH, BEGUN)?.end()?;
    ensure!(armed(guest)? != before, "what is killed takes nothing away");
    let doctor = guest.exec("slabscope doctor", Duration::from_secs(60))?;
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    ensure!(doctor.contains("was killed"), "{doctor}");
    let said = ends_with(guest, "slabscope who --duration 0.1", 0)?;
    ensure!(said.contains("was killed during a trace"), "{said}");
    ensure!(
        armed(guest)? == before,
        "the next start does not take away what was left"
    );
    // The screen does so too.
    Background::start(guest, WATCH, BEGUN)?.end()?;
    let mut screen = start(guest)?;
    screen.wait_for("was killed", SOON)?;
    quit(screen)?;
    ensure!(
        armed(guest)? == before,
        "the screen's start does not take away what was left"
    );
    // Of two at once, one is killed: the other still counts, whichever cleans up.
    let other = Background::start(guest, WATCH, BEGUN)?;
    let meanwhile = format!(
        "{}; pkill -KILL -P {}; slabscope who --duration 0.1 --cache dentry >/dev/null 2>&1; agent lookups /mnt/ext4/one 500 x_",
        plant(),
        other.pid()
    );
    let report = watched(guest, "--path /mnt/ext4", &meanwhile)?;
    for (dir, count) in PLANTED {
        let more = if dir.ends_with("/one") { 500 } else { 0 };
        let made: u64 = rows(&report, |row| row["path"] == dir)
            .iter()
            .filter_map(|row| row["made"].as_u64())
            .sum();
        ensure!(made == count + more, "{dir}: {report}");
    }
    ensure!(armed(guest)? == before, "something stays armed");
    guest.sh("umount /mnt/ext4").map(drop)
}

/// Another process has a file of the instance open when it is to be removed: the report is
/// complete, nothing is counted any more, and the next start removes the rest.
fn read_by_another(_: &Context<'_>, guest: &Guest) -> Result<()> {
    stage(guest)?;
    let before = armed(guest)?;
    let script = format!(
        "slabscope who --path /mnt/ext4 --duration 4 --json >/tmp/who.json 2>/tmp/who.err & who=$!
         until grep -q 'stops it and reports' /tmp/who.err; do sleep 0.05; done
         set -- /sys/kernel/tracing/instances/slabscope_*; (sleep 300 <$1/trace_pipe >/dev/null 2>&1 & echo $! >/tmp/reader)
         ({})
         wait $who; echo $?",
        plant()
    );
    let status = guest.sh_within(&script, Duration::from_secs(60))?;
    ensure!(status.trim().ends_with('5'), "it ended with {status}");
    let said = guest.sh("cat /tmp/who.err")?;
    ensure!(said.contains("a process has a file of it open"), "{said}");
    let report: Value = serde_json::from_str(&guest.sh("cat /tmp/who.json")?)?;
    for (dir, count) in PLANTED {
        let made: u64 = rows(&report, |row| row["path"] == dir)
            .iter()
            .filter_map(|row| row["made"].as_u64())
            .sum();
        ensure!(made == count, "{dir}: {report}");
    }
    let triggers =
        "cat /sys/kernel/tracing/instances/slabscope_*/events/*/*/trigger | grep -v '^#'";
    let armed_still = guest.sh(&format!("{triggers}; true"))?;
    ensure!(armed_still.is_empty(), "it counts on: {armed_still}");
    // That does not keep another start from its own work.
    ends_with(guest, "slabscope who --duration 0.1", 0)?;
    guest.sh("kill $(cat /tmp/reader); sleep 0.2")?;
    ends_with(guest, "slabscope who --duration 0.1", 0)?;
    ensure!(armed(guest)? == before, "something stays armed");
    guest.sh("umount /mnt/ext4").map(drop)
}

fn kmalloc(_: &Context<'_>, guest: &Guest) -> Result<()> {
    const POLLS: u64 = 20_000;
    tracing(guest)?;
    // The process exists until it is reported: otherwise it might have the name of the shell that
    // it was at first.
    let polls = format!(
        "agent polls {POLLS} >/tmp/polled 2>&1 </dev/null & echo $! >/tmp/polls
         until grep -q polled /tmp/polled; do sleep 0.05; done"
    );
    let report = watched(guest, "--cache kmalloc-512", &polls)?;
    guest.sh("kill $(cat /tmp/polls)")?;
    let first = &report["rows"][0];
    let (made, bytes) = (first["made"].as_u64(), first["bytes"].as_u64());
    // The start of the program makes a few objects.
    let close = |made: Option<u64>, exact: u64| {
        made.is_some_and(|made| (exact..exact + exact / 100).contains(&made))
    };
    ensure!(
        first["process"] == "agent" && close(made, POLLS) && close(bytes, POLLS * 512),
        "{POLLS} objects of kmalloc-512 by agent: {report}"
    );
    ensure!(
        first["freed"].is_null() && report["not_told"] == "what is freed",
        "{report}"
    );
    Ok(())
}

/// Each way reports what it can.
fn ways(_: &Context<'_>, guest: &Guest) -> Result<()> {
    stage(guest)?;
    let before = armed(guest)?;
    let (dir, count) = PLANTED[0];
    let workload = format!("agent lookups {dir} {count}");
    let probed = watched(guest, "--by kprobe", &workload)?;
    let found = rows(&probed, |row| row["path"] == dir);
    ensure!(
        found.len() == 1 && found[0]["made"] == count && found[0]["absent"] == count,
        "{probed}"
    );
    cold(guest)?;
    let kmem = watched(guest, "--by kmem", &workload)?;
    let made = |row: &Value| row["made"].as_u64().unwrap_or(0);
    let found = rows(&kmem, |row| made(row) >= count);
    ensure!(
        found.len() == 1 && found[0]["path"].is_null() && kmem["not_told"] == "the directories",
        "{kmem}"
    );
    let size = guest.sh("awk '$1 == \"dentry\" { print $4 }' /proc/slabinfo")?;
    let size: u64 = size.trim().parse().context("no size of a dentry")?;
    ensure!(found[0]["bytes"] == made(found[0]) * size, "{kmem}");
    // A name that imitates a line of the kernel's, and one with control characters.
    let hostile = "cd /mnt/ext4 && for d in \"$(printf 'x } hitcount:          9\\n{ common_pid: sh')\" \"$(printf 'e\\033[31m')\"; do
        mkdir \"$d\" && agent lookups \"$d\" 10 || exit 1; done";
    let report = watched(guest, "--path /mnt/ext4", hostile)?;
    for name in ["x } hitcount:          9\n{ common_pid: sh", "e\u{1b}[31m"] {
        let path = format!("/mnt/ext4/{name}");
        let found = rows(&report, |row| {
            row["path"] == path.as_str() && row["directory"] == name && row["made"] == 10
        });
        ensure!(found.len() == 1, "{path:?}: {report}");
    }
    ensure!(armed(guest)? == before, "something stays armed");
    guest.sh("umount /mnt/ext4").map(drop)
}

fn errors(_: &Context<'_>, guest: &Guest) -> Result<()> {
    stage(guest)?;
    let before = armed(guest)?;
    for (command, status, sentence) in [
        (
            "slabscope who --cache no_such_cache",
            2,
            "no slab cache is named no_such_cache",
        ),
        (
            "slabscope who --path /mnt/ext4/nowhere",
            2,
            "/mnt/ext4/nowhere: No such file",
        ),
        ("slabscope who --path /etc/passwd", 2, "not a directory"),
        (
            "slabscope who --path /mnt/ext4 --by kmem",
            3,
            "cannot trace that",
        ),
        ("slabscope who --entries 5", 2, "not between 128 and 131072"),
        ("slabscope --read-only who", 2, "read-only"),
        (
            "HOME=/tmp setpriv --reuid 65534 --regid 65534 --clear-groups slabscope who",
            4,
            "sudo slabscope",
        ),
    ] {
        let said = ends_with(guest, command, status)?;
        ensure!(said.contains(sentence), "{command}: {said}");
    }
    // More directories than there is room for.
    let many =
        "cd /mnt/ext4 && mkdir $(seq 300) && for n in $(seq 300); do test -e $n/absent; done";
    let full = watched(guest, "--path /mnt/ext4 --entries 128", many)?;
    ensure!(
        full["dropped"].as_u64() > Some(0) && full["complete"] == false,
        "{full}"
    );
    ensure!(armed(guest)? == before, "something stays armed");
    guest.sh("umount /sys/kernel/tracing")?;
    let said = ends_with(guest, "slabscope who", 3);
    tracing(guest)?;
    let said = said?;
    ensure!(
        said.contains("mount -t tracefs tracefs /sys/kernel/tracing"),
        "{said}"
    );
    guest.sh("umount /mnt/ext4").map(drop)
}
