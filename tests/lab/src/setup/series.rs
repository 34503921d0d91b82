//! The series of kernels that the tests run on.

use anyhow::{Context, Result, anyhow, bail};

use super::Steps;
use super::archive::{self, Gone};
use super::cache::Cache;
use super::host;
use super::suite::{OLDER, OLDEST_WITH_RUST, PLAIN};

/// The series with the module that the tests want: it has one source for both.
pub const TESTED: [&str; 2] = ["7.3", "7.2"];

/// The series that may have left the archive: its suite is supported no longer.
const LEAVING: &str = "5.10";

/// All series to test: the newest, the other one with the module in Rust, the newest once more with the
/// module as it is elsewhere, and the older ones.
pub fn tested() -> Result<Vec<String>> {
    let newest = resolve()?;
    let plain = newest.first().map(|newest| format!("{newest}{PLAIN}"));
    Ok(newest.into_iter().chain(plain).chain(older()?).collect())
}

/// Likewise, whatever the archive holds: for a list.
pub fn wanted() -> Vec<String> {
    let older = OLDER.iter().map(|(series, _)| (*series).to_owned());
    let plain = format!("{}{PLAIN}", TESTED[0]);
    let newest = TESTED.map(str::to_owned).into_iter();
    newest.chain([plain]).chain(older).collect()
}

/// The older series.
fn older() -> Result<Vec<String>> {
    let cache = Cache::open()?;
    let mut found = Vec::new();
    for (series, _) in OLDER {
        match have(&cache, series) {
            Ok(()) => found.push(series.to_owned()),
            Err(error) if series == LEAVING && error.downcast_ref::<Gone>().is_some() => {
                eprintln!("not tested on {series}: {error:#}");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Chooses a kernel of a series, if none was chosen before.
fn have(cache: &Cache, series: &str) -> Result<()> {
    if archive::complete(cache, series).is_some() {
        return Ok(());
    }
    host::require_root("making the lab")?;
    let _lock = cache.lock()?;
    let mut steps = Steps::new(cache, 5, false);
    steps.base()?;
    archive::choose(cache, series, &steps.log()?)
        .map(drop)
        .context("cannot choose a kernel")
}

/// The series to test. A series that has left the archive is replaced by the newest that fits;
/// there must be two.
pub fn resolve() -> Result<Vec<String>> {
    let cache = Cache::open()?;
    if TESTED
        .iter()
        .all(|series| archive::complete(&cache, series).is_some())
    {
        return Ok(TESTED.map(str::to_owned).to_vec());
    }
    choose(&TESTED, |series| have(&cache, series))
}

/// Chooses the wanted number of series; `have` fails with [`Gone`] if the archive has none.
fn choose(wanted: &[&str], have: impl Fn(&str) -> Result<()>) -> Result<Vec<String>> {
    let mut chosen = Vec::new();
    let mut gone = Vec::new();
    for series in wanted {
        match have(series) {
            Ok(()) => chosen.push((*series).to_owned()),
            Err(error) => match error.downcast_ref::<Gone>() {
                Some(found) => gone.push((*series, found.held.clone())),
                None => return Err(error),
            },
        }
    }
    for (series, held) in gone {
        let found = held
            .iter()
            .find(|other| !chosen.contains(other) && have(other).is_ok());
        let Some(found) = found else {
            bail!(
                "{}; `--kernel SERIES` tests on one",
                too_few(series, &chosen)
            );
        };
        eprintln!(
            "the archive no longer holds a kernel of the series {series}: testing on {found} in its place"
        );
        chosen.push(found.clone());
    }
    Ok(chosen)
}

fn too_few(series: &str, chosen: &[String]) -> anyhow::Error {
    let only = match chosen {
        [] => "none".to_owned(),
        some => some.join(", "),
    };
    anyhow!(
        "the tests want two different series of kernels from {OLDEST_WITH_RUST} on; {series} has left the archive, and \
         without it there is {only}"
    )
}

#[cfg(test)]
mod tests {
    use super::super::suite::Suite;
    use super::*;

    fn resolved(held: &[&str]) -> Result<Vec<String>> {
        choose(&["7.3", "7.2"], |series| {
            if held.contains(&series) {
                return Ok(());
            }
            let held = held.iter().map(|name| (*name).to_owned()).collect();
            Err(
                anyhow::Error::from(Gone::new(series, Suite::of(series).unwrap(), held))
                    .context("cannot choose"),
            )
        })
    }

    #[test]
    fn missing_series_is_replaced_by_the_newest_other_one() {
        assert_eq!(resolved(&["7.3", "7.2"]).unwrap(), ["7.3", "7.2"]);
        assert_eq!(resolved(&["7.5", "7.4", "7.3"]).unwrap(), ["7.3", "7.5"]);
        assert_eq!(resolved(&["7.5", "7.4"]).unwrap(), ["7.5", "7.4"]);
    }

    #[test]
    fn one_kernel_is_too_few() {
        for held in [&["7.3"][..], &["7.4"], &[]] {
            let error = resolved(held).unwrap_err().to_string();
            assert!(error.contains("two different series"), "{error}");
        }
    }
}
