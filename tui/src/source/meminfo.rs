//! /proc/meminfo.

use procfs::{FromRead, Meminfo};

use super::Malformed;

/// Memory and the slabs' part of it, in bytes (mm/show_mem.c and fs/proc/meminfo.c, Linux 7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// MemTotal.
    pub total: u64,
    /// MemAvailable; kernels before 3.14 have none.
    pub available: Option<u64>,
    /// Slab: pages of all slab caches, `sreclaimable + sunreclaim`.
    pub slab: u64,
    /// SReclaimable: pages of the caches that a shrinker can empty.
    pub sreclaimable: u64,
    /// SUnreclaim: pages of the others.
    pub sunreclaim: u64,
}

/// The crate procfs reads the text; the figures used are picked here.
pub fn parse(text: &str) -> Result<Memory, Malformed> {
    let info =
        Meminfo::from_read(text.as_bytes()).map_err(|error| Malformed::new(1, text_of(&error)))?;
    let needed = |value: Option<u64>, name: &str| {
        value.ok_or_else(|| Malformed::new(1, format!("{name} is missing")))
    };
    Ok(Memory {
        total: info.mem_total,
        available: info.mem_available,
        slab: info.slab,
        sreclaimable: needed(info.s_reclaimable, "SReclaimable")?,
        sunreclaim: needed(info.s_unreclaim, "SUnreclaim")?,
    })
}

/// What procfs says holds the text that it did not understand.
fn text_of(error: &procfs::ProcError) -> String {
    crate::text::printable(error.to_string())
}
