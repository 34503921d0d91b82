//! Building blocks of tests: filesystems, failed lookups, and the kernel's figures, read by the
//! guest's own tools.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use super::{Guest, payload::MODULE};
use crate::agent::SCRATCH_DISK;

/// A row of /proc/slabinfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slab {
    /// Objects in use, and those that lie in the allocator's caches.
    pub active_objects: u64,
    /// All objects.
    pub objects: u64,
    /// Bytes of one.
    pub object_size: u64,
    /// Pages of one slab.
    pub pages_per_slab: u64,
    /// All slabs.
    pub slabs: u64,
}

/// /proc/sys/fs/dentry-state
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DentryState {
    /// All dentries.
    pub dentries: i64,
    /// Those on a list of least recently used ones.
    pub unused: i64,
    /// Negative ones among the latter.
    pub negative: i64,
}

impl Guest {
    /// Loads the module.
    pub fn load_module(&self) -> Result<()> {
        self.sh(&format!("test -e /sys/module/slabscope || insmod {MODULE}"))
            .map(drop)
    }

    /// Unloads it.
    pub fn unload_module(&self) -> Result<()> {
        self.sh("rmmod slabscope").map(drop)
    }

    /// Makes a new, empty ext4 on /mnt/ext4.
    pub fn fresh_ext4(&self) -> Result<()> {
        self.sh(&format!(
            "if mountpoint -q /mnt/ext4; then umount /mnt/ext4; fi
             mke2fs -q -F -t ext4 -E nodiscard {SCRATCH_DISK} && mount -o noinit_itable {SCRATCH_DISK} /mnt/ext4"
        ))
        .map(drop)
    }

    /// Looks up absent names: the same ones each time for the same prefix.
    pub fn failed_lookups(&self, dir: &str, count: u64, prefix: &str) -> Result<()> {
        self.sh_within(
            &format!("agent lookups {dir} {count} {prefix}"),
            Duration::from_secs(300),
        )
        .map(drop)
    }

    /// Counts how often processes of a name (its first 15 bytes) enter a kernel function while a command runs.
    pub fn count_calls(&self, function: &str, process: &str, command: &str) -> Result<u64> {
        let tracing = "/sys/kernel/tracing";
        let event = format!("{tracing}/events/slabscope/counted");
        // To record processes' names, tracing would have to patch the scheduler, which emulated
        // processors may be running: QEMU's do not always survive that.
        self.sh(&format!(
            "echo 0 >{tracing}/options/record-cmd && echo 'p:slabscope/counted {function}' >>{tracing}/kprobe_events &&
             echo 'hist:keys=common_pid if comm == \"{process}\"' >{event}/trigger"
        ))?;
        let ran = self.sh_within(command, Duration::from_secs(300));
        let counted = self.sh(&format!(
            "cat {event}/hist && echo '!hist:keys=common_pid if comm == \"{process}\"' >{event}/trigger &&
             echo '-:slabscope/counted' >>{tracing}/kprobe_events"
        ))?;
        ran?;
        Ok(counted.lines().filter_map(hit_count).sum())
    }

    /// Counts how often a kernel function returns a value, in any process, while a command runs.
    pub fn count_returns(&self, function: &str, value: u64, command: &str) -> Result<u64> {
        let tracing = "/sys/kernel/tracing";
        let event = format!("{tracing}/events/slabscope/returned");
        let trigger = format!("hist:keys=value if value == {value}");
        self.sh(&format!(
            "echo 0 >{tracing}/options/record-cmd && echo 'r:slabscope/returned {function} value=$retval:s32' >>{tracing}/kprobe_events &&
             echo '{trigger}' >{event}/trigger"
        ))?;
        let ran = self.sh_within(command, Duration::from_secs(300));
        let counted = self.sh(&format!(
            "cat {event}/hist && echo '!{trigger}' >{event}/trigger &&
             echo '-:slabscope/returned' >>{tracing}/kprobe_events"
        ))?;
        ran?;
        Ok(counted.lines().filter_map(hit_count).sum())
    }

    /// A row of /proc/slabinfo.
    pub fn slab(&self, name: &str) -> Result<Slab> {
        let text = self.sh("cat /proc/slabinfo")?;
        parse_slab(&text, name)
    }

    /// /proc/sys/fs/dentry-state
    pub fn dentry_state(&self) -> Result<DentryState> {
        let text = self.sh("cat /proc/sys/fs/dentry-state")?;
        parse_dentry_state(&text)
    }
}

/// A histogram's line: `{ common_pid:        123 } hitcount:       1000`
fn hit_count(line: &str) -> Option<u64> {
    line.split_once("hitcount:")?
        .1
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

fn parse_slab(text: &str, name: &str) -> Result<Slab> {
    let row = text
        .lines()
        .find(|line| line.split_whitespace().next() == Some(name))
        .ok_or_else(|| anyhow!("/proc/slabinfo has no {name}"))?;
    let numbers: Vec<u64> = row
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    // name, five figures, three tunables, then active slabs, slabs, shared
    ensure!(numbers.len() >= 11, "not understood: {row}");
    Ok(Slab {
        active_objects: numbers[0],
        objects: numbers[1],
        object_size: numbers[2],
        pages_per_slab: numbers[4],
        slabs: numbers[9],
    })
}

fn parse_dentry_state(text: &str) -> Result<DentryState> {
    let numbers: Vec<i64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .with_context(|| format!("not understood: {text}"))?;
    ensure!(numbers.len() >= 5, "not understood: {text}");
    Ok(DentryState {
        dentries: numbers[0],
        unused: numbers[1],
        negative: numbers[4],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slabinfo_row_is_read() {
        let text = "slabinfo - version: 2.1\n# name ...\n\
            dentry             25074  25578    192   21    1 : tunables    0    0    0 : slabdata   1218   1218      0\n";
        let slab = parse_slab(text, "dentry").unwrap();
        assert_eq!(
            (slab.active_objects, slab.objects, slab.object_size),
            (25074, 25578, 192)
        );
        assert_eq!((slab.pages_per_slab, slab.slabs), (1, 1218));
        assert!(parse_slab(text, "inode_cache").is_err());
    }

    #[test]
    fn dentry_state_is_read() {
        let state = parse_dentry_state("25078\t13212\t45\t0\t1832\t0\n").unwrap();
        assert_eq!(
            state,
            DentryState {
                dentries: 25078,
                unused: 13212,
                negative: 1832
            }
        );
    }

    #[test]
    fn histogram_line_is_read() {
        assert_eq!(
            hit_count("{ common_pid:        123 } hitcount:       1000"),
            Some(1000)
        );
        assert_eq!(hit_count("Totals:"), None);
        assert_eq!(hit_count("    Hits: 1000"), None);
    }
}
