//! The classic experiment: a million names looked up in vain below one directory go, a thousand beside it stay.

use anyhow::{Context as _, Result, ensure};

use super::{Case, Context};
use crate::guest::{COMMAND_TIMEOUT, Guest};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::classic",
        run: classic,
    },
    Case {
        name: "ext4::classic_debugfs",
        run: classic_debugfs,
    },
    Case {
        name: "errors::debugfs_keeps_counts_of_a_walk_that_ends_early",
        run: ended_early,
    },
    Case {
        name: "errors::debugfs_keeps_the_last_eight",
        run: last_eight,
    },
    Case {
        name: "errors::debugfs_refuses_paths_that_lead_elsewhere",
        run: paths_that_lead_elsewhere,
    },
    Case {
        name: "errors::log_quotes_names",
        run: log_quotes,
    },
];

const LOOKUPS: u64 = 1_000_000;
const SIBLINGS: u64 = 1_000;
const CONTROL: &str = "/sys/kernel/debug/slabscope/shrink_dcache";

fn classic(_: &Context, guest: &Guest) -> Result<()> {
    experiment(guest, |guest| {
        let prune = "slabscope prune /mnt/ext4/1 --mode negative --json";
        let text = guest.sh(&format!("{prune} --dry-run && {prune} --yes"))?;
        let documents = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<Vec<serde_json::Value>, _>>()
            .context("no JSON")?;
        ensure!(
            documents.len() == 2
                && documents[0]["predicted"] == LOOKUPS
                && documents[1]["freed"] == LOOKUPS
                && documents[1]["status"] == "complete",
            "the command tells {text}"
        );
        Ok(())
    })
}

fn classic_debugfs(_: &Context, guest: &Guest) -> Result<()> {
    experiment(guest, |guest| {
        let told = guest.sh(&format!(
            "echo /mnt/ext4/1 >{CONTROL} && tail -n 1 {CONTROL}"
        ))?;
        // The names, and the two directories above them.
        let wanted = format!(
            "\"/mnt/ext4/1\": found {0}, evicted {0}, in use 0, busy 0",
            LOOKUPS + 2
        );
        ensure!(told.trim_end() == wanted, "the file tells {told}");
        Ok(())
    })
}

fn experiment(guest: &Guest, prune: impl FnOnce(&Guest) -> Result<()>) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh("mkdir -p /mnt/ext4/1/2/3 /mnt/ext4/other")?;
    guest.failed_lookups("/mnt/ext4/1/2/3", LOOKUPS, "sess_")?;
    guest.failed_lookups("/mnt/ext4/other", SIBLINGS, "conf_")?;
    let before = guest.slab("dentry")?;
    prune(guest)?;
    // Memory is freed after an RCU grace period.
    let mut after = guest.slab("dentry")?;
    for _ in 0..20 {
        if after.objects * 20 < before.objects {
            break;
        }
        guest.sh("sleep 0.2")?;
        after = guest.slab("dentry")?;
    }
    ensure!(
        after.objects * 20 < before.objects,
        "the dentry slab fell only from {before:?} to {after:?}"
    );
    let again = format!("agent lookups /mnt/ext4/other {SIBLINGS} conf_");
    // The program itself is in the cache by now, as it was run above.
    let calls = guest.count_calls("ext4_lookup", "agent", &again)?;
    ensure!(
        calls == 0,
        "looking the sibling's names up again called ext4_lookup {calls} times"
    );
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// What was evicted before a signal ended the walk is reported.
fn ended_early(_: &Context, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.failed_lookups("/mnt/ext4", 300_000, "sess_")?;
    let told = guest.sh(&format!(
        "timeout -s INT 0.2 sh -c 'echo /mnt/ext4 >{CONTROL}'; tail -n 1 {CONTROL}"
    ))?;
    ensure!(
        told.contains(" error -4") && !told.contains(" evicted 0,") && told.contains(" evicted "),
        "the file tells {told}"
    );
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// With more walks than that, the oldest are dropped.
fn last_eight(_: &Context, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    let told = guest.sh(&format!(
        "cd /mnt/ext4 && for n in $(seq 10); do mkdir $n && echo /mnt/ext4/$n >{CONTROL}; done; cat {CONTROL}"
    ))?;
    let paths: Vec<&str> = told
        .lines()
        .filter_map(|line| line.split(':').next())
        .collect();
    let wanted: Vec<String> = (3..=10).map(|n| format!("\"/mnt/ext4/{n}\"")).collect();
    ensure!(paths == wanted, "the file tells {told}");
    guest.sh("cd / && umount /mnt/ext4")?;
    guest.unload_module()
}

/// The directory above is not pruned in its place.
/// With a NUL in it, empty, as "$UNSET" is, and relative to where the writer is.
fn paths_that_lead_elsewhere(_: &Context, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.failed_lookups("/mnt/ext4", 100, "sess_")?;
    for path in ["/mnt/ext4\\0/below\\n", "\\n", ".\\n", "."] {
        let said = guest.exec(
            &format!("cd /mnt/ext4 && printf '{path}' | tee {CONTROL} 2>&1 >/dev/null"),
            COMMAND_TIMEOUT,
        )?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        ensure!(said.contains("Invalid argument"), "{path}: tee says {said}");
    }
    let left = guest.sh("slabscope ls --negative --json /mnt/ext4 | wc -l")?;
    ensure!(left.trim() == "100", "{left} names are left of 100");
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// A name ends neither its quotes nor its line, and sends a terminal nothing but ASCII.
fn log_quotes(_: &Context, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    let mark = guest.log().mark();
    guest.sh(
        "dir=$(printf '/mnt/ext4/a\"b\\303\\251\\233c') && mkdir $dir && agent lookups $dir 10 x_ &&
         slabscope prune $dir --mode negative --yes >/dev/null",
    )?;
    // The line arrives over an emulated serial one.
    let mut log = String::new();
    for _ in 0..50 {
        log = guest.log().since(mark);
        if log.contains("pruned negative dentries") && log.ends_with('\n') {
            break;
        }
        guest.sh("sleep 0.1")?;
    }
    ensure!(
        log.contains(r#"below "/a\"b\303\251\233c""#),
        "the log: {log}"
    );
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}
