//! Temporary files.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::lookups;

/// Makes files and removes each before the next is made: of random names, or all of the same.
pub fn run(dir: &Path, count: u64, same: bool) -> Result<()> {
    // Different names in each run.
    let seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_micros());
    let prefix = format!("tmp{:x}_", seed & 0xffff_ffff);
    let started = Instant::now();
    for index in 0..count {
        let path = dir.join(lookups::name(&prefix, if same { 0 } else { index }));
        File::create_new(&path).with_context(|| format!("cannot make {}", path.display()))?;
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "files {count} made and removed, {:.0} a second",
        count as f64 / seconds
    );
    Ok(())
}
