//! The classic experiment: a million names looked up in vain below one directory go, a thousand beside it stay.

use anyhow::{Context as _, Result, ensure};

use super::{Case, Context};
use crate::guest::Guest;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::classic",
        run: classic,
    },
    Case {
        name: "ext4::classic_debugfs",
        run: classic_debugfs,
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
    // Memory comes back after an RCU grace period.
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
