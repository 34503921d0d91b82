//! The page size of the kernel that wrote a slabinfo: the file counts pages, not bytes.

use super::Cache;

/// Page sizes that kernels have: 4 KiB to 256 KiB.
const SIZES: [u64; 7] = [
    1 << 12,
    1 << 13,
    1 << 14,
    1 << 15,
    1 << 16,
    1 << 17,
    1 << 18,
];

/// The most that the kernel keeps in a slab beside objects: the old SLAB's list of free ones
/// (mm/slab.c: `cache_estimate()`, Linux 4.5), 4 bytes an object and a head.
const BESIDE: [u64; 2] = [4, 256];

/// Bytes in a page. A slab is filled with as many objects as fit into its pages (mm/slub.c:
/// `order_objects()`, Linux 7.3), so few sizes fit each cache; the size that fits the most caches
/// wins. `slab` in bytes, of meminfo, decides between two, and has to confirm it. None: the figures
/// do not show it.
pub fn page_size(caches: &[Cache], slab: Option<u64>) -> Option<u64> {
    let mut votes = [0_usize; SIZES.len()];
    let mut pages = 0_u64;
    for cache in caches {
        pages = pages.saturating_add(cache.slabs.saturating_mul(cache.pages_per_slab));
        for (votes, size) in votes.iter_mut().zip(SIZES) {
            *votes += usize::from(fills(cache, size));
        }
    }
    let most = *votes.iter().max()?;
    let winners = SIZES.into_iter().zip(votes);
    let mut winners: Vec<_> = winners
        .filter(|&(_, votes)| votes == most && most > 0)
        .map(|(size, _)| size)
        .collect();
    if let Some(slab) = slab {
        // The counters of both files lag a little.
        let room = if winners.len() > 1 {
            slab.saturating_add(slab / 16)
        } else {
            slab.saturating_mul(2)
        };
        winners.retain(|&size| pages.saturating_mul(size) <= room);
    }
    match winners[..] {
        [size] => Some(size),
        _ => None,
    }
}

/// Whether a slab of pages of this size has room for its objects, and for no more of them.
fn fills(cache: &Cache, page_size: u64) -> bool {
    let [each, head] = BESIDE;
    let slab = cache.pages_per_slab.saturating_mul(page_size);
    let (objects, size) = (cache.objects_per_slab, cache.object_size);
    let one_more = objects
        .saturating_add(1)
        .saturating_mul(size.saturating_add(each));
    slab > 0 && objects.saturating_mul(size) <= slab && slab < one_more.saturating_add(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache([object_size, objects_per_slab, pages_per_slab, slabs]: [u64; 4]) -> Cache {
        Cache {
            object_size,
            objects_per_slab,
            pages_per_slab,
            slabs,
            ..Cache::default()
        }
    }

    #[test]
    fn page_size_follows_from_how_slabs_are_filled() {
        for (size, caches) in [
            (4096, &[[192, 21, 1, 9], [1136, 28, 8, 9]][..]),
            // Apple's M1, Raspberry Pi 5.
            (
                16 << 10,
                &[[192, 85, 1, 9], [704, 23, 1, 9], [4096, 8, 2, 9]],
            ),
            // ppc64le, arm64 of RHEL 8.
            (64 << 10, &[[256, 256, 1, 9], [65536, 8, 8, 9]]),
            // The old SLAB keeps its list within the slab.
            (
                4096,
                &[[224, 17, 1, 9], [96, 40, 1, 0], [4_194_304, 1, 1024, 1]],
            ),
        ] {
            let caches: Vec<_> = caches.iter().copied().map(cache).collect();
            assert_eq!(page_size(&caches, None), Some(size));
        }
    }

    #[test]
    fn one_false_line_does_not_decide() {
        let caches = [
            [192, 21, 1, 9],
            [1136, 28, 8, 9],
            [65536, 1, 1, 9],
            [0, 0, 0, 0],
        ];
        assert_eq!(page_size(&caches.map(cache), None), Some(4096));
        let max = u64::MAX;
        assert_eq!(page_size(&[cache([max, max, max, max])], None), None);
    }

    #[test]
    fn meminfo_decides_between_two_sizes_else_it_is_unknown() {
        // One object in a slab of a page, and there is no other cache.
        let huge = [cache([8192, 1, 2, 1_000])];
        assert_eq!(page_size(&huge, None), None);
        assert_eq!(page_size(&huge, Some(8_192_000)), Some(4096));
        assert_eq!(page_size(&huge, Some(81_920_000)), None, "both fit");
        assert_eq!(page_size(&[], Some(1)), None);
        // 64 KiB, if meminfo did not have a hundredth of that.
        let dentry = [cache([256, 256, 1, 1_000])];
        assert_eq!(page_size(&dentry, Some(655_360)), None);
    }
}
