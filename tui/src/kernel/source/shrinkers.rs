//! /sys/kernel/debug/shrinker: what each shrinker could free, where the kernel has it (Linux 6.0,
//! CONFIG_SHRINKER_DEBUG).

use super::lines::{Parsed, lines};
use super::{Malformed, excerpt, number};

/// Objects that a shrinker could free of one memory cgroup on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Number of the cgroup's directory; 0: all of the machine's.
    pub cgroup: u64,
    /// Number of the node.
    pub node: u64,
    /// Objects: of a superblock, dentries and inodes on its LRU lists together, in the proportion of
    /// vm.vfs_cache_pressure (fs/super.c: `super_cache_count()`, Linux 7.3).
    pub objects: u64,
}

/// `count`: a line for each cgroup, and in it a figure for each node (mm/shrinker_debug.c:
/// `shrinker_debugfs_count_show()`, Linux 7.3). What has none is left out; a figure that is not
/// understood costs itself, one of a cgroup its line.
pub fn parse(text: &[u8]) -> Parsed<Vec<Share>> {
    let mut parsed = Parsed::<Vec<Share>>::default();
    for (at, line) in lines(text) {
        let mut fields = line.split(|&byte| byte == b' ').map(|field| {
            let field = String::from_utf8_lossy(field);
            let malformed = || Malformed::new(at, format!("no count: {}", excerpt(&field)));
            number(&field).ok_or_else(malformed)
        });
        let cgroup = match fields.next() {
            Some(Ok(cgroup)) => cgroup,
            other => {
                let missing = Malformed::new(at, "no cgroup");
                let why = other.and_then(Result::err).unwrap_or(missing);
                parsed.skipped.add(why);
                continue;
            }
        };
        let mut nodes = fields.zip(0..).peekable();
        if nodes.peek().is_none() {
            parsed.skipped.add(Malformed::new(at, "no node"));
        }
        for (objects, node) in nodes {
            match objects {
                Ok(0) => {}
                Ok(objects) => parsed.value.push(Share {
                    cgroup,
                    node,
                    objects,
                }),
                Err(malformed) => parsed.skipped.add(malformed),
            }
        }
    }
    parsed
}

/// The name of a superblock's shrinker: `sb-ext4:vda1`, `sb-tmpfs`. Only the type distinguishes
/// filesystems without a device (fs/super.c: `alloc_super()`, `setup_bdev_super()`, Linux 7.3).
pub fn name(fs: &str, device: Option<&str>) -> String {
    match device {
        Some(device) => format!("sb-{fs}:{device}"),
        None => format!("sb-{fs}"),
    }
}

/// The shrinker's name in that of its directory, which ends in a number: `sb-ext4:vda1-42`.
pub fn name_of(directory: &str) -> Option<&str> {
    let (name, number) = directory.rsplit_once('-')?;
    let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    numbered.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_per_cgroup_and_node() {
        let share = |cgroup, node, objects| Share {
            cgroup,
            node,
            objects,
        };
        // As Documentation/admin-guide/mm/shrinker_debugfs.rst shows it.
        let text = b"1 224 2\n21 98 0\n55 818 10\n2367 2 0\n2401 30 0\n";
        let shares = parse(text).value;
        assert_eq!(
            shares[..3],
            [share(1, 0, 224), share(1, 1, 2), share(21, 0, 98)]
        );
        assert_eq!(shares.len(), 7);
        assert_eq!(parse(b""), Parsed::default());
    }

    #[test]
    fn malformed_figure_costs_itself() {
        let share = |node, objects| Share {
            cgroup: 1,
            node,
            objects,
        };
        for (text, known, what) in [
            ("1\n", vec![], "line 1: no node"),
            ("1 2\nx 4\n", vec![share(0, 2)], "line 2: no count: x"),
            (
                "1 5 -2 7\n",
                vec![share(0, 5), share(2, 7)],
                "line 1: no count: -2",
            ),
            ("x 2\n1 3\n", vec![share(0, 3)], "line 1: no count: x"),
        ] {
            let parsed = parse(text.as_bytes());
            assert_eq!(parsed.value, known, "{text}");
            assert_eq!(parsed.skipped.lines, 1, "{text}");
            assert_eq!(parsed.skipped.first.unwrap().to_string(), what);
        }
    }

    #[test]
    fn superblocks_directory_is_found_by_type_and_device() {
        for (directory, fs, device) in [
            ("sb-ext4:vda1-42", "ext4", Some("vda1")),
            ("sb-tmpfs-12", "tmpfs", None),
            ("sb-xfs:dm-0-7", "xfs", Some("dm-0")),
        ] {
            assert_eq!(name_of(directory), Some(&*name(fs, device)));
        }
        for other in [
            "sb-ext4:vda1",
            "sb-ext4:vda1-",
            "sb-ext4:vda11-42",
            "sb-ext4-42",
            "mm-zspool:zram0-4",
        ] {
            assert_ne!(name_of(other), Some("sb-ext4:vda1"), "{other}");
        }
    }
}
