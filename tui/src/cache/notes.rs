//! What slab caches are for, what makes them grow, and whether anything can be done about it
//! (Linux 7.x; names that older kernels used stand beside today's).

mod block;
mod files;
mod filesystems;
mod kernel;
mod lessons;
mod memory;
mod network;
mod tasks;

pub use lessons::{LESSONS, Lesson, lesson};

/// What is known of a cache, or of a family of caches.
#[derive(Debug)]
pub struct About {
    /// Its name; `*` at the beginning or the end stands for anything.
    pub name: &'static str,
    /// What an object of it is.
    pub what: &'static str,
    /// What makes it grow.
    pub grows: &'static str,
    /// Whether and how it is pruned.
    pub prune: &'static str,
}

const fn about_(
    name: &'static str,
    what: &'static str,
    grows: &'static str,
    prune: &'static str,
) -> About {
    About {
        name,
        what,
        grows,
        prune,
    }
}

/// Answer for a cache of inodes.
const INODE: &str = "Yes, after its dentries: prune them in the tree (2). Unused inodes go to an LRU, from which memory pressure and drop_caches (2) take them.";
/// Answer for a cache whose objects live as long as something else.
const OWNED: &str = "No: each lives as long as what it belongs to. K only frees empty slabs.";
/// Answer for a cache of short-lived objects.
const BRIEF: &str =
    "Nothing to prune: they come and go by themselves. After a peak K frees the empty slabs.";
/// Answer for a cache whose objects go with an inode.
const WITH_INODE: &str =
    "Only with its inode: prune dentries in the tree (2), memory pressure then takes the inodes.";
/// Answer for a cache whose objects end only when something is closed.
const CLOSE: &str =
    "No: only closing it, or the end of the process, frees it. K frees empty slabs.";

/// All families, the more special ones anywhere: see [`about`].
fn all() -> impl Iterator<Item = &'static About> {
    let tables = [
        files::TABLE,
        filesystems::TABLE,
        memory::TABLE,
        tasks::TABLE,
        network::TABLE,
        block::TABLE,
        kernel::TABLE,
    ];
    tables.into_iter().flatten()
}

/// What is known of the cache of this name: of all families that it belongs to the one of which
/// most of the name is given.
pub fn about(name: &str) -> Option<&'static About> {
    // Kernels before 5.9 had caches of memory cgroups, with the cgroup in parentheses.
    let name = name.split('(').next().unwrap_or(name);
    let fits = |about: &&About| match about.name {
        exact if exact == name => true,
        family => match (family.strip_suffix('*'), family.strip_prefix('*')) {
            (Some(begin), _) => name.starts_with(begin),
            (_, Some(end)) => name.ends_with(end),
            _ => false,
        },
    };
    all()
        .filter(fits)
        .max_by_key(|about| (about.name == name, about.name.len()))
}

