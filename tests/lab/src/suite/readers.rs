//! The BPF reader: on any kernel the known figures; beside the module the same ones.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::census::expected;
use super::fixture::{Background, Fs};
use super::{Case, Context};
use crate::guest::Guest;

/// Without the module.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::bpf_exact",
        run: |_, guest| exact(guest, Fs::Ext4),
    },
    Case {
        name: "xfs::bpf_exact",
        run: |_, guest| exact(guest, Fs::Xfs),
    },
    Case {
        name: "btrfs::bpf_exact",
        run: |_, guest| exact(guest, Fs::Btrfs),
    },
    Case {
        name: "overlay::bpf_exact",
        run: |_, guest| exact(guest, Fs::Overlay),
    },
    Case {
        name: "tmpfs::bpf_exact",
        run: |_, guest| exact(guest, Fs::Tmpfs),
    },
    Case {
        name: "readers::churn",
        run: churn,
    },
];

/// With it.
pub(super) const WITH_MODULE: &[Case] = &[Case {
    name: "readers::as_the_module",
    run: as_the_module,
}];

fn census(guest: &Guest, via: &str, top: &str) -> Result<Value> {
    let text = guest.sh(&format!(
        "slabscope --via {via} census --json --depth 9 {top}"
    ))?;
    serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
}

/// The counts of the tree that agent/tree.rs makes are exact, twice, and counting changes no bit.
fn exact(guest: &Guest, fs: Fs) -> Result<()> {
    let top = format!("{}/tree", fs.fresh(guest)?);
    let tree = Background::start(guest, &format!("agent tree {top}"), "ready")?;
    let names = |guest: &Guest| guest.sh(&format!("slabscope --via bpf ls {top} | sort"));
    let before = names(guest)?;
    for _ in 0..2 {
        let document = census(guest, "bpf", &top)?;
        ensure!(document["reader"] == "bpf", "not by BPF: {document}");
        ensure!(document["complete"] == true, "in part: {document}");
        let found = &document["below"];
        let of = expected(fs);
        for (name, known) in [
            ("dentries", of.total),
            ("negative", of.negative),
            ("in_use", of.in_use),
            ("prunable", of.prunable),
            ("pinned", of.pinned),
            ("negative_prunable", of.negative_prunable),
            ("directories", of.dirs),
            ("files", of.files),
            ("inodes", of.inodes),
            ("page_cache_bytes", of.pages * 4096),
        ] {
            ensure!(
                found[name] == known,
                "{name}: expected {known}, {}",
                found[name]
            );
        }
        // If the kernel's BTF does not name the bits, both figures are unknown.
        let flags = [&found["on_lru"], &found["mountpoints"]];
        let known = [of.lru, of.mountpoints].map(Value::from);
        ensure!(
            flags.iter().all(|flag| flag.is_null())
                || flags.iter().zip(&known).all(|(a, b)| *a == b),
            "on the LRU and mount points: expected {known:?}, {flags:?}"
        );
        ensure!(found["dirty_inodes"].is_null(), "dirty inodes are known");
    }
    let after = names(guest)?;
    ensure!(before == after, "names before {before}\nand after {after}");
    tree.end()?;
    fs.unmount(guest)
}

/// Every figure of every directory is the module's, except those that BPF reports as unknown.
fn as_the_module(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    for fs in [Fs::Ext4, Fs::Xfs, Fs::Btrfs, Fs::Overlay, Fs::Tmpfs] {
        let top = format!("{}/tree", fs.fresh(guest)?);
        let tree = Background::start(guest, &format!("agent tree {top}"), "ready")?;
        let [module, bpf] = ["module", "bpf"].map(|via| census(guest, via, &top));
        let (mut module, mut bpf) = (module?, bpf?);
        for document in [&mut module, &mut bpf] {
            comparable(document);
        }
        ensure!(module == bpf, "{fs:?}: the module {module}\nBPF {bpf}");
        let [module, bpf] = ["module", "bpf"]
            .map(|via| guest.sh(&format!("slabscope --via {via} ls --json {top} | sort")));
        let (module, bpf) = (module?, bpf?);
        ensure!(
            module == bpf,
            "{fs:?}: the module lists {module}\nBPF {bpf}"
        );
        tree.end()?;
        fs.unmount(guest)?;
    }
    guest.unload_module()
}

/// Removes what differs by nature: the duration, the reader's name, unknown figures.
fn comparable(document: &mut Value) {
    match document {
        Value::Object(fields) => {
            for name in ["took_ns", "reader", "dirty_inodes"] {
                fields.remove(name);
            }
            fields.values_mut().for_each(comparable);
        }
        Value::Array(values) => values.iter_mut().for_each(comparable),
        _ => {}
    }
}

/// No row has a mark that the total lacks.
fn marked(censuses: &str) -> Result<()> {
    let stream = serde_json::Deserializer::from_str(censuses);
    for document in stream.into_iter::<Value>() {
        let document = document.context("no census")?;
        let total = document["changed_meanwhile"].as_bool();
        let total = total.with_context(|| format!("no mark: {document}"))?;
        let rows = document["directories"].as_array();
        for row in rows.with_context(|| format!("no rows: {document}"))? {
            let changed = row["changed_meanwhile"].as_bool();
            let changed = changed.with_context(|| format!("a row without: {row}"))?;
            ensure!(
                total || !changed,
                "a row changed, the total did not: {document}"
            );
        }
    }
    Ok(())
}

/// While names appear, vanish and move, drop_caches runs and directories move, each stable name is
/// listed once, and the kernel has no complaint.
fn churn(context: &Context<'_>, guest: &Guest) -> Result<()> {
    let dir = Fs::Ext4.fresh(guest)?;
    guest.sh(&format!(
        "cd {dir} && mkdir d e && i=0 && while [ $i -lt 500 ]; do >stay$i; i=$((i + 1)); done"
    ))?;
    let storm = format!(
        "cd {dir}; echo ready; while :; do >new; mv new moved; rm moved; ls gone 2>/dev/null; mv d e/d; mv e/d d; \
         echo 2 >/proc/sys/vm/drop_caches; for i in 1 2 3 4 5 6 7 8 9; do >n$i; rm n$i; done; done"
    );
    let storm = Background::start(guest, &format!("sh -c '{storm}'"), "ready")?;
    let hold = format!("sh -c 'echo ready; exec tail -q -f {dir}/stay*'");
    let hold = Background::start(guest, &hold, "ready")?;
    let script = format!(
        "end=$(($(date +%s) + {seconds})); runs=0
         while [ $(date +%s) -lt $end ]; do
             slabscope --via bpf ls {dir} >/tmp/listed || exit 1
             slabscope --via bpf census --json --depth 2 {dir} >>/tmp/censuses || [ $? = 5 ] || exit 1
             grep -o 'stay[0-9]*' /tmp/listed | sort | uniq -c >/tmp/stayed
             [ $(grep -c ' 1 stay' /tmp/stayed) = 500 ] && [ $(wc -l </tmp/stayed) = 500 ] || {{
                 cat /tmp/stayed; exit 1
             }}
             runs=$((runs + 1))
         done
         echo $runs",
        seconds = context.storm.as_secs().min(20),
    );
    let runs = guest.sh(&script)?;
    ensure!(
        runs.trim().parse::<u32>().is_ok_and(|runs| runs > 0),
        "no census was made: {runs}"
    );
    storm.end()?;
    hold.end()?;
    marked(&guest.sh("cat /tmp/censuses; rm /tmp/censuses")?)?;
    guest.sh(&format!("umount {dir}")).map(drop)
}