/// Before Linux 5.9 each memory cgroup had its own copy of each cache that it charged (commit
/// 9855609bde03), dead cgroups too.
pub fn per_cgroup(name: &str) -> Option<&'static str> {
    const COPIES: &str = "Before Linux 5.9 each memory cgroup has a copy of each cache that it uses; a removed cgroup keeps its copies for as long as one object is left. Count them: nr_dying_descendants in cgroup.stat (v2), num_cgroups in /proc/cgroups (v1). To avoid it: boot with cgroup.memory=nokmem, or Linux 5.9.";
    const CHARGED: &str = "Before Linux 5.9 each memory cgroup has a copy of this cache, removed ones too: partly used slabs of each add up to its idle bytes (see kmem_cache).";
    match name.split('(').next() {
        Some("kmem_cache" | "kmem_cache_node") => Some(COPIES),
        Some("dentry" | "filp" | "cred_jar" | "pid" | "vm_area_struct" | "radix_tree_node") => {
            Some(CHARGED)
        }
        Some(name) if name.contains("inode") || name.starts_with("kmalloc-") => Some(CHARGED),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_cgroups_are_explained() {
        for name in ["kmem_cache", "kmem_cache_node"] {
            let text = per_cgroup(name).unwrap();
            assert!(text.contains("nr_dying_descendants"), "{name}");
            assert!(text.contains("cgroup.memory=nokmem"), "{name}");
        }
        for name in [
            "dentry",
            "dentry(12:web.service)",
            "ext4_inode_cache",
            "kmalloc-64",
        ] {
            assert!(per_cgroup(name).is_some(), "{name}");
        }
        assert_eq!(per_cgroup("TCP"), None);
    }

    #[test]
    fn notes_are_many_and_unique() {
        let names: Vec<_> = all().map(|about| about.name).collect();
        assert!(names.len() >= 100, "{}", names.len());
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name} twice");
        }
    }

    #[test]
    fn every_cache_of_the_fixtures_has_a_note() {
        let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
        let mut caches = Vec::new();
        for kernel in std::fs::read_dir(fixtures).unwrap().flatten() {
            let text = std::fs::read(kernel.path().join("proc/slabinfo")).unwrap_or_default();
            let parsed = crate::kernel::source::slabinfo::parse(&text);
            caches.extend(parsed.map(|parsed| parsed.value).unwrap_or_default());
        }
        assert!(caches.len() > 300, "{}", caches.len());
        let without = caches.iter().map(|cache| &cache.name);
        let without: Vec<_> = without.filter(|name| about(name).is_none()).collect();
        assert!(without.is_empty(), "write a note for each: {without:?}");
    }

    /// Together they are to be seen at 80x24 without scrolling: 11 lines of 71 columns.
    #[test]
    fn every_text_fits_80x24() {
        for about in all() {
            let texts = [about.what, about.grows, about.prune];
            let lines: usize = texts.iter().map(|text| text.len().div_ceil(64)).sum();
            assert!(lines <= 10, "{}: {lines} lines", about.name);
            for text in texts {
                assert!(
                    text.is_ascii(),
                    "{}: a serial console shows it, too",
                    about.name
                );
                assert!(
                    (10..=200).contains(&text.len()),
                    "{}: {} characters, 10 to 200 fit: {text}",
                    about.name,
                    text.len()
                );
                assert!(text.ends_with('.'), "{}: {text}", about.name);
            }
        }
    }

    #[test]
    fn most_special_family_counts() {
        let name = |cache| about(cache).map(|about| about.name);
        assert_eq!(name("dentry"), Some("dentry"));
        assert_eq!(name("dentry(12:web.service)"), Some("dentry"));
        assert_eq!(name("kmalloc-512"), Some("kmalloc-*"));
        assert_eq!(name("kmalloc-rcl-96"), Some("kmalloc-rcl-*"));
        assert_eq!(name("kmalloc-rnd-07-64"), Some("kmalloc-rnd-*"));
        assert_eq!(name("shmem_inode_cache"), Some("shmem_inode_cache"));
        assert_eq!(name("squashfs_inode_cache"), Some("*_inode_cache"));
        assert_eq!(name("ext4_inode_cache"), Some("ext4_inode_cache"));
        assert_eq!(name("ext4_io_end"), Some("ext4_*"));
        assert_eq!(name("UNIX-STREAM"), Some("UNIX*"));
        assert_eq!(name("my_driver_thing"), None);
    }

    const COMMON: &str = "
        dentry ext4_inode_cache xfs_inode btrfs_inode inode_cache nfs_inode_cache
        shmem_inode_cache proc_inode_cache sock_inode_cache buffer_head radix_tree_node filp
        kmalloc-64 kmalloc-cg-1k dma-kmalloc-8 kernfs_node_cache ebitmap_node avtab_node
        vm_area_struct anon_vma anon_vma_chain task_struct mm_struct signal_cache sighand_cache
        files_cache fs_cache cred cred_jar pid skbuff_head_cache skbuff_small_head
        skbuff_fclone_cache TCP TCPv6 UDP UNIX request_sock_TCP tw_sock_TCP nf_conntrack
        ip_dst_cache fib6_node inotify_inode_mark fsnotify_mark_connector eventpoll_epi
        eventpoll_pwq bio-120 biovec-max blkdev_ioc request_queue jbd2_journal_head
        extent_status fuse_inode ovl_inode maple_node page->ptl numa_policy shared_policy_node
        key_jar lsm_inode_cache lsm_file_cache iint_cache audit_buffer user_namespace nsproxy
        mnt_cache names_cache seq_file sigqueue posix_timers_cache pde_opener proc_dir_entry
        bdev_cache dax_cache taskstats trace_event_file ftrace_event_field Acpi-State
        dmaengine-unmap-2 scsi_sense_cache sgpool-8 zspage zs_handle hugetlbfs_inode_cache
        mqueue_inode_cache rpc_tasks task_group";

    #[test]
    fn caches_that_fill_machines_are_known() {
        assert!(COMMON.split_whitespace().count() >= 80);
        for cache in COMMON.split_whitespace() {
            assert!(about(cache).is_some(), "{cache}");
        }
    }
}
